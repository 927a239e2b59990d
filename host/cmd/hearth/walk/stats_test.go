package walk

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
	"github.com/hearthbot/hearth/web"
)

// painted says whether a chart is drawn: that its canvas is not of one colour.
const painted = `((name) => { const c = document.querySelector("canvas[data-chart=" + name + "]"); if (!c || !c.width) return false;
	const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data, first = d.slice(0, 4).join(); let n = 0;
	for (let i = 0; i < d.length; i += 4) if (d.slice(i, i + 4).join() !== first && ++n > 200) return true; return false })(%q)`

// TestStats is a morning at the front page. A community in which nobody is yet says
// what will be there; the first member is counted without a reload; what pages, files
// and the API say of them is the same.
func TestStats(t *testing.T) {
	browser := tabtest.Start(t)
	axe := barriers(t)
	h := openCommunity(t, nil)
	tab := tabtest.New(t, browser, h.url)
	tab.Look(1440, 1000, false)
	m := h.manage(tab, access.Manager, "en")
	m.open("/")
	m.UntilText("#numbers", "Nothing is measured yet")
	m.clean("the front page of an empty community", axe)
	m.Keep("stats-empty-en-1440-light")

	// It asks by itself, every minute; here it need not wait for so long.
	if every := tabtest.Eval[string](tab, "document.getElementById('numbers').dataset.every"); every != "60" {
		t.Errorf("the page asks anew every %s s", every)
	}
	hasten := func() { tabtest.Eval[string](tab, "document.getElementById('numbers').dataset.every = '1'") }
	tabtest.Eval[bool](tab, "window.same = true")
	hasten()
	ada := comeIn(t, h.url, "Ada", "en")
	ada.says("dm."+ada.id, "hello")
	m.Until("Chart.getChart(document.querySelector('canvas[data-chart=trend]'))?.data.datasets[0].data.at(-1) === 1")
	m.UntilText("#numbers .tiles", "Active")
	hasten()
	bob := comeIn(t, h.url, "Bob", "zh-CN")
	bob.says("dm."+bob.id, "你好")
	m.Until("Chart.getChart(document.querySelector('canvas[data-chart=trend]')).data.datasets[0].data.at(-1) === 2")
	if !tabtest.Eval[bool](tab, "window.same === true") {
		t.Error("the page was loaded anew")
	}
	m.Until(fmt.Sprintf(painted, "trend"))
	m.Until(fmt.Sprintf(painted, "funnel"))
	m.Until(fmt.Sprintf(painted, "matrix"))
	m.Until(fmt.Sprintf(painted, "sankey"))
	m.clean("the front page of two members", axe)
	m.Keep("stats-two-en-1440-light")

	// Whose session has ended is told so: the figures do not seem to be of now.
	hasten()
	tabtest.Eval[bool](tab, `fetch("/logout", {method: "POST"}).then(() => true)`)
	m.UntilText("#live-off", "You are signed out")
	m = h.manage(tab, access.Manager, "en")
	m.open("/")

	// The API and the files say the same.
	var dau web.ActiveDays
	_, body := h.api(access.Viewer, "GET", "/api/v1/analytics/dau?segment=webchat", nil)
	if err := json.Unmarshal([]byte(body), &dau); err != nil || len(dau.Days) != 56 || *dau.Days[55].Daily != 2 || dau.Since == "" || dau.Days[0].Daily != nil || !strings.Contains(dau.Counts, "webchat") {
		t.Errorf("the API says %s, %v", body, err)
	}
	v := h.browse(access.Viewer)
	_, file := v.send("GET", "/numbers/dau.csv", nil)
	rows, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	if err != nil || len(rows) != 57 || rows[56][1] != "2" || rows[1][1] != "" {
		t.Errorf("the file says %s, %v", file, err)
	}
	for _, name := range []string{"retention", "funnel", "drop-off", "heatmap", "paths", "first-pr"} {
		if code, file := v.send("GET", "/numbers/"+name+".json?segment=webchat&unit=day", nil); code != http.StatusOK || !json.Valid([]byte(file)) || !strings.Contains(file, `"counts":"`) {
			t.Errorf("%s: %d %s", name, code, file)
		}
	}

	// Who stands where is for managers, one click away.
	if code, _ := v.send("GET", "/funnel/engaged", nil); code != http.StatusForbidden {
		t.Errorf("a viewer gets the members behind a drop-off: %d", code)
	}
	m.Click("#t-funnel tbody tr:nth-child(3) td:nth-child(5) a")
	m.Until("location.pathname === '/funnel/engaged'")
	m.UntilText("main table", "Ada")
	m.UntilText("main table", "Bob")
	m.clean("who stands at a step", axe)
	m.Keep("stats-behind-en-1440-light")
	m.Click("main table a")
	m.Until("location.pathname.startsWith('/members/')")
}

// TestStatsOfManyWeeks looks at eight weeks of a community, in both languages, light
// and dark, wide and narrow, and filters them.
func TestStatsOfManyWeeks(t *testing.T) {
	browser := tabtest.Start(t)
	axe := barriers(t)
	h := openCommunity(t, func(c *config.Config) {
		c.Server.Data = t.TempDir()
		remember(t, c.Server.Data, 600, 56)
	})
	tab := tabtest.New(t, browser, h.url)
	tab.Look(1440, 1000, false)
	m := h.manage(tab, access.Admin, "en")
	for _, look := range []struct {
		lang  string
		width int64
		dark  bool
	}{{"en", 1440, false}, {"zh-CN", 320, true}, {"zh-CN", 1440, true}, {"en", 320, false}} {
		m.Look(look.width, map[bool]int64{true: 740, false: 1000}[look.width == 320], look.dark)
		m.open("/?lang=" + look.lang)
		for _, name := range []string{"trend", "curve", "funnel", "matrix", "sankey"} {
			m.Until(fmt.Sprintf(painted, name))
		}
		where := fmt.Sprintf("the front page in %s at %d px", look.lang, look.width)
		m.clean(where, axe)
		for _, part := range []string{"doing", "trend", "stay", "funnel", "first", "paths"} {
			tabtest.Eval[bool](tab, fmt.Sprintf("(document.getElementById(%q).scrollIntoView({block: 'start'}), true)", part))
			m.Keep(fmt.Sprintf("stats-%s-%s-%d-%s", part, look.lang, look.width, map[bool]string{true: "dark", false: "light"}[look.dark]))
		}
	}

	// A filter is a form: it works without the page's script too.
	m.Look(1440, 1000, false)
	m.open("/?lang=en")
	m.Run("choose", chromedp.SetValue(chromedp.CSS("#f-segment"), "slack"), chromedp.SetValue(chromedp.CSS("#f-unit"), "month"), chromedp.SetValue(chromedp.CSS("#f-definition"), "or_after"))
	m.Click("form.asked .btn")
	m.Until("location.search.includes('segment=slack')")
	m.UntilText("#numbers", "Slack, ")
	m.UntilText("section[aria-labelledby=stay]", "or in a later one")
	m.Keep("stats-filtered-en-1440-light")
	m.open("/?from=2026-03-02&to=2026-03-01")
	m.UntilText("form.asked", "behind the last day")
	m.clean("a filter that is wrong", axe)

	// What the tables, the files and the API say is the same.
	v := h.browse(access.Viewer)
	_, html := v.send("GET", "/", nil)
	cell := regexp.MustCompile(`<tr data-key="engaged"[^>]*>.*?</th>\s*<td class="num" data-label="Reached" data-v="(\d+)">`).FindStringSubmatch(strings.ReplaceAll(html, "\n", " "))
	var f web.Funnel
	_, body := h.api(access.Viewer, "GET", "/api/v1/analytics/funnel", nil)
	if err := json.Unmarshal([]byte(body), &f); err != nil || cell == nil || cell[1] != fmt.Sprint(f.Steps[1].Reached) || f.Steps[0].Reached == 0 {
		t.Errorf("the page says %v, the API %s, %v", cell, body, err)
	}
	most := 0
	for i, s := range f.Steps {
		if s.Lost > f.Steps[most].Lost {
			most = i
		}
	}
	if most == 0 || !f.Steps[most].DropOff {
		t.Errorf("no drop-off is marked: %+v", f.Steps)
	}
	var list web.Standing
	_, body = h.api(access.Manager, "GET", "/api/v1/analytics/funnel/"+f.Steps[most-1].Name+"/members?state=lost&limit=1000", nil)
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Members) != f.Steps[most].Lost {
		t.Errorf("%d are lost, %d listed, %v", f.Steps[most].Lost, len(list.Members), err)
	}
	for _, path := range []string{"/?segment=pigeon", "/?from=x", "/?from=1990-01-01&to=1990-01-02", "/?from=2020-01-01"} {
		if code, _ := v.send("GET", path, nil); code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// remember writes what was measured of a community of some weeks, as if it had been
// there then: members of two platforms, by the seed always the same.
func remember(t *testing.T, data string, n, days int) {
	t.Helper()
	s, err := bolt.Open(t.Context(), data, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	model, err := measure.New(measure.Config{Calendar: measure.NewCalendar(measure.Zone{Loc: config.Default().Community.TimeZone}), Generation: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	today := time.Now()
	for i := range n {
		platform := "slack"
		if r.IntN(3) == 0 {
			platform = "webchat"
		}
		id := fmt.Sprintf("%s:U%05d", platform, i)
		joined := today.AddDate(0, 0, -r.IntN(days)).Add(-time.Duration(r.IntN(12*3600)) * time.Second)
		var facts []*measure.Fact
		learn := func(at time.Time, f measure.Fact) {
			if at.Before(today) {
				f.At, f.Received = at.UnixMilli(), at.UnixMilli()
				facts = append(facts, &f)
			}
		}
		learn(joined, measure.Fact{Join: true, Marks: []string{"member.joined"}})
		if r.Float64() < 0.75 {
			first := []measure.Action{measure.Message, measure.Command, measure.Click, measure.Mention, measure.Reaction, measure.Run}
			for at := joined; r.Float64() < 0.6; {
				at = at.Add(time.Duration(10+r.IntN(120)) * time.Second)
				learn(at, measure.Fact{Active: true, Action: first[min(r.IntN(6), r.IntN(6))]})
			}
			learn(joined.Add(time.Duration(r.IntN(7200))*time.Second), measure.Fact{Active: true, Action: measure.Message, Marks: []string{"message.posted"}})
			if r.Float64() < 0.6 {
				at := joined.Add(time.Duration(r.IntN(3*86400)) * time.Second)
				learn(at, measure.Fact{Active: true, Action: measure.Run, Marks: []string{"path.first_task"}})
				if r.Float64() < 0.45 {
					at = at.Add(time.Duration(r.IntN(9*86400)) * time.Second)
					learn(at, measure.Fact{Active: true, Marks: []string{"path.done"}})
					if r.Float64() < 0.5 {
						learn(at.Add(time.Duration(r.IntN(12*86400))*time.Second), measure.Fact{Active: true, Marks: []string{"pr.opened"}})
					}
				}
			}
			for d := 1; d < days; d++ {
				if r.Float64() < 0.5/float64(d)+0.12 {
					learn(joined.AddDate(0, 0, d), measure.Fact{Active: true, Action: measure.Message})
				}
			}
		}
		b := new(store.Batch)
		err := members.Put(b, id, &members.Profile{Name: fmt.Sprintf("Gopher %d", i), Joined: joined.UnixMilli()}, 0)
		if err == nil {
			_, _, _, err = model.FoldAll(b, id, store.Row{}, store.MaxOps-8, facts...)
		}
		if err == nil {
			_, err = s.Commit(t.Context(), b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := measure.Settle(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}
