package web

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/hearthbot/hearth/host/chat"
)

// taskPages are the managers' pages below /tasks.
type taskPages struct {
	*signIn
	tasks Tasks
}

// taskID is what a task may be called.
var taskID = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// pathID stands where a task's id does for the files that are of no task.
const pathID = "_path"

// taskPages registers the pages. What is no task's begins with an underscore,
// which no id does.
func (s *Server) taskPages(r chi.Router, in *signIn, tasks Tasks) {
	p := &taskPages{in, tasks}
	get, post := r.With(p.dress, p.only), r.With(p.dress, p.sameSite.Handler, p.only)
	get.Get("/tasks", p.list)
	get.Get("/tasks/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/tasks", http.StatusSeeOther) })
	get.Get("/tasks/_new", p.begin)
	get.Get("/tasks/_pack", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/tasks#pack", http.StatusSeeOther) })
	get.Get("/tasks/_pack.zip", p.download)
	post.Post("/tasks/_pack", p.upload)
	post.Post("/tasks/_pack/apply", p.apply)
	get.Get("/tasks/{id}", p.one)
	post.Post("/tasks/{id}", p.save)
	post.Post("/tasks/{id}/move", p.move)
	post.Post("/tasks/{id}/restore", p.restore)
	for _, form := range []string{"move", "restore"} { // who loads the answer to a form again
		get.Get("/tasks/{id}/"+form, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/tasks/"+chi.URLParam(r, "id"), http.StatusSeeOther)
		})
	}
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
	T     pageTexts
	Title string
	Text  template.HTML
	Hints []hintView
}

type hintView struct {
	Title string
	Text  template.HTML
}

func newTaskView(t *Task, l pageTexts, last int) *taskView {
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
func also(l pageTexts, t map[string]string) string {
	if s := t[l.Other()]; s != l.In(t) {
		return s
	}
	return ""
}

// sides are the languages that the task is written in, the reader's first.
func (v *taskView) sides(reader pageTexts) {
	for _, l := range []pageTexts{reader, pageTexts(reader.Other())} {
		if v.Text[string(l)] == "" {
			continue
		}
		s := sideView{Lang: string(l), T: l, Title: l.In(v.Title), Text: taskText(l.In(v.Text))}
		for i, h := range v.Hints {
			s.Hints = append(s.Hints, hintView{l.Say("one.hint", i+1), taskText(l.In(h))})
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
	Text        []span
}

// mostProblems is how many are shown.
const mostProblems = 60

// newProblems leads to the files that problems are in: on the page of the task
// here within it, where something may have been typed.
func newProblems(l pageTexts, all []TaskProblem, here string) *problemList {
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
		v := problemView{Where: p.Where(), Text: visible(p.Text)}
		if s := l.Say("problem." + p.Code); !strings.HasPrefix(s, "problem.") {
			v.Text = visible(s)
			if strings.Contains(s, "%s") {
				v.Text = visible(l.Say("problem."+p.Code, p.Text))
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
	frame
	Done            string
	Count           int
	Stages          []stageView
	Spare           []*taskView
	Broken          *problemList
	NewID, NewSorry string
}

func (p *taskPages) list(w http.ResponseWriter, r *http.Request) {
	p.showList(w, r, http.StatusOK, &listView{})
}

func (p *taskPages) showList(w http.ResponseWriter, r *http.Request, status int, v *listView) {
	pk, ok := p.pack(w, r)
	if !ok {
		return
	}
	l := p.text(r)
	v.Broken = newProblems(l, pk.Problems, "")
	v.Done = p.done(r)
	for _, s := range pk.Stages {
		v.Count += len(s.Tasks)
	}
	v.Stages = stages(pk, l, v.Count)
	for _, t := range pk.Spare {
		v.Spare = append(v.Spare, newTaskView(t, l, 0))
	}
	p.show(w, r, status, "tasks.list", v)
}

func stages(pk *TaskPack, l pageTexts, count int) []stageView {
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
func (p *taskPages) done(r *http.Request) string {
	key := "done." + r.URL.Query().Get("done")
	if _, ok := pageText[key]; ok {
		return p.text(r).Say(key)
	}
	return ""
}

// pack is the path, or an answer that there is none.
func (p *taskPages) pack(w http.ResponseWriter, r *http.Request) (*TaskPack, bool) {
	pk, err := p.tasks.Pack(r.Context())
	if err != nil {
		p.failed(w, r, "show the tasks", err)
		return nil, false
	}
	return pk, true
}

// failed tells what is nobody's mistake on the page.
func (p *taskPages) failed(w http.ResponseWriter, r *http.Request, doing string, err error) {
	status, key := http.StatusInternalServerError, "error.own"
	switch {
	case errors.Is(err, ErrNoTasks) && len(p.s.o.NotReady()) > 0:
		status, key = http.StatusServiceUnavailable, "error.retry" // it may still come
	case errors.Is(err, ErrNoTasks):
		status, key = http.StatusNotFound, "error.none"
	case errors.Is(err, chat.ErrBusy), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		status, key = http.StatusServiceUnavailable, "error.retry"
	default:
		p.s.log.ErrorContext(r.Context(), "a request failed", "doing", doing, "err", err)
	}
	p.show(w, r, status, "login.told", &loginView{Told: p.text(r).Say(key)})
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
	frame
	ID, Title string
	Task      *taskView // nil if there is none yet
	IsPath    bool
	Done      string
	Sorry     *sorryView
	Broken    bool
	Stages    []stageView
	Files     []fileView
	Choose    bool   // whether it may be put into a stage by saving
	Stage     string // that is chosen
	Restore   string // key of what the button says that takes the community's texts away; "" without
}

// fileView is a file in the form.
type fileView struct {
	Name, Label, Text, Base string
	Rows                    int
	Wide, Own, BuiltIn      bool
}

// begin leads to the form for a task that there is not yet.
func (p *taskPages) begin(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimSpace(r.URL.Query().Get("id"))
	if !taskID.MatchString(id) {
		p.showList(w, r, http.StatusUnprocessableEntity, &listView{NewID: id, NewSorry: p.text(r).Say("new.bad")})
		return
	}
	http.Redirect(w, r, "/tasks/"+id+"?"+query("new", "1", "stage", r.URL.Query().Get("stage")), http.StatusSeeOther)
}

func (p *taskPages) one(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	if pk, ok := p.pack(w, r); ok {
		p.showOne(w, r, http.StatusOK, pk, id, &oneView{Stage: r.URL.Query().Get("stage"), Done: p.done(r)}, nil)
	}
}

// showOne shows a task, with what was typed in the place of what there is.
func (p *taskPages) showOne(w http.ResponseWriter, r *http.Request, status int, pk *TaskPack, id string, v *oneView, typed *edit) {
	l := p.text(r)
	t, isNew := pk.find(id), typed != nil || r.URL.Query().Get("new") != ""
	v.ID, v.IsPath, v.Broken = id, id == pathID, len(pk.Problems) > 0
	if t == nil && !v.IsPath && (!isNew || !taskID.MatchString(id)) {
		p.show(w, r, http.StatusNotFound, "login.told", &loginView{Told: l.Say("error.task")})
		return
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
	p.show(w, r, status, "tasks.one", v)
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
