package plug

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/web/page"
)

// Replayer runs events of the journal through a version of a plugin, and says
// how far it is. web.ErrNotFound says that there is no such version.
type Replayer func(ctx context.Context, who audit.Who, name, sha string, last int, progress func(done, total int)) (*replay.Report, error)

const (
	replayTime = 5 * time.Minute
	maxReplay  = 10_000 // events
	maxKept    = 4      // replays whose reports are in memory
	perPage    = 25     // events of a report on a page

	// keptFor is how long a report is in memory: it has words of members, who may
	// have themselves forgotten meanwhile.
	keptFor = time.Hour
)

// replays are those that were asked for lately. The zero value has none.
type replays struct {
	mu   sync.Mutex
	list []*run // the newest last
}

// run is one replay.
type run struct {
	name, sha   string
	by          string
	at          time.Time
	last        int
	done, total atomic.Int64
	over        chan struct{}

	// Set before over is closed.
	report *replay.Report
	err    error
}

func (r *run) isOver() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// of is the newest replay of a version, nil if there is none.
func (rs *replays) of(name, sha string) *run {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, r := range slices.Backward(rs.list) {
		if r.name == name && r.sha == sha {
			return r
		}
	}
	return nil
}

// begin adds a replay, unless one is under way.
func (rs *replays) begin(r *run) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if slices.ContainsFunc(rs.list, func(o *run) bool { return !o.isOver() }) {
		return false
	}
	rs.list = slices.DeleteFunc(rs.list, func(o *run) bool { return o.name == r.name && o.sha == r.sha })
	rs.list = append(rs.list[max(0, len(rs.list)-maxKept+1):], r)
	return true
}

// drop lets go of a replay.
func (rs *replays) drop(r *run) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.list = slices.DeleteFunc(rs.list, func(o *run) bool { return o == r })
}

// replay begins a replay, and leads to where it is shown.
func (p *pages) replay(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	pl, ver, _, err := p.find(r)
	if err != nil {
		return err
	}
	if p.o.Replay == nil {
		return p.Sorry(http.StatusNotFound, versionPath(pl.Name, ver.SHA256), "error.noreplay")
	}
	last, err := whole(form.Get("last"), maxReplay)
	if err != nil {
		return p.showVersion(w, r, http.StatusUnprocessableEntity, &versionView{Sorry: &sorry{Title: p.Texts(r).Say("replay.wrong", maxReplay)}})
	}
	if last == 0 {
		last = 1000
	}
	x := &run{name: pl.Name, sha: ver.SHA256, by: r.Person.Name, at: p.o.Now(), last: last, over: make(chan struct{})}
	if !p.replays.begin(x) {
		return p.showVersion(w, r, http.StatusConflict, &versionView{Sorry: &sorry{Title: p.Texts(r).Say("replay.busy")}})
	}
	// It goes on when the browser goes, and ends with the server.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), replayTime)
	go func() {
		select {
		case <-p.o.Frame.Closed():
		case <-x.over:
		}
		cancel()
	}()
	who := r.Who()
	go func() {
		defer time.AfterFunc(keptFor, func() { p.replays.drop(x) })
		defer close(x.over)
		x.report, x.err = p.o.Replay(ctx, who, x.name, x.sha, x.last, func(done, total int) {
			x.done.Store(int64(done))
			x.total.Store(int64(total))
		})
	}()
	http.Redirect(w, r.Request, versionPath(pl.Name, ver.SHA256)+"/replay", http.StatusSeeOther)
	return nil
}

// replayView is the page of a replay.
type replayView struct {
	page.Head
	Name, Path, Version, SHA string
	Run                      *sumView // nil: there is none
	Changes                  []changeView
	Pages                    *pagesView
}

type pagesView struct{ Newer, Older, Says string }

// sumView is a replay in sum.
type sumView struct {
	Path      string // of its page
	Over      bool
	Sorry     []page.Span
	Percent   int
	Says      string
	At        page.Stamp
	By        []page.Span
	Tiles     []tile
	Costs     []cost
	Sums      []sumRow
	Notes     []string
	Nothing   bool // no event came out otherwise
	Different int
}

type tile struct {
	Number, Says string
	Bad          bool
}

type cost struct{ Label, Before, After, Change string }

type sumRow struct{ What, How, Count, Events string }

// changeView is an event that comes out otherwise.
type changeView struct {
	Number, At, Kind string
	Who              []page.Span
	Time             page.Stamp
	Badge, Says      string
	Missed           []string
	Lines            []differenceView
	ErrorBefore      []page.Span
	Error            []page.Span
}

type differenceView struct {
	Title string
	Name  []page.Span
	Diff  []page.DiffLine
}

func (r *run) sum(t page.Texts) *sumView {
	v := &sumView{Path: versionPath(r.name, r.sha) + "/replay", Over: r.isOver(), At: page.At(r.at), By: page.Visible(r.by)}
	if !v.Over {
		done, total := int(r.done.Load()), int(r.total.Load())
		v.Says = t.Say("replay.prepare")
		if total > 0 {
			v.Percent, v.Says = min(100, done*100/total), t.Say("replay.progress", thousands(done), thousands(total))
		}
		return v
	}
	if r.err != nil {
		v.Sorry = page.Visible(r.err.Error())
		return v
	}
	rep := r.report
	v.Different = rep.Changed + rep.Inexact
	v.Nothing = rep.Changed == 0 && rep.Inexact == 0
	v.Tiles = []tile{{thousands(rep.Events), t.Say("replay.events"), false}, {thousands(rep.Same), t.Say("replay.same"), false}, {thousands(rep.Changed), t.Say("replay.changed"), false},
		{thousands(rep.Inexact), t.Say("replay.inexact"), false}, {thousands(rep.Failed), t.Say("replay.failed"), rep.Broken > 0}}
	b, a := rep.Before, rep.After
	if rep.Events > 0 {
		v.Costs = []cost{{t.Say("cost.fuel"), thousands(int(b.Fuel / int64(rep.Events))), thousands(int(a.Fuel / int64(rep.Events))), percent(float64(b.Fuel), float64(a.Fuel))},
			{t.Say("cost.p50"), short(b.P50MS) + " ms", short(a.P50MS) + " ms", percent(b.P50MS, a.P50MS)},
			{t.Say("cost.p95"), short(b.P95MS) + " ms", short(a.P95MS) + " ms", percent(b.P95MS, a.P95MS)},
			{t.Say("cost.max"), short(b.MaxMS) + " ms", short(a.MaxMS) + " ms", percent(b.MaxMS, a.MaxMS)}}
	}
	for _, s := range rep.Sums {
		v.Sums = append(v.Sums, sumRow{t.Say("what." + string(s.What)), t.Say("how." + string(s.How)), thousands(s.Count), thousands(s.Events)})
	}
	for _, n := range []struct {
		key string
		n   int
	}{{"replay.config", rep.ConfigChanged}, {"replay.skipped", rep.Skipped}, {"replay.omitted", rep.Omitted}} {
		if n.n > 0 {
			v.Notes = append(v.Notes, t.Say(n.key, thousands(n.n)))
		}
	}
	if rep.StateVersion != rep.StateBefore && rep.StateBefore != 0 {
		v.Notes = append(v.Notes, t.Say("replay.state", rep.StateBefore, rep.StateVersion))
	}
	if rep.Events == 0 {
		v.Notes = append(v.Notes, t.Say("replay.none"))
	}
	return v
}

// percent is how much more or less something is; "" if that says nothing.
func percent(before, after float64) string {
	if before <= 0 {
		return ""
	}
	n := (after - before) / before * 100
	switch {
	case n > -0.5 && n < 0.5:
		return "±0 %"
	case n > 0:
		return "+" + short(float64(int(n+0.5))) + " %"
	}
	return "−" + short(float64(int(-n+0.5))) + " %"
}

// replayed shows a replay: how far it is, or what came of it.
func (p *pages) replayed(w http.ResponseWriter, r *page.Request) error {
	pl, ver, _, err := p.find(r)
	if err != nil {
		return err
	}
	t := p.Texts(r)
	v := &replayView{Head: page.Head{Title: t.Say("replay.title", pl.Name, page.Printable(ver.Version))}, Name: pl.Name, Path: versionPath(pl.Name, ver.SHA256), Version: page.Printable(ver.Version), SHA: fit(ver.SHA256)}
	run := p.replays.of(pl.Name, ver.SHA256)
	if run != nil {
		v.Run = run.sum(t)
		if v.Run.Over && run.err == nil {
			v.page(t, run.report.Changes, r.URL.Query().Get("page"))
		}
	}
	if r.Live() {
		v.T = t
		return p.Part(w, r, http.StatusOK, "replay.body", v)
	}
	return p.Show(w, r, http.StatusOK, "replay", v)
}

// page shows a part of the events that come out otherwise, the newest first.
func (v *replayView) page(t page.Texts, list []replay.Change, which string) {
	n, err := whole(which, len(list)/perPage)
	if err != nil {
		n = 0
	}
	last := (len(list) - 1) / perPage
	n = min(n, last)
	for i := range list {
		at := len(list) - 1 - i
		if i/perPage == n {
			v.Changes = append(v.Changes, newChange(t, &list[at]))
		}
	}
	if last > 0 {
		v.Pages = &pagesView{Says: t.Say("replay.page", n+1, last+1)}
		to := func(n int) string { return v.Path + "/replay?" + url.Values{"page": {thousands(n)}}.Encode() }
		if n > 0 {
			v.Pages.Newer = to(n - 1)
		}
		if n < last {
			v.Pages.Older = to(n + 1)
		}
	}
}

func newChange(t page.Texts, c *replay.Change) changeView {
	who := c.MemberName
	if who == "" {
		who = c.Member
	}
	v := changeView{Number: c.Number, At: "/admin/events/" + url.PathEscape(c.Number), Kind: kind(t, c.Kind), Who: page.Visible(who), Time: page.At(c.Time), Badge: "wait", Says: t.Say("change.changed"),
		ErrorBefore: page.Visible(c.ErrorBefore), Error: page.Visible(c.Error)}
	switch {
	case c.Error != "" && c.ErrorBefore == "":
		v.Badge, v.Says = "bad", t.Say("change.broken")
	case c.Inexact:
		v.Badge, v.Says = "plain", t.Say("change.inexact")
	case len(c.Differences) == 0:
		v.Badge, v.Says = "good", t.Say("change.same")
	}
	for _, m := range c.Missed {
		v.Missed = append(v.Missed, page.Printable(m))
	}
	for _, d := range c.Differences {
		if d.What == replay.Error { // stands above
			continue
		}
		v.Lines = append(v.Lines, differenceView{t.Say("what."+string(d.What)) + ": " + t.Say("how."+string(d.How)), page.Visible(d.Name), page.Diff(d.Before, d.After)})
	}
	return v
}
