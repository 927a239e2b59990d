package sdk

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/internal/guest"
)

// Plugin is a plugin under construction, with config type C. Its methods
// register handlers and return it, so that a declaration is one expression.
type Plugin[C any] struct{ p *plugin }

// Option says something of a plugin beside its handlers.
type Option func(*plugin)

// New declares the plugin of this program, into a package variable, since main
// does not run in the sandbox:
//
//	var _ = sdk.New[Config]("welcome", "1.0.0").OnJoin(greet)
//
// Name is [a-z][a-z0-9-]{0,31}, version a semantic version. What is wrong with
// a declaration is reported when the plugin is described, not here.
//
// C is a struct, the plugin's config. Its exported fields are settings, named in
// snake case (DeleteAfter is delete_after): strings, booleans, numbers,
// durations ("90s", "24h", "7d"), structs, slices, and maps from string. Tags
// say the rest:
//
//	default  the value if none is set, as text; a list's parts are separated by commas
//	help     one line for managers; the text "config.NAME" of the catalogue says it in other languages
//	min max  bounds of a number or a duration, or of the length of a text or list
//	enum     the only values there are, separated by commas
func New[C any](name, version string, options ...Option) *Plugin[C] {
	p := &plugin{
		manifest: abi.Manifest{ABI: abi.Version, Name: name, Version: version},
		config:   configOf[C](),
		enter:    enter[C],
	}
	for _, o := range options {
		o(p)
	}
	guest.Declare(p)
	return &Plugin[C]{p: p}
}

// Texts gives the plugin its catalogue: messages/en.json and the other
// locales' files beside it, each a flat object from key to text. See [Base.T].
func Texts(files fs.FS) Option {
	return func(p *plugin) { p.files = files }
}

// About says in one line what the plugin is for; without it the text "about" of
// the catalogue does.
func About(en, zhCN string) Option {
	return func(p *plugin) { p.manifest.About = both(en, zhCN) }
}

// Middleware makes the plugin run before the others, which see what it
// annotates ([Invocation.Annotate]).
func Middleware(reason string) Option {
	return func(p *plugin) {
		p.manifest.Middleware = true
		p.need(abi.CapAnnotate, "", reason)
	}
}

// CanSend asks for leave to post in channels.
func CanSend(reason string) Option { return need(abi.CapSend, "", reason) }

// CanDM asks for leave to send direct messages.
func CanDM(reason string) Option { return need(abi.CapDM, "", reason) }

// CanReact asks for leave to put reactions to messages.
func CanReact(reason string) Option { return need(abi.CapReact, "", reason) }

// CanTimers asks for leave to set timers and have schedules.
func CanTimers(reason string) Option { return need(abi.CapTimers, "", reason) }

// CanState asks for more than the one MiB of state that every plugin has.
func CanState(mebibytes int, reason string) Option {
	return need(abi.CapState, fmt.Sprint(mebibytes), reason)
}

// CanMembers asks for leave to change members' profiles and to read and write
// rows of members other than the event's.
func CanMembers(reason string) Option { return need(abi.CapMembers, "", reason) }

// CanHTTP asks for leave to send requests to one host, such as "api.github.com".
func CanHTTP(host, reason string) Option { return need(abi.CapHTTP, host, reason) }

// CanVerify asks for leave to have Go code compiled and run.
func CanVerify(reason string) Option { return need(abi.CapVerify, "", reason) }

// Emits names a plugin.event that the plugin sends, and asks for leave to.
func Emits(name, reason string) Option {
	return func(p *plugin) {
		p.manifest.Emits = append(p.manifest.Emits, name)
		p.need(abi.CapEmit, name, reason)
	}
}

// Example names an event that the plugin must be able to handle, with no rows
// and with any config that its schema allows: a version that fails it never
// comes to run. There are at most abi.MaxExamples.
func Example(name string, e abi.Event) Option {
	return func(p *plugin) { p.manifest.Examples = append(p.manifest.Examples, abi.Example{Name: name, Event: e}) }
}

func need(capability, param, reason string) Option {
	return func(p *plugin) { p.need(capability, param, reason) }
}

// plugin is what Plugin[C] has no type parameter for.
type plugin struct {
	manifest abi.Manifest
	files    fs.FS // messages
	config   configType
	routes   []route
	queries  []view
	warm     func(*Base) error
	steps    []migrationStep
	enter    func(*plugin) *Invocation
	faults   []error // of the declaration

	// What warm makes; part of the image.
	ready     bool
	community Community
	commands  []abi.CommandDef
	texts     *catalogue
	conf      any // *C
}

func (p *plugin) Name() string { return p.manifest.Name }

func (p *plugin) need(capability, param, reason string) {
	p.manifest.Needs = append(p.manifest.Needs, abi.Need{Cap: capability, Param: param, Reason: reason})
}

func (p *plugin) fault(format string, args ...any) {
	p.faults = append(p.faults, fmt.Errorf(format, args...))
}

// Warm prepares all that does not depend on the event: config, texts, and what
// the plugin's own Warm builds.
func (p *plugin) Warm(s *abi.Setup, host guest.Host) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New(failure(r))
		}
	}()
	p.ready = false
	if p.texts, err = loadTexts(p.files); err != nil {
		return err
	}
	p.texts.override(s.Texts)
	p.texts.community = s.Locale
	p.community = Community{Name: s.Name, Locale: s.Locale, TimeZone: s.TimeZone}
	p.commands = s.Commands
	if p.conf, err = p.config.decode(s.Config); err != nil {
		return err
	}
	if p.warm != nil {
		rows := &warmRows{rows: s.Rows, host: host}
		if err := p.warm(&Base{p: p, host: rows, locale: s.Locale}); err != nil {
			return fmt.Errorf("warm: %w", err)
		}
	}
	p.ready = true
	return nil
}

// prepared warms a plugin that the host has not: with defaults.
func (p *plugin) prepared(host guest.Host) error {
	if p.ready {
		return nil
	}
	return p.Warm(&abi.Setup{Locale: "en"}, host)
}

func both(en, zhCN string) abi.Localized {
	return abi.Localized{{Locale: "en", Text: en}, {Locale: "zh-CN", Text: zhCN}}
}
