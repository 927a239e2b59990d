package plug

import (
	"net/http"
	"slices"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// versionView is the page of a version: what it is, and the way to make it live.
type versionView struct {
	page.Head
	Done       string
	Sorry      *sorry
	Name, Path string
	V          versionRow
	Size       string
	StateNow   int // of the live version; 0: nothing is live
	State      int
	Steps      []stepView
	Live       *versionRow
	IsLive     bool
	Deletable  bool
	Grants     []grantChange
	Missing    int
	Commands   []change
	Events     []change
	Replay     bool // whether there is a replayer
	Replayed   *sumView
	Rollout    bool // whether another rollout is under way
	Shadow     bool
	Form       rolloutForm
	Gate       gateForm
}

type stepView struct{ Says, State, At string }

// grantChange is a permission beside what the live version asks for.
type grantChange struct {
	grantView
	Op    string // ins: only this one asks for it; del: only the live one does; same
	Says  string
	State string
}

// change is a word that came, went or stayed.
type change struct{ Op, Text string }

// find is the plugin and the version that a request is about.
func (p *pages) find(r *page.Request) (web.Plugin, web.PluginVersion, []web.PluginVersion, error) {
	name := r.PathValue("name")
	pl, err := p.o.Plugins.Plugin(r.Context(), name)
	if err != nil {
		return pl, web.PluginVersion{}, nil, p.lacking(err, base, "error.plugin")
	}
	list, err := p.o.Plugins.Versions(r.Context(), name)
	if err != nil {
		return pl, web.PluginVersion{}, nil, p.lacking(err, base, "error.plugin")
	}
	i := slices.IndexFunc(list, func(v web.PluginVersion) bool { return v.SHA256 == r.PathValue("sha") })
	if i < 0 {
		return pl, web.PluginVersion{}, nil, p.Sorry(http.StatusNotFound, onePath(name), "error.version")
	}
	return pl, list[i], list, nil
}

func (p *pages) version(w http.ResponseWriter, r *page.Request) error {
	return p.showVersion(w, r, http.StatusOK, &versionView{})
}

func (p *pages) showVersion(w http.ResponseWriter, r *page.Request, status int, v *versionView) error {
	pl, ver, list, err := p.find(r)
	if err != nil {
		return err
	}
	t := p.Texts(r)
	v.Title, v.Done = t.Say("version.title", pl.Name, page.Printable(ver.Version)), p.Done(r)
	v.Name, v.Path, v.V, v.Size = pl.Name, versionPath(pl.Name, ver.SHA256), versionOf(t, &ver), size(t, ver.Size)
	v.State, v.IsLive, v.Missing = ver.StateVersion, ver.Status == "live", len(ver.Missing)
	v.Deletable = ver.Status == "staged" || ver.Status == "previous"
	v.Replay, v.Rollout, v.Shadow = p.o.Replay != nil, pl.Rollout != nil, ver.Status == "shadow"
	var live *web.PluginVersion
	if i := slices.IndexFunc(list, func(x web.PluginVersion) bool { return x.Status == "live" }); i >= 0 {
		live = &list[i]
		row := versionOf(t, live)
		v.Live, v.StateNow = &row, live.StateVersion
	}
	v.Grants = grantChanges(t, &ver, live)
	v.Commands, v.Events = changes(t, ver.Commands, live, func(x *web.PluginVersion) []string { return x.Commands }, "/"),
		changes(t, ver.Events, live, func(x *web.PluginVersion) []string { return x.Events }, "")
	if run := p.replays.of(pl.Name, ver.SHA256); run != nil {
		v.Replayed = run.sum(t)
	}
	v.Steps = steps(t, v)
	if v.Form.zero() {
		v.Form = newRolloutForm()
	}
	if v.Gate == (gateForm{}) {
		v.Gate = gateForm{Last: "1000", P95: "200", Latency: "0", Fail: "0"}
	}
	return p.Show(w, r, status, "version", v)
}

// steps are how far a version is on its way.
func steps(t page.Texts, v *versionView) []stepView {
	out := []stepView{{t.Say("step.uploaded"), "good", ""}, {t.Say("step.granted"), "good", "#permissions"}}
	if v.Missing > 0 {
		out[1] = stepView{t.Say("step.grant"), "now", "#permissions"}
	}
	if v.Replay && !v.IsLive {
		s := stepView{t.Say("step.replay"), "", "#replay"}
		if v.Replayed != nil && v.Replayed.Over {
			s = stepView{t.Say("step.replayed"), "good", "#replay"}
		}
		out = append(out, s)
	}
	last := stepView{t.Say("step.live"), "", "#live"}
	if v.IsLive {
		last = stepView{t.Say("step.islive"), "good", ""}
	}
	out = append(out, last)
	for i := range out { // the first that is not done is what is to be done
		if out[i].State == "" && !slices.ContainsFunc(out, func(s stepView) bool { return s.State == "now" }) {
			out[i].State = "now"
		}
	}
	return out
}

// grantChanges are what a version asks for, beside the live one.
func grantChanges(t page.Texts, ver, live *web.PluginVersion) []grantChange {
	var out []grantChange
	for i, g := range ver.Grants {
		c := grantChange{grantView: grantViews(t, ver.Grants[i:i+1])[0], Op: "same"}
		if live != nil && live.SHA256 != ver.SHA256 && !has(live.Grants, g) {
			c.Op = "ins"
		}
		c.Granted = !has(ver.Missing, g)
		c.State, c.Says = "good", t.Say("grant.yes")
		if !c.Granted {
			c.State, c.Says = "wait", t.Say("grant.no")
		}
		out = append(out, c)
	}
	if live == nil || live.SHA256 == ver.SHA256 {
		return out
	}
	for i, g := range live.Grants {
		if !has(ver.Grants, g) {
			out = append(out, grantChange{grantView: grantViews(t, live.Grants[i:i+1])[0], Op: "del", State: "plain", Says: t.Say("grant.gone")})
		}
	}
	return out
}

// changes are words of a version beside those of the live one.
func changes(t page.Texts, now []string, live *web.PluginVersion, of func(*web.PluginVersion) []string, before string) []change {
	var was []string
	if live != nil {
		was = of(live)
	}
	say := func(s string) string {
		if key := "kind." + s; t.Has(key) {
			return t.Say(key)
		}
		return before + page.Printable(s)
	}
	var out []change
	for _, s := range now {
		c := change{"same", say(s)}
		if live != nil && !slices.Contains(was, s) {
			c.Op = "ins"
		}
		out = append(out, c)
	}
	for _, s := range was {
		if !slices.Contains(now, s) {
			out = append(out, change{"del", say(s)})
		}
	}
	return out
}

// size is how large something is, as people read it.
func size(t page.Texts, n int64) string {
	switch {
	case n < 1<<10:
		return t.Say("size.bytes", n)
	case n < 1<<20:
		return t.Say("size.kib", n>>10)
	}
	return t.Say("size.mib", float64(n)/(1<<20))
}

// gateForm is what was typed of a gate.
type gateForm struct {
	On                       bool
	Last, P95, Latency, Fail string
	Sorry                    string
}
