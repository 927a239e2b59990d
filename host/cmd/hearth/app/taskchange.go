package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/verify"
	"github.com/hearthbot/hearth/host/verify/queue"
	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web"
)

// Bounds of the community's files: what a row holds, and what fits into the
// plugin's image beside its config.
const (
	maxTaskFile  = 60 << 10
	maxTaskFiles = abi.MaxInput - 128<<10
)

// Bounds of one event that changes files, within those of events and effects.
const (
	maxTellFiles = 40
	maxTellBytes = 150 << 10 // a task's three files come together, even if they have a little more
)

// runTime is for all the solutions and starters of one change.
const runTime = 4 * time.Minute

// tellTime is for all the events of one change.
const tellTime = time.Minute

// changed is the path after a change, and what is to be said of it. The files of
// the change that cannot be in a pack are problems.
func (t *taskPath) changed(c *web.TaskChange) (*taskPath, *web.TaskReview, error) {
	r := &web.TaskReview{}
	wrong := func(code, file, text string) {
		r.Problems = append(r.Problems, web.TaskProblem{File: file, Code: code, Text: text})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Base)) {
		if web.TaskDigest(t.files[name]) != c.Base[name] {
			wrong("base", name, "it was changed by somebody else meanwhile; load the page again to see how")
		}
	}
	files := map[string]string{}
	for name, text := range c.Files {
		text = strings.ReplaceAll(text, "\r\n", "\n")
		if strings.TrimSpace(text) == "" {
			text = ""
		} else if !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		files[name] = text
	}
	own := map[string]string{}
	if !c.Whole {
		maps.Copy(own, t.own)
	} else {
		for _, name := range pack.Translated(files, t.builtIn) {
			r.Notes = append(r.Notes, web.TaskProblem{File: name, Code: "english", Text: "the pack has none; the English stands in for it"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch text := files[name]; {
		case !pack.IsFile(name):
			wrong("name", name, "there is no such file in a pack")
		case len(text) > maxTaskFile:
			wrong("large", name, fmt.Sprintf("it has %d KiB, at most %d", len(text)>>10, maxTaskFile>>10))
		case text == "" || text == t.builtIn[name]:
			delete(own, name)
		default:
			own[name] = text
		}
	}
	if c.Order != nil {
		t.reorder(own, c.Order)
	}
	size := 0
	for name, text := range own {
		size += len(name) + len(text)
	}
	if size > maxTaskFiles {
		wrong("large", "", fmt.Sprintf("the community's files have %d KiB together, at most %d", size>>10, maxTaskFiles>>10))
	}
	after, err := newPath(own)
	if err != nil {
		return nil, nil, err
	}
	r.Problems = append(r.Problems, after.problems...)
	if len(after.problems) == 0 {
		t.differences(after, r)
	}
	return after, r, nil
}

// reorder writes an order into path.txt, or takes the community's away if it is
// hearth's own.
func (t *taskPath) reorder(own map[string]string, order []web.StageOrder) {
	var stages []*pack.Stage
	for _, o := range order {
		s := &pack.Stage{ID: o.Stage}
		for _, id := range o.Tasks {
			s.Tasks = append(s.Tasks, &pack.Task{ID: id})
		}
		stages = append(stages, s)
	}
	const name = "path.txt"
	own[name] = pack.PathText(stages)
	if p, err := builtIn(); err == nil && own[name] == pack.PathText(p.Stages) {
		delete(own, name)
	}
}

// differences says what is another in after.
func (t *taskPath) differences(after *taskPath, r *web.TaskReview) {
	before, then := t.used(), after.used()
	names := maps.Clone(before)
	maps.Copy(names, then)
	touched := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if before[name] != then[name] {
			r.Files = append(r.Files, name)
			touched[path.Dir(name)] = true
		}
	}
	for _, task := range after.pack.Tasks {
		switch {
		case t.pack.Task(task.ID) == nil:
			r.Added = append(r.Added, task.ID)
		case touched[task.ID]:
			r.Changed = append(r.Changed, task.ID)
		}
	}
	for _, task := range t.pack.Tasks {
		if after.pack.Task(task.ID) == nil {
			r.Removed = append(r.Removed, task.ID)
		}
	}
}

// Review implements web.Tasks.
func (l *learning) Review(ctx context.Context, c web.TaskChange, run bool) (*web.TaskReview, error) {
	before, err := l.now(ctx)
	if err != nil {
		return nil, err
	}
	after, r, err := before.changed(&c)
	if err != nil || !run {
		return r, err
	}
	return r, l.try(ctx, before, after, r)
}

// Apply implements web.Tasks.
func (l *learning) Apply(ctx context.Context, c web.TaskChange, by audit.Who) (*web.TaskReview, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, err := l.now(ctx)
	if err != nil {
		return nil, err
	}
	after, r, err := before.changed(&c)
	if err == nil {
		err = l.try(ctx, before, after, r)
	}
	if err != nil || len(r.Problems) > 0 {
		return r, err
	}
	// Who asked may go away: what is begun is brought to its end all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTime)
	defer cancel()
	files := 0
	for i, props := range before.steps(after) {
		if err := l.engine.Tell(ctx, "tasks-"+rand.Text(), "pack", props); err != nil {
			return nil, fmt.Errorf("change the learning path, step %d: %w", i+1, err)
		}
		files += len(props)
		for _, p := range props { // the plugin commits the files: their record comes beside them
			e := audit.Entry{Who: by, Did: "task.set", On: "task/" + p.Name, Before: before.own[p.Name], After: p.Value}
			if err := l.audit.Add(ctx, e); err != nil {
				l.log.Error("a changed task is not on record", "file", p.Name, "by", by.Name, "err", err)
			}
		}
	}
	if files > 0 {
		l.log.Info("the learning path was changed", "by", by.Name, "files", files, "whole_pack", c.Whole, "added", r.Added, "changed", r.Changed,
			"removed", r.Removed, "what", r.Files)
	}
	if _, err := l.now(ctx); err != nil { // and with that the new image is live
		return nil, err
	}
	r.Applied = true
	return r, nil
}

// steps are the events that lead from t to after. After each of them the path
// is whole: what a task needs comes before it, and goes after it, and its files
// change together.
func (t *taskPath) steps(after *taskPath) (out [][]abi.Annotation) {
	groups := map[string][]abi.Annotation{}
	all := maps.Clone(t.own)
	maps.Copy(all, after.own)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text, there := after.own[name]
		if old, was := t.own[name]; was == there && old == text {
			continue
		}
		groups[path.Dir(name)] = append(groups[path.Dir(name)], abi.Annotation{Name: name, Value: text})
	}
	// First the tasks of the new path, then the path, then what it leaves.
	rank := func(dir string) int {
		switch {
		case dir == ".":
			return 1
		case after.pack.Task(dir) != nil:
			return 0
		}
		return 2
	}
	dirs := slices.SortedFunc(maps.Keys(groups), func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var step []abi.Annotation
	size := 0
	for _, dir := range dirs {
		n := 0
		for _, a := range groups[dir] {
			n += len(a.Name) + len(a.Value)
		}
		if len(step) > 0 && (len(step)+len(groups[dir]) > maxTellFiles || size+n > maxTellBytes) {
			out, step, size = append(out, step), nil, 0
		}
		step, size = append(step, groups[dir]...), size+n
	}
	if len(step) > 0 {
		out = append(out, step)
	}
	for _, step := range out {
		slices.SortFunc(step, func(a, b abi.Annotation) int { return strings.Compare(a.Name, b.Name) })
	}
	return out
}

// try runs the solutions and starters of the tasks that would be checked in
// another way than before. While nothing can be run, that is noted.
func (l *learning) try(ctx context.Context, before, after *taskPath, r *web.TaskReview) error {
	if len(r.Problems) > 0 {
		return nil // they are to be put right first
	}
	var list []*pack.Task
	for _, task := range after.pack.Tasks {
		if task.Kind != pack.Paste && !sameCheck(before.pack.Task(task.ID), task) {
			list = append(list, task)
		}
	}
	if len(list) == 0 {
		return nil
	}
	if l.verifier == nil || !l.verifier.Status().Ready {
		r.Notes = append(r.Notes, web.TaskProblem{Code: "unready", Text: "the compiler is not ready, so no solution was run"})
		return nil
	}
	run, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	for _, task := range list {
		name := task.ID + "/code.txtar"
		for _, which := range []string{"solution", "starter"} {
			accepted, why, err := l.accepted(run, task, which)
			switch {
			case err != nil && run.Err() != nil && ctx.Err() == nil:
				r.Problems = append(r.Problems, web.TaskProblem{File: name, Code: "late", Text: "there was no time to run it; change fewer tasks at once"})
				return nil
			case err != nil:
				return fmt.Errorf("run the %s of the task %s: %w", which, task.ID, err)
			case which == "solution" && !accepted:
				r.Problems = append(r.Problems, web.TaskProblem{File: name, Line: lineOf(after.files[name], which+"/"), Code: which, Text: why})
			case which == "starter" && accepted:
				r.Problems = append(r.Problems, web.TaskProblem{File: name, Line: lineOf(after.files[name], which+"/"), Code: which,
					Text: "it is accepted as it stands, so there would be nothing to do"})
			}
		}
	}
	return nil
}

// sameCheck says whether answers to both are judged alike.
func sameCheck(a, b *pack.Task) bool {
	return a != nil && a.Kind == b.Kind && a.Want == b.Want && a.Stdin == b.Stdin && slices.Equal(a.Starter, b.Starter) &&
		slices.Equal(a.Solution, b.Solution) && slices.Equal(a.Tests, b.Tests)
}

// accepted runs a task's solution or starter as a member's answer, and says why
// it is not accepted.
func (l *learning) accepted(ctx context.Context, task *pack.Task, which string) (ok bool, why string, err error) {
	files := task.Solution
	if which == "starter" {
		files = task.Starter
	}
	s := verify.Submission{Stdin: task.Stdin, Want: task.Want, By: queue.Who{Source: "tasks"}}
	for _, f := range files {
		s.Files = append(s.Files, source.File(f))
	}
	for _, f := range task.Tests {
		s.Tests = append(s.Tests, source.File(f))
	}
	r, err := l.submit(ctx, s)
	if err != nil {
		return false, "", err
	}
	if r.Verdict == verify.Accepted {
		return true, "", nil
	}
	return false, reason(&r), nil
}

// reason says in a line why a result is not accepted: the verdict, and the first
// thing that was found.
func reason(r *verify.Result) string {
	why := string(r.Verdict)
	if i := slices.IndexFunc(r.Tests, func(t verify.Test) bool { return !t.Passed }); i >= 0 {
		return why + "; " + r.Tests[i].Name + ": " + source.Cut(strings.Join(strings.Fields(r.Tests[i].Output), " "), 300)
	}
	if len(r.Diagnostics) > 0 {
		d := r.Diagnostics[0]
		if why += "; "; d.Line > 0 {
			why += fmt.Sprintf("%s:%d: ", d.File, d.Line)
		}
		why += source.Cut(d.Message, 300)
	}
	return why
}

// submit waits for its turn as long as ctx does.
func (l *learning) submit(ctx context.Context, s verify.Submission) (verify.Result, error) {
	for {
		r, err := l.verifier.Submit(ctx, s, "en")
		if !errors.Is(err, verify.ErrFull) {
			return r, err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
}

// lineOf is the line of the first file in an archive whose name begins with
// prefix; 0 if there is none.
func lineOf(text, prefix string) int {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if strings.HasPrefix(line, "-- "+prefix) {
			return n
		}
	}
	return 0
}
