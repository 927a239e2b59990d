package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/plugins/tasks/tasks"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web"
)

// learning is the path of the plugin tasks as the web sees it. The plugin has
// the community's files and the counts; what they make of hearth's own pack is
// worked out here by the same package, so that a change can be tried first.
type learning struct {
	engine   *host.Engine
	verifier *Verifier // nil if code is not run
	audit    *audit.Log
	log      *slog.Logger

	mu sync.Mutex // one change at a time
}

var _ web.Tasks = (*learning)(nil)

const tasksPlugin = "tasks"

// builtInFiles are the files of the pack that hearth brings along.
var builtInFiles = sync.OnceValues(func() (map[string]string, error) {
	files, _, err := pack.Read(tasks.FS)
	return files, err
})

// path is the community's files and what they make.
type taskPath struct {
	builtIn, own, files map[string]string // files: own over builtIn
	pack                *pack.Pack        // as it is in use
	problems            []web.TaskProblem // of own
}

// newPath lays files over hearth's own.
func newPath(own map[string]string) (*taskPath, error) {
	below, err := builtInFiles()
	if err != nil {
		return nil, err
	}
	t := &taskPath{builtIn: below, own: own, files: maps.Clone(below)}
	maps.Copy(t.files, own)
	if t.pack, err = pack.Load(pack.Overlay{Files: t.files}); err != nil {
		t.problems = problems(err)
		t.pack, err = builtIn()
	}
	return t, err
}

// problems takes apart what pack.Load says: a line for each, with the file and
// the line before a colon.
func problems(err error) []web.TaskProblem {
	var out []web.TaskProblem
	for line := range strings.SplitSeq(err.Error(), "\n") {
		p := web.TaskProblem{Code: "format", Text: line}
		if at, text, ok := strings.Cut(line, ": "); ok && !strings.Contains(at, " ") {
			p.File, p.Text = at, text
			if file, n, ok := strings.Cut(at, ":"); ok {
				if line, err := strconv.Atoi(n); err == nil {
					p.File, p.Line = file, line
				}
			}
		}
		out = append(out, p)
	}
	return out
}

// query asks the plugin, as the host: with a manager's rights.
func (l *learning) query(ctx context.Context, at string, into any, params ...abi.Annotation) error {
	v, err := l.engine.Query(ctx, tasksPlugin, abi.Query{Path: at, Role: "manager", Params: params})
	switch {
	case errors.Is(err, host.ErrUnknown):
		return web.ErrNoTasks
	case err != nil:
		return shown(tasksPlugin, err)
	case v.Status != 0 && v.Status != 200:
		return fmt.Errorf("the plugin tasks answers %s with %d: %.200s", at, v.Status, v.Body)
	}
	if err := json.Unmarshal(v.Body, into); err != nil {
		return fmt.Errorf("read what the plugin tasks says of %s: %w", at, err)
	}
	return nil
}

// now is the path as it is.
func (l *learning) now(ctx context.Context) (*taskPath, error) {
	own := map[string]string{}
	for after := ""; ; {
		var page struct {
			Files map[string][]byte
			More  bool
		}
		if err := l.query(ctx, "/own", &page, abi.Annotation{Name: "after", Value: after}); err != nil {
			return nil, err
		}
		for name, text := range page.Files {
			own[name] = string(text)
			after = max(after, name)
		}
		if !page.More || len(page.Files) == 0 {
			return newPath(own)
		}
	}
}

// Pack implements web.Tasks.
func (l *learning) Pack(ctx context.Context) (*web.TaskPack, error) {
	t, err := l.now(ctx)
	if err != nil {
		return nil, err
	}
	var counted struct {
		Stages []struct {
			Tasks []struct {
				ID              string
				Started, Passed *int64
			}
		}
	}
	if err := l.query(ctx, "/tasks", &counted); err != nil {
		return nil, err
	}
	out := &web.TaskPack{Files: map[string]web.TaskFile{}, Problems: t.problems}
	for name, text := range t.files {
		_, own := t.own[name]
		_, builtIn := t.builtIn[name]
		out.Files[name] = web.TaskFile{Text: text, Own: own, BuiltIn: builtIn}
	}
	byID := map[string]*web.Task{}
	for _, s := range t.pack.Stages {
		stage := web.TaskStage{ID: s.ID, Title: s.Title}
		for _, task := range s.Tasks {
			w := t.task(task)
			byID[w.ID] = w
			stage.Tasks = append(stage.Tasks, w)
		}
		out.Stages = append(out.Stages, stage)
	}
	for _, s := range counted.Stages {
		for _, c := range s.Tasks {
			if w := byID[c.ID]; w != nil {
				w.Started, w.Passed = c.Started, c.Passed
			}
		}
	}
	out.Spare = t.spare(byID)
	return out, nil
}

// task is a task as the web has it.
func (t *taskPath) task(p *pack.Task) *web.Task {
	code := func(files []pack.File) (out []web.TaskCode) {
		for _, f := range files {
			out = append(out, web.TaskCode(f))
		}
		return out
	}
	w := &web.Task{ID: p.ID, Number: p.Number, Stage: p.Stage, Kind: string(p.Kind), Tool: p.Tool, Minutes: p.Minutes, Title: p.Title, Text: p.Text,
		Starter: code(p.Starter), Solution: code(p.Solution), Tests: code(p.Tests), Want: p.Want, Stdin: p.Stdin}
	for _, h := range p.Hints {
		w.Hints = append(w.Hints, h)
	}
	for _, name := range pack.TaskFiles(p.ID) {
		_, own := t.own[name]
		_, builtIn := t.builtIn[name]
		w.Own, w.BuiltIn = w.Own || own, w.BuiltIn || builtIn
	}
	return w
}

// spare are the tasks that there are files for, and that are not in the path.
func (t *taskPath) spare(in map[string]*web.Task) []*web.Task {
	var ids []string
	for name := range t.files {
		if id, file := path.Split(name); file == "task.md" && in[path.Clean(id)] == nil {
			ids = append(ids, path.Clean(id))
		}
	}
	slices.Sort(ids)
	var out []*web.Task
	for _, id := range ids {
		p, err := pack.Load(pack.Overlay{Files: alone(t.files, id)})
		if err != nil {
			out = append(out, t.task(&pack.Task{ID: id, Title: pack.Text{"en": id}, Text: pack.Text{}}))
			continue
		}
		task := *p.Tasks[0]
		task.Number, task.Stage = 0, ""
		out = append(out, t.task(&task))
	}
	return out
}

// alone is a pack of one task.
func alone(files map[string]string, id string) map[string]string {
	out := map[string]string{"path.txt": "# " + pack.First + "\n" + id + "\n", "stages.en.json": `{"` + pack.First + `": "-"}`}
	for _, name := range pack.TaskFiles(id) {
		if text, ok := files[name]; ok {
			out[name] = text
		}
	}
	return out
}

// ReadZip implements web.Tasks.
func (l *learning) ReadZip(zip []byte) (*web.TaskFiles, error) {
	fsys, err := pack.OpenZip(bytes.NewReader(zip), int64(len(zip)))
	if err != nil {
		return nil, err
	}
	files, others, err := pack.Read(fsys)
	if err != nil {
		return nil, err
	}
	return &web.TaskFiles{Files: files, Ignored: others}, nil
}

// WriteZip implements web.Tasks. It has what the path uses, and nothing else.
func (l *learning) WriteZip(ctx context.Context) ([]byte, error) {
	t, err := l.now(ctx)
	if err != nil {
		return nil, err
	}
	if len(t.problems) > 0 {
		t.files = t.builtIn
	}
	var b bytes.Buffer
	err = pack.WriteZip(&b, t.used())
	return b.Bytes(), err
}

// used are the files that the path uses.
func (t *taskPath) used() map[string]string {
	out := map[string]string{}
	for name, text := range t.files {
		if dir, _ := path.Split(name); dir == "" || t.pack.Task(path.Clean(dir)) != nil {
			out[name] = text
		}
	}
	return out
}
