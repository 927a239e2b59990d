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
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/audit"
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

// TestNewDefinitionsCountEverybodyAnew changes the funnel while members are there,
// stops in the middle, and goes on.
func TestNewDefinitionsCountEverybodyAnew(t *testing.T) {
	in(t, func(t *testing.T) {
		s := &between{Store: new(store.Mem)}
		b := newBot(t, Options{Store: s})
		milestones(b)
		b.start()
		const members = 700
		for i := range members {
			id := fmt.Sprintf("fake:m%03d", i)
			b.accept(by(b.event(abi.MemberJoined), id), chat.Accepted)
			if i%2 == 0 {
				b.accept(by(b.posting("path.first_task"), id), chat.Accepted)
			}
		}
		later(time.Minute)
		b.wantStanding("active:350 engaged:350 first_task:350 joined:700")
		before := b.Measuring()

		short := *b.tuned()
		short.Measure.Funnel = []measure.Step{{Name: "here", By: []string{"member.joined"}}, {Name: "done", By: []string{"path.first_task"}}}
		wrong := short
		wrong.Measure.Funnel = short.Measure.Funnel[:1]
		if err := b.Reconfigure(t.Context(), wrong); err == nil || b.Measuring() != before {
			t.Errorf("a funnel of one step: %v, %+v", err, b.Measuring())
		}
		// The engine stops while it counts.
		stopped := 0
		run := func(batch *store.Batch) {
			if slices.ContainsFunc(batch.Writes(), func(w store.Write) bool { return w.Key == kCounting && w.Op == store.Put }) {
				if stopped++; stopped == 2 {
					b.stop()
				}
			}
		}
		s.before.Store(&run)
		if err := b.Reconfigure(t.Context(), short); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.before.Store(nil)
		<-b.ended
		if m := b.Measuring(); m.Counted < 0 || m.Counted > members || m.Version == before.Version {
			t.Errorf("while it counts: %+v", m)
		}
		again := newBot(t, Options{Store: s, Measure: short.Measure})
		milestones(again)
		again.n = b.n
		again.start()
		later(time.Minute)
		if m := again.Measuring(); m.Counted != -1 {
			t.Errorf("in the end %+v", m)
		}
		again.wantStanding("active:350 done:350 here:700")
		// Of what was before nothing is left, and going back is new too.
		version := again.Measuring().Version
		for _, r := range again.rows("") {
			if strings.Contains(string(r.Key), before.Version) {
				t.Fatalf("left over: %s", r.Key)
			}
		}
		back := *again.tuned()
		back.Measure = Measure{}
		if err := again.Reconfigure(t.Context(), back); err != nil {
			t.Fatal(err)
		}
		again.accept(by(again.posting("path.first_task"), "fake:m001"), chat.Accepted)
		later(time.Minute)
		if v := again.Measuring().Version; v == version || v == before.Version {
			t.Errorf("version %s after %s and %s", v, before.Version, version)
		}
		again.wantStanding("active:351 engaged:351 first_task:351 joined:700")
	})
}

// TestForgottenWhileTheyAreCountedAnew has a member of an earlier definition
// forgotten.
func TestForgottenWhileTheyAreCountedAnew(t *testing.T) {
	in(t, func(t *testing.T) {
		s := new(store.Mem)
		b := newBot(t, Options{Store: s})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		b.halt()
		again := newBot(t, Options{Store: s, Measure: Measure{Funnel: []measure.Step{{Name: "here", By: []string{"member.joined"}}, {Name: "done", By: []string{"path.done"}}}}})
		if again.Measuring().Counted != 0 {
			t.Fatal("control: they are not to be counted anew")
		}
		again.start()
		if _, err := again.Forget(t.Context(), "fake:ada"); err != nil {
			t.Fatal(err)
		}
		later(time.Minute)
		for _, r := range again.rows("") {
			if strings.Contains(string(r.Key), "ada") {
				t.Errorf("a row still names her: %s", r.Key)
			}
		}
		again.wantStanding("here:1")
	})
}

func TestTimeZonesAreHistory(t *testing.T) {
	in(t, func(t *testing.T) {
		s := new(store.Mem)
		shanghai, berlin := location(t, "Asia/Shanghai"), location(t, "Europe/Berlin")
		b := newBot(t, Options{Store: s})
		b.start()
		move := func(to *time.Location) {
			t.Helper()
			tuning := *b.tuned()
			tuning.Community.TimeZone = to
			if err := b.Reconfigure(t.Context(), tuning); err != nil {
				t.Fatal(err)
			}
		}
		zones := func() (names []string) {
			for _, z := range b.measures().row.Zones {
				names = append(names, z.Name)
			}
			return names
		}
		// Where nobody is counted yet the zone was never another.
		move(shanghai)
		if got := fmt.Sprint(zones()); got != "[Asia/Shanghai]" {
			t.Errorf("zones %s", got)
		}
		version := b.Measuring().Version
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		move(berlin)
		move(berlin)
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		if got := fmt.Sprint(zones()); got != "[Asia/Shanghai Europe/Berlin]" || b.Measuring().Version != version {
			t.Errorf("zones %s, version %s", got, b.Measuring().Version)
		}
		b.halt()
		again := newBot(t, Options{Store: s, Community: Community{TimeZone: berlin}})
		if got := len(again.measures().row.Zones); got != 2 {
			t.Errorf("%d zones after a restart", got)
		}
		third := newBot(t, Options{Store: s, Community: Community{TimeZone: shanghai}})
		if got := len(third.measures().row.Zones); got != 3 {
			t.Errorf("%d zones after a start with another", got)
		}
		third.exact()
	})
}

// TestRebuildWhileEventsFlow breaks counters, and has them put right in the middle
// of what comes in.
func TestRebuildWhileEventsFlow(t *testing.T) {
	in(t, func(t *testing.T) {
		s := &between{Store: new(store.Mem)}
		b := newBot(t, Options{Store: s})
		b.start()
		for i := range 20 {
			b.accept(by(b.event(abi.MemberJoined), fmt.Sprint("fake:m", i)), chat.Accepted)
		}
		who := audit.Who{ID: "t", Name: "Tess", Role: "admin", Via: "cli"}
		if x, err := b.RebuildAnalytics(t.Context(), who, nil); err != nil || x.Rows != 20 || x.Changed != 0 || x.Counters == 0 {
			t.Fatalf("with nothing wrong %+v, %v", x, err)
		}
		wrong, broken := new(store.Batch), 0
		for _, r := range b.rows(measure.Counters) {
			if wrong.Add(r.Key, 5); broken < 9 {
				broken++
			}
		}
		wrong.Add(measure.Counters.Join("fake", "joined", "d", "1999-01-01"), 3)
		broken = len(wrong.Writes())
		if _, err := s.Commit(t.Context(), wrong); err != nil {
			t.Fatal(err)
		}
		once := false
		run := func(batch *store.Batch) { // before what puts it right
			if w := batch.Writes(); len(w) > 0 && w[0].Op == store.Add && !once {
				once = true
				b.accept(by(b.event(abi.MemberJoined), "fake:late"), chat.Accepted)
			}
		}
		s.before.Store(&run)
		var told []int
		x, err := b.RebuildAnalytics(t.Context(), who, func(done, all int) { told = append(told, done, all) })
		s.before.Store(nil)
		if err != nil || x.Changed != broken || len(x.Examples) != min(broken, maxExamples) || x.Examples[0].Is-x.Examples[0].Ought == 0 {
			t.Errorf("%+v, %v; %d were broken", x, err, broken)
		}
		if !once || fmt.Sprint(told) != "[20 20]" {
			t.Errorf("progress %v, in between %v", told, once)
		}
		b.wantStanding("joined:21")
		list, err := b.audit.List(t.Context(), audit.Filter{Limit: 1})
		if err != nil || len(list) != 1 || list[0].Did != "analytics.rebuild" || list[0].Who.Name != "Tess" {
			t.Errorf("on record is %+v, %v", list, err)
		}
		later(2 * sweepEvery) // counters in which nobody is left go
		for _, r := range b.rows(measure.Counters) {
			if n, err := store.Counter(r); err != nil || n == 0 {
				t.Errorf("%s is %d, %v", r.Key, n, err)
			}
		}
		b.exact()
	})
}

// TestReplaysMeasureNothing runs the journal again, by a version that tracks.
func TestReplaysMeasureNothing(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		tracks := func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
			if c.Event.Message == nil {
				return abi.Effects{}, nil
			}
			return abi.Effects{Out: []abi.Effect{{Track: &abi.Track{Name: "path.done"}}}}, nil
		}
		b.other("1.0.0", func(*abi.Call, wasm.Host) (abi.Effects, error) { return abi.Effects{}, nil })
		b.start()
		b.postsTexts(5, func(i int) string { return fmt.Sprint("text ", i) })
		row, _, err := b.MeasuredMember(t.Context(), "fake:ada")
		if err != nil || row.Mark("path.done") != 0 {
			t.Fatalf("%+v, %v", row, err)
		}
		b.other("2.0.0", tracks)
		if r := b.replay(ReplayOptions{Plugin: "p", Last: 10}); r.Changed != 5 {
			t.Fatalf("control: %+v", r)
		}
		row, _, err = b.MeasuredMember(t.Context(), "fake:ada")
		if err != nil || row.Mark("path.done") != 0 {
			t.Errorf("a replay was measured: %+v, %v", row, err)
		}
		b.exact()
	})
}

func TestBotsAreTakenBack(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		b.wantStanding("active:1 engaged:1 joined:1")
		now := b.now()
		if err := b.learnOf(t.Context(), "fake:ada", &measure.Fact{At: now, Received: now, Bot: true}); err != nil {
			t.Fatal(err)
		}
		later(time.Second)
		b.wantStanding("")
	})
}

func TestCommunityFigures(t *testing.T) {
	in(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		s := new(store.Mem)
		b := newBot(t, Options{Store: s, Metrics: reg})
		milestones(b)
		b.start()
		month := time.Now().UTC().Format("200601")
		series := func(status, step string) string {
			return "new_user_funnel_steps_total cohort=" + month + " status=" + status + " step=" + step
		}
		got := figures(t, reg)
		for _, step := range []string{"joined", "engaged", "first_task", "all_tasks", "first_pr"} {
			for _, status := range []string{"entered", "completed"} {
				if n, ok := got[series(status, step)]; !ok || n != 0 {
					t.Errorf("%s is %v, %v at the start, want 0", series(status, step), n, ok)
				}
			}
		}
		if _, ok := got["hearth_retention_d7_ratio "]; ok || got["hearth_dau "] != 0 {
			t.Errorf("at the start there is a retention %v, or %v are active", ok, got["hearth_dau "])
		}
		for i := range 4 {
			id := fmt.Sprint("fake:m", i)
			b.accept(by(b.event(abi.MemberJoined), id), chat.Accepted)
			if i > 0 {
				later(100 * time.Second)
				b.accept(by(b.posting("path.first_task"), id), chat.Accepted)
			}
		}
		later(2 * time.Minute)
		got = figures(t, reg)
		for s, want := range map[string]float64{
			series("entered", "joined"): 4, series("completed", "joined"): 4, series("entered", "engaged"): 4, series("completed", "engaged"): 3,
			series("entered", "first_task"): 3, series("completed", "first_task"): 3, series("entered", "all_tasks"): 3, series("completed", "all_tasks"): 0,
			"hearth_dau ": 3, "user_journey_duration_seconds_count cohort=" + month + " step=first_task": 3,
		} {
			if got[s] != want {
				t.Errorf("%s is %v, want %v", s, got[s], want)
			}
		}
		if sum := got["user_journey_duration_seconds_sum cohort="+month+" step=first_task"]; sum < 300*0.95 || sum > 300*1.05 {
			t.Errorf("three times 100 s to the first task are %v", sum)
		}
		later(7 * 24 * time.Hour)
		b.accept(by(b.posting("hi"), "fake:m1"), chat.Accepted)
		later(24 * time.Hour)
		b.halt()
		// They survive a restart, as they are the store's.
		reg = prometheus.NewRegistry()
		again := newBot(t, Options{Store: s, Metrics: reg})
		got = figures(t, reg)
		if got["hearth_retention_d7_ratio "] != 0.25 || got["hearth_dau "] != 0 || got[series("completed", "engaged")] != 3 {
			t.Errorf("after a restart %v, %v and %v", got["hearth_retention_d7_ratio "], got["hearth_dau "], got[series("completed", "engaged")])
		}
		again.exact()
		later(400 * 24 * time.Hour)
		cohorts := map[string]bool{}
		for s := range figures(t, reg) {
			if rest, ok := strings.CutPrefix(s, "new_user_funnel_steps_total cohort="); ok {
				cohorts[rest[:6]] = true
			}
		}
		if len(cohorts) != 12 {
			t.Errorf("%d cohorts after 400 days", len(cohorts))
		}
	})
}

func TestCoverage(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.platform.health.Hidden = []string{"channels that it is not in"}
		b.start()
		later(time.Minute)
		if got := fmt.Sprint(b.Coverage()); got != "[{fake [channels that it is not in]}]" {
			t.Errorf("%s", got)
		}
	})
}

func TestMeasuredCopies(t *testing.T) {
	var c measuredRows
	row := func(n int64) *measure.Row { return &measure.Row{Joined: n} }
	_, epoch := c.get("a")
	c.put("a", row(1), epoch)
	if r, _ := c.get("a"); r == nil || r.Joined != 1 {
		t.Fatalf("a is %+v", r)
	}
	// What was read before somebody was forgotten is not kept after it.
	_, epoch = c.get("a")
	c.drop("a")
	c.put("a", row(2), epoch)
	if r, _ := c.get("a"); r != nil && r.Joined != 0 {
		t.Errorf("a copy of a forgotten member: %+v", r)
	}
	for i := range 3 * maxMeasured {
		_, epoch := c.get("x")
		c.put(fmt.Sprint(i), row(int64(i)), epoch)
	}
	if len(c.rows) > maxMeasured || len(c.ring) > maxMeasured {
		t.Errorf("%d copies in %d places, at most %d", len(c.rows), len(c.ring), maxMeasured)
	}
	if r, _ := c.get(fmt.Sprint(3*maxMeasured - 1)); r == nil {
		t.Error("the newest is gone")
	}
}
