package host

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// shelf is a plugin that shows a row, and writes what messages say: KEY VALUE.
type shelf struct{ asked *atomic.Int64 }

func (s shelf) Call(ctx context.Context, c wasm.Call) (wasm.Result, error) {
	if c.Export != abi.ExportQuery {
		return handler(func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Writes: []abi.Write{{Key: c.Event.Message.ID, Value: []byte(c.Event.Message.Text)}}}, nil
		}).Call(ctx, c)
	}
	s.asked.Add(1)
	var q abi.Query
	if _, err := q.UnmarshalMsg(c.Input); err != nil {
		return wasm.Result{}, err
	}
	v, _, err := c.Host.Get(ctx, q.Path[1:])
	if err != nil {
		return wasm.Result{}, err
	}
	out, err := (&abi.View{Type: "text/plain", Body: append([]byte(q.Role+":"), v...)}).MarshalMsg(nil)
	return wasm.Result{Output: out, Fuel: 1}, err
}

func (s shelf) Close() error { return nil }

// TestViewsAreKept: what was asked before is answered without the plugin, until a
// row that it read is written, whichever way.
func TestViewsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBot(t, Options{Views: 1 << 20})
		m := abi.Manifest{Name: "shelf", Events: []abi.Kind{abi.MessagePosted}}
		b.complete(&m)
		var asked atomic.Int64
		if err := b.install(t.Context(), &version{manifest: m, sha: "aa", guest: shelf{&asked}}, true); err != nil {
			t.Fatal(err)
		}
		b.start()
		write := func(key, value string) {
			ev := b.event(abi.MessagePosted)
			ev.Message = &abi.Message{ID: key, Text: value}
			b.accept(ev, chat.Accepted)
			synctest.Wait()
		}
		for i, step := range []struct {
			do               func()
			role, path, want string
			asks             bool
		}{
			{nil, "viewer", "/c/book", "viewer:", true},
			{nil, "viewer", "/c/book", "viewer:", false},
			{nil, "manager", "/c/book", "manager:", true},
			{func() { write("c/pen", "red") }, "viewer", "/c/book", "viewer:", false},
			{func() { write("c/book", "Emma") }, "viewer", "/c/book", "viewer:Emma", true},
			{nil, "viewer", "/c/book", "viewer:Emma", false},
			{func() { write("m/fake:ada/pen", "blue") }, "viewer", "/m/fake:ada/pen", "viewer:blue", true},
			{nil, "viewer", "/m/fake:ada/pen", "viewer:blue", false},
			{func() {
				if _, err := b.Forget(t.Context(), "fake:ada"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}, "viewer", "/m/fake:ada/pen", "viewer:", true},
		} {
			if step.do != nil {
				step.do()
			}
			before := asked.Load()
			v, err := b.Query(t.Context(), "shelf", abi.Query{Path: step.path, Role: step.role})
			if err != nil || string(v.Body) != step.want {
				t.Errorf("step %d: %q, %v, want %q", i, v.Body, err, step.want)
			}
			if asks := asked.Load() > before; asks != step.asks {
				t.Errorf("step %d: the plugin was asked: %t, want %t", i, asks, step.asks)
			}
		}
	})
}
