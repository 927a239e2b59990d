package plan

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hearthbot/hearth/sdk/experiment"
)

var (
	keyForm       = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	variationForm = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)
	metricForm    = regexp.MustCompile(`^[a-zA-Z0-9]+([._-][a-zA-Z0-9]+)*$`)
)

// reserved are names that conditions of gradual releases, or addresses, know as
// something else.
var reserved = []string{"platform", "channel", "locale", "kind", "bot", "guest", "assign", "plan", "new"}

// Validate says everything that is wrong with the definition, in the order of its
// fields, nil if nothing is.
func (d *Definition) Validate() Problems {
	c := &checker{}
	c.key(d)
	c.variations(d)
	c.text("name", d.Name, true)
	c.text("about", d.About, false)
	c.parts(d)
	c.forced(d)
	c.times(d)
	c.target(d)
	c.judged(d)
	c.status(d)
	if len(c.found) > 0 {
		return c.found
	}
	if err := d.Experiment.Validate(); err != nil {
		return Problems{problem("", "experiment", err.Error())}
	}
	if n := len(d.Encode()); n > MaxBytes {
		return Problems{problem("", "size", n>>10, MaxBytes>>10)}
	}
	return nil
}

type checker struct{ found Problems }

func (c *checker) bad(field, code string, args ...any) {
	c.found = append(c.found, problem(field, code, args...))
}

func (c *checker) share(field string, f float64) {
	if !(f >= 0 && f <= 1) {
		c.bad(field, "share", number(f))
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', 4, 64) }

func (c *checker) key(d *Definition) {
	switch {
	case d.Key == "":
		c.bad("key", "key.none")
	case len(d.Key) > experiment.MaxKey || !keyForm.MatchString(d.Key):
		c.bad("key", "key", d.Key, experiment.MaxKey)
	case slices.Contains(reserved, d.Key):
		c.bad("key", "key.reserved", d.Key)
	}
	if len(d.Seed) > experiment.MaxKey || !utf8.ValidString(d.Seed) {
		c.bad("seed", "seed", experiment.MaxKey)
	}
	if d.Version < 0 || d.Version > 2 {
		c.bad("hash_version", "version", d.Version)
	}
}

func (c *checker) variations(d *Definition) {
	if n := len(d.Variations); n < 2 || n > experiment.MaxVariations {
		c.bad("variations", "variations", n, experiment.MaxVariations)
	}
	for i, v := range d.Variations {
		field := index("variations", i)
		switch {
		case len(v) > experiment.MaxKey || !variationForm.MatchString(v):
			c.bad(field, "variation", v, experiment.MaxKey)
		case slices.Index(d.Variations, v) != i:
			c.bad(field, "variation.twice", v)
		}
	}
	if d.Weights == nil {
		return
	}
	sum, good := 0.0, true
	for i, w := range d.Weights {
		if !(w >= 0 && w <= 1) {
			c.bad(index("weights", i), "share", number(w))
			good = false
		}
		sum += w
	}
	switch {
	case len(d.Weights) != len(d.Variations):
		c.bad("weights", "weights.count", len(d.Weights), len(d.Variations))
	case good && math.Abs(sum-1) > 0.0011:
		c.bad("weights", "weights.sum", number(sum))
	}
}

func index(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

func (c *checker) text(field string, t Text, required bool) {
	for _, l := range slices.Sorted(maps.Keys(t)) {
		switch {
		case !slices.Contains(Locales, l):
			c.bad(field+"."+l, "locale", l, strings.Join(Locales, ", "))
		case utf8.RuneCountInString(t[l]) > MaxText || !utf8.ValidString(t[l]):
			c.bad(field+"."+l, "text", MaxText)
		}
	}
	if required && strings.TrimSpace(t.In("en")) == "" {
		c.bad(field, "name.none")
	}
}

func (c *checker) parts(d *Definition) {
	if d.Coverage != nil {
		c.share("coverage", *d.Coverage)
	}
	if n := d.Namespace; n != nil {
		if n.ID == "" || len(n.ID) > experiment.MaxKey {
			c.bad("namespace.id", "namespace.id", experiment.MaxKey)
		}
		if !(n.Start >= 0 && n.Start < n.End && n.End <= 1) {
			c.bad("namespace", "namespace", number(n.Start), number(n.End))
		}
	}
	if h := d.Holdout; h != nil {
		if h.Name == "" || len(h.Name) > experiment.MaxKey {
			c.bad("holdout.name", "holdout.name", experiment.MaxKey)
		}
		c.share("holdout.share", h.Share)
	}
}

func (c *checker) forced(d *Definition) {
	if len(d.Forced) > MaxForced {
		c.bad("forced", "forced.many", len(d.Forced), MaxForced)
	}
	for _, id := range slices.Sorted(maps.Keys(d.Forced)) {
		field := "forced." + id
		if platform, local, ok := strings.Cut(id, ":"); !ok || platform == "" || local == "" || len(id) > 128 {
			c.bad(field, "forced.id", id)
		}
		if v := d.Forced[id]; !slices.Contains(d.Variations, v) {
			c.bad(field, "forced", id, v)
		}
	}
}

func (c *checker) times(d *Definition) {
	if !d.Start.IsZero() && !d.Stop.IsZero() && !d.Start.Before(d.Stop) {
		c.bad("stop", "stop")
	}
	if len(d.Ramp) > experiment.MaxRamp {
		c.bad("ramp", "ramp.many", len(d.Ramp), experiment.MaxRamp)
	}
	for i, s := range d.Ramp {
		c.share(index("ramp", i)+".coverage", s.Coverage)
		if s.At.IsZero() || i > 0 && !d.Ramp[i-1].At.Before(s.At) {
			c.bad(index("ramp", i)+".at", "ramp", i+1)
		}
		if i > 0 && s.Coverage < d.Ramp[i-1].Coverage {
			c.bad(index("ramp", i)+".coverage", "ramp.down", i+1)
		}
	}
}

func (c *checker) target(d *Definition) {
	if _, p := compile(d.Target); p != nil {
		c.found = append(c.found, *p)
	}
}

func (c *checker) judged(d *Definition) {
	if len(d.Metrics) > MaxMetrics {
		c.bad("metrics", "metrics.many", len(d.Metrics), MaxMetrics)
	}
	for i, m := range d.Metrics {
		switch {
		case !isMetric(m):
			c.bad(index("metrics", i), "metric", m)
		case slices.Index(d.Metrics, m) != i:
			c.bad(index("metrics", i), "metric.twice", m)
		}
	}
	if len(d.Guardrails) > MaxMetrics {
		c.bad("guardrails", "metrics.many", len(d.Guardrails), MaxMetrics)
	}
	for i, g := range d.Guardrails {
		field := index("guardrails", i)
		switch {
		case !isMetric(g.Metric):
			c.bad(field+".metric", "metric", g.Metric)
		case slices.IndexFunc(d.Guardrails, func(o Guardrail) bool { return o.Metric == g.Metric }) != i:
			c.bad(field+".metric", "metric.twice", g.Metric)
		}
		c.share(field+".margin", g.Margin)
	}
	if d.Status == Running && len(d.Metrics) == 0 {
		c.bad("metrics", "metrics.none")
	}
}

func isMetric(s string) bool { return len(s) <= experiment.MaxKey && metricForm.MatchString(s) }

func (c *checker) status(d *Definition) {
	switch {
	case !slices.Contains(Statuses(), d.Status):
		c.bad("status", "status", string(d.Status))
	case d.Status == Settled && !slices.Contains(d.Variations, d.Winner):
		c.bad("winner", "winner", d.Winner)
	case d.Status != Settled && d.Winner != "":
		c.bad("winner", "winner.none")
	}
	if len(d.Reason) > experiment.MaxKey+len("guardrail:") {
		c.bad("reason", "text", experiment.MaxKey)
	}
}

// Fits says what is wrong with all experiments together, nil if nothing is: two of
// one key, too many, or more than there is room for.
func Fits(all []*Definition) Problems {
	var found Problems
	bytes, live := 0, 0
	keys := map[string]bool{}
	for _, d := range all {
		if keys[d.Key] {
			found = append(found, problem("key", "key.twice", d.Key))
		}
		keys[d.Key] = true
		bytes += len(d.Encode())
		if d.Status == Running || d.Status == Settled {
			live++
		}
	}
	if len(all) > MaxDefinitions {
		found = append(found, problem("", "all.many", len(all), MaxDefinitions))
	}
	if bytes > MaxAllBytes {
		found = append(found, problem("", "all.size", bytes>>10, MaxAllBytes>>10))
	}
	if live > MaxRunning {
		found = append(found, problem("status", "all.running", live, MaxRunning))
	}
	return found
}
