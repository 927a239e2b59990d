package plug

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// act answers a form of a plugin's page: do is done, and why not is told there.
func (p *pages) act(w http.ResponseWriter, r *page.Request, done string, do func(name, why string, form url.Values) error) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	r.Patience(w, changeTime)
	name := r.PathValue("name")
	if err := do(name, reason(form), form); err != nil {
		why, status, err := p.refused(p.Texts(r), err)
		if err != nil {
			return p.lacking(err, base, "error.plugin")
		}
		return p.showOne(w, r, status, why)
	}
	return p.to(w, r, onePath(name), done)
}

// actOn is act for a form of a version's page. Where it leads, back says.
func (p *pages) actOn(w http.ResponseWriter, r *page.Request, do func(form url.Values) (back, done string, err error)) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	r.Patience(w, changeTime)
	back, done, err := do(form)
	if err != nil {
		why, status, err := p.refused(p.Texts(r), err)
		if err != nil {
			return p.lacking(err, onePath(r.PathValue("name")), "error.version")
		}
		return p.showVersion(w, r, status, &versionView{Sorry: why, Form: typedRollout(form), Gate: typedGate(form)})
	}
	return p.to(w, r, back, done)
}

// grant permits a plugin what is ticked, and nothing else.
func (p *pages) grant(w http.ResponseWriter, r *page.Request) error {
	return p.act(w, r, "granted", func(name, why string, form url.Values) error {
		pl, err := p.o.Plugins.Plugin(r.Context(), name)
		if err != nil {
			return err
		}
		var all []web.Grant
		for _, g := range append(slices.Clone(pl.Grants), pl.Allowed...) {
			if slices.Contains(form["grant"], grantKey(g)) && !has(all, g) {
				all = append(all, g)
			}
		}
		return p.o.Plugins.Grant(r.Context(), r.Who(), name, all, why)
	})
}

// grantVersion permits a plugin what a version asks for, beside what it may.
func (p *pages) grantVersion(w http.ResponseWriter, r *page.Request) error {
	return p.actOn(w, r, func(form url.Values) (string, string, error) {
		pl, ver, _, err := p.find(r)
		if err != nil {
			return "", "", err
		}
		all := slices.Clone(pl.Allowed)
		for _, g := range pl.Grants {
			if g.Granted && !has(all, g) {
				all = append(all, g)
			}
		}
		for _, g := range ver.Grants {
			// What is ticked is what was shown: a version's requests never change.
			if slices.Contains(form["grant"], grantKey(g)) && !has(all, g) {
				all = append(all, g)
			}
		}
		return versionPath(pl.Name, ver.SHA256), "granted", p.o.Plugins.Grant(r.Context(), r.Who(), pl.Name, all, reason(form))
	})
}

func (p *pages) rollback(w http.ResponseWriter, r *page.Request) error {
	return p.act(w, r, "rolledback", func(name, why string, _ url.Values) error {
		_, err := p.o.Plugins.Rollback(r.Context(), r.Who(), name, why)
		return err
	})
}

func (p *pages) disable(w http.ResponseWriter, r *page.Request) error {
	return p.act(w, r, "disabled", func(name, why string, _ url.Values) error {
		return p.o.Plugins.Disable(r.Context(), r.Who(), name, why)
	})
}

func (p *pages) enable(w http.ResponseWriter, r *page.Request) error {
	return p.act(w, r, "enabled", func(name, why string, _ url.Values) error {
		return p.o.Plugins.Enable(r.Context(), r.Who(), name, why)
	})
}

// remove deletes a plugin, whose name has to be typed.
func (p *pages) remove(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	if strings.TrimSpace(form.Get("name")) != name {
		return p.showOne(w, r, http.StatusUnprocessableEntity, &sorry{Title: p.Texts(r).Say("delete.name", name)})
	}
	if err := p.o.Plugins.Remove(r.Context(), r.Who(), name, "", reason(form)); err != nil {
		why, status, err := p.refused(p.Texts(r), err)
		if err != nil {
			return p.lacking(err, base, "error.plugin")
		}
		return p.showOne(w, r, status, why)
	}
	return p.to(w, r, base, "deleted")
}

func (p *pages) endRollout(w http.ResponseWriter, r *page.Request) error {
	done := "rollout.back"
	return p.act(w, r, done, func(name, why string, form url.Values) error {
		return p.o.Plugins.EndRollout(r.Context(), r.Who(), name, form.Get("promote") != "", why)
	})
}

func (p *pages) endShadow(w http.ResponseWriter, r *page.Request) error {
	return p.act(w, r, "shadow.end", func(name, why string, _ url.Values) error {
		return p.o.Plugins.Shadow(r.Context(), r.Who(), name, "", why)
	})
}

func (p *pages) promote(w http.ResponseWriter, r *page.Request) error {
	return p.actOn(w, r, func(form url.Values) (string, string, error) {
		name, sha := r.PathValue("name"), r.PathValue("sha")
		o := web.PluginPromotion{Why: reason(form)}
		if form.Get("gate") != "" {
			gate, err := readGate(form)
			if err != nil {
				return "", "", err
			}
			o.Gate = gate
		}
		_, err := p.o.Plugins.Promote(r.Context(), r.Who(), name, sha, o)
		return onePath(name), "promoted", err
	})
}

func typedGate(form url.Values) gateForm {
	if form.Get("last") == "" {
		return gateForm{}
	}
	return gateForm{On: form.Get("gate") != "", Last: form.Get("last"), P95: form.Get("p95"), Latency: form.Get("latency"), Fail: form.Get("fail")}
}

// readGate is the gate that a form describes.
func readGate(form url.Values) (*web.PluginGate, error) {
	g := &web.PluginGate{}
	for _, f := range []struct {
		name string
		to   *int
		most int
	}{{"last", &g.Last, 10_000}, {"p95", &g.P95MS, 60_000}, {"latency", &g.LatencyMS, 10_000}, {"fail", &g.FailEvery, 1_000_000}} {
		n, err := whole(form.Get(f.name), f.most)
		if err != nil {
			return nil, spec("gate: %s", err)
		}
		*f.to = n
	}
	return g, nil
}

// whole reads a number that is not negative; "" is 0.
func whole(s string, most int) (int, error) {
	s = strings.ReplaceAll(strings.TrimSpace(s), ",", "")
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > most {
		return 0, notNumber(s, most)
	}
	return n, nil
}

func (p *pages) beginShadow(w http.ResponseWriter, r *page.Request) error {
	return p.actOn(w, r, func(form url.Values) (string, string, error) {
		name := r.PathValue("name")
		return onePath(name), "shadow", p.o.Plugins.Shadow(r.Context(), r.Who(), name, r.PathValue("sha"), reason(form))
	})
}

func (p *pages) beginRollout(w http.ResponseWriter, r *page.Request) error {
	return p.actOn(w, r, func(form url.Values) (string, string, error) {
		name := r.PathValue("name")
		s, err := typedRollout(form).read()
		if err != nil {
			return "", "", err
		}
		s.SHA256 = r.PathValue("sha")
		return onePath(name), "rollout", p.o.Plugins.BeginRollout(r.Context(), r.Who(), name, s, reason(form))
	})
}

func (p *pages) removeVersion(w http.ResponseWriter, r *page.Request) error {
	return p.actOn(w, r, func(form url.Values) (string, string, error) {
		name := r.PathValue("name")
		return onePath(name), "version.deleted", p.o.Plugins.Remove(r.Context(), r.Who(), name, r.PathValue("sha"), reason(form))
	})
}
