// Package pack owns the format of a task pack: a directory, or a zip of one,
// with everything a learning path needs to teach and to check.
//
//	path.txt                 a task id a line, in order; "# stage-id" opens a stage
//	stages.en.json           {"stage-id": "title", …}; stages.zh-CN.json the same in Chinese
//	<id>/task.md             front matter, # title, text, ## Hint 1, ## Hint 2, ## Hint 3
//	<id>/task.zh-CN.md       the same in Chinese, without front matter (提示 for Hint)
//	<id>/code.txtar          starter/…, solution/…, tests/…, want, stdin, accept.json
//
// The front matter stands between two lines "---":
//
//	kind: program            program, test or paste
//	minutes: 5               how long it takes
//	tool: go run             the tool that the task is about
//	stdin: 3 4               what the program reads, for a line or two; else the file stdin
//
// A program is run, and prints what the file want says (white space at line
// ends and at the end aside), or passes the hidden tests; a test is a package
// that passes them. A paste is text that accept.json's rules accept (see
// package paste), with solution/paste.txt an example of what they do, and
// starter/paste.txt of what they do not.
//
// Texts are the small Markdown of abi.Content. The first stage is "start": who
// has done it is a newcomer no more.
//
// The package reads and says what is wrong; it must not know who learns, nor
// run anything.
package pack

import (
	"strings"

	"github.com/hearthbot/hearth/plugins/tasks/paste"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Bounds of a pack.
const (
	MaxBytes = 1 << 20 // of all files that are read
	MaxTasks = 200

	maxStages  = 30
	maxTitle   = 100 // characters
	maxText    = 6 << 10
	maxHint    = 2 << 10
	maxStarter = 3000 // characters: no form holds more on Slack
	maxCode    = 48 << 10
)

// First is the id of the first stage.
const First = "start"

// Kind says how an answer to a task is checked.
type Kind string

// The kinds of task.
const (
	Program Kind = "program" // run: its output, or hidden tests
	Test    Kind = "test"    // hidden tests of a package
	Paste   Kind = "paste"   // what the member pastes, by rules
)

// Text is a text by locale, "en" always among them.
type Text map[string]string

// In is the wording for a reader of locale: in it, else in its language, else
// in English.
func (t Text) In(locale string) string {
	if s, ok := t[locale]; ok {
		return s
	}
	for _, l := range Locales {
		if s, ok := t[l]; ok && abi.SameLanguage(l, locale) {
			return s
		}
	}
	return t["en"]
}

// Locales are the languages that a pack may be written in.
var Locales = []string{"en", "zh-CN"}

// File is a file by its name below the submission's root.
type File struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Task is one step of the path.
type Task struct {
	ID      string
	Number  int // in the path, from 1
	Stage   string
	Kind    Kind
	Minutes int
	Tool    string
	Title   Text
	Text    Text
	Hints   []Text // three

	Starter  []File // what the member begins with; it is not accepted
	Solution []File // it is
	Tests    []File // hidden
	Want     string // of a program without tests: what it prints
	Stdin    string
	Accept   *paste.Rules // of a paste
}

// Printed says whether a program's output is what the task wants: white space
// at the ends of lines and of the whole aside.
func (t *Task) Printed(stdout string) bool { return trimmed(stdout) == trimmed(t.Want) }

func trimmed(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// Stage is a part of the path.
type Stage struct {
	ID    string
	Title Text
	Tasks []*Task
}

// Pack is a learning path. It is not changed once it is loaded.
type Pack struct {
	Stages []*Stage
	Tasks  []*Task // of all stages, in order

	byID map[string]*Task
}

// Task is the task of that id, nil if there is none.
func (p *Pack) Task(id string) *Task { return p.byID[id] }

// Next is the task behind the one of that id, nil behind the last.
func (p *Pack) Next(id string) *Task {
	if t := p.byID[id]; t != nil && t.Number < len(p.Tasks) {
		return p.Tasks[t.Number]
	}
	return nil
}

// Stage is the stage of that id, nil if there is none.
func (p *Pack) Stage(id string) *Stage {
	for _, s := range p.Stages {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// Start are the tasks of the first stage.
func (p *Pack) Start() []*Task { return p.Stages[0].Tasks }

// Untranslated lists what has no wording in locale: "stage ID" and task ids.
func (p *Pack) Untranslated(locale string) []string {
	var ids []string
	for _, s := range p.Stages {
		if _, ok := s.Title[locale]; !ok {
			ids = append(ids, "stage "+s.ID)
		}
	}
	for _, t := range p.Tasks {
		if _, ok := t.Title[locale]; !ok {
			ids = append(ids, t.ID)
		}
	}
	return ids
}
