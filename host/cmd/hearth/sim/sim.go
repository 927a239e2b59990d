// Package sim makes up a community, has everything that happens in it reach a
// whole engine, and compares what hearth counts with what is true. It owns what
// members do (people.go: the built-in retention, funnel, first minutes, pull
// requests and effects), a clock that jumps from one happening to the next, and the
// truth (truth.go), counted from all that happened by the definitions that package
// measure documents, and not by its code.
//
// What is real: events go through Engine.Accept, pull requests through GitHub's
// signed webhook, both to the plugins experiments, welcome and tasks in their
// sandboxes, whose timers, messages, verifications and tracked names follow; the
// figures are read as the pages read them. What stands in: chat platforms that take
// every message, a compiler that knows the three programs that members post, and
// the store in memory.
//
// What is nasty: events come late, too late, twice (within the time in which hearth
// knows them, and behind it) and from clocks that are ahead; members leave before
// they join, and join three times; bots show late what they are; clocks change for
// the summer, and the community moves to another time zone.
package sim

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/store"
)

// Settings say what is simulated. Plugins is required.
type Settings struct {
	Members int
	Days    int
	Seed    uint64

	Plugins fs.FS  // NAME.wasm each, of those that run
	Cache   string // a directory for their compiled code; "" for none

	// Tell is told, now and then, how many of all events have come in; nil is not.
	Tell func(done, all int)
}

// Bounds of a simulation.
const (
	MaxMembers = 100_000
	MaxDays    = 365
)

func (s *Settings) check() error {
	switch {
	case s.Members < 1 || s.Members > MaxMembers:
		return fmt.Errorf("sim: %d members; 1 to %d can be simulated", s.Members, MaxMembers)
	case s.Days < 1 || s.Days > MaxDays:
		return fmt.Errorf("sim: %d days; 1 to %d can be simulated", s.Days, MaxDays)
	case s.Plugins == nil:
		return errors.New("sim: Settings.Plugins is missing")
	}
	return nil
}

// Run simulates. Its result is the same for the same members, days and seed.
func Run(ctx context.Context, s Settings) (_ *Result, err error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	w, err := newWorld(s)
	if err != nil {
		return nil, err
	}
	people := w.people()
	list := deliveries(people)
	d, err := start(ctx, s, w, people)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.end(ctx)) }()
	if err := d.begin(ctx, w); err != nil {
		return nil, err
	}
	r := &Result{Members: s.Members, Days: s.Days, Seed: s.Seed, Begin: w.begin, End: w.end}
	half, moved := w.begin.AddDate(0, 0, s.Days/2), false
	for i, v := range list {
		if !half.IsZero() && v.at.After(half) {
			if err := r.look(ctx, d, w, people, half, "half-time"); err != nil {
				return nil, err
			}
			half = time.Time{}
		}
		if !moved && v.at.After(w.moves) {
			if err := d.move(ctx, w); err != nil {
				return nil, err
			}
			moved = true
		}
		if err := d.until(ctx, v.at); err != nil {
			return nil, err
		}
		if err := d.accept(ctx, v); err != nil {
			return nil, err
		}
		if s.Tell != nil && (i%500 == 0 || i == len(list)-1) {
			s.Tell(i+1, len(list))
		}
	}
	if err := r.look(ctx, d, w, people, w.end.Add(settling), atEnd); err != nil {
		return nil, err
	}
	r.Events = len(list)
	for _, p := range d.platforms {
		r.Delivered += p.delivered()
	}
	if err := r.rebuild(ctx, d); err != nil {
		return nil, err
	}
	r.SHA256 = r.digest()
	return r, nil
}

// settling is how long after the last event the figures are read: what the engine
// does now and then has been done.
const settling = 3 * time.Hour

// newWorld is a world that begins in New York on a Monday, six days before clocks
// change there, and goes on from Berlin when two thirds of its time have passed.
func newWorld(s Settings) (*world, error) {
	w := &world{s: s}
	var err error
	if w.from, err = time.LoadLocation("America/New_York"); err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	if w.to, err = time.LoadLocation("Europe/Berlin"); err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	w.begin = time.Date(2026, 3, 2, 0, 0, 0, 0, w.from)
	w.end = w.begin.AddDate(0, 0, s.Days)
	w.moves = w.begin.AddDate(0, 0, 2*s.Days/3).Add(10*time.Hour + 30*time.Minute)
	w.moved = w.moves.Add(moveDelay)
	return w, w.experiments()
}

// move has the community move to the other time zone.
func (d *driver) move(ctx context.Context, w *world) error {
	if err := d.until(ctx, w.moves); err != nil {
		return err
	}
	d.tuning.Community.TimeZone = w.to
	if err := d.Reconfigure(ctx, d.tuning); err != nil {
		return fmt.Errorf("sim: moving to %v: %w", w.to, err)
	}
	return nil
}

// look compares what hearth counts with the truth.
func (r *Result) look(ctx context.Context, d *driver, w *world, people []*person, at time.Time, when string) error {
	if err := d.until(ctx, at); err != nil {
		return err
	}
	t := w.truth(people, at)
	for _, platform := range []string{"", "slack", "webchat"} {
		err := d.Measured(ctx, func(m *measure.Model, snap store.Snapshot, now time.Time) error {
			counted, err := w.read(ctx, m, snap, platform, now)
			if err != nil {
				return err
			}
			title := when
			if platform != "" {
				title += ", " + platform
			}
			r.compare(title, t.figures(platform), counted)
			return nil
		})
		if err != nil {
			return fmt.Errorf("sim: reading the figures: %w", err)
		}
	}
	if when == atEnd {
		r.estimate(t)
	}
	return nil
}

// rebuild has hearth count everything anew from its rows, and compares.
func (r *Result) rebuild(ctx context.Context, d *driver) error {
	done, err := d.RebuildAnalytics(ctx, audit.Who{ID: "simulation", Name: "simulation"}, nil)
	if err != nil {
		return fmt.Errorf("sim: counting anew: %w", err)
	}
	r.Rebuilt = Rebuilt{Rows: done.Rows, Counters: done.Counters, Changed: done.Changed}
	return nil
}
