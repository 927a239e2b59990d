package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// between is a store before some of whose commits something else happens.
type between struct {
	store.Store
	before atomic.Pointer[func(b *store.Batch)]
	lost   atomic.Int64 // so many more commits succeed, and nobody hears of it
}

func (s *between) Commit(ctx context.Context, b *store.Batch) (store.Rev, error) {
	if f := s.before.Load(); f != nil {
		(*f)(b)
	}
	rev, err := s.Store.Commit(ctx, b)
	if err == nil && s.lost.Load() > 0 {
		s.lost.Add(-1)
		return 0, errLost
	}
	return rev, err
}

// once calls f before the next commit that changes a member's measured row, and is
// not the one that takes in an event unless it is to be.
func (s *between) once(member string, accepting bool, f func()) {
	run := func(b *store.Batch) {
		has := func(k store.Key) bool {
			return slices.ContainsFunc(b.Writes(), func(w store.Write) bool { return strings.HasPrefix(string(w.Key), string(k)) })
		}
		if has(measure.Key(member)) && has(kSeen.Prefix()) == accepting {
			s.before.Store(nil)
			f()
		}
	}
	s.before.Store(&run)
}

// standing is how many members came to each step, and on how many days they were
// active in all.
func (b *bot) standing() map[string]int {
	b.t.Helper()
	out := map[string]int{}
	if err := b.Measured(b.t.Context(), func(m *measure.Model, snap store.Snapshot, now time.Time) error {
		q := measure.Query{From: m.Today(now) - 60, To: m.Today(now)}
		steps, err := m.Funnel(b.t.Context(), snap, q, now)
		if err != nil {
			return err
		}
		for _, s := range steps {
			out[s.Name] = s.Reached
		}
		out["active"], err = m.ActiveOn(b.t.Context(), snap, q)
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
	maps.DeleteFunc(out, func(_ string, n int) bool { return n == 0 })
	return out
}

func (b *bot) wantStanding(want string) {
	b.t.Helper()
	if got := fmt.Sprint(b.standing()); got != "map["+want+"]" {
		b.t.Errorf("the funnel and the days of activity are %s, want map[%s]", got, want)
	}
	b.exact()
}

// exact holds the counters to the members' rows.
func (b *bot) exact() {
	b.t.Helper()
	if err := b.Measured(b.t.Context(), func(m *measure.Model, snap store.Snapshot, _ time.Time) error {
		v, err := m.Verify(b.t.Context(), snap, nil)
		if len(v.Off) > 0 {
			b.t.Errorf("counters differ from the rows: %+v", v.Off)
		}
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
}

// by is an event of another member.
func by(ev abi.Event, member string) abi.Event {
	ev.Member = abi.Member{ID: member, Name: strings.ToUpper(abi.LocalID(member))}
	return ev
}

// milestones is a plugin that tracks the name of a command.
func milestones(b *bot) {
	b.plugin(abi.Manifest{Name: "path", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
		return abi.Effects{Out: []abi.Effect{{Track: &abi.Track{Name: c.Event.Message.Text}}}}, nil
	})
}

func (b *bot) posting(text string) abi.Event {
	ev := b.event(abi.MessagePosted)
	ev.Message.Text = text
	return ev
}

func TestMeasuredOnceHoweverOftenItIsDelivered(t *testing.T) {
	in(t, func(t *testing.T) {
		s := new(store.Mem)
		b := newBot(t, Options{Store: s})
		milestones(b)
		b.start()
		join, post := b.event(abi.MemberJoined), b.posting("path.first_task")
		for range 3 {
			for _, ev := range []abi.Event{join, post} {
				if _, err := b.Accept(t.Context(), chat.Incoming{Event: ev}); err != nil {
					t.Fatal(err)
				}
			}
			later(time.Second)
		}
		b.accept(b.posting("path.first_task"), chat.Accepted) // it was not the first
		later(time.Second)
		b.wantStanding("active:1 engaged:1 first_task:1 joined:1")
		row, ok, err := b.MeasuredMember(t.Context(), "fake:ada")
		if err != nil || !ok || row.Mark("path.first_task") == 0 || len(row.ActiveDays()) != 1 {
			t.Errorf("of ada %+v, %v, %v", row, ok, err)
		}
		if _, ok, err := b.MeasuredMember(t.Context(), "fake:nobody"); ok || err != nil {
			t.Errorf("of nobody %v, %v", ok, err)
		}

		// What was counted is counted in the next process too, and known there.
		b.halt()
		again := newBot(t, Options{Store: s})
		milestones(again)
		again.start()
		again.n = b.n
		again.accept(post, chat.Duplicate)
		later(time.Second)
		again.wantStanding("active:1 engaged:1 first_task:1 joined:1")
	})
}

func TestUnwantedEventsAreMeasured(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		join := b.event(abi.MemberJoined)
		b.accept(join, chat.Accepted)
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		again := b.event(abi.MessagePosted)
		again.Time = b.now() // at the same moment: it tells nothing new
		b.accept(again, chat.Unwanted)
		nameless := b.event(abi.MessagePosted)
		nameless.Member = abi.Member{ID: "fake:bob"}
		b.accept(nameless, chat.Accepted)
		// Whoever gave a command hears that nobody knows it, and was active.
		command := b.event(abi.CommandInvoked)
		command.Member = abi.Member{ID: "fake:cy"}
		b.accept(command, chat.Unwanted)
		nobody := b.event(abi.MessagePosted)
		nobody.Member = abi.Member{}
		b.accept(nobody, chat.Unwanted)
		b.wantStanding("active:3 engaged:1 joined:1")
	})
}

func TestWhoWasHereBefore(t *testing.T) {
	in(t, func(t *testing.T) {
		s := new(store.Mem)
		b := newBot(t, Options{Store: s})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		b.halt()
		// As a store is that knew no measuring.
		for _, r := range b.rows("") {
			if strings.HasPrefix(string(r.Key), "measure") || strings.HasPrefix(string(r.Key), "standing") || r.Key == kMeasuring {
				batch := new(store.Batch)
				batch.Delete(r.Key)
				if _, err := s.Commit(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
			}
		}
		later(time.Hour)
		again := newBot(t, Options{Store: s})
		again.n = b.n
		again.start()
		if since := again.Measuring().Since; !since.Equal(time.Now()) {
			t.Errorf("measured since %v", since)
		}
		for _, k := range []abi.Kind{abi.MemberLeft, abi.MemberJoined, abi.MessagePosted} {
			later(time.Minute)
			ev := again.event(k)
			if k == abi.MemberLeft {
				ev.Conversation = abi.Conversation{}
			}
			again.accept(ev, chat.Accepted)
		}
		again.accept(by(again.event(abi.MemberJoined), "fake:bob"), chat.Accepted)
		again.wantStanding("active:1 joined:1")
	})
}

// TestMeasuredThoughNobodyHeardOfTheCommit loses the store's answers to each of the
// commits on an event's way, one at a time.
func TestMeasuredThoughNobodyHeardOfTheCommit(t *testing.T) {
	for n := range 8 {
		in(t, func(t *testing.T) {
			s := &between{Store: new(store.Mem)}
			b := newBot(t, Options{Store: s})
			shows(b)
			milestones(b)
			b.start()
			for _, ev := range []abi.Event{b.event(abi.MemberJoined), b.posting("path.first_task"), b.posting("show")} {
				var commits atomic.Int64
				lose := func(*store.Batch) {
					if commits.Add(1) == int64(n)+1 {
						s.lost.Store(1)
					}
				}
				s.before.Store(&lose)
				for range 3 { // a platform delivers again what was not taken
					if _, err := b.Accept(t.Context(), chat.Incoming{Event: ev}); err == nil {
						break
					}
				}
				later(time.Minute)
				s.before.Store(nil)
			}
			// What was taken in, and nobody heard of, is taken up at the next start.
			b.halt()
			b = newBot(t, Options{Store: s})
			shows(b)
			milestones(b)
			b.start()
			later(time.Minute)
			b.wantStanding("active:1 engaged:1 first_task:1 joined:1")
			row, _, err := b.MeasuredMember(t.Context(), "fake:ada")
			if err != nil || len(row.Shown) != 2 {
				t.Errorf("commit %d: shown %v, %v", n, row.Shown, err)
			}
		})
	}
}

// TestMeasuredBesideOthers has a member's row change between what was read and the
// commit, wherever it is written.
func TestMeasuredBesideOthers(t *testing.T) {
	for name, text := range map[string]string{"accept": "hi", "track": "path.first_task", "verdict": "run", "receipt": "show"} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				s := &between{Store: new(store.Mem)}
				runs := 0
				b := newBot(t, Options{Store: s, Verifier: verifyFunc(func(context.Context, Verification) ([]byte, error) { runs++; return []byte(`{}`), nil })})
				shows(b)
				b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}, Needs: []abi.Need{{Cap: abi.CapVerify, Reason: "test"}}},
					func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
						switch {
						case c.Event.Message == nil:
							return abi.Effects{}, nil
						case c.Event.Message.Text == "run":
							return abi.Effects{Out: []abi.Effect{{Action: &abi.Action{Name: "x", Verify: &abi.Verify{Files: []abi.SourceFile{{Name: "main.go", Text: "package main"}}}}}}}, nil
						case strings.Contains(c.Event.Message.Text, "."):
							return abi.Effects{Out: []abi.Effect{{Track: &abi.Track{Name: c.Event.Message.Text}}}}, nil
						}
						return abi.Effects{}, nil
					})
				b.start()
				b.accept(b.event(abi.MemberJoined), chat.Accepted)
				if name != "accept" { // then accepting tells nothing new
					b.accept(b.posting("hi"), chat.Accepted)
					later(time.Second)
				}
				changed := false
				s.once("fake:ada", name == "accept", func() {
					changed = true
					now := b.now()
					if err := b.learnOf(t.Context(), "fake:ada", &measure.Fact{At: now, Received: now, Marks: []string{"pr.merged"}}); err != nil {
						t.Error(err)
					}
				})
				b.accept(b.posting(text), chat.Accepted)
				later(time.Minute)
				if !changed {
					t.Fatal("control: nothing came in between")
				}
				row, _, err := b.MeasuredMember(t.Context(), "fake:ada")
				if err != nil || row.Mark("pr.merged") == 0 || row.Mark("message.posted") == 0 {
					t.Errorf("%+v, %v", row, err)
				}
				switch name {
				case "track":
					if row.Mark("path.first_task") == 0 {
						t.Error("it was not tracked")
					}
				case "verdict":
					if runs != 1 {
						t.Errorf("the code ran %d times", runs)
					}
					if path := measure.PathOf(&row); !slices.Contains(path, measure.Run) {
						t.Errorf("first actions %v", path)
					}
				case "receipt":
					if len(row.Shown) != 2 || len(b.platform.sent()) != 1 {
						t.Errorf("shown %v by %d messages", row.Shown, len(b.platform.sent()))
					}
				}
				b.exact()
			})
		})
	}
}

// shows is a middleware that assigns to an experiment, and a plugin that shows it to
// who says "show".
func shows(b *bot) {
	b.plugin(abi.Manifest{Name: "assign", Middleware: true, Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
		return abi.Effects{Groups: []abi.Annotation{{Name: "bot-script", Value: "v2", Counted: c.Event.Member.ID != "fake:tester"}, {Name: "pace", Value: "slow", Counted: true}}}, nil
	})
	b.plugin(abi.Manifest{Name: "shows", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
		var shown []abi.Annotation
		for _, g := range c.Event.Groups {
			if g.Counted && strings.HasPrefix(c.Event.Message.Text, "show") {
				g.Counted = false
				shown = append(shown, g)
			}
		}
		switch c.Event.Message.Text {
		case "show":
			ef := tell(c.Event.Member.ID, "hello")
			ef.Send.Shown = shown
			return abi.Effects{Out: []abi.Effect{ef}}, nil
		case "show here":
			ef := say(c.Event.Conversation.ID, "hello")
			ef.Send.Shown = shown
			return abi.Effects{Out: []abi.Effect{ef}}, nil
		case "lie":
			ef := tell(c.Event.Member.ID, "hello")
			ef.Send.Shown = []abi.Annotation{{Name: "bot-script", Value: "baseline"}}
			return abi.Effects{Out: []abi.Effect{ef}}, nil
		}
		return abi.Effects{}, nil
	})
}

func TestExposuresAreMeasuredWhenTheMessageIsSent(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Policy: Policy{DailyCap: -1}})
		shows(b)
		b.start()
		shown := func(member string) string {
			row, _, err := b.MeasuredMember(t.Context(), member)
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for _, s := range row.Shown {
				list = append(list, s.Experiment+"="+s.Variation)
			}
			return strings.Join(list, " ")
		}
		if err := b.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.accept(b.posting("show"), chat.Accepted)
		later(time.Minute)
		if got := shown("fake:ada"); got != "" {
			t.Errorf("shown before anything was sent: %s", got)
		}
		if err := b.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		later(time.Minute)
		if got := shown("fake:ada"); got != "bot-script=v2 pace=slow" {
			t.Errorf("shown once it was sent: %q", got)
		}
		b.accept(b.posting("show"), chat.Accepted) // again, and once all the same

		// Where the event happened, for its member.
		b.accept(by(b.posting("show here"), "fake:bob"), chat.Accepted)
		later(time.Minute)
		if got := shown("fake:bob"); got != "bot-script=v2 pace=slow" {
			t.Errorf("shown in the channel: %q", got)
		}
		b.accept(by(b.posting("show"), "fake:tester"), chat.Accepted)
		b.accept(by(b.posting("say nothing"), "fake:cy"), chat.Accepted)
		b.accept(by(b.posting("lie"), "fake:dan"), chat.Accepted)
		b.platform.mu.Lock()
		b.platform.fail = func(d *chat.Delivery) error {
			if d.Member == "fake:eve" {
				return &chat.DeliveryError{Code: "user_not_found", Err: errors.New("no such user")}
			}
			return nil
		}
		b.platform.mu.Unlock()
		b.accept(by(b.posting("show"), "fake:eve"), chat.Accepted)
		later(time.Hour)
		for member, want := range map[string]string{"fake:tester": "pace=slow", "fake:cy": "", "fake:dan": "", "fake:eve": ""} {
			if got := shown(member); got != want {
				t.Errorf("%s was shown %q, want %q", member, got, want)
			}
		}
		if err := b.Measured(t.Context(), func(m *measure.Model, snap store.Snapshot, now time.Time) error {
			q := measure.Query{From: m.Today(now) - 1, To: m.Today(now)}
			arms, err := m.Arms(t.Context(), snap, q, "bot-script", []string{"baseline", "v2"}, "day7", now)
			if err == nil && (arms.Arms[0].Shown != 0 || arms.Arms[1].Shown != 2) {
				t.Errorf("arms %+v", arms)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		b.exact()
	})
}

func TestForgottenMembersAreInTotalsAlone(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		shows(b)
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		b.accept(b.posting("show"), chat.Accepted)
		b.accept(by(b.event(abi.MemberJoined), "fake:bob"), chat.Accepted)
		later(time.Minute)
		x, err := b.Forget(t.Context(), "fake:ada")
		if err != nil || x.Kinds["figures"] != 1 {
			t.Fatalf("%+v, %v", x, err)
		}
		later(time.Minute)
		for _, r := range b.rows("") {
			if strings.Contains(string(r.Key), "ada") || strings.Contains(string(r.Value), "fake:ada") {
				t.Errorf("a row still names her: %s", r.Key)
			}
		}
		if _, ok, err := b.MeasuredMember(t.Context(), "fake:ada"); ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
		b.wantStanding("active:1 engaged:1 joined:2")

		// Who comes back is somebody new, and on no list by a random name is anybody.
		later(time.Hour)
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		b.accept(b.posting("hi"), chat.Accepted)
		later(time.Minute)
		b.wantStanding("active:2 engaged:2 joined:3")
		if err := b.Measured(t.Context(), func(m *measure.Model, snap store.Snapshot, now time.Time) error {
			list, err := m.StandingMembers(t.Context(), snap, measure.Query{From: m.Today(now) - 1, To: m.Today(now)}, 1, 10)
			if fmt.Sprint(list) != "[fake:ada]" {
				t.Errorf("at the second step stand %v", list)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		var export strings.Builder
		if err := b.Export(t.Context(), "fake:ada", &export); err != nil || !strings.Contains(export.String(), `{"kind":"figures","joined":"2000-`) ||
			!strings.Contains(export.String(), `"days":["2000-01-01"],"firsts":{`) {
			t.Errorf("her export is %s, %v", export.String(), err)
		}
	})
}
