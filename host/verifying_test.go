package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

type verifyFunc func(ctx context.Context, v Verification) ([]byte, error)

func (f verifyFunc) Verify(ctx context.Context, v Verification) ([]byte, error) { return f(ctx, v) }

// A verdict comes back as an event with the note of the action, whatever the
// verifier does; one that is being prepared is waited for, but not for ever.
func TestVerify(t *testing.T) {
	for _, tt := range []struct {
		name   string
		verify func(calls int) ([]byte, error)
		want   string
		calls  int // at least
	}{
		{"a verdict", func(int) ([]byte, error) { return []byte(`{"verdict":"accepted"}`), nil }, `mine {"verdict":"accepted"}   0`, 1},
		{"none", nil, "mine  this hearth has no verifier off 0", 0},
		{"a failure", func(int) ([]byte, error) { return nil, errors.New("too many wait") }, "mine  too many wait  0", 1},
		{"prepared meanwhile", func(n int) ([]byte, error) {
			if n < 5 {
				return nil, ErrVerifierNotReady
			}
			return []byte("{}"), nil
		}, "mine {}   0", 5},
		{"never prepared", func(int) ([]byte, error) { return nil, ErrVerifierNotReady }, "mine  " + ErrVerifierNotReady.Error() + " not_ready 0", 100},
		{"too fast", func(int) ([]byte, error) {
			return nil, &VerifyError{Code: abi.TooFast, Wait: 9 * time.Second, Err: errors.New("slow down")}
		}, "mine  slow down too_fast 9000", 1},
		{"full", func(int) ([]byte, error) {
			return nil, fmt.Errorf("x: %w", &VerifyError{Code: abi.Full, Err: errors.New("full")})
		}, "mine  x: full full 0", 1},
		{"a verdict without bounds", func(int) ([]byte, error) { return make([]byte, MaxVerdict+1), nil }, "mine  the verdict has", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				calls, asked := 0, ""
				var o Options
				if tt.verify != nil {
					o.Verifier = verifyFunc(func(_ context.Context, v Verification) ([]byte, error) {
						calls++
						asked = fmt.Sprint(v.Files[0].Text, " ", v.Locale, " ", v.Community, " ", v.Member)
						return tt.verify(calls)
					})
				}
				b := newBot(t, o)
				var rec record
				b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}, Needs: []abi.Need{{Cap: abi.CapVerify, Reason: "test"}}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
					if r := c.Event.Result; r != nil {
						rec.add(fmt.Sprintf("%s %s %s %s %d", c.Event.Note, r.Body, r.Error, r.Code, r.Wait))
						return abi.Effects{}, nil
					}
					return abi.Effects{Out: []abi.Effect{{Action: &abi.Action{Name: "check", Note: []byte("mine"),
						Verify: &abi.Verify{Files: []abi.SourceFile{{Name: "main.go", Text: "package main"}}}}}}}, nil
				})
				b.start()
				b.accept(b.event(abi.MessagePosted), chat.Accepted)
				later(time.Hour)
				if got := rec.all(); len(got) != 1 || !strings.HasPrefix(got[0], tt.want) {
					t.Errorf("%q, want one %q", got, tt.want)
				}
				if calls < tt.calls || tt.calls > 0 && asked != "package main en fake fake:ada" {
					t.Errorf("asked %d times for %q", calls, asked)
				}
			})
		})
	}
}

// asks is a plugin that has every message verified, under its id as the key, and
// takes that back when the message is deleted. It writes down what comes back.
func (b *bot) asks(rec *record) {
	b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted, abi.MessageDeleted}, Needs: []abi.Need{{Cap: abi.CapVerify, Reason: "test"}}},
		func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			var out abi.Effect
			switch ev := c.Event; ev.Kind {
			case abi.MessagePosted:
				out.Action = &abi.Action{Name: "check", Key: ev.Message.Text, Note: []byte(ev.Message.ID),
					Verify: &abi.Verify{Files: []abi.SourceFile{{Name: "main.go", Text: ev.Message.Text}}}}
			case abi.MessageDeleted:
				out.Abort = &abi.Abort{Name: "check", Key: ev.Message.Text}
			default:
				rec.add(fmt.Sprintf("%s %s%s", ev.Note, ev.Result.Body, ev.Result.Error))
				return abi.Effects{}, nil
			}
			return abi.Effects{Out: []abi.Effect{out}}, nil
		})
}

// posts has a member post text, which is message ID.
func (b *bot) posts(kind abi.Kind, id, text string) {
	ev := b.event(kind)
	ev.Message = &abi.Message{ID: id, Text: text}
	b.accept(ev, chat.Accepted)
}

func wantRecord(t *testing.T, r *record, want ...string) {
	t.Helper()
	if got := r.all(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the plugin heard\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// A place in the queue is told after a second, then every few seconds if it has
// changed, and never after the verdict.
func TestPlaceInQueue(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Verifier: verifyFunc(func(_ context.Context, v Verification) ([]byte, error) {
			if v.Files[0].Text == "quick" {
				v.Moved(2)
				v.Moved(0)
				return []byte("quick"), nil
			}
			v.Moved(7)
			time.Sleep(500 * time.Millisecond)
			v.Moved(5) // told after a second
			time.Sleep(time.Second)
			v.Moved(4) // never told
			time.Sleep(time.Second)
			v.Moved(3) // after three more
			time.Sleep(6 * time.Second)
			v.Moved(1)
			v.Moved(0)
			time.Sleep(time.Minute)
			return []byte("done"), nil
		})})
		var rec record
		b.asks(&rec)
		b.start()
		b.posts(abi.MessagePosted, "m1", "slow")
		b.posts(abi.MessagePosted, "m2", "quick")
		later(time.Hour)
		wantRecord(t, &rec, "m2 quick", `m1 {"queue_position":5}`, `m1 {"queue_position":3}`, "m1 done")
		if rows := append(b.rows(kAction), b.rows(kActionRef)...); len(rows) != 0 {
			t.Errorf("%v is left", rows[0].Key)
		}
	})
}

// Verifications of one plugin go on beside each other; a member who deletes the
// message stops what is under way, and nothing comes of it.
func TestAbort(t *testing.T) {
	in(t, func(t *testing.T) {
		var stopped record
		b := newBot(t, Options{Verifier: verifyFunc(func(ctx context.Context, v Verification) ([]byte, error) {
			v.Moved(1)
			select {
			case <-ctx.Done():
				stopped.add(v.Files[0].Text)
				return nil, context.Cause(ctx)
			case <-time.After(10 * time.Second):
				return []byte(v.Files[0].Text), nil
			}
		})})
		var rec record
		b.asks(&rec)
		b.start()
		b.posts(abi.MessagePosted, "m1", "a")
		b.posts(abi.MessagePosted, "m2", "b")
		b.posts(abi.MessagePosted, "m3", "c")
		b.posts(abi.MessageDeleted, "m4", "unknown") // is no error
		later(5 * time.Second)
		if n, _ := b.waitingActions("p"); n != 3 {
			t.Errorf("%d are under way", n)
		}
		b.posts(abi.MessageDeleted, "m2", "b")
		later(time.Millisecond)
		b.posts(abi.MessagePosted, "m5", "c") // takes the place of m3
		later(time.Second)
		if got := strings.Join(stopped.all(), " "); got != "b c" {
			t.Errorf("stopped: %q", got)
		}
		later(time.Minute)
		b.posts(abi.MessageDeleted, "m1", "a") // has ended
		later(time.Minute)
		place := ` {"queue_position":1}`
		slices.Sort(rec.list[:min(3, len(rec.list))]) // those were told at the same moment
		wantRecord(t, &rec, "m1"+place, "m2"+place, "m3"+place, "m5"+place, "m1 a", "m5 c")
		if rows := append(append(b.rows(kAction), b.rows(kActionRef)...), b.rows(kDead)...); len(rows) != 0 {
			t.Errorf("%v is left", rows[0].Key)
		}
	})
}

// An abort that is refused with the rest of its invocation stops nothing.
func TestAbortIsPartOfTheBatch(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Verifier: verifyFunc(func(ctx context.Context, v Verification) ([]byte, error) {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
			return []byte("done"), ctx.Err()
		}), Retries: Retries{Delays: []time.Duration{}}})
		var rec record
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted, abi.MessageDeleted}, Needs: []abi.Need{{Cap: abi.CapVerify, Reason: "test"}}},
			func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				abort := abi.Effect{Abort: &abi.Abort{Name: "check", Key: "k"}}
				switch c.Event.Kind {
				case abi.MessagePosted:
					return abi.Effects{Out: []abi.Effect{{Action: &abi.Action{Name: "check", Key: "k", Verify: &abi.Verify{}}}}}, nil
				case abi.MessageDeleted:
					return abi.Effects{Out: []abi.Effect{abort, abort}}, nil
				}
				rec.add(string(c.Event.Result.Body))
				return abi.Effects{}, nil
			})
		b.start()
		b.posts(abi.MessagePosted, "m1", "x")
		b.posts(abi.MessageDeleted, "m1", "x")
		later(time.Hour)
		wantRecord(t, &rec, "done")
		if dead := b.rows(kDead); len(dead) != 1 || !strings.Contains(string(dead[0].Value), "aborted twice") {
			t.Errorf("%d failed events", len(dead))
		}
	})
}

// What waits when hearth stops does not hold it up, what runs is let end, and
// the next process does what has not been done. Each is answered once.
func TestVerifyOverARestart(t *testing.T) {
	in(t, func(t *testing.T) {
		var begun, rec record
		verifier := verifyFunc(func(ctx context.Context, v Verification) ([]byte, error) {
			text := v.Files[0].Text
			begun.add(text)
			if text == "waits" {
				v.Moved(1)
				if len(begun.all()) <= 2 {
					<-ctx.Done()
					return nil, context.Cause(ctx)
				}
			} else {
				time.Sleep(20 * time.Second)
			}
			return []byte(text), ctx.Err()
		})
		b := newBot(t, Options{Verifier: verifier})
		b.asks(&rec)
		b.start()
		b.posts(abi.MessagePosted, "m1", "runs")
		later(time.Second / 2)
		b.posts(abi.MessagePosted, "m2", "waits")
		later(time.Second / 2)
		stop := time.Now()
		b.halt()
		if d := time.Since(stop); d > 20*time.Second {
			t.Errorf("stopping took %v", d)
		}
		if rows := b.rows(kAction); len(rows) != 1 {
			t.Errorf("%d actions are left to the next process", len(rows))
		}
		again := newBot(t, Options{Verifier: verifier, Store: b.store})
		again.asks(&rec)
		again.start()
		later(time.Hour)
		wantRecord(t, &rec, "m1 runs", "m2 waits")
		if got := strings.Join(begun.all(), " "); got != "runs waits waits" {
			t.Errorf("begun: %q", got)
		}
	})
}
