package main

//go:generate go tool msgp -unexported -io=false -tests=false -file rows.go -o rows_gen.go

// The rows that every message reads and writes have generated codecs: the SDK's
// own, which work by reflection, were a third of what a message cost.

//msgp:limit arrays:65536 maps:64

// thread is a question and what was said under it. Of people it has numbers but
// for one list, so that a text can be kept when somebody is forgotten.
type thread struct {
	Channel string   `msg:"ch,omitempty"` // name
	At      int64    `msg:"at,omitempty"` // Unix seconds
	Text    string   `msg:"t,omitempty"`
	People  []person `msg:"p,omitempty"` // the asker is the first
	Replies []reply  `msg:"r,omitempty"`
	Auto    uint32   `msg:"auto,omitempty"` // topic whose answer the bot gave, or suggested
}

type person struct {
	ID   string `msg:"id,omitempty"`
	Name string `msg:"n,omitempty"`
}

type reply struct {
	ID     string  `msg:"id,omitempty"`
	By     int     `msg:"by,omitempty"` // number of the person; -1 of one who was forgotten
	At     int64   `msg:"at,omitempty"`
	Text   string  `msg:"t,omitempty"`
	Reacts []react `msg:"e,omitempty"`
}

type react struct {
	Name string `msg:"n,omitempty"`
	By   int    `msg:"by,omitempty"`
}

// open is a conversation's latest questions.
type openRow struct {
	Last []openOne `msg:"last,omitempty"`
}

type openOne struct {
	ID string `msg:"id,omitempty"`
	By uint32 `msg:"by,omitempty"` // hash of the asker's id
	At int64  `msg:"at,omitempty"`
}

// line is one thing that the lane has to do.
type line struct {
	Op    string `msg:"op,omitempty"`
	ID    string `msg:"id,omitempty"` // message, for ask, edit, forget and changed
	At    int64  `msg:"at,omitempty"`
	Title string `msg:"t,omitempty"`
	Terms []byte `msg:"x,omitempty"`
	Han   bool   `msg:"han,omitempty"`

	// What a maintainer does, and what members say of answers.
	Topic   uint32   `msg:"topic,omitempty"`
	With    uint32   `msg:"with,omitempty"`
	Items   []uint32 `msg:"items,omitempty"`
	Text    string   `msg:"text,omitempty"`
	URL     string   `msg:"url,omitempty"`
	By      string   `msg:"by,omitempty"`
	Place   string   `msg:"place,omitempty"`
	Message string   `msg:"msg,omitempty"`
}

// laneRow is how far the lane is.
type laneRow struct {
	Seq     uint64   `msg:"seq,omitempty"`  // of the book's last delta
	Base    uint64   `msg:"base,omitempty"` // deltas up to here are in the parts
	Rows    int      `msg:"rows,omitempty"` // of deltas
	Bytes   int      `msg:"bytes,omitempty"`
	Part    int      `msg:"part,omitempty"`  // the next one to be written anew; 0: none is
	Sizes   []int    `msg:"sizes,omitempty"` // of parts, in bytes
	Held    bool     `msg:"held,omitempty"`  // the book is full
	Review  []string `msg:"review,omitempty"`
	Touched []uint32 `msg:"touched,omitempty"` // topics that changed since editions were looked at
	Fresh   []string `msg:"fresh,omitempty"`   // editions that have yet to be
	Trash   []string `msg:"trash,omitempty"`   // threads whose questions were given up

	spent `msg:"-"` // of this step
}

// dayRow is what was asked on a day.
type dayRow struct {
	Topics []asked1 `msg:"t,omitempty"` // by number
	More   int      `msg:"more,omitempty"`
}

// asked1 is how often a topic was.
type asked1 struct {
	Topic uint32 `msg:"t,omitempty"`
	N     int    `msg:"n,omitempty"`
}
