package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/store"
)

const (
	countAtOnce = 8   // rows counted anew at once, so that their commits are one write of the disk
	countLook   = 256 // rows between notes of how far it has come
)

// keepMeasuring carries out what is owed, and counts rows by new definitions,
// whenever there is something: beside the work, and at every start what an earlier
// run left.
func (e *Engine) keepMeasuring(ctx context.Context) {
	for ctx.Err() == nil {
		_, err := e.settleOwed(ctx)
		if err == nil {
			err = e.countAnew(ctx)
		}
		again := make(chan struct{})
		stop := func() bool { return true }
		if err != nil && ctx.Err() == nil {
			e.o.Logger.Error("figures could not be brought up to date; it is tried again in a minute", "err", err)
			stop = e.clock.AfterFunc(time.Minute, func() { close(again) })
		}
		select {
		case <-ctx.Done():
		case <-e.measuring.wake:
		case <-again:
		}
		stop()
	}
}

// settleOwed carries out counters that are owed.
func (e *Engine) settleOwed(ctx context.Context) (int, error) {
	e.measuring.settling.Lock()
	defer e.measuring.settling.Unlock()
	return measure.Settle(ctx, e.store)
}

// countAnew counts rows by the definitions in force that are still counted by
// earlier ones, and then deletes what those counted. It goes on where an earlier
// run ended, and begins again if the definitions change under it.
func (e *Engine) countAnew(ctx context.Context) error {
	for {
		again, err := e.countOnce(ctx)
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("counting by new definitions: %w", err)
		}
		if err == nil && !again {
			return nil
		}
	}
}

// countOnce counts a part, and says whether there is more.
func (e *Engine) countOnce(ctx context.Context) (more bool, err error) {
	ms := e.measures()
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return false, err
	}
	defer snap.Close()
	at, err := snap.Get(ctx, kCounting)
	if err != nil || !at.Exists() {
		e.measuring.counting.Store(false)
		return false, err
	}
	var c countingRow
	if _, err := c.UnmarshalMsg(at.Value); err != nil {
		return false, fmt.Errorf("row %s: %w", kCounting, err)
	}
	if c.Version != ms.row.Version {
		return true, store.ErrConflict // read before the change that is in force
	}
	e.measuring.counting.Store(true)
	e.measuring.counted.Store(int64(c.Done))

	span := measure.Rows()
	span.From = max(span.From, store.Key(c.From))
	span.Limit = countLook
	var work errgroup.Group
	work.SetLimit(countAtOnce)
	n := 0
	for row, err := range snap.Scan(ctx, span) {
		if err != nil {
			return false, errors.Join(err, work.Wait())
		}
		n++
		c.From = string(row.Key) + "\x00"
		names := row.Key.Segments()
		member := strings.Clone(names[len(names)-1])
		work.Go(func() error { return e.countMember(ctx, ms, member) })
	}
	if err := work.Wait(); err != nil {
		return false, err
	}
	c.Done += n
	b := new(store.Batch)
	b.Check(kCounting, at.Rev)
	if n > 0 {
		v, err := c.MarshalMsg(nil)
		if err != nil {
			return false, err
		}
		b.Put(kCounting, v)
		_, err = e.store.Commit(ctx, b)
		return true, err
	}
	if err := e.dropStale(ctx, ms); err != nil {
		return false, err
	}
	b.Delete(kCounting)
	if _, err := e.store.Commit(ctx, b); err != nil {
		return true, err
	}
	e.measuring.counting.Store(false)
	e.o.Logger.Info("all members are counted by the new definitions", "members", c.Done, "version", c.Version,
		"took", time.Duration(e.now()-c.Began)*time.Millisecond)
	return false, nil
}

// countMember counts a member's row by the definitions in force, if it is not.
func (e *Engine) countMember(ctx context.Context, ms *measures, member string) error {
	for {
		snap, err := e.store.Snapshot(ctx)
		if err != nil {
			return err
		}
		row, err := snap.Get(ctx, measure.Key(member))
		b := new(store.Batch)
		changed := false
		if err == nil {
			changed, err = ms.model.Recount(b, member, row)
		}
		snap.Close()
		if err != nil || !changed {
			return err
		}
		b.Check(kMeasuring, ms.rev)
		if _, err = e.store.Commit(ctx, b); err == nil || !errors.Is(err, store.ErrConflict) {
			return err
		}
		if e.measures() != ms {
			return err // it begins again
		}
	}
}

// dropStale deletes what other definitions counted, once no row is counted by them.
func (e *Engine) dropStale(ctx context.Context, ms *measures) error {
	for {
		snap, err := e.store.Snapshot(ctx)
		if err != nil {
			return err
		}
		keys, err := ms.model.Stale(ctx, snap, sweepBatch)
		snap.Close()
		if err != nil || len(keys) == 0 {
			return err
		}
		b := new(store.Batch)
		b.Check(kMeasuring, ms.rev)
		for _, k := range keys {
			b.Delete(k)
		}
		if _, err := e.store.Commit(ctx, b); err != nil {
			return err
		}
	}
}

// RebuiltAnalytics is what a rebuild of the counters came to.
type RebuiltAnalytics struct {
	Rows     int // members
	Counters int // that there ought to be
	Changed  int // of all, those that were not as they ought to be, and are now

	Examples []measure.Off // of the changed, by key; at most 20
}

// maxExamples is how many changed counters a rebuild shows.
const maxExamples = 20

// RebuildAnalytics counts all counters anew from members' rows and puts right those
// that differ, on record. The figures are whole while events flow: what is changed
// is the difference, and what comes in meanwhile adds to it. One runs at a time.
// progress, if it is not nil, is told of rows counted; all is how many there were
// when it began.
func (e *Engine) RebuildAnalytics(ctx context.Context, who audit.Who, progress func(done, all int)) (RebuiltAnalytics, error) {
	e.measuring.verifying.Lock()
	defer e.measuring.verifying.Unlock()
	var out RebuiltAnalytics
	var v measure.Verified
	err := e.Measured(ctx, func(m *measure.Model, snap store.Snapshot, _ time.Time) error {
		all := 0
		for _, err := range snap.Scan(ctx, measure.Rows()) {
			if err != nil {
				return err
			}
			all++
		}
		var err error
		v, err = m.Verify(ctx, snap, func(rows int) {
			if progress != nil && (rows%1000 == 0 || rows == all) {
				progress(rows, all)
			}
		})
		return err
	})
	if err != nil {
		return out, err
	}
	out = RebuiltAnalytics{Rows: v.Rows, Counters: v.Counters, Changed: len(v.Off), Examples: v.Off[:min(len(v.Off), maxExamples)]}
	for at := 0; at < len(v.Off); at += sweepBatch {
		b := new(store.Batch)
		for _, o := range v.Off[at:min(at+sweepBatch, len(v.Off))] {
			b.Add(o.Key, o.Ought-o.Is)
		}
		if _, err := e.store.Commit(ctx, b); err != nil {
			return out, fmt.Errorf("host: putting counters right: %w", err)
		}
	}
	if err := e.audit.Add(ctx, audit.Entry{Who: who, Did: "analytics.rebuild", On: "analytics",
		After: fmt.Sprintf("%d members, %d counters, %d put right", out.Rows, out.Counters, out.Changed)}); err != nil {
		return out, fmt.Errorf("host: putting counters right: %w", err)
	}
	return out, nil
}

// sweepMeasured deletes counters in which nobody is left.
func (e *Engine) sweepMeasured(ctx context.Context) (int, error) {
	return e.sweepPrefix(ctx, measure.Counters, func(r store.Row) bool {
		n, err := store.Counter(r)
		return err == nil && n == 0
	}, false)
}
