package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/verify"
)

// verifyFigures count what becomes of members' code. The zero value counts
// nothing: the command line has nobody to tell.
type verifyFigures struct {
	results *prometheus.CounterVec
	took    *prometheus.HistogramVec
}

// measure has the verifier counted on r. It is called before anything is
// submitted.
func (x *Verifier) measure(r prometheus.Registerer) {
	f := verifyFigures{
		results: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hearth_verify_results_total",
			Help: "Submissions that got a verdict."}, []string{"verdict"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hearth_verify_duration_seconds",
			Help: "Time from a submission to its verdict, waiting included, by whether the verdict was known from an equal one.", Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12)}, []string{"cached"}),
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hearth_verify_waiting",
		Help: "Submissions that wait for their turn."}, func() float64 { return float64(x.verify.Status().Waiting) })
	ready := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hearth_verify_ready",
		Help: "1 if the compiler is prepared, else 0."}, func() float64 {
		if x.verify.Status().Ready {
			return 1
		}
		return 0
	})
	r.MustRegister(f.results, f.took, waiting, ready)
	for _, v := range verify.Verdicts() {
		f.results.WithLabelValues(string(v))
	}
	for _, cached := range []string{"false", "true"} {
		f.took.WithLabelValues(cached)
	}
	x.figures = f
}

func (f *verifyFigures) count(r *verify.Result, took time.Duration) {
	if f.results == nil {
		return
	}
	cached := "false"
	if r.Cached {
		cached = "true"
	}
	f.results.WithLabelValues(string(r.Verdict)).Inc()
	f.took.WithLabelValues(cached).Observe(took.Seconds())
}
