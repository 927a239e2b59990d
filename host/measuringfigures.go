package host

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/store"
)

// communityFigures are the community's own numbers for Prometheus. They are read from the
// stored counters, so a restart loses none of them: when somebody asks, and at most
// once a minute.
type communityFigures struct {
	e *Engine

	mu   sync.Mutex
	read time.Time // when; zero: not yet
	last []prometheus.Metric
}

const (
	figuresEvery  = time.Minute
	figuresWithin = 10 * time.Second
	cohortMonths  = 12 // of joins that have labels
	retainedDays  = 28 // of joins whose day 7 has passed
)

var (
	stepsDesc = prometheus.NewDesc("new_user_funnel_steps_total",
		"Newcomers by the month of their join, the funnel's step and what became of it: entered (they came to the step before; joined, of the first) and completed (they came to this one), in time. What a bot did, once it is found out, is taken back; not there while definitions that are new are being counted.",
		[]string{"cohort", "step", "status"}, nil)
	journeyDesc = prometheus.NewDesc("user_journey_duration_seconds",
		"Time from newcomers' joins to a step of the funnel, of those who came to it in time, by the month of the join. The sum is right to 5 %.",
		[]string{"cohort", "step"}, nil)
	activeDesc = prometheus.NewDesc("hearth_dau",
		"Members active so far on the day that it is where the community is.", nil, nil)
	retainedDesc = prometheus.NewDesc("hearth_retention_d7_ratio",
		"Share of the members who joined in the 28 days before the last whose seventh day after that has passed, who were active on it. Not there until that is known of somebody.", nil, nil)
	recountDesc = prometheus.NewDesc("hearth_analytics_recount",
		"1 while members are being counted by new definitions of funnel or metrics.", nil, nil)
)

func (f *communityFigures) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{stepsDesc, journeyDesc, activeDesc, retainedDesc, recountDesc} {
		ch <- d
	}
}

func (f *communityFigures) Collect(ch chan<- prometheus.Metric) {
	for _, m := range f.current() {
		ch <- m
	}
}

func (f *communityFigures) current() []prometheus.Metric {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.e.clock.Now(); f.read.IsZero() || now.Sub(f.read) >= figuresEvery || now.Before(f.read) {
		ctx, cancel := context.WithTimeout(f.e.ctx, figuresWithin)
		defer cancel()
		list, err := f.e.figures(ctx)
		if err != nil {
			if f.e.ctx.Err() == nil {
				f.e.o.Logger.Warn("the community's figures could not be read for the metrics", "err", err)
			}
			return nil // what is not known is not told
		}
		f.read, f.last = now, list
	}
	return f.last
}

// figures reads them.
func (e *Engine) figures(ctx context.Context) ([]prometheus.Metric, error) {
	if e.measuring.current.Load() == nil {
		return nil, nil // the engine is being made
	}
	state := e.Measuring()
	counting := 0.0
	if state.Counted >= 0 {
		counting = 1
	}
	list := []prometheus.Metric{prometheus.MustNewConstMetric(recountDesc, prometheus.GaugeValue, counting)}
	err := e.Measured(ctx, func(m *measure.Model, snap store.Snapshot, now time.Time) error {
		today := m.Today(now)
		active, err := m.ActiveOn(ctx, snap, measure.Query{From: today, To: today})
		if err != nil {
			return err
		}
		list = append(list, prometheus.MustNewConstMetric(activeDesc, prometheus.GaugeValue, float64(active)))

		q := measure.Query{From: today - 8 - (retainedDays - 1), To: today - 8}
		kept, err := m.Retention(ctx, snap, q, measure.Days, measure.OnDay, 7, now)
		if err != nil {
			return err
		}
		if share, known := kept.Mean[7].Share(); known {
			list = append(list, prometheus.MustNewConstMetric(retainedDesc, prometheus.GaugeValue, share))
		}
		if counting > 0 {
			return nil
		}
		month := measure.Months.Index(today)
		from := max(month-(cohortMonths-1), measure.Months.Index(m.Today(state.Since)))
		q = measure.Query{From: measure.Months.First(from), To: measure.Months.Last(month)}
		journeys, err := m.Journeys(ctx, snap, q)
		if err != nil {
			return err
		}
		for _, j := range journeys {
			for _, s := range j.Steps {
				count := func(status string, n int) {
					list = append(list, prometheus.MustNewConstMetric(stepsDesc, prometheus.CounterValue, float64(n), j.Month, s.Name, status))
				}
				count("entered", s.Entered)
				count("completed", s.Completed)
				list = append(list, prometheus.MustNewConstHistogram(journeyDesc, uint64(max(0, s.Completed)), s.Sum.Seconds(), s.Took, j.Month, s.Name))
			}
		}
		return nil
	})
	return list, err
}
