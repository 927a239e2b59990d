package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/web/page"
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

// form reads a form, and lets the answer take its time.
func (p *taskPages) form(w http.ResponseWriter, r *page.Request) (url.Values, error) {
	r.Patience(w, applyTime)
	return r.Fields(w, maxTaskForm)
}

// save checks and saves the texts of a task. What cannot be saved is shown again
// as it was typed, with what is wrong.
func (p *taskPages) save(w http.ResponseWriter, r *page.Request) error {
	form, err := p.form(w, r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	e := &edit{files: map[string]string{}, base: map[string]string{}, stage: form.Get("stage")}
	names, texts, bases := form["name"], form["text"], form["base"]
	known := filesOf(id)
	if len(names) != len(texts) || len(names) != len(bases) || id != pathID && !taskID.MatchString(id) ||
		slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(known, n) }) {
		return page.Sorry(http.StatusBadRequest, "error.form")
	}
	c := TaskChange{Files: map[string]string{}, Base: map[string]string{}}
	for i, name := range names {
		e.files[name], e.base[name] = strings.ReplaceAll(texts[i], "\r\n", "\n"), bases[i]
		if TaskDigest(e.files[name]) != bases[i] { // else it was not touched
			c.Files[name], c.Base[name] = e.files[name], bases[i]
		}
	}
	pk, err := p.tasks.Pack(r.Context())
	if err != nil {
		return p.failed(err)
	}
	if t := pk.find(id); e.stage != "" && (t == nil || t.Number == 0) {
		c.Order = moved(pk, id, "stage:"+e.stage)
		c.Base[pathFile] = TaskDigest(pk.Files[pathFile].Text)
	}
	review, err := p.applied(r, c)
	if err != nil {
		return p.failed(err)
	}
	if !review.Applied {
		l := p.Texts(r)
		return p.showOne(w, r, http.StatusUnprocessableEntity, pk, id,
			&oneView{Stage: e.stage, Sorry: &sorryView{l.Say("problems.save"), newProblems(l, review.Problems, id)}}, e)
	}
	done := outcome(review, "saved")
	if len(c.Files) == 0 && c.Order == nil {
		done = "same"
	}
	http.Redirect(w, r.Request, "/tasks/"+id+"?"+page.Query("done", done), http.StatusSeeOther)
	return nil
}

// applied has a change made, by who is signed in.
func (p *taskPages) applied(r *page.Request, c TaskChange) (*TaskReview, error) {
	ctx, cancel := context.WithTimeout(r.Context(), applyTime)
	defer cancel()
	return p.tasks.Apply(ctx, c, r.Who())
}

// pathFile is the file with the order of the path.
const pathFile = "path.txt"

// outcome is key, unless what was done was not tried out.
func outcome(review *TaskReview, key string) string {
	if slices.ContainsFunc(review.Notes, func(n TaskProblem) bool { return n.Code == "unready" }) {
		return "unready"
	}
	return key
}

// move changes where a task stands.
func (p *taskPages) move(w http.ResponseWriter, r *page.Request) error {
	form, err := p.form(w, r)
	if err != nil {
		return err
	}
	id, to := r.PathValue("id"), form.Get("to")
	pk, err := p.tasks.Pack(r.Context())
	if err != nil {
		return p.failed(err)
	}
	t := pk.find(id)
	order := moved(pk, id, to)
	if t == nil || order == nil {
		return p.Sorry(http.StatusNotFound, "/tasks", "error.task")
	}
	done := "moved"
	switch {
	case to == "out":
		done = "out"
	case t.Number == 0:
		done = "in"
	}
	back := "/tasks/" + id + "?" + page.Query("done", done)
	if form.Get("from") == "list" {
		back = "/tasks?" + page.Query("done", done) + "#" + id
	}
	// An order is the whole path's: laid over one that somebody has changed meanwhile
	// it would take their tasks out again.
	return p.change(w, r, pk, id, TaskChange{Order: order, Base: map[string]string{pathFile: TaskDigest(pk.Files[pathFile].Text)}}, back)
}

// restore takes the community's texts of a task away.
func (p *taskPages) restore(w http.ResponseWriter, r *page.Request) error {
	if _, err := p.form(w, r); err != nil {
		return err
	}
	id := r.PathValue("id")
	pk, err := p.tasks.Pack(r.Context())
	if err != nil {
		return p.failed(err)
	}
	c := TaskChange{Files: map[string]string{}}
	builtIn := false
	for _, name := range filesOf(id) {
		if f := pk.Files[name]; f.Own {
			c.Files[name] = ""
		}
		builtIn = builtIn || pk.Files[name].BuiltIn
	}
	back := "/tasks/" + id + "?" + page.Query("done", "restored")
	if !builtIn {
		back = "/tasks?" + page.Query("done", "deleted")
	}
	return p.change(w, r, pk, id, c, back)
}

// change makes a change and goes on to back, or says on the task's page what is
// wrong with it.
func (p *taskPages) change(w http.ResponseWriter, r *page.Request, pk *TaskPack, id string, c TaskChange, back string) error {
	review, err := p.applied(r, c)
	if err != nil {
		return p.failed(err)
	}
	if !review.Applied {
		l := p.Texts(r)
		return p.showOne(w, r, http.StatusUnprocessableEntity, pk, id,
			&oneView{Sorry: &sorryView{l.Say("problems.load"), newProblems(l, review.Problems, id)}}, nil)
	}
	http.Redirect(w, r.Request, back, http.StatusSeeOther)
	return nil
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
