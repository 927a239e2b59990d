package web

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// numbers are an Analytics in memory: it takes down what it is asked.
type numbers struct {
	asked string
	err   error
}

func (n *numbers) scope(doing string, q Cohorts, more ...any) Scope {
	n.asked = fmt.Sprint(doing, " ", q.Segment, " ", q.From, " ", q.To, more)
	return Scope{Segments: append([]string{}, q.Segment...), Platforms: []string{"slack", "webchat"}, From: "2026-03-01", To: "2026-03-02", Today: "2026-03-02", TimeZone: "Asia/Shanghai",
		Since: "2026-02-01", At: time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC), Hidden: []Hidden{{"slack", []string{"the weather"}}}}
}

func (n *numbers) Scope(_ context.Context, q Cohorts) (Scope, error) {
	return n.scope("scope", q), n.err
}

func (n *numbers) Dashboard(context.Context, DashboardFilter) (Dashboard, error) {
	return Dashboard{}, n.err
}

func (n *numbers) Active(_ context.Context, q Cohorts) (ActiveDays, error) {
	one, seven := 1, 7
	return ActiveDays{n.scope("active", q), []string{"message.posted"}, []ActiveDay{{"2026-01-31", nil, nil, nil, true}, {"2026-03-02", &one, &seven, &seven, false}}}, n.err
}

func (n *numbers) Retention(_ context.Context, q RetentionFilter) (Retention, error) {
	return Retention{n.scope("retention", q.Cohorts, q.Unit, q.Definition, q.Ages), q.Unit, q.Definition,
		[]Cohort{{"2026-W09", "2026-02-23", 4, []Part{PartOf(4, 3, true), PartOf(4, 0, false)}}}, []Part{PartOf(4, 3, true), PartOf(0, 0, false)}}, n.err
}

func (n *numbers) Funnel(_ context.Context, q Cohorts) (Funnel, error) {
	half, hour := 0.5, 3600.0
	return Funnel{n.scope("funnel", q), 720, []Step{{Name: "joined", By: []string{"member.joined"}, Reached: 4, LostAt: make([]int, 24)},
		{"=engaged", []string{"message.posted", "command.invoked"}, 2, &half, &half, 0, 2, &hour, true, append(make([]int, 23), 2)}}}, n.err
}

func (n *numbers) FirstMinutes(_ context.Context, q Cohorts) (FirstMinutes, error) {
	return FirstMinutes{n.scope("first", q), 4, []MinuteAction{{"message", []int{2, 1, 0, 0, 0}}}}, n.err
}

func (n *numbers) PullRequests(_ context.Context, q RequestFilter) (PullRequests, error) {
	return PullRequests{n.scope("pr", q.Cohorts, q.Within), []RequestWithin{{7, PartOf(4, 1, true), 1}}, []RequestWithin{{7, PartOf(4, 0, true), 0}}, q.Within,
		[]RequestDay{{"2026-03-01", PartOf(2, 0, false)}}}, n.err
}

func (n *numbers) Paths(_ context.Context, q Cohorts) (Paths, error) {
	return Paths{n.scope("paths", q), []PathLink{{0, "joined", "message", 3}, {0, "joined", "nothing", 1}}}, n.err
}

func (n *numbers) Standing(_ context.Context, q StandingFilter) (Standing, error) {
	return Standing{Scope: n.scope("standing", q.Cohorts, q.Step, q.State, q.Limit), Step: q.Step, Next: "first_task", Members: []StandingOf{{ID: "slack:U1", Name: "Ada", Lost: true}}}, n.err
}

func (n *numbers) Coverage(context.Context) ([]Hidden, error) {
	return []Hidden{{"slack", []string{"the weather"}}}, n.err
}

func TestAnalyticsAPI(t *testing.T) {
	for _, c := range []struct {
		path, asked, json, csv string
	}{
		{"dau?segment=slack,webchat&from=2026-03-01&to=2026-03-02", "active [slack webchat] 2026-03-01 2026-03-02[]", `{"day":"2026-01-31","daily":null,"weekly":null,"monthly":null,"over":true}`,
			"day,daily,weekly,monthly,over\n2026-01-31,,,,true\n2026-03-02,1,7,7,false\n"},
		{"dau?segment=", "active []  []", `"counts":"members on all platforms, each once a figure`, ""},
		{"retention", "retention []  [week on_day 0]", `"ages":[{"n":4,"active":3,"share":0.75},{"n":4,"active":null,"share":null}]`,
			"cohort,first_day,unit,definition,age,n,active,share\n2026-W09,2026-02-23,week,on_day,0,4,3,0.750000\n2026-W09,2026-02-23,week,on_day,1,4,,\nall,2026-03-01,week,on_day,0,4,3,0.750000\nall,2026-03-01,week,on_day,1,0,,\n"},
		{"retention?unit=day&definition=rolling&ages=30", "retention []  [day rolling 30]", "in the 24 hours that begin", ""},
		{"funnel?segment=slack", "funnel [slack]  []", `"window_hours":720`, "step,by,reached,of_joined,rate,in_progress,lost,median_seconds,drop_off\njoined,member.joined,4,,,0,0,,false\n'=engaged,message.posted command.invoked,2,0.500000,0.500000,0,2,3600.000000,true\n"},
		{"heatmap", "first []  []", `{"action":"message","minutes":[2,1,0,0,0]}`, "action,minute,n,active,share\nmessage,1,4,2,0.500000\nmessage,2,4,1,0.250000\nmessage,3,4,0,0.000000\nmessage,4,4,0,0.000000\nmessage,5,4,0,0.000000\n"},
		{"heatmap?of=drop_off", "funnel []  []", `"lost_by_hour":[0,`, ""},
		{"first-pr", "pr []  [30]", `{"within_days":7,"n":4,"active":1,"share":0.25,"before":1}`, "joined,what,within_days,n,active,share,before\nall,opened,7,4,1,0.250000,1\nall,merged,7,4,0,0.000000,0\n2026-03-01,opened,30,2,,,\n"},
		{"first-pr?within=90", "pr []  [90]", `"within_days":90`, ""},
		{"paths", "paths []  []", `{"depth":0,"from":"joined","to":"message","n":3}`, "depth,from,to,members\n0,joined,message,3\n0,joined,nothing,1\n"},
		{"funnel/engaged/members?state=lost&limit=7", "standing []  [engaged lost 7]", `"next_step":"first_task"`, "id,name,joined,step,lost\nslack:U1,Ada,,engaged,true\n"},
		{"coverage", "", `{"platforms":[{"platform":"slack","what":["the weather"]}]}`, ""},
	} {
		n := new(numbers)
		s, _ := server(t, Options{Analytics: n})
		w := do(s, "GET", "/api/v1/analytics/"+c.path, "")
		if w.Code != http.StatusOK || n.asked != c.asked || !strings.Contains(w.Body.String(), c.json) || !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s\nasked %q", c.path, w.Code, w.Body, n.asked)
		}
		if c.path != "coverage" && !strings.Contains(w.Body.String(), `"counts":"`) {
			t.Errorf("%s does not say what it counts", c.path)
		}
		if c.csv == "" {
			continue
		}
		and := "?"
		if strings.Contains(c.path, "?") {
			and = "&"
		}
		w = do(s, "GET", "/api/v1/analytics/"+c.path+and+"format=csv", "")
		if w.Code != http.StatusOK || w.Body.String() != c.csv || w.Header().Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Errorf("%s as CSV: %d %s", c.path, w.Code, w.Body)
		}
		if _, err := csv.NewReader(w.Body).ReadAll(); err != nil {
			t.Errorf("%s: %v", c.path, err)
		}
	}
}

// TestCellsAreNoFormulas has names that members chose for themselves.
func TestCellsAreNoFormulas(t *testing.T) {
	for cell, want := range map[string]string{"=1+1": "'=1+1", "@a": "'@a", "\t=1+1": "'\t=1+1", "\r=1": "'\r=1", " =1": "' =1", "\u3000=1": "'\u3000=1", "＝HYPERLINK(1)": "'＝HYPERLINK(1)", "＋1": "'＋1", "－1": "'－1", "＠a": "'＠a", "小明": "小明", "a=b": "a=b", "": ""} {
		var b strings.Builder
		if err := WriteCSV(&b, Table{Head: []string{"name", "n"}, Rows: [][]string{{cell, "1"}}}); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.ReplaceAll(b.String(), "\r", "<CR>"))).ReadAll()
		if err != nil || strings.ReplaceAll(rows[1][0], "<CR>", "\r") != want {
			t.Errorf("%q is written %q, %v; want %q", cell, b.String(), err, want)
		}
	}
}

func TestAnalyticsAPIRefuses(t *testing.T) {
	for _, c := range []struct {
		path string
		err  error
		code int
	}{
		{"dau?from=yesterday", nil, 422}, {"retention?unit=year", nil, 422}, {"retention?ages=91", nil, 422}, {"first-pr?within=8", nil, 422},
		{"heatmap?of=all", nil, 422}, {"dau?format=xml", nil, 422}, {"dau?unit=day", nil, 422}, {"funnel/engaged/members?state=gone", nil, 422},
		{"dau", fmt.Errorf("%w: there is no platform so", ErrAsked), 422}, {"funnel", fmt.Errorf("secret"), 500}, {"coverage", fmt.Errorf("secret"), 500},
	} {
		s, _ := server(t, Options{Analytics: &numbers{err: c.err}})
		if w := do(s, "GET", "/api/v1/analytics/"+c.path, ""); w.Code != c.code || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s, want %d", c.path, w.Code, w.Body, c.code)
		}
	}
	s, _ := server(t, Options{})
	if w := do(s, "GET", "/api/v1/analytics/dau", ""); w.Code != http.StatusNotFound {
		t.Errorf("without figures: %d", w.Code)
	}
}
