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
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/hearthbot/hearth/web/page"
)

// maxPack is how many bytes the zip of a pack may have.
const maxPack = 2 << 20

// packView is the page that shows what a pack would change.
type packView struct {
	page.Head
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

// uploads are the packs that were uploaded and not applied yet, by session.
type uploads struct {
	mu    sync.Mutex
	packs map[string]*TaskFiles
	order []string // of the sessions, the oldest first
}

// maxUploads is how many packs of 2 MiB wait; of more the oldest is forgotten.
const maxUploads = 16

func (u *uploads) keep(session string, pk *TaskFiles) {
	u.drop(session)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.packs == nil {
		u.packs = map[string]*TaskFiles{}
	}
	if len(u.order) == maxUploads {
		delete(u.packs, u.order[0])
		u.order = u.order[1:]
	}
	u.packs[session] = pk
	u.order = append(u.order, session)
}

func (u *uploads) of(session string) *TaskFiles {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.packs[session]
}

func (u *uploads) drop(session string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.packs, session)
	u.order = slices.DeleteFunc(u.order, func(s string) bool { return s == session })
}

func (p *taskPages) download(w http.ResponseWriter, r *page.Request) error {
	b, err := p.tasks.WriteZip(r.Context())
	if err != nil {
		return p.failed(err)
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="tasks.zip"`)
	_, _ = w.Write(b) // an error says that the browser has gone
	return nil
}

// upload reads a pack, keeps it with the session, and shows what it would change.
func (p *taskPages) upload(w http.ResponseWriter, r *page.Request) error {
	l := p.Texts(r)
	sorry := func(status int, text string, list *problemList) error {
		return p.Show(w, r, status, "tasks.pack", &packView{Head: page.Head{Title: l.Say("pack.review")}, Sorry: &sorryView{text, list}})
	}
	zip, err := uploaded(w, r.Request)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return sorry(http.StatusRequestEntityTooLarge, l.Say("pack.file"), nil)
	case err != nil || len(zip) == 0:
		return sorry(http.StatusUnprocessableEntity, l.Say("pack.none"), nil)
	}
	pk, err := p.tasks.ReadZip(zip)
	if err != nil {
		return sorry(http.StatusUnprocessableEntity, l.Say("pack.bad", page.Printable(err.Error())), nil)
	}
	p.uploads.keep(r.Session.ID, pk)
	review, err := p.tasks.Review(r.Context(), TaskChange{Files: pk.Files, Whole: true}, false)
	if err != nil {
		return p.failed(err)
	}
	return p.showReview(w, r, pk, review)
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

func (p *taskPages) showReview(w http.ResponseWriter, r *page.Request, pk *TaskFiles, review *TaskReview) error {
	l := p.Texts(r)
	v := &packView{Head: page.Head{Title: l.Say("pack.review")}, Reviewed: true, Same: len(review.Files) == 0}
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
	return p.Show(w, r, status, "tasks.pack", v)
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
func (p *taskPages) apply(w http.ResponseWriter, r *page.Request) error {
	form, err := p.form(w, r)
	if err != nil {
		return err
	}
	pk := p.uploads.of(r.Session.ID)
	if pk == nil || packDigest(pk) != form.Get("pack") {
		return p.Show(w, r, http.StatusConflict, "tasks.pack", &packView{Head: page.Head{Title: p.Texts(r).Say("pack.review")}, Sorry: &sorryView{Title: p.Texts(r).Say("pack.gone")}})
	}
	review, err := p.applied(r, TaskChange{Files: pk.Files, Whole: true})
	if err != nil {
		return p.failed(err)
	}
	if !review.Applied {
		return p.showReview(w, r, pk, review)
	}
	p.uploads.drop(r.Session.ID)
	http.Redirect(w, r.Request, "/tasks?"+page.Query("done", outcome(review, "pack")), http.StatusSeeOther)
	return nil
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
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(applyTime + writeTimeout)) // not every connection has deadlines
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
		review, err = s.o.Tasks.Apply(ctx, c, by(ctx))
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
