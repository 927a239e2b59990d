package webchat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

var errNotFound = errors.New("not found")

const root = store.Key("webchat")

func memberKey(id string) store.Key            { return root.Join("member", id) }
func nameKey(folded string) store.Key          { return root.Join("name", folded) }
func convKey(conv string) store.Key            { return root.Join("conv", conv) }
func ofKey(member, conv string) store.Key      { return root.Join("of", member, conv) }
func inKey(conv, member string) store.Key      { return root.Join("in", conv, member) }
func readKey(member, conv string) store.Key    { return root.Join("read", member, conv) }
func actKey(conv string) store.Key             { return root.Join("act", conv) }
func repliesKey(conv, rootID string) store.Key { return root.Join("replies", conv, rootID) }
func calledKey(member, conv string, id messageID) store.Key {
	return root.Join("called", member, conv, id.root, id.own)
}
func fileKey(id string) store.Key            { return root.Join("file", id) }
func blobKey(id string, n int) store.Key     { return root.Join("blob", id, store.Seq(uint64(n))) }
func usedKey(member, token string) store.Key { return root.Join("used", member, token) }
func doneKey(scope, id string) store.Key     { return root.Join("done", scope, id) }
func handKey(event string) store.Key         { return root.Join("hand", event) }
func logKey(id string) store.Key             { return root.Join("log", id) }

var (
	bytesKey = root.Join("bytes")
	floorKey = root.Join("floor")
)

func messageKey(conv string, id messageID) store.Key {
	if id.reply() {
		return root.Join("reply", conv, id.root, id.own)
	}
	return root.Join("msg", conv, id.root)
}

// memberRow is a member. Who has left keeps a row, for the name on what they
// wrote.
type memberRow struct {
	Name   string `json:"name"`
	Locale string `json:"locale"`
	Zone   string `json:"zone,omitempty"`
	Joined int64  `json:"joined"`         // Unix milliseconds
	Left   int64  `json:"left,omitempty"` // 0: is here
}

func (m *memberRow) event(id string) abi.Member {
	return abi.Member{ID: globalID(id), Name: m.Name, Locale: m.Locale, TimeZone: m.Zone, JoinedAt: m.Joined}
}

// The kinds of conversation: a channel, a member with the bot, two members.
const (
	kindChannel = "channel"
	kindBot     = "bot"
	kindPair    = "pair"
)

type convRow struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name,omitempty"` // of a channel
	Topic   string   `json:"topic,omitempty"`
	By      string   `json:"by,omitempty"` // member who made it
	Created int64    `json:"created"`
	Members []string `json:"members,omitempty"` // of direct messages, sorted
}

// open says whether member may see the conversation.
func (c *convRow) open(member string) bool {
	return c.Kind == kindChannel || slices.Contains(c.Members, member)
}

// heard says whether the bot hears what is said there.
func (c *convRow) heard() bool { return c.Kind != kindPair }

func (c *convRow) event(id string) abi.Conversation {
	e := abi.Conversation{ID: globalID(id), Kind: abi.Channel, Name: c.Name}
	if c.Kind != kindChannel {
		e.Kind = abi.Direct
	}
	return e
}

// The kinds of message beside what members and the bot say.
const (
	kindEcho   = "echo"   // the line of a slash command, for its member's eyes
	kindJoined = "joined" // Author came into the channel
)

type messageRow struct {
	Author    string         `json:"author"`
	Kind      string         `json:"kind,omitempty"`
	Text      string         `json:"text,omitempty"`    // Markdown, mentions as ids
	Content   []byte         `json:"content,omitempty"` // the bot's: MessagePack of an abi.Content without notes
	Time      int64          `json:"time"`
	Edited    int64          `json:"edited,omitempty"`
	Deleted   bool           `json:"deleted,omitempty"` // kept for the replies below it
	Only      string         `json:"only,omitempty"`    // the one member who sees it
	Files     []fileRef      `json:"files,omitempty"`
	Reactions []reactionsRow `json:"reactions,omitempty"` // in the order they first came
}

// visible says whether member may see the message, given that they may see the
// conversation.
func (m *messageRow) visible(member string) bool { return m.Only == "" || m.Only == member }

func (m *messageRow) content() (abi.Content, error) {
	var c abi.Content
	if len(m.Content) == 0 {
		return c, nil
	}
	if _, err := c.UnmarshalMsg(m.Content); err != nil {
		return c, fmt.Errorf("message content: %w", err)
	}
	return c, nil
}

type reactionsRow struct {
	Name    string   `json:"name"`
	Members []string `json:"members"`
}

// fileRef is a file as a message names it.
type fileRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
	Size int64  `json:"size"`
	Head string `json:"head,omitempty"` // first lines of a text
	Rest int    `json:"rest,omitempty"` // lines of it that Head leaves out
	Wide int    `json:"wide,omitempty"` // pixels of a picture
	High int    `json:"high,omitempty"`
}

type fileRow struct {
	Conv  string `json:"conv"`
	Msg   string `json:"msg"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Size  int64  `json:"size"`
	Parts int    `json:"parts"`
	Time  int64  `json:"time"`
}

type doneRow struct {
	Conv string   `json:"conv,omitempty"`
	Msgs []string `json:"msgs,omitempty"`
	Time int64    `json:"time"`
}

// What a logRow is about.
const (
	logPosted  = "posted"  // a new message
	logChanged = "changed" // a message looks different
	logGone    = "gone"    // a message is no more
	logPlaces  = "places"  // conversations or memberships changed: of Only, or of all
	logRead    = "read"    // Only has read Conv
)

type logRow struct {
	What string `json:"what"`
	Conv string `json:"conv,omitempty"`
	Msg  string `json:"msg,omitempty"`
	Only string `json:"only,omitempty"` // concerns nobody else
}

// view reads one snapshot.
type view struct {
	ctx  context.Context
	snap store.Snapshot
}

// read calls f with the rows as they are now.
func (a *Adapter) read(ctx context.Context, f func(*view) error) error {
	snap, err := a.st.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("open snapshot: %w", err)
	}
	defer snap.Close()
	return f(&view{ctx: ctx, snap: snap})
}

// get decodes the row of k into p and returns its revision, 0 if there is none.
func (v *view) get(k store.Key, p any) (store.Rev, error) {
	row, err := v.snap.Get(v.ctx, k)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", k, err)
	}
	if !row.Exists() {
		return 0, nil
	}
	return row.Rev, decode(row, p)
}

func (v *view) has(k store.Key) (bool, error) {
	row, err := v.snap.Get(v.ctx, k)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", k, err)
	}
	return row.Exists(), nil
}

// text is the value of k, "" if there is none.
func (v *view) text(k store.Key) (string, error) {
	row, err := v.snap.Get(v.ctx, k)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", k, err)
	}
	return string(row.Value), nil
}

func (v *view) counter(k store.Key) (int64, error) {
	row, err := v.snap.Get(v.ctx, k)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", k, err)
	}
	return store.Counter(row)
}

func decode(row store.Row, p any) error {
	if err := json.Unmarshal(row.Value, p); err != nil {
		return fmt.Errorf("read %s: %w", row.Key, err)
	}
	return nil
}

// must turns "no such row" into errNotFound.
func must(rev store.Rev, err error) error {
	if err == nil && rev == 0 {
		return errNotFound
	}
	return err
}

func (v *view) member(id string) (m memberRow, err error) {
	err = must(v.get(memberKey(id), &m))
	return m, err
}

func (v *view) conv(id string) (c convRow, err error) {
	err = must(v.get(convKey(id), &c))
	return c, err
}

// place is the conversation if member may see it, else errNotFound: who may
// not see it learns nothing of it.
func (v *view) place(id, member string) (convRow, error) {
	c, err := v.conv(id)
	if err == nil && !c.open(member) {
		err = errNotFound
	}
	return c, err
}

func (v *view) message(conv string, id messageID) (m messageRow, err error) {
	err = must(v.get(messageKey(conv, id), &m))
	return m, err
}

// last is the last segment of a key.
func last(k store.Key) string {
	s := k.Segments()
	return s[len(s)-1]
}
