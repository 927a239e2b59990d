package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web"
)

func pathOf(t *testing.T, own map[string]string) *taskPath {
	t.Helper()
	p, err := newPath(own)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// builtInText is a file of hearth's own pack with a change.
func builtInText(t *testing.T, name, old, new string) string {
	t.Helper()
	files, err := builtInFiles()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(files[name], old) {
		t.Fatalf("%s has no %q", name, old)
	}
	return strings.Replace(files[name], old, new, 1)
}

func TestTaskChange(t *testing.T) {
	mine := builtInText(t, "go-run/task.md", "\n# ", "\n# My ")
	for name, c := range map[string]struct {
		own    map[string]string
		change web.TaskChange
		after  map[string]string // the community's files
		review string            // added, changed, removed, files
		wrong  string            // the first problem
	}{
		"a title": {nil, web.TaskChange{Files: map[string]string{"go-run/task.md": mine}}, map[string]string{"go-run/task.md": mine}, "[] [go-run] [] [go-run/task.md]", ""},
		"as a browser sends it": {nil, web.TaskChange{Files: map[string]string{"go-run/task.md": strings.TrimSpace(strings.ReplaceAll(mine, "\n", "\r\n"))}},
			map[string]string{"go-run/task.md": mine}, "[] [go-run] [] [go-run/task.md]", ""},
		"hearth's own again": {map[string]string{"go-run/task.md": mine}, web.TaskChange{Files: map[string]string{"go-run/task.md": builtInText(t, "go-run/task.md", "", "")}},
			map[string]string{}, "[] [go-run] [] [go-run/task.md]", ""},
		"taken away": {map[string]string{"go-run/task.md": mine}, web.TaskChange{Files: map[string]string{"go-run/task.md": " \r\n"}},
			map[string]string{}, "[] [go-run] [] [go-run/task.md]", ""},
		"nothing": {nil, web.TaskChange{}, map[string]string{}, "[] [] [] []", ""},
		"what is wrong": {nil, web.TaskChange{Files: map[string]string{"go-run/task.md": strings.Replace(mine, "kind: ", "kind: no", 1)}}, nil, "",
			`go-run/task.md:2 format there is no kind "noprogram"; it is program, test or paste`},
		"somebody was faster": {map[string]string{"go-run/task.md": mine},
			web.TaskChange{Files: map[string]string{"go-run/task.md": mine + "!"}, Base: map[string]string{"go-run/task.md": web.TaskDigest("before")}}, nil, "", "go-run/task.md base it was changed"},
		"an order that was another meanwhile": {nil, web.TaskChange{Order: []web.StageOrder{{Stage: "start", Tasks: []string{"go-run"}}},
			Base: map[string]string{"path.txt": web.TaskDigest("before")}}, nil, "", "path.txt base it was changed"},
		"no file of a pack": {nil, web.TaskChange{Files: map[string]string{"../x": "y"}}, nil, "", "../x name"},
		"too large":         {nil, web.TaskChange{Files: map[string]string{"go-run/task.md": strings.Repeat("x", maxTaskFile)}}, nil, "", "go-run/task.md large it has 60 KiB, at most 60"},
	} {
		t.Run(name, func(t *testing.T) {
			after, r, err := pathOf(t, c.own).changed(&c.change)
			if err != nil {
				t.Fatal(err)
			}
			if c.wrong != "" {
				if len(r.Problems) == 0 {
					t.Fatal("nothing is wrong")
				}
				if got := fmt.Sprint(r.Problems[0].Where(), " ", r.Problems[0].Code, " ", r.Problems[0].Text); !strings.HasPrefix(got, c.wrong) {
					t.Errorf("%s, want %s", got, c.wrong)
				}
				return
			}
			if got := fmt.Sprint(r.Added, r.Changed, r.Removed, r.Files); got != c.review || len(r.Problems) > 0 {
				t.Errorf("%s, want %s; %v", got, c.review, r.Problems)
			}
			if !maps.Equal(after.own, c.after) {
				t.Errorf("the community's files are %q", slices.Collect(maps.Keys(after.own)))
			}
		})
	}
}

func TestTaskOrder(t *testing.T) {
	p := pathOf(t, nil)
	var order []web.StageOrder
	for _, s := range p.pack.Stages {
		o := web.StageOrder{Stage: s.ID}
		for _, task := range s.Tasks {
			o.Tasks = append(o.Tasks, task.ID)
		}
		order = append(order, o)
	}
	swap := func() { order[1].Tasks[0], order[1].Tasks[1] = order[1].Tasks[1], order[1].Tasks[0] }
	swap()
	after, r, err := p.changed(&web.TaskChange{Order: order})
	if err != nil || len(r.Problems) > 0 || len(after.own) != 1 || after.pack.Stages[1].Tasks[0].ID != order[1].Tasks[0] {
		t.Fatalf("%v, %+v", err, r)
	}
	swap()
	again, _, err := after.changed(&web.TaskChange{Order: order})
	if err != nil || len(again.own) != 0 {
		t.Errorf("hearth's own order is kept as the community's: %v, %q", err, again.own)
	}
	order[1].Tasks = nil
	if _, r, _ := p.changed(&web.TaskChange{Order: order}); len(r.Problems) == 0 || r.Problems[0].File != "path.txt" {
		t.Errorf("an empty stage: %+v", r.Problems)
	}
	// Out of the path it is spare; its texts are there.
	order[1].Tasks = []string{"receipt"}
	after, r, err = p.changed(&web.TaskChange{Order: order})
	if err != nil || len(r.Problems) > 0 || !slices.Contains(r.Removed, "greet-lines") {
		t.Fatalf("%v, %+v", err, r)
	}
	in := map[string]*web.Task{}
	for _, task := range after.pack.Tasks {
		in[task.ID] = after.task(task)
	}
	spare := after.spare(in)
	if len(spare) != 2 || spare[0].ID != "greet-lines" || spare[0].Number != 0 || spare[0].Title["zh-CN"] == "" || len(spare[0].Solution) == 0 {
		t.Errorf("spare are %+v", spare)
	}
}

// TestWholePack loads a pack of one task, in English, over hearth's own, by
// steps after each of which the path is whole, and goes back.
func TestWholePack(t *testing.T) {
	before := pathOf(t, map[string]string{"go-run/task.md": builtInText(t, "go-run/task.md", "\n# ", "\n# My ")})
	files := map[string]string{"path.txt": "# start\nonly\nfizzbuzz\n", "stages.en.json": `{"start": "Begin"}`,
		"only/task.md": before.builtIn["go-run/task.md"], "only/code.txtar": before.builtIn["go-run/code.txtar"],
		"fizzbuzz/task.md": builtInText(t, "fizzbuzz/task.md", "\n# ", "\n# My "), "fizzbuzz/code.txtar": before.builtIn["fizzbuzz/code.txtar"]}
	after, r, err := before.changed(&web.TaskChange{Files: files, Whole: true})
	if err != nil || len(r.Problems) > 0 {
		t.Fatalf("%v, %+v", err, r.Problems)
	}
	if len(after.pack.Tasks) != 2 || !slices.Equal(r.Added, []string{"only"}) || !slices.Equal(r.Changed, []string{"fizzbuzz"}) || len(r.Removed) != len(before.pack.Tasks)-1 {
		t.Errorf("%d tasks, %+v", len(after.pack.Tasks), r)
	}
	// hearth's Chinese would tell of another task.
	if task := after.pack.Task("fizzbuzz"); task.Title["zh-CN"] != task.Title["en"] {
		t.Errorf("in Chinese it is %q", task.Title["zh-CN"])
	}
	if len(r.Notes) != 2 || r.Notes[0].Code != "english" {
		t.Errorf("noted is %+v", r.Notes)
	}
	walk := func(from, to *taskPath) {
		t.Helper()
		own := maps.Clone(from.own)
		for i, step := range from.steps(to) {
			for _, f := range step {
				if f.Value == "" {
					delete(own, f.Name)
				} else {
					own[f.Name] = f.Value
				}
			}
			if p := pathOf(t, own); len(p.problems) > 0 {
				t.Errorf("after step %d: %v", i+1, p.problems)
			}
		}
		if !maps.Equal(own, to.own) {
			t.Errorf("the steps lead to %q", slices.Collect(maps.Keys(own)))
		}
	}
	walk(before, after)
	walk(after, before)

	// A path as long as hearth's own, all of it changed, does not fit into one event.
	all := map[string]string{}
	for name, text := range before.builtIn {
		all[name] = text + "\n"
	}
	long, r, err := before.changed(&web.TaskChange{Files: all, Whole: true})
	if err != nil || len(r.Problems) > 0 {
		t.Fatalf("%v, %+v", err, r.Problems)
	}
	steps := before.steps(long)
	if len(steps) < 3 {
		t.Errorf("%d steps", len(steps))
	}
	for i, step := range steps {
		size := 0
		for _, f := range step {
			size += len(f.Name) + len(f.Value)
		}
		if len(step) > maxTellFiles || size > maxTellBytes || !slices.IsSortedFunc(step, func(a, b abi.Annotation) int { return strings.Compare(a.Name, b.Name) }) {
			t.Errorf("step %d has %d files of %d bytes", i+1, len(step), size)
		}
	}
	walk(before, long)
}

func TestProblems(t *testing.T) {
	_, err := pack.Load(pack.Overlay{Files: map[string]string{"path.txt": "# start\nHello\n", "stages.en.json": "{"}})
	got := problems(err)
	want := web.TaskProblem{File: "path.txt", Line: 2, Code: "format", Text: `"Hello" is no id; one has up to 40 small letters, digits and hyphens, a letter first`}
	if len(got) == 0 || got[0] != want {
		t.Errorf("%+v, want %+v first", got, want)
	}
	if got := problems(fmt.Errorf("and there is more: put these right first")); got[0].File != "" || got[0].Text != "and there is more: put these right first" {
		t.Errorf("%+v", got)
	}
}
