package host

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// TestHealth counts attempts by the minute for an hour, and forgets what is older.
func TestHealth(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{time.Second}}})
		b.plugin(abi.Manifest{Name: "one", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Message.Text == "bad" {
				return abi.Effects{Error: "no"}, nil
			}
			return abi.Effects{}, nil
		})
		b.start()
		begun := b.clock.Now()
		for i := range 10 {
			e := b.event(abi.MessagePosted)
			if i == 3 {
				e.Message.Text = "bad"
			}
			b.accept(e, chat.Accepted)
			later(time.Minute)
		}
		h, ok := b.Health("one")
		events, failed := sum(h)
		if !ok || !h.Since.Equal(begun) || len(h.Minutes) != 11 || events != 11 || failed != 2 {
			t.Errorf("the hour is %+v, %v: %d attempts, %d failed", h, ok, events, failed)
		}
		later(2 * time.Hour)
		if h, _ = b.Health("one"); len(h.Minutes) != 60 || h.Since.Before(b.clock.Now().Add(-time.Hour)) {
			t.Errorf("two hours later there are %d minutes since %v", len(h.Minutes), h.Since)
		}
		if events, failed = sum(h); events != 0 || failed != 0 {
			t.Errorf("two hours later there were %d attempts, %d failed", events, failed)
		}
		if n := b.GivenUp()["one"]; n != 1 {
			t.Errorf("%d events were given up", n)
		}
		if _, ok := b.Health("nobody"); ok {
			t.Error("nobody has a health")
		}
	})
}

func sum(h Health) (events, failed int) {
	for _, m := range h.Minutes {
		events, failed = events+m.Events, failed+m.Failed
	}
	return events, failed
}

// TestRows lists a plugin's rows a page at a time, and nobody else's.
func TestRows(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		for _, name := range []string{"one", "one-b"} {
			b.plugin(abi.Manifest{Name: name, Events: []abi.Kind{abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				var ef abi.Effects
				for i := range 7 {
					ef.Writes = append(ef.Writes, abi.Write{Key: fmt.Sprintf("c/n/%d", i), Value: []byte("text")})
				}
				ef.Writes = append(ef.Writes, abi.Write{Key: "m/fake:1/seen", Value: []byte{0x2a}})
				return ef, nil
			})
		}
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Second)
		var got []string
		after, pages := "", 0
		for {
			rows, next, err := b.Rows(t.Context(), "one", "", after, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				got = append(got, fmt.Sprintf("%s %d %s", r.Key, r.Size, r.JSON))
			}
			pages++
			if after = next; next == "" {
				break
			}
		}
		want := `[c/n/0 4 "text" c/n/1 4 "text" c/n/2 4 "text" c/n/3 4 "text" c/n/4 4 "text" c/n/5 4 "text" c/n/6 4 "text" m/fake:1/seen 1 42]`
		if fmt.Sprint(got) != want || pages != 3 {
			t.Errorf("on %d pages are %v, want %s", pages, got, want)
		}
		if rows, next, err := b.Rows(t.Context(), "one", "m/", "", 0); err != nil || len(rows) != 1 || next != "" {
			t.Errorf("below m/ are %v, next %q, %v", rows, next, err)
		}
		if _, _, err := b.Rows(t.Context(), "nobody", "", "", 0); !errors.Is(err, ErrUnknown) {
			t.Errorf("rows of nobody: %v", err)
		}
		if g, err := b.Granted(t.Context(), "one"); err != nil || len(g) == 0 || g[0].Cap != abi.CapSend {
			t.Errorf("granted is %v, %v", g, err)
		}
	})
}
