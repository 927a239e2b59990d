package sdktest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// reads answers the reads of one invocation, within the ABI's bounds.
type reads struct {
	b     *Bot
	quiet bool // log nothing: the second run of an event
	rows  map[string]bool
	scans int
	lines int
}

func (r *reads) Log(level int, line string) {
	if r.lines++; r.lines <= abi.MaxLogLines && !r.quiet {
		r.b.t.Logf("log: %s", line)
	}
}

func (r *reads) Get(key string) ([]byte, bool, error) {
	if err := abi.CheckKey(key); err != nil {
		return nil, false, err
	}
	if err := r.check(key); err != nil {
		return nil, false, err
	}
	v, ok := r.b.rows[key]
	return slices.Clone(v), ok, nil
}

func (r *reads) check(key string) error {
	if r.rows == nil {
		r.rows = map[string]bool{}
	}
	r.rows[key] = true
	if len(r.rows) > abi.MaxReads {
		return fmt.Errorf("more than %d rows in one invocation; use Continue or a relaxed scan", abi.MaxReads)
	}
	return nil
}

func (r *reads) Scan(s abi.Scan) (rows abi.Rows, err error) {
	if !strings.HasPrefix(s.Prefix, "c/") && !strings.HasPrefix(s.Prefix, "m/") && !strings.HasPrefix(s.Prefix, "v/") {
		return rows, fmt.Errorf("scan prefix %q does not start with c/, m/ or v/", s.Prefix)
	}
	limit := s.Limit
	if limit == 0 {
		limit = abi.MaxScan
	}
	if limit < 0 || limit > abi.MaxScan && !s.Relaxed {
		return rows, fmt.Errorf("a scan of %d rows; a checked one has at most %d", s.Limit, abi.MaxScan)
	}
	if !s.Relaxed {
		if r.scans++; r.scans > abi.MaxScans {
			return rows, fmt.Errorf("more than %d scans in one invocation; use Continue or relaxed scans", abi.MaxScans)
		}
	}
	var keys []string
	for key := range r.b.rows {
		if strings.HasPrefix(key, s.Prefix) && (s.After == "" || key != s.After && (key > s.After) != s.Reverse) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	if s.Reverse {
		slices.Reverse(keys)
	}
	size := 0
	for _, key := range keys {
		size += len(key) + len(r.b.rows[key])
		if rows.More = len(rows.Rows) == limit || s.Relaxed && size > abi.MaxRelaxed; rows.More {
			break
		}
		if !s.Relaxed {
			if err := r.check(key); err != nil {
				return rows, err
			}
		}
		rows.Rows = append(rows.Rows, abi.Pair{Key: key, Value: slices.Clone(r.b.rows[key])})
	}
	return rows, nil
}

// write commits an invocation's rows.
func (b *Bot) write(e *abi.Effects) error {
	for _, w := range e.Writes {
		if w.Delete {
			delete(b.rows, w.Key)
		} else {
			b.rows[w.Key] = w.Value
		}
	}
	for _, a := range e.Adds {
		var n int64
		if row, ok := b.rows[a.Key]; ok {
			var err error
			if n, err = abi.CounterValue(row); err != nil {
				return fmt.Errorf("%s: %w", a.Key, err)
			}
		}
		b.rows[a.Key] = binary.BigEndian.AppendUint64(nil, uint64(n+a.Delta))
	}
	return nil
}
