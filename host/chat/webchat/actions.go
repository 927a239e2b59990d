package webchat

import (
	"cmp"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
)

// join makes a member of a visitor and signs the browser in as them.
func (a *Adapter) join(w http.ResponseWriter, r *http.Request) {
	u := a.newUI(r, nil)
	err := readForm(r)
	if err == nil {
		_, ok := a.rates.take("join", "", a.limits.Joins, 1, a.now())
		if !ok {
			err = fail(http.StatusTooManyRequests, "error.crowd")
		}
	}
	if err != nil {
		a.tell(w, r, u, err)
		return
	}
	seats := a.seats(r)
	locale := field(r, "locale")
	if locale == "" {
		locale = u.Lang
	} else if l := knownLocale(locale); l != u.Lang {
		a.languages.Choose(w, r, l)
	}
	id, m, err := a.enter(r.Context(), r.PostForm.Get("name"), locale, field(r, "zone"))
	if err != nil {
		var p *problem
		if u.Lang = knownLocale(locale); errors.As(err, &p) && !wantsJSON(r) {
			w.WriteHeader(p.status)
			a.render(w, "join", a.joinView(u, field(r, "name"), u.T(p.key, p.args...)))
			return
		}
		a.tell(w, r, u, err)
		return
	}
	// Seats whose member is gone make room.
	seats = slices.DeleteFunc(slices.Clone(seats), func(s seat) bool { return !a.isHere(r, s.ID) })
	if len(seats) >= maxSeats {
		seats = slices.Delete(seats, 1, 2)
	}
	// The first stays first: their open pages may not name them.
	seats = append(seats, seat{ID: id, Name: m.Name, Locale: m.Locale})
	if err := a.setSeats(w, r, seats); err != nil {
		a.tell(w, r, u, err)
		return
	}
	me := &visitor{id: id, row: m, seats: seats}
	me.ui = a.newUI(r, me)
	me.ui.seatOf(me)
	// To where the welcome will stand.
	first := me.ui.Link(botConv(id), "")
	_ = a.reply(w, r, me, answer{Go: first}, first)
}

func (a *Adapter) isHere(r *http.Request, member string) bool {
	return a.read(r.Context(), func(v *view) error { _, err := v.present(member); return err }) == nil
}

func (a *Adapter) send(w http.ResponseWriter, r *http.Request, me *visitor) error {
	if err := readForm(r); err != nil {
		return err
	}
	if r.MultipartForm != nil {
		defer r.MultipartForm.RemoveAll()
	}
	text, ok := posted(r.PostForm.Get("text"))
	switch {
	case !ok:
		return fail(http.StatusBadRequest, "post.chars")
	case len(text) > maxText:
		return fail(http.StatusRequestEntityTooLarge, "post.long", maxText>>10)
	}
	files, err := a.readUploads(r.MultipartForm)
	if err != nil {
		return err
	}
	size := 0
	for _, f := range files {
		size += len(f.data)
	}
	if size > 0 {
		if err := a.take("upload", me.id, a.limits.Uploads, size); err != nil {
			return err
		}
	}
	p := postForm{conv: field(r, "c"), thread: field(r, "t"), text: text, files: files, nonce: field(r, "nonce")}
	if !validNonce(p.nonce) {
		p.nonce = newNonce()
	}
	id, out, err := a.post(r.Context(), me.id, p)
	if err != nil {
		return err
	}
	ans := answer{ID: id.String(), Conv: p.conv}
	slash := strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//")
	switch {
	case slash && out == chat.Unwanted:
		ans.key = "command.unwanted"
	case slash && a.between(r, p.conv):
		ans.key = "command.elsewhere"
	case botNamed.MatchString(text) && a.between(r, p.conv):
		ans.key = "pair.deaf"
	}
	where := me.ui.Link(p.conv, threadOf(id))
	if wantsJSON(r) {
		if ans.HTML, err = a.messageHTML(r.Context(), me, p.conv, id); err != nil {
			return err
		}
	}
	return a.reply(w, r, me, ans, where+anchor(id))
}

// botNamed finds the bot's name where somebody calls it.
var botNamed = regexp.MustCompile(`(?i)(^|[^\pL\pN_])@` + bot + `($|[^\pL\pN_])`)

// between says whether conv is two members', where the bot does not hear.
func (a *Adapter) between(r *http.Request, conv string) (pair bool) {
	_ = a.read(r.Context(), func(v *view) error {
		c, err := v.conv(conv)
		pair = c.Kind == kindPair
		return err
	})
	return pair
}

// filledIn says whether a form with fields of its own was sent.
func filledIn(r *http.Request) bool {
	for name := range r.PostForm {
		if strings.HasPrefix(name, "f.") {
			return true
		}
	}
	return false
}

func (a *Adapter) editMessage(w http.ResponseWriter, r *http.Request, me *visitor) error {
	if err := readForm(r); err != nil {
		return err
	}
	text, ok := posted(r.PostForm.Get("text"))
	switch {
	case !ok:
		return fail(http.StatusBadRequest, "post.chars")
	case len(text) > maxText:
		return fail(http.StatusRequestEntityTooLarge, "post.long", maxText>>10)
	}
	conv, msg := field(r, "c"), field(r, "m")
	if err := a.edit(r.Context(), me.id, conv, msg, text); err != nil {
		return err
	}
	return a.replyMessage(w, r, me, conv, msg, answer{})
}

// replyMessage ends a POST about a message, which is shown as it is now.
func (a *Adapter) replyMessage(w http.ResponseWriter, r *http.Request, me *visitor, conv, msg string, ans answer) error {
	id, _ := parseID(msg)
	ans.ID, ans.Conv = msg, conv
	if wantsJSON(r) {
		var err error
		if ans.HTML, err = a.messageHTML(r.Context(), me, conv, id); err != nil && err != errNotFound {
			return err
		}
	}
	return a.reply(w, r, me, ans, me.ui.Link(conv, threadOf(id))+anchor(id))
}

// anchor leads to a message on its page.
func anchor(id messageID) string {
	if id.reply() {
		return "#r-" + id.String()
	}
	return "#m-" + id.String()
}

func (a *Adapter) deleteMessage(w http.ResponseWriter, r *http.Request, me *visitor) error {
	if err := readForm(r); err != nil {
		return err
	}
	conv, msg := field(r, "c"), field(r, "m")
	if err := a.remove(r.Context(), me.id, conv, msg); err != nil {
		return err
	}
	return a.replyMessage(w, r, me, conv, msg, answer{})
}

func (a *Adapter) reactTo(w http.ResponseWriter, r *http.Request, me *visitor) error {
	if err := readForm(r); err != nil {
		return err
	}
	conv, msg := field(r, "c"), field(r, "m")
	if err := a.react(r.Context(), me.id, conv, msg, field(r, "name")); err != nil {
		return err
	}
	return a.replyMessage(w, r, me, conv, msg, answer{})
}

func (a *Adapter) pressButton(w http.ResponseWriter, r *http.Request, me *visitor) error {
	if err := readForm(r); err != nil {
		return err
	}
	conv, msg, nonce := field(r, "c"), field(r, "m"), field(r, "nonce")
	if !validNonce(nonce) {
		nonce = newNonce()
	}
	if !wantsJSON(r) {
		a.keepTyped(w, r, me.id, msg)
	}
	out, again, err := a.press(r.Context(), me.id, conv, msg, field(r, "token"), nonce, r.PostForm)
	if err != nil {
		return err
	}
	ans := answer{Used: !again}
	switch out {
	case chat.Used:
		ans.key = "press.used"
	case chat.Gone:
		ans.key, ans.Used = "press.gone", true
	case chat.Unwanted:
		ans.key, ans.Used = "press.unwanted", false
	default:
		// A button has been pressed and that is all; whether what was filled in will
		// do, the plugin has yet to say.
		if ans.key = "press.done"; filledIn(r) {
			ans.key = "press.sent"
		}
	}
	return a.replyMessage(w, r, me, conv, msg, ans)
}

// markRead notes how far a member has read, and that a thread is open.
func (a *Adapter) markRead(w http.ResponseWriter, r *http.Request, me *visitor) error {
	if err := readForm(r); err != nil {
		return err
	}
	conv, msg := field(r, "c"), field(r, "m")
	id, ok := parseID(msg)
	if !ok {
		return errNotFound
	}
	thread, open := parseID(field(r, "t"))
	if _, err := a.change(r.Context(), func(t *tx) error {
		if _, err := t.place(conv, me.id); err != nil {
			return err
		}
		if open {
			if err := t.answerCalls(conv, me.id, thread.root); err != nil {
				return err
			}
		}
		mark := cmp.Or(id.own, id.root)
		if was, err := t.text(readKey(me.id, conv)); err != nil || was >= mark {
			return err
		}
		t.b.Put(readKey(me.id, conv), []byte(mark))
		return t.announce(logRow{What: logRead, Conv: conv, Only: me.id})
	}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *Adapter) newChannel(w http.ResponseWriter, r *http.Request, me *visitor) error {
	if err := readForm(r); err != nil {
		return err
	}
	conv, err := a.makeChannel(r.Context(), me.id, field(r, "name"), field(r, "topic"))
	if err != nil {
		return err
	}
	return a.reply(w, r, me, answer{Go: me.ui.Link(conv, "")}, me.ui.Link(conv, ""))
}

func (a *Adapter) enterChannel(w http.ResponseWriter, r *http.Request, me *visitor) error {
	if err := readForm(r); err != nil {
		return err
	}
	conv := field(r, "c")
	if err := a.joinChannel(r.Context(), me.id, conv); err != nil {
		return err
	}
	return a.reply(w, r, me, answer{Go: me.ui.Link(conv, "")}, me.ui.Link(conv, ""))
}

func (a *Adapter) exitChannel(w http.ResponseWriter, r *http.Request, me *visitor) error {
	if err := readForm(r); err != nil {
		return err
	}
	if err := a.leaveChannel(r.Context(), me.id, field(r, "c")); err != nil {
		return err
	}
	return a.reply(w, r, me, answer{Go: me.ui.Show("channels")}, me.ui.Show("channels"))
}

func (a *Adapter) openDM(w http.ResponseWriter, r *http.Request, me *visitor) error {
	if err := readForm(r); err != nil {
		return err
	}
	conv, err := a.beginDM(r.Context(), me.id, field(r, "with"))
	if err != nil {
		return err
	}
	return a.reply(w, r, me, answer{Go: me.ui.Link(conv, "")}, me.ui.Link(conv, ""))
}

func (a *Adapter) changeMe(w http.ResponseWriter, r *http.Request, me *visitor) error {
	if err := readForm(r); err != nil {
		return err
	}
	m, err := a.settle(r.Context(), me.id, field(r, "name"), field(r, "locale"), field(r, "zone"))
	if err != nil {
		return err
	}
	for i := range me.seats {
		if s := &me.seats[i]; s.ID == me.id {
			s.Name, s.Locale = m.Name, m.Locale
		}
	}
	if err := a.setSeats(w, r, me.seats); err != nil {
		return err
	}
	if me.ui.Lang != m.Locale {
		me.ui.Lang = m.Locale
		a.languages.Choose(w, r, m.Locale)
	}
	return a.reply(w, r, me, answer{key: "me.saved", Go: reload}, me.ui.Show("me"))
}

// departNow takes the member out of the community and signs the browser out.
func (a *Adapter) departNow(w http.ResponseWriter, r *http.Request, me *visitor) error {
	if err := a.depart(r.Context(), me.id); err != nil {
		return err
	}
	seats := slices.DeleteFunc(me.seats, func(s seat) bool { return s.ID == me.id })
	if err := a.setSeats(w, r, seats); err != nil {
		return err
	}
	return a.reply(w, r, me, answer{Go: reload}, "/chat")
}

// markNow notes that member has read all there is so far.
func (t *tx) markNow(conv, member string) {
	t.b.Put(readKey(member, conv), []byte(t.a.ids.next(t.now)))
}
