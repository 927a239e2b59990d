package host

import (
	"context"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/host/replay"
)

// Gate is what a version has to pass before it is made live: events of the
// journal, run again with reads that are answered late, or not at all. The
// lateness is not slept but added up (see [replay.Troubled]), so a gate takes
// about a second however slow its reads are.
type Gate struct {
	Last      int            // how many events, the newest; 0 means 1,000, more than 10,000 means that
	P95       time.Duration  // 95 of 100 events have to be done in no more; 0 means 200 ms
	Latency   replay.Latency // by which each read is answered late; zero: not at all
	FailEvery int            // each so many-th read fails; 0: none. The event is tried again, three times in all
}

// GateReport is what came of a gate, whether it was passed or not.
type GateReport struct {
	Passed bool
	Why    string         // it was not passed, in a line; "" if it was
	Bound  time.Duration  // that P95 is held against
	P95    time.Duration  // in the sandbox, with the waits for reads and all tries of the event
	Report *replay.Report // what the version does about the events; nil if there were none
}

// gateP95 is the bound of a gate that has none of its own.
const gateP95 = 200 * time.Millisecond

// gate runs events through v, which is ready and not live yet. Of a version that
// does not pass the error says why and wraps ErrGate. One passes if 95 of 100
// events are done within the bound and none fails that had not failed. If the
// journal has no events to judge it by, it does not pass: nothing is known of it.
func (e *Engine) gate(ctx context.Context, v *version, g *Gate) (GateReport, error) {
	r := GateReport{Bound: g.P95}
	if r.Bound <= 0 {
		r.Bound = gateP95
	}
	over, err := e.replays.take(ctx)
	if err != nil {
		return r, fmt.Errorf("gate: %w", err)
	}
	defer over()
	begun := time.Now()
	if p := e.plugin(v.manifest.Name); p != nil && p.lineup().holds(v) {
		double, done, err := e.doubleOf(ctx, v) // it has its own events to handle
		if err != nil {
			return r, fmt.Errorf("gate: %w", err)
		}
		defer done()
		v = double
	}
	o := ReplayOptions{Last: g.Last, Trouble: replay.Trouble{Latency: g.Latency, FailEvery: max(0, g.FailEvery)}}
	t, err := e.rehearse(ctx, v, &o, time.Since(begun))
	if err != nil {
		return r, fmt.Errorf("gate: %w", err)
	}
	r.P95 = t.P95()
	r.Report = t.Finish()
	switch n := r.Report; {
	case n.Events == 0:
		r.Why = fmt.Sprintf("the journal has no event of plugin %s that could be run again; make it live without the gate, or wait for events", v.manifest.Name)
	case r.P95 > r.Bound:
		r.Why = fmt.Sprintf("95 of 100 events took up to %v, the bound is %v (%d events run)", r.P95.Round(time.Microsecond*100), r.Bound, n.Events)
	case n.Broken > 0:
		r.Why = fmt.Sprintf("%d of %d events fail that had not failed before%s", n.Broken, n.Events, firstBroken(n))
	}
	e.o.Logger.Info("a gate was run", "plugin", v.manifest.Name, "version", v.manifest.Version, "sha256", v.sha, "events", r.Report.Events,
		"p95", r.P95, "bound", r.Bound, "broken", r.Report.Broken, "changed", r.Report.Changed, "inexact", r.Report.Inexact, "passed", r.Why == "")
	if r.Why != "" {
		return r, fmt.Errorf("%w: %s", ErrGate, r.Why)
	}
	r.Passed = true
	return r, nil
}

// firstBroken says how the newest event fails that had not failed.
func firstBroken(r *replay.Report) string {
	for i := len(r.Changes) - 1; i >= 0; i-- {
		if c := &r.Changes[i]; c.Error != "" && c.ErrorBefore == "" && !c.Inexact {
			return fmt.Sprintf("; event %s: %s", c.Number, firstLine(c.Error, 200))
		}
	}
	return ""
}
