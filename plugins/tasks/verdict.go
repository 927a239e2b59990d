package main

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

// verdict is what the host says of code, as much of it as is shown.
type verdict struct {
	Verdict     string       `json:"verdict"`
	Stdout      string       `json:"stdout"`
	Stderr      string       `json:"stderr"`
	Truncated   bool         `json:"truncated"`
	Diagnostics []diagnostic `json:"diagnostics"`
	Tests       []testResult `json:"tests"`
	Queue       int          `json:"queue_position"`
}

type diagnostic struct {
	Severity string `json:"severity"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Excerpt  string `json:"excerpt"` // with the caret below it
	Hint     string `json:"hint"`
}

type testResult struct {
	Name   string `json:"name"`
	Passed bool   `json:"passed"`
	Output string `json:"output"`
}

// Verdicts that matter to the path; verdicts are all of them.
const (
	accepted    = "accepted"
	wrongAnswer = "wrong_answer"
	internal    = "internal_error"
)

var verdicts = []string{accepted, wrongAnswer, "compile_error", "vet_error", "runtime_error", "deadlock", "goroutine_leak",
	"time_limit_exceeded", "memory_limit_exceeded", "output_limit_exceeded", "rejected", internal}

// Bounds of what is shown.
const (
	maxDiagnostics = 2
	maxShown       = 1500 // bytes of an output
	maxLines       = 20   // of an output
	maxWords       = 600  // bytes of a message or a hint
)

// judged puts a verdict in the place of "Running it". If the message was deleted
// meanwhile nothing is said.
func judged(c *ctx) error {
	n := sdk.NoteOf[ticket](c)
	if _, ok := running.Lookup(c, n.Run); !ok {
		return nil
	}
	var v verdict
	if r := c.Event.Result; r.Error != "" {
		running.Delete(c, n.Run)
		answer(c, n, unverified(c, r))
		return nil
	} else if err := json.Unmarshal(r.Body, &v); err == nil && v.Verdict == "" && v.Queue > 0 {
		if !n.Alone { // else there is nothing to edit, and each position would be a message
			answer(c, n, c.T("queued", v.Queue)) // the verdict is still to come
		}
		return nil
	} else if err != nil || !slices.Contains(verdicts, v.Verdict) {
		v = verdict{Verdict: internal}
	}
	running.Delete(c, n.Run)
	t := learning.Task(n.Task)
	if t == nil {
		head := "verdict." + v.Verdict
		if v.Verdict == accepted {
			head = "ran"
		}
		v.show(c, answer(c, n, c.T(head)))
		return nil
	}
	if v.Verdict == accepted && len(t.Tests) == 0 && (v.Truncated || !t.Printed(v.Stdout)) {
		v.Verdict = wrongAnswer
	}
	p := path.Get(c)
	if v.Verdict == accepted {
		v.show(c, answer(c, n, c.T("passed", t.Title.In(c.Locale()))))
		pass(c, &p, t)
	} else {
		m := answer(c, n, c.T("verdict."+v.Verdict))
		v.show(c, m)
		if v.Verdict == wrongAnswer && len(t.Tests) == 0 {
			m.Text(c.T("wanted")).Code("", clip(t.Want, maxShown, maxLines))
		}
		p.fail(c, t, v.Verdict, m)
	}
	path.Set(c, p)
	return nil
}

// unverified says why there is no verdict.
func unverified(c *ctx, r *abi.Result) sdk.Markup {
	switch r.Code {
	case abi.TooFast:
		return c.T("verdict.too_fast", int(max(1, (r.Wait+999)/1000)))
	case abi.Full, abi.NotReady, abi.Off:
		return c.T("verdict." + r.Code)
	}
	return c.T("verdict.none", clip(r.Error, maxWords, 1))
}

// answer puts words in the place of those that stand since the code was sent.
func answer(c *ctx, n ticket, text sdk.Markup) *sdk.Message {
	if n.Alone {
		return c.Ephemeral(text)
	}
	return c.Edit(answerKey(n.Run), text)
}

// fail notes that an answer was wrong, and offers what helps. What went wrong in
// the house is not held against anybody.
func (p *progress) fail(c *ctx, t *pack.Task, why string, m *sdk.Message) {
	if why != internal && p.Done[t.ID].IsZero() {
		c.Track("task.failed", "task", t.ID, "stage", t.Stage, "verdict", why)
		if t.ID == p.Task {
			p.Tries++
		}
	}
	label := "button.hint"
	if t.ID == p.Task && p.Hints > 0 && p.Hints < len(t.Hints) {
		label = "button.hint.next"
	}
	m.Button(c.T(label), "hint", sdk.ButtonValue(t.ID), sdk.AnyTimes).
		Button(c.T("button.task"), "task", sdk.ButtonValue(t.ID), sdk.AnyTimes)
}

// show adds to a verdict's first line what explains it. All that comes from the
// member's program stands in code, or is escaped.
func (v *verdict) show(c *ctx, m *sdk.Message) {
	shown := 0
	for _, d := range v.Diagnostics {
		if d.Severity == "note" || shown == maxDiagnostics || v.Verdict == accepted && d.Severity == "error" {
			continue
		}
		shown++
		d.show(c, m)
	}
	failing := slices.IndexFunc(v.Tests, func(t testResult) bool { return !t.Passed })
	if failing >= 0 {
		t, good := v.Tests[failing], 0
		for _, t := range v.Tests {
			if t.Passed {
				good++
			}
		}
		m.Text(c.T("test.failed", good, len(v.Tests), clip(t.Name, 200, 1)))
		block(m, t.Output)
	}
	switch {
	case failing >= 0: // what the test said is what there is to read
	case v.Stdout != "":
		m.Text(c.T("printed"))
		block(m, v.Stdout)
	case (v.Verdict == accepted || v.Verdict == wrongAnswer) && len(v.Tests) == 0:
		m.Text(c.T("printed.nothing"))
	}
	if v.Stderr != "" && shown == 0 && failing < 0 {
		m.Text(c.T("stderr"))
		block(m, v.Stderr)
	}
	if v.Truncated {
		m.Context(c.T("cut"))
	}
	for _, d := range v.Diagnostics {
		if d.Severity == "note" && d.Message != "" {
			m.Context(sdk.Escape(clip(words(d), maxWords, 4)))
			break
		}
	}
}

// words are the hint, which is in the reader's language, else the message.
func words(d diagnostic) string {
	if d.Hint != "" {
		return d.Hint
	}
	return d.Message
}

// show says where something is wrong, what, and what to do.
func (d *diagnostic) show(c *ctx, m *sdk.Message) {
	what := clip(d.Message, maxWords, 4)
	switch {
	case d.Line > 0 && d.File != "":
		m.Text(c.T("at", d.File, d.Line, what))
	case what != "":
		m.Text(sdk.Escape(what))
	}
	block(m, d.Excerpt)
	if d.Hint != "" {
		m.Text(c.T("advice", withCode(clip(d.Hint, maxWords, 8))))
	}
}

// withCode escapes a hint but for what it has between backquotes, which is shown
// as code: nothing in there is read as anything else.
func withCode(hint string) sdk.Markup {
	parts := strings.Split(hint, "`")
	if len(parts)%2 == 0 {
		return sdk.Escape(hint)
	}
	var b strings.Builder
	for i, p := range parts {
		if i%2 == 1 && p != "" && !strings.ContainsRune(p, '\n') {
			b.WriteString("`" + p + "`")
		} else {
			b.WriteString(string(sdk.Escape(p)))
		}
	}
	return sdk.Markup(b.String())
}

// block shows text as it is, shortened. What it may do to a reader's screen or
// to others in the chat is taken out of code blocks by the host.
func block(m *sdk.Message, text string) {
	if text = clip(text, maxShown, maxLines); strings.TrimSpace(text) != "" {
		m.Code("", text)
	}
}

// clip is the beginning of a text, in whole characters; "…" says that there is
// more.
func clip(s string, most, lines int) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.TrimRight(s, "\n")
	cut := len(s)
	for i, n := 0, 0; i < len(s); i++ {
		if s[i] == '\n' {
			if n++; n == lines {
				cut = i
				break
			}
		}
	}
	if cut = min(cut, most); cut == len(s) {
		return s
	}
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
