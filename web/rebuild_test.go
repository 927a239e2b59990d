package web

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/audit"
)

// recount counts two members of whom one counter is off.
type recount struct {
	who audit.Who
	err error
}

func (r *recount) Rebuild(_ context.Context, who audit.Who, progress func(done, all int)) (Rebuilt, error) {
	r.who = who
	progress(1, 2)
	return Rebuilt{Members: 2, Counters: 9, Changed: 1, Examples: []RebuiltOff{{"measure/slack/joined/d/2026-03-02", 3, 2}}}, r.err
}

func TestRebuildRoute(t *testing.T) {
	r := &recount{}
	s, _ := server(t, Options{Rebuilder: r})
	ask := func() (last RebuildLine) {
		t.Helper()
		w := do(s, "POST", "/api/v1/analytics/rebuild", "")
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/x-ndjson" {
			t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		for l := range strings.Lines(w.Body.String()) {
			last = RebuildLine{}
			if err := json.Unmarshal([]byte(l), &last); err != nil {
				t.Fatalf("%q: %v", l, err)
			}
		}
		return last
	}
	if l := ask(); !l.Done || l.Changed != 1 || l.Read != 2 || len(l.Examples) != 1 || l.Examples[0].Ought != 2 {
		t.Errorf("%+v", l)
	}
	if r.who.Name == "" || r.who.Role != "admin" {
		t.Errorf("it is on record as %+v's", r.who)
	}
	r.err = errors.New("inside")
	if l := ask(); l.Done || !strings.Contains(string(l.Problem), "its log says why") || strings.Contains(string(l.Problem), "inside") {
		t.Errorf("%+v %s", l, l.Problem)
	}
	if w := do(s, "POST", "/api/v1/analytics/rebuild", "", "Authorization", ""); w.Code != 401 {
		t.Errorf("without a token: %d", w.Code)
	}
}
