package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/sdktest"
)

// says is a message of ann's in a direct conversation, or in a thread of a
// channel.
func says(text, thread string) abi.Event {
	ev := abi.Event{Kind: abi.MessagePosted, Member: abi.Member{ID: "test:ann", Name: "Ann"}, Message: &abi.Message{ID: "m1", Text: text, Thread: thread}}
	if thread == "" {
		ev.Conversation, ev.Addressed = abi.Conversation{ID: "test:dm-ann", Kind: abi.Direct}, true
	} else {
		ev.Conversation, ev.Member.NoDM = abi.Conversation{ID: "test:general", Kind: abi.Channel}, true
	}
	return ev
}

// verification is what the last event asks to be run, nil if nothing.
func verification(b *sdktest.Bot) *abi.Verify {
	for _, o := range b.Effects().Out {
		if o.Action != nil {
			return o.Action.Verify
		}
	}
	return nil
}

// TestAnswerGoesWithWhatItIsCheckedBy: hidden tests and input go along, in a
// thread where tasks are shown too, and not with code that is no answer.
func TestAnswerGoesWithWhatItIsCheckedBy(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{NoDM: true})
	ann := b.Member("ann")
	ann.Joins("#general")
	b.Advance(time.Minute)
	ann.Runs("#general", "/task test")
	b.Do(says("```go\npackage double\n```", "root"))
	v := verification(b)
	if v == nil || v.Task != "test" || len(v.Tests) != 1 || v.Tests[0].Name != "double_test.go" || v.Files[0].Name != "double.go" {
		t.Fatalf("%+v", v)
	}
	ann.Runs("#general", "/task sum")
	b.Do(says("```go\npackage main\n```", "root"))
	if v := verification(b); v == nil || v.Stdin != "3 4\n" || len(v.Tests) != 0 {
		t.Errorf("%+v", v)
	}
	ann.Says("#random", "@bot ```go\npackage main\n```")
	if v := verification(b); v == nil || v.Task != "" || v.Stdin != "" {
		t.Errorf("%+v", v)
	}
}

func TestAttachedFileIsAnAnswer(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{})
	b.Member("ann").Runs("dm", "/task")
	ev := says("", "")
	ev.Message.Files = []abi.File{{Name: "mine.go", Type: "text/plain", Body: "package main\n"}}
	b.Do(ev)
	if v := verification(b); v == nil || v.Task != "hello" || v.Files[0].Text != "package main\n" {
		t.Errorf("%+v", v)
	}
}

// TestFilesThatWereNotChanged go along with those that were.
func TestFilesThatWereNotChanged(t *testing.T) {
	task := &pack.Task{Starter: []pack.File{{Name: "main.go", Text: "1"}, {Name: "shape.go", Text: "2"}}, Tests: []pack.File{{Name: "main_test.go"}}}
	for _, c := range []struct{ have, want []string }{
		{[]string{"main.go"}, []string{"main.go", "shape.go"}},
		{[]string{"shape.go", "main.go"}, []string{"shape.go", "main.go"}},
		{[]string{"other.go"}, []string{"other.go"}},
		{[]string{"other.go", "main_test.go"}, []string{"other.go", "own_main_test.go"}},
	} {
		var files []abi.SourceFile
		for _, name := range c.have {
			files = append(files, abi.SourceFile{Name: name})
		}
		var got []string
		for _, f := range complete(files, task) {
			got = append(got, f.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.have, got, c.want)
		}
	}
}

// TestQueue has the host tell how many are before; the verdict still comes.
func TestQueue(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{})
	ann := b.Member("ann")
	ann.Says("dm", "```go\npackage main\nfunc main() {}\n```")
	b.Queued("check", 3)
	if text := ann.Sees("dm")[0].Text(); !strings.Contains(text, "you are number 3") {
		t.Error(text)
	}
	b.Result(abi.Result{Name: "check", Body: []byte(`{"verdict": "deadlock"}`)})
	if text := ann.Sees("dm")[0].Text(); !strings.Contains(text, "every goroutine waits") {
		t.Error(text)
	}
}

// TestNoVerdict says kindly why there is none, in both languages, and the code
// can be sent again.
func TestNoVerdict(t *testing.T) {
	for _, c := range []struct {
		result abi.Result
		en, zh string
	}{
		{abi.Result{Code: abi.TooFast, Wait: 8200}, "in 9 seconds I run your next one", "9 秒后"},
		{abi.Result{Code: abi.TooFast, Wait: 1}, "in 1 second I run", "1 秒后"},
		{abi.Result{Code: abi.Full}, "queue is full", "排满了"},
		{abi.Result{Code: abi.NotReady}, "getting the compiler ready", "准备中"},
		{abi.Result{Code: abi.Off}, "switched off", "没有开启"},
		{abi.Result{}, "just now (the reason)", "the reason"},
		{abi.Result{Code: "newer"}, "just now (the reason)", "the reason"},
	} {
		for locale, want := range map[string]string{"en": c.en, "zh-CN": c.zh} {
			b := sdktest.New(t, sdktest.Options{Locale: locale})
			ann := b.Member("ann")
			ann.Says("dm", "```go\npackage main\nfunc main() {}\n```")
			c.result.Name, c.result.Error = "check", "the reason"
			b.Result(c.result)
			if text := ann.Sees("dm")[0].Text(); !strings.Contains(text, want) {
				t.Errorf("%s %s: %s", locale, c.result.Code, text)
			}
			if b.Row("m/test:ann/running/msg1") != nil {
				t.Errorf("%s: it still counts as running", c.result.Code)
			}
		}
	}
}

// TestVerdictOfWhatIsGone: a verdict that was under way to the plugin when the
// message was deleted says nothing.
func TestVerdictOfWhatIsGone(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{})
	ann := b.Member("ann")
	ann.Says("dm", "```go\npackage main\nfunc main() {}\n```")
	b.Do(abi.Event{Kind: abi.MessageDeleted, Member: abi.Member{ID: "test:ann"}, Conversation: abi.Conversation{ID: "test:dm-ann", Kind: abi.Direct},
		Message: &abi.Message{ID: "msg1"}})
	for _, body := range []string{`{"queue_position": 1}`, `{"verdict": "deadlock"}`} {
		b.Do(abi.Event{Kind: abi.VerifyFinished, Member: abi.Member{ID: "test:ann"}, Conversation: abi.Conversation{ID: "test:dm-ann", Kind: abi.Direct},
			Note: sdk.Note(ticket{Run: "msg1"}), Result: &abi.Result{Name: "check", Body: []byte(body)}})
	}
	if seen := ann.Sees("dm"); len(seen) != 0 {
		t.Errorf("%q", seen[0].Text())
	}
}

// TestQueueIsNoNoise: who alone sees the answer gets one message, not one for each
// position.
func TestQueueIsNoNoise(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{})
	ann := b.Member("ann")
	ev := says("", "")
	ev.Kind, ev.Message, ev.Addressed, ev.Private = abi.CommandInvoked, nil, false, true
	ev.Conversation, ev.Command = abi.Conversation{ID: "test:general", Kind: abi.Channel}, &abi.Command{Name: "run", Args: "package main\nfunc main() {}"}
	b.Do(ev)
	b.Queued("check", 3)
	b.Queued("check", 2)
	if seen := ann.Sees("#general"); len(seen) != 0 {
		t.Errorf("%d messages, the first %q", len(seen), seen[0].Text())
	}
	b.Result(abi.Result{Name: "check", Body: []byte(`{"verdict": "deadlock"}`)})
	if seen := ann.Sees("#general"); len(seen) != 1 {
		t.Errorf("%d messages with the verdict", len(seen))
	}
}

// TestGroups has an experiment set the pace and the reminders of who chose none.
func TestGroups(t *testing.T) {
	for _, c := range []struct {
		groups map[string]string
		due    time.Duration // of the first reminder; 0 for none
	}{
		{nil, 3 * time.Hour},
		{map[string]string{"task-pacing": "fast"}, time.Hour},
		{map[string]string{"task-pacing": "slow", "reminder-frequency": "high"}, 24 * time.Hour},
		{map[string]string{"reminder-frequency": "none"}, 0},
		{map[string]string{"task-pacing": "nonsense"}, 3 * time.Hour},
	} {
		b := sdktest.New(t, sdktest.Options{})
		ev := abi.Event{Kind: abi.CommandInvoked, Member: abi.Member{ID: "test:ann"}, Conversation: abi.Conversation{ID: "test:dm-ann", Kind: abi.Direct},
			Command: &abi.Command{Name: "task"}}
		for name, value := range c.groups {
			ev.Groups = append(ev.Groups, abi.Annotation{Name: name, Value: value})
		}
		b.Do(ev)
		var due time.Duration
		for _, o := range b.Effects().Out {
			if o.Timer != nil {
				due = time.UnixMilli(o.Timer.Due).Sub(b.Now())
			}
		}
		if due != c.due {
			t.Errorf("%v: reminded after %v, want %v", c.groups, due, c.due)
		}
	}
}

// TestHostileVerdict puts what could do harm into every part of a verdict. It is
// shown, and stands in code or is escaped wherever it stands.
func TestHostileVerdict(t *testing.T) {
	const evil = "<@test:bob> [x](https://evil.example) **b** `c` @everyone\x00\x1b[31m\u202e\n```\n# h"
	for _, name := range verdicts {
		v := map[string]any{"verdict": name, "stdout": evil, "stderr": evil, "truncated": true,
			"tests": []any{map[string]any{"name": evil, "output": evil}},
			"diagnostics": []any{
				map[string]any{"severity": "error", "file": evil, "line": 1, "code": evil, "message": evil, "excerpt": evil, "hint": evil},
				map[string]any{"severity": "warning", "message": evil},
				map[string]any{"severity": "note", "message": evil}}}
		body, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b := sdktest.New(t, sdktest.Options{})
		ann := b.Member("ann")
		ann.Runs("dm", "/task")
		ann.Says("dm", "```go\npackage main\nfunc main() {}\n```")
		b.Result(abi.Result{Name: "check", Body: body})
		for _, block := range ann.Sees("dm")[1].Content.Blocks {
			for _, s := range []string{block.Text, block.Context, block.Heading} {
				if strings.Contains(s, "<@test") && !strings.Contains(s, `\<@test`) || strings.Contains(s, "[x]") || strings.Contains(s, "\n```") || strings.Contains(s, "\n# h") {
					t.Errorf("%s: %q", name, s)
				}
			}
		}
	}
	long := strings.Repeat("世", 60<<10)
	body, _ := json.Marshal(verdict{Verdict: "runtime_error", Stdout: long, Stderr: long, Diagnostics: []diagnostic{{Message: long, Hint: long, Excerpt: long, File: "a.go", Line: 1}}})
	b := sdktest.New(t, sdktest.Options{})
	b.Member("ann").Says("dm", "```go\npackage main\nfunc main() {}\n```")
	b.Result(abi.Result{Name: "check", Body: body}) // the Bot refuses a message beyond the bounds
}

// TestGraph is XML, whatever titles there are, and says what it shows.
func TestGraph(t *testing.T) {
	sdktest.New(t, sdktest.Options{})
	evil := pack.Text{"en": "<script>\"&'\x01\xff" + strings.Repeat("x", 100)}
	p := progress{Done: map[string]time.Time{"hello": time.Now()}, Task: "test", Skipped: []string{"module"}}
	old := learning
	defer func() { learning = old }()
	learning = &pack.Pack{Stages: []*pack.Stage{{ID: "start", Title: evil}}}
	for i, id := range []string{"hello", "module", "test", "sum"} {
		task := &pack.Task{ID: id, Number: i + 1, Title: evil}
		learning.Tasks, learning.Stages[0].Tasks = append(learning.Tasks, task), append(learning.Stages[0].Tasks, task)
	}
	svg := graph(&p, "en", "T<", "D&")
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
	}
	for _, want := range []string{`role="img"`, "<title id=", "<desc id=", `class="done"`, `class="skipped"`, `class="current"`, `class="ahead"`, "prefers-color-scheme:dark"} {
		if !strings.Contains(svg, want) {
			t.Errorf("it has no %s", want)
		}
	}
	if strings.Contains(svg, "<script>") {
		t.Error("a title is markup")
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		s          string
		most, line int
		want       string
	}{
		{"a\n", 10, 5, "a"},
		{"a\nb\nc", 10, 2, "a\nb…"},
		{"世界", 4, 5, "世…"},
		{"\xff", 10, 5, "\ufffd"},
		{"", 10, 5, ""},
	} {
		if got := clip(c.s, c.most, c.line); got != c.want {
			t.Errorf("%q: %q, want %q", c.s, got, c.want)
		}
	}
}

func TestTestsAreForManagers(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{})
	for role, want := range map[string]int{"": 403, "viewer": 403, "manager": 0, "admin": 0} {
		if v := b.Query("/tests", role, "id", "hello"); v.Status != want {
			t.Errorf("%s: %d", role, v.Status)
		}
	}
}

// TestWhateverHappens has members do what they like. No event fails; nobody is
// reminded of a task that they have done, or after they left; a task is passed
// once.
func TestWhateverHappens(t *testing.T) {
	runs := 60
	if testing.Short() {
		runs = 10
	}
	for seed := range uint64(runs) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { whatever(t, rand.New(rand.NewPCG(seed, 3))) })
	}
}

func whatever(t *testing.T, r *rand.Rand) {
	b := sdktest.New(t, sdktest.Options{NoDM: r.IntN(3) == 0, Config: fmt.Sprintf(`{"pace": %q, "reminders": "high"}`, paces[r.IntN(3)])})
	ann := b.Member("ann")
	here := func() string { return []string{"dm", "#general"}[r.IntN(2)] }
	waiting, passes := 0, 0
	for range 60 {
		happened := true
		switch r.IntN(9) {
		case 0:
			ann.Joins("#general")
		case 1:
			ann.Leaves([]string{"", "#general"}[r.IntN(2)])
		case 2:
			ann.Runs(here(), []string{"go-start", "task", "hint", "skip", "pace slow", "pace fast", "task 1", "task 4", "run", "run x := 1"}[r.IntN(10)])
		case 3:
			ann.Says(here(), []string{"hello", "module demo", "```go\npackage main\n```", "> ```go\n> package main\n> ```", "$ go mod init"}[r.IntN(5)])
		case 4:
			b.Advance(time.Duration(r.IntN(30)) * time.Hour)
			happened = false
		case 5:
			ann.Deletes(here(), fmt.Sprintf("msg%d", r.IntN(60)))
		case 6:
			ann.Reacts("#general", "runner", fmt.Sprintf("msg%d", r.IntN(60)))
		default:
			if happened = waiting > 0; happened {
				waiting--
				verdict := []string{accepted, accepted, "compile_error", wrongAnswer}[r.IntN(4)]
				b.Result(abi.Result{Name: "check", Body: fmt.Appendf(nil, `{"verdict": %q, "stdout": %q}`, verdict, []string{"Hello, world", "7"}[r.IntN(2)])})
			}
		}
		if happened && verification(b) != nil {
			waiting++
		}
		for _, o := range b.Effects().Out {
			if happened && o.Track != nil && o.Track.Name == "task.passed" {
				passes++
			}
		}
		row := b.Row("m/test:ann/path")
		if row == nil {
			continue
		}
		p, err := sdk.Decode[progress](row)
		switch {
		case err != nil:
			t.Fatal(err)
		case len(p.Done) != passes:
			t.Fatalf("%d tasks are done, %d were passed", len(p.Done), passes)
		case p.Task != "" && (!p.Done[p.Task].IsZero() || slices.Contains(p.Skipped, p.Task)):
			t.Fatalf("at %s, which is done or skipped: %+v", p.Task, p)
		}
	}
	// Gone for good, nothing is heard any more.
	ann.Leaves("")
	n := len(ann.Sees("dm")) + len(ann.Sees("#general"))
	b.Advance(30 * 24 * time.Hour)
	if got := len(ann.Sees("dm")) + len(ann.Sees("#general")); got != n {
		t.Fatalf("%d messages after ann left", got-n)
	}
}
