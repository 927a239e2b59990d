package host

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hearthbot/hearth/store"
)

// deadLetters knows the numbers of the events that were given up, by plugin, so
// that they are counted and bounded without reading a row. The rows are the
// truth; their names are read once, at the start.
type deadLetters struct {
	most int // of one plugin

	mu      sync.Mutex
	numbers map[string][]uint64 // rising
	unsaid  map[string]int      // deleted since the sweep last spoke of it
}

func (d *deadLetters) add(plugin string, numbers ...uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range numbers {
		list := d.numbers[plugin]
		if i, there := slices.BinarySearch(list, n); !there {
			d.numbers[plugin] = slices.Insert(list, i, n)
		}
	}
}

func (d *deadLetters) remove(plugin string, number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.numbers[plugin]
	if i, there := slices.BinarySearch(list, number); there {
		d.numbers[plugin] = slices.Delete(list, i, i+1)
	}
}

// excess takes out the oldest of a plugin that are too many when more of them
// come, limit at most. Whoever takes numbers out deletes their rows, or adds
// them again.
func (d *deadLetters) excess(plugin string, more, limit int) []uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.take(plugin, min(len(d.numbers[plugin])+more-d.most, limit))
}

// before takes out those of a plugin with a smaller number.
func (d *deadLetters) before(plugin string, number uint64) []uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, _ := slices.BinarySearch(d.numbers[plugin], number)
	return d.take(plugin, n)
}

// take takes out the oldest n. d.mu is held.
func (d *deadLetters) take(plugin string, n int) []uint64 {
	list := d.numbers[plugin]
	n = min(max(n, 0), len(list))
	taken := slices.Clone(list[:n])
	d.numbers[plugin] = slices.Delete(list, 0, n)
	return taken
}

// count is how many there are, by plugin.
func (d *deadLetters) count() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[string]int, len(d.numbers))
	for plugin, list := range d.numbers {
		out[plugin] = len(list)
	}
	return out
}

// oldest is the smallest number of a plugin, 0 if it has none.
func (d *deadLetters) oldest(plugin string) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if list := d.numbers[plugin]; len(list) > 0 {
		return list[0]
	}
	return 0
}

// loadDead reads which events were given up in earlier runs.
func (e *Engine) loadDead(ctx context.Context, snap store.Snapshot) error {
	for row, err := range snap.Scan(ctx, store.Prefix(kDead.Prefix())) {
		if err != nil {
			return err
		}
		s := splitKey(row.Key, 2)
		if n, err := store.ParseSeq(s[0]); err == nil {
			e.dead.add(strings.Clone(s[1]), n)
		}
	}
	return nil
}

// burial is an event that a batch puts among the failed ones, and the older
// ones that it deletes to make room.
type burial struct {
	plugin string
	number uint64
	gone   []uint64
}

// bury adds to b that a plugin gives up on an event. Whoever commits b calls
// buried. The oldest go, not the newest: for those a person can still do most.
func (e *Engine) bury(b *store.Batch, plugin string, w *workRow) (burial, error) {
	row, err := (&deadRow{Work: *w, At: e.now()}).MarshalMsg(nil)
	if err != nil {
		return burial{}, fmt.Errorf("encoding an event: %w", err)
	}
	b.Put(deadKey(w.Seq, plugin), row)
	// Two for one: what came past the bound at once with others goes again.
	x := burial{plugin, w.Seq, e.dead.excess(plugin, 1, 2)}
	for _, n := range x.gone {
		b.Delete(deadKey(n, plugin))
	}
	if len(x.gone) > 0 {
		b.Add(kDropped.Join(plugin), int64(len(x.gone)))
	}
	return x, nil
}

// buried takes note of what became of the batch with these burials.
func (e *Engine) buried(err error, list ...burial) {
	for _, x := range list {
		if err != nil {
			e.dead.add(x.plugin, x.gone...)
			continue
		}
		e.dead.add(x.plugin, x.number)
		e.met.dead.WithLabelValues(x.plugin).Inc()
		e.dropped(x.plugin, "full", len(x.gone))
	}
}

// dropped counts failed events that were deleted unseen.
func (e *Engine) dropped(plugin, why string, n int) {
	if n == 0 {
		return
	}
	e.met.dropped.WithLabelValues(plugin, why).Add(float64(n))
	e.dead.mu.Lock()
	defer e.dead.mu.Unlock()
	e.dead.unsaid[plugin] += n
}

// sweepDead deletes failed events that have waited too long for a person, and
// those that are too many since the bound was lowered. It says, in one line,
// how many went since it last did.
func (e *Engine) sweepDead(ctx context.Context) (int, error) {
	before := e.now() - e.o.DeadLetters.MaxAge.Milliseconds()
	total := 0
	var errs []error
	drop := func(plugin string, numbers []uint64, why string, before int64) {
		for chunk := range slices.Chunk(numbers, sweepBatch) {
			n, err := e.dropDead(ctx, plugin, chunk, before)
			e.dropped(plugin, why, n)
			total += n
			if err != nil && !errors.Is(err, store.ErrConflict) { // one was tried again meanwhile: until the next sweep
				errs = append(errs, fmt.Errorf("%s: %w", kDead.Join(plugin), err))
			}
		}
	}
	for plugin := range e.dead.count() {
		drop(plugin, e.dead.excess(plugin, 0, math.MaxInt), "full", math.MaxInt64)
		// A number is a time: what happened later cannot have been given up before.
		drop(plugin, e.dead.before(plugin, uint64(max(before, 0))*uint64(time.Millisecond)), "old", before)
	}

	e.dead.mu.Lock()
	unsaid := e.dead.unsaid
	e.dead.unsaid = map[string]int{}
	e.dead.mu.Unlock()
	if len(unsaid) > 0 {
		e.o.Logger.Warn("failed events that nobody had looked at were deleted: their plugin had too many, or they were too old", "events", unsaid)
	}
	return total, errors.Join(errs...)
}

// dropDead deletes those of a plugin's failed events that were given up before
// a time. The others, and all if it fails, are known again afterwards.
func (e *Engine) dropDead(ctx context.Context, plugin string, numbers []uint64, before int64) (n int, err error) {
	var stay []uint64
	defer func() {
		if err != nil {
			stay, n = numbers, 0
		}
		e.dead.add(plugin, stay...)
	}()
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	b := new(store.Batch)
	for _, number := range numbers {
		key := deadKey(number, plugin)
		row, err := snap.Get(ctx, key)
		if err != nil {
			return 0, err
		}
		var d deadRow
		switch _, err := d.UnmarshalMsg(row.Value); {
		case !row.Exists():
		case err == nil && d.At >= before:
			stay = append(stay, number)
		default:
			b.Check(key, row.Rev)
			b.Delete(key)
		}
	}
	if n = len(b.Writes()); n == 0 {
		return 0, nil
	}
	b.Add(kDropped.Join(plugin), int64(n))
	_, err = e.store.Commit(ctx, b)
	return n, err
}

// failed is how many events were given up and wait for a person, and how many
// were deleted unseen.
func (e *Engine) failed(ctx context.Context) (waiting, dropped int, err error) {
	for _, n := range e.dead.count() {
		waiting += n
	}
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer snap.Close()
	for row, err := range snap.Scan(ctx, store.Prefix(kDropped.Prefix())) {
		if err != nil {
			return 0, 0, err
		}
		n, err := store.Counter(row)
		if err != nil {
			return 0, 0, err
		}
		dropped += int(n)
	}
	return waiting, dropped, nil
}
