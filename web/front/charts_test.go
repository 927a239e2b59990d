package front

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
	"github.com/hearthbot/hearth/web/page/pagetest"
)

// figures are a web.Analytics in memory, of two days.
type figures struct {
	empty, nobody, before, counting bool
	asked                           []string
	err                             error
	at                              time.Time // zero: noon
	window                          float64   // of the funnel, hours
}

func (f *figures) scope(q web.Cohorts) web.Scope {
	sc := web.Scope{Segments: append([]string{}, q.Segment...), Platforms: []string{"slack", "<pigeon>"}, From: "2026-11-25", To: "2026-11-26", Today: "2026-11-26", TimeZone: "Asia/Shanghai",
		Since: "2026-11-26", At: noon, Counting: f.counting, Hidden: []web.Hidden{{Platform: "slack", What: []string{"x"}}, {Platform: "<pigeon>", What: []string{"the <weather>"}}}}
	if f.empty {
		sc.Since = ""
	}
	if !f.at.IsZero() {
		sc.At = f.at
	}
	if f.before {
		sc.From, sc.To = "2026-11-24", "2026-11-25"
	}
	return sc
}

func (f *figures) Scope(_ context.Context, q web.Cohorts) (web.Scope, error) {
	return f.scope(q), f.err
}

func (f *figures) Dashboard(_ context.Context, q web.DashboardFilter) (d web.Dashboard, err error) {
	f.asked = append(f.asked, fmt.Sprint(q.Segment, q.From, q.To, q.Unit, q.Definition, q.Within))
	if f.err != nil || q.From == "2001-01-01" {
		return d, errors.Join(f.err, web.ErrAsked)
	}
	d.Active, _ = f.Active(context.Background(), q.Cohorts)
	if f.empty {
		return d, nil
	}
	d.DayByDay = web.Retention{Cohorts: []web.Cohort{{N: 0, Ages: make([]web.Part, 8)}, {N: 4, Ages: []web.Part{7: web.PartOf(4, 1, true)}}}, Mean: []web.Part{7: web.PartOf(4, 1, true)}}
	if f.nobody {
		d.DayByDay.Cohorts[1] = web.Cohort{Ages: make([]web.Part, 8)}
	}
	d.Retention, _ = f.Retention(context.Background(), q.RetentionFilter)
	d.Requests, _ = f.PullRequests(context.Background(), web.RequestFilter{Cohorts: q.Cohorts, Within: q.Within})
	d.Funnel, _ = f.Funnel(context.Background(), q.Cohorts)
	d.First, _ = f.FirstMinutes(context.Background(), q.Cohorts)
	d.Paths, _ = f.Paths(context.Background(), q.Cohorts)
	return d, nil
}

func (f *figures) Active(_ context.Context, q web.Cohorts) (web.ActiveDays, error) {
	n := 17
	return web.ActiveDays{Scope: f.scope(q), Kinds: []string{"message.posted"}, Days: []web.ActiveDay{{Day: "2026-11-25", Over: true}, {Day: "2026-11-26", Daily: &n, Weekly: &n, Monthly: &n}}}, f.err
}

func (f *figures) Retention(_ context.Context, q web.RetentionFilter) (web.Retention, error) {
	return web.Retention{Scope: f.scope(q.Cohorts), Unit: q.Unit, Definition: q.Definition, Cohorts: []web.Cohort{{Name: "2026-W48", First: "2026-11-23", N: 40, Ages: []web.Part{web.PartOf(40, 14, true), web.PartOf(40, 0, false), web.PartOf(40, 0, false)}}},
		Mean: []web.Part{web.PartOf(40, 14, true), {}, {}}}, f.err
}

func (f *figures) Funnel(_ context.Context, q web.Cohorts) (web.Funnel, error) {
	rate, of, median := 0.75, 0.25, 5400.0
	return web.Funnel{Scope: f.scope(q), Window: cmp.Or(f.window, 720), Steps: []web.Step{{Name: "joined", By: []string{"member.joined"}, Reached: 40, LostAt: make([]int, 24)},
		{Name: "our <step>", By: []string{"x.y"}, Reached: 30, OfJoined: &of, Rate: &rate, Median: &median, InProgress: 3, Lost: 7, DropOff: true, LostAt: append(make([]int, 23), 7)}}}, f.err
}

func (f *figures) FirstMinutes(_ context.Context, q web.Cohorts) (web.FirstMinutes, error) {
	return web.FirstMinutes{Scope: f.scope(q), N: 40, Actions: []web.MinuteAction{{Name: "message", Minutes: []int{20, 1, 0, 0, 0}}}}, f.err
}

func (f *figures) PullRequests(_ context.Context, q web.RequestFilter) (web.PullRequests, error) {
	return web.PullRequests{Scope: f.scope(q.Cohorts), Within: q.Within, Opened: []web.RequestWithin{{Days: q.Within, Part: web.PartOf(40, 2, true)}}, Merged: []web.RequestWithin{{Days: q.Within, Part: web.PartOf(0, 0, true)}},
		Days: []web.RequestDay{{Day: "2026-11-25"}, {Day: "2026-11-26", Part: web.PartOf(4, 0, false)}}}, f.err
}

func (f *figures) Paths(_ context.Context, q web.Cohorts) (web.Paths, error) {
	return web.Paths{Scope: f.scope(q), Links: []web.PathLink{{Depth: 0, From: "joined", To: "message", N: 30}, {Depth: 0, From: "joined", To: "nothing", N: 10}}}, f.err
}

func (f *figures) Standing(_ context.Context, q web.StandingFilter) (web.Standing, error) {
	f.asked = append(f.asked, fmt.Sprint(q.Segment, q.From, q.To, q.Step, q.State, q.Limit))
	if q.Step != "our <step>" && q.Step != "joined" {
		return web.Standing{}, web.ErrAsked
	}
	s := web.Standing{Scope: f.scope(q.Cohorts), Step: q.Step, Members: []web.StandingOf{}}
	if q.Step == "joined" {
		joined := noon.Add(-time.Hour)
		s.Next, s.More = "our <step>", true
		s.Members = []web.StandingOf{{ID: "slack:U1", Name: "<Ada>", Joined: &joined, Lost: true}, {ID: "dingtalk:$:a/b%", Lost: false}}
	}
	return s, f.err
}

func (f *figures) Coverage(context.Context) ([]web.Hidden, error) { return nil, f.err }

// measured is the front page with figures.
func measured(t *testing.T, f *figures) func(role access.Role, path string) (int, string, http.Header) {
	t.Helper()
	now := func() time.Time { return noon }
	h := pagetest.New(t, now)
	if err := Register(Options{Frame: h.Frame, Host: &memory{today: Today{Began: noon}}, Access: h.Access, Analytics: f, Now: now}); err != nil {
		t.Fatal(err)
	}
	return func(role access.Role, path string) (int, string, http.Header) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", path, nil)
		if err != nil {
			t.Fatal(err)
		}
		w := h.Do(role, r)
		return w.Code, w.Body.String(), w.Header()
	}
}

func says(t *testing.T, body string, list ...string) {
	t.Helper()
	for _, s := range list {
		if not, ok := strings.CutPrefix(s, "!"); ok == strings.Contains(body, not) {
			t.Errorf("%q: %v\n%s", s, !ok, body)
		}
	}
}

func TestCharts(t *testing.T) {
	for _, c := range []struct {
		name     string
		f        figures
		role     access.Role
		query    string
		status   int
		asked    string
		en, zhCN []string
	}{
		{"nothing yet", figures{empty: true}, access.Viewer, "", 200, "[]weekon_day30", []string{"Nothing is measured yet", "where they are lost", "!<canvas", "!<table"}, []string{"还没有统计数据"}},
		{"to a viewer", figures{}, access.Viewer, "", 200, "[]weekon_day30",
			[]string{"<b>17</b>", "today, 2026-11-26, so far", "<b>25%</b>", "1 of 4 who joined", "<b>5.0%</b>", "2 of 40 who joined", "Measured since 2026-11-26", "in days of Asia/Shanghai", `<td class="num" data-v="17">17</td>`,
				`<tr data-key="2026-11-25"><th scope="row"><span>2026-11-25</span></th><td class="num">–</td>`, `data-open`, `data-chart="trend"`, `data-chart="sankey"`, `data-every="60"`,
				"channels that hearth is not in", "the &lt;weather&gt;", "&lt;pigeon&gt;", "14/40", "n 40", "Most are lost here", "1.5 h", "our &lt;step&gt;", "!/funnel/", "50%", `data-v="1:message"`,
				`href="/numbers/retention.csv?definition=on_day&amp;unit=week&amp;within=30"`, `<td class="num h8" data-v="0.500000">50% <small>20/40</small></td>`, "not known yet: its time is not over", "!defined anew"},
			[]string{"看不到的", "流失最多", "1.5 小时", "炉边不在的频道", "1 人，占第 7 天已过的 4 名新人", "没到期限的留空", "第 7 天留存"}},
		{"to a manager", figures{counting: true}, access.Manager, "segment=slack&from=2026-11-25&to=2026-11-26&unit=day&definition=or_after&within=90", 200, "[slack]2026-11-252026-11-26dayor_after90",
			[]string{`/funnel/joined?from=2026-11-25&amp;segment=slack&amp;state=lost&amp;to=2026-11-26`, "state=in_progress", "Slack, 2026-11-25 to 2026-11-26", "or in a later one", "within 90 days", "were defined anew",
				`<option value="slack" selected>`, "numbers/heatmap.json?definition=or_after&amp;from=2026-11-25&amp;segment=slack"},
			[]string{"更晚", "重新统计"}},
		{"nobody joined", figures{nobody: true}, access.Viewer, "", 200, "[]weekon_day30", []string{"Nobody joined in these days", "!its time is not over", "not known: nobody joined in these days", `data-chart="trend"`, `!data-chart="funnel"`}, []string{"没有人加入"}},
		{"before anything was measured", figures{nobody: true, before: true}, access.Viewer, "", 200, "[]weekon_day30", []string{"Measuring began on 2026-11-26: nothing is known of these days", "not known: measuring began on 2026-11-26", "!its time is not over", "!Nobody joined"}, []string{"从 2026-11-26 才开始统计"}},
		{"of an unknown platform", figures{}, access.Viewer, "segment=owl", 422, "", []string{"Nothing is known of this platform", `aria-describedby="w-segment"`, "!<canvas"}, []string{"没有这个平台的数据"}},
		{"no day", figures{}, access.Viewer, "from=x&to=2026-13-01", 422, "", []string{"Write the day as", `id="w-to"`, `value="x"`}, []string{"这样的日期"}},
		{"in no order", figures{}, access.Viewer, "from=2026-11-26&to=2026-11-25", 422, "", []string{"behind the last day"}, []string{"之后"}},
		{"too much", figures{}, access.Viewer, "from=2001-01-01", 422, "[]2001-01-01weekon_day30", []string{"at most 1100 at once"}, []string{"1100"}},
		{"what is no choice is the default", figures{}, access.Viewer, "unit=year&definition=x&within=8", 200, "[]weekon_day30", []string{"Of those who joined in a week"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for lang, want := range map[string][]string{"en": c.en, "zh-CN": c.zhCN} {
				f := c.f
				code, body, _ := measured(t, &f)(c.role, "/?lang="+lang+"&"+c.query)
				if code != c.status || strings.Join(f.asked, " ") != c.asked {
					t.Errorf("%d, asked %q; want %d, %q", code, f.asked, c.status, c.asked)
				}
				says(t, body, want...)
			}
		})
	}
	if code, body, _ := measured(t, &figures{err: errors.New("secret")})(access.Viewer, "/"); code != http.StatusInternalServerError || strings.Contains(body, "secret") {
		t.Errorf("figures that fail: %d", code)
	}
}

func TestFiles(t *testing.T) {
	ask := measured(t, &figures{})
	for name, first := range map[string]string{"dau": "day,", "retention": "cohort,", "funnel": "step,by", "drop-off": "step,hour", "heatmap": "action,", "paths": "depth,", "first-pr": "joined,"} {
		code, body, h := ask(access.Viewer, "/numbers/"+name+".csv?unit=week")
		if code != 200 || !strings.HasPrefix(body, "\ufeff"+first) || h.Get("Content-Type") != "text/csv; charset=utf-8" || h.Get("Content-Disposition") != `attachment; filename="hearth-`+name+`-2026-11-26.csv"` {
			t.Errorf("%s: %d %v\n%s", name, code, h, body)
		}
		if code, body, _ = ask(access.Viewer, "/numbers/"+name+".json"); code != 200 || !strings.Contains(body, `"counts":"`) {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	for path, want := range map[string]int{"/numbers/dau.xml": 404, "/numbers/dau": 404, "/numbers/owls.csv": 404, "/numbers/dau.csv?segment=owl": 422, "/numbers/dau.csv?from=x": 422} {
		if code, _, _ := ask(access.Viewer, path); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
	if code, _, _ := ask(page.Everybody, "/numbers/dau.csv"); code != http.StatusSeeOther {
		t.Errorf("who is not signed in gets %d", code)
	}
	if code, body, _ := measured(t, &figures{err: errors.New("secret")})(access.Viewer, "/numbers/dau.csv"); code != 500 || strings.Contains(body, "secret") {
		t.Errorf("figures that fail: %d", code)
	}
}

// TestFilesInShanghai has a file named by the community's day, and names that
// spreadsheets there read as they are.
func TestFilesInShanghai(t *testing.T) {
	ask := measured(t, &figures{at: time.Date(2026, 11, 25, 23, 0, 0, 0, time.UTC)})
	_, body, h := ask(access.Viewer, "/numbers/dau.csv")
	if h.Get("Content-Disposition") != `attachment; filename="hearth-dau-2026-11-26.csv"` || !strings.HasPrefix(body, "\ufeffday,") {
		t.Errorf("%v\n%q", h, body)
	}
	if _, body, _ = ask(access.Viewer, "/numbers/dau.json"); !strings.HasPrefix(body, "{") {
		t.Errorf("%q", body)
	}
}

// TestFunnelWindow has the page say how long newcomers have, whatever that is.
func TestFunnelWindow(t *testing.T) {
	for hours, want := range map[float64][]string{720: {"within 30 days of", "加入后 30 天内"}, 24: {"within 1 day of", "加入后 1 天内"}, 36: {"within 36 hours of", "加入后 36 小时内"}, 6: {"within 6 hours of", "加入后 6 小时内"}, 1: {"within 1 hour of", "加入后 1 小时内"}, 1.5: {"within 1.5 hours of", "加入后 1.5 小时内"}} {
		for i, lang := range []string{"en", "zh-CN"} {
			_, body, _ := measured(t, &figures{window: hours})(access.Viewer, "/?lang="+lang)
			says(t, body, want[i])
		}
	}
}

// TestPercent has nobody be all, and somebody be nobody.
func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0: "0%", 1.0 / 2500: "<0.1%", 1.0 / 1000: "0.1%", 0.0994: "9.9%", 0.0996: "10%", 0.5: "50%", 0.994: "99%", 0.996: "99.6%", 999.0 / 1000: "99.9%", 2499.0 / 2500: ">99.9%", 1: "100%"} {
		if got := percent(share); got != want {
			t.Errorf("%v: %s, want %s", share, got, want)
		}
	}
}

func TestBehind(t *testing.T) {
	f := &figures{}
	ask := measured(t, f)
	code, body, _ := ask(access.Manager, "/funnel/joined?segment=slack&from=2026-11-25&to=2026-11-26&state=lost&lang=en")
	if code != 200 || len(f.asked) != 1 || f.asked[0] != "[slack]2026-11-252026-11-26joinedlost200" {
		t.Errorf("%d, asked %q", code, f.asked)
	}
	says(t, body, "&lt;Ada&gt;", `href="/members/slack:U1"`, `href="/members/dingtalk:$:a%2Fb%25"`, "They did not reach: our &lt;step&gt;", `aria-current="page">Lost`, "These are the first 2", "/funnel/joined/members.csv?from=2026-11-25&amp;segment=slack&amp;state=lost", "#funnel")
	if code, body, _ = ask(access.Manager, "/funnel/our%20%3Cstep%3E?lang=zh-CN"); code != 200 {
		t.Errorf("a step with odd letters: %d", code)
	}
	says(t, body, "没有人停在这里", "停在：our &lt;step&gt;")
	if code, body, _ = ask(access.Manager, "/funnel/joined/members.csv"); code != 200 || !strings.HasPrefix(body, "\ufeffid,name,joined,step,lost\nslack:U1,<Ada>,") {
		t.Errorf("the file: %d %s", code, body)
	}
	for path, want := range map[string]int{"/funnel/nowhere": 404, "/funnel/nowhere/members.csv": 404, "/funnel/joined/members.xml": 404} {
		if code, _, _ := ask(access.Manager, path); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
	for _, path := range []string{"/funnel/joined", "/funnel/joined/members.csv"} {
		if code, _, _ := ask(access.Viewer, path); code != http.StatusForbidden {
			t.Errorf("%s to a viewer: %d", path, code)
		}
	}
	if code, _, _ := measured(t, &figures{err: errors.New("x")})(access.Manager, "/funnel/joined"); code != 500 {
		t.Errorf("figures that fail: %d", code)
	}
}
