package abi

//msgp:limit arrays:4096 maps:256

// Manifest says what a plugin is, wants and offers. It is code: describe
// returns it, so that it cannot drift from what the plugin does.
type Manifest struct {
	ABI          int          `msg:"abi"`
	Name         string       `msg:"name"`                           // [a-z][a-z0-9-]{0,31}
	Version      string       `msg:"version"`                        // semantic version
	StateVersion int          `msg:"state,omitempty"`                // raised when old rows cannot be read any more; 0 is 1, see State
	Migrates     []Step       `msg:"migrates,omitempty"`             // the ways that migrate knows to this state version and from it
	About        Localized    `msg:"about,omitempty"`                // one line
	Middleware   bool         `msg:"mw,omitempty"`                   // runs before the others and annotates
	Events       []Kind       `msg:"events,omitempty"`               // the kinds it wants to see
	Keywords     []string     `msg:"kw,omitempty"`                   // message.posted only if one of these stands in the text, or the bot is addressed
	Addressed    bool         `msg:"addr,omitempty"`                 // message.posted only if the bot is addressed, or a keyword stands in the text
	Commands     []CommandDef `msg:"cmds,omitempty"`                 //
	Schedules    []Schedule   `msg:"sched,omitempty"`                //
	Schema       []byte       `msg:"schema,omitempty,limit=262144"`  // JSON Schema (2020-12) of the config
	Defaults     []byte       `msg:"default,omitempty,limit=262144"` // the config if nobody sets one, JSON
	Texts        []TextDef    `msg:"texts,omitempty"`                //
	Needs        []Need       `msg:"needs,omitempty"`                //
	Warm         []string     `msg:"warm,omitempty"`                 // prefixes of community rows handed to warm
	Emits        []string     `msg:"emits,omitempty"`                // names of the plugin.events it sends
	Listens      []string     `msg:"listens,omitempty"`              // names of the plugin.events it wants, "plugin/name"
	Examples     []Example    `msg:"examples,omitempty"`             // events that it must be able to handle, at most MaxExamples
}

// Example is an event that a version handles before it is taken in, without any
// rows and with the config that holds then. What it returns is thrown away; that
// it fails is an error.
type Example struct {
	Name  string `msg:"n"` // what it shows, one line
	Event Event  `msg:"e"`
}

// Localized is a text by locale; "en" is always there, the fallback of all.
type Localized []Translation

// Translation is one locale's wording.
type Translation struct {
	Locale string `msg:"l"`
	Text   string `msg:"t"`
}

// In returns the wording for locale: that locale's, else its language's, else
// English.
func (l Localized) In(locale string) string {
	var lang, en string
	for _, t := range l {
		switch {
		case t.Locale == locale:
			return t.Text
		case SameLanguage(t.Locale, locale):
			lang = t.Text
		}
		if t.Locale == "en" {
			en = t.Text
		}
	}
	if lang != "" {
		return lang
	}
	return en
}

// CommandDef is a command a plugin answers.
type CommandDef struct {
	Name   string    `msg:"n"`           // [a-z][a-z0-9-]{0,31}
	Args   Localized `msg:"a,omitempty"` // what may stand behind it: "[topic]"
	Help   Localized `msg:"h"`           // one line
	Plugin string    `msg:"p,omitempty"` // set by the host in Setup.Commands
	Hidden bool      `msg:"hd,omitempty"`
}

// Schedule is a timer that comes back.
type Schedule struct {
	Name string `msg:"n"`
	Cron string `msg:"c"`            // five fields, in the community's time zone; see OnClocks
	Once bool   `msg:"o,omitempty"`  // after downtime fire once for all that was missed (else once for each, at most 24)
	Skip bool   `msg:"sk,omitempty"` // after downtime fire for none of it
}

// TextDef is a text that managers may change.
type TextDef struct {
	Key    string    `msg:"k"`
	Params []string  `msg:"p,omitempty"` // placeholder names, in the order of the arguments
	Text   Localized `msg:"t"`
	Help   string    `msg:"h,omitempty"` // where it is used, for managers
}

// Names of capabilities. A plugin can do only what it needs and an admin granted.
const (
	CapSend     = "send"     // messages in channels
	CapDM       = "dm"       // direct messages
	CapReact    = "react"    // reactions
	CapTimers   = "timers"   // timers and schedules
	CapState    = "state"    // state beyond 1 MiB; Param is the quota in MiB
	CapMembers  = "members"  // Profile, and other members' rows
	CapHTTP     = "http"     // Param is a host name
	CapVerify   = "verify"   // compile and run Go
	CapAnnotate = "annotate" // be middleware
	CapEmit     = "emit"     // send plugin events
)

// Need is a capability a plugin asks for, and why.
type Need struct {
	Cap    string `msg:"c"`
	Param  string `msg:"p,omitempty"`
	Reason string `msg:"r"`
}

// Reason is why the plugin asks for a capability, by locale: its text
// "can.CAP.PARAM" or "can.CAP", if it has one, else what the need itself says.
func (m *Manifest) Reason(n Need) Localized {
	for _, key := range [...]string{"can." + n.Cap + "." + n.Param, "can." + n.Cap} {
		for _, t := range m.Texts {
			if t.Key == key {
				return t.Text
			}
		}
	}
	return Localized{{Locale: "en", Text: n.Reason}}
}

// Setup is the input of warm: everything that the image is made of beside the
// code. When any of it changes the image is taken again.
type Setup struct {
	Config   []byte       `msg:"config,omitempty,limit=1048576"` // JSON, valid by the manifest's schema, defaults filled in
	Locale   string       `msg:"locale"`                         // the community's
	TimeZone string       `msg:"tz"`                             // the community's, IANA
	Name     string       `msg:"name,omitempty"`                 // the community's
	Texts    []TextDef    `msg:"texts,omitempty"`                // what managers changed: key and wordings
	Commands []CommandDef `msg:"cmds,omitempty"`                 // of every enabled plugin
	Rows     []Pair       `msg:"rows,omitempty,limit=65536"`     // under Manifest.Warm
}

// Query asks for a view.
type Query struct {
	Path   string       `msg:"path"`
	Params []Annotation `msg:"params,omitempty"`
	Locale string       `msg:"locale,omitempty"`
	Role   string       `msg:"role,omitempty"` // of the viewer: "", "viewer", "manager", "admin"
	Now    int64        `msg:"now"`
}

// View answers a query. Status is an HTTP status, 0 meaning 200.
type View struct {
	Status int    `msg:"status,omitempty"`
	Type   string `msg:"type"` // application/json or text/markdown
	Body   []byte `msg:"body,limit=1048576"`
}
