package sdktest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

// The plugins under test. Each does one thing that the tests look at.
type config struct {
	Word string `default:"hi"`
}

var (
	seen  = sdk.PerMember[int]("seen")
	tasks = sdk.CommunityMap[string]("tasks")

	runs int // a plugin that keeps what it must not

	_ = sdk.New[config]("echo", "1.0.0",
		sdk.Texts(fstest.MapFS{
			"messages/en.json": {Data: []byte(`{"about": "Echo", "hi": "{word}, {name}", "command.echo": "Says it again", "config.word": "what is said",
				"can.dm": "answer", "can.send": "answer", "can.timers": "remind", "can.react": "nod", "can.http": "look up", "can.members": "note"}`)},
			"messages/zh-CN.json": {Data: []byte(`{"about": "回声", "hi": "{name}，{word}", "command.echo": "再说一遍", "config.word": "说的话",
				"can.dm": "回答", "can.send": "回答", "can.timers": "提醒", "can.react": "点头", "can.http": "查询", "can.members": "记下"}`)},
		}),
		sdk.CanDM("answer"), sdk.CanSend("answer"), sdk.CanTimers("remind"), sdk.CanReact("nod"), sdk.CanHTTP("api.example.com", "look up"), sdk.CanMembers("note")).
		OnJoin(func(c *sdk.Ctx[config]) error {
			c.DM(c.T("hi", c.Config.Word, c.Name())).Key("hi").Button("Again", "again").DeletesAfter(time.Hour)
			c.After(time.Minute, "nudge").Note(sdk.Note("n"))
			return nil
		}).
		OnTimer("nudge", func(c *sdk.Ctx[config]) error {
			c.DM("nudge " + sdk.Escape(sdk.NoteOf[string](c)))
			return nil
		}).
		OnLeave(func(c *sdk.Ctx[config]) error { c.Cancel("nudge"); c.Delete("hi"); return nil }).
		OnCommand("echo", func(c *sdk.Ctx[config]) error {
			seen.Set(c, seen.Get(c)+1)
			c.Reply(sdk.Escape(c.Args()))
			return nil
		}).
		OnButton("again", func(c *sdk.Ctx[config]) error { c.Edit("hi", "again"); return nil }).
		OnMention(func(c *sdk.Ctx[config]) error { c.React("wave"); return nil }).
		OnEvent(abi.CustomTracked, func(c *sdk.Ctx[config]) error {
			c.DM(sdk.Escape(c.Event.Custom.Name + " " + c.Group("pace") + " " + c.Group("script")))
			return nil
		}).
		OnMessage(func(c *sdk.Ctx[config]) error { c.HTTP("look", abi.HTTP{URL: "https://api.example.com/x"}); return nil }, "look").
		OnResult("look", func(c *sdk.Ctx[config]) error {
			c.Say(c.Event.Conversation.ID, sdk.Escape(fmt.Sprintf("%d %s %s", c.Event.Result.Status, c.Member.Name, string(c.Event.Result.Body)+c.Event.Result.Error)))
			return nil
		})

	_ = sdk.New[struct{}]("bad", "1.0.0", sdk.About("Bad", "坏")).
		OnCommand("send", func(c *sdk.Ctx[struct{}]) error { c.Say("test:general", "x"); return nil }, sdk.Help("x", "x")).
		OnCommand("random", func(c *sdk.Ctx[struct{}]) error { runs++; seen.Set(c, runs); return nil }, sdk.Help("x", "x")).
		OnCommand("panic", func(c *sdk.Ctx[struct{}]) error { return explode(nil) }, sdk.Help("x", "x")).
		OnCommand("fail", func(c *sdk.Ctx[struct{}]) error { return errors.New("no luck") }, sdk.Help("x", "x")).
		OnCommand("reads", func(c *sdk.Ctx[struct{}]) error {
			for i := range abi.MaxReads + 1 {
				tasks.Get(c, fmt.Sprint(i))
			}
			return nil
		}, sdk.Help("x", "x")).
		OnCommand("empty", func(c *sdk.Ctx[struct{}]) error { c.DM(""); return nil }, sdk.Help("x", "")).
		OnCommand("page", func(c *sdk.Ctx[struct{}]) error { c.Continue([]byte("2")); return nil }, sdk.Help("x", "x")).
		OnContinue(func(c *sdk.Ctx[struct{}]) error { seen.Set(c, len(c.Event.Note)); return nil })
)

func explode(m map[string]int) error {
	m["x"] = 1
	return nil
}

func TestWhatAMemberSees(t *testing.T) {
	b := New(t, Options{Plugin: "echo", Config: `{"word": "hello"}`})
	ann := b.Member("ann").As(abi.Member{Name: "Ann Lee", Locale: "zh-CN"})
	ann.Joins("#general")
	if got := ann.Sees("dm"); len(got) != 1 || got[0].Text() != "Ann Lee，hello\n[Again · again]" {
		t.Fatalf("%+v", got)
	}
	if got := b.Member("bob").Sees("dm"); len(got) != 0 {
		t.Errorf("another member sees %+v", got)
	}
	ann.Presses("Again")
	if got := ann.Sees("dm"); len(got) != 1 || got[0].Text() != "again" {
		t.Errorf("%+v", got)
	}
	b.Advance(59 * time.Second)
	if got := ann.Sees("dm"); len(got) != 1 {
		t.Errorf("the timer fired early: %+v", got)
	}
	b.Advance(time.Second)
	if got := ann.Sees("dm"); len(got) != 2 || got[1].Text() != "nudge n" {
		t.Errorf("%+v", got)
	}
	b.Advance(time.Hour)
	if got := ann.Sees("dm"); len(got) != 1 {
		t.Errorf("it did not delete itself: %+v", got)
	}
	if want := time.Date(2024, 6, 3, 10, 1, 0, 0, time.UTC); !b.Now().Equal(want) {
		t.Errorf("it is %v, want %v", b.Now(), want)
	}
}

func TestLeavingCancelsAndDeletes(t *testing.T) {
	b := New(t, Options{Plugin: "echo"})
	ann := b.Member("ann")
	ann.Joins("#general")
	ann.Leaves("#general")
	b.Advance(time.Hour)
	if got := ann.Sees("dm"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestNoDirectMessages(t *testing.T) {
	b := New(t, Options{Plugin: "echo", NoDM: true})
	b.Member("ann").Joins("#general")
	if got := b.Member("ann").Sees("dm"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	ann := b.Member("ann")
	ann.Says("dm", "hi")
	ann.Joins("#random")
	if got := ann.Sees("dm"); len(got) != 1 {
		t.Errorf("after the member wrote first: %+v", got)
	}
}

func TestStateCommandsAndResults(t *testing.T) {
	b := New(t, Options{Plugin: "echo"})
	ann := b.Member("ann")
	ann.Runs("#general", "/echo *a*")
	ann.Runs("dm", "echo b")
	if n, err := sdk.Decode[int](b.Row("m/test:ann/seen")); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
	if got := ann.Sees("#general"); len(got) != 1 || !got[0].Ephemeral || got[0].Text() != `\*a\*` {
		t.Errorf("%+v", got)
	}
	if got := b.Member("bob").Sees("#general"); len(got) != 0 {
		t.Errorf("an ephemeral message is seen by others: %+v", got)
	}
	ann.Says("#general", "@bot hello")
	if e := b.Effects(); len(e.Out) != 1 || e.Out[0].React.Name != "wave" {
		t.Errorf("%+v", e)
	}
	ann.Says("#general", "please look")
	b.Result(abi.Result{Name: "look", Status: 200, Body: []byte("ok")})
	if got := b.Member("bob").Sees("#general"); len(got) != 1 || got[0].Text() != "200 Ann ok" {
		t.Errorf("%+v", got)
	}
	ann.Says("#general", "nothing for the plugin")
	if e := b.Effects(); len(e.Out) != 0 {
		t.Errorf("%+v", e)
	}
}

func TestWhatTheHostWouldRefuse(t *testing.T) {
	b := New(t, Options{Plugin: "bad"})
	for command, want := range map[string]string{
		"send":   `a message in a channel needs the capability "send", which the plugin does not ask for`,
		"random": "the handler is not deterministic",
		"panic":  "panic: assignment to entry in nil map",
		"fail":   "the handler failed: no luck",
		"reads":  "more than 96 rows in one invocation",
		"empty":  "a message of 0 blocks",
	} {
		err := b.Try(abi.Event{Kind: abi.CommandInvoked, Member: abi.Member{ID: "test:ann"}, Command: &abi.Command{Name: command}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", command, err, want)
		}
		if len(b.rows) > 0 || len(b.posts) > 0 {
			t.Errorf("%s left something behind", command)
		}
	}
	b.Member("ann").Runs("", "page")
	if n, err := sdk.Decode[int](b.Row("m/test:ann/seen")); err != nil || n != 1 {
		t.Errorf("Continue: %d, %v", n, err)
	}
}

// TestPanicNamesTheAuthorsLine: the stack is the author's, not the SDK's.
func TestPanicNamesTheAuthorsLine(t *testing.T) {
	b := New(t, Options{Plugin: "bad"})
	err := b.Try(abi.Event{Kind: abi.CommandInvoked, Member: abi.Member{ID: "test:ann"}, Command: &abi.Command{Name: "panic"}})
	lines := strings.Split(err.Error(), "\n")
	if len(lines) < 3 || !strings.Contains(lines[1], "sdktest.explode sdktest_test.go:") || !strings.Contains(lines[2], "sdktest_test.go:") || strings.Contains(err.Error(), "run.go") {
		t.Errorf("%v", err)
	}
}

func TestComplete(t *testing.T) {
	Complete(t, Options{Plugin: "echo"})
	err := complete(New(t, Options{Plugin: "bad"}).Manifest())
	if err == nil || !strings.Contains(err.Error(), "help of the command empty: no wording for zh-CN") {
		t.Errorf("%v", err)
	}
	m := New(t, Options{Plugin: "echo"}).Manifest()
	m.Schema = bytes.ReplaceAll(m.Schema, []byte("zh-CN"), []byte("de"))
	if err := complete(m); err == nil || err.Error() != "setting word: no wording for zh-CN" {
		t.Errorf("a setting that is explained in English alone: %v", err)
	}
	m = New(t, Options{Plugin: "echo"}).Manifest()
	for i := range m.Texts {
		if m.Texts[i].Key == "can.react" {
			m.Texts[i].Key = "was.react"
		}
	}
	if err := complete(m); err == nil || err.Error() != "reason for the capability react, the text can.react: no wording for zh-CN" {
		t.Errorf("a capability that is asked for in English alone: %v", err)
	}
}

// recorder is a test that is expected to fail.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) { r.said += fmt.Sprintf(format, args...) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.said += fmt.Sprintf(format, args...)
	panic(r)
}

func failing(t *testing.T, do func(testing.TB)) (said string) {
	r := &recorder{TB: t}
	defer func() {
		if p := recover(); p != nil && p != any(r) {
			panic(p)
		}
		said = r.said
	}()
	do(r)
	return
}

func TestMistakesOfTestsAreSaid(t *testing.T) {
	for want, do := range map[string]func(*Bot){
		`sees no button "none"`:                    func(b *Bot) { b.Member("ann").Presses("none") },
		`sees no form "f"`:                         func(b *Bot) { b.Member("ann").Sends("f") },
		`no action "look" waits`:                   func(b *Bot) { b.Result(abi.Result{Name: "look"}) },
		`the plugin has no schedule "daily"`:       func(b *Bot) { b.Schedule("daily") },
		`warm: config: there is no setting "word2`: func(b *Bot) { b.Configure(`{"word2": 1}`) },
	} {
		if said := failing(t, func(tb testing.TB) { do(New(tb, Options{Plugin: "echo"})) }); !strings.Contains(said, want) {
			t.Errorf("%q, want %q", said, want)
		}
	}
	said := failing(t, func(tb testing.TB) { New(tb, Options{Plugin: "none"}) })
	if !strings.Contains(said, `no plugin "none": this program declares [moves loses echo bad]`) {
		t.Errorf("%q", said)
	}
}

func TestTranscripts(t *testing.T) {
	Transcripts(t, "testdata/*.txtar", Options{Plugin: "echo"})
}

// TestTranscriptThatDiffersFails, and says how.
func TestTranscriptThatDiffersFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.txtar")
	if err := os.WriteFile(file, []byte("-- transcript --\n> ann runs dm /echo hello\nto ann\n    goodbye\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	a, err := readTranscript(file, Options{Plugin: "echo"})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(New(t, a.options).play(file, a.script.data)); !strings.Contains(got, "    hello\n") || strings.Contains(got, "goodbye") {
		t.Errorf("%s", got)
	}
	for text, want := range map[string]string{
		"-- nonsense --\n":               "there is no section \"nonsense\"",
		"-- setup --\n":                  "the section transcript is missing",
		"-- setup --\nx y\n":             `"x y" is no setting`,
		"-- setup --\nstart yesterday\n": "cannot parse",
	} {
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := readTranscript(file, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestSplit(t *testing.T) {
	for line, want := range map[string]string{
		`a b  c`:          "a|b|c",
		`a k="x y" z`:     "a|k=x y|z",
		`a "two words"`:   "a|two words",
		`it's "quoted" k`: "it's|quoted|k",
	} {
		words, err := split(line)
		if got := strings.Join(words, "|"); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", line, got, err, want)
		}
	}
	for _, line := range []string{"", `a "b`} {
		if _, err := split(line); err == nil {
			t.Errorf("%q: no error", line)
		}
	}
}

// TestShownNeedsAGroup holds a plugin to what the host refuses: a message that
// shows an experiment of which middleware said nothing.
func TestShownNeedsAGroup(t *testing.T) {
	b := New(t, Options{Plugin: "echo"})
	ev := abi.Event{Groups: []abi.Annotation{{Name: "pace", Value: "fast", Counted: true}, {Name: "script", Value: "v2"}}}
	for _, c := range []struct {
		shown abi.Annotation
		ok    bool
	}{{abi.Annotation{Name: "pace", Value: "fast"}, true}, {abi.Annotation{Name: "pace", Value: "slow"}, false}, {abi.Annotation{Name: "script", Value: "v2"}, false}} {
		e := abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Member: "test:ann"}, Shown: []abi.Annotation{c.shown}}}}}
		if err := b.granted(&ev, &e); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.shown, err)
		}
	}
}

// TestMembersHaveNames: a member is called as they are, in whatever letters.
func TestMembersHaveNames(t *testing.T) {
	b := bot(t, Options{Plugin: "echo"}, "")
	for id, want := range map[string]string{"ann": "hi, Ann", "小梅": "hi, 小梅", "émile": "hi, Émile"} {
		m := b.Member(id)
		m.Joins("#general")
		if posts := m.Sees("dm"); len(posts) != 1 || !strings.HasPrefix(posts[0].Text(), want) {
			t.Errorf("%s is told %q", id, posts[0].Text())
		}
	}
}
