package walk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/sdk/experiment/groups"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
	"github.com/hearthbot/hearth/web"
)

// crowdless has everybody greeted by themselves.
func crowdless(c *config.Config) {
	c.Plugins["welcome"] = config.Plugin{Enabled: true, Config: json.RawMessage(`{"crowd": 30}`)}
}

// trialPlugins is a directory with the bundled plugins that experiments are about.
func trialPlugins(t *testing.T) string {
	t.Helper()
	plugins(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(built.path)); err != nil {
		t.Fatal(err)
	}
	if err := verifytest.Build(filepath.Join(dir, "experiments.wasm"), "../../../../plugins/experiments"); err != nil {
		t.Fatal(err)
	}
	return dir
}

// showing shows a page in English on a wide screen and in Chinese on a phone at
// night, and keeps what that looks like from the first element of a selector on.
func (m *manager) showing(name, axe string, from ...string) {
	m.t.Helper()
	scroll := func() {
		for _, sel := range from {
			tabtest.Eval[bool](m.Tab, fmt.Sprintf("(document.querySelector(%q).scrollIntoView(), true)", sel))
		}
	}
	scroll()
	m.clean(name, axe)
	m.Keep("experiments-" + name + "-en-1440-light")
	at := tabtest.Eval[string](m.Tab, `(() => { const u = new URL(location); u.searchParams.delete("lang"); return u.pathname + u.search })()`)
	with := func(lang string) string {
		if strings.Contains(at, "?") {
			return at + "&lang=" + lang
		}
		return at + "?lang=" + lang
	}
	m.Look(320, 740, true)
	m.open(with("zh-CN"))
	scroll()
	m.clean(name+" in Chinese", axe)
	m.Keep("experiments-" + name + "-zh-CN-320-dark")
	m.Look(1440, 1000, false)
	m.open(with("en"))
}

// experiment is one as the API has it.
func (h *community) experiment(key string) (d web.ExperimentDetail) {
	h.t.Helper()
	code, body := h.api(access.Viewer, "GET", "/api/v1/experiments/"+key, nil)
	if err := json.Unmarshal([]byte(body), &d); code != http.StatusOK || err != nil {
		h.t.Fatalf("the experiment %s is answered %d %s: %v", key, code, body, err)
	}
	return d
}

// asker asks the server for a user's groups, as another service would.
func (h *community) asker() *groups.Client {
	return &groups.Client{URL: h.url, Token: h.tokens[access.Viewer], Timeout: 20 * time.Second, Failed: func(user string, err error) { h.t.Errorf("the groups of %s: %v", user, err) }}
}

// TestExperiment is a manager who tries another greeting: from the ready example
// to a draft, what it would take, the start, a newcomer who is shown a variation
// and is counted, a tester, a second manager with an older form, and the stop.
func TestExperiment(t *testing.T) {
	browser := tabtest.Start(t)
	axe := barriers(t)
	h := openCommunityOf(t, trialPlugins(t), crowdless)
	tab := tabtest.New(t, browser, h.url)
	tab.Look(1440, 1000, false)
	m := h.manage(tab, access.Manager, "en")
	m.open("/experiments")
	m.showing("list", axe)
	m.Click(`a[href="/experiments/_new?example=bot-script"]`)
	m.Until("document.getElementById('key')?.value === 'bot-script'")
	m.showing("form", axe)
	m.set("coverage", "130")
	m.set("why", "is the greeting too long?")
	m.Click("main form .primary")
	m.UntilText("#w-coverage", "from 0 to 100")
	m.clean("a form that is wrong", axe)
	m.set("coverage", "100")
	m.Click("main form .primary")
	m.UntilText(".done", "The draft is made")
	m.set("n-base", "30")
	m.set("n-day", "20")
	m.Click("#needs form .btn")
	m.UntilText("#needs .tiles", "Days until then")
	m.showing("draft", axe)
	m.set("s-why", "try it")
	m.Click("section[aria-labelledby=start] .primary")
	m.UntilText(".done", "Started.")

	// A newcomer is shown a variation, and is counted once that was sent.
	ada := tabtest.New(t, browser, h.url)
	ada.Look(1280, 800, false)
	ada.ComeIn("Ada", "en")
	ada.UntilText("#list", "Ada")
	m.UntilPage("/experiments/bot-script", "Of 1 members")
	m.open("/experiments/bot-script")
	m.showing("running", axe)
	_, body := h.api(access.Manager, "GET", "/api/v1/members?query=Ada", nil)
	var found web.MemberPage
	if err := json.Unmarshal([]byte(body), &found); err != nil || len(found.Members) != 1 {
		t.Fatalf("the members are %s, %v", body, err)
	}
	id := found.Members[0].ID
	client := h.asker()
	g, err := client.Groups(t.Context(), id)
	if err != nil || !slices.Contains([]string{"baseline", "v2", "v3"}, g.Get("bot-script")) {
		t.Errorf("Ada has %v, %v", g, err)
	}
	if g, err := client.Groups(t.Context(), "webchat:nobody"); g != nil || err != nil {
		t.Errorf("nobody has %v, %v", g, err)
	}
	// A service that asks for them has them in its requests, and goes on without.
	served := ""
	service := groups.Middleware(client, func(r *http.Request) string { return r.Header.Get("User") })(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { served = groups.From(r.Context()).Get("bot-script") }))
	for user, want := range map[string]string{id: g.Get("bot-script"), "webchat:nobody": ""} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("User", user)
		if service.ServeHTTP(nil, r); served != want {
			t.Errorf("%s is served %q, want %q", user, served, want)
		}
	}

	// A tester gets what they are given.
	m.set("t-id", "Ada")
	m.Click("section[aria-labelledby=testers] form[action$=force] .btn")
	m.UntilText("#t-idw", "An id such as")
	m.set("t-id", id)
	tabtest.Eval[bool](m.Tab, `(document.getElementById("t-v").value = "v3", true)`)
	m.Click("section[aria-labelledby=testers] form[action$=force] .btn")
	m.UntilText(".done", "The tester gets this variation")
	if g, err := client.Groups(t.Context(), id); err != nil || g.Get("bot-script") != "v3" {
		t.Errorf("as a tester Ada has %v, %v", g, err)
	}

	// Two managers at once: the second sees what the first has done.
	other := h.manage(tabtest.New(t, browser, h.url), access.Manager, "en")
	other.Look(1440, 1000, false)
	other.open("/experiments/bot-script/edit")
	m.set("r-now", "50")
	m.Click("section[aria-labelledby=ramp] .btn")
	m.UntilText(".done", "The share of members is set.")
	other.set("about_en", "Which greeting keeps newcomers?")
	other.Click("main form .primary")
	other.UntilText(".sorry", "Somebody else has changed this experiment")
	other.clean("a form of an older state", axe)
	other.Keep("experiments-faster-en-1440-light")
	other.Click("main form .primary")
	other.UntilText(".done", "Saved.")
	if e := h.experiment("bot-script"); e.Coverage != 0.5 || e.About["en"] != "Which greeting keeps newcomers?" || e.Forced[id] != "v3" {
		t.Errorf("after both it is %+v", e.Experiment)
	}

	m.open("/experiments/bot-script")
	m.Click("details.sure > summary.danger")
	m.Until("document.querySelector('#st-why').checkVisibility()")
	m.set("st-why", "enough")
	m.Click("details.sure[open] form .btn.danger")
	m.UntilText(".done", "Stopped.")
	e := h.experiment("bot-script")
	var did []string
	for _, c := range e.History {
		did = append(did, strings.TrimSpace(c.Did+" "+c.Why))
	}
	if want := []string{"experiment.stop enough", "experiment.set", "experiment.ramp", "experiment.force", "experiment.start try it", "experiment.make is the greeting too long?"}; !slices.Equal(did, want) || e.Status != web.TrialStopped || e.Reason != "manager" {
		t.Errorf("on record is %q, want %q; it is %+v", did, want, e.Experiment)
	}
	root := h.browse(access.Admin)
	if _, body := root.send("GET", "/admin/audit?on="+url.QueryEscape("experiment/bot-script"), nil); !strings.Contains(body, "started an experiment") {
		t.Errorf("the record does not say who started it: %s", body)
	}
}

// UntilPage waits until a page says something, without going there.
func (m *manager) UntilPage(path, text string) {
	m.t.Helper()
	m.Until(fmt.Sprintf(`(window.asking ||= fetch(%q).then((r) => r.text()).then((s) => { window.says = s.includes(%q); window.asking = null }), window.says)`, path, text))
}

// month is how many members a day the community of TestResults had, and for how
// many days.
const (
	monthDays   = 40
	monthPerDay = 60
)

// lived writes into the store of a hearth that does not run what became of the
// members of a month: the script v2 keeps more of them, the pace fast drives them
// away, and that is all that is true.
func lived(t *testing.T, data string, now time.Time) {
	t.Helper()
	st, err := bolt.Open(t.Context(), data, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	m, err := measure.New(measure.Config{Calendar: measure.NewCalendar(measure.Zone{Loc: time.UTC}), Generation: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(6, 4))
	var wait sync.WaitGroup
	room := make(chan struct{}, 32) // the store writes many with one sync
	for i := range monthDays * monthPerDay {
		join := now.AddDate(0, 0, -monthDays-1).Add(time.Duration(i) * 24 * time.Hour / monthPerDay)
		script, pace := []string{"baseline", "baseline", "baseline", "baseline", "v2", "v2", "v2", "v3", "v3", "v3"}[r.IntN(10)], []string{"normal", "fast"}[r.IntN(2)]
		stays, leaves, works := 0.3, 0.03, 0.25
		if script == "v2" {
			stays = 0.45
		}
		if pace == "fast" {
			leaves = 0.16
		}
		at := func(after time.Duration, f measure.Fact) *measure.Fact {
			f.At = join.Add(after).UnixMilli()
			f.Received = f.At
			return &f
		}
		facts := []*measure.Fact{at(0, measure.Fact{Join: true, Marks: []string{"member.joined"}}),
			at(time.Second, measure.Fact{Shown: &measure.Shown{Experiment: "bot-script", Variation: script}}), at(time.Second, measure.Fact{Shown: &measure.Shown{Experiment: "task-pacing", Variation: pace}})}
		if r.Float64() < stays {
			facts = append(facts, at(7*24*time.Hour, measure.Fact{Active: true}))
		}
		if r.Float64() < works {
			facts = append(facts, at(time.Duration(r.IntN(90))*time.Hour, measure.Fact{Marks: []string{"path.first_task"}}))
		}
		if r.Float64() < 0.4 {
			facts = append(facts, at(time.Duration(2+r.IntN(240))*time.Minute, measure.Fact{Marks: []string{"icebreaker.replied"}}))
		}
		if r.Float64() < leaves {
			facts = append(facts, at(40*time.Hour, measure.Fact{Leave: true, Marks: []string{"member.left"}}))
		}
		wait.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			b := new(store.Batch)
			if _, _, _, err := m.FoldAll(b, fmt.Sprint("slack:U", i), store.Row{}, 64, facts...); err != nil {
				t.Error(err)
				return
			}
			if _, err := st.Commit(t.Context(), b); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	began(t, st, now.AddDate(0, 0, -monthDays-2))
}

// began has the experiments have begun earlier than they did.
func began(t *testing.T, st store.Store, day time.Time) {
	t.Helper()
	snap, err := st.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	b := new(store.Batch)
	for row, err := range snap.Scan(t.Context(), store.Prefix("state/")) {
		if err != nil {
			t.Fatal(err)
		}
		const key = `"began":"`
		if i := bytes.Index(row.Value, []byte(key)); i >= 0 {
			v := bytes.Clone(row.Value)
			copy(v[i+len(key):], day.Format(time.DateOnly))
			b.Put(row.Key, v)
		}
	}
	if n := len(b.Writes()); n != 2 {
		t.Fatalf("%d experiments have begun, want 2", n)
	}
	if _, err := st.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// TestResults is a community that has run two experiments for a month: one script
// keeps more newcomers, one pace drives them away. The page says so, and the
// experiment that does harm is stopped by hearth itself, on record.
func TestResults(t *testing.T) {
	browser := tabtest.Start(t)
	axe := barriers(t)
	data, dir := t.TempDir(), trialPlugins(t)
	var h *community
	if !t.Run("begin", func(t *testing.T) {
		h = openCommunityOf(t, dir, func(c *config.Config) { c.Server.Data = data })
		h.begin("bot-script", `{"key":"bot-script","name":{"en":"What the welcome says","zh-CN":"欢迎话术"},"metrics":["day7","first_task","replied"],"guardrails":[{"metric":"left","margin":0.02},{"metric":"muted","margin":0.02}],
			"variations":[{"name":"baseline","weight":0.4},{"name":"v2","weight":0.3},{"name":"v3","weight":0.3}]}`)
		h.begin("task-pacing", `{"key":"task-pacing","name":{"en":"How fast tasks follow each other","zh-CN":"任务节奏"},"metrics":["first_task","day7"],"guardrails":[{"metric":"left","margin":0.02}],
			"variations":[{"name":"normal","weight":0.5},{"name":"fast","weight":0.5}]}`)
	}) {
		return
	}
	lived(t, data, time.Now().UTC())
	c := config.Default()
	c.Server.Data, c.Community.Name = data, "Gophers"
	_, h.url = serveApp(t, app.Options{Config: c, Plugins: os.DirFS(dir)})
	h.t = t

	tab := tabtest.New(t, browser, h.url)
	tab.Look(1440, 1000, false)
	m := h.manage(tab, access.Manager, "en")
	m.UntilPage("/experiments/task-pacing", "hearth stopped this experiment by itself") // as the first look at the guardrails finds
	m.open("/experiments/task-pacing")
	m.showing("broken", axe)
	m.open("/experiments/bot-script")
	m.UntilText("#results", "v2 is better than baseline.")
	m.UntilText("#results", "as they should have been")
	m.showing("results", axe)
	m.showing("compared", "", "figure.forest")
	m.showing("glance", "", "section#results > h3:last-of-type")
	m.open("/experiments/bot-script?metric=replied")
	m.UntilText("#results", "Median time to it")
	m.showing("reply", axe, ".trial-arms")
	m.open("/experiments")
	m.showing("several", axe)

	var got web.ExperimentResults
	code, body := h.api(access.Viewer, "GET", "/api/v1/experiments/bot-script/results?metric=day7", nil)
	if err := json.Unmarshal([]byte(body), &got); code != http.StatusOK || err != nil {
		t.Fatalf("the results are %d %s: %v", code, body, err)
	}
	verdicts, n := map[string]string{}, 0
	for _, d := range got.Against {
		verdicts[d.Name] = d.Verdict
	}
	for _, a := range got.Arms {
		n += a.Shown
	}
	if verdicts["v2"] != "better" || verdicts["v3"] != "open" || n != monthDays*monthPerDay || got.Ratio.P == nil || got.Ratio.Alarm || got.Several != 0 {
		t.Errorf("the results are %s", body)
	}
	for _, g := range got.Guards {
		if g.Broken {
			t.Errorf("a guardrail of what does no harm: %+v", g)
		}
	}
	var needs web.ExperimentNeeds
	code, body = h.api(access.Viewer, "GET", "/api/v1/experiments/plan?metric=day7&effect=0.05", nil)
	if err := json.Unmarshal([]byte(body), &needs); code != http.StatusOK || err != nil || needs.Base == nil || *needs.Base < 0.3 || *needs.Base > 0.4 || needs.PerDay < monthPerDay-2 || needs.PerArm < 1000 || needs.Once >= needs.PerArm || needs.Days == nil {
		t.Errorf("what it takes is %d %s: %v", code, body, err)
	}
	e := h.experiment("task-pacing")
	if e.Status != web.TrialStopped || e.Reason != "guardrail:left" || len(e.History) == 0 || !e.History[0].Own || e.History[0].Did != "experiment.stop" || !strings.Contains(e.History[0].Why, "with fast it is") {
		t.Errorf("what did harm is %+v, with the record %+v", e.Experiment, e.History)
	}
}

// begin makes an experiment and starts it.
func (h *community) begin(key, definition string) {
	h.t.Helper()
	if code, body := h.api(access.Manager, "PUT", "/api/v1/experiments/"+key, json.RawMessage(definition)); code != http.StatusOK {
		h.t.Fatalf("%s is answered %d %s", key, code, body)
	}
	if code, body := h.api(access.Manager, "POST", "/api/v1/experiments/"+key+"/start", map[string]any{}); code != http.StatusOK {
		h.t.Fatalf("the start of %s is answered %d %s", key, code, body)
	}
}
