package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
)

// bench is experiments in memory.
type bench struct {
	mu   sync.Mutex
	err  error // of changes
	list map[string]Experiment
	why  string
	who  audit.Who
	ask  ResultsQuery
	need NeedsQuery
}

func (b *bench) Experiments(context.Context) (ExperimentList, error) {
	var out ExperimentList
	for _, e := range b.list {
		out.Experiments = append(out.Experiments, ExperimentSummary{Experiment: e, Shown: 7})
	}
	return out, nil
}

func (b *bench) Experiment(_ context.Context, key string) (ExperimentDetail, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.list[key]
	if !ok {
		return ExperimentDetail{}, fmt.Errorf("%w: experiment %q", ErrNotFound, key)
	}
	return ExperimentDetail{Experiment: e}, nil
}

func (b *bench) Results(_ context.Context, key string, q ResultsQuery) (ExperimentResults, error) {
	b.ask = q
	return ExperimentResults{Key: key, Arms: []ExperimentResult{{Name: "baseline", Control: true}}}, nil
}

func (b *bench) SetExperiment(_ context.Context, who audit.Who, c ExperimentChange) (Experiment, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return Experiment{}, b.err
	}
	b.who, b.why = who, c.Why
	if c.Want == nil {
		delete(b.list, c.Key)
		return Experiment{}, nil
	}
	if old, ok := b.list[c.Key]; ok && old.Base != c.Base {
		return Experiment{}, &ExperimentError{Code: TrialFaster, Now: &old, Err: errors.New("somebody was faster")}
	}
	b.list[c.Key] = *c.Want
	return *c.Want, nil
}

func (b *bench) Assign(_ context.Context, member string) (map[string]string, error) {
	switch member {
	case "slack:U1":
		return map[string]string{"pace": "fast"}, nil
	case "slack:U2":
		return nil, nil
	}
	return nil, fmt.Errorf("%w: member %q", ErrNotFound, member)
}

func (b *bench) Needs(_ context.Context, q NeedsQuery) (ExperimentNeeds, error) {
	b.need = q
	return ExperimentNeeds{Effect: 0.05, PerArm: 1000}, nil
}

func TestExperimentsAPI(t *testing.T) {
	b := &bench{list: map[string]Experiment{"pace": {Key: "pace", Status: TrialDraft, Coverage: 1, Variations: []ExperimentArm{{"normal", 0.5}, {"fast", 0.5}}, Base: "b1"}}}
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	s, _ := server(t, Options{Experiments: b})
	ask := func(method, path, body string, want int) string {
		t.Helper()
		w := do(s, method, "/api/v1/experiments"+path, body, "Content-Type", "application/json")
		if w.Code != want {
			t.Fatalf("%s %s is answered %d, want %d: %s", method, path, w.Code, want, w.Body)
		}
		return w.Body.String()
	}
	if got := ask("GET", "", "", 200); !strings.Contains(got, `"key":"pace"`) || !strings.Contains(got, `"shown":7`) || strings.Contains(got, "null") {
		t.Errorf("the list is %s", got)
	}
	if got := ask("GET", "/pace", "", 200); !strings.Contains(got, `"history":[]`) {
		t.Errorf("one is %s", got)
	}
	ask("GET", "/none", "", 404)
	for user, want := range map[string]string{"slack:U1": `{"user":"slack:U1","groups":{"pace":"fast"}}`, "slack:U2": `{"user":"slack:U2","groups":{}}`} {
		if got := strings.TrimSpace(ask("GET", "/assign?user="+user, "", 200)); got != want {
			t.Errorf("%s is assigned %s, want %s", user, got, want)
		}
	}
	ask("GET", "/assign?user=slack:U3", "", 404)
	ask("GET", "/assign", "", 422)
	ask("GET", "/pace/results?metric=day7&platform=slack&effect=0.03", "", 200)
	if b.ask != (ResultsQuery{"day7", "slack", 0.03}) {
		t.Errorf("asked was %+v", b.ask)
	}
	ask("GET", "/plan?base=0.3&effect=0.05&per_day=20&arms=3", "", 200)
	if b.need.Base != 0.3 || b.need.Arms != 3 || b.need.PerDay != 20 {
		t.Errorf("asked was %+v", b.need)
	}
	tone := `{"key":"tone","variations":[{"name":"warm","weight":0.5},{"name":"short","weight":0.5}],"metrics":["day7"]}`
	ask("PUT", "/tone?why=try", tone, 200)
	if e := b.list["tone"]; e.Coverage != 1 || len(e.Variations) != 2 || b.why != "try" || b.who.Via != "api" {
		t.Errorf("made is %+v by %+v, %q", e, b.who, b.why)
	}
	ask("PUT", "/other", tone, 422)
	ask("PUT", "/tone", `{"key":"tone","variations":[]}`, 422)
	var p ExperimentProblem
	if err := json.Unmarshal([]byte(ask("PUT", "/pace", strings.Replace(tone, `"tone"`, `"pace"`, 1), 409)), &p); err != nil || p.Code != TrialFaster || p.Now == nil || p.Now.Base != "b1" {
		t.Errorf("a change of an older state is answered %+v, %v", p, err)
	}
	ask("POST", "/pace/start", `{"why":"go"}`, 200)
	if b.list["pace"].Status != TrialRunning || b.why != "go" {
		t.Errorf("started is %+v, %q", b.list["pace"], b.why)
	}
	ask("POST", "/pace/stop", "", 200)
	if b.list["pace"].Status != TrialStopped {
		t.Errorf("stopped is %+v", b.list["pace"])
	}
	b.err = &ExperimentError{Code: TrialInvalid, Err: errors.New("target: no"), Faults: []ExperimentFault{{Field: "target", Text: "no"}}}
	if err := json.Unmarshal([]byte(ask("PUT", "/tone", tone, 422)), &p); err != nil || len(p.Faults) != 1 || p.Faults[0].Field != "target" {
		t.Errorf("a wrong one is answered %+v, %v", p, err)
	}
	b.err = nil
	ask("DELETE", "/pace?why=enough", "", 200)
	ask("DELETE", "/pace", "", 404)
	e := Experiment{Coverage: 0.1, Ramp: []ExperimentStep{{now, 0.5}, {now.Add(time.Hour), 1}}}
	for at, want := range map[time.Duration]float64{-1: 0.1, 0: 0.5, time.Hour - 1: 0.5, time.Hour: 1} {
		if got := e.CoverageAt(now.Add(at)); got != want {
			t.Errorf("the coverage %v later is %v, want %v", at, got, want)
		}
	}
}
