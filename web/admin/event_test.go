package admin

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// whole is an event to which everything happened.
func whole() Event {
	e := web.Event{Number: one, Plugin: "tasks", Kind: "command.invoked", Source: "slack", ID: "Ev1", Member: "slack:U1", MemberName: "Ada <b>", Direct: true,
		What: "/task", Time: noon, Handled: noon, Attempt: 1, DurationMS: 0.42, Fuel: 120_000, Writes: 3, Version: strings.Repeat("ab", 32), Messages: 2}
	bad := e
	bad.Plugin, bad.Attempt, bad.Error, bad.Messages, bad.Writes = "welcome", 8, "wasm: handle: crashed: nil map", 0, 0
	bad.Log, bad.Withheld = []string{"line <1>", "line 2"}, []string{"the member said stop"}
	again := bad
	again.Plugin, again.Error, again.Attempt = "later", "out of memory", 2
	tries := func(n int) (out []web.Attempt) {
		for i := range n {
			out = append(out, web.Attempt{Began: noon.Add(time.Duration(i+1) * time.Second), Ended: noon.Add(time.Duration(i+2) * time.Second), Error: "no_answer"})
		}
		return out
	}
	return Event{Number: one, Handled: []Handled{{Event: again}, {Event: e, Effects: []Effect{{"timer", "remind"}, {"verify", "hello"}, {"odd", ""}}}, {Event: bad}}, Messages: []Message{
		{Message: web.Message{Plugin: "tasks", Op: "send", Member: "slack:U1", Status: "sent", Made: noon, Ended: noon.Add(3 * time.Second), Receipt: []string{"1.2"},
			Attempts: append(tries(9), web.Attempt{Began: noon.Add(20 * time.Second), Ended: noon.Add(21 * time.Second), Duplicate: true})},
			Content: []Block{{Text: "Hello **you** <script>"}, {Heading: "H<1>"}, {Code: "a < b"}, {Small: "small *print*"}, {Divider: true},
				{Fields: [][2]string{{"Label<", "`value`"}}}, {Buttons: []string{"Go <on>"}}, {Header: []string{"A<"}, Rows: [][]string{{"x<y"}}}}},
		{Message: web.Message{Plugin: "tasks", Op: "edit", Conversation: "slack:C1", Status: "failed", Why: "not_in_channel", Made: noon, Ended: noon}},
		{Message: web.Message{Plugin: "tasks", Op: "send", Status: "waiting", Made: noon, Attempts: []web.Attempt{{Began: noon, Unknown: true}, {Began: noon}}}},
		{Message: web.Message{Plugin: "gone", Op: "react", Status: "withheld", Why: "the member said stop", Made: noon, Ended: noon}},
	}}
}

func TestEvent(t *testing.T) {
	h := newHouse(t)
	h.want(access.Viewer, "/admin/events/"+one, 404, "There is no such event")
	for _, bad := range []string{"x", strings.ToUpper(one), one + "0", "%2e%2e", "<script>"} {
		h.want(access.Viewer, "/admin/events/"+bad, 404, "!<script>x")
	}
	h.host.events[one] = whole()
	h.host.failures = []web.Failure{{Number: one, Plugin: "welcome", Error: "crashed"}, {Number: two, Plugin: "tasks", Error: "another's"}}
	h.want(access.Manager, "/admin/events/"+one, 200, "Ada &lt;b&gt;", "direct message", "120k", "0.42 ms", "abababababab", "given up", "failed, tried again", "tried again by itself",
		"a bug that made it stop", "more memory", "line &lt;1&gt;\nline 2", "Left out by hearth", "the member said stop", "had code checked", "remind",
		"<strong>you</strong>", "!<script>", "H&lt;1&gt;", "a &lt; b", "<code>value</code>", "Go &lt;on&gt;", "x&lt;y", "hearth is not in that channel", "possibly the second", "it may have arrived",
		"Attempts (10)", "/retry", `value="welcome"`, `!value="later"`, `!value="tasks"`, "its record was deleted")
	h.want(access.Viewer, "/admin/events/"+one+"?lang=zh-CN", 200, "经过", "已放弃", "不在那个频道", "!/retry", "请管理者")

	// What was given up at once has no journal.
	h.want(access.Manager, "/admin/events/"+two, 200, "given up", "another&#39;s", "Run again", "!In the sandbox")
}

// TestWay draws what happened, and holds the pictures to being drawings: nothing
// beyond their edge, no two boxes over each other, and all told in words.
func TestWay(t *testing.T) {
	h := newHouse(t)
	many := whole()
	for i := range 40 {
		m := many.Messages[1]
		m.Conversation = fmt.Sprint("一个很长的频道名字会被剪短", i)
		many.Messages = append(many.Messages, m)
		x := many.Handled[1]
		x.Plugin = fmt.Sprint("plugin-with-a-long-name-", i)
		many.Handled = append(many.Handled, x)
	}
	for name, e := range map[string]Event{"small": {Handled: whole().Handled[1:2]}, "whole": whole(), "many": many} {
		for _, lang := range []string{"en", "zh-CN"} {
			h.host.events[one] = e
			body := h.ask(access.Viewer, "GET", "/admin/events/"+one+"?lang="+lang, "").Body.String()
			for range 2 {
				i, j := strings.Index(body, `<svg class="way`), 0
				if i >= 0 {
					j = strings.Index(body[i:], "</svg>")
				}
				if i < 0 || j < 0 {
					t.Fatalf("%s: a picture is missing", name)
				}
				wellFormed(t, body[i:i+j+6])
				body = body[i+j:]
			}
			set, err := h.Frame.NewSet(files, words, "html/*.html")
			if err != nil {
				t.Fatal(err)
			}
			texts := set.Texts(&page.Request{})
			v := newEventView(texts, one, &e, nil)
			for _, d := range v.Wide {
				check(t, name+" "+d.Class, &d)
			}
		}
	}
}

func check(t *testing.T, name string, d *drawing) {
	t.Helper()
	if d.Tell == "" || d.Title == "" {
		t.Errorf("%s: nothing is told", name)
	}
	for i, a := range d.Boxes {
		if a.X < 0 || a.Y < 0 || a.X+a.W > d.W || a.Y+a.H > d.H {
			t.Errorf("%s: %+v is beyond the edge, %d×%d", name, a, d.W, d.H)
		}
		if !strings.Contains(d.Tell, strings.TrimSuffix(a.Title, "…")) {
			t.Errorf("%s: %q is drawn and not told", name, a.Title)
		}
		for _, b := range d.Boxes[i+1:] {
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s: %q lies over %q", name, a.Title, b.Title)
			}
		}
	}
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct{ text, want string }{{"short", "short"}, {"", ""}, {"much too long for it", "much too …"}, {"很长的中文标题放不下", "很长的中文…"}} {
		if got := fit(c.text, 100, 10); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.text, got, c.want)
		}
	}
}
