package plug

import (
	"cmp"
	"net/http"
	"net/url"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// oneView is the page of a plugin.
type oneView struct {
	page.Head
	Done       string
	Sorry      *sorry
	Name, Path string
	About      []page.Span
	State      string
	Says       string
	Held       bool
	Disabled   bool
	Live       *versionRow // nil: nothing is
	Since      *page.Stamp
	Spark      *spark
	Hour       string // the last hour in words; "" if nobody counts
	Waiting    int
	Failures   int
	Events     string // where its events are; "" if there is no such page
	Settings   string // likewise
	Texts      string
	State2     string // where its rows are; "" for those who may not see them
	Previous   *versionRow
	Rollout    *rolloutView
	Shadow     *shadowView
	Migration  *migrationView
	Grants     []grantView // asked for or granted
	Missing    int
	Versions   []versionRow
}

type migrationView struct {
	From, To    int
	Done, Total string
	Percent     int
}

// versionRow is a version in a list.
type versionRow struct {
	Path, Version, SHA, Whole string
	Badge, Says               string
	Status                    string
	Uploaded                  page.Stamp
	By, Why                   []page.Span
	Bundled                   bool
	Signature, SelfTest       []page.Span
	Missing                   int
}

// grantView is a permission.
type grantView struct {
	Value   string // in a form
	Name    string
	Param   []page.Span
	Reason  []page.Span // the plugin's own words
	Granted bool
	Asked   bool
}

func (p *pages) one(w http.ResponseWriter, r *page.Request) error {
	return p.showOne(w, r, http.StatusOK, nil)
}

func (p *pages) showOne(w http.ResponseWriter, r *page.Request, status int, why *sorry) error {
	name := r.PathValue("name")
	pl, err := p.o.Plugins.Plugin(r.Context(), name)
	if err != nil {
		return p.lacking(err, base, "error.plugin")
	}
	list, err := p.o.Plugins.Versions(r.Context(), name)
	if err != nil {
		return p.lacking(err, base, "error.plugin")
	}
	t := p.Texts(r)
	v := &oneView{Head: page.Head{Title: name}, Done: p.Done(r), Sorry: why, Name: name, Path: onePath(name), About: page.Visible(about(t, &pl)), Since: page.Maybe(pl.Since),
		Waiting: pl.Waiting, Failures: pl.Failures, Held: pl.Status == "held back" || pl.Status == "probing", Disabled: pl.Status == "disabled"}
	v.State, v.Says = state(t, pl.Status)
	if h := pl.Health; h != nil {
		v.Hour = hour(t, h)
		if h.Events > 0 {
			v.Spark = newSpark(t, name, h)
		}
	}
	if m := pl.Migration; m != nil {
		v.Migration = &migrationView{From: m.From, To: m.To, Done: thousands(m.Done), Total: thousands(m.Total)}
		if m.Total > 0 {
			v.Migration.Percent = min(100, m.Done*100/m.Total)
		}
	}
	for i := range list {
		row := versionOf(t, &list[i])
		v.Versions = append(v.Versions, row)
		if list[i].Status == "live" {
			v.Live = &row
		}
		if list[i].SHA256 == pl.Previous && pl.Previous != "" {
			v.Previous = &row
		}
	}
	v.Grants, v.Missing = allGrants(t, &pl)
	if pl.Rollout != nil {
		v.Rollout = newRollout(t, name, pl.Rollout)
	}
	if pl.Shadow != "" {
		report, err := p.o.Plugins.ShadowReport(r.Context(), name)
		if err != nil {
			return err
		}
		v.Shadow = newShadow(t, name, &report)
	}
	v.links(p, r.Person.Role)
	return p.Show(w, r, status, "plugin", v)
}

// links are where else there is something about the plugin.
func (v *oneView) links(p *pages, role access.Role) {
	if p.exists("/admin/events") {
		v.Events = "/admin/events?" + page.Query("plugin", v.Name)
	}
	if p.exists("/admin/settings/{group}") && role.Covers(access.Manager) {
		v.Settings = "/admin/settings/" + url.PathEscape("plugins."+v.Name)
	}
	if p.exists("/messages") {
		v.Texts = "/messages?" + page.Query("plugin", v.Name)
	}
	if role.Covers(access.Manager) {
		v.State2 = v.Path + "/state"
	}
}

func versionOf(t page.Texts, v *web.PluginVersion) versionRow {
	out := versionRow{Path: versionPath(v.Name, v.SHA256), Version: page.Printable(v.Version), SHA: fit(v.SHA256), Whole: v.SHA256, Status: v.Status, Uploaded: page.At(v.Uploaded),
		By: page.Visible(v.By), Why: page.Visible(v.Why), Bundled: v.Bundled, Signature: signature(t, v.Signature), SelfTest: selfTest(t, v.SelfTest), Missing: len(v.Missing)}
	out.Says = t.Say("version." + v.Status)
	switch v.Status {
	case "live":
		out.Badge = "good"
	case "rollout", "shadow":
		out.Badge = "wait"
	default:
		out.Badge = "plain"
	}
	return out
}

// signature says what there is of one.
func signature(t page.Texts, s string) []page.Span {
	switch s {
	case "", "none":
		return page.Visible(t.Say("signature.none"))
	}
	return page.Visible(s)
}

func selfTest(t page.Texts, s string) []page.Span {
	switch s {
	case "", "ok", "passed":
		return page.Visible(t.Say("selftest.good"))
	}
	return page.Visible(s)
}

// grantKey is a permission in a form.
func grantKey(g web.Grant) string { return g.Name + " " + g.Param }

func grantViews(t page.Texts, list []web.Grant) []grantView {
	var out []grantView
	for _, g := range list {
		v := grantView{Value: grantKey(g), Name: page.Printable(g.Name), Param: page.Visible(g.Param), Reason: page.Visible(cmp.Or(g.ReasonIn[t.String()], g.Reason)), Granted: g.Granted, Asked: true}
		if key := "cap." + g.Name; t.Has(key) {
			v.Name = t.Say(key)
		}
		if g.Name == "state" && g.Param != "" {
			v.Param = page.Visible(g.Param + " MiB")
		}
		out = append(out, v)
	}
	return out
}

// allGrants are what a plugin asks for and what else was granted, and how many of
// those that it asks for were not.
func allGrants(t page.Texts, pl *web.Plugin) (out []grantView, missing int) {
	out = grantViews(t, pl.Grants)
	for _, g := range pl.Grants {
		if !g.Granted {
			missing++
		}
	}
	for _, g := range pl.Allowed {
		if !has(pl.Grants, g) {
			g.Granted = true
			v := grantViews(t, []web.Grant{g})[0]
			v.Asked = false
			out = append(out, v)
		}
	}
	return out, missing
}

func has(list []web.Grant, g web.Grant) bool {
	for _, h := range list {
		if h.Name == g.Name && h.Param == g.Param {
			return true
		}
	}
	return false
}
