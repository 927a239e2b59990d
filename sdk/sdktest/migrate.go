package sdktest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/sdktest/tape"
)

// Migrate brings rows of one state version to another, as the host does when a
// version is made live, and returns what they become, sorted by key. It fails
// the test for what the host would refuse. The Row methods of values, maps and
// counters make rows:
//
//	got := sdktest.Migrate(t, sdktest.Options{}, 1, 2, oldGithub.Of("slack:U1").Row("ann"))
func Migrate(t testing.TB, o Options, from, to int, rows ...abi.Pair) []abi.Pair {
	t.Helper()
	b := New(t, o)
	b.Put(rows...)
	if err := b.migrate(from, to); err != nil {
		t.Fatal(err)
	}
	return b.Rows()
}

// RoundTrip brings rows from one state version to another and back, and fails the
// test unless they are what they were: so nothing is lost when a version is made
// live and taken back.
func RoundTrip(t testing.TB, o Options, from, to int, rows ...abi.Pair) {
	t.Helper()
	if err := roundTrip(t, o, from, to, rows); err != nil {
		t.Error(err)
	}
}

func roundTrip(t testing.TB, o Options, from, to int, rows []abi.Pair) error {
	t.Helper()
	b := New(t, o)
	b.Put(rows...)
	before := maps.Clone(b.rows)
	for _, way := range [][2]int{{from, to}, {to, from}} {
		if err := b.migrate(way[0], way[1]); err != nil {
			return err
		}
	}
	if lost := rowChanges(before, b.rows); lost != "" {
		return fmt.Errorf("from state version %d to %d and back the rows are not what they were:\n%s", from, to, lost)
	}
	return nil
}

// Put writes rows of the plugin's state as they are given, such as those of an
// older version.
func (b *Bot) Put(rows ...abi.Pair) {
	b.t.Helper()
	for _, r := range rows {
		if err := abi.CheckKey(r.Key); err != nil {
			b.t.Fatal(err)
		}
		b.rows[r.Key] = r.Value
	}
}

// Rows are the plugin's state, sorted by key.
func (b *Bot) Rows() (rows []abi.Pair) {
	for _, key := range slices.Sorted(maps.Keys(b.rows)) {
		rows = append(rows, abi.Pair{Key: key, Value: b.rows[key]})
	}
	return rows
}

// Migrate brings the plugin's rows from one state version to another, as the
// host does when a version is made live.
func (b *Bot) Migrate(from, to int) {
	b.t.Helper()
	if err := b.migrate(from, to); err != nil {
		b.t.Fatal(err)
	}
}

func (b *Bot) migrate(from, to int) error {
	if !b.manifest.Knows(from, to) {
		return fmt.Errorf("%s %s has no migration from state version %d to %d", b.manifest.Name, b.manifest.Version, from, to)
	}
	made, by := map[string][]byte{}, map[string]string{}
	for page := range slices.Chunk(b.Rows(), abi.MaxScan) {
		for _, r := range page {
			become, err := b.step(from, to, []abi.Pair{r})
			if err != nil {
				return fmt.Errorf("row %s: %w", r.Key, err)
			}
			for _, n := range become[0] {
				if other, taken := by[n.Key]; taken {
					return fmt.Errorf("the host would refuse this: row %s becomes %s, as row %s does; rows have to be kept apart", r.Key, n.Key, other)
				}
				made[n.Key], by[n.Key] = n.Value, r.Key
			}
		}
		// The host asks for pages: a row's neighbours, and their order, may not matter.
		slices.Reverse(page)
		together, err := b.step(from, to, page)
		if err != nil {
			continue // it is too much for one step; the host halves it
		}
		for i, become := range together {
			for _, n := range become {
				if by[n.Key] != page[i].Key || !bytes.Equal(made[n.Key], n.Value) {
					return fmt.Errorf("row %s becomes something else beside other rows: what a row becomes may depend on that row alone", page[i].Key)
				}
			}
		}
	}
	b.rows = made
	b.Configure(b.o.Config)
	return nil
}

// step asks twice what rows become, through the wire's bytes.
func (b *Bot) step(from, to int, rows []abi.Pair) ([][]abi.Pair, error) {
	raw, err := (&abi.Migration{From: from, To: to, Rows: rows}).MarshalMsg(nil)
	if err != nil {
		return nil, err
	}
	if len(raw) > abi.MaxInput {
		return nil, fmt.Errorf("the migration has %d bytes, at most %d", len(raw), abi.MaxInput)
	}
	var first []byte
	for again := range 2 {
		var m abi.Migration
		if _, err := m.UnmarshalMsg(raw); err != nil {
			return nil, err
		}
		done := b.guest.Migrate(&m)
		out, err := done.MarshalMsg(nil)
		switch {
		case err != nil:
			return nil, err
		case again == 0:
			first = out
		case !bytes.Equal(first, out):
			return nil, fmt.Errorf("the migration is not deterministic: asked again about the same rows it answered something else")
		}
	}
	if len(first) > abi.MaxOutput {
		return nil, fmt.Errorf("the answer has %d bytes, at most %d", len(first), abi.MaxOutput)
	}
	b.keep(tape.Step{Migration: raw, Migrated: first})
	var done abi.Migrated
	if _, err := done.UnmarshalMsg(first); err != nil {
		return nil, fmt.Errorf("decode what the rows become: %w", err)
	}
	if done.Error != "" {
		return nil, fmt.Errorf("the migration failed: %s", done.Error)
	}
	if err := done.Check(len(rows)); err != nil {
		return nil, fmt.Errorf("the host would refuse this: %w", err)
	}
	return done.Rows, nil
}

// rowChanges shows how rows differ, as a transcript does.
func rowChanges(before, after map[string][]byte) string {
	var w strings.Builder
	keys := map[string]bool{}
	for _, rows := range []map[string][]byte{before, after} {
		for key := range rows {
			keys[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		is, there := after[key]
		switch was, was1 := before[key]; {
		case !there:
			fmt.Fprintf(&w, "delete row %s\n", key)
		case !was1 || !bytes.Equal(was, is):
			fmt.Fprintf(&w, "row %s = %s\n", key, showValue(is))
		}
	}
	return w.String()
}

// givenRow is a row as a line of a transcript gives it: a value in JSON, or a
// counter as +7.
func givenRow(key, value string) (abi.Pair, error) {
	if strings.HasPrefix(value, "+") {
		n, err := strconv.ParseInt(value, 10, 64)
		return abi.Pair{Key: key, Value: abi.CounterRow(n)}, err
	}
	d := json.NewDecoder(strings.NewReader(value))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return abi.Pair{}, fmt.Errorf("the value %s: %w", value, err)
	}
	raw, err := packed(nil, v)
	return abi.Pair{Key: key, Value: raw}, err
}

// packed is JSON as the SDK keeps it.
func packed(b []byte, v any) (_ []byte, err error) {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return msgp.AppendInt64(b, n), nil
		}
		f, err := v.Float64()
		return msgp.AppendFloat64(b, f), err
	case []any:
		b = msgp.AppendArrayHeader(b, uint32(len(v)))
		for _, x := range v {
			if b, err = packed(b, x); err != nil {
				return nil, err
			}
		}
		return b, nil
	case map[string]any:
		b = msgp.AppendMapHeader(b, uint32(len(v)))
		for _, key := range slices.SortedFunc(maps.Keys(v), cmp.Compare[string]) {
			if b, err = packed(msgp.AppendString(b, key), v[key]); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	return msgp.AppendIntf(b, v)
}
