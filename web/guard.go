package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
)

// guard is what every request meets first.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := s.now()
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.ContentLength != 0 {
			r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		}
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		s.figures.open.Inc()
		defer func() {
			s.figures.open.Dec()
			if v := recover(); v != nil {
				s.recovered(ww, r, v)
			}
			s.tell(ww, r, s.now().Sub(begun))
		}()
		next.ServeHTTP(ww, r)
	})
}

// recovered answers for a handler that panicked. net/http's own panic, by which
// a handler breaks off its answer, goes on.
func (s *Server) recovered(w middleware.WrapResponseWriter, r *http.Request, v any) {
	if v == http.ErrAbortHandler {
		panic(v)
	}
	s.figures.panics.Inc()
	s.log.ErrorContext(r.Context(), "a request made hearth panic; the others go on", "method", r.Method, "path", r.URL.Path,
		"panic", v, "stack", string(bytes.TrimSpace(debug.Stack())))
	if w.Status() == 0 {
		problem(w, http.StatusInternalServerError, "hearth made a mistake; its log says more")
	}
}

// tell counts and logs a request. The query is left out: links that sign
// somebody in have their secret there. So is what a link to a shared program
// ends in.
func (s *Server) tell(w middleware.WrapResponseWriter, r *http.Request, took time.Duration) {
	route := "none"
	if c := chi.RouteContext(r.Context()); c != nil && c.RoutePattern() != "" {
		route = c.RoutePattern()
	}
	status := w.Status()
	if status == 0 {
		status = http.StatusOK
	}
	s.figures.requests.WithLabelValues(route, method(r.Method), strconv.Itoa(status)).Inc()
	s.figures.took.WithLabelValues(route).Observe(took.Seconds())
	path := r.URL.Path
	if strings.HasPrefix(path, "/run/s/") {
		path = "/run/s/…"
	}
	s.log.DebugContext(r.Context(), "request", "method", r.Method, "path", path, "status", status, "bytes", w.BytesWritten(), "took", took.String())
}

// figures are the server's own.
type figures struct {
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	open     prometheus.Gauge
	panics   prometheus.Counter
}

func newFigures(r prometheus.Registerer) *figures {
	f := &figures{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hearth_http_requests_total", Help: "Requests answered, by route, method and status."}, []string{"route", "method", "code"}),
		took:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hearth_http_request_duration_seconds", Help: "Time until a request was answered; of a stream, until it ended.", Buckets: prometheus.ExponentialBuckets(0.0005, 3, 11)}, []string{"route"}),
		open:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "hearth_http_requests_open", Help: "Requests under way, streams among them."}),
		panics:   prometheus.NewCounter(prometheus.CounterOpts{Name: "hearth_http_panics_total", Help: "Requests that made a handler panic."}),
	}
	r.MustRegister(f.requests, f.took, f.open, f.panics)
	return f
}

// method keeps methods that clients made up out of the labels.
func method(m string) string {
	known := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
	if slices.Contains(known, m) {
		return m
	}
	return "other"
}

// problem answers with an error as RFC 9457 has it.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct { // an error says that nobody listens any more
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, detail})
}
