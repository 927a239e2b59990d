package admin

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// platformsView is the page /admin/platforms.
type platformsView struct {
	page.Head
	Done      string
	Paused    bool
	PausedBy  *pausedView // nil if nobody knows
	Waiting   int         // messages of all platforms
	Platforms []platformView
	Settings  string // where platforms are connected; "" if there is no such page
}

type pausedView struct {
	Who []page.Span
	At  page.Stamp
	Why []page.Span
}

type platformView struct {
	web.Platform
	Title   string
	State   string // good, bad, wait
	Says    string
	Advice  []page.Span
	English bool // the advice is, whatever the reader's language
	HeldAt  *page.Stamp
	Asked   *page.Stamp
	Age     string // of the oldest that waits
	Old     bool   // it has waited for long
	SentSay string // over which time
	Hidden  []string
	HiddenE bool // those are the adapter's own words, in English
}

// old is how long a message may wait before that is worth a look.
const old = 5 * time.Minute

func (p *pages) platforms(w http.ResponseWriter, r *page.Request) error {
	return p.showPlatforms(w, r, http.StatusOK)
}

func (p *pages) showPlatforms(w http.ResponseWriter, r *page.Request, status int) error {
	st, err := p.o.Host.Status(r.Context())
	if err != nil {
		return err
	}
	t := p.Texts(r)
	v := &platformsView{Head: page.Head{Title: t.Say("platforms")}, Done: p.Done(r), Paused: st.Paused}
	for _, path := range []string{"/setup", "/admin/settings"} {
		if v.Settings == "" && p.exists(path) {
			v.Settings = path
		}
	}
	if st.Paused {
		last, err := p.o.Audit.List(r.Context(), audit.Filter{On: "host", Limit: 1})
		if err != nil {
			return err
		}
		if len(last) == 1 && last[0].Did == "host.pause" {
			v.PausedBy = &pausedView{page.Visible(cmp.Or(last[0].Who.Name, last[0].Who.ID)), page.At(last[0].At), page.Visible(last[0].Why)}
		}
	}
	now := p.o.Now()
	for i := range st.Platforms {
		v.Waiting += st.Platforms[i].Waiting
		v.Platforms = append(v.Platforms, platform(t, &st.Platforms[i], st.Paused, now))
	}
	return p.Show(w, r, status, "platforms", v)
}

func platform(t page.Texts, pl *web.Platform, paused bool, now time.Time) platformView {
	v := platformView{Platform: *pl, Title: platformName(t, pl.Name), HeldAt: page.Maybe(pl.Since), Asked: page.Maybe(pl.Checked), State: "good", Says: t.Say("health.good")}
	switch {
	case pl.Held != "":
		v.State, v.Says = "bad", t.Say("health.held")
	case pl.Checked == nil:
		v.State, v.Says = "plain", t.Say("health.unknown")
	case !pl.OK:
		v.State, v.Says = "bad", t.Say("health.bad")
	case len(pl.Missing) > 0:
		v.State, v.Says = "wait", t.Say("health.missing")
	case paused:
		v.State, v.Says = "wait", t.Say("health.paused")
	}
	code := cmp.Or(pl.Held, pl.Code)
	own := deliveryAdvice(t, code)
	switch {
	case len(pl.Missing) > 0:
		v.Advice = t.Spans("advice.scopes", strings.Join(pl.Missing, "`, `"))
	case code != "" && own != "":
		v.Advice = page.Quoted(own)
	case pl.Advice != "":
		v.Advice, v.English = page.Quoted(pl.Advice), true
	}
	if pl.Oldest != nil {
		d := now.Sub(*pl.Oldest)
		v.Age, v.Old = length(t, d), d > old && !paused
	}
	v.SentSay = t.Say("sent.hour")
	if d := now.Sub(pl.Counted); d < time.Hour {
		v.SentSay = t.Say("sent.since", max(1, int(d/time.Minute)))
	}
	for n := 1; ; n++ {
		key := fmt.Sprintf("hidden.%s.%d", pl.Name, n)
		if !t.Has(key) {
			break
		}
		v.Hidden = append(v.Hidden, t.Say(key))
	}
	if v.Hidden == nil {
		v.Hidden, v.HiddenE = pl.Hidden, true
	}
	return v
}

func platformName(t page.Texts, name string) string {
	if key := "platform." + name; t.Has(key) {
		return t.Say(key)
	}
	return page.Printable(name)
}

// length is how long something lasts, as people read it.
func length(t page.Texts, d time.Duration) string {
	switch {
	case d < time.Second:
		return t.Say("length.now")
	case d < time.Minute:
		return t.Say("length.seconds", int(d/time.Second))
	case d < time.Hour:
		return t.Say("length.minutes", int(d/time.Minute))
	case d < 48*time.Hour:
		return t.Say("length.hours", int(d/time.Hour))
	}
	return t.Say("length.days", int(d/(24*time.Hour)))
}

func (p *pages) pause(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	if err := p.o.Host.Pause(r.Context(), r.Who(), cutTo(form.Get("why"), maxWhy)); err != nil {
		return err
	}
	return p.to(w, r, "/admin/platforms", "paused")
}

func (p *pages) resume(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	if err := p.o.Host.Resume(r.Context(), r.Who(), cutTo(form.Get("why"), maxWhy)); err != nil {
		return err
	}
	return p.to(w, r, "/admin/platforms", "resumed")
}

// maxWhy is how many characters of a reason are kept.
const maxWhy = 500

func (p *pages) check(w http.ResponseWriter, r *page.Request) error {
	if _, err := r.Fields(w, maxForm); err != nil {
		return err
	}
	err := p.o.Host.Check(r.Context(), r.PathValue("name"))
	if errors.Is(err, web.ErrNotFound) {
		return p.Sorry(http.StatusNotFound, "/admin/platforms", "error.platform")
	}
	if err != nil {
		return err
	}
	return p.to(w, r, "/admin/platforms", "checked")
}
