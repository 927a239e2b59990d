package sim

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
)

// Sizes of the communities that are compared, and of their past.
const (
	fewMembers   = 1_000
	someMembers  = 100_000
	largeMembers = 1_000_000

	pastDays  = 60
	lives     = 20_000 // different ones; members share them
	pageTimes = 40
	rounds    = 3
	burst     = 4_000 // events of one round
	callers   = 64
)

// TestLargeCommunity holds what issue 6 says of a million members and 60 days:
// figures are read without going over members, an event touches as many keys as
// with a thousand, and hearth takes in at least half as many events a second as
// with a hundred thousand. All of it is compared within the run.
func TestLargeCommunity(t *testing.T) {
	if os.Getenv("HEARTH_LONG") == "" {
		t.Skip("skipped without HEARTH_LONG: it writes a community of 1,000,000 members")
	}
	code, err := fs.ReadFile(built(t), "welcome.wasm")
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	few, some, large := openCommunity(t, code, cache, fewMembers), openCommunity(t, code, cache, someMembers), openCommunity(t, code, cache, largeMembers)

	t.Run("pages", func(t *testing.T) {
		base, got := some.pages(t), large.pages(t)
		for _, name := range slices.Sorted(maps.Keys(got)) {
			t.Logf("figure: %s of 1,000,000 members: p95 %.1f ms; of 100,000: %.1f ms", name, ms(got[name]), ms(base[name]))
			// They read as many counters: whatever went over members would take ten times as long.
			if got[name] > 300*time.Millisecond && got[name] > 3*base[name] {
				t.Errorf("%s takes %v at p95, and %v with 100,000 members", name, got[name], base[name])
			}
		}
	})
	t.Run("keys", func(t *testing.T) {
		a, b := few.touches(t), large.touches(t)
		t.Logf("figure: 9 events of two members touch with 1,000 members %+v, with 1,000,000 %+v", a, b)
		if a != b || a.Writes == 0 || a.Gets == 0 {
			t.Errorf("with 1,000 members events touch %+v, with 1,000,000 %+v", a, b)
		}
	})
	t.Run("rate", func(t *testing.T) {
		var a, b float64
		for range rounds { // turn by turn, so that both have the same from the machine
			a, b = max(a, some.rate(t)), max(b, large.rate(t))
		}
		t.Logf("figure: events a second, each a member's first of the day or a join: %.0f with 100,000 members, %.0f with 1,000,000 (%.2f×)", a, b, b/a)
		if b < a/2 {
			t.Errorf("%.0f events a second with 1,000,000 members, %.0f with 100,000", b, a)
		}
	})
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// community is an engine on a disk, with members who have a past.
type community struct {
	*driver
	members int
	store   *counting
	now     time.Time
	next    int // events so far
	r       *rand.Rand
}

func openCommunity(t *testing.T, code []byte, cache string, n int) *community {
	t.Helper()
	ctx := t.Context()
	s, err := bolt.Open(ctx, t.TempDir(), bolt.Options{VerifyLimit: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := &community{members: n, store: &counting{Store: s}, r: rand.New(rand.NewPCG(1, uint64(n))), now: time.Date(2026, 3, 2+pastDays, 12, 0, 0, 0, time.UTC)}
	c.driver = &driver{clock: &clock{now: c.now}, platforms: map[string]*platform{}, faults: &faults{}, ended: make(chan error, 1)}
	if c.wasm, err = wasm.New(wasm.Options{CacheDir: cache, Workers: runtime.GOMAXPROCS(0)}); err != nil {
		t.Fatal(err)
	}
	if c.Engine, err = host.New(ctx, host.Options{Store: c.store, Wasm: c.wasm, Clock: c.clock}); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	c.fill(t)
	t.Logf("figure: %d members written in %.0f s", n, time.Since(begun).Seconds())
	if _, err := c.Install(ctx, code, host.PluginOptions{GrantAll: true}); err != nil {
		t.Fatal(err)
	}
	if err := c.Attach(ctx, &platform{name: "slack", buttons: map[string]string{}}); err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(ctx)
	c.stop = stop
	go func() { c.ended <- c.Run(run, time.Minute) }()
	t.Cleanup(func() {
		if err := c.end(ctx); err != nil {
			t.Error(err)
		}
	})
	c.calm(t)
	return c
}

// calm waits until nothing is done in the store: what a start does beside the work
// is over.
func (c *community) calm(t *testing.T) {
	t.Helper()
	for last, since := c.store.total(), time.Now(); time.Since(since) < 300*time.Millisecond; {
		if _, err := c.rest(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
		if now := c.store.total(); now != last {
			last, since = now, time.Now()
		}
	}
}

func memberID(i int) string { return fmt.Sprintf("slack:U%07d", i) }

// fill writes members as Model.Fold would have, each with one of some lives.
func (c *community) fill(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	var m *measure.Model
	if err := c.Measured(ctx, func(model *measure.Model, _ store.Snapshot, _ time.Time) error { m = model; return nil }); err != nil {
		t.Fatal(err)
	}
	kinds := min(lives, c.members)
	rows, values := make([]measure.Row, kinds), make([][]byte, kinds)
	sums := map[store.Key]int64{}
	for i := range rows {
		rows[i] = live(m, c.now, i)
		v, err := rows[i].MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		values[i] = v
		for _, a := range m.Worth(memberID(i), &rows[i]) {
			sums[a.Key] += a.Delta * int64((c.members-i+kinds-1)/kinds)
		}
	}
	const each = 40
	c.commit(t, (c.members+each-1)/each, func(n int, b *store.Batch) {
		for i := n * each; i < min((n+1)*each, c.members); i++ {
			id, row := memberID(i), &rows[i%kinds]
			b.Put(measure.Key(id), values[i%kinds])
			if k := m.StandingKey(id, row); k != "" {
				b.Put(k, []byte{1})
			}
			p := members.Profile{Name: "Somebody", Joined: row.Joined}
			if err := members.Put(b, id, &p, 0); err != nil {
				t.Error(err)
			}
		}
	})
	keys := slices.Sorted(maps.Keys(sums))
	c.commit(t, (len(keys)+each-1)/each, func(n int, b *store.Batch) {
		for _, k := range keys[n*each : min((n+1)*each, len(keys))] {
			b.Add(k, sums[k])
		}
	})
}

// commit commits batches, many at once.
func (c *community) commit(t *testing.T, batches int, fill func(n int, b *store.Batch)) {
	t.Helper()
	var next atomic.Int64
	var work sync.WaitGroup
	for range callers {
		work.Go(func() {
			for n := int(next.Add(1)) - 1; n < batches; n = int(next.Add(1)) - 1 {
				b := new(store.Batch)
				fill(n, b)
				if _, err := c.store.Commit(context.Background(), b); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
}

// live is what is measured of a member over the days before now.
func live(m *measure.Model, now time.Time, i int) measure.Row {
	r := rand.New(rand.NewPCG(7, uint64(i)))
	row := measure.Row{Version: m.Version()}
	join := now.Add(-time.Duration(r.IntN(pastDays*24*60)+24*60) * time.Minute)
	learn := func(at time.Time, f measure.Fact) {
		if f.At, f.Received = at.UnixMilli(), at.UnixMilli(); !at.After(now.Add(-24 * time.Hour)) {
			m.Learn(&row, &f)
		}
	}
	learn(join, measure.Fact{Join: true, Marks: []string{"member.joined"}})
	for range r.IntN(6) {
		learn(join.Add(time.Duration(r.IntN(300))*time.Second), measure.Fact{Active: true, Action: measure.Message + measure.Action(r.IntN(measure.Actions)), Marks: []string{"message.posted"}})
	}
	for range r.IntN(12) {
		learn(join.Add(time.Duration(r.IntN(pastDays*24))*time.Hour), measure.Fact{Active: true})
	}
	for k, name := range []string{firstTaskName, allTasksName, "pr.opened", "pr.merged"} {
		if r.IntN(k+2) == 0 {
			learn(join.Add(time.Duration(r.IntN(40*24*60))*time.Minute), measure.Fact{Marks: []string{name}})
		}
	}
	learn(join, measure.Fact{Shown: &measure.Shown{Experiment: greeting, Variation: []string{"baseline", "v2", "v3"}[i%3]}})
	return row
}

// pages are the data of each page over 60 days, at the 95th percentile.
func (c *community) pages(t *testing.T) map[string]time.Duration {
	t.Helper()
	took := map[string][]time.Duration{}
	for range pageTimes {
		err := c.Measured(t.Context(), func(m *measure.Model, snap store.Snapshot, now time.Time) error {
			ctx := t.Context()
			q := measure.Query{From: m.Calendar().Of(now) - pastDays, To: m.Calendar().Of(now)}
			for name, read := range map[string]func() error{
				"active members": func() error { _, err := m.ActiveMembers(ctx, snap, q, now); return err },
				"retention by day": func() error {
					_, err := m.Retention(ctx, snap, q, measure.Days, measure.OnDay, pastDays, now)
					return err
				},
				"retention by day or after": func() error {
					_, err := m.Retention(ctx, snap, q, measure.Days, measure.OrAfter, pastDays, now)
					return err
				},
				"retention by 24 hours": func() error {
					_, err := m.Retention(ctx, snap, q, measure.Days, measure.Rolling, pastDays, now)
					return err
				},
				"retention by week": func() error { _, err := m.Retention(ctx, snap, q, measure.Weeks, measure.OnDay, 8, now); return err },
				"funnel": func() error {
					_, err := m.Funnel(ctx, snap, q, now)
					if err == nil {
						_, err = m.StandingMembers(ctx, snap, q, 1, 50)
					}
					return err
				},
				"first five minutes": func() error { _, err := m.Heat(ctx, snap, q); return err },
				"first paths":        func() error { _, err := m.Paths(ctx, snap, q); return err },
				"pull requests":      func() error { _, err := m.PullRequests(ctx, snap, q, "pr.opened", now); return err },
				"an experiment": func() error {
					_, err := m.Arms(ctx, snap, q, greeting, []string{"baseline", "v2", "v3"}, "first_task", now)
					return err
				},
			} {
				begun := time.Now()
				if err := read(); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				took[name] = append(took[name], time.Since(begun))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	p95 := map[string]time.Duration{}
	for name, list := range took {
		slices.Sort(list)
		p95[name] = list[len(list)*95/100]
	}
	return p95
}

// touches counts what a few events of a newcomer and of an old member do in the
// store.
func (c *community) touches(t *testing.T) touched {
	t.Helper()
	c.calm(t)
	before := c.store.touched()
	for _, x := range []struct {
		member string
		kind   abi.Kind
	}{
		{"slack:NEW", abi.MemberJoined}, {"slack:NEW", abi.MessagePosted}, {"slack:NEW", abi.MessagePosted}, {"slack:NEW", abi.ReactionAdded},
		{memberID(5), abi.MessagePosted}, {memberID(5), abi.MessagePosted}, {memberID(5), abi.PROpened}, {memberID(5), abi.LinkClicked}, {memberID(5), abi.MemberLeft},
	} {
		c.take(t, x.member, x.kind)
		if _, err := c.rest(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return c.store.touched().less(before)
}

func (c *community) take(t *testing.T, member string, kind abi.Kind) {
	t.Helper()
	c.next++
	c.say(t, member, kind, c.next)
}

func (c *community) say(t *testing.T, member string, kind abi.Kind, n int) {
	e := abi.Event{ID: fmt.Sprint("e", n), Source: "slack", Kind: kind, Time: c.clock.Now().UnixMilli(), Member: abi.Member{ID: member, Name: "Somebody"}}
	switch kind {
	case abi.MessagePosted:
		e.Message, e.Conversation = &abi.Message{ID: e.ID, Text: "good morning"}, abi.Conversation{ID: "slack:C" + member[len(member)-2:], Kind: abi.Channel}
	case abi.ReactionAdded:
		e.Message, e.Reaction = &abi.Message{ID: "M"}, &abi.Reaction{Name: "wave"}
	case abi.PROpened:
		e.Custom = &abi.Custom{Name: repository}
	case abi.LinkClicked:
		e.Click = &abi.Click{Value: "https://go.dev"}
	}
	if _, err := c.Accept(t.Context(), chat.Incoming{Event: e}); err != nil {
		t.Error(err)
	}
}

// rate is how many events a second are taken in and handled, of as many members: of
// each the first of a new day, and now and then a join.
func (c *community) rate(t *testing.T) float64 {
	t.Helper()
	if err := c.until(t.Context(), c.clock.Now().Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	c.calm(t)
	type one struct {
		member string
		kind   abi.Kind
	}
	list := make([]one, burst)
	for i := range list {
		list[i] = one{memberID(c.r.IntN(c.members)), abi.MessagePosted}
		if i%20 == 0 {
			list[i] = one{fmt.Sprintf("slack:N%d", c.next+i), abi.MemberJoined}
		}
	}
	first := c.next + 1
	c.next += burst
	var next atomic.Int64
	var work sync.WaitGroup
	begun := time.Now()
	for range callers {
		work.Go(func() {
			for i := int(next.Add(1)) - 1; i < burst; i = int(next.Add(1)) - 1 {
				c.say(t, list[i].member, list[i].kind, first+i)
			}
		})
	}
	work.Wait()
	if _, err := c.rest(t.Context()); err != nil {
		t.Fatal(err)
	}
	return burst / time.Since(begun).Seconds()
}

// counting is a store that counts what is done in it.
type counting struct {
	store.Store
	gets, scanned, checks, writes atomic.Int64
}

// touched is how many keys were touched, by how.
type touched struct{ Gets, Scanned, Checks, Writes int64 }

func (a touched) less(b touched) touched {
	return touched{a.Gets - b.Gets, a.Scanned - b.Scanned, a.Checks - b.Checks, a.Writes - b.Writes}
}

func (c *counting) touched() touched {
	return touched{c.gets.Load(), c.scanned.Load(), c.checks.Load(), c.writes.Load()}
}

// total leaves the looks out whether all is done.
func (c *counting) total() int64 { return c.gets.Load() + c.checks.Load() + c.writes.Load() }

func (c *counting) Commit(ctx context.Context, b *store.Batch) (store.Rev, error) {
	c.checks.Add(int64(len(b.Checks())))
	c.writes.Add(int64(len(b.Writes())))
	return c.Store.Commit(ctx, b)
}

func (c *counting) Snapshot(ctx context.Context) (store.Snapshot, error) {
	s, err := c.Store.Snapshot(ctx)
	return countingSnapshot{s, c}, err
}

type countingSnapshot struct {
	store.Snapshot
	c *counting
}

func (s countingSnapshot) Get(ctx context.Context, k store.Key) (store.Row, error) {
	s.c.gets.Add(1)
	return s.Snapshot.Get(ctx, k)
}

func (s countingSnapshot) Scan(ctx context.Context, r store.Range) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for row, err := range s.Snapshot.Scan(ctx, r) {
			if err == nil && row.Key.Segments()[0] != "timer" { // looked at as often as one asks whether all is done
				s.c.scanned.Add(1)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}
