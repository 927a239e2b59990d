package host

//go:generate go tool msgp -unexported -io=false -tests=false -file rows.go -o rows_gen.go

//msgp:limit arrays:65536 maps:256

import (
	"github.com/hearthbot/hearth/sdk/abi"
)

// workRow is one event waiting for one plugin.
type workRow struct {
	Event    abi.Event `msg:"e"`
	Seq      uint64    `msg:"n"`            // the event's number: the same for every plugin
	Lane     string    `msg:"l"`            // as first queued; a parked row lies in a lane of its own
	Middle   []string  `msg:"mw,omitempty"` // middleware still to come after this plugin
	Then     []string  `msg:"th,omitempty"` // plugins that get the event after the middleware
	Asked    bool      `msg:"as,omitempty"` // a member's own act, addressed to the bot, is behind it
	Rounds   int       `msg:"ro,omitempty"` // Continues so far
	Answers  uint64    `msg:"an,omitempty"` // number of the message event this may answer; what follows from it inherits it
	Attempts int       `msg:"a,omitempty"`
	First    int64     `msg:"f,omitempty"` // first failure, Unix milliseconds
	Retry    int64     `msg:"r,omitempty"` // not before, Unix milliseconds
	Error    string    `msg:"err,omitempty"`
	Version  string    `msg:"v,omitempty"` // sha256 of the plugin at whose hands the last attempt failed
}

// outRow is one message, or change of one, waiting for its platform.
type outRow struct {
	ID        string           `msg:"id"` // the delivery's, the same in every attempt
	Plugin    string           `msg:"p"`
	Event     uint64           `msg:"e"` // number of the event that caused it
	Op        string           `msg:"op"`
	To        abi.Target       `msg:"to"`
	Content   abi.Content      `msg:"c,omitempty"`
	Reaction  string           `msg:"re,omitempty"`
	Message   string           `msg:"m,omitempty"`  // OpReact: the platform's message id
	Ref       string           `msg:"rf,omitempty"` // row of the message's key: OpSend writes it, OpEdit and OpDelete read it
	Made      int64            `msg:"t"`            // Unix milliseconds
	Expires   int64            `msg:"x,omitempty"`  // not sent after, Unix milliseconds
	NotBefore int64            `msg:"nb,omitempty"` // not sent before, Unix milliseconds
	Vanish    int64            `msg:"v,omitempty"`  // milliseconds after delivery at which it is deleted
	Asked     bool             `msg:"as,omitempty"` // a member's own act asked for it: stop, quiet hours and cap do not hold it
	Mention   bool             `msg:"mn,omitempty"` // a direct message that became a public one
	Trial     string           `msg:"tr,omitempty"` // the rollout under which it was sent, and by which arm
	Seer      string           `msg:"se,omitempty"` // the member who sees what Shown says
	Shown     []abi.Annotation `msg:"sh,omitempty"` // experiments and variations
	Attempts  []attempt        `msg:"at,omitempty"`
	Parts     []string         `msg:"pt,omitempty"` // of a split message, those that arrived

	// Of, In and Messages say which message a deletion is about, by its delivery
	// and by the platform's ids, where its key may lead to another by now.
	Of       uint64   `msg:"of,omitempty"`
	In       string   `msg:"in,omitempty"`
	Messages []string `msg:"ms,omitempty"`
}

// attempt is one try at a delivery. It is written before the platform is
// called, so one that was never ended is known to be of unknown outcome.
type attempt struct {
	Began int64  `msg:"b"`
	Ended int64  `msg:"e,omitempty"`
	Error string `msg:"err,omitempty"`

	// Unknown says that the platform may have carried it out all the same: the
	// process died or the answer was lost. Duplicate says that it was sent again
	// after that without a way to ask.
	Unknown   bool `msg:"u,omitempty"`
	Duplicate bool `msg:"d,omitempty"`

	// Looks is how often the platform was asked in vain whether it arrived, and
	// Absent says that the answer was no.
	Looks  int  `msg:"lk,omitempty"`
	Absent bool `msg:"ab,omitempty"`
}

// sentRow is what became of an outRow: the end of an event's way, and evidence.
type sentRow struct {
	Out          outRow   `msg:"o"`
	Status       string   `msg:"s"`
	Why          string   `msg:"w,omitempty"`
	At           int64    `msg:"t"`
	Conversation string   `msg:"c,omitempty"`
	Messages     []string `msg:"m,omitempty"`
}

// refRow says where the message lies that a plugin knows by a key.
type refRow struct {
	Lane         string   `msg:"l"`
	Out          uint64   `msg:"o"` // the delivery that sends it
	Conversation string   `msg:"c,omitempty"`
	Messages     []string `msg:"m,omitempty"` // none until its receipt
	Used         int64    `msg:"u,omitempty"` // last sent, edited or deleted, Unix milliseconds
}

// tokenRow is what the buttons and the form of one message stand for.
type tokenRow struct {
	Plugin  string       `msg:"p"`
	Key     string       `msg:"k,omitempty"`
	Made    int64        `msg:"t"`
	Buttons []abi.Button `msg:"b,omitempty"`
	Forms   []abi.Form   `msg:"f,omitempty"`
}

// timerRow is an event to come.
type timerRow struct {
	Plugin       string           `msg:"p"`
	Name         string           `msg:"n"`
	Key          string           `msg:"k,omitempty"`
	Due          int64            `msg:"d"`
	Note         []byte           `msg:"nt,omitempty"`
	Conversation abi.Conversation `msg:"c,omitempty"`
	Member       string           `msg:"m,omitempty"`
	Cause        string           `msg:"ca,omitempty"`
	Depth        int              `msg:"dp,omitempty"`
	Cron         string           `msg:"cr,omitempty"` // of a schedule
	Ref          string           `msg:"rf,omitempty"` // its timerRef row
	Answers      uint64           `msg:"an,omitempty"` // as in workRow

	// No plugin's timer but the deletion of a message: of delivery Out, with the
	// platform's ids of it. The ref row Vanish goes too if it is still that
	// message's.
	Vanish   string   `msg:"va,omitempty"`
	Lane     string   `msg:"vl,omitempty"`
	In       string   `msg:"vi,omitempty"`
	Out      uint64   `msg:"vo,omitempty"`
	Messages []string `msg:"vm,omitempty"`
}

// actionRow is a slow thing a plugin asked for.
type actionRow struct {
	Plugin       string           `msg:"p"`
	Event        uint64           `msg:"e"`
	Action       abi.Action       `msg:"a"`
	Conversation abi.Conversation `msg:"c,omitempty"`
	Member       string           `msg:"m,omitempty"`
	Cause        string           `msg:"ca,omitempty"`
	Depth        int              `msg:"dp,omitempty"`
	Asked        bool             `msg:"as,omitempty"`
	Made         int64            `msg:"t"`
	Attempts     int              `msg:"at,omitempty"`
	Answers      uint64           `msg:"an,omitempty"` // as in workRow
	Ref          string           `msg:"rf,omitempty"` // its actionref row, if it has a key
}

// journalRow is the evidence of one invocation: enough to run it again.
type journalRow struct {
	Call     abi.Call    `msg:"c"`            // event, clock, seed
	Version  string      `msg:"v"`            // sha256 of the plugin
	Config   string      `msg:"cf,omitempty"` // sha256 of config and texts
	Grants   []abi.Need  `msg:"g,omitempty"`
	Reads    []readRow   `msg:"r,omitempty"`
	NoReplay bool        `msg:"nr,omitempty"` // read more than is kept
	Effects  abi.Effects `msg:"ef,omitempty"`
	Fuel     int64       `msg:"fu"`
	Nanos    int64       `msg:"ns"`
	Attempt  int         `msg:"at"`
	Error    string      `msg:"err,omitempty"`
	Withheld []string    `msg:"w,omitempty"` // what the host left out, and why
	Log      []string    `msg:"lg,omitempty"`
}

// readRow is one answer a plugin got from the store.
type readRow struct {
	Scan *abi.Scan  `msg:"s,omitempty"`
	Key  string     `msg:"k,omitempty"`
	Rows []abi.Pair `msg:"r,omitempty"` // of a Get, one or none
	More bool       `msg:"m,omitempty"`
}

// deadRow is work that was given up, until a person has looked at it.
type deadRow struct {
	Work workRow `msg:"w"`
	At   int64   `msg:"t"`
}

// forgetRow is a member who is being forgotten, and how far that has come.
type forgetRow struct {
	ID       string         `msg:"id"`
	Seq      uint64         `msg:"n"`            // of the event that tells the plugins; what has a larger number is somebody new's
	Began    int64          `msg:"t"`            // Unix milliseconds
	Names    []string       `msg:"nm,omitempty"` // what they were called
	Places   []string       `msg:"pl,omitempty"` // conversations that are theirs alone
	Marks    []string       `msg:"mk,omitempty"` // what their platform's own ids are made of
	Step     int            `msg:"s,omitempty"`  // of forgetSteps, the one under way
	From     string         `msg:"f,omitempty"`  // key at which that goes on
	Found    int            `msg:"fd,omitempty"` // rows erased in the round under way
	Rounds   int            `msg:"r,omitempty"`
	Counts   map[string]int `msg:"c,omitempty"`  // erased, by kind
	Farewell bool           `msg:"fw,omitempty"` // they asked in chat, and are told there
	By       []string       `msg:"by,omitempty"` // who asked for it, for the record: id, name, role, via; none for nobody
	Why      string         `msg:"wy,omitempty"`
	Locale   string         `msg:"l,omitempty"` // in which they are
}

// holdRow says why a platform's deliveries wait.
type holdRow struct {
	Code   string `msg:"c"`
	Advice string `msg:"a"`
	Since  int64  `msg:"t"`
}

// grantRow is what an admin granted a plugin.
type grantRow struct {
	Needs []abi.Need `msg:"n"`
}
