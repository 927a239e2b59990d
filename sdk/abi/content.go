package abi

//msgp:limit arrays:256 maps:256

// Content is a message as a plugin writes it: blocks, rendered by each platform
// as well as it can and split where it must.
//
// Texts are a small Markdown: **bold**, *italic*, ~~struck~~, `code`, fenced
// code, "- " and "1. " lists, "> " quotes, [text](https://…), <@member id>,
// <#conversation id>. Everything else is itself; a backslash takes a
// character's meaning away. What comes from a member is escaped by the SDK
// before it gets here.
type Content struct {
	Blocks []Block `msg:"b"`
}

// Block is one part of a message: exactly one of its fields is set (Lang goes
// with Code).
type Block struct {
	Text    string   `msg:"t,omitempty"`  // a paragraph
	Heading string   `msg:"h,omitempty"`  // plain text, no Markdown
	Fields  []Field  `msg:"f,omitempty"`  // short label and value pairs, side by side where there is room
	Buttons []Button `msg:"bt,omitempty"` // one row
	Form    *Form    `msg:"fm,omitempty"` // in place where the platform can, else behind a button
	Context string   `msg:"cx,omitempty"` // small print
	Code    string   `msg:"c,omitempty"`  // verbatim
	Lang    string   `msg:"l,omitempty"`  // of Code: "go"
	Table   *Table   `msg:"tb,omitempty"` //
	Divider bool     `msg:"d,omitempty"`  //
}

// Field is a label and its value.
type Field struct {
	Label string `msg:"l"`
	Value string `msg:"v"`
}

// Table is rows under a header; each row has as many cells as the header.
type Table struct {
	Header []string   `msg:"h"`
	Rows   [][]string `msg:"r"`
}

// Often says how often a button or form may be used.
type Often string

// How often. The zero value is the default: once for each member.
const (
	OncePerMember Often = ""
	OnceForAll    Often = "once"
	AnyTimes      Often = "any"
)

// Button is something to press. With a URL it opens a page and is no event.
type Button struct {
	Label  string `msg:"l"`
	Action string `msg:"a,omitempty"` // what the plugin knows it by
	Value  string `msg:"v,omitempty"`
	Note   []byte `msg:"n,omitempty,limit=262144"` // comes back with the click; never shown, never sent to the platform
	URL    string `msg:"u,omitempty"`              // https only
	Style  string `msg:"s,omitempty"`              // "", "primary" or "danger"
	Often  Often  `msg:"o,omitempty"`

	// Token is set by the host when the message is committed: the only thing
	// that goes to the platform and comes back. A plugin leaves it empty.
	Token string `msg:"tk,omitempty"`
}

// Form is a set of inputs with a button that opens or sends them.
type Form struct {
	Name   string  `msg:"n"`
	Title  string  `msg:"t"`
	Submit string  `msg:"s,omitempty"` // label of the button
	Inputs []Input `msg:"i"`
	Note   []byte  `msg:"nt,omitempty,limit=262144"`
	Often  Often   `msg:"o,omitempty"`
	Token  string  `msg:"tk,omitempty"` // set by the host, as Button.Token
}

// Input is one field of a form.
type Input struct {
	Name     string   `msg:"n"`
	Label    string   `msg:"l"`
	Hint     string   `msg:"h,omitempty"`
	Value    string   `msg:"v,omitempty"` // to begin with
	Options  []Option `msg:"o,omitempty"` // a choice of these; free text if there are none
	Long     bool     `msg:"lg,omitempty"`
	Optional bool     `msg:"op,omitempty"`
	Max      int      `msg:"m,omitempty"` // characters; 0 means 3,000
}

// Option is one choice of an input.
type Option struct {
	Value string `msg:"v"`
	Label string `msg:"l"`
}
