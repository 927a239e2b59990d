// Package store keeps hearth's rows: a small ordered key-value store whose
// reads are consistent snapshots and whose writes are atomic batches.
//
// It knows bytes, never events: what a key means is written down in the
// package that stores it. Backends ([Mem] here, bolt and etcd in packages of
// their own) differ in where the bytes lie, never in what a caller may
// observe; storetest holds every one of them to that.
//
// # How a change is made
//
// There is no Update(func(tx)). A caller reads a [Snapshot], decides, and
// commits one [Batch] that says what it relied on:
//
//	snap, _ := s.Snapshot(ctx)
//	row, _ := snap.Get(ctx, key)         // row.Rev is 0 when there is none
//	b := new(store.Batch)
//	b.Check(key, row.Rev)                // still so?
//	b.Put(key, next(row.Value))
//	_, err := s.Commit(ctx, b)           // all of it, or ErrConflict
//
// # Revisions
//
// Every committed batch has its own [Rev], larger than all before it, and
// every row carries the revision of the batch that last wrote it. Revision 0
// is before everything: a row at revision 0 does not exist.
//
// # Keys
//
// A [Key] is a path of segments made with [Join], ordered by its bytes.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
)

// Rev numbers committed batches, from 1 on. It never goes back, not even over
// a restart.
type Rev uint64

// Bounds that every backend enforces alike, so that what works on one machine
// works on a cluster. They follow etcd's defaults (128 operations a
// transaction, 1.5 MiB a request) with room for its framing.
const (
	MaxKey    = 1 << 10         // bytes of a key
	MaxValue  = 768 << 10       // bytes of a value
	MaxOps    = 128             // writes (puts, deletes and adds) of a batch
	MaxChecks = 128             // checks (of keys and of ranges) of a batch
	MaxBatch  = 1<<20 + 256<<10 // bytes of a batch's keys and values together
)

var (
	// ErrConflict says that a Check of the batch no longer held; nothing of the
	// batch was written. Read again, decide again, commit again.
	ErrConflict = errors.New("store: conflict: what was read has changed")

	// ErrTooLarge says that a key, a value or a batch is beyond its bound.
	ErrTooLarge = errors.New("store: too large")

	// ErrInvalid says that a call cannot be carried out as it stands: an empty
	// key, two writes of one key, an Add to a row that is no counter.
	ErrInvalid = errors.New("store: invalid")

	// ErrClosed says that the store, or the snapshot, has been closed.
	ErrClosed = errors.New("store: closed")

	// ErrCorrupt says that the bytes at rest are not what was written. The error
	// that wraps it names the file and the place in it.
	ErrCorrupt = errors.New("store: corrupt data")

	// ErrFull says that the store has reached the size it may have. Nothing of
	// the batch was written; what frees space may still be committed.
	ErrFull = errors.New("store: full")

	// ErrLocked says that another process has the data open.
	ErrLocked = errors.New("store: already open in another process")

	// ErrFormat says that the data was written by a version of hearth this one
	// does not know.
	ErrFormat = errors.New("store: unknown data format")
)

// Row is what a key holds. The zero Row is "there is none".
type Row struct {
	Key   Key
	Value []byte // read only; valid until the snapshot it came from is closed
	Rev   Rev    // of the batch that last wrote it; 0 if the row does not exist
}

// Exists says whether there is such a row.
func (r Row) Exists() bool { return r.Rev != 0 }

// Store is a set of rows. It is safe for concurrent use.
type Store interface {
	// Snapshot returns the rows as they are now. It is cheap, sees no later
	// commit, and must be closed; a snapshot left open keeps old pages alive.
	Snapshot(ctx context.Context) (Snapshot, error)

	// Commit carries out all of b or nothing, durably, and returns its revision.
	// It returns ErrConflict if a check fails, ErrTooLarge or ErrInvalid if b is
	// beyond the bounds or contradicts itself, and ctx.Err() if ctx ended before
	// the batch was taken up. After any other error it is not known whether b
	// was committed. An empty batch commits nothing and returns the current
	// revision. b may be used again when Commit returns.
	Commit(ctx context.Context, b *Batch) (Rev, error)

	// Watch yields a revision whenever a row under prefix may have changed since
	// the last one it yielded: a hint to scan again, not a log. Hints fold
	// together when the reader is slow. The first comes at once, so that a
	// reader who watches and then scans misses nothing. It ends, with the error,
	// when ctx ends (ctx.Err()) or the store is closed (ErrClosed).
	Watch(ctx context.Context, prefix Key) iter.Seq2[Rev, error]

	// Close waits for commits under way and ends the store. Snapshots still open
	// stay readable; the last one to be closed lets go of the data. A second
	// Close does nothing.
	Close() error
}

// Compacter is a Store whose files keep bytes of what was deleted until they are
// written over: space that is free, and holds them all the same.
type Compacter interface {
	// Compact rewrites the files so that they hold the rows there are and nothing
	// else, and makes them as small as that. The store goes on meanwhile; commits
	// wait for a moment at the end. What is deleted while it runs may be held still,
	// until the next. After an error, or when ctx ends before it does, all is as it
	// was. One runs at a time; a second waits for the first.
	Compact(ctx context.Context) error
}

// Snapshot is a consistent view of all rows at one revision. It is safe for
// concurrent use until it is closed.
type Snapshot interface {
	// Rev is the revision of the last batch the snapshot sees.
	Rev() Rev

	// Get returns the row of k; the zero Row, with a nil error, if there is none.
	Get(ctx context.Context, k Key) (Row, error)

	// Scan yields the rows of r in the order of their keys (or the reverse). An
	// error ends it and comes with the zero Row.
	Scan(ctx context.Context, r Range) iter.Seq2[Row, error]

	// Close releases the snapshot. A second Close does nothing.
	Close() error
}

// Range is a half-open span of keys, From ≤ k < To. An empty To has no end.
type Range struct {
	From, To Key
	Reverse  bool // from the last key to the first
	Limit    int  // at most so many rows; 0 for all
}

// Prefix is the range of every key under p, which ends in the separator or is
// meant to be cut anywhere; see [Key.Prefix].
func Prefix(p Key) Range { return Range{From: p, To: p.after()} }

// Contains says whether k lies in r.
func (r Range) Contains(k Key) bool { return k >= r.From && (r.To == "" || k < r.To) }

// Batch is a set of checks and writes that are carried out together or not at
// all. The zero Batch is empty and ready. It is not safe for concurrent use.
// Keys and values are kept, not copied, until Commit returns.
type Batch struct {
	checks []Check
	writes []Write
	bytes  int
}

// Check is one condition of a batch, as a backend reads it.
type Check struct {
	Key  Key  // the key; the first one if Span
	To   Key  // if Span, the first key behind the range, "" for no end
	Span bool // no row of the range was written after Rev
	Rev  Rev  // the key's row is at this revision, 0: there is none
}

// Op is what a Write does.
type Op uint8

// The three kinds of write.
const (
	Put Op = iota
	Delete
	Add
)

// Write is one change of a batch, as a backend reads it.
type Write struct {
	Key   Key
	Op    Op
	Value []byte // of a Put
	Delta int64  // of an Add
}

// Check makes the commit conditional on k being at revision rev: unchanged
// since it was read, or still absent if rev is 0.
func (b *Batch) Check(k Key, rev Rev) {
	b.checks = append(b.checks, Check{Key: k, Rev: rev})
	b.bytes += len(k)
}

// CheckRange makes the commit conditional on no row of r having been written
// after rev. Together with a Check of each row that was read it pins a scan:
// nothing changed, nothing went, nothing came. It costs what a scan of r costs,
// while others wait, so r ought to be no longer than what was read. Limit and
// Reverse of r are ignored.
func (b *Batch) CheckRange(r Range, rev Rev) {
	b.checks = append(b.checks, Check{Key: r.From, To: r.To, Rev: rev, Span: true})
	b.bytes += len(r.From) + len(r.To)
}

// Put writes v under k.
func (b *Batch) Put(k Key, v []byte) {
	b.writes = append(b.writes, Write{Key: k, Op: Put, Value: v})
	b.bytes += len(k) + len(v)
}

// Delete removes the row of k, if there is one.
func (b *Batch) Delete(k Key) {
	b.writes = append(b.writes, Write{Key: k, Op: Delete})
	b.bytes += len(k)
}

// Add adds delta to the counter under k, which starts at 0. Adds commute: two
// batches that add to one counter never conflict, and their order does not
// matter. Several Adds of one key in one batch are summed. Read a counter with
// [Counter].
func (b *Batch) Add(k Key, delta int64) {
	for i := range b.writes {
		if w := &b.writes[i]; w.Op == Add && w.Key == k {
			w.Delta += delta
			return
		}
	}
	b.writes = append(b.writes, Write{Key: k, Op: Add, Delta: delta})
	b.bytes += len(k) + 8
}

// Checks are the batch's conditions; read only.
func (b *Batch) Checks() []Check { return b.checks }

// Writes are the batch's changes, no key twice; read only.
func (b *Batch) Writes() []Write { return b.writes }

// Size is how many bytes the batch's keys and values have together.
func (b *Batch) Size() int { return b.bytes }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	clear(b.checks)
	clear(b.writes)
	b.checks, b.writes, b.bytes = b.checks[:0], b.writes[:0], 0
}

// Validate reports whether b is within the bounds and does not contradict
// itself; Commit calls it first.
func (b *Batch) Validate() error {
	switch {
	case len(b.writes) > MaxOps:
		return fmt.Errorf("%w: batch has %d writes, at most %d", ErrTooLarge, len(b.writes), MaxOps)
	case len(b.checks) > MaxChecks:
		return fmt.Errorf("%w: batch has %d checks, at most %d", ErrTooLarge, len(b.checks), MaxChecks)
	case b.bytes > MaxBatch:
		return fmt.Errorf("%w: batch has %d bytes, at most %d", ErrTooLarge, b.bytes, MaxBatch)
	}
	for _, c := range b.checks {
		if err := cmp.Or(c.Key.validate(c.Span), c.To.validate(true)); err != nil {
			return err
		}
	}
	for i, w := range b.writes {
		if err := w.Key.Validate(); err != nil {
			return err
		}
		if len(w.Value) > MaxValue {
			return fmt.Errorf("%w: value of %q has %d bytes, at most %d", ErrTooLarge, w.Key, len(w.Value), MaxValue)
		}
		for _, o := range b.writes[:i] {
			if o.Key == w.Key {
				return fmt.Errorf("%w: %q is written twice", ErrInvalid, w.Key)
			}
		}
	}
	return nil
}
