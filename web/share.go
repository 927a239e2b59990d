package web

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/web/page"
)

// Shares keeps the programs that people share on /run. It is safe for
// concurrent use.
type Shares interface {
	// Put keeps s under id, which nobody has used and nobody can guess, until s
	// expires. ErrSharesFull says that there is no room.
	Put(ctx context.Context, id string, s Share) error

	// Get returns what is kept; ErrNotFound if nothing is, or not any more.
	Get(ctx context.Context, id string) (Share, error)

	// Delete forgets id. It is no error if there is no such thing.
	Delete(ctx context.Context, id string) error
}

// ErrSharesFull says that no program can be kept beside those that are.
var ErrSharesFull = errors.New("too many programs are shared")

// Share is a program that was shared.
type Share struct {
	Code    string // of one file, or of several as txtar has them
	Stdin   string
	Args    string // one line
	Made    time.Time
	Expires time.Time
}

// ShareTime is how long a link works.
const ShareTime = 30 * 24 * time.Hour

// Size is how many bytes of a share are its person's.
func (s *Share) Size() int { return len(s.Code) + len(s.Stdin) + len(s.Args) }

// shareID is 128 bits.
var shareID = regexp.MustCompile(`^[0-9A-Za-z_-]{22}$`)

func newShareID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// linkView is a link that was made just now.
type linkView struct{ URL, Until string }

// sharedView is a shared program that was opened.
type sharedView struct{ Until string }

// share keeps what the editor holds, and shows the link to it.
func (p *runPage) share(w http.ResponseWriter, r *http.Request) {
	f := p.form(w, r)
	made := p.s.now().UTC().Truncate(time.Second)
	s := Share{Code: f.Code, Stdin: f.Stdin, Args: f.Args, Made: made, Expires: made.Add(ShareTime)}
	if no := p.mayShare(r, &s); no != nil {
		p.fail(w, r, f, no)
		return
	}
	id := newShareID()
	if err := p.o.Shares.Put(r.Context(), id, s); errors.Is(err, ErrSharesFull) {
		p.fail(w, r, f, refused(http.StatusServiceUnavailable, "error.shares"))
		return
	} else if err != nil {
		p.s.log.ErrorContext(r.Context(), "a request failed", "doing", "share a program", "err", err)
		p.fail(w, r, f, refused(http.StatusInternalServerError, "error.own"))
		return
	}
	v := &runView{Program: *f, Link: &linkView{URL: p.address(r, "/run/s/"+id), Until: day(s.Expires, f.Lang)}}
	if !scripted(r) {
		p.show(w, r, http.StatusOK, v)
		return
	}
	html, err := p.fragment("link", v)
	if err != nil {
		p.s.log.ErrorContext(r.Context(), "a request failed", "doing", "share a program", "err", err)
		p.fail(w, r, f, refused(http.StatusInternalServerError, "error.own"))
		return
	}
	answerScript(w, http.StatusOK, scriptAnswer{HTML: html, Say: v.T.Say("share.made")})
}

// mayShare says why s is not kept; nil if it may be.
func (p *runPage) mayShare(r *http.Request, s *Share) *refusal {
	if s.Size() > source.MaxSize {
		return refused(http.StatusRequestEntityTooLarge, "error.keep")
	}
	if s.Code == "" {
		return refused(http.StatusUnprocessableEntity, "error.empty")
	}
	who := page.ClientOf(r, p.o.Proxies)
	wait, ok := p.limits.Take("share", who, shareRate)
	if ok {
		wait, ok = p.limits.Take("share", page.AllAddresses, shareRateAll)
	}
	if ok {
		return nil
	}
	no := refused(http.StatusTooManyRequests, "error.often", seconds(wait))
	no.wait = wait
	return no
}

// shared opens a link: the program stands in the editor, and nothing is run.
func (p *runPage) shared(w http.ResponseWriter, r *http.Request) {
	lang := p.language(w, r)
	id := chi.URLParam(r, "id")
	s, err := Share{}, error(ErrNotFound)
	if shareID.MatchString(id) {
		s, err = p.o.Shares.Get(r.Context(), id)
	}
	switch {
	case err == nil:
		p.show(w, r, http.StatusOK, &runView{Program: submitted{program: program{s.Code, s.Stdin, s.Args}, Lang: lang},
			Shared: &sharedView{Until: day(s.Expires, lang)}})
	case errors.Is(err, ErrNotFound):
		e := &p.examples[0]
		p.show(w, r, http.StatusNotFound, &runView{Program: submitted{program: e.program(lang), Example: e.ID, Lang: lang}, Gone: true})
	default:
		p.s.log.ErrorContext(r.Context(), "a request failed", "doing", "open a shared program", "err", err)
		p.fail(w, r, &submitted{Lang: lang}, refused(http.StatusInternalServerError, "error.own"))
	}
}

// unshare takes a shared program away, for an admin.
func (p *runPage) unshare(w http.ResponseWriter, r *http.Request) {
	if err := p.o.Shares.Delete(r.Context(), chi.URLParam(r, "id")); err != nil {
		p.s.log.ErrorContext(r.Context(), "a request failed", "doing", "delete a shared program", "err", err)
		problem(w, http.StatusInternalServerError, "hearth could not do this; its log says why")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
