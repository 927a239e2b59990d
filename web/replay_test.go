package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hearthbot/hearth/host/replay"
)

// rerun answers replays from memory.
type rerun struct {
	err   error
	asked []ReplayRequest
	steps int           // how often it says how far it is
	hold  chan struct{} // if not nil, it waits for it
	held  chan struct{}
}

func (r *rerun) Replay(ctx context.Context, q ReplayRequest, progress func(done, total int)) (*replay.Report, error) {
	r.asked = append(r.asked, q)
	if r.hold != nil {
		r.held <- struct{}{}
		select {
		case <-r.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	for i := range r.steps {
		if progress != nil {
			progress(i, r.steps)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	t := replay.NewTally(10, false)
	for range 3 {
		t.Add(&replay.Case{}, &replay.Outcome{Exact: true})
	}
	t.Report.Plugin = q.Plugin
	return t.Finish(), nil
}

func TestReplayAPI(t *testing.T) {
	r := &rerun{steps: 2}
	s, _ := server(t, Options{Replayer: r})
	const path = "/api/v1/plugins/welcome/replay"
	for _, c := range []struct {
		query, body string
		status      int
		asked       string // of the replayer; "" if it is not
		answer      string
	}{
		{"", "", 200, "live, last 0", `"events":3,"same":3,"changed":0`},
		{"", "\x00asm", 200, "4 bytes, last 0", `"changes":[]`},
		{"?sha=abababab&last=7&kind=member.joined&failed=true", "", 200, "abababab, last 7, kind member.joined, failed", ``},
		{"?since=2026-11-26T05:00:00Z&until=2026-11-26T06:00:00Z", "", 200, "live, last 0, since 05:00, until 06:00", ``},
		{"?event=0123456789abcdef", "", 200, "live, last 0, event 0123456789abcdef", ``},
		{"?sha=abababab", "\x00asm", 422, "", `one of them`},
		{"?sha=abc", "", 422, "", `8 digits`},
		{"?last=10001", "", 422, "", ``},
		{"?event=7", "", 422, "", `16 hex digits`},
		{"?since=yesterday", "", 422, "", ``},
		{"?unknown=1", "", 422, "", ``},
	} {
		r.asked = nil
		w := do(s, "POST", path+c.query, c.body, wasmType)
		asked := ""
		if len(r.asked) == 1 {
			q := r.asked[0]
			if asked = "live"; q.Code != nil {
				asked = fmt.Sprint(len(q.Code), " bytes")
			} else if q.SHA != "" {
				asked = q.SHA[:8]
			}
			asked += fmt.Sprint(", last ", q.Last)
			for _, p := range []struct{ name, value string }{{"kind", q.Kind}, {"event", q.Event}} {
				if p.value != "" {
					asked += ", " + p.name + " " + p.value
				}
			}
			if q.Failed {
				asked += ", failed"
			}
			if !q.Since.IsZero() {
				asked += ", since " + q.Since.Format("15:04")
			}
			if !q.Until.IsZero() {
				asked += ", until " + q.Until.Format("15:04")
			}
		}
		if w.Code != c.status || asked != c.asked || !strings.Contains(w.Body.String(), c.answer) {
			t.Errorf("%s is answered %d %s, and asked for %q; want %d and %q", c.query, w.Code, w.Body, asked, c.status, c.asked)
		}
		if kind := w.Header().Get("Content-Type"); c.status == 200 && kind != "application/json" {
			t.Errorf("%s is answered as %s", c.query, kind)
		}
	}

	for _, c := range []struct {
		err    error
		status int
		detail string
	}{
		{fmt.Errorf("%w: plugin %q", ErrNotFound, "welcome"), 404, `plugin \"welcome\"`},
		{&PluginError{Code: PluginSelfTest, Err: errors.New("it fails its self-test")}, 422, `"code":"self_test"`},
		{errors.New("a disk on fire"), 500, "its log says why"},
	} {
		r.err = c.err
		if w := do(s, "POST", path, ""); w.Code != c.status || !strings.Contains(w.Body.String(), c.detail) {
			t.Errorf("%v is answered %d %s", c.err, w.Code, w.Body)
		}
		lines := replayLines(t, do(s, "POST", path+"?progress=true", "").Body.String())
		if last := lines[len(lines)-1]; last.Report != nil || !strings.Contains(string(last.Problem), c.detail) {
			t.Errorf("%v ends in %+v %s", c.err, last, last.Problem)
		}
	}

	r.err, r.asked = nil, nil
	if w := do(s, "POST", "/api/v1/plugins/-/replay", "\x00asm", wasmType); w.Code != 200 || len(r.asked) != 1 || r.asked[0].Plugin != "" {
		t.Errorf("whatever it calls itself: answered %d %s, asked for %+v", w.Code, w.Body, r.asked)
	}
	if w := do(s, "POST", path, strings.Repeat("x", MaxPlugin+1), wasmType); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("too large a body is answered %d %s", w.Code, w.Body)
	}
}

func replayLines(t *testing.T, body string) (list []ReplayLine) {
	t.Helper()
	for line := range strings.Lines(body) {
		var l ReplayLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, l)
	}
	return list
}

func TestReplaySaysHowFarItIs(t *testing.T) {
	r := &rerun{steps: 200}
	s, _ := server(t, Options{Replayer: r})
	w := do(s, "POST", "/api/v1/plugins/welcome/replay?progress=true", "")
	if kind := w.Header().Get("Content-Type"); w.Code != 200 || kind != "application/x-ndjson" {
		t.Errorf("answered %d as %s", w.Code, kind)
	}
	lines := replayLines(t, w.Body.String())
	if len(lines) < 2 || lines[0].Total != 0 || lines[0].Report != nil {
		t.Fatalf("%+v", lines)
	}
	for i, l := range lines[:len(lines)-1] {
		if l.Report != nil || i > 0 && l.Done < lines[i-1].Done {
			t.Errorf("line %d: %+v", i, l)
		}
	}
	if last := lines[len(lines)-1]; last.Report == nil || last.Report.Events != 3 || last.Done != 3 || last.Total != 3 {
		t.Errorf("%+v", last)
	}
}

// TestReplaysAreBounded holds two replays up: a third is not let in, and the two
// end with their clients.
func TestReplaysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rerun{hold: make(chan struct{}), held: make(chan struct{})}
		s, _ := server(t, Options{Replayer: r})
		answers := make(chan int, maxReplays)
		for _, query := range []string{"", "?progress=true"} {
			go func() { answers <- do(s, "POST", "/api/v1/plugins/welcome/replay"+query, "").Code }()
			<-r.held // it is inside
		}
		w := do(s, "POST", "/api/v1/plugins/welcome/replay", "")
		if w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("a third is answered %d %s", w.Code, w.Body)
		}
		s.Close() // ends what is under way
		for range maxReplays {
			<-answers
		}
	})
}
