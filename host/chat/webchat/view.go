package webchat

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/store"
)

// pageView is a whole page.
type pageView struct {
	U         *ui
	Title     string
	Community string
	Problem   string // what went wrong, on the page that says so
	Where     string // to go from there
	Flash     string

	// Of somebody who comes in:
	Name    string
	Parting []string   // the last words to who was forgotten
	Awaited bool       // whether there may be others in a moment
	Back    []seatView // members this browser is signed in as, if there are any
	Other   string     // address of the page in the other language

	// Of a member:
	Me       person
	Row      memberRow
	Seats    []seatView
	Channels []placeView
	Directs  []placeView
	Show     string // "conv", "channels", "people" or "me"
	Conv     *convView
	Thread   *threadView
	All      []channelView // every channel, of Show "channels"
	People   []person      // of Show "people"
	Query    string
	Cursor   uint64 // revision the page is of
	Assets   string
	Texts    map[string]string // for the script
}

// TextsJSON is Texts for an attribute that the script reads.
func (p *pageView) TextsJSON() (string, error) {
	b, err := json.Marshal(p.Texts)
	return string(b), err
}

type seatView struct {
	person
	URL     string
	Current bool
}

// placeView is a line of the list on the left.
type placeView struct {
	Conv, Label string
	Person      *person // of a direct message
	Unread      int
	More        bool // something new in threads
	Current     bool
}

type convView struct {
	ID, Kind, Label, Topic string
	Person                 *person
	Members                int
	List                   []*messageView
	Earlier                string // id before which there is more
	In                     bool
	Gone                   bool // who it is with has left the community
	Nonce                  string
	Read                   string
}

// Open says whether the member can write there.
func (c *convView) Open() bool { return c.In && !c.Gone }

type threadView struct {
	Root  *messageView
	List  []*messageView
	Nonce string
}

type channelView struct {
	ID, Name, Topic string
	Members         int
	In              bool
}

// page is /chat: the way in for a visitor; for a member a conversation, or the
// lists of channels and people, or their own settings. The script asks for the
// same as JSON and puts the parts in place.
func (a *Adapter) page(w http.ResponseWriter, r *http.Request) {
	me, err := a.visitor(r)
	if l := r.URL.Query().Get("lang"); l != "" && (me == nil || r.URL.Query().Has("new")) {
		a.languages.Choose(w, r, knownLocale(l))
	}
	if err == nil {
		err = a.take("read", me.id, a.limits.Reads, 1)
	}
	if err == nil && r.URL.Query().Has("new") {
		u := a.newUI(r, me)
		if l := r.URL.Query().Get("lang"); l != "" {
			u.Lang = knownLocale(l)
		}
		p := a.joinView(u, "", "")
		p.Other += "&new=1"
		p.Back = seatViews(me)
		a.render(w, "join", p)
		return
	}
	var p *problem
	if errors.As(err, &p) && p.status == http.StatusUnauthorized && !wantsJSON(r) {
		a.welcome(w, r)
		return
	}
	if err == nil {
		err = a.memberPage(w, r, me)
	}
	if err != nil {
		a.tell(w, r, a.newUI(r, me), err)
	}
}

// welcome is the way in. A name in a cookie of ours whose member is gone, as
// after the store was begun anew, is offered again.
func (a *Adapter) welcome(w http.ResponseWriter, r *http.Request) {
	u, name := a.newUI(r, nil), ""
	seats := a.seats(r)
	if len(seats) > 0 {
		if words, awaited, is := a.gone.words(seats[0].ID, a.now()); is {
			a.part(w, r, u, seats, words, awaited)
			return
		}
		name = seats[0].Name
		if !a.chose(r) {
			u.Lang = knownLocale(seats[0].Locale)
		}
	}
	a.render(w, "join", a.joinView(u, name, ""))
}

// chose says whether a language was chosen in the browser.
func (a *Adapter) chose(r *http.Request) bool {
	return r.URL.Query().Get("lang") != "" || a.languages.Chosen(r) != ""
}

// part is the way in for somebody who was forgotten: their browser is told so
// and, with the last words to them, forgets them too. A page that is here before
// these asks again while they are awaited.
func (a *Adapter) part(w http.ResponseWriter, r *http.Request, u *ui, seats []seat, words string, awaited bool) {
	if !a.chose(r) {
		u.Lang = knownLocale(seats[0].Locale)
	}
	if words == "" {
		words = u.T("join.forgotten")
	} else if err := a.setSeats(w, r, seats[1:]); err != nil {
		a.tell(w, r, u, err)
		return
	}
	p := a.joinView(u, "", "")
	p.Parting, p.Awaited = strings.Split(words, "\n"), awaited
	a.render(w, "join", p)
}

func (a *Adapter) joinView(u *ui, name, why string) *pageView {
	p := &pageView{U: u, Title: a.community, Community: a.community, Name: name, Problem: why, Assets: assetBase, Other: "/chat?lang=zh-CN"}
	if u.Lang == "zh-CN" {
		p.Other = "/chat?lang=en"
	}
	return p
}

func seatViews(me *visitor) []seatView {
	var out []seatView
	for _, s := range me.seats {
		out = append(out, seatView{person: newPerson(s.ID, s.Name), URL: me.ui.Seat(s.ID), Current: s.ID == me.id})
	}
	return out
}

// parts is what the script puts in place of what is shown.
type parts struct {
	Title  string `json:"title"`
	Side   string `json:"side"`
	Main   string `json:"main"`
	Thread string `json:"thread"`
	Conv   string `json:"conv"`
	Root   string `json:"root"`
	Open   bool   `json:"open"` // the member can write there
	Cursor uint64 `json:"cursor"`
}

func (a *Adapter) memberPage(w http.ResponseWriter, r *http.Request, me *visitor) error {
	p := &pageView{U: me.ui, Community: a.community, Me: newPerson(me.id, me.row.Name), Row: me.row, Seats: seatViews(me), Assets: assetBase}
	if err := a.read(r.Context(), func(v *view) error { return a.fill(a.looker(v, me), p, r) }); err != nil {
		return err
	}
	if !wantsJSON(r) {
		if key := a.said(w, r); key != "" {
			p.Flash = me.ui.T(key)
		}
		a.retype(w, r, p)
		p.Texts = scriptTexts(me.ui)
		a.render(w, "page", p)
		return nil
	}
	out := parts{Title: p.Title, Cursor: p.Cursor}
	if p.Conv != nil {
		out.Conv, out.Open = p.Conv.ID, p.Conv.Open()
	}
	if p.Thread != nil {
		out.Root = p.Thread.Root.ID
	}
	for _, part := range []struct {
		name string
		to   *string
	}{{"side", &out.Side}, {"main", &out.Main}, {"thread", &out.Thread}} {
		var err error
		if *part.to, err = a.fragment(part.name, p); err != nil {
			return err
		}
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

func (a *Adapter) fill(l *looker, p *pageView, r *http.Request) error {
	q := r.URL.Query()
	p.Cursor = uint64(l.snap.Rev())
	conv := cmp.Or(q.Get("c"), general)
	var err error
	switch p.Show = q.Get("show"); p.Show {
	case "channels":
		p.Title = p.U.T("channels.title")
		p.All, err = l.allChannels()
	case "people":
		p.Title = p.U.T("people.title")
		p.Query, _ = line(q.Get("q"))
		p.People, err = l.directory(p.Query, 100)
	case "me":
		p.Title = p.U.T("me.title")
	default:
		p.Show = "conv"
		if p.Conv, err = l.convView(conv, q.Get("before"), q.Get("edit")); err != nil {
			return err
		}
		p.Title = p.Conv.Label
		if p.Conv.Kind == kindChannel {
			p.Title = "#" + p.Title
		}
		if t := q.Get("t"); t != "" {
			if p.Thread, err = l.threadView(conv, t, q.Get("edit")); err == errNotFound {
				err = nil // deleted meanwhile: the channel is still there
			}
			for _, m := range p.Conv.List {
				m.Open = p.Thread != nil && m.ID == p.Thread.Root.ID
			}
		}
	}
	if err != nil {
		return err
	}
	current := ""
	if p.Conv != nil {
		current = p.Conv.ID
	}
	return l.side(p, current)
}

// side lists the conversations the member belongs to.
func (l *looker) side(p *pageView, current string) error {
	all, err := l.places(l.me.id)
	if err != nil {
		return err
	}
	for _, conv := range all {
		c, err := l.conv(conv)
		if err != nil {
			return err
		}
		pl := placeView{Conv: conv, Current: conv == current}
		if !pl.Current {
			if pl.Unread, pl.More, err = l.unread(conv); err != nil {
				return err
			}
		}
		if pl.Label, pl.Person = l.label(&c); pl.Person == nil {
			p.Channels = append(p.Channels, pl)
		} else {
			p.Directs = append(p.Directs, pl)
		}
	}
	first := func(name string) func(x, y placeView) int {
		return func(x, y placeView) int {
			if (x.Label == name) != (y.Label == name) {
				if x.Label == name {
					return -1
				}
				return 1
			}
			return strings.Compare(fold(x.Label), fold(y.Label))
		}
	}
	slices.SortFunc(p.Channels, first(general))
	slices.SortFunc(p.Directs, first(bot))
	return nil
}

// label is what a conversation is called by this member, and who it is with.
func (l *looker) label(c *convRow) (string, *person) {
	switch c.Kind {
	case kindChannel:
		return c.Name, nil
	case kindBot:
		p := newPerson(bot, bot)
		return bot, &p
	}
	for _, m := range c.Members {
		if m != l.me.id {
			p := l.person(m)
			return p.Name, &p
		}
	}
	return "", nil
}

func (l *looker) convView(conv, before, editing string) (*convView, error) {
	c, err := l.place(conv, l.me.id)
	if err != nil {
		return nil, err
	}
	if id, ok := parseID(before); !ok {
		before = ""
	} else {
		before = id.root
	}
	cv := &convView{ID: conv, Kind: c.Kind, Topic: c.Topic, Nonce: newNonce(), In: true}
	cv.Label, cv.Person = l.label(&c)
	if c.Kind == kindChannel {
		if cv.In, err = l.belongs(l.me.id, conv); err != nil {
			return nil, err
		}
		if cv.Members, err = l.count(conv); err != nil {
			return nil, err
		}
		if conv == general {
			cv.Topic = cmp.Or(cv.Topic, l.me.ui.T("general.topic"))
		}
	}
	if c.Kind == kindPair {
		_, err := l.present(cv.Person.ID)
		if cv.Gone = errors.Is(err, errNotFound); err != nil && !cv.Gone {
			return nil, err
		}
	}
	var earlier bool
	if cv.List, earlier, err = l.timeline(conv, before); err != nil {
		return nil, err
	}
	if earlier {
		cv.Earlier = cv.List[0].ID
	}
	mark := ""
	if before == "" && cv.In {
		if mark, err = l.text(readKey(l.me.id, conv)); err != nil {
			return nil, err
		}
	}
	cv.Read = mark
	arrange(l.me.ui, cv.List, mark, l.me.id)
	return cv, l.openEditor(cv.List, conv, editing)
}

// openEditor shows one of the member's own messages as a form.
func (l *looker) openEditor(list []*messageView, conv, editing string) error {
	for _, m := range list {
		if m.ID != editing || !m.Mine {
			continue
		}
		id, _ := parseID(editing)
		row, err := l.message(conv, id)
		if err != nil {
			return err
		}
		m.Editing, m.Source, m.Cont = true, l.unlink(row.Text), false
	}
	return nil
}

const mostCounted = 1000

func (l *looker) count(conv string) (n int, err error) {
	r := store.Prefix(root.Join("in", conv).Prefix())
	r.Limit = mostCounted
	for _, err := range l.snap.Scan(l.ctx, r) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

func (l *looker) threadView(conv, thread, editing string) (*threadView, error) {
	id, ok := parseID(thread)
	if !ok {
		return nil, errNotFound
	}
	id.own = ""
	row, err := l.message(conv, id)
	if err != nil {
		return nil, err
	}
	if !row.visible(l.me.id) {
		return nil, errNotFound
	}
	t := &threadView{Nonce: newNonce()}
	if t.Root, err = l.messageView(conv, id, &row); err != nil {
		return nil, err
	}
	t.Root.CanReply = false
	if t.List, err = l.replies(conv, id.root); err != nil {
		return nil, err
	}
	arrange(l.me.ui, t.List, "", l.me.id)
	return t, l.openEditor(t.List, conv, editing)
}

func (l *looker) allChannels() ([]channelView, error) {
	rows, err := l.channels()
	if err != nil {
		return nil, err
	}
	var out []channelView
	for _, c := range rows {
		cv := channelView{ID: channelID(c.Name), Name: c.Name, Topic: c.Topic}
		if c.Name == general {
			cv.Topic = l.me.ui.T("general.topic")
		}
		if cv.In, err = l.belongs(l.me.id, cv.ID); err != nil {
			return nil, err
		}
		if cv.Members, err = l.count(cv.ID); err != nil {
			return nil, err
		}
		out = append(out, cv)
	}
	return out, nil
}
