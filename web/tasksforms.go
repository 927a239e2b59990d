package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// maxTaskForm is more than three files of 60 KiB can have, every character
// escaped.
const maxTaskForm = 640 << 10

// applyTime is how long a change may take: its solutions are run.
const applyTime = 5 * time.Minute

// edit is what was typed into the form of a task: texts by their files, and what
// the texts were that it began with.
type edit struct {
	files, base map[string]string
	stage       string
}

// form reads a form, or answers that it cannot be read.
func (p *taskPages) form(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxTaskForm)
	if err := r.ParseForm(); err != nil {
		p.show(w, r, http.StatusBadRequest, "login.told", &loginView{Told: p.text(r).Say("error.form")})
		return false
	}
	patience(w, applyTime)
	return true
}

// save checks and saves the texts of a task. What cannot be saved is shown again
// as it was typed, with what is wrong.
func (p *taskPages) save(w http.ResponseWriter, r *http.Request) {
	if !p.form(w, r) {
		return
	}
	id := chi.URLParam(r, "id")
	e := &edit{files: map[string]string{}, base: map[string]string{}, stage: r.PostForm.Get("stage")}
	names, texts, bases := r.PostForm["name"], r.PostForm["text"], r.PostForm["base"]
	known := filesOf(id)
	if len(names) != len(texts) || len(names) != len(bases) || id != pathID && !taskID.MatchString(id) ||
		slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(known, n) }) {
		p.show(w, r, http.StatusBadRequest, "login.told", &loginView{Told: p.text(r).Say("error.form")})
		return
	}
	c := TaskChange{Files: map[string]string{}, Base: map[string]string{}}
	for i, name := range names {
		e.files[name], e.base[name] = strings.ReplaceAll(texts[i], "\r\n", "\n"), bases[i]
		if TaskDigest(e.files[name]) != bases[i] { // else it was not touched
			c.Files[name], c.Base[name] = e.files[name], bases[i]
		}
	}
	pk, ok := p.pack(w, r)
	if !ok {
		return
	}
	if t := pk.find(id); e.stage != "" && (t == nil || t.Number == 0) {
		c.Order = moved(pk, id, "stage:"+e.stage)
	}
	review, err := p.applied(r, c)
	if err != nil {
		p.failed(w, r, "save a task", err)
		return
	}
	if !review.Applied {
		l := p.text(r)
		p.showOne(w, r, http.StatusUnprocessableEntity, pk, id,
			&oneView{Stage: e.stage, Sorry: &sorryView{l.Say("problems.save"), newProblems(l, review.Problems, id)}}, e)
		return
	}
	done := outcome(review, "saved")
	if len(c.Files) == 0 && c.Order == nil {
		done = "same"
	}
	http.Redirect(w, r, "/tasks/"+id+"?"+query("done", done), http.StatusSeeOther)
}

// applied has a change made, by who is signed in.
func (p *taskPages) applied(r *http.Request, c TaskChange) (*TaskReview, error) {
	ctx, cancel := context.WithTimeout(r.Context(), applyTime)
	defer cancel()
	return p.tasks.Apply(ctx, c, signedIn(r).name)
}

// outcome is key, unless what was done was not tried out.
func outcome(review *TaskReview, key string) string {
	if slices.ContainsFunc(review.Notes, func(n TaskProblem) bool { return n.Code == "unready" }) {
		return "unready"
	}
	return key
}

// move changes where a task stands.
func (p *taskPages) move(w http.ResponseWriter, r *http.Request) {
	if !p.form(w, r) {
		return
	}
	id, to := chi.URLParam(r, "id"), r.PostForm.Get("to")
	pk, ok := p.pack(w, r)
	if !ok {
		return
	}
	t := pk.find(id)
	order := moved(pk, id, to)
	if t == nil || order == nil {
		p.show(w, r, http.StatusNotFound, "login.told", &loginView{Told: p.text(r).Say("error.task")})
		return
	}
	done := "moved"
	switch {
	case to == "out":
		done = "out"
	case t.Number == 0:
		done = "in"
	}
	back := "/tasks/" + id + "?" + query("done", done)
	if r.PostForm.Get("from") == "list" {
		back = "/tasks?" + query("done", done) + "#" + id
	}
	p.change(w, r, pk, id, TaskChange{Order: order}, back)
}

// restore takes the community's texts of a task away.
func (p *taskPages) restore(w http.ResponseWriter, r *http.Request) {
	if !p.form(w, r) {
		return
	}
	id := chi.URLParam(r, "id")
	pk, ok := p.pack(w, r)
	if !ok {
		return
	}
	c := TaskChange{Files: map[string]string{}}
	builtIn := false
	for _, name := range filesOf(id) {
		if f := pk.Files[name]; f.Own {
			c.Files[name] = ""
		}
		builtIn = builtIn || pk.Files[name].BuiltIn
	}
	back := "/tasks/" + id + "?" + query("done", "restored")
	if !builtIn {
		back = "/tasks?" + query("done", "deleted")
	}
	p.change(w, r, pk, id, c, back)
}

// change makes a change and goes on to back, or says on the task's page what is
// wrong with it.
func (p *taskPages) change(w http.ResponseWriter, r *http.Request, pk *TaskPack, id string, c TaskChange, back string) {
	review, err := p.applied(r, c)
	if err != nil {
		p.failed(w, r, "change the tasks", err)
		return
	}
	if !review.Applied {
		l := p.text(r)
		p.showOne(w, r, http.StatusUnprocessableEntity, pk, id,
			&oneView{Sorry: &sorryView{l.Say("problems.load"), newProblems(l, review.Problems, id)}}, nil)
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// moved is the order of the path with a task moved: "up" or "down" by one, over
// the ends of stages too; "out" of the path; "stage:ID" to the end of a stage. It
// is nil if that makes no sense.
func moved(pk *TaskPack, id, to string) []StageOrder {
	var order []StageOrder
	in, at := -1, -1 // the stage, and the place in it
	for _, s := range pk.Stages {
		o := StageOrder{Stage: s.ID}
		for _, t := range s.Tasks {
			if t.ID == id {
				in, at = len(order), len(o.Tasks)
			}
			o.Tasks = append(o.Tasks, t.ID)
		}
		order = append(order, o)
	}
	take := func() {
		if in >= 0 {
			order[in].Tasks = slices.Delete(order[in].Tasks, at, at+1)
		}
	}
	stage, toStage := strings.CutPrefix(to, "stage:")
	switch {
	case toStage:
		i := slices.IndexFunc(order, func(o StageOrder) bool { return o.Stage == stage })
		if i < 0 {
			return nil
		}
		take()
		order[i].Tasks = append(order[i].Tasks, id)
	case in < 0:
		return nil
	case to == "out":
		take()
	case to == "up" && at > 0:
		order[in].Tasks[at-1], order[in].Tasks[at] = id, order[in].Tasks[at-1]
	case to == "up" && in > 0:
		take()
		order[in-1].Tasks = append(order[in-1].Tasks, id)
	case to == "down" && at < len(order[in].Tasks)-1:
		order[in].Tasks[at+1], order[in].Tasks[at] = id, order[in].Tasks[at+1]
	case to == "down" && in < len(order)-1:
		take()
		order[in+1].Tasks = slices.Insert(order[in+1].Tasks, 0, id)
	default:
		return nil
	}
	return order
}
