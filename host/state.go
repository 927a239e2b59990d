package host

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/host/views"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// reads answers a plugin's reads of its own rows from one snapshot, and keeps
// what was read: the commit's checks and the journal's evidence. It serves one
// invocation.
type reads struct {
	snap  store.Snapshot
	space string // where the plugin's rows are
	own   string // prefix of the event's member's rows; "" if all members' may be read

	checks []store.Row // keys and revisions that were read; a value is not kept
	spans  []store.Range
	log    []readRow
	bytes  int // of log
	lost   bool
	lines  []string

	noted *views.Reads // of a view that may be kept; else nil
}

// maxJournalReads is how many bytes of reads the journal keeps; an invocation
// that read more cannot be replayed.
const maxJournalReads = 64 << 10

// errReads is wrapped by what is the plugin's own fault.
var errReads = errors.New("the plugin's read is refused")

// foreign says whether a key or prefix is, or may be, of a member other than
// the event's, which takes a grant.
func (r *reads) foreign(key string) bool {
	return r.own != "" && strings.HasPrefix(key, "m/") && !strings.HasPrefix(key, r.own)
}

// Get implements wasm.Host.
func (r *reads) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if err := abi.CheckKey(key); err != nil {
		return nil, false, fmt.Errorf("%w: %v", errReads, err)
	}
	if r.foreign(key) {
		return nil, false, fmt.Errorf("%w: %s is another member's; that takes the capability %q", errReads, key, abi.CapMembers)
	}
	at := stateKey(r.space, key)
	row, err := r.snap.Get(ctx, at)
	if err != nil {
		return nil, false, err
	}
	row.Key = at
	if r.noted != nil {
		r.noted.Key(key)
	}
	if err := r.check(row); err != nil {
		return nil, false, err
	}
	entry := readRow{Key: key}
	if row.Exists() {
		entry.Rows = []abi.Pair{{Key: key, Value: row.Value}}
	}
	r.note(entry, len(key)+len(row.Value))
	return row.Value, row.Exists(), nil
}

// Scan implements wasm.Host.
func (r *reads) Scan(ctx context.Context, s *abi.Scan) ([]byte, error) {
	rows, err := r.scan(ctx, s)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, p := range rows.Rows {
		size += len(p.Key) + len(p.Value)
	}
	r.note(readRow{Scan: s, Rows: rows.Rows, More: rows.More}, size)
	return rows.MarshalMsg(nil)
}

// Log implements wasm.Host.
func (r *reads) Log(level int, line string) { r.lines = append(r.lines, line) }

func (r *reads) scan(ctx context.Context, s *abi.Scan) (*abi.Rows, error) {
	// A prefix has to lie in one scope; a scan of everything would pin everything.
	if scope, _, ok := strings.Cut(s.Prefix, "/"); !ok || scope != "c" && scope != "m" && scope != "v" {
		return nil, fmt.Errorf("%w: scan prefix %q does not start with c/, m/ or v/", errReads, s.Prefix)
	}
	if r.foreign(s.Prefix) {
		return nil, fmt.Errorf("%w: %s is not the event's member's alone; that takes the capability %q", errReads, s.Prefix, abi.CapMembers)
	}
	limit := s.Limit
	switch {
	case limit < 0:
		return nil, fmt.Errorf("%w: scan limit %d", errReads, limit)
	case limit == 0, limit > abi.MaxScan && !s.Relaxed:
		limit = abi.MaxScan
	}
	base := stateKey(r.space, "")
	span := replay.Span(base, s)
	span.Limit = limit + 1
	if r.noted != nil { // more than was read, perhaps: the whole of what was asked for
		r.noted.Range(string(span.From[len(base):]), strings.TrimPrefix(string(span.To), string(base)))
	}
	out := &abi.Rows{}
	size := 0
	for row, err := range r.snap.Scan(ctx, span) {
		if err != nil {
			return nil, err
		}
		if len(out.Rows) == limit {
			out.More = true
			break
		}
		size += len(row.Key) + len(row.Value)
		if s.Relaxed && size > abi.MaxRelaxed {
			out.More = true
			break
		}
		out.Rows = append(out.Rows, abi.Pair{Key: string(row.Key[len(base):]), Value: row.Value})
		if s.Relaxed {
			continue
		}
		if err := r.check(row); err != nil {
			return nil, err
		}
	}
	if !s.Relaxed {
		// What was read pins the span up to the last row: nothing new may have
		// come before it.
		if out.More {
			last := base + store.Key(out.Rows[len(out.Rows)-1].Key)
			if s.Reverse {
				span.From = last
			} else {
				span.To = last + "\x00"
			}
		}
		if len(r.spans) == abi.MaxScans {
			return nil, fmt.Errorf("%w: more than %d scans in one invocation; use Continue or relaxed scans", errReads, abi.MaxScans)
		}
		r.spans = append(r.spans, store.Range{From: span.From, To: span.To})
	}
	return out, nil
}

// check remembers that row was read. Reading it again costs nothing.
func (r *reads) check(row store.Row) error {
	for i := range r.checks {
		if r.checks[i].Key == row.Key {
			return nil
		}
	}
	if len(r.checks) == abi.MaxReads {
		return fmt.Errorf("%w: more than %d rows in one invocation; use Continue or a relaxed scan", errReads, abi.MaxReads)
	}
	r.checks = append(r.checks, store.Row{Key: row.Key, Rev: row.Rev})
	return nil
}

// note keeps what a read answered, for the journal.
func (r *reads) note(entry readRow, size int) {
	r.bytes += size
	if r.lost = r.lost || r.bytes > maxJournalReads; r.lost {
		r.log = nil
		return
	}
	r.log = append(r.log, entry)
}

// pin makes b conditional on everything that was read.
func (r *reads) pin(b *store.Batch) {
	for _, row := range r.checks {
		b.Check(row.Key, row.Rev)
	}
	for _, s := range r.spans {
		b.CheckRange(s, r.snap.Rev())
	}
}
