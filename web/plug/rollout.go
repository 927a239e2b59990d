package plug

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// rolloutForm is what was typed of a gradual release.
type rolloutForm struct {
	Share, Labels, Channels     string
	Window, Min, AfterN, AfterM string
	Guards                      []guardForm
	Open                        bool // something was typed
	Example                     string
}

type guardForm struct{ Name, Most, Times string }

// guards are the guardrails, in the order of the form. In the form, parts are
// percent.
var guards = []string{"error_rate", "p95_ms", "fuel", "refused", "delivery_failures", "messages"}

func (f *rolloutForm) zero() bool { return f.Guards == nil }

// newRolloutForm is what one begins with: a small share, which goes back by
// itself where it does worse.
func newRolloutForm() rolloutForm {
	f := rolloutForm{Share: "5", Window: "300", Min: "20"}
	for _, g := range guards {
		f.Guards = append(f.Guards, guardForm{Name: g})
	}
	return f
}

func typedRollout(form url.Values) rolloutForm {
	if _, ok := form["share"]; !ok {
		return rolloutForm{}
	}
	f := rolloutForm{Share: form.Get("share"), Labels: lines(form.Get("labels")), Channels: lines(form.Get("channels")), Window: form.Get("window"), Min: form.Get("min"),
		AfterN: form.Get("after_events"), AfterM: form.Get("after_minutes"), Open: true}
	for _, g := range guards {
		f.Guards = append(f.Guards, guardForm{g, form.Get(g + ".most"), form.Get(g + ".times")})
	}
	return f
}

func lines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// spec is an error of what was typed.
func spec(format string, a ...any) error {
	return &web.PluginError{Code: web.PluginSpec, Err: fmt.Errorf(format, a...)}
}

func notNumber(s string, most int) error {
	return fmt.Errorf("%q is no whole number from 0 to %d", s, most)
}

// decimal reads a number that is not negative; "" is 0.
func decimal(s string, most float64) (float64, error) {
	s = strings.TrimSuffix(strings.TrimSpace(s), "%")
	if s = strings.TrimSpace(s); s == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 0 && n <= most) {
		return 0, fmt.Errorf("%q is no number from 0 to %g", s, most)
	}
	return n, nil
}

// maxLabels and maxChannels are as many as there can be.
const (
	maxLabels   = 16
	maxChannels = 100
)

// read is the gradual release that was typed; a *web.PluginError says what cannot
// be read of it.
func (f rolloutForm) read() (s web.RolloutSpec, err error) {
	if s.Share, err = decimal(f.Share, 100); err != nil {
		return s, spec("share: %w", err)
	}
	for i, line := range strings.Split(f.Labels, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		at := strings.LastIndexAny(line, " \t")
		if at < 0 {
			return s, spec("labels, line %d: %q has no share behind it: vip-tier==gold 100", i+1, line)
		}
		weight, err := decimal(line[at+1:], 100)
		if err != nil {
			return s, spec("labels, line %d: the share %w", i+1, err)
		}
		s.Labels = append(s.Labels, web.RolloutLabel{When: strings.TrimSpace(line[:at]), Weight: weight})
	}
	s.Channels = append(s.Channels, strings.Fields(f.Channels)...)
	if len(s.Labels) > maxLabels || len(s.Channels) > maxChannels {
		return s, spec("at most %d labels and %d channels", maxLabels, maxChannels)
	}
	for _, n := range []struct {
		name, text string
		to         *int
		most       int
	}{{"window", f.Window, &s.WindowS, 86400}, {"events before a guardrail breaks", f.Min, &s.MinEvents, 1_000_000},
		{"made live after events", f.AfterN, &s.AfterEvents, 100_000_000}, {"made live after minutes", f.AfterM, &s.AfterMinutes, 60 * 24 * 90}} {
		if *n.to, err = whole(n.text, n.most); err != nil {
			return s, spec("%s: %w", n.name, err)
		}
	}
	to := map[string]*web.Guardrail{"error_rate": &s.Guardrails.ErrorRate, "p95_ms": &s.Guardrails.P95MS, "fuel": &s.Guardrails.Fuel, "refused": &s.Guardrails.Refused,
		"delivery_failures": &s.Guardrails.Delivery, "messages": &s.Guardrails.Messages}
	for _, g := range f.Guards {
		rail := to[g.Name]
		if rail.Most, err = decimal(g.Most, 1e12); err != nil {
			return s, spec("%s: %w", g.Name, err)
		}
		if rail.Times, err = decimal(g.Times, 1000); err != nil {
			return s, spec("%s: %w", g.Name, err)
		}
		if part(g.Name) {
			rail.Most /= 100
		}
	}
	return s, nil
}

// part says whether a guardrail is a part of something, which is typed in percent.
func part(name string) bool {
	return name == "error_rate" || name == "refused" || name == "delivery_failures"
}

// rolloutView is a gradual release and how it goes.
type rolloutView struct {
	Path    string
	Began   page.Stamp
	By      []page.Span
	Spec    []string
	New     armView
	Live    armView
	Meters  []meter
	Promise []string // when it ends by itself
}

type armView struct {
	Path, Version, SHA    string
	Events, Failed, Share string
	Bad                   bool
}

func newRollout(t page.Texts, name string, ro *web.Rollout) *rolloutView {
	v := &rolloutView{Path: onePath(name), Began: page.At(ro.Began), By: page.Visible(ro.By), New: arm(name, ro.New), Live: arm(name, ro.Live), Meters: meters(t, ro.Bars)}
	s := &ro.Spec
	if s.Share > 0 {
		v.Spec = append(v.Spec, t.Say("rollout.share", short(s.Share)+" %"))
	}
	for _, l := range s.Labels {
		v.Spec = append(v.Spec, t.Say("rollout.label", page.Printable(l.When), short(l.Weight)+" %"))
	}
	if n := len(s.Channels); n > 0 {
		v.Spec = append(v.Spec, t.Say("rollout.channels", page.Printable(strings.Join(s.Channels, ", "))))
	}
	if s.AfterEvents > 0 {
		v.Promise = append(v.Promise, t.Say("rollout.afterevents", thousands(s.AfterEvents)))
	}
	if s.AfterMinutes > 0 {
		v.Promise = append(v.Promise, t.Say("rollout.afterminutes", thousands(s.AfterMinutes)))
	}
	return v
}

func arm(name string, a web.RolloutArm) armView {
	return armView{Path: versionPath(name, a.SHA256), Version: page.Printable(a.Version), SHA: fit(a.SHA256), Events: thousands(a.Events), Failed: thousands(a.Failed), Share: short(a.Share), Bad: a.Failed > 0}
}

// shadowView is a silent trial and what it has shown.
type shadowView struct {
	Path, At, Version, SHA                          string
	Began                                           page.Stamp
	Events, Same, Changed, Failed, Inexact, Dropped string
	Differs                                         bool
	List                                            []shadowed
}

type shadowed struct {
	Number, At, Kind string
	Differences      [][]page.Span
}

func newShadow(t page.Texts, name string, s *web.ShadowReport) *shadowView {
	v := &shadowView{Path: onePath(name), At: versionPath(name, s.SHA256), Version: page.Printable(s.Version), SHA: fit(s.SHA256), Began: page.At(s.Began), Events: thousands(s.Events),
		Same: thousands(s.Same), Changed: thousands(s.Changed), Failed: thousands(s.Failed), Inexact: thousands(s.Inexact), Dropped: thousands(s.Dropped), Differs: s.Changed+s.Failed > 0}
	for i, e := range s.List {
		if i == maxShadowed {
			break
		}
		x := shadowed{Number: e.Number, At: "/admin/events/" + url.PathEscape(e.Number), Kind: kind(t, e.Kind)}
		for _, d := range e.Differences {
			x.Differences = append(x.Differences, page.Visible(d))
		}
		v.List = append(v.List, x)
	}
	return v
}

const maxShadowed = 20

// kind is what a kind of events is called.
func kind(t page.Texts, k string) string {
	if key := "kind." + k; t.Has(key) {
		return t.Say(key)
	}
	return page.Printable(k)
}
