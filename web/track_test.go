package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// elsewhere knows one member, and reads one repository.
type elsewhere struct {
	err  error
	busy chan struct{} // the reading waits for it, if it is not nil
}

func (o *elsewhere) Knows(_ context.Context, member string) (bool, error) {
	return member == "slack:U1", o.err
}

func (o *elsewhere) Name(event string) string {
	return map[string]string{"user_signup": "member.joined", "first_payment": "paid", "talks": "message.posted"}[event]
}

func (o *elsewhere) Backfill(ctx context.Context, who audit.Who, repository string, progress func(BackfillProgress)) (Backfilled, error) {
	if who.Role != "admin" || repository != "ada/demo" {
		return Backfilled{}, fmt.Errorf("%w: %s", ErrNotFound, repository)
	}
	progress(BackfillProgress{Page: 1, Pages: 2, Backfilled: Backfilled{Pulls: 100}})
	if o.busy != nil {
		select {
		case <-o.busy:
		case <-ctx.Done():
			return Backfilled{Pulls: 100}, ctx.Err()
		}
	}
	return Backfilled{Pulls: 150, Opened: 140, Unlinked: 9}, o.err
}

func TestTrack(t *testing.T) {
	s, m := server(t, Options{Outside: &elsewhere{}})
	for _, c := range []struct {
		name, body string
		status     int
		says       string
	}{
		{"all of it", `{"member":"slack:U1","name":"tour","props":{"b":true,"a":"x","n":1.5},"time":"2026-11-26T10:00:00Z","id":"1"}`, 202, `"outcome":"accepted"`},
		{"again", `{"member":"slack:U1","name":"tour","id":"1"}`, 202, `"outcome":"duplicate"`},
		{"without an id", `{"member":"slack:U1","name":"tour"}`, 202, `"outcome":"accepted"`},
		{"mapped to a kind", `{"member":"slack:U1","name":"user_signup","id":"2"}`, 202, `"outcome":"accepted"`},
		{"mapped to a name", `{"member":"slack:U1","name":"first_payment","props":{"plan":"pro"},"id":"3"}`, 202, `"outcome":"accepted"`},
		{"large numbers", `{"member":"slack:U1","name":"tour","props":{"order":9007199254740993,"minus":-12345678901234567890,"k":1e3,"half":0.50},"id":"4"}`, 202, `"outcome":"accepted"`},
		{"nobody's", `{"name":"tour"}`, 400, "member is missing"},
		{"of a stranger", `{"member":"slack:U9","name":"tour"}`, 404, "there is no member"},
		{"nameless", `{"member":"slack:U1"}`, 422, "name"},
		{"a name that is too long", `{"member":"slack:U1","name":"` + strings.Repeat("x", 129) + `"}`, 422, "name"},
		{"a bad time", `{"member":"slack:U1","name":"tour","time":"yesterday"}`, 422, "time"},
		{"a prop that is a list", `{"member":"slack:U1","name":"tour","props":{"a":[]}}`, 400, "no text, number"},
		{"a prop that is too long", `{"member":"slack:U1","name":"tour","props":{"a":"` + strings.Repeat("x", 1025) + `"}}`, 400, "too long"},
		{"too many props", `{"member":"slack:U1","name":"tour","props":{` + many(33) + `}}`, 400, "33 props"},
		{"another field", `{"member":"slack:U1","name":"tour","source":"slack"}`, 422, "source"},
		{"too large", `{"member":"slack:U1","name":"` + strings.Repeat("x", 70<<10) + `"}`, 413, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := do(s, "POST", "/api/v1/track", c.body, "Content-Type: application/json")
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("%d %s; want %d %s", w.Code, w.Body, c.status, c.says)
			}
		})
	}
	var got []string
	for _, e := range m.accepted {
		got = append(got, fmt.Sprintf("%s %s %s %s %d %v", e.Source, e.Member.ID, e.Kind, e.Custom.Name, e.Time, e.Custom.Props))
	}
	want := []string{
		"track/admin slack:U1 custom.tracked tour 1795687200000 [{a x false} {b true false} {n 1.5 false}]",
		"track/admin slack:U1 custom.tracked tour 0 []",
		"track/admin slack:U1 member.joined member.joined 0 [{type user_signup false}]",
		"track/admin slack:U1 custom.tracked paid 0 [{plan pro false} {type first_payment false}]",
		"track/admin slack:U1 custom.tracked tour 0 [{half 0.5 false} {k 1000 false} {minus -12345678901234567890 false} {order 9007199254740993 false}]",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("accepted\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func many(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"p%02d":1`, i))
	}
	return strings.Join(list, ",")
}

func TestMemberTokens(t *testing.T) {
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	k := keeper(t, func() string { return token }, func() time.Time { return now })
	s, m := server(t, Options{Outside: &elsewhere{}, Access: k, Clock: func() time.Time { return now }})
	code, err := k.MemberCode(t.Context(), "slack:U1")
	if err != nil {
		t.Fatal(err)
	}
	json1 := "Content-Type: application/json"
	if w := do(s, "POST", "/api/v1/track/login", `{"code":"nonsense"}`, json1, "Authorization: "); w.Code != 403 || !strings.Contains(w.Body.String(), "link go") {
		t.Errorf("a wrong code: %d %s", w.Code, w.Body)
	}
	w := do(s, "POST", "/api/v1/track/login", `{"code":"`+code+`"}`, json1, "Authorization: ")
	var mine MemberToken
	if err := json.Unmarshal(w.Body.Bytes(), &mine); err != nil || w.Code != 200 || mine.Member != "slack:U1" || !mine.Expires.Equal(now.Add(access.MemberTime)) {
		t.Fatalf("signing in: %d %s", w.Code, w.Body)
	}
	if w := do(s, "POST", "/api/v1/track/login", `{"code":"`+code+`"}`, json1, "Authorization: "); w.Code != 403 {
		t.Errorf("a code once more: %d", w.Code)
	}
	own := "Authorization: Bearer " + mine.Token
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/api/v1/track", `{"name":"go_run_first_time"}`, 202},
		{"POST", "/api/v1/track", `{"member":"slack:U1","name":"x"}`, 202},
		{"POST", "/api/v1/track", `{"member":"slack:U2","name":"x"}`, 403},
		{"GET", "/api/v1/status", "", 401},
		{"GET", "/api/v1/events", "", 401},
		{"POST", "/api/v1/pause", "", 401},
		{"POST", "/api/v1/events", `{}`, 401},
		{"POST", "/api/v1/analytics/backfill?repository=a/b", "", 401},
	} {
		if w := do(s, c.method, c.path, c.body, json1, own); w.Code != c.status {
			t.Errorf("%s %s %s: %d %s; want %d", c.method, c.path, c.body, w.Code, w.Body, c.status)
		}
	}
	if e := m.accepted[0]; e.Source != "track/member/slack:U1" || e.Member.ID != "slack:U1" {
		t.Errorf("accepted was %+v", e)
	}
	// So fast, and no faster; others are not held up by it.
	last := 0
	for range 60 {
		last = do(s, "POST", "/api/v1/track", `{"name":"x"}`, json1, own).Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the 60th at once: %d", last)
	}
	if w := do(s, "POST", "/api/v1/track", `{"member":"slack:U1","name":"x"}`, json1); w.Code != 202 {
		t.Errorf("another token meanwhile: %d", w.Code)
	}
	now = now.Add(time.Minute)
	if w := do(s, "POST", "/api/v1/track", `{"name":"x"}`, json1, own); w.Code != 202 {
		t.Errorf("a minute later: %d %s", w.Code, w.Body)
	}
	if w := do(s, "DELETE", "/api/v1/track/login", "", "Authorization: Bearer "+token); w.Code != 401 {
		t.Errorf("an admin signs out as a member: %d", w.Code)
	}
	if w := do(s, "DELETE", "/api/v1/track/login", "", own); w.Code != 204 {
		t.Errorf("signing out: %d %s", w.Code, w.Body)
	}
	if w := do(s, "POST", "/api/v1/track", `{"name":"x"}`, json1, own); w.Code != 401 {
		t.Errorf("after signing out: %d", w.Code)
	}
	last = 0
	for range 200 {
		if last = do(s, "POST", "/api/v1/track/login", `{"code":"nonsense"}`, json1, "Authorization: ").Code; last == http.StatusTooManyRequests {
			break
		}
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the 200th code: %d", last)
	}
}

// TestEventNames maps what comes in by its type.
func TestEventNames(t *testing.T) {
	s, m := server(t, Options{Outside: &elsewhere{}})
	body := `[{"specversion":"1.0","id":"1","source":"https://shop","type":"user_signup","subject":"slack:U1","data":{"plan":"pro"}},
		{"specversion":"1.0","id":"2","source":"https://shop","type":"first_payment","subject":"slack:U1"},
		{"specversion":"1.0","id":"3","source":"https://shop","type":"talks","subject":"slack:U1"},
		{"specversion":"1.0","id":"4","source":"https://shop","type":"other","subject":"slack:U1"}]`
	if w := do(s, "POST", "/api/v1/events", body, "Content-Type: "+manyEvents); w.Code != 202 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var got []string
	for _, e := range m.accepted {
		got = append(got, fmt.Sprintf("%s %s %s %v", e.Kind, e.Custom.Name, e.Member.ID, e.Custom.Props))
	}
	want := []string{
		"member.joined member.joined slack:U1 [{plan pro false} {type user_signup false}]",
		"custom.tracked paid slack:U1 [{type first_payment false}]",
		"custom.tracked message.posted slack:U1 [{type talks false}]",
		"custom.tracked other slack:U1 []",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("accepted\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, source := range []string{"github", "track/admin", "verify"} {
		one := `{"specversion":"1.0","id":"9","source":"` + source + `","type":"x"}`
		if w := do(s, "POST", "/api/v1/events", one, "Content-Type: "+oneEvent); w.Code != 400 || !strings.Contains(w.Body.String(), "hearth's own") {
			t.Errorf("posing as %s: %d %s", source, w.Code, w.Body)
		}
	}
}

func TestBackfillRoute(t *testing.T) {
	o := &elsewhere{}
	s, _ := server(t, Options{Outside: o})
	ask := func(repository string) (int, []BackfillLine) {
		t.Helper()
		w := do(s, "POST", "/api/v1/analytics/backfill?repository="+repository, "")
		var lines []BackfillLine
		for l := range strings.Lines(w.Body.String()) {
			var b BackfillLine
			if w.Code == 200 {
				if err := json.Unmarshal([]byte(l), &b); err != nil {
					t.Fatalf("%q: %v", l, err)
				}
			}
			lines = append(lines, b)
		}
		return w.Code, lines
	}
	if code, _ := ask("demo"); code != 400 {
		t.Errorf("a repository without its owner: %d", code)
	}
	code, lines := ask("ada/demo")
	if last := lines[len(lines)-1]; code != 200 || !last.Done || last.Pulls != 150 || last.Unlinked != 9 {
		t.Errorf("%d %+v", code, lines)
	}
	code, lines = ask("eve/demo")
	if last := lines[len(lines)-1]; code != 200 || last.Done || !strings.Contains(string(last.Problem), "404") {
		t.Errorf("%d %+v", code, lines)
	}
	for _, c := range []struct {
		err  error
		says string
	}{{chat.ErrBusy, "503"}, {errors.New("inside"), "its log says why"}} {
		o.err = c.err
		_, lines = ask("ada/demo")
		if last := lines[len(lines)-1]; last.Done || !strings.Contains(string(last.Problem), c.says) || strings.Contains(string(last.Problem), "inside") {
			t.Errorf("%v: %s", c.err, last.Problem)
		}
	}
	// Who goes ends it.
	o.err, o.busy = nil, make(chan struct{})
	s.Close()
	_, lines = ask("ada/demo")
	if last := lines[len(lines)-1]; last.Done {
		t.Errorf("it went on: %+v", last)
	}
}

// TestMappedKinds holds the kinds to being some of the ABI's.
func TestMappedKinds(t *testing.T) {
	for _, k := range MappedKinds {
		ok := false
		for _, is := range abi.Kinds() {
			ok = ok || is == k
		}
		if !ok {
			t.Errorf("there is no kind %s", k)
		}
	}
}
