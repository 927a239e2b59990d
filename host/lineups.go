package host

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/rollout"
)

// lineups are the figures of what runs at present: read when they are asked for,
// so that what does not run any more leaves nothing behind.
type lineups struct {
	e                     *Engine
	version, share, guard *prometheus.Desc
}

func newLineups(e *Engine) *lineups {
	return &lineups{e: e,
		version: prometheus.NewDesc("hearth_plugin_version", "1 for each version that runs, by what it is (live, rollout, shadow).", []string{"plugin", "version", "sha256", "role"}, nil),
		share:   prometheus.NewDesc("hearth_rollout_share_ratio", "Part of a plugin's events in the window that its new version handled. Not there without a rollout.", []string{"plugin"}, nil),
		guard:   prometheus.NewDesc("hearth_rollout_guardrail_ratio", "How far a rollout has come towards a guardrail: above 1 it breaks, once that is no chance. Not there while there are too few events.", []string{"plugin", "guardrail"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *lineups) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.version
	ch <- c.share
	ch <- c.guard
}

// Collect implements prometheus.Collector.
func (c *lineups) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, x float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, x, labels...)
	}
	plugins, _ := c.e.locked()
	for _, p := range plugins {
		l := p.lineup()
		for role, v := range map[string]*version{StatusLive: l.live, StatusRollout: l.candidate, StatusShadow: l.shadow} {
			if v != nil {
				gauge(c.version, 1, p.name, v.manifest.Version, v.sha[:min(len(v.sha), 12)], role)
			}
		}
		if l.trial == nil || l.live == nil {
			continue
		}
		now := c.e.clock.Now()
		live, candidate := l.trial.guard.Figures(now, rollout.Live), l.trial.guard.Figures(now, rollout.Candidate)
		if all := live.Events + candidate.Events; all > 0 {
			gauge(c.share, float64(candidate.Events)/float64(all), p.name)
		}
		for _, b := range rollout.Decide(&l.trial.Spec, &live, &candidate, l.trial.progress(now)).Bars {
			if b.Known && b.Most > 0 {
				gauge(c.guard, b.Now/b.Most, p.name, b.Name)
			}
		}
	}
}
