package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

// taskView is a task as pages and the API see it.
type taskView struct {
	ID      string `json:"id"`
	Number  int    `json:"number"`
	Stage   string `json:"stage"`
	Kind    string `json:"kind"`
	Minutes int    `json:"minutes"`
	Tool    string `json:"tool,omitempty"`
	Title   string `json:"title"`
	Started *int64 `json:"started,omitempty"` // members; of a path with more tasks than a view may count, not there
	Passed  *int64 `json:"passed,omitempty"`
}

// viewTasks lists the path, in the viewer's language: what the pages and
// `hearth verify --task` choose from.
func viewTasks(v *sdk.View[Config]) error {
	type stageView struct {
		ID    string     `json:"id"`
		Title string     `json:"title"`
		Tasks []taskView `json:"tasks"`
	}
	stages := []stageView{}
	for _, s := range learning.Stages {
		sv := stageView{ID: s.ID, Title: s.Title.In(v.Locale())}
		for _, t := range s.Tasks {
			tv := taskView{ID: t.ID, Number: t.Number, Stage: t.Stage, Kind: string(t.Kind), Minutes: t.Minutes, Tool: t.Tool, Title: t.Title.In(v.Locale())}
			if 2*len(learning.Tasks) <= abi.MaxReads {
				began, done := started(t.ID).Get(v), passed(t.ID).Get(v)
				tv.Started, tv.Passed = &began, &done
			}
			sv.Tasks = append(sv.Tasks, tv)
		}
		stages = append(stages, sv)
	}
	return v.JSON(struct {
		Stages  []stageView `json:"stages"`
		Own     []string    `json:"own,omitempty"`     // the community's files
		Problem string      `json:"problem,omitempty"` // why they do not count
	}{stages, slices.Sorted(maps.Keys(own)), problem})
}

// viewTests is everything by which an answer to a task is checked: for the host,
// which gives it to nobody who is learning.
func viewTests(v *sdk.View[Config]) error {
	if v.Role() != "manager" && v.Role() != "admin" {
		v.Status(403)
		return v.JSON(map[string]string{"error": "hidden tests are for managers"})
	}
	t := learning.Task(v.Param("id"))
	if t == nil {
		v.Status(404)
		return v.JSON(map[string]string{"error": "there is no such task"})
	}
	return v.JSON(struct {
		ID       string      `json:"id"`
		Kind     pack.Kind   `json:"kind"`
		Title    string      `json:"title"`
		Files    []pack.File `json:"files"` // the starter's, for what an answer leaves out
		Tests    []pack.File `json:"tests,omitempty"`
		Stdin    string      `json:"stdin,omitempty"`
		Want     string      `json:"want,omitempty"`
		Solution []pack.File `json:"solution"`
	}{t.ID, t.Kind, t.Title.In(v.Locale()), t.Starter, t.Tests, t.Stdin, t.Want, t.Solution})
}

// member is the progress that a view is about.
func member(v *sdk.View[Config]) (p progress) {
	if id := v.Param("member"); id != "" {
		p = path.Of(id).Get(v)
	}
	return p
}

// viewProgress is how far a member is.
func viewProgress(v *sdk.View[Config]) error {
	p := member(v)
	type step struct {
		ID    string `json:"id"`
		Title string `json:"title"`
		Stage string `json:"stage"`
		State state  `json:"state"`
		At    string `json:"at,omitempty"`
	}
	var steps []step
	for _, t := range learning.Tasks {
		s := step{ID: t.ID, Title: t.Title.In(v.Locale()), Stage: t.Stage, State: p.state(t)}
		if at := p.Done[t.ID]; !at.IsZero() {
			s.At = at.Format("2006-01-02T15:04:05Z07:00")
		}
		steps = append(steps, s)
	}
	return v.JSON(struct {
		Done  int    `json:"done"`
		Total int    `json:"total"`
		Badge bool   `json:"badge"`
		Task  string `json:"task,omitempty"`
		Tries int    `json:"tries,omitempty"`
		Pace  string `json:"pace,omitempty"`
		Steps []step `json:"steps"`
	}{p.count(learning.Tasks), len(learning.Tasks), p.done(learning.Start()), p.Task, p.Tries, p.Pace, steps})
}

// viewMember is what the plugin knows of a member, in a few words.
func viewMember(v *sdk.View[Config]) error {
	p := member(v)
	if p.Began.IsZero() {
		v.Markdown(v.T("member.none"))
		return nil
	}
	text := "- " + v.T("path.done", p.count(learning.Tasks), len(learning.Tasks))
	if t := p.current(); t != nil {
		text += "\n- " + v.T("member.at", t.Title.In(v.Locale()), p.Tries)
	}
	if p.done(learning.Start()) {
		text += "\n- " + v.T("member.badge")
	}
	v.Markdown(text)
	return nil
}

// viewGraph is a member's path as a picture.
func viewGraph(v *sdk.View[Config]) error {
	p := member(v)
	title := v.T("graph")
	desc := v.T("path.done", p.count(learning.Tasks), len(learning.Tasks))
	return v.JSON(struct {
		SVG string `json:"svg"`
	}{graph(&p, v.Locale(), string(title), string(desc))})
}

// viewProblems says what would be wrong with the pack if the files of the
// parameter lay over it, a JSON object from path to text; nothing, if it is
// good.
func viewProblems(v *sdk.View[Config]) error {
	over := maps.Clone(own)
	if s := v.Param("files"); s != "" {
		var more map[string]string
		if err := json.Unmarshal([]byte(s), &more); err != nil {
			v.Status(400)
			return v.JSON(map[string]string{"error": "files is no JSON object from path to text"})
		}
		maps.Copy(over, more)
		maps.DeleteFunc(over, func(_, text string) bool { return text == "" })
	}
	problems := []string{}
	if _, err := pack.Load(pack.Overlay{FS: builtin, Files: over}); err != nil {
		problems = strings.Split(err.Error(), "\n")
	}
	return v.JSON(map[string][]string{"problems": problems})
}

// maxOwnPage is how many bytes of files are handed out at once; base64, and with
// their names, they are within what a view may have.
const maxOwnPage = 120 << 10

// viewOwn hands out the community's own files, a page at a time: those behind
// the one of the parameter after. The texts are base64, so that their size is
// known. For the host.
func viewOwn(v *sdk.View[Config]) error {
	if v.Role() != "manager" && v.Role() != "admin" {
		v.Status(403)
		return v.JSON(map[string]string{"error": "the community's files are for managers"})
	}
	page, size, more := map[string][]byte{}, 0, false
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if name <= v.Param("after") {
			continue
		}
		if size += len(own[name]); size > maxOwnPage && len(page) > 0 {
			more = true
			break
		}
		page[name] = []byte(own[name])
	}
	return v.JSON(struct {
		Files map[string][]byte `json:"files"`
		More  bool              `json:"more,omitempty"`
	}{page, more})
}
