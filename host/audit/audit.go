// Package audit keeps who changed what, when and why. It owns those rows, their
// order and how long they are kept. It must not know what any of the changes
// means: an object is a path such as "setting/community.name", and what stood
// there before and after is text.
//
// The history of a setting or of a text is what was done to that object; to
// undo a change is to set what stood there before once more. So there is one
// record of a change and not two that could differ, and it is written in the
// batch of the change itself: both are there, or neither.
//
//	audit/NUMBER       row: one change; NUMBER rises with time
//	auditon/ON/NUMBER  empty: finds the changes of one object
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/hearthbot/hearth/store"
)

const (
	kAudit = store.Key("audit")
	kOn    = store.Key("auditon")
)

// Bounds of an entry, in bytes. What is longer is cut, but for On and Did,
// which are never written by people.
const (
	MaxText = 64 << 10 // of Before and of After
	MaxWhy  = 2 << 10
	maxName = 256 // of the fields of Who, of On and of Did
)

// ErrInvalid says that an entry lacks what every one has to say, or says it at
// too great a length.
var ErrInvalid = errors.New("audit: invalid entry")

// Entry is one change.
type Entry struct {
	Number uint64    // in the order in which things happened; given by Put
	At     time.Time // to the millisecond; given by Put if it is zero
	Who    Who
	Did    string // what, as verbs in code have it: "setting.set"
	On     string // to which object: "setting/community.name"

	// Before and After are what stood there, as whoever writes it chooses to; ""
	// is nothing. No secret ever stands in them.
	Before, After string
	Why           string // in the words of who did it; "" if they gave no reason
}

// Who is somebody who changes things.
type Who struct {
	ID   string // of the token, the address or the member
	Name string // for people
	Role string // "viewer", "manager" or "admin"; "" for hearth itself
	Via  string // "page", "api", "chat", "cli" or "host"
}

// Host is hearth itself, where nobody told it to.
var Host = Who{ID: "hearth", Name: "hearth", Via: "host"}

// row is an Entry as it is stored.
type row struct {
	At     int64  `json:"t"` // Unix milliseconds
	ID     string `json:"i,omitempty"`
	Name   string `json:"n,omitempty"`
	Role   string `json:"r,omitempty"`
	Via    string `json:"v,omitempty"`
	Did    string `json:"d"`
	On     string `json:"o"`
	Before string `json:"b,omitempty"`
	After  string `json:"a,omitempty"`
	Why    string `json:"w,omitempty"`
}

// Log is the record. It is safe for concurrent use.
type Log struct {
	store store.Store
	now   func() time.Time
	last  atomic.Uint64
}

// New returns the record that a store holds. A nil now is time.Now.
func New(s store.Store, now func() time.Time) *Log {
	if now == nil {
		now = time.Now
	}
	return &Log{store: s, now: now}
}

// Put adds an entry to the batch that makes the change: two writes and a check.
// It returns ErrInvalid if the entry says neither what was done nor to what.
func (l *Log) Put(b *store.Batch, e Entry) error {
	if e.Did == "" || e.On == "" || len(e.Did) > maxName || len(e.On) > maxName {
		return fmt.Errorf("%w: %q on %q", ErrInvalid, short(e.Did, maxName), short(e.On, maxName))
	}
	now := l.now()
	if e.At.IsZero() {
		e.At = now
	}
	n := l.next(now)
	v, err := json.Marshal(row{e.At.UnixMilli(), short(e.Who.ID, maxName), short(e.Who.Name, maxName), e.Who.Role, e.Who.Via, e.Did, e.On,
		short(e.Before, MaxText), short(e.After, MaxText), short(e.Why, MaxWhy)})
	if err != nil {
		return fmt.Errorf("audit: write %s: %w", e.Did, err)
	}
	// A clock that was set back could meet a number of before: then the change
	// is made again, with a later one.
	b.Check(key(n), 0)
	b.Put(key(n), v)
	b.Put(kOn.Join(e.On, store.Seq(n)), nil)
	return nil
}

// Add writes an entry of its own, for what is no row of the store.
func (l *Log) Add(ctx context.Context, e Entry) error {
	for {
		b := new(store.Batch)
		if err := l.Put(b, e); err != nil {
			return err
		}
		_, err := l.store.Commit(ctx, b)
		if errors.Is(err, store.ErrConflict) {
			continue // the number is taken
		}
		if err != nil {
			return fmt.Errorf("audit: write %s: %w", e.Did, err)
		}
		return nil
	}
}

// next is a number that rises, and rises with time.
func (l *Log) next(now time.Time) uint64 {
	for {
		last := l.last.Load()
		n := max(last+1, uint64(max(now.UnixNano(), 0)))
		if l.last.CompareAndSwap(last, n) {
			return n
		}
	}
}

func key(n uint64) store.Key { return kAudit.Join(store.Seq(n)) }

// Filter chooses entries. Zero fields choose all.
type Filter struct {
	On     string // that object alone
	Who    string // id of who did it
	Did    string // the verb, or its beginning up to a dot: "setting"
	Before uint64 // numbers below this one
	Limit  int    // at most so many; 0 means 100
}

// List returns entries, the newest first.
func (l *Log) List(ctx context.Context, f Filter) ([]Entry, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	var out []Entry
	for e, err := range l.All(ctx, f) {
		if err != nil {
			return nil, err
		}
		if out = append(out, e); len(out) == f.Limit {
			break
		}
	}
	return out, nil
}

// All yields all entries that a filter chooses, the newest first, whatever its
// Limit. They are of one moment. An error ends it.
func (l *Log) All(ctx context.Context, f Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		snap, err := l.store.Snapshot(ctx)
		if err != nil {
			yield(Entry{}, fmt.Errorf("audit: %w", err))
			return
		}
		defer snap.Close()
		under := kAudit
		if f.On != "" {
			under = kOn.Join(f.On)
		}
		r := store.Prefix(under.Prefix())
		r.Reverse = true
		if f.Before != 0 {
			r.To = under.Join(store.Seq(f.Before))
		}
		for at, err := range snap.Scan(ctx, r) {
			var e Entry
			if err == nil {
				e, err = read(ctx, snap, at, f.On != "")
			}
			switch {
			case err != nil:
				yield(Entry{}, fmt.Errorf("audit: %w", err))
				return
			case e.Number == 0 || f.Who != "" && e.Who.ID != f.Who || !did(e.Did, f.Did):
			case !yield(e, nil):
				return
			}
		}
	}
}

// read is the entry of a row, or of the row that an index row leads to.
func read(ctx context.Context, snap store.Snapshot, at store.Row, index bool) (Entry, error) {
	name := at.Key.Segments()
	n, err := store.ParseSeq(name[len(name)-1])
	if err != nil {
		return Entry{}, err
	}
	if index {
		if at, err = snap.Get(ctx, key(n)); err != nil || !at.Exists() {
			return Entry{}, err
		}
	}
	var r row
	if err := json.Unmarshal(at.Value, &r); err != nil {
		return Entry{}, fmt.Errorf("the entry %s: %w", store.Seq(n), err)
	}
	return Entry{Number: n, At: time.UnixMilli(r.At).UTC(), Who: Who{r.ID, r.Name, r.Role, r.Via}, Did: r.Did, On: r.On,
		Before: r.Before, After: r.After, Why: r.Why}, nil
}

// did says whether a verb is the one that is asked for, or of its kind.
func did(verb, want string) bool {
	return want == "" || verb == want || len(verb) > len(want) && verb[:len(want)] == want && verb[len(want)] == '.'
}

// sweepStep is how many entries are deleted with one batch, of two rows each.
const sweepStep = store.MaxOps / 2

// Sweep deletes what is older than before, and says how much that was.
func (l *Log) Sweep(ctx context.Context, before time.Time) (int, error) {
	deleted := 0
	for {
		b := new(store.Batch)
		n := 0
		snap, err := l.store.Snapshot(ctx)
		if err != nil {
			return deleted, fmt.Errorf("audit: %w", err)
		}
		r := store.Prefix(kAudit.Prefix())
		r.Limit = sweepStep
		for at, scanErr := range snap.Scan(ctx, r) {
			var e Entry
			if err = scanErr; err == nil {
				e, err = read(ctx, snap, at, false)
			}
			if err != nil || !e.At.Before(before) {
				break
			}
			b.Delete(key(e.Number))
			b.Delete(kOn.Join(e.On, store.Seq(e.Number)))
			n++
		}
		if err = errors.Join(err, snap.Close()); err == nil && n > 0 {
			_, err = l.store.Commit(ctx, b)
		}
		if err != nil {
			return deleted, fmt.Errorf("audit: delete what is old: %w", err)
		}
		if deleted += n; n < sweepStep {
			return deleted, nil
		}
	}
}

// short is s, cut behind a whole character.
func short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
