package host

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// wantFailure fails unless exactly so many events were given up, the last of
// them for a reason that says words.
func (b *bot) wantFailures(n int, words string) {
	b.t.Helper()
	f, err := b.Failures(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	if len(f) != n || n > 0 && !strings.Contains(f[n-1].Error, words) {
		b.t.Fatalf("failed events %+v, want %d for %q", f, n, words)
	}
}

func TestLaw6TimersAreBounded(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{MaxTimers: 3, Retries: Retries{Delays: []time.Duration{}}})
		set := func(e abi.Event, names ...string) {
			e.Message.Text = strings.Join(names, " ")
			b.accept(e, chat.Accepted)
			later(time.Second)
		}
		for _, name := range []string{"p", "other"} {
			b.plugin(abi.Manifest{Name: name, Keywords: []string{name}, Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				var ef abi.Effects
				if c.Event.Kind == abi.TimerFired {
					return ef, nil
				}
				for _, n := range strings.Fields(c.Event.Message.Text)[1:] {
					ef.Out = append(ef.Out, abi.Effect{Timer: &abi.Timer{Name: n, Due: c.Now + time.Hour.Milliseconds()}})
				}
				return ef, nil
			})
		}
		b.start()
		set(b.event(abi.MessagePosted), "p", "a", "b", "c", "d") // more than there are, at once
		b.wantFailures(1, "3 timers already")
		set(b.event(abi.MessagePosted), "p", "a", "b")
		set(b.event(abi.MessagePosted), "p", "a", "b") // set anew, they are no more
		set(b.event(abi.MessagePosted), "p", "c")
		b.wantFailures(1, "")
		set(b.event(abi.MessagePosted), "p", "d") // one by one
		b.wantFailures(2, "3 timers already")
		set(b.event(abi.MessagePosted), "other", "a", "b", "c") // each plugin has its own
		if n := len(b.rows(kTimer)); n != 6 {
			t.Errorf("%d timers wait, want three of each plugin", n)
		}
		later(2 * time.Hour) // what fired makes room
		set(b.event(abi.MessagePosted), "p", "d", "e", "f")
		b.wantFailures(2, "")
		if n := len(b.rows(kTimer)); n != 3 {
			t.Errorf("%d timers wait, want 3", n)
		}
	})
}

func TestLaw6TheOutboxIsBounded(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{MaxOutbox: 3, Retries: Retries{Delays: []time.Duration{}}})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			var ef abi.Effects
			for _, word := range strings.Fields(c.Event.Message.Text) {
				ef.Out = append(ef.Out, say(word, "hello"))
			}
			return ef, nil
		})
		other := newFakePlatform("other")
		if err := b.Attach(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if err := b.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.start()
		send := func(text string) {
			e := b.event(abi.MessagePosted)
			e.Message.Text = text
			b.accept(e, chat.Accepted)
			later(time.Second)
		}
		send("fake:a fake:b fake:c fake:d") // more than there is room for, at once
		b.wantFailures(1, "3 messages wait for fake already")
		send("fake:a fake:b")
		send("fake:c other:a other:b other:c") // each platform has its own
		b.wantFailures(1, "")
		send("fake:d")
		b.wantFailures(2, "3 messages wait for fake already")
		if n := len(b.rows(kOutbox)); n != 6 {
			t.Errorf("%d messages wait, want three for each platform", n)
		}
		if err := b.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		later(time.Second) // what is sent makes room
		send("fake:d")
		b.wantFailures(2, "")
		if n := len(b.platform.texts()); n != 4 {
			t.Errorf("%d messages arrived, want 4", n)
		}
	})
}

// TestLaw6TheJournalKeepsSoManyReads looks at both sides of the 64 KiB of reads
// that are kept: what read more says that it cannot be replayed, and keeps none.
func TestLaw6TheJournalKeepsSoManyReads(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		const key = "c/x"
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
			_, _, err := h.Get(t.Context(), key)
			if err == nil && c.Event.Message.Text == "twice" {
				_, _, err = h.Get(t.Context(), key)
			}
			if err == nil && c.Event.Message.Text == "scan" {
				_, err = h.Scan(t.Context(), &abi.Scan{Prefix: "c/"})
			}
			return abi.Effects{}, err
		})
		b.start()
		for _, c := range []struct {
			text     string
			size     int
			replayed bool
		}{
			{"once", maxJournalReads - len(key), true},
			{"once", maxJournalReads - len(key) + 1, false},
			{"twice", maxJournalReads/2 - len(key), true},
			{"twice", maxJournalReads/2 - len(key) + 1, false},
			{"scan", maxJournalReads/2 - len(key) + 1, false},
		} {
			batch := new(store.Batch)
			batch.Put(stateKey("p", key), make([]byte, c.size))
			if _, err := b.store.Commit(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			e := b.event(abi.MessagePosted)
			e.Message.Text = c.text
			b.accept(e, chat.Accepted)
			later(time.Second)
			rows := b.rows(kJournal)
			last := rows[len(rows)-1]
			var j journalRow
			if _, err := j.UnmarshalMsg(last.Value); err != nil {
				t.Fatal(err)
			}
			if j.NoReplay == c.replayed || (len(j.Reads) > 0) != c.replayed || j.Error != "" {
				t.Errorf("%s %d bytes: marked as not to be replayed %v with %d reads kept (%s)", c.text, c.size, j.NoReplay, len(j.Reads), j.Error)
			}
			if most := maxJournalReads + 4<<10; len(last.Value) > most {
				t.Errorf("%s %d bytes: the journal row has %d bytes, at most %d", c.text, c.size, len(last.Value), most)
			}
		}
	})
}

func TestLaw6TrackedNamesAreBounded(t *testing.T) {
	in(t, func(t *testing.T) {
		o := Options{Retries: Retries{Delays: []time.Duration{}}}
		start := func(s store.Store) *bot {
			o.Store = s
			b := newBot(t, o)
			for _, name := range []string{"p", "other"} {
				b.plugin(abi.Manifest{Name: name, Keywords: []string{name}, Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
					var from, to int
					if _, err := fmt.Sscanf(c.Event.Message.Text, name+" %d %d", &from, &to); err != nil {
						return abi.Effects{}, err
					}
					var ef abi.Effects
					for i := from; i < to; i++ {
						ef.Out = append(ef.Out, abi.Effect{Track: &abi.Track{Name: fmt.Sprint("name ", i)}})
					}
					return ef, nil
				})
			}
			b.start()
			return b
		}
		track := func(b *bot, plugin string, from, to int) {
			for ; from < to; from += abi.MaxEffects {
				e := b.event(abi.MessagePosted)
				e.ID += fmt.Sprint(time.Now().UnixNano())
				e.Message.Text = fmt.Sprint(plugin, " ", from, " ", min(from+abi.MaxEffects, to))
				b.accept(e, chat.Accepted)
				later(time.Second)
			}
		}
		b := start(new(store.Mem))
		track(b, "p", 0, maxTrackNames-1)
		b.wantFailures(0, "")
		track(b, "p", maxTrackNames-1, maxTrackNames+1) // one too many: neither counts
		b.wantFailures(1, "1000 names already")
		track(b, "p", maxTrackNames-1, maxTrackNames)
		track(b, "p", 0, 10)    // names that it has are no new ones
		track(b, "other", 0, 3) // and each plugin has its own
		b.wantFailures(1, "")
		if n := len(b.rows(kTrack.Join("p"))); n != maxTrackNames {
			t.Errorf("%d counters, want %d", n, maxTrackNames)
		}
		b.halt()

		later(24 * time.Hour)
		b = start(b.store) // the names are known over a restart
		track(b, "p", 5000, 5001)
		b.wantFailures(2, "1000 names already")
		track(b, "p", 0, 1)
		b.wantFailures(2, "")
		b.halt()

		later(b.tuned().Keep.Track + 12*time.Hour) // the first day has aged, the second not
		b = start(b.store)
		if n := len(b.rows(kTrack.Join("p"))); n != 1 {
			t.Errorf("%d counters are left after two years, want the one of the second day", n)
		}
		later(2 * time.Hour)
		track(b, "p", 5000, 5001)
		b.wantFailures(0, "")
	})
}
