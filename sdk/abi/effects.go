package abi

//msgp:limit arrays:256 maps:256

// Effects is everything an invocation does; it is committed in one batch or
// not at all. If Error is set the attempt failed and nothing else counts.
type Effects struct {
	Writes []Write      `msg:"w,omitempty"`   // of the plugin's own rows, no key twice
	Adds   []Add        `msg:"a,omitempty"`   // to counters, which never conflict
	Out    []Effect     `msg:"o,omitempty"`   // in this order
	Groups []Annotation `msg:"g,omitempty"`   // middleware only: what the second stage sees in Event.Groups
	Error  string       `msg:"err,omitempty"` // why the handler gave up
}

// Write puts or deletes one row of the plugin's state.
type Write struct {
	Key    string `msg:"k"`
	Value  []byte `msg:"v,omitempty,limit=262144"`
	Delete bool   `msg:"d,omitempty"`
}

// Add adds to a counter row.
type Add struct {
	Key   string `msg:"k"`
	Delta int64  `msg:"d"`
}

// Effect is one act beyond the plugin's own rows: exactly one field is set.
type Effect struct {
	Send     *Send     `msg:"send,omitempty"`
	Edit     *Edit     `msg:"edit,omitempty"`
	Delete   *Delete   `msg:"del,omitempty"`
	React    *React    `msg:"react,omitempty"`
	Timer    *Timer    `msg:"timer,omitempty"`
	Cancel   *Cancel   `msg:"cancel,omitempty"`
	Action   *Action   `msg:"action,omitempty"`
	Abort    *Abort    `msg:"abort,omitempty"`
	Emit     *Emit     `msg:"emit,omitempty"`
	Track    *Track    `msg:"track,omitempty"`
	Profile  *Profile  `msg:"prof,omitempty"`
	Continue *Continue `msg:"cont,omitempty"`
}

// Target says where a message goes.
//
//	Member only                 a direct message
//	Conversation only           a message there
//	both                        a direct message; there, with a mention, where the platform has none
//	both and Ephemeral          there, seen by Member alone; a direct message where the platform cannot
type Target struct {
	Conversation string `msg:"c,omitempty"`
	Member       string `msg:"m,omitempty"`
	Thread       string `msg:"t,omitempty"` // message id to hang the message under
	Ephemeral    bool   `msg:"e,omitempty"`
}

// Send posts a message.
type Send struct {
	To      Target  `msg:"to"`
	Content Content `msg:"c"`
	Key     string  `msg:"k,omitempty"`  // the plugin's name for the message, by which Edit and Delete find it
	Expires int64   `msg:"x,omitempty"`  // milliseconds from now after which it is not sent any more; 0: a day if nobody asked for it
	After   int64   `msg:"af,omitempty"` // milliseconds after its delivery at which it deletes itself; 0: never

	// Shown are the experiments and variations, as the event's Groups have them
	// and Counted, that the event's member sees in the message: once it is sent
	// they are in the results.
	Shown []Annotation `msg:"sh,omitempty"`
}

// Edit replaces the content of a message. Ref says which.
type Edit struct {
	Ref     `msg:",flatten"`
	Content Content `msg:"c"`
}

// Delete removes a message.
type Delete struct {
	Ref `msg:",flatten"`
}

// Ref names a message the plugin has sent: by its key, looked for first among
// those sent to Member, then among those sent to Conversation.
type Ref struct {
	Key          string `msg:"k"`
	Member       string `msg:"m,omitempty"`
	Conversation string `msg:"cv,omitempty"`
}

// React puts an emoji to a message a member has posted.
type React struct {
	Conversation string `msg:"c"`
	Message      string `msg:"m"`
	Name         string `msg:"n"` // short name without colons
}

// Timer sends the plugin a timer.fired event at Due. Setting a timer whose
// Name and Key are already set in that conversation moves it.
type Timer struct {
	Name         string `msg:"n"`
	Key          string `msg:"k,omitempty"`
	Due          int64  `msg:"d"` // Unix milliseconds; what is past fires at once
	Note         []byte `msg:"nt,omitempty,limit=262144"`
	Member       Member `msg:"m,omitempty"` // of the event to come; zero: the causing event's
	Conversation string `msg:"c,omitempty"` // of the event to come; "": the causing event's
}

// Cancel takes a timer back. One that is not set is no error.
type Cancel struct {
	Name         string `msg:"n"`
	Key          string `msg:"k,omitempty"`
	Conversation string `msg:"c,omitempty"` // "": the causing event's
}

// Action asks the host for something slow; its result is an event, with Note. If
// it has a Key it takes the place of one with its Name and Key in that
// conversation that has not ended: of that no result comes.
type Action struct {
	Name   string  `msg:"n"`              // comes back in Result.Name
	Key    string  `msg:"k,omitempty"`    // by which Abort finds it; "": it cannot be aborted
	HTTP   *HTTP   `msg:"http,omitempty"` //
	Verify *Verify `msg:"vf,omitempty"`   //
	Host   string  `msg:"host,omitempty"` // what the host is to do itself: for hearth's own plugin alone, refused to every other
	Note   []byte  `msg:"nt,omitempty,limit=262144"`
}

// Abort takes back an action that was asked for in the event's conversation: it
// is stopped if it is under way, and its result does not come. One that has
// ended is no error.
type Abort struct {
	Name string `msg:"n"`
	Key  string `msg:"k"`
}

// HTTP is a request to a host the plugin was granted. Secrets are named in
// header values as ${secret:NAME} and filled in by the host.
type HTTP struct {
	Method string       `msg:"m,omitempty"` // "" is GET
	URL    string       `msg:"u"`
	Header []Annotation `msg:"h,omitempty"`
	Body   []byte       `msg:"b,omitempty,limit=262144"`
}

// Verify is Go source to compile and run. With Tests it is a package that is
// tested, else a program that is run.
type Verify struct {
	Files []SourceFile `msg:"f"`
	Tests []SourceFile `msg:"ts,omitempty"` // _test.go files of the submission's package; it cannot read them
	Stdin string       `msg:"in,omitempty"`
	Args  []string     `msg:"a,omitempty"`
	Task  string       `msg:"t,omitempty"` // the plugin's name for what the code is an answer to
}

// SourceFile is one file of a submission.
type SourceFile struct {
	Name string `msg:"n"`
	Text string `msg:"t"`
}

// Emit sends a plugin.event to the plugins that subscribed to it.
type Emit struct {
	Name  string       `msg:"n"`
	Props []Annotation `msg:"p,omitempty"`
	Data  []byte       `msg:"d,omitempty,limit=262144"`
}

// Track counts something a member did, for funnels and experiments.
type Track struct {
	Name   string       `msg:"n"`
	Member string       `msg:"m,omitempty"` // "": the event's
	Props  []Annotation `msg:"p,omitempty"`
}

// Profile changes what the directory of members says of the event's member;
// an empty field is left as it is.
type Profile struct {
	Locale   string `msg:"l,omitempty"`
	TimeZone string `msg:"tz,omitempty"`
	GitHub   string `msg:"gh,omitempty"` // as they say; not confirmed
	Stop     bool   `msg:"st,omitempty"` // no message that they did not ask for, from any plugin
	Resume   bool   `msg:"re,omitempty"` // the reverse of Stop
}

// Continue sends the plugin a hearth.continued event with Cursor in its note,
// handled after this one in the same lane.
type Continue struct {
	Cursor []byte `msg:"c,omitempty,limit=262144"`
}
