package webchat

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// ui is the language and the addresses a page is made with.
type ui struct {
	Lang  string // "en" or "zh-CN"
	Theme string // "light", "dark" or "" for the system's
	me    string // member whose page it is, "" for a visitor
	as    string // the same, where the browser is signed in as several
	zone  *time.Location
	now   time.Time
}

var languages = language.NewMatcher([]language.Tag{language.English, language.SimplifiedChinese})

// newUI is the ui of me; for a visitor (me is nil) in the language they ask for by
// name or have chosen before, which may have been on another page, else in that
// which their browser asks for.
func (a *Adapter) newUI(r *http.Request, me *visitor) *ui {
	u := &ui{Lang: a.locale, zone: time.UTC, now: a.now()}
	if c, err := r.Cookie(themeName); err == nil && (c.Value == "dark" || c.Value == "light") {
		u.Theme = c.Value
	}
	if me == nil {
		if l := cmp.Or(r.URL.Query().Get("lang"), a.languages.Chosen(r)); l != "" {
			u.Lang = knownLocale(l)
		} else if tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language")); err == nil && len(tags) > 0 {
			if _, i, c := languages.Match(tags...); c != language.No {
				u.Lang = [...]string{"en", "zh-CN"}[i]
			}
		}
		return u
	}
	u.Lang = me.row.Locale
	u.seatOf(me)
	if z, err := time.LoadLocation(me.row.Zone); err == nil {
		u.zone = z
	}
	return u
}

// seatOf makes the addresses name me, where the browser has a choice.
func (u *ui) seatOf(me *visitor) {
	if u.me = me.id; len(me.seats) > 1 {
		u.as = me.id
	}
}

// T is the text of key in the page's language.
func (u *ui) T(key string, args ...any) string {
	t, ok := texts[key]
	if !ok {
		return key
	}
	s := t.en
	if u.Lang == "zh-CN" {
		s = t.zh
	}
	if len(args) == 0 {
		return s
	}
	return fmt.Sprintf(s, args...)
}

func (u *ui) address(path string, pairs ...string) string {
	q := url.Values{}
	if u.as != "" {
		q.Set("as", u.as)
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// Link is the address of a conversation, and of a thread in it.
func (u *ui) Link(conv, thread string) string { return u.address("/chat", "c", conv, "t", thread) }

// Before is the address of what was said in conv before a message.
func (u *ui) Before(conv, msg string) string { return u.address("/chat", "c", conv, "before", msg) }

// Editing is the address of conv with a message open for editing.
func (u *ui) Editing(conv, thread, msg string) string {
	id, _ := parseID(msg)
	return u.address("/chat", "c", conv, "t", thread, "edit", msg) + anchor(id)
}

// Show is the address of a page that is no conversation.
func (u *ui) Show(what string) string { return u.address("/chat", "show", what) }

// As is the member that addresses have to name, "" if there is no choice.
func (u *ui) As() string { return u.as }

// Do is the address that a form is sent to. It always names the member: the
// browser may be signed in as one more by the time the form is sent.
func (u *ui) Do(what string) string {
	if u.me == "" {
		return "/chat/" + what
	}
	return "/chat/" + what + "?as=" + url.QueryEscape(u.me)
}

// Seat is the address of the page of another member in this browser.
func (u *ui) Seat(id string) string { return "/chat?as=" + url.QueryEscape(id) }

// Clock is the time of day of a Unix time in milliseconds.
func (u *ui) Clock(ms int64) string { return u.at(ms).Format("15:04") }

// Stamp is the whole time, for who wants to know exactly.
func (u *ui) Stamp(ms int64) string { return u.at(ms).Format("2006-01-02 15:04 MST") }

// ISO is the time as HTML wants it.
func (u *ui) ISO(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05Z") }

// Day is the date, as people say it.
func (u *ui) Day(ms int64) string {
	t, now := u.at(ms), u.now.In(u.zone)
	day := func(t time.Time) string { return t.Format("2006-01-02") }
	// At noon: where a clock goes forward at midnight, that day's first hour does
	// not exist, and stands for one of the day before.
	yesterday := time.Date(now.Year(), now.Month(), now.Day()-1, 12, 0, 0, 0, u.zone)
	switch day(t) {
	case day(now):
		return u.T("day.today")
	case day(yesterday):
		return u.T("day.yesterday")
	}
	if u.Lang == "zh-CN" {
		return t.Format("2006年1月2日")
	}
	return t.Format("Monday, 2 January 2006")
}

// DayKey is the same for times of one day.
func (u *ui) DayKey(ms int64) string { return u.at(ms).Format("2006-01-02") }

func (u *ui) at(ms int64) time.Time { return time.UnixMilli(ms).In(u.zone) }

// Size is a number of bytes as people say it.
func (u *ui) Size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}

// Members says how many members there are.
func (u *ui) Members(n int) string {
	if n == 1 {
		return u.T("channel.member")
	}
	return u.T("channel.members", n)
}

// person is somebody with a face: a letter on a colour.
type person struct {
	ID, Name, Initial string
	Hue               uint32
	Bot               bool
}

const hues = 8

func newPerson(id, name string) person {
	h := fnv.New32a()
	h.Write([]byte(id))
	p := person{ID: id, Name: name, Hue: h.Sum32() % hues, Bot: id == bot}
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			p.Initial = strings.ToUpper(string(r))
			break
		}
	}
	if p.Initial == "" {
		r, _ := utf8.DecodeRuneInString(name)
		p.Initial = string(r)
	}
	return p
}
