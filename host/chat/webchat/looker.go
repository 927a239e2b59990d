package webchat

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// looker makes what a member sees of what the rows say.
type looker struct {
	*view
	a      *Adapter
	me     *visitor
	names  map[string]string
	called map[string]map[string][]string // see calls
}

func (a *Adapter) looker(v *view, me *visitor) *looker {
	return &looker{view: v, a: a, me: me, names: make(map[string]string), called: make(map[string]map[string][]string)}
}

func (l *looker) person(id string) person {
	name, ok := l.names[id]
	if !ok {
		if name = l.nameOf(id); id == "" {
			name = l.me.ui.T("message.nobody")
		}
		l.names[id] = name
	}
	return newPerson(id, name)
}

// messageView is a message as the templates show it.
type messageView struct {
	U         *ui
	ID, Conv  string
	Thread    string // root of the thread it is a reply in
	Kind      string
	Author    person
	Time      int64
	Rev       store.Rev // of the store, when it looked like this
	Edited    bool
	Deleted   bool
	Only      bool
	Mine      bool
	Cont      bool   // goes on from the one before: same author, little later
	Day       string // set where a new day begins
	New       bool   // the first one that is unread
	CanReply  bool
	Editing   bool
	Source    string // to edit
	Blocks    []blockView
	Files     []fileView
	Reactions []reactionView
	Replies   int64
	Called    bool // a reply mentions the member, who has not opened the thread since
	Open      bool // its thread is open beside
	Nonce     string
	Plain     string        // for reading aloud
	Picks     template.HTML // the reactions offered
}

type blockView struct {
	chat.Block
	HTML   template.HTML // of TextBlock and ContextBlock
	Fields []fieldView
	Used   map[string]bool // tokens that cannot be used again
}

type fieldView struct {
	Label string
	HTML  template.HTML
}

type fileView struct {
	Name, URL, Size, Head string
	Rest                  int // lines after Head
	Picture               bool
	Wide, High            int // as it is shown; 0 if not known
}

type reactionView struct {
	Name, Shown, Who string
	Count            int
	Mine             bool
}

// offeredPicks are the buttons of the reactions, by language: the same in every
// message, and too many to be made for each.
var offeredPicks = map[string]template.HTML{"en": picksHTML("en"), "zh-CN": picksHTML("zh-CN")}

func picksHTML(lang string) template.HTML {
	var b strings.Builder
	u := &ui{Lang: lang}
	for _, n := range picks {
		fmt.Fprintf(&b, `<button class="pick" name="name" value="%[1]s" aria-label="%[2]s" title="%[1]s">%[3]s</button>`, esc(n), esc(u.T("react.with", n)), esc(emoji[n]))
	}
	return template.HTML(b.String())
}

func (l *looker) messageView(conv string, id messageID, row *messageRow) (*messageView, error) {
	m := &messageView{
		U: l.me.ui, ID: id.String(), Conv: conv, Thread: threadOf(id), Kind: row.Kind, Author: l.person(row.Author),
		Time: row.Time, Rev: l.snap.Rev(), Edited: row.Edited != 0 && row.Author != bot, Deleted: row.Deleted, Only: row.Only != "",
		Mine: row.Author == l.me.id && row.Kind == "", Nonce: newNonce(), Picks: offeredPicks[l.me.ui.Lang],
	}
	m.CanReply = !id.reply() && row.Only == "" && row.Kind == "" && !row.Deleted
	var blocks []chat.Block
	switch {
	case row.Deleted, row.Kind == kindJoined:
	case row.Author == bot:
		c, err := row.content()
		if err != nil {
			return nil, err
		}
		blocks = chat.Blocks(c)
		m.Plain = chat.PlainText(c)
	case row.Kind == kindEcho:
		blocks = []chat.Block{{Kind: chat.TextBlock, Doc: chat.Literal(l.unlink(row.Text))}}
	case row.Text != "":
		blocks = []chat.Block{{Kind: chat.TextBlock, Doc: chat.Parse(row.Text)}}
		m.Plain = l.unlink(row.Text)
	}
	m.Plain = chat.Cut(chat.Clean(m.Plain), 300)
	for _, b := range blocks {
		bv, err := l.blockView(b)
		if err != nil {
			return nil, err
		}
		m.Blocks = append(m.Blocks, bv)
	}
	for _, f := range row.Files {
		wide, high := shownSize(f.Wide, f.High)
		m.Files = append(m.Files, fileView{Name: f.Name, URL: l.me.ui.address(fileURL(f.ID, f.Name)), Size: l.me.ui.Size(f.Size),
			Head: chat.CleanCode(f.Head), Rest: f.Rest, Picture: pictures[f.Type], Wide: wide, High: high})
	}
	for _, r := range row.Reactions {
		m.Reactions = append(m.Reactions, l.reactionView(r))
	}
	if !id.reply() {
		n, err := l.counter(repliesKey(conv, id.root))
		if err != nil {
			return nil, err
		}
		m.Replies = n
		if n > 0 {
			all, err := l.calls(conv)
			if err != nil {
				return nil, err
			}
			m.Called = len(all[id.root]) > 0
		}
	}
	return m, nil
}

func (l *looker) blockView(b chat.Block) (blockView, error) {
	bv := blockView{Block: b}
	if b.Kind == chat.TextBlock || b.Kind == chat.ContextBlock {
		bv.HTML = l.docHTML(b.Doc)
	}
	for _, f := range b.Fields {
		bv.Fields = append(bv.Fields, fieldView{Label: f.Label, HTML: l.docHTML(f.Value)})
	}
	var tokens []string
	for _, bt := range b.Buttons {
		if bt.URL == "" && bt.Often != abi.AnyTimes {
			tokens = append(tokens, bt.Token)
		}
	}
	if b.Form != nil && b.Form.Often != abi.AnyTimes {
		tokens = append(tokens, b.Form.Token)
	}
	for _, t := range tokens {
		for _, who := range [...]string{l.me.id, anyone} {
			used, err := l.has(usedKey(who, t))
			if err != nil {
				return bv, err
			}
			if used {
				if bv.Used == nil {
					bv.Used = make(map[string]bool)
				}
				bv.Used[t] = true
			}
		}
	}
	return bv, nil
}

const shownReactors = 12

func (l *looker) reactionView(r reactionsRow) reactionView {
	names := make([]string, 0, shownReactors)
	for i, m := range r.Members {
		if i == shownReactors {
			names = append(names, "…")
			break
		}
		names = append(names, l.person(m).Name)
	}
	return reactionView{Name: r.Name, Shown: shown(r.Name), Count: len(r.Members), Mine: slices.Contains(r.Members, l.me.id),
		Who: strings.Join(names, l.me.ui.T("list.comma"))}
}

const (
	pageSize  = 50
	mostReply = 300
	together  = 5 * 60 * 1000 // milliseconds within which messages of one author stand together
)

// timeline is the last root messages of conv before one, oldest first; earlier
// says that there are more.
func (l *looker) timeline(conv, before string) (list []*messageView, earlier bool, err error) {
	r := store.Prefix(root.Join("msg", conv).Prefix())
	r.Reverse = true
	if before != "" {
		r.To = messageKey(conv, messageID{root: before})
	}
	for row, err := range l.snap.Scan(l.ctx, r) {
		if err != nil {
			return nil, false, err
		}
		var m messageRow
		if err := decode(row, &m); err != nil {
			return nil, false, err
		}
		if !m.visible(l.me.id) {
			continue
		}
		if len(list) == pageSize {
			earlier = true
			break
		}
		mv, err := l.messageView(conv, messageID{root: last(row.Key)}, &m)
		if err != nil {
			return nil, false, err
		}
		list = append(list, mv)
	}
	slices.Reverse(list)
	return list, earlier, nil
}

// replies are the last replies below a root, oldest first.
func (l *looker) replies(conv, rootID string) (list []*messageView, err error) {
	r := store.Prefix(root.Join("reply", conv, rootID).Prefix())
	r.Reverse = true
	for row, err := range l.snap.Scan(l.ctx, r) {
		if err != nil {
			return nil, err
		}
		var m messageRow
		if err := decode(row, &m); err != nil {
			return nil, err
		}
		if !m.visible(l.me.id) {
			continue
		}
		if len(list) == mostReply {
			break
		}
		mv, err := l.messageView(conv, messageID{rootID, last(row.Key)}, &m)
		if err != nil {
			return nil, err
		}
		list = append(list, mv)
	}
	slices.Reverse(list)
	return list, nil
}

// arrange says which messages go on from the one before, where days begin, and
// where what is unread begins. The page's script does the same as messages come.
func arrange(u *ui, list []*messageView, readMark, me string) {
	for i, m := range list {
		if i == 0 || u.DayKey(list[i-1].Time) != u.DayKey(m.Time) {
			m.Day = u.Day(m.Time)
		} else if p := list[i-1]; p.Author.ID == m.Author.ID && p.Kind == m.Kind && p.Only == m.Only && m.Time-p.Time < together {
			m.Cont = true
		}
	}
	for _, m := range list {
		if readMark != "" && m.ID > readMark && m.Author.ID != me && m.Kind == "" {
			m.New, m.Cont = true, false
			break
		}
	}
}

const mostUnread = 99

// unread is how much of conv the member has not read, replies that mention them
// included; more says that there is something in threads too.
func (l *looker) unread(conv string) (n int, more bool, err error) {
	mark, err := l.text(readKey(l.me.id, conv))
	if err != nil {
		return 0, false, err
	}
	if more, err = l.newer(conv, mark); err != nil {
		return 0, false, err
	}
	r := store.Prefix(root.Join("msg", conv).Prefix())
	r.From = messageKey(conv, messageID{root: cmp.Or(mark, "0")}) + "\x00"
	r.Limit = 3 * mostUnread
	for row, err := range l.snap.Scan(l.ctx, r) {
		if err != nil {
			return 0, false, err
		}
		var m messageRow
		if err := decode(row, &m); err != nil {
			return 0, false, err
		}
		if m.visible(l.me.id) && m.Kind == "" && !m.Deleted && m.Author != l.me.id {
			if n++; n == mostUnread {
				break
			}
		}
	}
	calls, err := l.calls(conv)
	if err != nil {
		return 0, false, err
	}
	for _, replies := range calls {
		for _, id := range replies {
			if id > mark && n < mostUnread {
				n++
			}
		}
	}
	return n, more, nil
}

// newer says whether the last that was posted in conv came after mark and is
// still there.
func (l *looker) newer(conv, mark string) (bool, error) {
	act, err := l.text(actKey(conv))
	if err != nil {
		return false, err
	}
	id, ok := parseID(act)
	if !ok || cmp.Or(id.own, id.root) <= mark {
		return false, nil
	}
	row, err := l.message(conv, id)
	if errors.Is(err, errNotFound) {
		return false, nil // nobody could read it, and so be done with it
	}
	return !row.Deleted, err
}
