package host

import (
	"context"
	"errors"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/views"
	"github.com/hearthbot/hearth/store"
)

// noting is the engine's store where views are kept: whichever way a plugin's
// row is written, by its work, a migration or because somebody is forgotten, it
// comes by here, and views that read it are asked for anew.
type noting struct {
	store.Store
	views *views.Cache
}

// Commit implements store.Store. What may have been committed is noted before
// anybody can know that it was.
func (n *noting) Commit(ctx context.Context, b *store.Batch) (store.Rev, error) {
	rev, err := n.Store.Commit(ctx, b)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrTooLarge) || errors.Is(err, store.ErrInvalid) {
		return rev, err
	}
	var space string // of most batches all rows are in one
	var keys []string
	for i := range b.Writes() {
		k := b.Writes()[i].Key
		if !strings.HasPrefix(string(k), string(kState.Prefix())) {
			continue
		}
		in, own := cutState(k)
		if in != space && len(keys) > 0 {
			n.views.Wrote(space, keys...)
			keys = keys[:0]
		}
		space, keys = in, append(keys, own)
	}
	if len(keys) > 0 {
		n.views.Wrote(space, keys...)
	}
	return rev, err
}

// keepViews has views be kept, as the options say.
func (e *Engine) keepViews() {
	if e.o.Views == 0 {
		return
	}
	e.views = views.New(views.Options{Bytes: e.o.Views, Now: e.clock.Now})
	e.store = &noting{e.store, e.views}
	e.o.Metrics.MustRegister(&viewFigures{e.views,
		prometheus.NewDesc("hearth_view_requests_total", "Queries to plugins, by how they were answered: kept (hit), asked for the first time (miss), asked for again because what was kept no longer held (stale).", []string{"result"}, nil),
		prometheus.NewDesc("hearth_view_hit_ratio", "Share of the queries since the start that were answered by what was kept. Not there before the first.", nil, nil),
		prometheus.NewDesc("hearth_view_bytes", "Bytes of the answers that are kept.", nil, nil)})
}

// viewFigures says at each scrape how well the views that are kept do.
type viewFigures struct {
	views                  *views.Cache
	requests, ratio, bytes *prometheus.Desc
}

func (f *viewFigures) Describe(ch chan<- *prometheus.Desc) {
	ch <- f.requests
	ch <- f.ratio
	ch <- f.bytes
}

func (f *viewFigures) Collect(ch chan<- prometheus.Metric) {
	is := f.views.Figures()
	for result, n := range map[string]int64{"hit": is.Hits, "miss": is.Misses - is.Stale, "stale": is.Stale} {
		ch <- prometheus.MustNewConstMetric(f.requests, prometheus.CounterValue, float64(n), result)
	}
	if r, ok := is.Ratio(); ok {
		ch <- prometheus.MustNewConstMetric(f.ratio, prometheus.GaugeValue, r)
	}
	ch <- prometheus.MustNewConstMetric(f.bytes, prometheus.GaugeValue, float64(is.Bytes))
}
