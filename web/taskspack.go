package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// maxPack is how many bytes the zip of a pack may have.
const maxPack = 2 << 20

// packView is the page that shows what a pack would change.
type packView struct {
	frame
	Sorry    *sorryView
	Reviewed bool
	Same     bool
	Changes  []changeView
	Root     bool // path.txt or the stages' titles change
	Notes    *problemList
	Apply    string // what to apply; "" if it cannot be
}

type changeView struct {
	Key string
	IDs []string
}

func (p *taskPages) download(w http.ResponseWriter, r *http.Request) {
	b, err := p.tasks.WriteZip(r.Context())
	if err != nil {
		p.failed(w, r, "write the pack", err)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="tasks.zip"`)
	_, _ = w.Write(b) // an error says that the browser has gone
}

// upload reads a pack, keeps it with the session, and shows what it would change.
func (p *taskPages) upload(w http.ResponseWriter, r *http.Request) {
	l := p.text(r)
	sorry := func(status int, text string, list *problemList) {
		p.show(w, r, status, "tasks.pack", &packView{Sorry: &sorryView{text, list}})
	}
	zip, err := uploaded(w, r)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		sorry(http.StatusRequestEntityTooLarge, l.Say("pack.file"), nil)
		return
	case err != nil || len(zip) == 0:
		sorry(http.StatusUnprocessableEntity, l.Say("pack.none"), nil)
		return
	}
	pk, err := p.tasks.ReadZip(zip)
	if err != nil {
		sorry(http.StatusUnprocessableEntity, l.Say("pack.bad", printable(err.Error())), nil)
		return
	}
	s := signedIn(r)
	s.mu.Lock()
	s.pack = pk
	s.mu.Unlock()
	review, err := p.tasks.Review(r.Context(), TaskChange{Files: pk.Files, Whole: true}, false)
	if err != nil {
		p.failed(w, r, "review a pack", err)
		return
	}
	p.showReview(w, r, pk, review)
}

// uploaded is the one file of a form.
func uploaded(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxPack+64<<10)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil, err
		}
		if part.FormName() != "zip" {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(part, maxPack+1))
		if err == nil && len(b) > maxPack {
			err = &http.MaxBytesError{Limit: maxPack}
		}
		return b, err
	}
}

func (p *taskPages) showReview(w http.ResponseWriter, r *http.Request, pk *TaskFiles, review *TaskReview) {
	l := p.text(r)
	v := &packView{Reviewed: true, Same: len(review.Files) == 0}
	for _, c := range []changeView{{"pack.added", review.Added}, {"pack.changed", review.Changed}, {"pack.removed", review.Removed}} {
		if len(c.IDs) > 0 {
			v.Changes = append(v.Changes, c)
		}
	}
	v.Root = slices.ContainsFunc(review.Files, func(f string) bool { return !strings.Contains(f, "/") })
	notes := slices.Clone(review.Notes)
	for _, name := range pk.Ignored {
		notes = append(notes, TaskProblem{File: name, Code: "ignored", Text: ignoredText})
	}
	v.Notes = newProblems(l, notes, "")
	status := http.StatusOK
	switch {
	case len(review.Problems) > 0:
		status, v.Reviewed = http.StatusUnprocessableEntity, false
		v.Sorry = &sorryView{l.Say("problems.load"), newProblems(l, review.Problems, "")}
		for i := range v.Sorry.Problems.List { // the files are in the zip, not here
			v.Sorry.Problems.List[i].Link = ""
		}
	case !v.Same:
		v.Apply = packDigest(pk)
	}
	p.show(w, r, status, "tasks.pack", v)
}

const ignoredText = "no part of a pack; it is left out"

// packDigest tells packs apart: what is applied is what was looked at.
func packDigest(pk *TaskFiles) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(pk.Files)) {
		fmt.Fprintf(h, "%s %d\n%s", name, len(pk.Files[name]), pk.Files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// apply makes the pack that was uploaded the path.
func (p *taskPages) apply(w http.ResponseWriter, r *http.Request) {
	if !p.form(w, r) {
		return
	}
	s := signedIn(r)
	s.mu.Lock()
	pk := s.pack
	s.mu.Unlock()
	if pk == nil || packDigest(pk) != r.PostForm.Get("pack") {
		p.show(w, r, http.StatusConflict, "tasks.pack", &packView{Sorry: &sorryView{Title: p.text(r).Say("pack.gone")}})
		return
	}
	review, err := p.applied(r, TaskChange{Files: pk.Files, Whole: true})
	if err != nil {
		p.failed(w, r, "load a pack", err)
		return
	}
	if !review.Applied {
		p.showReview(w, r, pk, review)
		return
	}
	s.mu.Lock()
	s.pack = nil
	s.mu.Unlock()
	http.Redirect(w, r, "/tasks?"+query("done", outcome(review, "pack")), http.StatusSeeOther)
}

// taskRoutes are the pack over the API.
func (s *Server) taskRoutes(api huma.API) {
	o := op("load-task-pack", http.MethodPost, "/api/v1/tasks/pack", "Make the pack in a zip the learning path")
	o.Description = "The body is a zip of at most 2 MiB. The whole pack is checked first, and the solutions and starters of tasks that are checked in another way " +
		"than before are run; while there is a problem, nothing is changed (applied is false). With dry_run nothing is changed either way."
	o.MaxBodyBytes = maxPack
	o.BodyReadTimeout = bodyTimeout
	o.Errors = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusServiceUnavailable}
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/zip": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	o.SkipValidateBody = true
	o.Middlewares = huma.Middlewares{func(c huma.Context, next func(huma.Context)) {
		_, w := humachi.Unwrap(c)
		patience(w, applyTime)
		next(c)
	}}
	huma.Register(api, o, func(ctx context.Context, in *struct {
		DryRun  bool `query:"dry_run" doc:"only say what would change, and what is wrong"`
		RawBody []byte
	}) (*out[TaskReview], error) {
		return s.loadPack(ctx, in.RawBody, in.DryRun)
	})

	o = op("get-task-pack", http.MethodGet, "/api/v1/tasks/pack", "The learning path as a zip")
	o.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/zip": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}
	huma.Register(api, o, func(ctx context.Context, _ *struct{}) (*struct {
		Type string `header:"Content-Type"`
		Body []byte
	}, error) {
		b, err := s.o.Tasks.WriteZip(ctx)
		if err != nil {
			return nil, s.noPack(ctx, err)
		}
		return &struct {
			Type string `header:"Content-Type"`
			Body []byte
		}{"application/zip", b}, nil
	})
}

func (s *Server) loadPack(ctx context.Context, zip []byte, dry bool) (*out[TaskReview], error) {
	pk, err := s.o.Tasks.ReadZip(zip)
	if err != nil {
		return nil, huma.Error400BadRequest(err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, applyTime)
	defer cancel()
	c := TaskChange{Files: pk.Files, Whole: true}
	var review *TaskReview
	if dry {
		review, err = s.o.Tasks.Review(ctx, c, true)
	} else {
		review, err = s.o.Tasks.Apply(ctx, c, "api")
	}
	if err != nil {
		return nil, s.noPack(ctx, err)
	}
	for _, name := range pk.Ignored {
		review.Notes = append(review.Notes, TaskProblem{File: name, Code: "ignored", Text: ignoredText})
	}
	review.Added, review.Changed, review.Removed = some(review.Added), some(review.Changed), some(review.Removed)
	review.Files, review.Problems, review.Notes = some(review.Files), some(review.Problems), some(review.Notes)
	return &out[TaskReview]{*review}, nil
}

func (s *Server) noPack(ctx context.Context, err error) error {
	if errors.Is(err, ErrNoTasks) {
		return huma.Error404NotFound(err.Error())
	}
	return s.failed(ctx, "the task pack", err)
}
