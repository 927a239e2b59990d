package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAnalytics(t *testing.T) {
	c, err := Parse("hearth.toml", []byte(`[analytics]
active = ["message.posted"]
window = "14d"
metrics = [{ name = "back", day = 3 }]

[[analytics.funnel]]
name = "joined"
by = ["member.joined"]

[[analytics.funnel]]
name = "helped"
by = ["digest.helped", "pr.opened"]
`), env(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := []FunnelStep{{"joined", []string{"member.joined"}}, {"helped", []string{"digest.helped", "pr.opened"}}}
	if a := c.Analytics; !reflect.DeepEqual(a.Funnel, want) || a.Window != 14*24*time.Hour || !reflect.DeepEqual(a.Metrics, []Metric{{Name: "back", Day: 3}}) ||
		!slices.Equal(a.Active, []string{"message.posted"}) {
		t.Errorf("%+v", a)
	}
	// What is shown is what can be set.
	for _, s := range Default().Settings() {
		if !strings.HasPrefix(s.Name, "analytics.") {
			continue
		}
		again, faults := Default().Overlay(map[string]json.RawMessage{s.Name: s.Value})
		if len(faults) > 0 || !reflect.DeepEqual(again.Analytics, Default().Analytics) {
			t.Errorf("%s: %s: %v", s.Name, s.Value, faults)
		}
		if s.Admin && s.Name != "analytics.events" {
			t.Errorf("%s is for admins alone", s.Name)
		}
	}
}

func TestAnalyticsRefused(t *testing.T) {
	for name, x := range map[string]struct{ file, want string }{
		"a kind that there is not":  {"[analytics]\nactive = [\"mesage.posted\"]", `hearth.toml:2: analytics.active: has "mesage.posted", which is no kind of event, did you mean message.posted?`},
		"nobody active":             {"[analytics]\nactive = []", `hearth.toml:2: analytics.active: is empty`},
		"a step without a name":     {"[analytics]\n\nfunnel = [{ by = [\"x\"] }]", `hearth.toml:3: analytics.funnel: number 1: it has no name`},
		"a step of nothing":         {"[analytics]\nfunnel = [{ name = \"a\" }]", `number 1: it lacks what makes it`},
		"a misspelt field":          {"[analytics]\nfunnel = [{ nam = \"a\", by = [\"x\"] }]", `number 1: has "nam", which there is not, did you mean name?`},
		"no list":                   {"[analytics]\nfunnel = \"joined\"", `analytics.funnel: wants a list of steps`},
		"one step":                  {"[analytics]\nfunnel = [{ name = \"a\", by = [\"x\"] }]", `hearth.toml:2: analytics: the funnel has 1 steps; it has 2 to 12`},
		"two steps of one name":     {"[analytics]\nfunnel = [{ name = \"a\", by = [\"x\"] }, { name = \"a\", by = [\"y\"] }]", `names are different`},
		"a metric of both":          {"[analytics]\nmetrics = [{ name = \"m\", day = 7, within = \"7d\" }]", `number 1: it is either a day = 7 of activity`},
		"a metric of neither":       {"[analytics]\nmetrics = [{ name = \"m\", by = [\"x\"] }]", `number 1: it is either`},
		"a metric of half a year":   {"[analytics]\nmetrics = [{ name = \"m\", by = [\"x\"], within = \"180d\" }]", `within: is "180d"; 1m to 90d are possible`},
		"a window of half a minute": {"[analytics]\nwindow = \"30s\"", `hearth.toml:2: analytics.window`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("hearth.toml", []byte(x.file), env(nil))
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("got %v\nwant %s", err, x.want)
			}
		})
	}
}

// TestAnalyticsThatDoNotGoTogether stores two settings that are all right by
// themselves: neither keeps hearth from starting.
func TestAnalyticsThatDoNotGoTogether(t *testing.T) {
	var metrics, steps []string
	for i := range 20 {
		metrics = append(metrics, `{"name":"m`+string(rune('a'+i))+`","by":["x.`+string(rune('a'+i))+`"],"within":"1d"}`)
	}
	for i := range 12 {
		steps = append(steps, `{"name":"s`+string(rune('a'+i))+`","by":["y.`+string(rune('a'+i))+`"]}`)
	}
	stored := map[string]json.RawMessage{
		"analytics.metrics": json.RawMessage("[" + strings.Join(metrics, ",") + "]"),
		"analytics.funnel":  json.RawMessage("[" + strings.Join(steps, ",") + "]"),
		"community.name":    json.RawMessage(`"Gophers"`),
	}
	c, faults := Default().Overlay(stored)
	var keys []string
	for _, f := range faults {
		keys = append(keys, f.Key)
		if !strings.Contains(f.Error(), "different names; at most 32 are kept") {
			t.Error(f)
		}
	}
	if !slices.Equal(keys, []string{"analytics.funnel", "analytics.metrics"}) || !reflect.DeepEqual(c.Analytics.Funnel, Default().Analytics.Funnel) || c.Community.Name != "Gophers" {
		t.Errorf("faults of %v, and what holds is %+v", keys, c.Analytics)
	}
	delete(stored, "analytics.metrics")
	if c, faults := Default().Overlay(stored); len(faults) > 0 || len(c.Analytics.Funnel) != 12 {
		t.Errorf("one of them alone: %v", faults)
	}
}
