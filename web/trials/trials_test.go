package trials

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
	"github.com/hearthbot/hearth/web/page/pagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// laboratory is experiments in memory: it takes down what is done.
type laboratory struct {
	mu      sync.Mutex
	err     error // of everything
	refuse  error // of changes
	list    map[string]web.Experiment
	results web.ExperimentResults
	needs   web.ExperimentNeeds
	pairs   []web.ExperimentPair
	zone    string // "" for Asia/Shanghai
	done    []string
	asked   []web.ResultsQuery
	needed  []web.NeedsQuery
}

var script = web.Experiment{Key: "bot-script", Name: web.Words{"en": "Bot script <b>", "zh-CN": "欢迎话术"}, About: web.Words{"en": "What the welcome says"}, Status: web.TrialDraft, Coverage: 1,
	Variations: []web.ExperimentArm{{Name: "baseline", Weight: 0.5}, {Name: "v2", Weight: 0.3}, {Name: "v3", Weight: 0.2}}, Metrics: []string{"day7", "first_task"},
	Guardrails: []web.ExperimentGuard{{Metric: "left", Margin: 0.02}}, Base: "b1"}

func newLaboratory() *laboratory {
	ran := script
	ran.Key, ran.Name, ran.Status, ran.Began, ran.Forced = "pace", nil, web.TrialRunning, ptr(noon.AddDate(0, 0, -9)), map[string]string{"slack:U1": "v2"}
	broke := script
	broke.Key, broke.Status, broke.Began, broke.Ended, broke.Reason = "old", web.TrialStopped, ptr(noon.AddDate(0, 0, -90)), &noon, "guardrail:left"
	settled := script
	settled.Key, settled.Status, settled.Winner, settled.Began = "won", web.TrialSettled, "v3", &noon
	return &laboratory{list: map[string]web.Experiment{"bot-script": script, "pace": ran, "old": broke, "won": settled},
		needs: web.ExperimentNeeds{Base: ptr(0.31), BaseN: 1234, Effect: 0.05, PerDay: 22.4, Arms: 3, PerArm: 2345, Days: ptr(97), Once: 1700}}
}

func (l *laboratory) metrics() []web.ExperimentMetric {
	return []web.ExperimentMetric{{Name: "day7", Day: 7}, {Name: "first_task", By: []string{"path.first_task"}, WithinS: 7 * 86400}, {Name: "left", By: []string{"member.left"}, WithinS: 3 * 86400}, {Name: "muted", By: []string{"member.muted"}, WithinS: 3 * 86400}, {Name: "odd", By: []string{"x", "y"}, WithinS: 90}}
}

func (l *laboratory) Experiments(context.Context) (web.ExperimentList, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := web.ExperimentList{Metrics: l.metrics(), Zone: cmp.Or(l.zone, "Asia/Shanghai"), Independent: l.pairs, Attributes: []web.ExperimentAttr{{Name: "platform", Type: "text", About: web.Words{"en": "where", "zh-CN": "平台"}, Example: `platform == "slack"`}}}
	for _, key := range slices.Sorted(maps.Keys(l.list)) {
		out.Experiments = append(out.Experiments, web.ExperimentSummary{Experiment: l.list[key], Shown: 1234, Change: &web.ExperimentChanged{At: noon, By: "Ada", Did: "experiment.start"}})
	}
	if _, ok := l.list["icebreaker"]; !ok {
		e := script
		e.Key, e.Name, e.Base = "icebreaker", web.Words{"en": "Icebreaker", "zh-CN": "破冰"}, "never"
		e.Variations = []web.ExperimentArm{{Name: "gentle", Weight: 0.4}, {Name: "example", Weight: 0.6}}
		out.Examples = append(out.Examples, e)
	}
	return out, l.err
}

func (l *laboratory) Experiment(_ context.Context, key string) (web.ExperimentDetail, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.list[key]
	if !ok {
		return web.ExperimentDetail{}, fmt.Errorf("%w: experiment %q", web.ErrNotFound, key)
	}
	return web.ExperimentDetail{Experiment: e, History: []web.ExperimentChanged{{At: noon, By: "Ada <b>", Did: "experiment.start", Why: "because"}, {At: noon, By: "hearth", Did: "experiment.odd", Own: true}}}, l.err
}

func (l *laboratory) Results(_ context.Context, key string, q web.ResultsQuery) (web.ExperimentResults, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, q)
	r := l.results
	r.Key, r.Effect, r.Counted = key, cmp.Or(q.Effect, 0.05), noon
	if q.Metric == "" {
		q.Metric = "day7"
	}
	for _, m := range l.metrics() {
		if m.Name == q.Metric {
			r.Metric = m
		}
	}
	return r, l.err
}

func (l *laboratory) SetExperiment(_ context.Context, who audit.Who, c web.ExperimentChange) (web.Experiment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		return web.Experiment{}, l.refuse
	}
	l.done = append(l.done, strings.TrimSpace(fmt.Sprintf("%s base %q by %s %s", c.Key, c.Base, who.Role, c.Why)))
	if c.Want == nil {
		delete(l.list, c.Key)
		return web.Experiment{}, nil
	}
	l.list[c.Key] = *c.Want
	return *c.Want, nil
}

func (l *laboratory) Assign(context.Context, string) (map[string]string, error) { return nil, l.err }

func (l *laboratory) Needs(_ context.Context, q web.NeedsQuery) (web.ExperimentNeeds, error) {
	l.needed = append(l.needed, q)
	return l.needs, l.err
}

type house struct {
	*pagetest.House
	t *testing.T
}

func open(t *testing.T, l *laboratory) *house {
	t.Helper()
	now := func() time.Time { return noon }
	h := pagetest.New(t, now)
	if err := Register(Options{Frame: h.Frame, Experiments: l, Now: now}); err != nil {
		t.Fatal(err)
	}
	return &house{h, t}
}

func (h *house) get(role access.Role, path string) (int, string) {
	h.t.Helper()
	w := h.Do(role, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, strings.NewReplacer("&#43;", "+", "\u00a0", " ").Replace(w.Body.String())
}

func (h *house) post(role access.Role, path string, form url.Values) (int, string, string) {
	h.t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := h.Do(role, r)
	return w.Code, w.Header().Get("Location"), w.Body.String()
}

func (h *house) says(path string, want ...string) string {
	h.t.Helper()
	code, body := h.get(access.Manager, path)
	if code != http.StatusOK {
		h.t.Fatalf("%s is answered %d: %s", path, code, body)
	}
	for _, s := range want {
		if !strings.Contains(body, s) {
			h.t.Errorf("%s does not say %q: %s", path, s, body)
		}
	}
	return body
}

func TestWhoMayWhat(t *testing.T) {
	h := open(t, newLaboratory())
	for _, c := range []struct {
		method, path string
		need         access.Role
	}{
		{"GET", "/experiments", access.Viewer}, {"GET", "/experiments/pace", access.Viewer}, {"GET", "/experiments/pace/start", access.Viewer},
		{"GET", "/experiments/_new", access.Manager}, {"GET", "/experiments/pace/edit", access.Manager}, {"POST", "/experiments/_new", access.Manager}, {"POST", "/experiments/pace/edit", access.Manager},
		{"POST", "/experiments/pace/start", access.Manager}, {"POST", "/experiments/pace/stop", access.Manager}, {"POST", "/experiments/pace/settle", access.Manager}, {"POST", "/experiments/pace/ramp", access.Manager},
		{"POST", "/experiments/pace/force", access.Manager}, {"POST", "/experiments/pace/free", access.Manager}, {"POST", "/experiments/pace/delete", access.Manager},
	} {
		for _, role := range append([]access.Role{page.Everybody}, access.Roles...) {
			w := h.Do(role, httptest.NewRequest(c.method, c.path, nil))
			refused := w.Code == http.StatusForbidden || w.Code == http.StatusUnauthorized || role == page.Everybody && w.Code == http.StatusSeeOther
			if may := role != page.Everybody && role.Covers(c.need); may == refused || w.Code >= 500 {
				t.Errorf("%s %s, which needs %s, answers %q with %d", c.method, c.path, c.need, role, w.Code)
			}
		}
	}
	if code, body := h.get(access.Viewer, "/experiments/pace"); code != 200 || strings.Contains(body, "/experiments/pace/stop") {
		t.Errorf("a viewer is offered to stop it: %d %s", code, body)
	}
}

func TestList(t *testing.T) {
	l := newLaboratory()
	l.pairs = []web.ExperimentPair{{A: "bot-script", B: "pace", P: ptr(0.42)}, {A: "pace", B: "old", P: ptr(0.00001), Alarm: true}, {A: "x", B: "pace", Missing: &web.ExperimentMiss{Have: 3, Need: 40, What: "members"}}}
	h := open(t, l)
	h.says("/experiments", "Bot script &lt;b&gt;", "baseline 50 %, v2 30 %, v3 20 %", "1,234", "settled: all get v3", "not independent", "independent", "0.420", "&lt; 0.001", "not enough members: 3, about 40 are needed",
		"/experiments/_new?example=icebreaker", "gentle 40 %, example 60 %")
	h.says("/experiments?lang=zh-CN", "欢迎话术", "进行中", "互相独立", "破冰", "已定案：全部使用 v3")
	l.list = map[string]web.Experiment{}
	h.says("/experiments", "Nothing is tried yet")
	for err, want := range map[error]int{web.ErrNoExperiments: 404, errors.New("broken"): 500} {
		l.err = err
		if code, _ := h.get(access.Viewer, "/experiments"); code != want {
			t.Errorf("%v is answered %d", err, code)
		}
	}
}

func counted() web.ExperimentResults {
	return web.ExperimentResults{Since: "2026-11-17", Several: 2, PerDay: 20.4, Platforms: []string{"slack", "webchat"}, Counting: true,
		Arms: []web.ExperimentResult{{Name: "baseline", Control: true, Shown: 1500, N: 1400, Met: 420, Rate: ptr(0.3), Low: 0.2766, High: 0.3245},
			{Name: "v2", Shown: 900, N: 840, Met: 340, Rate: ptr(0.4048), Low: 0.37, High: 0.44, MedianS: ptr(7300.0)}, {Name: "v3", Shown: 4, N: 0}},
		Against: []web.ExperimentDiff{{Name: "v2", Verdict: "better", Difference: 0.1048, Low: 0.06, High: 0.15, ChanceToWin: 0.99999, AlwaysLow: 0.031, AlwaysHigh: 0.178, P: 0.00002, Smallest: ptr(0.071), DaysNeeded: ptr(0)},
			{Name: "v3", Verdict: "not_enough", Missing: &web.ExperimentMiss{Have: 0, Need: 25, What: "members in the smaller arm"}, DaysNeeded: ptr(61)}},
		Ratio:  web.ExperimentRatio{P: ptr(0.31)},
		Guards: []web.GuardResult{{Metric: "left", Variation: "v2", Margin: 0.02, Harm: 0.017, Low: -0.01, High: 0.04}, {Metric: "muted", Variation: "v2", Margin: 0.02, N: 700, ControlN: 800, Missing: &web.ExperimentMiss{Have: 700, Need: 15000, What: "members in the smaller arm"}}, {Metric: "left", Variation: "v3", Margin: 0.02, Missing: &web.ExperimentMiss{Have: 1, Need: 25, What: "members in the smaller arm"}}},
		Hidden: []web.Hidden{{Platform: "dingtalk", What: []string{"messages that do not name the bot"}}}}
}

func TestResults(t *testing.T) {
	l := newLaboratory()
	h := open(t, l)
	h.says("/experiments/pace", "Nobody was shown a variation yet")
	l.results = counted()
	body := h.says("/experiments/pace", "Back on day 7", "Of 2,404 members who were shown a variation, 2,240 count: those for whom 8 days have passed", "Since 2026-11-17", "2 members were shown more than one variation", "20 members a day",
		"30.0 %", "27.7 % – 32.5 %", "40.5 %", "2 h", "better", "v2 is better than baseline.", "+10.5", "+3.1 … +17.8", "&gt; 99.9 %", "&lt; 0.001", "decided", "61 days", "not enough members: 0 in the smaller group, about 25 are needed",
		"as they should have been", "+1.7 points worse, of 2 borne", "nobody of 700 so far", "All of it at a glance", "First task done", "dingtalk does not show everything", "messages that do not name the bot", "members are being counted anew", `role="img"`, "slack:U1", "Take away: slack:U1")
	if strings.Contains(body, "not to be believed") || strings.Contains(body, "class=\"sorry\"") {
		t.Errorf("sound results are doubted: %s", body)
	}
	h.says("/experiments/pace?lang=zh-CN", "第 7 天回访", "v2 比 baseline 好。", "更好", "成员不够", "护栏", "随时查看")
	l.results.Ratio, l.results.Against[0].Verdict = web.ExperimentRatio{P: ptr(0.000001), Alarm: true}, "void"
	h.says("/experiments/pace", "not as they should have been: do not rely on these results", "not to be believed")
	h.says("/experiments/old", "hearth stopped this experiment by itself", "Start again", "What it takes")
	h.says("/experiments/won", "settled: all get v3")

	l.asked = nil
	h.says("/experiments/pace?metric=first_task&platform=slack&effect=3", `value="3"`)
	if want := (web.ResultsQuery{Metric: "first_task", Platform: "slack", Effect: 0.03}); len(l.asked) != 2 || l.asked[0] != want {
		t.Errorf("asked was %+v, want %+v first", l.asked, want)
	}
	h.says("/experiments/pace?metric=nothing&effect=much", "Back on day 7")
	if code, body := h.get(access.Viewer, "/experiments/none"); code != 404 || !strings.Contains(body, "There is no such experiment") {
		t.Errorf("an experiment that is not there: %d %s", code, body)
	}
}

func TestNeeds(t *testing.T) {
	l := newLaboratory()
	h := open(t, l)
	h.says("/experiments/bot-script?by=first_task&base=31&rise=5&perday=22", "2,345", "7,035", "<b>97</b>", "1,700", "of 1,234 members", `value="31"`)
	if want := (web.NeedsQuery{Key: "bot-script", Metric: "first_task", Base: 0.31, Effect: 0.05, PerDay: 22, Arms: 3, Share: 1}); len(l.needed) != 1 || l.needed[0] != want {
		t.Errorf("asked was %+v, want %+v", l.needed, want)
	}
	// What was typed stands there again: the next answer is for the same.
	l.needs = web.ExperimentNeeds{Base: ptr(0.125), Effect: 0.025, PerDay: 22.5, Arms: 3, PerArm: 10}
	h.says("/experiments/bot-script?base=12.5&rise=2.5&perday=22.5", `name="base" inputmode="decimal" maxlength="8" value="12.5"`, `name="rise" inputmode="decimal" maxlength="8" value="2.5"`, `name="perday" inputmode="decimal" maxlength="10" value="22.5"`)
	l.needs = web.ExperimentNeeds{Effect: 0.05, Arms: 3}
	h.says("/experiments/bot-script", "Say the rate as you guess it")
	l.needs = web.ExperimentNeeds{Base: ptr(0.3), Effect: 0.05, Arms: 3, PerArm: 10}
	h.says("/experiments/bot-script", "not within ten years")
}

func TestActs(t *testing.T) {
	for _, c := range []struct {
		form   string
		key    string
		values url.Values
		to     string // "" is refused
		check  func(e web.Experiment) bool
		says   string
	}{
		{"start", "bot-script", url.Values{"base": {"b1"}, "why": {"go"}}, "/experiments/bot-script?done=started", func(e web.Experiment) bool { return e.Status == web.TrialRunning }, ""},
		{"stop", "pace", nil, "/experiments/pace?done=stopped", func(e web.Experiment) bool { return e.Status == web.TrialStopped }, ""},
		{"settle", "pace", url.Values{"winner": {"v2"}}, "/experiments/pace?done=settled", func(e web.Experiment) bool { return e.Status == web.TrialSettled && e.Winner == "v2" }, ""},
		{"settle", "pace", url.Values{"winner": {"v9"}}, "", nil, "There is no such variation"},
		{"ramp", "pace", url.Values{"coverage": {"10"}, "steps": {"2026-12-01 09:00 50\r\n\r\n2026-12-08 09:00 100 %\r\n"}}, "/experiments/pace?done=ramped", func(e web.Experiment) bool {
			return e.Coverage == 0.1 && len(e.Ramp) == 2 && e.Ramp[0].At.Equal(time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)) && e.Ramp[0].Coverage == 0.5 && e.Ramp[1].Coverage == 1
		}, ""},
		{"ramp", "pace", url.Values{"coverage": {""}}, "", nil, "A number from 0 to 100."},
		{"ramp", "pace", url.Values{"coverage": {"-1"}}, "", nil, "A number from 0 to 100."},
		{"ramp", "pace", url.Values{"coverage": {"10"}, "steps": {"soon 50"}}, "", nil, "Line 1: write a time and a share"},
		{"ramp", "pace", url.Values{"coverage": {"10"}, "steps": {"2026-12-08 09:00 50\n2026-12-01 09:00 60"}}, "", nil, "Line 2: its time is over"},
		{"ramp", "pace", url.Values{"coverage": {"10"}, "steps": {"2026-11-01 09:00 50"}}, "", nil, "Line 1: its time is over"},
		{"force", "pace", url.Values{"member": {" slack:U2 "}, "variation": {"v3"}}, "/experiments/pace?done=forced", func(e web.Experiment) bool { return e.Forced["slack:U2"] == "v3" && e.Forced["slack:U1"] == "v2" }, ""},
		{"force", "pace", url.Values{"member": {"Ada"}, "variation": {"v3"}}, "", nil, "An id such as"},
		{"force", "pace", url.Values{"member": {"slack:U2"}, "variation": {"v9"}}, "", nil, "There is no such variation"},
		{"free", "pace", url.Values{"member": {"slack:U1"}}, "/experiments/pace?done=freed", func(e web.Experiment) bool { return len(e.Forced) == 0 }, ""},
		{"delete", "old", url.Values{"key": {"old"}}, "/experiments?done=deleted", func(e web.Experiment) bool { return e.Key == "" }, ""},
		{"delete", "old", url.Values{"key": {"odd"}}, "", nil, "Type the key old to confirm"},
		{"start", "none", nil, "", nil, "There is no such experiment"},
	} {
		l := newLaboratory()
		h := open(t, l)
		code, to, body := h.post(access.Manager, "/experiments/"+c.key+"/"+c.form, c.values)
		switch {
		case c.to != "" && (code != http.StatusSeeOther || to != c.to || len(l.done) != 1 || !c.check(l.list[c.key])):
			t.Errorf("%s %v is answered %d to %s, done is %q, and the experiment %+v", c.form, c.values, code, to, l.done, l.list[c.key])
		case c.to == "" && (code != http.StatusUnprocessableEntity && code != http.StatusNotFound || len(l.done) != 0 || !strings.Contains(body, c.says)):
			t.Errorf("%s %v is answered %d, done is %q: %s", c.form, c.values, code, l.done, body)
		}
		if c.form == "start" && c.to != "" && l.done[0] != `bot-script base "b1" by manager go` {
			t.Errorf("done is %q", l.done)
		}
		if c.to != "" {
			h.says(to, "role=\"status\"")
		}
	}
}

// TestFaster has a second manager whose form is of an older state.
func TestFaster(t *testing.T) {
	l := newLaboratory()
	h := open(t, l)
	now := script
	now.Base, now.Coverage, now.About = "b2", 0.5, web.Words{"en": "Changed by Grace"}
	l.refuse = &web.ExperimentError{Code: web.TrialFaster, Now: &now, Err: errors.New("somebody was faster")}
	code, _, body := h.post(access.Manager, "/experiments/bot-script/start", url.Values{"base": {"b0"}})
	if code != http.StatusConflict || !strings.Contains(body, "Somebody else has changed this experiment meanwhile") {
		t.Errorf("a start of an older state is answered %d: %s", code, body)
	}
	form := definition()
	form.Set("about_en", "Mine")
	form.Set("base", "b0")
	code, _, body = h.post(access.Manager, "/experiments/bot-script/edit", form)
	for _, s := range []string{"Somebody else has changed", "Changed by Grace", "Mine", `name="base" value="b2"`} {
		if code != http.StatusConflict || !strings.Contains(body, s) {
			t.Errorf("the answer %d does not say %q: %s", code, s, body)
		}
	}
	l.refuse = &web.ExperimentError{Code: web.TrialFaster, Err: errors.New("deleted")}
	if code, _, body = h.post(access.Manager, "/experiments/bot-script/edit", form); code != http.StatusConflict || !strings.Contains(body, "deleted this experiment meanwhile") {
		t.Errorf("a change of what is gone is answered %d: %s", code, body)
	}
}

// definition is the form as it is filled for script.
func definition() url.Values {
	return url.Values{"key": {"tone"}, "name_en": {"Tone"}, "name_zh": {"语气"}, "arm": {"warm", "short", "", ""}, "weight": {"70", "30", "", ""}, "coverage": {"20"}, "target": {`platform == "slack"`},
		"main": {"first_task"}, "metric": {"day7", "first_task"}, "guard": {"left"}, "margin.left": {"1.5"}, "start": {"2026-12-01T09:00"}, "stop": {""}, "namespace": {"n"}, "from": {"0"}, "to": {"50"}, "holdout": {"h"}, "share": {"5"}, "why": {"try it"}}
}

// TestFormKeepsTimes saves an experiment of which only the name was changed: a
// field has no seconds, and an hour that comes twice is written once.
func TestFormKeepsTimes(t *testing.T) {
	l := newLaboratory()
	l.zone = "America/Santiago"                                                                                 // back an hour at midnight on 2026-04-05: 23:00 to 24:00 twice
	start, stop := time.Date(2026, 4, 5, 3, 30, 15, 0, time.UTC), time.Date(2026, 12, 1, 1, 0, 59, 0, time.UTC) // the second 23:30, and a second before a minute ends
	e := l.list["pace"]
	e.Start, e.Stop = &start, &stop
	l.list["pace"] = e
	form := definition()
	form.Set("base", "b1")
	form.Set("start", "2026-04-04T23:30")
	form.Set("stop", "2026-11-30T22:00")
	if code, _, body := open(t, l).post(access.Manager, "/experiments/pace/edit", form); code != http.StatusSeeOther {
		t.Fatalf("answered %d: %s", code, body)
	}
	if e = l.list["pace"]; !e.Start.Equal(start) || !e.Stop.Equal(stop) {
		t.Errorf("it runs from %v to %v, not from %v to %v", e.Start, e.Stop, start, stop)
	}
}

// TestFormInChinese has texts as long in Chinese as in English.
func TestFormInChinese(t *testing.T) {
	l := newLaboratory()
	h := open(t, l)
	form := definition()
	form.Set("name_zh", strings.Repeat("名", 200))
	form.Set("about_zh", strings.Repeat("长", 500))
	if code, _, body := h.post(access.Manager, "/experiments/_new", form); code != http.StatusSeeOther || l.list["tone"].About["zh-CN"] != strings.Repeat("长", 500) {
		t.Errorf("answered %d: %s", code, body)
	}
	form.Set("about_zh", strings.Repeat("长", 501))
	if code, _, body := h.post(access.Manager, "/experiments/_new", form); code != http.StatusUnprocessableEntity || !strings.Contains(body, "at most 500 characters") {
		t.Errorf("one more is answered %d: %s", code, body)
	}
}

func TestForm(t *testing.T) {
	l := newLaboratory()
	h := open(t, l)
	h.says("/experiments/_new?example=icebreaker", `value="icebreaker"`, `value="gentle"`, `value="60"`, "platform == &#34;slack&#34;", "Start (Asia/Shanghai)")
	h.says("/experiments/_new", `name="key" value=""`)
	h.says("/experiments/bot-script/edit", `value="baseline"`, `name="base" value="b1"`)
	if body := h.says("/experiments/pace/edit", "who gets what is not changed any more"); strings.Contains(body, `id="coverage"`) {
		t.Errorf("the coverage of what runs is in the form: %s", body)
	}
	code, to, body := h.post(access.Manager, "/experiments/_new", definition())
	e := l.list["tone"]
	if code != http.StatusSeeOther || to != "/experiments/tone?done=made" {
		t.Fatalf("a new one is answered %d to %s: %s", code, to, body)
	}
	if e.Name["zh-CN"] != "语气" || len(e.Variations) != 2 || e.Variations[1] != (web.ExperimentArm{Name: "short", Weight: 0.3}) || e.Coverage != 0.2 || e.Target != `platform == "slack"` || !slices.Equal(e.Metrics, []string{"first_task", "day7"}) ||
		len(e.Guardrails) != 1 || e.Guardrails[0] != (web.ExperimentGuard{Metric: "left", Margin: 0.015}) || !e.Start.Equal(time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)) || e.Stop != nil || *e.Namespace != (web.ExperimentNamespace{ID: "n", End: 0.5}) || *e.Holdout != (web.ExperimentHoldout{Name: "h", Share: 0.05}) {
		t.Errorf("made is %+v", e)
	}
	if l.done[0] != `tone base "" by manager try it` {
		t.Errorf("done is %q", l.done)
	}
	equal := definition()
	equal["weight"] = []string{"", "", "", ""}
	if code, _, _ := h.post(access.Manager, "/experiments/_new", equal); code != http.StatusSeeOther || l.list["tone"].Variations[0].Weight != 0.5 {
		t.Errorf("weights that nobody says are %+v", l.list["tone"].Variations)
	}
	for field, c := range map[string]struct {
		values []string
		says   string
	}{
		"key": {[]string{" "}, "Give it a key"}, "arm": {[]string{"one", ""}, "At least two variations."}, "weight": {[]string{"70", "20"}, "The shares sum to 90, not to 100."}, "coverage": {[]string{"101"}, "A number from 0 to 100."},
		"start": {[]string{"soon"}, "A time such as"}, "stop": {[]string{"2026-11-30T09:00"}, "It ends before it begins."}, "to": {[]string{"0"}, "A part such as"}, "share": {[]string{"0"}, "A share above 0"},
		"main": {[]string{"nothing"}, "Choose what decides."}, "margin.left": {[]string{"x"}, "Points from 0 to 100."}, "name_en": {[]string{strings.Repeat("x", 201)}, "Too long"},
	} {
		form, n := definition(), len(l.done)
		form[field] = c.values
		code, _, body := h.post(access.Manager, "/experiments/_new", form)
		if code != http.StatusUnprocessableEntity || !strings.Contains(body, c.says) || len(l.done) != n || !strings.Contains(body, `aria-invalid="true"`) && field != "arm" && field != "weight" && field != "margin.left" {
			t.Errorf("%s %q is answered %d, which does not say %q: %s", field, c.values, code, c.says, body)
		}
	}
	l.refuse = &web.ExperimentError{Code: web.TrialInvalid, Err: errors.New("no"), Faults: []web.ExperimentFault{{Field: "target", Text: "unknown name platfrom", In: web.Words{"en": "unknown name platfrom", "zh-CN": "未知"}}, {Field: "", Text: "too many"}, {Field: "weights[1]", Text: "odd"}}}
	code, _, body = h.post(access.Manager, "/experiments/_new", definition())
	for _, s := range []string{"This cannot be done so", "unknown name platfrom", "too many", "odd", `id="w-target"`, `id="w-arms"`} {
		if code != http.StatusUnprocessableEntity || !strings.Contains(body, s) {
			t.Errorf("what was found wrong is answered %d without %q: %s", code, s, body)
		}
	}
	l.refuse = &web.ExperimentError{Code: web.TrialExists, Err: errors.New("there is one")}
	if code, _, body = h.post(access.Manager, "/experiments/_new", definition()); code != http.StatusConflict || !strings.Contains(body, "There is an experiment of this key already.") {
		t.Errorf("one that is there is answered %d: %s", code, body)
	}
	l.refuse = nil
	fixed := definition()
	fixed.Set("base", "b1")
	if code, to, body := h.post(access.Manager, "/experiments/pace/edit", fixed); code != http.StatusSeeOther || to != "/experiments/pace?done=changed" || len(l.list["pace"].Variations) != 3 || l.list["pace"].Target != "" || l.list["pace"].Name["en"] != "Tone" {
		t.Errorf("a change of what runs is answered %d to %s, and it is %+v: %s", code, to, l.list["pace"], body)
	}
}

func TestRegisterAndFigures(t *testing.T) {
	l := newLaboratory()
	h := pagetest.New(t, nil)
	if err := Register(Options{Frame: h.Frame, Experiments: l}); err != nil {
		t.Fatal(err)
	}
	if err := Register(Options{Frame: h.Frame}); err == nil {
		t.Error("there are pages without experiments")
	}
	for in, want := range map[float64]string{0.1048: "+10.5", -0.02: "−2.0", 0.0001: "0.0", -0.0004: "0.0"} {
		if got := signed(in); got != want {
			t.Errorf("signed(%v) is %s, want %s", in, got, want)
		}
	}
}
