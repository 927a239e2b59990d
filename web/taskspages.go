package web

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web/page"
)

// taskPages are the managers' pages below /tasks.
type taskPages struct {
	*page.Set
	s       *Server
	tasks   Tasks
	uploads uploads
}

// taskID is what a task may be called.
var taskID = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// pathID stands where a task's id does for the files that are of no task.
const pathID = "_path"

//go:embed tasks
var tasksFiles embed.FS

// taskPages registers the pages. What is no task's begins with an underscore,
// which no id does.
func (s *Server) taskPages(f *page.Frame, tasks Tasks) error {
	set, err := f.NewSet(tasksFiles, tasksWords, "tasks/*.html")
	if err != nil {
		return fmt.Errorf("web: the pages below /tasks: %w", err)
	}
	p := &taskPages{Set: set, s: s, tasks: tasks}
	set.Menu(page.Item{Path: "/tasks", Key: "tasks", Need: access.Viewer})
	to := func(where func(r *page.Request) string) page.Handler {
		return func(w http.ResponseWriter, r *page.Request) error {
			http.Redirect(w, r.Request, where(r), http.StatusSeeOther)
			return nil
		}
	}
	f.Get("/tasks", access.Viewer, p.list)
	f.Get("/tasks/", access.Viewer, to(func(*page.Request) string { return "/tasks" }))
	f.Get("/tasks/_new", access.Manager, p.begin)
	f.Get("/tasks/_pack", access.Manager, to(func(*page.Request) string { return "/tasks#pack" }))
	f.Get("/tasks/_pack.zip", access.Viewer, p.download)
	f.Post("/tasks/_pack", access.Manager, p.upload)
	f.Post("/tasks/_pack/apply", access.Manager, p.apply)
	f.Get("/tasks/{id}", access.Viewer, p.one)
	f.Post("/tasks/{id}", access.Manager, p.save)
	f.Post("/tasks/{id}/move", access.Manager, p.move)
	f.Post("/tasks/{id}/restore", access.Manager, p.restore)
	for _, form := range []string{"move", "restore"} { // who loads the answer to a form again
		f.Get("/tasks/{id}/"+form, access.Viewer, to(func(r *page.Request) string { return "/tasks/" + r.PathValue("id") }))
	}
	return nil
}

// rateView is how many of those who began a task passed it.
type rateView struct{ Started, Passed, Percent int64 }

// passRate is nil if nobody began the task, or nobody knows: what cannot be known is
// blank, not 0.
func passRate(t *Task) *rateView {
	if t.Started == nil || t.Passed == nil || *t.Started <= 0 {
		return nil
	}
	// Who was shown the task by a button and solved it at once may be counted as
	// passed before as started.
	return &rateView{*t.Started, *t.Passed, min(100, *t.Passed*100 / *t.Started)}
}

// taskView is a task as the pages show it.
type taskView struct {
	*Task
	Also       string // the title in the other language; "" if it is the same
	StageTitle string
	From       string // builtin, own or both: whose it is
	KindKey    string
	Rate       *rateView
	Up, Down   bool // whether it can be moved
	Sides      []sideView
}

// sideView is a task in one language, as a member sees it.
type sideView struct {
	Lang  string
	T     page.Texts
	Title string
	Text  template.HTML
	Hints []hintView
}

type hintView struct {
	Title string
	Text  template.HTML
}

func newTaskView(t *Task, l page.Texts, last int) *taskView {
	v := &taskView{Task: t, Also: also(l, t.Title), Rate: passRate(t), KindKey: "kind." + t.Kind, From: "builtin",
		Up: t.Number > 1, Down: t.Number > 0 && t.Number < last}
	switch {
	case t.Own && t.BuiltIn:
		v.From = "both"
	case t.Own:
		v.From = "own"
	}
	return v
}

// also is a text in the language that is not l, if it is another.
func also(l page.Texts, t map[string]string) string {
	if s := t[l.Other()]; s != l.In(t) {
		return s
	}
	return ""
}

// sides are the languages that the task is written in, the reader's first.
func (v *taskView) sides(reader page.Texts) {
	for _, l := range []page.Texts{reader, reader.Flip()} {
		if v.Text[l.String()] == "" {
			continue
		}
		s := sideView{Lang: l.String(), T: l, Title: l.In(v.Title), Text: page.Markdown(l.In(v.Text))}
		for i, h := range v.Hints {
			s.Hints = append(s.Hints, hintView{l.Say("one.hint", i+1), page.Markdown(l.In(h))})
		}
		v.Sides = append(v.Sides, s)
	}
}

// stageView is a stage as the list shows it.
type stageView struct {
	ID    string
	Title map[string]string
	Also  string
	Tasks []*taskView
}

// problemList is what is wrong, as the pages show it.
type problemList struct {
	List []problemView
	More string
}

type problemView struct {
	Where, Link string
	Text        []page.Span
}

// mostProblems is how many are shown.
const mostProblems = 60

// newProblems leads to the files that problems are in: on the page of the task
// here within it, where something may have been typed.
func newProblems(l page.Texts, all []TaskProblem, here string) *problemList {
	if len(all) == 0 {
		return nil
	}
	out := &problemList{}
	for i := range all {
		p := &all[i]
		if len(out.List) == mostProblems {
			out.More = l.Say("pack.more", len(all)-i)
			break
		}
		v := problemView{Where: p.Where(), Text: page.Visible(p.Text)}
		if s := l.Say("problem." + p.Code); !strings.HasPrefix(s, "problem.") {
			v.Text = page.Visible(s)
			if strings.Contains(s, "%s") {
				v.Text = page.Visible(l.Say("problem."+p.Code, p.Text))
			}
		}
		if dir := path.Dir(p.File); p.File != "" && p.Code != "name" && p.Code != "ignored" {
			if dir == "." {
				dir = pathID
			}
			if v.Link = "#" + p.File; dir != here {
				v.Link = "/tasks/" + dir + v.Link
			}
		}
		out.List = append(out.List, v)
	}
	return out
}

// listView is the page /tasks.
type listView struct {
	page.Head
	Done            string
	Count           int
	Stages          []stageView
	Spare           []*taskView
	Broken          *problemList
	NewID, NewSorry string
}

func (p *taskPages) list(w http.ResponseWriter, r *page.Request) error {
	return p.showList(w, r, http.StatusOK, &listView{})
}

func (p *taskPages) showList(w http.ResponseWriter, r *page.Request, status int, v *listView) error {
	pk, err := p.tasks.Pack(r.Context())
	if err != nil {
		return p.failed(err)
	}
	l := p.Texts(r)
	v.Title = l.Say("tasks")
	v.Broken = newProblems(l, pk.Problems, "")
	v.Done = p.done(r)
	for _, s := range pk.Stages {
		v.Count += len(s.Tasks)
	}
	v.Stages = stages(pk, l, v.Count)
	for _, t := range pk.Spare {
		v.Spare = append(v.Spare, newTaskView(t, l, 0))
	}
	return p.Show(w, r, status, "tasks.list", v)
}

func stages(pk *TaskPack, l page.Texts, count int) []stageView {
	var out []stageView
	for _, s := range pk.Stages {
		sv := stageView{ID: s.ID, Title: s.Title, Also: also(l, s.Title)}
		for _, t := range s.Tasks {
			sv.Tasks = append(sv.Tasks, newTaskView(t, l, count))
		}
		out = append(out, sv)
	}
	return out
}

// done is what the last form did, which has led here.
func (p *taskPages) done(r *page.Request) string {
	key := "done." + r.URL.Query().Get("done")
	if l := p.Texts(r); l.Has(key) {
		return l.Say(key)
	}
	return ""
}

// failed is what is told of an error that is nobody's mistake on the page.
func (p *taskPages) failed(err error) error {
	switch {
	case errors.Is(err, ErrNoTasks) && len(p.s.o.NotReady()) > 0:
		return page.Sorry(http.StatusServiceUnavailable, "error.retry") // it may still come
	case errors.Is(err, ErrNoTasks):
		return p.Sorry(http.StatusNotFound, "/", "error.none")
	}
	return fmt.Errorf("the tasks: %w", err)
}

// find is a task of the path or beside it, nil if there is none.
func (pk *TaskPack) find(id string) *Task {
	for _, s := range pk.Stages {
		for _, t := range s.Tasks {
			if t.ID == id {
				return t
			}
		}
	}
	if i := slices.IndexFunc(pk.Spare, func(t *Task) bool { return t.ID == id }); i >= 0 {
		return pk.Spare[i]
	}
	return nil
}

// sorryView says why something was not done.
type sorryView struct {
	Title    string
	Problems *problemList
}

// oneView is the page of one task, or of the files that are of none.
type oneView struct {
	page.Head
	ID      string
	Task    *taskView // nil if there is none yet
	IsPath  bool
	Done    string
	Sorry   *sorryView
	Broken  bool
	Stages  []stageView
	Files   []fileView
	Choose  bool   // whether it may be put into a stage by saving
	Stage   string // that is chosen
	Restore string // key of what the button says that takes the community's texts away; "" without
}

// fileView is a file in the form.
type fileView struct {
	Name, Label, Text, Base string
	Rows                    int
	Wide, Own, BuiltIn      bool
}

// begin leads to the form for a task that there is not yet.
func (p *taskPages) begin(w http.ResponseWriter, r *page.Request) error {
	id := strings.TrimSpace(r.URL.Query().Get("id"))
	if !taskID.MatchString(id) {
		return p.showList(w, r, http.StatusUnprocessableEntity, &listView{NewID: id, NewSorry: p.Texts(r).Say("new.bad")})
	}
	http.Redirect(w, r.Request, "/tasks/"+id+"?"+page.Query("new", "1", "stage", r.URL.Query().Get("stage")), http.StatusSeeOther)
	return nil
}

func (p *taskPages) one(w http.ResponseWriter, r *page.Request) error {
	id := r.PathValue("id")
	pk, err := p.tasks.Pack(r.Context())
	if err != nil {
		return p.failed(err)
	}
	return p.showOne(w, r, http.StatusOK, pk, id, &oneView{Stage: r.URL.Query().Get("stage"), Done: p.done(r)}, nil)
}

// showOne shows a task, with what was typed in the place of what there is.
func (p *taskPages) showOne(w http.ResponseWriter, r *page.Request, status int, pk *TaskPack, id string, v *oneView, typed *edit) error {
	l := p.Texts(r)
	t, isNew := pk.find(id), typed != nil || r.URL.Query().Get("new") != ""
	v.ID, v.IsPath, v.Broken = id, id == pathID, len(pk.Problems) > 0
	if t == nil && !v.IsPath && (!isNew || !taskID.MatchString(id)) {
		return p.Sorry(http.StatusNotFound, "/tasks", "error.task")
	}
	count := 0
	for _, s := range pk.Stages {
		count += len(s.Tasks)
	}
	v.Stages, v.Title = stages(pk, l, count), id
	switch {
	case v.IsPath:
		v.Title = l.Say("stages")
	case t != nil:
		if s := l.In(t.Title); s != "" {
			v.Title = s
		}
		v.Task = newTaskView(t, l, count)
		v.Task.sides(l)
		for _, s := range v.Stages {
			if s.ID == t.Stage {
				v.Task.StageTitle = l.In(s.Title)
			}
		}
		if r.URL.Query().Get("new") != "" {
			v.Done = l.Say("new.there")
		}
	}
	v.Choose = !v.IsPath && !v.Broken && (t == nil || t.Number == 0)
	own, builtIn := false, false
	for _, name := range filesOf(id) {
		f := pk.Files[name]
		own, builtIn = own || f.Own, builtIn || f.BuiltIn
		fv := fileView{Name: name, Label: fileLabel(name), Text: f.Text, Base: TaskDigest(f.Text), Own: f.Own, BuiltIn: f.BuiltIn,
			Wide: strings.HasSuffix(name, ".txtar") || name == "path.txt"}
		if t == nil && !v.IsPath && f.Text == "" {
			fv.Text = taskTemplates[path.Base(name)]
		}
		if typed != nil {
			if text, ok := typed.files[name]; ok {
				fv.Text, fv.Base = text, typed.base[name]
			}
		}
		fv.Rows = min(36, max(8, strings.Count(fv.Text, "\n")+2))
		v.Files = append(v.Files, fv)
	}
	switch {
	case own && builtIn:
		v.Restore = "one.restore"
	case own && t != nil && t.Number == 0:
		v.Restore = "one.delete"
	}
	return p.Show(w, r, status, "tasks.one", v)
}

// filesOf are the files that the page of an id edits.
func filesOf(id string) []string {
	if id == pathID {
		return []string{"stages.en.json", "stages.zh-CN.json", "path.txt"}
	}
	return []string{id + "/task.md", id + "/task.zh-CN.md", id + "/code.txtar"}
}

func fileLabel(name string) string {
	switch path.Base(name) {
	case "task.md":
		return "file.task.md"
	case "task.zh-CN.md":
		return "file.task.zh-CN"
	case "path.txt":
		return "file.path"
	case "stages.en.json":
		return "file.stages"
	case "stages.zh-CN.json":
		return "file.stages.zh-CN"
	}
	return "file.code"
}

// taskTemplates are what a new task begins with: it says what belongs where.
var taskTemplates = map[string]string{
	"task.md": "---\nkind: program\nminutes: 5\ntool: go run\n---\n# Title\n\nWhat to do. Code stands in `backquotes`.\n\n" +
		"## Hint 1\n\nA question that leads on.\n\n## Hint 2\n\nWhere to look.\n\n## Hint 3\n\nNearly the answer.\n",
	"task.zh-CN.md": "# 标题\n\n要做什么。代码写在 `反引号` 里。\n\n## 提示 1\n\n引导思考的问题。\n\n## 提示 2\n\n去哪里看。\n\n## 提示 3\n\n几乎就是答案。\n",
	"code.txtar": "-- starter/main.go --\npackage main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(\"Hello\")\n}\n" +
		"-- solution/main.go --\npackage main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(\"Hello, gophers!\")\n}\n-- want --\nHello, gophers!\n",
}
