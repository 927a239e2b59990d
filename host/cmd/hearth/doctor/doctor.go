// Package doctor looks at what a hearth needs before it runs, or why it does
// not: config, data directory, address, plugins, tokens, platforms, clock and
// toolchain. It changes nothing, and says of everything it finds wrong what to
// do about it. It must not know how that is printed.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Level says how a finding is meant.
type Level string

// The levels of findings.
const (
	OK   Level = "ok"
	Note Level = "note" // nothing is wrong, and something could be better
	Fail Level = "fail" // hearth, or a part of it, does not work so
)

// Finding is one thing that was looked at.
type Finding struct {
	Level  Level  `json:"level"`
	About  string `json:"about"`            // config, data, address, plugins, token, slack, clock, toolchain
	Text   string `json:"text"`             // what is so
	Advice string `json:"advice,omitempty"` // what to do
}

// Options say what to look at.
type Options struct {
	ConfigFile string // as --config has it
	Data       string // as --data has it; "" for the config's
	Plugins    fs.FS  // that would run
	Token      string // the environment's admin token; "" if it has none
	Built      time.Time
	Env        config.Env
	Now        func() time.Time // nil is time.Now
}

// Examine looks at everything, for at most a minute.
func Examine(ctx context.Context, o Options) []Finding {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if o.Now == nil {
		o.Now = time.Now
	}
	e := &exam{o: o}
	if c := e.config(); c != nil {
		e.c = c
		e.data(ctx)
		e.address(ctx)
		e.plugins(ctx)
		e.token()
		e.slack(ctx)
	}
	e.clock(ctx)
	e.toolchain(ctx)
	return e.found
}

// exam is one examination.
type exam struct {
	o     Options
	c     *config.Config
	found []Finding
	inUse bool // a hearth has the data open

	enabled []abi.Manifest // plugins, if they could be looked at
}

func (e *exam) ok(about, format string, args ...any) {
	e.found = append(e.found, Finding{OK, about, fmt.Sprintf(format, args...), ""})
}

func (e *exam) note(about, advice, format string, args ...any) {
	e.found = append(e.found, Finding{Note, about, fmt.Sprintf(format, args...), advice})
}

func (e *exam) fail(about, advice, format string, args ...any) {
	e.found = append(e.found, Finding{Fail, about, fmt.Sprintf(format, args...), advice})
}

func (e *exam) config() *config.Config {
	c, err := config.Load(e.o.ConfigFile, e.o.Env)
	switch {
	case errors.Is(err, config.ErrConfig):
		e.fail("config", "correct the lines; hearth.example.toml explains every key", "%v", err)
		return nil
	case err != nil:
		e.fail("config", "say with --config where it is, or start without one", "%v", err)
		return nil
	}
	if e.o.Data != "" {
		c.Server.Data = e.o.Data
	}
	if c.File == "" {
		e.ok("config", "there is no %s, and none is needed: the web chat on %s", config.DefaultFile, c.Server.Listen)
		return c
	}
	e.ok("config", "%s is well", c.File)
	if info, err := os.Stat(c.File); err == nil && len(c.PlainSecrets()) > 0 && readable(info) {
		e.note("config", "chmod 600 "+c.File+", or name an environment variable there: \"${NAME}\"",
			"others can read %s in %s (mode %v)", strings.Join(c.PlainSecrets(), ", "), c.File, info.Mode().Perm())
	}
	return c
}

func (e *exam) plugins(ctx context.Context) {
	names, err := app.ListPlugins(e.o.Plugins)
	if err != nil {
		e.fail("plugins", "build hearth anew: make build", "the plugins cannot be listed: %v", err)
		return
	}
	if len(names) == 0 {
		e.fail("plugins", "run make build; a plain `go build` makes a hearth without any", "no plugins are built")
		return
	}
	cache := filepath.Join(e.c.Server.Data, app.CacheDir)
	if info, err := os.Stat(cache); err != nil || writableByOthers(info) {
		cache = "" // it takes longer
	}
	manifests, err := app.Manifests(ctx, e.o.Plugins, e.c, cache)
	if ctx.Err() != nil { // it is not the plugins' fault
		e.note("plugins", "start hearth once, which keeps what it compiles, and look again", "they were not looked at: compiling them took too long, or was ended")
		return
	}
	if err != nil {
		e.fail("plugins", "correct the config, or build the plugin anew: make build", "%v", err)
		return
	}
	e.enabled = manifests
	commands := 0
	for i := range manifests {
		commands += len(manifests[i].Commands)
	}
	off := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return e.c.Plugin(n).Enabled })
	text := strings.Join(names, ", ")
	if len(off) > 0 {
		text += " (switched off: " + strings.Join(off, ", ") + ")"
	}
	e.ok("plugins", "%s; %d commands", text, commands)
}

func (e *exam) token() {
	if t := e.o.Token; t != "" {
		if len(t) < app.MinToken {
			e.fail("token", "set a longer one, such as `openssl rand -hex 32` makes", "%s has %d bytes, at least %d are safe", app.TokenVariable, len(t), app.MinToken)
			return
		}
		e.ok("token", "%s sets the admin token", app.TokenVariable)
		return
	}
	path := app.TokenPath(e.c.Server.Data)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.ok("token", "the admin token is made at the first start")
	case err != nil:
		e.fail("token", "run this as the user that runs hearth", "%v", err)
	case readable(info):
		e.fail("token", "hearth admin token reset", "others can read the admin token in %s (mode %v)", path, info.Mode().Perm())
	default:
		e.ok("token", "the admin token is in %s", path)
	}
}
