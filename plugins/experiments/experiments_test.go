package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/plugins/experiments/plan"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/sdktest"
)

func TestTranscripts(t *testing.T) {
	sdktest.Transcripts(t, "testdata/*.txtar", sdktest.Options{})
}

func TestManifestIsComplete(t *testing.T) {
	sdktest.Complete(t, sdktest.Options{})
}

// TestEveryKindIsAssigned has the plugin see every kind of event that others
// handle with a member.
func TestEveryKindIsAssigned(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{})
	others := []abi.Kind{
		abi.MemberForgotten, // nothing is to be kept of them any more
		abi.HostAnswered,    // hearth's own plugin's
		abi.Continued,       // has the groups of the event that it goes on with
		abi.SelfTest,        // nobody's
	}
	for _, k := range abi.Kinds() {
		if want := !slices.Contains(others, k) || k == abi.MemberForgotten; slices.Contains(b.Manifest().Events, k) != want {
			t.Errorf("%s is seen: %v", k, !want)
		}
	}
}

func definition(t *testing.T, change func(*plan.Definition)) *plan.Definition {
	t.Helper()
	d := plan.Samples()[0]
	d.Begin(time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC))
	if change != nil {
		change(d)
	}
	if ps := d.Validate(); len(ps) > 0 {
		t.Fatal(ps)
	}
	return d
}

func tell(b *sdktest.Bot, ds ...*plan.Definition) {
	ev := abi.Event{Source: "hearth", Kind: abi.PluginEvent, Custom: &abi.Custom{Name: "hearth/experiments"}}
	for _, d := range ds {
		ev.Custom.Props = append(ev.Custom.Props, abi.Annotation{Name: d.Key, Value: string(d.Encode())})
	}
	b.Do(ev)
	b.Configure("") // the host takes the image anew
}

func group(b *sdktest.Bot, key string) abi.Annotation {
	for _, g := range b.Effects().Groups {
		if g.Name == key {
			return g
		}
	}
	return abi.Annotation{}
}

// TestStickySurvivesReweighing: members keep what they were given first though
// the weights, the coverage and the target say otherwise, and others come in by
// the new ones.
func TestStickySurvivesReweighing(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{})
	tell(b, definition(t, nil))
	first := map[string]string{}
	for i := range 50 {
		id := fmt.Sprint("m", i)
		b.Member(id).Says("#general", "hello")
		g := group(b, "bot-script")
		if !g.Counted || g.Value == "" {
			t.Fatalf("%s: %+v", id, g)
		}
		first[id] = g.Value
	}
	nobody := 0.0
	tell(b, definition(t, func(d *plan.Definition) { d.Weights = []float64{0, 0, 1}; d.Coverage = &nobody; d.Target = "guest" }))
	for id, want := range first {
		b.Member(id).Says("#general", "again")
		if g := group(b, "bot-script"); g.Value != want || !g.Counted {
			t.Errorf("%s had %s, has %+v", id, want, g)
		}
		if len(b.Effects().Writes) > 0 {
			t.Errorf("%s is written again: %+v", id, b.Effects().Writes)
		}
	}
	b.Member("late").Says("#general", "hello")
	if g := group(b, "bot-script"); g.Value != "" {
		t.Errorf("who came later is in: %+v", g)
	}
	tell(b, definition(t, func(d *plan.Definition) { d.Weights = []float64{0, 0, 1} }))
	b.Member("late").Says("#general", "hello")
	if g := group(b, "bot-script"); g.Value != "v3" {
		t.Errorf("who came later is not in v3: %+v", g)
	}
}

// TestQueryAgreesWithEvents: what other services are told is what the member's
// next event says.
func TestQueryAgreesWithEvents(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{})
	var all []*plan.Definition
	for _, d := range plan.Samples() {
		d.Begin(b.Now())
		all = append(all, d)
	}
	all[1].Target = `language == "zh"`
	all[2].Forced = map[string]string{"test:m3": "low"}
	tell(b, all...)
	for i := range 20 {
		m := b.Member(fmt.Sprint("m", i))
		if i%2 == 0 {
			m.As(abi.Member{Locale: "zh-CN"})
		}
		joined := "0"
		locale := map[bool]string{true: "zh-CN"}[i%2 == 0]
		ask := func(params ...string) map[string]string {
			var v struct {
				Groups map[string]string `json:"groups"`
			}
			view := b.Query("/assign", "viewer", append([]string{"user", fmt.Sprint("test:m", i)}, params...)...)
			if err := json.Unmarshal(view.Body, &v); err != nil || view.Status != 0 {
				t.Fatalf("%d %s", view.Status, view.Body)
			}
			return v.Groups
		}
		before := ask("joined", joined, "locale", locale) // nothing is known of them but what the host says
		m.Says("#general", "hello")
		got := map[string]string{}
		for _, g := range b.Effects().Groups {
			got[g.Name] = g.Value
		}
		after := ask()
		if fmt.Sprint(before) != fmt.Sprint(got) || fmt.Sprint(after) != fmt.Sprint(got) {
			t.Errorf("m%d: the event says %v, the query %v before and %v after", i, got, before, after)
		}
		if _, in := got["task-pacing"]; in != (i%2 == 0) {
			t.Errorf("m%d: %v", i, got)
		}
	}
	if v := b.Query("/assign", "viewer", "user", "test:stranger"); v.Status != 404 {
		t.Errorf("a stranger: %d %s", v.Status, v.Body)
	}
}

// TestWrongChangesNothing: what cannot be carried out leaves what was there.
func TestWrongChangesNothing(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{})
	tell(b, definition(t, nil))
	before := string(b.Row("c/definition/bot-script"))
	for _, value := range []string{"{", `{"key":"bot-script"}`, string(definition(t, func(d *plan.Definition) { d.Key = "other" }).Encode())} {
		b.Do(abi.Event{Source: "hearth", Kind: abi.PluginEvent, Custom: &abi.Custom{Name: "hearth/experiments",
			Props: []abi.Annotation{{Name: "bot-script", Value: value}}}})
		if got := string(b.Row("c/definition/bot-script")); got != before {
			t.Errorf("%s: changed to %s", value, got)
		}
	}
	var many []*plan.Definition
	for i := range plan.MaxRunning + 1 {
		many = append(many, definition(t, func(d *plan.Definition) { d.Key = fmt.Sprint("k", i) }))
	}
	tell(b, many...)
	if b.Row("c/definition/k0") != nil {
		t.Error("more than may run were taken")
	}
	// A row that cannot be read is left out, and said.
	if v := b.Query("/experiments", "manager"); strings.Contains(string(v.Body), "problems") {
		t.Errorf("%s", v.Body)
	}
}

// TestPersonIsBounded: whatever is tracked of a member, their row stays small.
func TestPersonIsBounded(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{})
	ann := b.Member("ann")
	for i := range 2 * maxDid {
		ann.Tracks(fmt.Sprintf("name.%02d", i%(maxDid+5)))
	}
	if n := len(b.Row("m/test:ann/person")); n > 512 {
		t.Errorf("the row has %d bytes", n)
	}
	ann.Tracks("name.00")
	if len(b.Effects().Writes) > 0 {
		t.Error("what is known is written again")
	}
}
