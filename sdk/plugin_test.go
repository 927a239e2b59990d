package sdk

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hearthbot/hearth/sdk/abi"
)

func nop(*Ctx[struct{}]) error { return nil }

func TestDescribe(t *testing.T) {
	p := New[testConfig]("full", "1.2.3-rc.1", Texts(testTexts), CanDM("greet"), CanTimers("daily"), CanState(8, "many rows"), Emits("done", "tell others")).
		OnJoin(func(*Ctx[testConfig]) error { return nil }).
		OnCommand("ping", func(*Ctx[testConfig]) error { return nil }, Args("[word]", "[词]")).
		OnCommand("secret", func(*Ctx[testConfig]) error { return nil }, Help("Hidden", "隐藏"), Hidden).
		OnMention(func(*Ctx[testConfig]) error { return nil }).
		OnMessage(func(*Ctx[testConfig]) error { return nil }, "Help", "stuck").
		OnSchedule("daily", "0 9 * * *", FireOnce, func(*Ctx[testConfig]) error { return nil }).
		OnResult("fetch", func(*Ctx[testConfig]) error { return nil }).
		OnPluginEvent("tasks/done", func(*Ctx[testConfig]) error { return nil }).
		Warm(func(*View[testConfig]) error { return nil }, CommunityMap[int]("tasks").Prefix()).
		State(2).
		Migrate(1, 2, func(*Migration) error { return nil })
	m, err := p.p.Describe()
	if err != nil {
		t.Fatal(err)
	}
	if m.ABI != abi.Version || m.Name != "full" || m.Version != "1.2.3-rc.1" || m.State() != 2 || !m.Knows(1, 2) || m.Knows(2, 1) || m.About.In("zh-CN") != "测试" {
		t.Errorf("%+v", m)
	}
	want := []abi.Kind{abi.MemberJoined, abi.CommandInvoked, abi.MessagePosted, abi.TimerFired, abi.HTTPResponded, abi.VerifyFinished, abi.PluginEvent}
	if !slices.Equal(m.Events, want) {
		t.Errorf("events %v, want %v", m.Events, want)
	}
	if !m.Addressed || !slices.Equal(m.Keywords, []string{"Help", "stuck"}) {
		t.Errorf("messages: addressed %v, keywords %q", m.Addressed, m.Keywords)
	}
	if c := m.Commands[0]; c.Help.In("zh") != "回答" || c.Args.In("en") != "[word]" || m.Commands[1].Help.In("en") != "Hidden" || !m.Commands[1].Hidden {
		t.Errorf("commands: %+v", m.Commands)
	}
	if s := m.Schedules[0]; !s.Once || s.Skip || s.Cron != "0 9 * * *" {
		t.Errorf("schedules: %+v", m.Schedules)
	}
	if !slices.Equal(m.Warm, []string{"c/tasks/"}) || !slices.Equal(m.Emits, []string{"done"}) || !slices.Equal(m.Listens, []string{"tasks/done"}) {
		t.Errorf("warm %q, emits %q, listens %q", m.Warm, m.Emits, m.Listens)
	}
	if x := m.Texts[1]; x.Key != "command.ping" || m.Texts[2].Key != "hello" || !slices.Equal(m.Texts[2].Params, []string{"name", "path"}) {
		t.Errorf("texts: %+v", m.Texts)
	}
	if string(m.Defaults) != `{"path":"https://go.dev/"}` {
		t.Errorf("defaults: %s", m.Defaults)
	}
	p.OnMessage(func(*Ctx[testConfig]) error { return nil })
	if m, _ := p.p.Describe(); m.Addressed || m.Keywords != nil {
		t.Errorf("with a handler of all messages: addressed %v, keywords %q", m.Addressed, m.Keywords)
	}
}

func TestDescribeNamesEveryFault(t *testing.T) {
	p := New[struct{}]("Bad_Name", "1.0").
		OnCommand("Wrong", nop, Help("x", "x")).
		OnCommand("ping", nop).
		OnCommand("ping", nop, Help("x", "x")).
		OnEvent("no.such", nop).
		OnJoin(nil).
		OnSchedule("daily", "0 9 * * *", FireEach, nop).
		Query("status", func(*View[struct{}]) error { return nil })
	_, err := p.p.Describe()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`the name "Bad_Name"`, `the version "1.0"`, `the command "Wrong"`, `the command "ping" has no help: write the text command.ping`,
		`the command "ping" is registered twice`, `no kind of event "no.such"`, "a handler for member.joined is nil", "no CanTimers", `the query "status" does not begin with /`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	for v, ok := range map[string]bool{"1.0.0": true, "0.1.2-rc.1+b7": true, "1.0": false, "01.0.0": false, "1.0.0.0": false, "v1.0.0": false, "": false} {
		if isVersion(v) != ok {
			t.Errorf("isVersion(%q) = %v", v, !ok)
		}
	}
}

// TestRouting sees which handlers an event reaches.
func TestRouting(t *testing.T) {
	var reached []string
	note := func(name string) Handler[struct{}] {
		return func(*Ctx[struct{}]) error { reached = append(reached, name); return nil }
	}
	p := New[struct{}]("routing", "1.0.0").
		OnMention(note("mention")).OnMessage(note("stuck"), "Stuck").OnMessage(note("all")).
		OnCommand("a", note("a")).OnCommand("b", note("b")).OnButton("x", note("x")).OnForm("f", note("f")).OnTimer("t", note("t")).
		OnResult("r", note("r")).OnPluginEvent("tasks/done", note("done")).OnReaction(note("reaction")).OnLeave(note("left")).
		OnContinue(note("continue")).OnEvent(abi.HomeOpened, note("home"))
	msg := func(text string, addressed bool) abi.Event {
		return abi.Event{Kind: abi.MessagePosted, Message: &abi.Message{Text: text}, Addressed: addressed}
	}
	for _, c := range []struct {
		ev   abi.Event
		want string
	}{
		{msg("hello", false), "all"},
		{msg("I am STUCK", false), "stuck all"},
		{msg("hello", true), "mention all"},
		{msg("stuck", true), "mention stuck all"},
		{abi.Event{Kind: abi.CommandInvoked, Command: &abi.Command{Name: "b"}}, "b"},
		{abi.Event{Kind: abi.ButtonClicked, Click: &abi.Click{Action: "x"}}, "x"},
		{abi.Event{Kind: abi.ButtonClicked, Click: &abi.Click{Action: "y"}}, ""},
		{abi.Event{Kind: abi.FormSubmitted, Form: &abi.FormData{Name: "f"}}, "f"},
		{abi.Event{Kind: abi.TimerFired, Timer: &abi.TimerData{Name: "t"}}, "t"},
		{abi.Event{Kind: abi.VerifyFinished, Result: &abi.Result{Name: "r"}}, "r"},
		{abi.Event{Kind: abi.HTTPResponded, Result: &abi.Result{Name: "r"}}, "r"},
		{abi.Event{Kind: abi.PluginEvent, Custom: &abi.Custom{Name: "tasks/done"}}, "done"},
		{abi.Event{Kind: abi.PluginEvent, Custom: &abi.Custom{Name: "tasks/other"}}, ""},
		{abi.Event{Kind: abi.ReactionAdded, Reaction: &abi.Reaction{Name: "+1"}}, "reaction"},
		{abi.Event{Kind: abi.MemberLeft}, "left"},
		{abi.Event{Kind: abi.Continued}, "continue"},
		{abi.Event{Kind: abi.HomeOpened}, "home"},
		{abi.Event{Kind: abi.SelfTest}, ""},
	} {
		reached = nil
		if e := p.p.Handle(&abi.Call{Event: c.ev}, rowsHost{}); e.Error != "" {
			t.Errorf("%s: %s", c.ev.Kind, e.Error)
		}
		if got := strings.Join(reached, " "); got != c.want {
			t.Errorf("%s %+v reached %q, want %q", c.ev.Kind, c.ev, got, c.want)
		}
	}
}

func TestAnErrorUndoesAll(t *testing.T) {
	p := New[struct{}]("error", "1.0.0").
		OnJoin(func(c *Ctx[struct{}]) error { c.DM("never"); PerMember[int]("x").Set(c, 1); return nil }).
		OnJoin(func(c *Ctx[struct{}]) error { return errors.New("no luck") })
	if e := p.p.Handle(join("web:1", "Ann", ""), rowsHost{}); e.Error != "no luck" || len(e.Out)+len(e.Writes) > 0 {
		t.Errorf("%+v", e)
	}
	p = New[struct{}]("much", "1.0.0").OnJoin(func(c *Ctx[struct{}]) error {
		for range abi.MaxEffects + 1 {
			c.DM("x")
		}
		return nil
	})
	if e := p.p.Handle(join("web:1", "Ann", ""), rowsHost{}); e.Error != "65 effects in one invocation, at most 64: do the rest in OnContinue" {
		t.Errorf("%q", e.Error)
	}
}

func TestRandAndNowAreTheInvocations(t *testing.T) {
	var seen []uint64
	p := New[struct{}]("rand", "1.0.0").OnJoin(func(c *Ctx[struct{}]) error {
		seen = append(seen, c.Rand().Uint64(), c.Rand().Uint64(), uint64(c.Now().UnixMilli()))
		return nil
	})
	call := join("web:1", "Ann", "")
	p.p.Handle(call, rowsHost{})
	p.p.Handle(call, rowsHost{})
	call.Seed++
	p.p.Handle(call, rowsHost{})
	if !slices.Equal(seen[:3], seen[3:6]) || seen[0] == seen[6] || seen[0] == seen[1] || seen[2] != uint64(call.Now) {
		t.Errorf("%v", seen)
	}
}

func TestWarmReadsItsRows(t *testing.T) {
	tasks := CommunityMap[string]("tasks")
	names := map[string]string{}
	p := New[testConfig]("warm", "1.0.0").Warm(func(v *View[testConfig]) error {
		clear(names)
		for k, task := range tasks.All(v) {
			names[k] = task + " in " + v.Community().Name + " at " + v.Config.Path
		}
		return nil
	}, tasks.Prefix())
	one, _ := Encode("one")
	setup := &abi.Setup{Locale: "en", Name: "Gophers", Config: []byte(`{"path": "p"}`), Rows: []abi.Pair{{Key: "c/tasks/b", Value: one}, {Key: "c/tasks/a", Value: one}}}
	if err := p.p.Warm(setup, rowsHost{}); err != nil {
		t.Fatal(err)
	}
	if len(names) != 2 || names["a"] != "one in Gophers at p" {
		t.Errorf("%v", names)
	}
	p = New[testConfig]("warm2", "1.0.0").Warm(func(*View[testConfig]) error { return errors.New("broken") })
	if err := p.p.Warm(&abi.Setup{}, rowsHost{}); err == nil || err.Error() != "warm: broken" {
		t.Errorf("%v", err)
	}
	if err := p.p.Warm(&abi.Setup{Config: []byte(`{"nope": 1}`)}, rowsHost{}); err == nil || !strings.Contains(err.Error(), `no setting "nope"`) {
		t.Errorf("%v", err)
	}
}

func TestQuery(t *testing.T) {
	n := CommunityCounter("n")
	p := New[testConfig]("query", "1.0.0", Texts(testTexts)).
		Query("/stats", func(v *View[testConfig]) error {
			return v.JSON(map[string]any{"n": n.Get(v), "q": v.Param("q"), "role": v.Role()})
		}).
		Query("/text", func(v *View[testConfig]) error {
			v.Status(203)
			v.Markdown(v.T("hello", "Ann", v.Config.Path))
			return nil
		}).
		Query("/boom", func(v *View[testConfig]) error { panic("boom") })
	for _, c := range []struct {
		q      abi.Query
		status int
		want   string
	}{
		{abi.Query{Path: "/stats", Role: "manager", Params: []abi.Annotation{{Name: "q", Value: "x"}}}, 0, `{"n":0,"q":"x","role":"manager"}`},
		{abi.Query{Path: "/text", Locale: "zh-CN"}, 203, "看[这里](https://go.dev/)，Ann"},
		{abi.Query{Path: "/none"}, 404, `has no view`},
		{abi.Query{Path: "/boom"}, 500, `panic: boom`},
	} {
		v := p.p.Query(&c.q, rowsHost{})
		if v.Status != c.status || !strings.Contains(string(v.Body), c.want) {
			t.Errorf("%s: %d %s", c.q.Path, v.Status, v.Body)
		}
	}
}

// Why a plugin asks for something is a text too, which says in English what the
// code says.
func TestReasons(t *testing.T) {
	of := func(reason string) (abi.Manifest, error) {
		return New[struct{}]("asks", "1.0.0", Texts(fstest.MapFS{
			"messages/en.json":    {Data: []byte(`{"can.dm": "greet", "can.http.go.dev": "ask"}`)},
			"messages/zh-CN.json": {Data: []byte(`{"can.dm": "迎接", "can.http.go.dev": "查询"}`)},
		}), CanDM(reason), CanHTTP("go.dev", "ask"), CanHTTP("example.com", "look"), CanReact("nod")).p.Describe()
	}
	m, err := of("greet")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"迎接", "查询", "look", "nod"} {
		if got := m.Reason(m.Needs[i]).In("zh-CN"); got != want {
			t.Errorf("why %s: %q, want %q", m.Needs[i].Cap, got, want)
		}
	}
	if _, err := of("spam"); err == nil || !strings.Contains(err.Error(), `why it asks for dm is "spam" in the code, and "greet" in the text can.dm`) {
		t.Errorf("two reasons: %v", err)
	}
}
