package host

import (
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/sdk/abi"
)

// metrics are the engine's figures, one for each stage of an event's way. No
// label takes values from outside: sources, plugins and platforms are those
// that are installed.
type metrics struct {
	received, refused, duplicate, routed *prometheus.CounterVec
	calls                                *prometheus.CounterVec
	duration, fuel                       *prometheus.HistogramVec
	committed, conflicts, retried        *prometheus.CounterVec
	dead, dropped                        *prometheus.CounterVec
	batchOps                             prometheus.Histogram
	withheld, delivered, deliveryRetried *prometheus.CounterVec
	duplicates, actions, tracked         *prometheus.CounterVec
	delivery, age                        *prometheus.HistogramVec
	held                                 *prometheus.GaugeVec
	effectsRefused, rolledOut, rollouts  *prometheus.CounterVec
	shadowed                             *prometheus.CounterVec

	mu    sync.Mutex
	names map[string]map[string]bool // tracked names with a label, by plugin
}

func newMetrics(e *Engine) *metrics {
	r := e.o.Metrics
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hearth_" + name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hearth_" + name, Help: help, Buckets: buckets}, labels)
		r.MustRegister(h)
		return h
	}
	m := &metrics{
		names:           map[string]map[string]bool{},
		received:        counter("events_received_total", "Events that adapters brought in, by source and kind.", "source", "kind"),
		refused:         counter("events_refused_total", "Events that were malformed or beyond a bound.", "source"),
		duplicate:       counter("events_duplicate_total", "Events delivered again after they had been accepted.", "source"),
		routed:          counter("events_routed_total", "Work rows written for accepted events.", "source"),
		calls:           counter("invocations_total", "Calls of a plugin's handler, by result (ok, failed).", "plugin", "version", "result"),
		duration:        histogram("invocation_duration_seconds", "Time in the sandbox.", prometheus.ExponentialBuckets(5e-6, 2.5, 14), "plugin"),
		fuel:            histogram("invocation_fuel", "Fuel of an invocation, in units of about one instruction.", prometheus.ExponentialBuckets(1000, 4, 10), "plugin"),
		committed:       counter("events_committed_total", "Events whose effects were committed.", "plugin"),
		conflicts:       counter("events_conflict_total", "Invocations run again because what they read had changed.", "plugin"),
		retried:         counter("events_retried_total", "Failed attempts after which an event is tried again.", "plugin"),
		dead:            counter("events_dead_total", "Events given up after their attempts, or at once because their plugin fails and is behind.", "plugin"),
		dropped:         counter("dead_letters_deleted_total", "Failed events deleted before a person acted: their plugin had too many (full), or they were too old (old).", "plugin", "why"),
		withheld:        counter("effects_withheld_total", "Effects left out by the host's rules.", "plugin", "stage"),
		delivered:       counter("deliveries_total", "Messages whose way ended, by status (sent, failed, expired, withheld, skipped).", "platform", "status"),
		deliveryRetried: counter("deliveries_failed_attempts_total", "Attempts that a platform refused or did not answer.", "platform"),
		duplicates:      counter("deliveries_possible_duplicates_total", "Messages sent again after an attempt of unknown outcome.", "platform"),
		actions:         counter("actions_total", "Actions carried out for plugins, by result.", "plugin", "kind", "result"),
		tracked:         counter("tracked_total", "Events that plugins tracked.", "plugin", "name"),
		effectsRefused:  counter("effects_refused_total", "Attempts that did nothing because an effect was refused: not granted, or beyond a bound.", "plugin"),
		rolledOut:       counter("rollout_events_total", "First attempts at events while a version is rolled out, by version (live, new) and result (ok, failed, refused).", "plugin", "arm", "result"),
		rollouts:        counter("rollouts_ended_total", "Rollouts that ended: promoted, rolled_back with the guardrail that broke, or stopped.", "plugin", "how", "guardrail"),
		shadowed:        counter("shadow_events_total", "Events offered to a version on silent trial, by result (same, changed, failed, inexact, dropped).", "plugin", "result"),
		delivery:        histogram("delivery_duration_seconds", "Time of a platform's answer.", prometheus.ExponentialBuckets(0.001, 2.5, 12), "platform"),
		age:             histogram("delivery_age_seconds", "Time from a message's commit to its receipt.", prometheus.ExponentialBuckets(0.001, 3, 13), "platform"),
	}
	m.batchOps = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hearth_commit_writes", Help: "Rows written by an event's batch.", Buckets: prometheus.LinearBuckets(2, 4, 10)})
	m.held = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hearth_platform_held", Help: "1 while a platform refuses hearth and its messages wait."}, []string{"platform"})
	r.MustRegister(m.batchOps, m.held, newLineups(e), &communityFigures{e: e}, &queues{e: e,
		depth: prometheus.NewDesc("hearth_queue_depth", "Rows that wait: events, timers, actions and failed events by plugin, messages by platform.", []string{"queue", "name"}, nil),
		age:   prometheus.NewDesc("hearth_queue_age_seconds", "Time since what has waited longest in a queue came into it; since it was due for timers, which are one queue (all). Not there while nothing waits.", []string{"queue", "name"}, nil),
		state: prometheus.NewDesc("hearth_plugin_breaker_open", "1 while a plugin is held back.", []string{"plugin"}, nil),
		pause: prometheus.NewDesc("hearth_paused", "1 while nothing is sent.", nil, nil),
	})
	return m
}

func (m *metrics) invoked(plugin, version string, ok bool, took time.Duration, fuel int64) {
	result := "ok"
	if !ok {
		result = "failed"
	}
	m.calls.WithLabelValues(plugin, version, result).Inc()
	m.duration.WithLabelValues(plugin).Observe(took.Seconds())
	m.fuel.WithLabelValues(plugin).Observe(float64(fuel))
}

// sourceLabel keeps sources that callers of the API made up out of the labels:
// what is no platform's is "api".
func (e *Engine) sourceLabel(source string) string {
	if e.platform(source) != nil {
		return source
	}
	return "api"
}

// trackLabel keeps names that plugins compute out of the labels: each plugin
// has so many, then "other".
func (m *metrics) trackLabel(plugin, name string) string {
	if !utf8.ValidString(name) {
		return "other" // a label has to be text
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	names := m.names[plugin]
	if names == nil {
		names = map[string]bool{}
		m.names[plugin] = names
	}
	if !names[name] {
		if len(names) == maxTrackLabels {
			return "other"
		}
		names[name] = true
	}
	return name
}

// maxTrackLabels is how many tracked names of one plugin have a figure of
// their own on the metrics; all are counted in the store.
const maxTrackLabels = 50

// kindLabel keeps kinds that adapters made up out of the labels.
func kindLabel(k abi.Kind) string {
	if slices.Contains(abi.Kinds(), k) {
		return string(k)
	}
	return "unknown"
}
