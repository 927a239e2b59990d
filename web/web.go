// Package web is hearth's HTTP side: health, figures, the API, the front page,
// and the paths that platforms call. It owns what every request meets (who may
// ask, how much, how long, which headers, what is logged) and the API's types.
// It must not know the engine, a platform or a store: it meets them as [Host]
// and as plain handlers, which host/cmd/hearth joins.
//
//	request ─► guard: id, headers, size, panics, log, figures        guard.go
//	             ├─ /healthz /readyz /metrics                        health.go
//	             ├─ /                  the front page                home.go
//	             ├─ /run               Go in the browser ─► Verifier run.go, share.go
//	             ├─ /login, pages      who may see what              package page
//	             │  / /admin/events …  ─► their own interfaces       packages in web/…
//	             │  /tasks             ─► Tasks                      tasks.go, taskspages.go
//	             ├─ /api/v1/…          bearer token ─► huma ─► Host  api.go, events.go, control.go
//	             │  /api/v1/verify     the same ─► Verifier          verify.go
//	             │  /api/v1/plugins    versions come and go ─► Plugins plugins.go, pluginsapi.go, pluginslive.go
//	             │                     what one would do ─► Replayer replay.go
//	             │  /api/v1/events     CloudEvents ─► Host.Accept    cloudevents.go
//	             │  /api/v1/track      what members do elsewhere     track.go, backfill.go
//	             │  /api/v1/analytics  what was measured ─► Analytics analytics.go, analyticsapi.go, analyticstables.go
//	             │  /api/v1/experiments what is tried ─► Experiments experiments.go, experimentsapi.go
//	             │  /api/v1/answers    what was answered before ─► Answerer answers.go
//	             │  /api/v1/knowledge  what was asked ─► Knowledge   knowledge.go
//	             ├─ /debug/pprof/…     bearer token                  health.go
//	             └─ what platforms serve: /chat/, /slack/…           Options.Mounts
//
// It stores nothing.
package web

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web/page"
)

// Options say what a Server serves. Host and Access are required.
type Options struct {
	Host Host

	// Access says who may come in.
	Access *access.Keeper

	// NotReady says why events are not handled yet, or any more; none means that
	// they are. nil means always ready.
	NotReady func() []string

	// Verifier runs code for the API and the pages; nil says that there is none.
	Verifier Verifier

	// Run serves the page /run, for everybody; nil leaves it out.
	Run *RunOptions

	// Pages are those on which people run their community: /login and what was
	// registered with the frame; nil leaves them all out.
	Pages *page.Frame

	// Tasks is the learning path, for its page and the API; nil leaves it out.
	Tasks Tasks

	// Experiments are what is tried, for the API; nil leaves them out.
	Experiments Experiments

	// Plugins is the life of the plugins, for the API; nil leaves it out, and shows
	// those that are live alone.
	Plugins Plugins

	// Replayer runs recorded events again, for the API; nil leaves it out.
	Replayer Replayer

	// Settings are all that can be set, for the API; nil leaves them out.
	Settings Settings

	// Members are the community's people, for the API; nil leaves them out.
	Members Members

	// Outside is what members do elsewhere, for the API; nil leaves it out.
	Outside Outside

	// Analytics is what was measured, for the API; nil leaves it out. Rebuilder counts
	// it anew; nil likewise.
	Analytics Analytics
	Rebuilder Rebuilder

	// Answers is what the community has answered before, for the API; nil leaves it
	// out.
	Answers Answerer

	// Knowledge is what was asked and answered, for the API; nil leaves it out.
	Knowledge Knowledge

	// Archive says whether everybody may read /knowledge; nil is no.
	Archive func() bool

	// Mounts are handlers by path; a trailing slash takes all below it. They bound
	// what they read, up to MaxBody.
	Mounts map[string]http.Handler

	Platforms []string // their names: what comes in by the API cannot pose as theirs
	Version   string   // hearth's

	// Community is its name, which may change; nil is "hearth".
	Community func() string

	// Metrics is served at /metrics, with the server's own figures in it; nil is
	// a registry of its own.
	Metrics *prometheus.Registry
	Logger  *slog.Logger     // nil discards
	Clock   func() time.Time // nil is time.Now
}

// MaxBody is how many bytes any request may bring: a plugin's file, with a form
// around it.
const MaxBody = MaxPlugin + 1<<20

// Server answers HTTP requests. It is safe for concurrent use.
type Server struct {
	o       Options
	log     *slog.Logger
	now     func() time.Time
	started time.Time
	figures *figures
	mux     http.Handler

	closing sync.Once
	closed  chan struct{} // ends the streams
}

// New returns a server. It listens nowhere yet; see [Server.Serve].
func New(o Options) (*Server, error) {
	switch {
	case o.Host == nil:
		return nil, errors.New("web: Options.Host is missing")
	case o.Access == nil:
		return nil, errors.New("web: Options.Access is missing")
	}
	if o.NotReady == nil {
		o.NotReady = func() []string { return nil }
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	if o.Verifier == nil {
		o.Verifier = noVerifier{}
	}
	if o.Community == nil {
		o.Community = func() string { return "hearth" }
	}
	s := &Server{o: o, log: o.Logger, now: o.Clock, closed: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.started = s.now()
	s.figures = newFigures(o.Metrics)
	front, err := newHome()
	if err != nil {
		return nil, err
	}

	r := chi.NewRouter()
	r.Use(s.guard)
	r.NotFound(s.nothing(front, http.StatusNotFound, func(*http.Request) string {
		return "there is nothing at this address; the API is described at /api/openapi.json"
	}))
	r.MethodNotAllowed(s.nothing(front, http.StatusMethodNotAllowed, func(r *http.Request) string { return r.Method + " is not possible here" }))
	r.Get("/healthz", s.healthz)
	r.Get("/readyz", s.readyz)
	r.Handle("/metrics", s.metrics())
	r.Route("/debug/pprof", s.pprof)
	s.api(r)
	if o.Run != nil {
		if err := s.run(r, *o.Run); err != nil {
			return nil, err
		}
	}
	if err := s.pages(r, s.home(front)); err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(o.Mounts)) {
		pattern := path
		if strings.HasSuffix(path, "/") {
			pattern += "*"
		}
		r.Handle(pattern, o.Mounts[path])
	}
	s.mux = r
	return s, nil
}

// pages registers those of the frame. Who is not signed in finds at "/" that
// hearth is there, and where the chat is.
func (s *Server) pages(r chi.Router, front http.Handler) error {
	f := s.o.Pages
	if f == nil {
		r.Method(http.MethodGet, "/", front)
		return nil
	}
	if s.o.Tasks != nil {
		if err := s.taskPages(f, s.o.Tasks); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(f.Routes(), func(p page.Route) bool { return p.Pattern == "/" }) {
		r.Method(http.MethodGet, "/", front)
	}
	for _, p := range f.Routes() {
		h := p.Handler
		if p.Pattern == "/" {
			h = f.Door(h, front)
		}
		r.Method(p.Method, p.Pattern, h)
	}
	return nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close ends the server's own streams, so that a server that shuts down need
// not wait for them.
func (s *Server) Close() {
	s.closing.Do(func() {
		close(s.closed)
		if s.o.Pages != nil {
			s.o.Pages.Close()
		}
	})
}

// open returns a context that ends with ctx or when the server closes.
func (s *Server) open(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-s.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
