package author

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// rows answer the reads of a plugin in the sandbox from what sdktest had at that
// moment, within the bounds that it kept to. They are read by one call at a
// time, and may be shared between calls that only read.
type rows struct {
	value map[string][]byte
	keys  []string // of value, sorted; nil if it has to be made anew
}

// change takes over what a step of a tape says.
func (r *rows) change(changes map[string][]byte) {
	if len(changes) == 0 {
		return
	}
	if r.value == nil {
		r.value = map[string][]byte{}
	}
	r.keys = nil
	for key, value := range changes {
		if value == nil {
			delete(r.value, key)
		} else {
			r.value[key] = value
		}
	}
}

func (r *rows) sorted() []string {
	if r.keys == nil {
		r.keys = make([]string, 0, len(r.value))
		for key := range r.value {
			r.keys = append(r.keys, key)
		}
		slices.Sort(r.keys)
	}
	return r.keys
}

// reading is one call's view of rows. It is a wasm.Host.
type reading struct {
	rows  *rows
	read  map[string]bool
	scans int
	lines []string
}

var errBounds = errors.New("the plugin's read is refused")

func (r *reading) Log(_ int, line string) { r.lines = append(r.lines, line) }

func (r *reading) Get(_ context.Context, key string) ([]byte, bool, error) {
	if err := abi.CheckKey(key); err != nil {
		return nil, false, fmt.Errorf("%w: %v", errBounds, err)
	}
	if err := r.note(key); err != nil {
		return nil, false, err
	}
	value, ok := r.rows.value[key]
	return value, ok, nil
}

func (r *reading) note(key string) error {
	if r.read == nil {
		r.read = map[string]bool{}
	}
	if r.read[key] = true; len(r.read) > abi.MaxReads {
		return fmt.Errorf("%w: more than %d rows in one invocation; use Continue or a relaxed scan", errBounds, abi.MaxReads)
	}
	return nil
}

func (r *reading) Scan(_ context.Context, s *abi.Scan) ([]byte, error) {
	if scope, _, ok := strings.Cut(s.Prefix, "/"); !ok || scope != "c" && scope != "m" && scope != "v" {
		return nil, fmt.Errorf("%w: scan prefix %q does not start with c/, m/ or v/", errBounds, s.Prefix)
	}
	if r.scans++; r.scans > abi.MaxScans && !s.Relaxed {
		return nil, fmt.Errorf("%w: more than %d scans in one invocation; use Continue or relaxed scans", errBounds, abi.MaxScans)
	}
	limit := s.Limit
	if limit <= 0 || limit > abi.MaxScan && !s.Relaxed {
		limit = abi.MaxScan
	}
	keys := r.rows.sorted()
	from, _ := slices.BinarySearch(keys, s.Prefix)
	to := from
	for to < len(keys) && strings.HasPrefix(keys[to], s.Prefix) {
		to++
	}
	var out abi.Rows
	size := 0
	for i := range to - from {
		key := keys[from+i]
		if s.Reverse {
			key = keys[to-1-i]
		}
		if s.After != "" && (key == s.After || key < s.After != s.Reverse) {
			continue
		}
		value := r.rows.value[key]
		size += len(key) + len(value)
		if out.More = len(out.Rows) == limit || s.Relaxed && size > abi.MaxRelaxed; out.More {
			break
		}
		if !s.Relaxed {
			if err := r.note(key); err != nil {
				return nil, err
			}
		}
		out.Rows = append(out.Rows, abi.Pair{Key: key, Value: value})
	}
	return out.MarshalMsg(nil)
}
