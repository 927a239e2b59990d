package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

// attempt is the note of a card's form: the task that it answers.
type attempt struct {
	Task string `json:"task"`
}

// card writes a task: what it asks, what there is to begin with, where to answer.
func card(c *ctx, t *pack.Task, m *sdk.Message) {
	text, starter := t.Text.In(c.Locale()), source(t.Starter)
	if !alone(c) {
		m.Key("card:" + t.ID) // else it could not be edited everywhere
	}
	m.Heading(c.T("card.title", t.Number, t.Title.In(c.Locale()))).
		Text(sdk.Markup(text))
	if t.Kind == pack.Paste {
		m.Context(c.T("card.paste", t.Minutes)).
			Form("answer", c.T("answer"), sdk.Lines("code", c.T("answer.paste")).Hint(c.T("answer.paste.hint")).Max(maxForm))
	} else {
		if starter != "" && !strings.Contains(text, strings.TrimSpace(starter)) {
			m.Code("go", starter)
		}
		m.Context(c.T("card.small", t.Minutes, cmp.Or(t.Tool, "go run"))).
			Form("answer", c.T("answer"), sdk.Lines("code", c.T("answer.code")).Hint(c.T("answer.code.hint")).Starting(starter).Max(maxForm))
	}
	m.Submit(c.T("answer.submit")).
		FormOften(abi.AnyTimes).
		FormNote(sdk.Note(attempt{t.ID})).
		Button(c.T("button.hint"), "hint", sdk.ButtonValue(t.ID), sdk.AnyTimes).
		Button(c.T("button.skip"), "skip", sdk.ButtonValue(t.ID), sdk.AnyTimes)
}

// maxForm is how many characters a form takes; on Slack it is 3,000.
const maxForm = 12000

// fold leaves of a done task's card what it asked, with nothing to press.
func fold(c *ctx, t *pack.Task) {
	c.Edit("card:"+t.ID, c.T("card.done", t.Number, t.Title.In(c.Locale()))).
		Text(sdk.Markup(t.Text.In(c.Locale())))
}

// source is files as one text: of several, an archive that package find reads.
func source(files []pack.File) string {
	if len(files) == 1 {
		return files[0].Text
	}
	var a txtar.Archive
	for _, f := range files {
		a.Files = append(a.Files, txtar.File{Name: f.Name, Data: []byte(f.Text)})
	}
	return string(txtar.Format(&a))
}

// asked is the task that a command or a button is about: by number or id, else
// the one that the member is at; nil if there is no such.
func asked(c *ctx, p *progress) *pack.Task {
	which := strings.TrimPrefix(cmp.Or(c.Args(), c.Pressed()), "#")
	if which == "" {
		return p.current()
	}
	if n, err := strconv.Atoi(which); err == nil && n >= 1 && n <= len(learning.Tasks) {
		return learning.Tasks[n-1]
	}
	return learning.Task(strings.ToLower(which))
}

// showTask shows the task that was asked for, else the one the member is at.
func showTask(c *ctx) error {
	p := path.Get(c)
	t := asked(c, &p)
	switch {
	case t == nil && c.Args() != "":
		c.Reply(c.T("task.unknown", c.Args(), len(learning.Tasks)))
		return nil
	case t == nil:
		if t = p.following(lastDone(&p)); t == nil {
			c.Reply(c.T("end", c.Name()))
			return nil
		}
	}
	if p.Began.IsZero() {
		p.Began = c.Now()
	}
	show(c, &p, t, c.Reply(""))
	path.Set(c, p)
	return nil
}

// hint shows the next hint of the task that was asked for. Of a task that the
// member is not at, nothing is noted, so it shows them all.
func hint(c *ctx) error {
	p := path.Get(c)
	t := asked(c, &p)
	if t == nil {
		c.Reply(c.T("hint.none")).Button(c.T("button.task"), "task", sdk.AnyTimes)
		return nil
	}
	if t.ID != p.Task {
		m := c.Reply(c.T("hint.all", t.Title.In(c.Locale())))
		for _, h := range t.Hints {
			m.Text(sdk.Markup(h.In(c.Locale())))
		}
		return nil
	}
	n := min(p.Hints, len(t.Hints)-1)
	m := c.Reply(c.T("hint", n+1, len(t.Hints))).Text(sdk.Markup(t.Hints[n].In(c.Locale())))
	if n+1 < len(t.Hints) {
		m.Button(c.T("button.hint.next"), "hint", sdk.ButtonValue(t.ID), sdk.AnyTimes)
	}
	if p.Hints < len(t.Hints) {
		p.Hints++
		path.Set(c, p)
		c.Track("task.hint", "task", t.ID, "hint", strconv.Itoa(p.Hints))
	}
	return nil
}

// skip leaves a task for later.
func skip(c *ctx) error {
	p := path.Get(c)
	t := p.current()
	if t == nil || c.Pressed() != "" && c.Pressed() != t.ID {
		c.Reply(c.T("skip.none")).Button(c.T("button.task"), "task", sdk.AnyTimes)
		return nil
	}
	if !slices.Contains(p.Skipped, t.ID) {
		p.Skipped = append(p.Skipped, t.ID)
	}
	p.Task = ""
	c.Track("task.skipped", "task", t.ID, "stage", t.Stage)
	said := c.T("skipped", t.Title.In(c.Locale()), t.Number)
	if n := p.following(t.ID); n != nil {
		show(c, &p, n, c.Reply(said))
	} else {
		c.Cancel("remind")
		c.Reply(said)
	}
	path.Set(c, p)
	return nil
}

// overview shows the path, how far the member is, and their task.
func overview(c *ctx) error {
	p := path.Get(c)
	m := c.Reply(c.T("path", c.Name())).Text(c.T("path.done", p.count(learning.Tasks), len(learning.Tasks)))
	for _, s := range learning.Stages {
		lines := []string{"**" + string(sdk.Escape(s.Title.In(c.Locale()))) + "** " + strconv.Itoa(p.count(s.Tasks)) + "/" + strconv.Itoa(len(s.Tasks))}
		for _, t := range s.Tasks {
			lines = append(lines, marks[p.state(t)]+" "+strconv.Itoa(t.Number)+" · "+string(sdk.Escape(t.Title.In(c.Locale()))))
		}
		m.Text(sdk.Markup(strings.Join(lines, "\n")))
	}
	m.Context(c.T("path.how"))
	if p.Began.IsZero() {
		begin(c, &p, c.Reply(""))
		return nil
	}
	if p.following("") != nil {
		m.Button(c.T("button.task"), "task", sdk.Primary, sdk.AnyTimes)
	}
	return nil
}
