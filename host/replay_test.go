package host

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// TestLaw2OneEventHasOneSeed runs an event three times: once into a conflict,
// once into a failure, and once well. The clock goes on; chance does not.
func TestLaw2OneEventHasOneSeed(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		var mu sync.Mutex
		calls := map[string][]abi.Call{}
		for _, name := range []string{"p", "q"} {
			b.plugin(abi.Manifest{Name: name, Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
				mu.Lock()
				calls[name] = append(calls[name], *c)
				n := len(calls[name])
				mu.Unlock()
				if _, _, err := h.Get(t.Context(), "c/x"); err != nil {
					return abi.Effects{}, err
				}
				time.Sleep(time.Second)
				switch n {
				case 1: // somebody else writes what was read
					batch := new(store.Batch)
					batch.Put(stateKey(name, "c/x"), []byte("theirs"))
					if _, err := b.store.Commit(t.Context(), batch); err != nil {
						t.Error(err)
					}
				case 2:
					return abi.Effects{Error: "not yet"}, nil
				}
				return abi.Effects{Writes: []abi.Write{{Key: "c/y", Value: binary.BigEndian.AppendUint64(nil, c.Seed)}}}, nil
			})
		}
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		seeds := map[uint64]bool{}
		for name, list := range calls {
			if len(list) != 4 { // three times the first event, once the second
				t.Fatalf("%s was called %d times, want 4", name, len(list))
			}
			for i, c := range list[1:3] {
				if c.Seed != list[0].Seed || c.Event.ID != list[0].Event.ID {
					t.Errorf("%s: run %d of one event has seed %x, the first had %x", name, i+2, c.Seed, list[0].Seed)
				}
				if c.Now <= list[i].Now {
					t.Errorf("%s: run %d has the clock of the one before", name, i+2)
				}
			}
			seeds[list[0].Seed], seeds[list[3].Seed] = true, true
		}
		if len(seeds) != 4 {
			t.Errorf("two plugins and two events have %d seeds, want 4", len(seeds))
		}
	})
}

// evidence answers reads as the journal has them, in their order.
type evidence struct {
	t     *testing.T
	reads []readRow
}

func (e *evidence) next() readRow {
	e.t.Helper()
	if len(e.reads) == 0 {
		e.t.Fatal("the journal has fewer reads than the plugin makes")
	}
	r := e.reads[0]
	e.reads = e.reads[1:]
	return r
}

func (e *evidence) Get(_ context.Context, key string) ([]byte, bool, error) {
	r := e.next()
	if r.Key != key || r.Scan != nil {
		e.t.Errorf("the plugin reads %s, the journal has %+v", key, r)
	}
	if len(r.Rows) == 0 {
		return nil, false, nil
	}
	return r.Rows[0].Value, true, nil
}

func (e *evidence) Scan(_ context.Context, s *abi.Scan) ([]byte, error) {
	r := e.next()
	if r.Scan == nil || *r.Scan != *s {
		e.t.Errorf("the plugin scans %+v, the journal has %+v", s, r)
	}
	return (&abi.Rows{Rows: r.Rows, More: r.More}).MarshalMsg(nil)
}

func (*evidence) Log(int, string) {}

// TestLaw2TheJournalReplays runs a handler again on nothing but its journal
// row, long after and with other rows in the store: it got the same call and
// returns the same effects.
func TestLaw2TheJournalReplays(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		var got [][]byte // the calls as they came
		p := handler(func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
			raw, err := c.MarshalMsg(nil)
			if err != nil {
				return abi.Effects{}, err
			}
			got = append(got, raw)
			x, ok, err := h.Get(t.Context(), "c/x")
			if err != nil {
				return abi.Effects{}, err
			}
			_, missing, err := h.Get(t.Context(), "c/nothing")
			if err != nil {
				return abi.Effects{}, err
			}
			page, err := h.Scan(t.Context(), &abi.Scan{Prefix: "c/", Limit: 2})
			if err != nil {
				return abi.Effects{}, err
			}
			var rows abi.Rows
			if _, err := rows.UnmarshalMsg(page); err != nil {
				return abi.Effects{}, err
			}
			text := fmt.Sprintf("%s of %s: x=%q %v, nothing=%v, rows %v more %v, seed %x at %d", c.Event.Kind, c.Event.Member.Name, x, ok, missing, rows.Rows, rows.More, c.Seed, c.Now)
			return abi.Effects{
				Writes: []abi.Write{{Key: "c/x", Value: binary.BigEndian.AppendUint64(slices.Clone(x), c.Seed)}},
				Adds:   []abi.Add{{Key: "c/n", Delta: int64(c.Seed % 7)}},
				Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Conversation: "fake:general"}, Content: abi.Content{Blocks: []abi.Block{
					{Text: text}, {Buttons: []abi.Button{{Label: "Go", Action: "go", Note: []byte("note")}}}}}}}},
			}, nil
		})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, p)
		b.start()
		const n = 4
		for range n {
			b.accept(b.event(abi.MessagePosted), chat.Accepted)
			later(time.Hour)
		}
		journal := b.rows(kJournal)
		if len(journal) != n || len(got) != n {
			t.Fatalf("%d events left %d rows and made %d calls", n, len(journal), len(got))
		}
		for i, row := range journal {
			var j journalRow
			if _, err := j.UnmarshalMsg(row.Value); err != nil {
				t.Fatal(err)
			}
			if j.NoReplay {
				t.Errorf("event %d cannot be replayed", i)
			}
			call, err := j.Call.MarshalMsg(nil)
			if err != nil {
				t.Fatal(err)
			}
			if want := got[i]; !bytes.Equal(call, want) {
				t.Errorf("event %d: the journal has a call of seed %x at %d, the plugin got another", i, j.Call.Seed, j.Call.Now)
			}
			old := &evidence{t, j.Reads}
			res, err := p.Call(t.Context(), wasm.Call{Input: call, Host: old})
			if err != nil {
				t.Fatal(err)
			}
			was, err := j.Effects.MarshalMsg(nil)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(res.Output, was) {
				t.Errorf("event %d: replayed it returns\n%q\nthe journal has\n%q", i, res.Output, was)
			}
			if len(old.reads) > 0 {
				t.Errorf("event %d: %d reads in the journal were not made", i, len(old.reads))
			}
		}
	})
}
