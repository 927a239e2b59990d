package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hearthbot/hearth/store"
)

// How long rows are kept that nothing else deletes, beside [Keep]; see keys.go.
const (
	keepCaps   = 3 * 24 * time.Hour
	sweepEvery = time.Hour
	sweepBatch = 100 // rows deleted in one batch, so that events get in between
)

// sweep deletes what has outlived its use, once an hour.
func (e *Engine) sweep(ctx context.Context) {
	for ctx.Err() == nil {
		if n, err := e.sweepOnce(ctx); err != nil && ctx.Err() == nil {
			e.o.Logger.Error("not everything that is old could be deleted; it is tried again in an hour", "deleted", n, "err", err)
		}
		up := make(chan struct{})
		stop := e.clock.AfterFunc(sweepEvery, func() { close(up) })
		select {
		case <-ctx.Done():
			stop()
		case <-up:
		}
	}
}

// sweepOnce goes through everything that ages and returns how many rows it
// deleted. What cannot be swept of one kind keeps nothing of another.
func (e *Engine) sweepOnce(ctx context.Context) (int, error) {
	now := e.now()
	old := func(keep time.Duration) int64 { return now - keep.Milliseconds() }
	stamped := func(before int64) func(store.Row) bool {
		return func(r store.Row) bool { return readStamp(r.Value) < before }
	}
	keep := e.tuned().Keep
	number := func(age time.Duration) uint64 { return uint64(max(old(age), 0)) * uint64(time.Millisecond) }
	day := func(keep time.Duration) string { return e.clock.Now().Add(-keep).UTC().Format(time.DateOnly) }
	total := 0
	var errs []error
	for _, s := range []struct {
		prefix  store.Key
		drop    func(store.Row) bool
		ordered bool // by age: stop at the first row that stays
	}{
		{kSeen, stamped(old(keep.Seen)), false},
		{kAnswered, stamped(old(keep.Seen)), false},
		{kUsed, stamped(old(keep.Buttons)), false},
		{kToken, func(r store.Row) bool {
			var t tokenRow
			_, err := t.UnmarshalMsg(r.Value)
			return err == nil && t.Made < old(keep.Buttons)
		}, false},
		{kRef, func(r store.Row) bool {
			var t refRow
			_, err := t.UnmarshalMsg(r.Value)
			return err == nil && max(t.Used, int64(t.Out/uint64(time.Millisecond))) < old(keep.Buttons)
		}, false},
		{kCap, func(r store.Row) bool { return splitKey(r.Key, 2)[0] < day(keepCaps) }, true},
		{kTrack, func(r store.Row) bool { return splitKey(r.Key, 1)[0] < day(keep.Track) }, false},
		{kJournal, before(number(e.tuned().Journal.MaxAge)), true},
		{kSent, before(number(keep.Sent)), true},
	} {
		n, err := e.sweepPrefix(ctx, s.prefix, s.drop, s.ordered)
		total += n
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.prefix, err))
		}
	}
	for _, also := range []func(context.Context) (int, error){e.sweepDead, e.trimJournal, e.forgetNames, e.settleOwed, e.sweepMeasured, e.sweepAudit, e.sweepCode, e.sweepFiles} {
		n, err := also(ctx)
		total += n
		errs = append(errs, err)
	}
	return total, errors.Join(errs...)
}

// sweepAudit deletes what is old of the record of changes.
func (e *Engine) sweepAudit(ctx context.Context) (int, error) {
	return e.audit.Sweep(ctx, e.clock.Now().Add(-e.tuned().Keep.Audit))
}

// before drops rows whose number is smaller.
func before(seq uint64) func(store.Row) bool {
	return func(r store.Row) bool {
		n, err := store.ParseSeq(splitKey(r.Key, 2)[0])
		return err == nil && n < seq
	}
}

// trimJournal deletes the oldest evidence beyond Journal.MaxRows, of
// invocations and of deliveries alike.
func (e *Engine) trimJournal(ctx context.Context) (int, error) {
	total := 0
	var errs []error
	for _, prefix := range []store.Key{kJournal, kSent} {
		rows, err := e.count(ctx, prefix)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", prefix, err))
			continue
		}
		excess := rows - e.tuned().Journal.MaxRows
		n, err := e.sweepPrefix(ctx, prefix, func(store.Row) bool { excess--; return excess >= 0 }, true)
		total += n
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", prefix, err))
		}
	}
	return total, errors.Join(errs...)
}

func (e *Engine) count(ctx context.Context, prefix store.Key) (n int, err error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	for _, err := range snap.Scan(ctx, store.Prefix(prefix.Prefix())) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// sweepPrefix deletes the rows under prefix that drop says, a batch at a time
// and from a snapshot of its own each, so that no old page is held for long.
func (e *Engine) sweepPrefix(ctx context.Context, prefix store.Key, drop func(store.Row) bool, ordered bool) (int, error) {
	total := 0
	span := store.Prefix(prefix.Prefix())
	for more := true; more; {
		b := new(store.Batch)
		more = false
		snap, err := e.store.Snapshot(ctx)
		if err != nil {
			return total, err
		}
		seen := 0
		for row, err := range snap.Scan(ctx, span) {
			if err != nil {
				snap.Close()
				return total, err
			}
			span.From = row.Key + "\x00"
			if drop(row) {
				b.Check(row.Key, row.Rev)
				b.Delete(store.Key(strings.Clone(string(row.Key))))
			} else if ordered {
				break
			}
			if seen++; len(b.Writes()) == sweepBatch || seen == 100*sweepBatch {
				more = true
				break
			}
		}
		snap.Close()
		if len(b.Writes()) == 0 {
			continue
		}
		switch _, err := e.store.Commit(ctx, b); {
		case errors.Is(err, store.ErrConflict):
			continue // a row was used meanwhile: this batch stays until the next sweep
		case err != nil:
			return total, err
		}
		total += len(b.Writes())
	}
	return total, nil
}
