package pack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// maxProblems is how many problems are listed.
const maxProblems = 50

// Load reads a pack. The error lists everything that is wrong with it, a line
// each: the file, where it makes sense the line, and what to do.
func Load(fsys fs.FS) (*Pack, error) {
	l := &loader{fs: fsys, room: MaxBytes, pack: &Pack{byID: map[string]*Task{}}}
	if l.path() {
		l.stages()
		for _, t := range l.pack.Tasks {
			l.task(t)
		}
	}
	if len(l.problems) > 0 {
		return nil, errors.Join(l.problems...)
	}
	return l.pack, nil
}

// loader is a pack that is being read.
type loader struct {
	fs       fs.FS
	room     int // bytes that may still be read
	pack     *Pack
	problems []error
}

// wrong notes a problem of a file; line 0 is none in particular.
func (l *loader) wrong(file string, line int, format string, args ...any) {
	switch n := len(l.problems); {
	case n == maxProblems:
		l.problems = append(l.problems, errors.New("and there is more; put these right first"))
	case n < maxProblems:
		at := file
		if line > 0 {
			at = fmt.Sprintf("%s:%d", file, line)
		}
		l.problems = append(l.problems, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
	}
}

// read returns a file's text, with line ends as "\n". What is not there is no
// problem yet.
func (l *loader) read(name string) (text string, there bool) {
	f, err := l.fs.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	if err != nil {
		l.wrong(name, 0, "it cannot be read: %v", err)
		return "", false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(l.room)+1))
	switch {
	case err != nil:
		l.wrong(name, 0, "it cannot be read: %v", err)
		return "", false
	case len(b) > l.room:
		l.room = 0
		l.wrong(name, 0, "with it the pack has more than %d KiB; make it smaller", MaxBytes>>10)
		return "", false
	case !utf8.Valid(b):
		l.wrong(name, 0, "it is not UTF-8; save it as UTF-8")
		return "", false
	}
	l.room -= len(b)
	return strings.TrimPrefix(strings.ReplaceAll(string(b), "\r\n", "\n"), "\ufeff"), true
}

// path reads path.txt, and says whether it makes sense to go on.
func (l *loader) path() bool {
	const name = "path.txt"
	text, ok := l.read(name)
	if !ok {
		l.wrong(name, 0, "there is none; write the stages (# start) and the ids of their tasks, a line each")
		return false
	}
	p := l.pack
	var stage *Stage
	for i, line := range strings.Split(text, "\n") {
		line, n := strings.TrimSpace(line), i+1
		if line == "" {
			continue
		}
		title, opens := strings.CutPrefix(line, "#")
		id := strings.TrimSpace(title)
		switch {
		case !isID(id):
			l.wrong(name, n, "%.60q is no id; one has up to 40 small letters, digits and hyphens, a letter first", id)
		case opens && p.Stage(id) != nil:
			l.wrong(name, n, "the stage %s is opened twice", id)
		case opens && len(p.Stages) == maxStages:
			l.wrong(name, n, "there are more than %d stages", maxStages)
			return false
		case opens:
			stage = &Stage{ID: id, Title: Text{}}
			p.Stages = append(p.Stages, stage)
		case stage == nil:
			l.wrong(name, n, "the task %s is in no stage; open one before it: # %s", id, First)
			return false
		case p.byID[id] != nil:
			l.wrong(name, n, "the task %s is there twice; take one of them out", id)
		case len(p.Tasks) == MaxTasks:
			l.wrong(name, n, "there are more than %d tasks", MaxTasks)
			return false
		default:
			t := &Task{ID: id, Number: len(p.Tasks) + 1, Stage: stage.ID, Title: Text{}, Text: Text{}, Hints: []Text{{}, {}, {}}}
			p.Tasks = append(p.Tasks, t)
			p.byID[id] = t
			stage.Tasks = append(stage.Tasks, t)
		}
	}
	for _, s := range p.Stages {
		if len(s.Tasks) == 0 {
			l.wrong(name, 0, "the stage %s has no tasks; write their ids behind it, or take it out", s.ID)
		}
	}
	if len(p.Stages) == 0 || p.Stages[0].ID != First {
		l.wrong(name, 0, "the first stage is not %s; begin with the line # %[1]s", First)
	}
	return len(p.Tasks) > 0
}

func isID(s string) bool {
	for i := range len(s) {
		if c := s[i]; !('a' <= c && c <= 'z') && (i == 0 || c != '-' && !('0' <= c && c <= '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 40
}

// stages reads the stages' titles.
func (l *loader) stages() {
	for _, locale := range Locales {
		name := "stages." + locale + ".json"
		text, ok := l.read(name)
		if !ok {
			if locale == "en" {
				l.wrong(name, 0, "there is none; give each stage of path.txt a title: {\"%s\": \"…\"}", First)
			}
			continue
		}
		var titles map[string]string
		if err := json.Unmarshal([]byte(text), &titles); err != nil {
			l.wrong(name, lineOfError(text, err), "it is no object from stage to title: %v", err)
			continue
		}
		for _, s := range l.pack.Stages {
			switch title := strings.TrimSpace(titles[s.ID]); {
			case title == "":
				l.wrong(name, 0, "the stage %s has no title; add %[1]q: \"…\"", s.ID)
			case utf8.RuneCountInString(title) > maxTitle || strings.Contains(title, "\n"):
				l.wrong(name, 0, "the title of %s is longer than a line of %d characters", s.ID, maxTitle)
			default:
				s.Title[locale] = title
			}
		}
	}
}

// lineOfError is the line that a JSON error is about; 0 if it does not say.
func lineOfError(text string, err error) int {
	var (
		syntax *json.SyntaxError
		typ    *json.UnmarshalTypeError
	)
	at := int64(-1)
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &typ):
		at = typ.Offset
	}
	if at < 0 || at > int64(len(text)) {
		return 0
	}
	return 1 + strings.Count(text[:at], "\n")
}
