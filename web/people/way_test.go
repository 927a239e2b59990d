package people_test

import (
	"context"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page/pagetest"
	"github.com/hearthbot/hearth/web/people"
)

// journeys is a directory of one member, who came some way.
type journeys struct {
	directory
	journey *web.Journey
	linked  string
	said    []string
}

func (d *journeys) Member(_ context.Context, id, _, _ string) (web.MemberDetail, error) {
	if id != "slack:U1" {
		return web.MemberDetail{}, web.ErrNotFound
	}
	return web.MemberDetail{Member: web.Member{ID: id, Name: "Ada", GitHub: "they-said", Linked: d.linked}, Journey: d.journey}, nil
}

func (d *journeys) link(_ context.Context, who audit.Who, id, handle string, move bool, why string) error {
	switch {
	case id != "slack:U1":
		return web.ErrNotFound
	case handle == "-x-":
		return people.ErrHandle
	case handle == "eve" && !move:
		return &people.TakenError{Member: "slack:UEVE"}
	}
	d.said = append(d.said, strings.Join([]string{string(who.Role), handle, why}, " "))
	d.linked = handle
	return nil
}

func openJourneys(t *testing.T) (*journeys, func(role access.Role, locale, method, path string, form url.Values) *httptest.ResponseRecorder) {
	t.Helper()
	h := pagetest.New(t, nil)
	d := &journeys{}
	if err := people.Register(people.Options{Frame: h.Frame, Members: d, Link: d.link}); err != nil {
		t.Fatal(err)
	}
	return d, func(role access.Role, locale, method, path string, form url.Values) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		r.Header.Set("Accept-Language", locale)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return h.Do(role, r)
	}
}

func TestJourney(t *testing.T) {
	d, ask := openJourneys(t)
	at := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	has(t, ask(access.Manager, "en", "GET", "/members/slack:U1", nil), 200, "!How far they are", "!First five minutes")
	d.journey = &web.Journey{Steps: []web.JourneyStep{{Name: "joined", At: &at}, {Name: "engaged"}, {Name: "first_task", At: &at}, {Name: "<own>"}}, Days: 3, Newest: "2026-11-28",
		First: []web.OpeningAction{{Action: "message", Minutes: []bool{false, true, false, false, false}}, {Action: "run", Minutes: make([]bool, 5)}},
		Done:  []web.FirstDone{{Name: "go_run_first_time"}, {Name: "pr.opened", At: &at}}, Trials: []web.Trial{{Experiment: "bot-script", Variation: "v2", Since: at, Several: true}}}
	has(t, ask(access.Manager, "en", "GET", "/members/slack:U1", nil), 200, "2 of 4 steps.", "Days active: 3, the last of them 2026-11-28", `<li class="good"><strong>Joined</strong>`,
		`<li class="now"><strong>Said or did something</strong>`, `<li class=""><strong>&lt;own&gt;</strong>`, `<td class="did"><span class="unseen">yes</span>`, "Ran a program", "Opened a pull request",
		`<a href="/experiments/bot-script">bot-script</a>`, "v2", "counts for none", `value="2"`)
	has(t, ask(access.Manager, "zh-CN", "GET", "/members/slack:U1", nil), 200, "已走 2 步，共 4 步。", "运行了程序", "最初五分钟", "实验")
	d.journey = &web.Journey{Steps: []web.JourneyStep{{Name: "joined"}}}
	has(t, ask(access.Manager, "en", "GET", "/members/slack:U1", nil), 200, "0 of 1 steps.", "!Days active", "Their join was not seen", "Nothing of what is looked for yet", "got no message of an experiment")
}

func TestLinkGitHub(t *testing.T) {
	d, ask := openJourneys(t)
	post := func(role access.Role, form url.Values) *httptest.ResponseRecorder {
		return ask(role, "en", "POST", "/members/slack:U1/github", form)
	}
	has(t, ask(access.Manager, "en", "GET", "/members/slack:U1", nil), 200, "!Name at GitHub", "GitHub, as they said", "they-said")
	has(t, ask(access.Admin, "en", "GET", "/members/slack:U1", nil), 200, "Name at GitHub", `value="they-said"`, "!Unlink")
	has(t, post(access.Manager, url.Values{"handle": {"ada"}}), 403)
	has(t, post(access.Admin, url.Values{"handle": {" "}}), 422, "Write the name of the account", `aria-invalid="true"`)
	has(t, post(access.Admin, url.Values{"handle": {"-x-"}, "why": {"mail"}}), 422, "GitHub has no such names", `value="-x-"`, `value="mail"`)
	has(t, post(access.Admin, url.Values{"handle": {"eve"}}), 422, "another member’s", `href="/members/slack:UEVE"`, `name="move"`)
	has(t, post(access.Admin, url.Values{"handle": {"x"}, "why": {strings.Repeat("x", 501)}}), 422, "That is too long")
	if len(d.said) > 0 {
		t.Fatalf("said %q", d.said)
	}
	if w := post(access.Admin, url.Values{"handle": {"eve"}, "move": {"yes"}, "why": {" they showed me "}}); w.Code != 303 || w.Header().Get("Location") != "/members/slack:U1?done=linked#github" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	has(t, ask(access.Admin, "en", "GET", "/members/slack:U1?done=linked", nil), 200, "The account is linked", "GitHub, confirmed", "Unlink", "!as they said")
	if w := post(access.Admin, url.Values{"off": {"yes"}, "handle": {"eve"}}); w.Code != 303 || d.linked != "" {
		t.Errorf("%d, linked %q", w.Code, d.linked)
	}
	if got := strings.Join(d.said, "|"); got != "admin eve they showed me|admin  " {
		t.Errorf("said %q", got)
	}
	has(t, ask(access.Admin, "en", "POST", "/members/nobody/github", url.Values{"handle": {"a"}}), 404)
	if w := ask(access.Admin, "en", "GET", "/members/slack:U1/github", nil); w.Code != 303 {
		t.Errorf("loaded again: %d", w.Code)
	}
}
