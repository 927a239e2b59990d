package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Measure says what is measured of a community; its days begin in its own time
// zone. The zero value is what package measure has for defaults.
type Measure struct {
	Active  []abi.Kind       // kinds of event that count as activity
	Funnel  []measure.Step   // that newcomers take
	Window  time.Duration    // from the join, within which they take them
	Metrics []measure.Metric // that experiments are judged by, beside the funnel's steps
}

// Check says what is wrong with it; nil if nothing is.
func (m Measure) Check() error {
	_, err := measure.New(m.config())
	return err
}

func (m Measure) config() measure.Config {
	return measure.Config{Active: m.Active, Funnel: m.Funnel, Window: m.Window, Metrics: m.Metrics}
}

// measuring is what the engine measures by at present, and what it keeps in memory
// for that. Package measure says how is counted; here is where its facts come from:
//
//	Accept                     what members do, in the batch that takes the event in
//	planTrack                  what plugins track of them, in the invocation's batch
//	actOnce                    that their code was run, in the batch of the verdict
//	finish of a delivery       which variations they were shown, in the receipt's batch
//
// Each of these batches checks the row of the definitions too: a change of them
// (a time zone, the funnel) lies between batches, never within one.
type measuring struct {
	changing sync.RWMutex // held for writing while others come into force, for reading only to load now
	current  atomic.Pointer[measures]
	rows     measuredRows

	settling  sync.Mutex    // one at a time, see measure.Settle
	verifying sync.Mutex    // likewise RebuildAnalytics
	wake      chan struct{} // of keepMeasuring: something is owed, or to be counted anew
	counting  atomic.Bool   // by definitions that are new
	counted   atomic.Int64  // rows so far
}

// measures are definitions in force.
type measures struct {
	model *measure.Model
	row   measuringRow
	rev   store.Rev // of the row
}

// measures are the definitions in force. While others come into force it waits.
func (e *Engine) measures() *measures {
	e.measuring.changing.RLock()
	defer e.measuring.changing.RUnlock()
	return e.measuring.current.Load()
}

// zoneDelay is after how long a community's new time zone is that of its days: by
// then nothing can come in any more that was counted by the zone before and would
// now be by the new one.
const zoneDelay = measure.Skew + time.Minute

// measureBy has the engine measure by a tuning from now on, and takes down what
// changes by that. Members' rows are counted by new definitions afterwards, see
// keepMeasuring.
func (e *Engine) measureBy(ctx context.Context, t *Tuning) error {
	m := &e.measuring
	m.changing.Lock()
	defer m.changing.Unlock()
	for {
		now, err := e.newMeasures(ctx, t)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("measuring: %w", err)
		}
		m.current.Store(now)
		m.wakeUp()
		return nil
	}
}

func (m *measuring) wakeUp() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (e *Engine) newMeasures(ctx context.Context, t *Tuning) (*measures, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	stored, err := snap.Get(ctx, kMeasuring)
	if err != nil {
		return nil, err
	}
	row := measuringRow{Began: e.now(), Generation: 1}
	if stored.Exists() {
		if _, err := row.UnmarshalMsg(stored.Value); err != nil {
			return nil, fmt.Errorf("row %s: %w", kMeasuring, err)
		}
	}
	was := row
	if err := e.moveZone(ctx, snap, &row, t.Community.TimeZone.String()); err != nil {
		return nil, err
	}
	c := t.Measure.config()
	c.Calendar, c.Generation = e.calendar(row.Zones, t.Community.TimeZone), row.Generation
	model, err := measure.New(c)
	if err != nil {
		return nil, err
	}
	if row.Version != "" && model.Version() != row.Version {
		c.Generation++
		if model, err = measure.New(c); err != nil {
			return nil, err
		}
	}
	row.Generation, row.Version = c.Generation, model.Version()
	if stored.Exists() && row.Version == was.Version && len(row.Zones) == len(was.Zones) && row.Zones[len(row.Zones)-1] == was.Zones[len(was.Zones)-1] {
		return &measures{model, row, stored.Rev}, nil
	}
	b := new(store.Batch)
	b.Check(kMeasuring, stored.Rev)
	v, err := row.MarshalMsg(nil)
	if err != nil {
		return nil, err
	}
	b.Put(kMeasuring, v)
	if stored.Exists() && row.Version != was.Version {
		counting := countingRow{Version: row.Version, Began: e.now()}
		if v, err = counting.MarshalMsg(nil); err != nil {
			return nil, err
		}
		b.Put(kCounting, v)
		e.measuring.counting.Store(true)
		e.measuring.counted.Store(0)
		e.o.Logger.Info("funnel or metrics are defined anew; members are counted by that from now on, and those of before beside the work", "version", row.Version)
	}
	rev, err := e.store.Commit(ctx, b)
	return &measures{model, row, rev}, err
}

// moveZone notes that the community's days begin elsewhere, in a while. Where
// nobody is measured yet they always have.
func (e *Engine) moveZone(ctx context.Context, snap store.Snapshot, row *measuringRow, zone string) error {
	last := len(row.Zones) - 1
	if last >= 0 && row.Zones[last].Name == zone {
		return nil
	}
	first := measure.Rows()
	first.Limit = 1
	for _, err := range snap.Scan(ctx, first) {
		if err != nil {
			return err
		}
		from := e.clock.Now().Add(zoneDelay).UnixMilli()
		if row.Zones == nil {
			from = 0
		}
		// A copy: what is in force has the old ones.
		row.Zones = append(row.Zones[:len(row.Zones):len(row.Zones)], zoneRow{from, zone})
		return nil
	}
	row.Zones = []zoneRow{{0, zone}}
	return nil
}

// calendar is the community's, by its zones. loc is that of the last one.
func (e *Engine) calendar(rows []zoneRow, loc *time.Location) measure.Calendar {
	zones := make([]measure.Zone, len(rows))
	for i, r := range rows {
		if r.From != 0 {
			zones[i].From = time.UnixMilli(r.From)
		}
		if zones[i].Loc = loc; r.Name == loc.String() {
			continue
		}
		var err error
		if zones[i].Loc, err = time.LoadLocation(r.Name); err != nil {
			e.o.Logger.Error("a time zone in which the community was is not known any more; its days of then are UTC's", "zone", r.Name, "err", err)
			zones[i].Loc = time.UTC
		}
	}
	return measure.NewCalendar(zones...)
}

// folded is what a batch changes of a member's measured row.
type folded struct {
	member string
	row    measure.Row
	epoch  uint64
	owes   bool
}

// isKnown says whether facts about a member are no news, by the copy of their row
// that is kept.
func (e *Engine) isKnown(ms *measures, member string, facts ...*measure.Fact) bool {
	row, _ := e.measuring.rows.get(member)
	if row == nil {
		return false
	}
	for _, f := range facts {
		if !ms.model.Knows(row, f) {
			return false
		}
	}
	return true
}

// fold adds to b what facts about a member change, and returns what that is; nil,
// with b as it was, if it is nothing. b has room for so many writes, of which this
// takes four and more. A row that cannot be read is logged and left alone: measuring
// keeps nothing from happening.
func (e *Engine) fold(ctx context.Context, snap store.Snapshot, b *store.Batch, ms *measures, member string, room int, facts ...*measure.Fact) (*folded, error) {
	_, epoch := e.measuring.rows.get(member)
	stored, err := snap.Get(ctx, measure.Key(member))
	if err != nil {
		return nil, err
	}
	checks, writes := len(b.Checks()), len(b.Writes())
	row, changed, owes, err := ms.model.FoldAll(b, member, stored, room-4, facts...)
	if err != nil {
		if len(b.Checks()) != checks || len(b.Writes()) != writes {
			return nil, err
		}
		e.o.Logger.Error("what is measured of a member cannot be read, and stays as it is", "key", measure.Key(member), "err", err)
		return nil, nil
	}
	if !changed {
		e.measuring.rows.put(member, &row, epoch)
		return nil, nil
	}
	b.Check(kMeasuring, ms.rev)
	return &folded{member, row, epoch, owes}, nil
}

// keep takes note of what was committed.
func (e *Engine) keep(list ...*folded) {
	for _, x := range list {
		if x == nil {
			continue
		}
		e.measuring.rows.put(x.member, &x.row, x.epoch)
		if x.owes {
			e.measuring.wakeUp()
		}
	}
}

// learnOf commits facts about a member in a batch of their own.
func (e *Engine) learnOf(ctx context.Context, member string, facts ...*measure.Fact) error {
	for {
		ms := e.measures()
		if e.isKnown(ms, member, facts...) {
			return nil
		}
		snap, err := e.store.Snapshot(ctx)
		if err != nil {
			return err
		}
		b := new(store.Batch)
		x, err := e.fold(ctx, snap, b, ms, member, store.MaxOps, facts...)
		snap.Close()
		if err != nil || x == nil {
			return err
		}
		switch _, err = e.store.Commit(ctx, b); {
		case err == nil:
			e.keep(x)
			return nil
		case !errors.Is(err, store.ErrConflict):
			return err
		}
	}
}

// Measured calls read with the definitions in force, rows that are counted by them,
// and the time. Figures that are read there fit together; they say what they count
// in package measure. The snapshot ends with the call.
func (e *Engine) Measured(ctx context.Context, read func(m *measure.Model, snap store.Snapshot, now time.Time) error) error {
	for {
		ms := e.measures()
		snap, err := e.store.Snapshot(ctx)
		if err != nil {
			return fmt.Errorf("host: reading figures: %w", err)
		}
		row, err := snap.Get(ctx, kMeasuring)
		if err == nil && row.Rev != ms.rev { // they have changed in between
			snap.Close()
			continue
		}
		if err == nil {
			err = read(ms.model, snap, e.clock.Now())
		}
		snap.Close()
		if err != nil {
			return fmt.Errorf("host: reading figures: %w", err)
		}
		return nil
	}
}

// MeasuredMember is what is measured of a member; false if nothing is.
func (e *Engine) MeasuredMember(ctx context.Context, id string) (row measure.Row, ok bool, err error) {
	err = e.Measured(ctx, func(_ *measure.Model, snap store.Snapshot, _ time.Time) error {
		stored, err := snap.Get(ctx, measure.Key(id))
		if err != nil {
			return err
		}
		ok = stored.Exists()
		row, err = measure.ReadRow(stored)
		return err
	})
	return row, ok, err
}

// Measuring is how measuring is going.
type Measuring struct {
	Since   time.Time // nothing was measured before: who joined earlier is in no cohort
	Version string    // of the definitions of funnel and metrics
	Counted int       // rows counted by new definitions so far; -1 while none are new. Until they all are, funnel and experiments are not whole
}

// Measuring says how measuring is going.
func (e *Engine) Measuring() Measuring {
	ms := e.measures()
	m := Measuring{Since: time.UnixMilli(ms.row.Began), Version: ms.row.Version, Counted: -1}
	if e.measuring.counting.Load() {
		m.Counted = int(e.measuring.counted.Load())
	}
	return m
}

// Hidden is what a platform does not show hearth, and so is in no figure.
type Hidden struct {
	Platform string
	What     []string // as the platform's adapter says it, in English
}

// Coverage lists the platforms that hide something, by name.
func (e *Engine) Coverage() []Hidden {
	_, platforms := e.locked()
	var list []Hidden
	for _, p := range platforms {
		p.mu.Lock()
		what := p.health.Hidden
		p.mu.Unlock()
		if len(what) > 0 {
			list = append(list, Hidden{p.name, what})
		}
	}
	return list
}
