// Package front is the front page for who is signed in: today in the community,
// what needs attention, until there is something to count what to do next, and
// how the community does: who is active, who stays, how far newcomers come. It
// owns how that is shown. It must not know the engine, a store or how anything is
// measured: it meets them as [Host] and web.Analytics, which host/cmd/hearth joins.
//
// A number says what it counts, over which members and since when. One that cannot
// be known stands as "–", never as 0. Each chart is drawn by the page's script from
// a table that stands beside it (page/assets/charts.js), and is drawn anew every
// minute from those of a fresh answer; without scripts the tables are all there is.
//
// It stores nothing.
package front

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// Host knows what happened. It is safe for concurrent use, and answers at once
// however many members there are.
type Host interface {
	Status(ctx context.Context) (web.Status, error)
	Today(ctx context.Context) (Today, error)
}

// Today is what was counted since midnight. What cannot be known is nil.
type Today struct {
	Began time.Time // midnight in the community's time zone

	Newcomers *Count // members who were seen to join for the first time
	Greeted   *Count // newcomers who were greeted
	FirstTask *Count // members who passed their first task
	Stuck     *Count // members who were reminded of a task for the first time
	Questions *Count // questions of the last seven days without an answer: Today is how many there are now
	Follows   bool   // some plugin follows questions

	Missing  []string // plugins that could not be installed
	Starting bool     // hearth is not ready yet
	Compiler string   // of members' code: "ready", "preparing", "failed" or "off"
}

// Count is how many there were today, and whether there ever was one.
type Count struct {
	Today int
	Ever  bool
}

// Options say what the page works with. All but Analytics and Now are required.
type Options struct {
	Frame     *page.Frame
	Host      Host
	Access    *access.Keeper
	Analytics web.Analytics    // nil leaves the charts out
	Now       func() time.Time // nil is time.Now
}

//go:embed html
var files embed.FS

type pages struct {
	*page.Set
	o Options
}

// Register registers the page with the frame. Its line is the first of the menu
// if this is called before others.
func Register(o Options) error {
	if o.Frame == nil || o.Host == nil || o.Access == nil {
		return errors.New("front: Options.Frame, Host or Access is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	all := maps.Clone(words)
	maps.Copy(all, chartWords)
	set, err := o.Frame.NewSet(files, all, "html/*.html")
	if err != nil {
		return fmt.Errorf("front: %w", err)
	}
	p := &pages{set, o}
	set.Menu(page.Item{Path: "/", Key: "today", Need: access.Viewer})
	o.Frame.Get("/", access.Viewer, p.today)
	if o.Analytics != nil {
		o.Frame.Get("/numbers/{file}", access.Viewer, p.figures)
		o.Frame.Get("/funnel/{step}", access.Manager, p.behind)
		o.Frame.Get("/funnel/{step}/{file}", access.Manager, p.standingFile)
	}
	return nil
}

// todayView is the page.
type todayView struct {
	page.Head
	Day, Zone string
	Tiles     []tile
	Attention []attention
	Fresh     bool   // nobody has joined yet: what to do comes first
	Steps     []step // what to do until there is something to count; nil once all is done
	Left      int    // of those that are not done
	Charts    *charts
}

type tile struct {
	Number string
	Label  string
	Of     string // what it counts, or why it is not known
	Link   string
}

// attention is something that does not go well by itself.
type attention struct {
	State      string // bad, wait
	Text       []page.Span
	Link, Look string // where to look, and what that is called
}

type step struct {
	State      string // good, now, ""
	Text, Hint string
	Link, Do   string
}

func (p *pages) today(w http.ResponseWriter, r *page.Request) error {
	ctx := r.Context()
	today, err := p.o.Host.Today(ctx)
	if err != nil {
		return err
	}
	st, err := p.o.Host.Status(ctx)
	if err != nil {
		return err
	}
	tokens, err := p.o.Access.Tokens(ctx)
	if err != nil {
		return err
	}
	t := p.Texts(r)
	v := &todayView{Head: page.Head{Title: t.Say("today")}, Day: today.Began.Format(time.DateOnly), Zone: today.Began.Location().String()}
	v.Tiles = p.tiles(t, r.Person.Role, &today)
	v.Attention = p.attention(t, r.Person.Role, &today, &st)
	v.Fresh = today.Newcomers == nil || !today.Newcomers.Ever
	v.Steps, v.Left = p.steps(t, r.Person.Role, &today, &st, len(tokens))
	status := http.StatusOK
	if p.o.Analytics != nil {
		if v.Charts, err = p.charts(r); err != nil {
			return err
		}
		if len(v.Charts.Filter.Wrong) > 0 {
			status = http.StatusUnprocessableEntity
		}
	}
	return p.Show(w, r, status, "today", v)
}

// charts reads what a request asks for.
func (p *pages) charts(r *page.Request) (*charts, error) {
	ctx, t := r.Context(), p.Texts(r)
	sc, err := p.o.Analytics.Scope(ctx, web.Cohorts{})
	if err != nil {
		return nil, err
	}
	q, f := ask(t, r, &sc)
	none := &charts{Filter: f, Every: int(refreshEvery / time.Second), Known: sc.Since != ""}
	if len(f.Wrong) > 0 {
		return none, nil
	}
	d, err := p.o.Analytics.Dashboard(ctx, q)
	switch {
	case f.refused(t, err):
		return none, nil
	case err != nil:
		return nil, err
	}
	return p.chartsView(t, f, q, &d, r.Person.Role.Covers(access.Manager)), nil
}

func (p *pages) tiles(t page.Texts, role access.Role, d *Today) []tile {
	number := func(key, unknown string, c *Count) tile {
		if c == nil {
			return tile{Number: "–", Label: t.Say(key), Of: t.Say(unknown)}
		}
		return tile{Number: strconv.Itoa(c.Today), Label: t.Say(key), Of: t.Say(key + ".of")}
	}
	all := []tile{number("tile.newcomers", "unknown.soon", d.Newcomers), number("tile.greeted", "unknown.welcome", d.Greeted),
		number("tile.first", "unknown.tasks", d.FirstTask), number("tile.stuck", "unknown.tasks", d.Stuck), number("tile.questions", "unknown.questions", d.Questions)}
	if d.Questions == nil && d.Follows {
		all[4].Of = t.Say("unknown.soon")
	}
	for i, path := range map[int]string{0: "/members", 2: "/tasks", 4: "/knowledge?order=waiting"} {
		if p.open(path, role) && (i != 4 || d.Questions != nil) {
			all[i].Link = path
		}
	}
	return all
}

// old is how long a message may wait before that needs attention.
const old = 5 * time.Minute

// attention is what does not go well by itself, the worst first.
func (p *pages) attention(t page.Texts, role access.Role, d *Today, st *web.Status) []attention {
	var out []attention
	add := func(state, path string, need access.Role, text string) {
		a := attention{State: state, Text: page.Visible(text)}
		if p.exists(path) && role.Covers(need) {
			a.Link, a.Look = path, t.Say("have.look")
		}
		out = append(out, a)
	}
	for _, pl := range st.Platforms {
		name := page.Printable(pl.Name)
		if key := "platform." + pl.Name; t.Has(key) {
			name = t.Say(key)
		}
		switch {
		case pl.Held != "":
			add("bad", "/admin/platforms", access.Viewer, t.Say("need.held", name))
		case pl.Checked != nil && !pl.OK:
			add("bad", "/admin/platforms", access.Viewer, t.Say("need.platform", name))
		case len(pl.Missing) > 0:
			add("wait", "/admin/platforms", access.Viewer, t.Say("need.scopes", name))
		case pl.Oldest != nil && !st.Paused && p.o.Now().Sub(*pl.Oldest) > old:
			add("wait", "/admin/platforms", access.Viewer, t.Say("need.slow", name))
		}
	}
	for _, name := range d.Missing {
		add("bad", "/admin/plugins", access.Admin, t.Say("need.missing", name))
	}
	for _, pl := range st.Plugins {
		if pl.Status != "live" {
			add("bad", "/admin/events?tab=failed", access.Viewer, t.Say("need.plugin", pl.Name))
		}
	}
	if st.Failed > 0 {
		add("bad", "/admin/events?tab=failed", access.Viewer, t.Count("need.failed", st.Failed))
	}
	if st.Paused {
		add("wait", "/admin/platforms", access.Viewer, t.Say("need.paused"))
	}
	if len(st.Platforms) == 0 {
		add("wait", "/admin/platforms", access.Viewer, t.Say("need.none"))
	}
	for _, pl := range st.Plugins {
		if slices.ContainsFunc(pl.Grants, func(g web.Grant) bool { return !g.Granted }) {
			add("wait", "/admin/plugins", access.Admin, t.Say("need.grants", pl.Name))
		}
	}
	switch {
	case d.Starting:
		add("wait", "", access.Viewer, t.Say("need.starting"))
	case d.Compiler == "failed":
		add("bad", "", access.Viewer, t.Say("need.compiler"))
	case d.Compiler == "preparing":
		add("wait", "", access.Viewer, t.Say("need.preparing"))
	}
	return out
}

// steps are what to do until there is something to count. Once all of them were
// done they are not shown again.
func (p *pages) steps(t page.Texts, role access.Role, d *Today, st *web.Status, tokens int) ([]step, int) {
	ever := func(c *Count) bool { return c != nil && c.Ever }
	all := []struct {
		key   string
		done  bool
		paths []string // where it is done, the first that there is
		need  access.Role
	}{
		{"connect", len(st.Platforms) > 0, []string{"/setup", "/admin/settings", "/admin/platforms"}, access.Admin},
		{"join", ever(d.Newcomers), []string{"/chat"}, access.Viewer},
		{"greet", ever(d.Greeted), []string{"/messages", "/admin/events"}, access.Viewer},
		{"task", ever(d.FirstTask), []string{"/tasks"}, access.Viewer},
		{"second", tokens > 0, []string{"/admin/tokens"}, access.Admin},
	}
	var out []step
	left := 0
	for _, s := range all {
		x := step{Text: t.Say("step." + s.key)}
		switch {
		case s.done:
			x.State = "good"
		default:
			if left++; left == 1 {
				x.State = "now"
			}
			x.Hint = t.Say("step." + s.key + ".hint")
			i := slices.IndexFunc(s.paths, func(path string) bool {
				return p.exists(path) || path == "/chat" && slices.ContainsFunc(st.Platforms, func(pl web.Platform) bool { return pl.Name == "webchat" })
			})
			if i >= 0 && role.Covers(s.need) {
				x.Link, x.Do = s.paths[i], t.Say("step."+s.key+".do")
			}
		}
		out = append(out, x)
	}
	if left == 0 {
		return nil, 0
	}
	return out, left
}

// exists says whether the frame has a page of that path, to lead there.
func (p *pages) exists(path string) bool { return p.open(path, access.Admin) }

// open says whether the frame has a page of that path for a role.
func (p *pages) open(path string, role access.Role) bool {
	path, _, _ = strings.Cut(path, "?")
	return slices.ContainsFunc(p.o.Frame.Routes(), func(r page.Route) bool { return r.Pattern == path && role.Covers(r.Need) })
}
