package web

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hearthbot/hearth/host/access"
)

// healthz says that the process lives. It asks nothing else: a host whose
// platform is down is not helped by being killed.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"status":"ok","service":"hearth"}` + "\n"))
}

// readyz says whether events are handled, and if not, why.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	reasons := s.o.NotReady()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	answer := struct {
		Ready   bool     `json:"ready"`
		Reasons []string `json:"reasons,omitempty"`
	}{len(reasons) == 0, reasons}
	if !answer.Ready {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) metrics() http.Handler {
	return promhttp.InstrumentMetricHandler(s.o.Metrics, promhttp.HandlerFor(s.o.Metrics, promhttp.HandlerOpts{
		Registry: s.o.Metrics, MaxRequestsInFlight: 4, EnableOpenMetrics: true,
	}))
}

// pprof shows the insides of the process, to admins. Profiles outlast the
// server's write timeout; the handlers move it on themselves.
func (s *Server) pprof(r chi.Router) {
	r.Use(s.only(access.Admin))
	r.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		pprof.Index(w, r)
	})
	r.HandleFunc("/cmdline", pprof.Cmdline)
	r.HandleFunc("/profile", pprof.Profile)
	r.HandleFunc("/symbol", pprof.Symbol)
	r.HandleFunc("/trace", pprof.Trace)
	r.HandleFunc("/{name}", func(w http.ResponseWriter, r *http.Request) {
		pprof.Handler(chi.URLParam(r, "name")).ServeHTTP(w, r)
	})
}
