package host

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// mover is a plugin as Go functions that can migrate rows.
type mover struct {
	handler
	migrate func(m *abi.Migration) abi.Migrated
}

func (m mover) Call(ctx context.Context, c wasm.Call) (wasm.Result, error) {
	if c.Export != abi.ExportMigrate {
		return m.handler.Call(ctx, c)
	}
	var in abi.Migration
	if _, err := in.UnmarshalMsg(c.Input); err != nil {
		return wasm.Result{}, err
	}
	if len(in.Rows) > abi.MaxScan {
		return wasm.Result{}, fmt.Errorf("%d rows in one step", len(in.Rows))
	}
	answer := make(chan abi.Migrated, 1)
	go func() { answer <- m.migrate(&in) }()
	select {
	case done := <-answer:
		out, err := done.MarshalMsg(c.Buf)
		return wasm.Result{Output: out}, err
	case <-ctx.Done(): // as the sandbox ends a call
		return wasm.Result{}, ctx.Err()
	}
}

// rowwise is a migration of one row at a time.
func rowwise(become func(m *abi.Migration, r abi.Pair) ([]abi.Pair, error)) func(*abi.Migration) abi.Migrated {
	return func(m *abi.Migration) (done abi.Migrated) {
		for _, r := range m.Rows {
			rows, err := become(m, r)
			if err != nil {
				return abi.Migrated{Error: err.Error()}
			}
			done.Rows = append(done.Rows, rows)
		}
		return done
	}
}

// ledger is a plugin that writes what messages tell it to, "set ID NUMBER", "del
// ID" or "add ID NUMBER", in the form of its state version:
//
//	1   c/n/ID holds the number
//	2   by the number's rest when divided by 4, nothing, c/n/ID with a "=" before
//	    the number, c/half/ID and c/rest/ID, or c/at/NUMBER%4+ID
//
// and counts in c/sum/ID and c/total, which stay.
func ledger(state int) mover {
	return mover{
		handler: func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
			var ef abi.Effects
			if c.Event.Message == nil {
				return ef, nil
			}
			op, rest, _ := strings.Cut(c.Event.Message.Text, " ")
			id, number, _ := strings.Cut(rest, " ")
			n, _ := strconv.Atoi(number)
			ef.Adds = []abi.Add{{Key: "c/total", Delta: 1}}
			if op == "add" {
				ef.Adds = append(ef.Adds, abi.Add{Key: "c/sum/" + id, Delta: int64(n)})
				return ef, nil
			}
			now := map[string]string{}
			if op == "set" {
				for _, r := range ledgerRows(state, id, n) {
					now[r.Key] = string(r.Value)
				}
			}
			for _, key := range ledgerKeys(id) {
				_, there, err := h.Get(context.Background(), key)
				if err != nil {
					return ef, err
				}
				if v, ok := now[key]; ok {
					ef.Writes = append(ef.Writes, abi.Write{Key: key, Value: []byte(v)})
				} else if there {
					ef.Writes = append(ef.Writes, abi.Write{Key: key, Delete: true})
				}
			}
			return ef, nil
		},
		migrate: rowwise(ledgerBecomes),
	}
}

// ledgerKeys are all that an id may have.
func ledgerKeys(id string) []string {
	return []string{"c/n/" + id, "c/half/" + id, "c/rest/" + id, "c/at/3" + id}
}

func ledgerRows(state int, id string, n int) []abi.Pair {
	row := func(key string, v any) abi.Pair { return abi.Pair{Key: key, Value: []byte(fmt.Sprint(v))} }
	if state == 1 {
		return []abi.Pair{row("c/n/"+id, n)}
	}
	switch n % 4 {
	case 1:
		return []abi.Pair{row("c/n/"+id, fmt.Sprint("=", n))}
	case 2:
		return []abi.Pair{row("c/half/"+id, n/2), row("c/rest/"+id, n-n/2)}
	case 3:
		return []abi.Pair{row("c/at/3"+id, n)}
	}
	return nil
}

func ledgerBecomes(m *abi.Migration, r abi.Pair) ([]abi.Pair, error) {
	id, is := strings.CutPrefix(r.Key, "c/n/")
	if m.From != 1 || m.To != 2 || !is {
		return []abi.Pair{r}, nil
	}
	n, err := strconv.Atoi(string(r.Value))
	if err != nil {
		return nil, err
	}
	return ledgerRows(2, id, n), nil
}

func ledgerManifest(state int) abi.Manifest {
	m := abi.Manifest{ABI: abi.Version, Name: "ledger", Version: fmt.Sprint(state, ".0.0"), StateVersion: state, Events: []abi.Kind{abi.MessagePosted},
		Needs: []abi.Need{{Cap: abi.CapState, Param: "64", Reason: "test"}}}
	if state > 1 {
		m.Migrates = []abi.Step{{From: 1, To: state}}
	}
	return m
}

// become installs a version, and so migrates what there is.
func (b *bot) become(m abi.Manifest, g guest) error {
	return b.install(b.t.Context(), &version{manifest: m, sha: hex.EncodeToString([]byte(m.Name + m.Version)), guest: g}, true)
}

// space is where a plugin's rows are, and what they hold.
func (b *bot) space(plugin string) (string, map[string]string) {
	b.t.Helper()
	name := b.plugin1(plugin).space.Load().name
	rows := map[string]string{}
	for _, r := range b.rows(kState.Join(name)) {
		_, own := cutState(r.Key)
		rows[own] = string(r.Value)
	}
	return name, rows
}

func (b *bot) plugin1(name string) *plugin { return b.Engine.plugin(name) }

// tidy fails the test if anything of a migration is left.
func (b *bot) tidy(plugin string) {
	b.t.Helper()
	space := b.plugin1(plugin).space.Load().name
	for _, r := range b.rows(kState) {
		if at, _ := cutState(r.Key); pluginOf(at) == plugin && at != space {
			b.t.Errorf("row %s is left; the space is %s", r.Key, space)
		}
	}
	if left := b.rows(kMoved); len(left) > 0 {
		b.t.Errorf("%d rows of what became of rows are left: %s", len(left), left[0].Key)
	}
	snap, err := b.store.Snapshot(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	defer snap.Close()
	s, _, err := spaceOf(b.t.Context(), snap, plugin)
	if err != nil || s.Making != "" || len(s.Erase) > 0 || s.Space != space || s.State != b.plugin1(plugin).space.Load().state {
		b.t.Errorf("the row says %+v (%v), the memory %+v", s, err, b.plugin1(plugin).space.Load())
	}
	var bytes int64
	for _, r := range b.rows(kState.Join(space)) {
		bytes += int64(len(r.Key) + len(r.Value))
	}
	if have := b.plugin1(plugin).stateBytes.Load(); have != bytes {
		b.t.Errorf("the plugin's rows have %d bytes, and are taken for %d", bytes, have)
	}
}

func (b *bot) post(where, text string) abi.Event {
	e := b.event(abi.MessagePosted)
	e.Conversation.ID, e.Message.Text = "fake:"+where, text
	return e
}

// TestMigrate makes a version live whose rows are of another form, and goes back.
func TestMigrate(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		if err := b.become(ledgerManifest(1), ledger(1)); err != nil {
			t.Fatal(err)
		}
		b.start()
		for i := range 200 {
			b.accept(b.post("general", fmt.Sprint("set ", i, " ", i)), chat.Accepted)
		}
		b.accept(b.post("general", "add x 5"), chat.Accepted)
		synctest.Wait()

		m := ledgerManifest(2)
		m.Migrates = append(m.Migrates, abi.Step{From: 2, To: 1})
		two := ledger(2)
		two.migrate = rowwise(func(m *abi.Migration, r abi.Pair) ([]abi.Pair, error) {
			if m.From == 1 {
				return ledgerBecomes(m, r)
			}
			if v, is := strings.CutPrefix(string(r.Value), "="); is {
				return []abi.Pair{{Key: r.Key, Value: []byte(v)}}, nil
			}
			return []abi.Pair{r}, nil
		})
		if err := b.become(m, two); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		space, rows := b.space("ledger")
		if space != "ledger@2" || len(rows) != 50+100+50+2 || rows["c/n/1"] != "=1" || rows["c/half/10"] != "5" || rows["c/at/37"] != "7" {
			t.Errorf("%s has %d rows: %v", space, len(rows), rows)
		}
		b.tidy("ledger")
		s, ok := b.Migration("ledger")
		if !ok || s.Phase != MigrationDone || s.Rows != 202 || s.Total != 202 || s.From != 1 || s.To != 2 || s.Held > maxHold {
			t.Errorf("%+v, %v", s, ok)
		}
		b.accept(b.post("general", "add x 5"), chat.Accepted)
		b.accept(b.post("general", "set 1 2"), chat.Accepted)
		synctest.Wait()

		// The way back is the version's that goes.
		if err := b.become(ledgerManifest(1), ledger(1)); err != nil {
			t.Fatal(err)
		}
		b.accept(b.post("general", "add x 5"), chat.Accepted)
		synctest.Wait()
		space, rows = b.space("ledger")
		if n, _ := abi.CounterValue([]byte(rows["c/sum/x"])); space != "ledger@3" || n != 15 || rows["c/n/5"] != "5" || rows["c/half/1"] != "1" {
			t.Errorf("%s: x stands at %d: %v", space, n, rows)
		}
		b.tidy("ledger")
	})
}

// TestMigrationIsRefused leaves everything as it is when nobody knows the way, or
// what is made cannot be.
func TestMigrationIsRefused(t *testing.T) {
	kept := func(r abi.Pair) []abi.Pair { return []abi.Pair{r} }
	for _, c := range []struct {
		name   string
		knows  bool
		become func(m *abi.Migration, r abi.Pair) ([]abi.Pair, error)
		kind   error
		want   string
	}{
		{"nobody knows the way", false, nil, ErrStateVersion, "the way is sdk.Plugin.Migrate(1, 2)"},
		{"an error", true, func(_ *abi.Migration, r abi.Pair) ([]abi.Pair, error) {
			if r.Key == "c/n/77" {
				return nil, errors.New("who is that?")
			}
			return kept(r), nil
		}, ErrMigration, "row c/n/77: who is that?"},
		{"a key that is none", true, func(_ *abi.Migration, r abi.Pair) ([]abi.Pair, error) {
			if r.Key == "c/n/77" {
				r.Key = "x"
			}
			return kept(r), nil
		}, ErrMigration, `row c/n/77: state key "x" is none`},
		{"too many rows of one", true, func(_ *abi.Migration, r abi.Pair) (out []abi.Pair, err error) {
			for i := range abi.MaxWrites + 1 {
				out = append(out, abi.Pair{Key: fmt.Sprint(r.Key, "/", i)})
			}
			return out, nil
		}, ErrMigration, "row c/n/0: 49 rows are made in one step, at most 48"},
		{"two rows that become one", true, func(_ *abi.Migration, r abi.Pair) ([]abi.Pair, error) {
			if r.Key == "c/n/77" || r.Key == "c/n/7" {
				r.Key = "c/seven"
			}
			return kept(r), nil
		}, ErrMigration, "becomes [c/seven], as another row does"},
		{"more than the quota", true, func(_ *abi.Migration, r abi.Pair) ([]abi.Pair, error) {
			r.Value = make([]byte, 60<<10)
			return kept(r), nil
		}, ErrMigration, "quota of 1 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				b := newBot(t, Options{})
				one, two := ledgerManifest(1), ledgerManifest(2)
				one.Needs, two.Needs = nil, nil
				if !c.knows {
					two.Migrates = nil
				}
				if err := b.become(one, ledger(1)); err != nil {
					t.Fatal(err)
				}
				b.start()
				for i := range 100 {
					b.accept(b.post("general", fmt.Sprint("set ", i, " ", i)), chat.Accepted)
				}
				synctest.Wait()
				_, before := b.space("ledger")
				next := ledger(2)
				next.migrate = rowwise(func(m *abi.Migration, r abi.Pair) ([]abi.Pair, error) { return c.become(m, r) })
				err := b.become(two, next)
				if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
				synctest.Wait()
				if space, rows := b.space("ledger"); space != "ledger" || !maps.Equal(rows, before) {
					t.Errorf("%s has %d rows, and had %d", space, len(rows), len(before))
				}
				b.tidy("ledger")
				b.accept(b.post("general", "set 1 100"), chat.Accepted)
				synctest.Wait()
				if _, rows := b.space("ledger"); rows["c/n/1"] != "100" {
					t.Error("the version that was live does not go on")
				}
				if s, ok := b.Migration("ledger"); c.knows && (!ok || s.Phase != MigrationFailed || s.Error == "") {
					t.Errorf("%+v, %v", s, ok)
				}
			})
		})
	}
}

// TestMigrationDuringWork migrates while events write, change and delete rows, at
// any moment: what comes out is what a migration of the last state would have
// made, and every event has had its effect once.
func TestMigrationDuringWork(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lanes := rapid.IntRange(1, 4).Draw(rt, "lanes")
		type op struct {
			text  string
			pause int
		}
		ops := make([][]op, lanes)
		for l := range ops {
			n := rapid.IntRange(0, 60).Draw(rt, "events")
			for range n {
				id := fmt.Sprint(l, "-", rapid.IntRange(0, 12).Draw(rt, "id"))
				what := rapid.SampledFrom([]string{"set", "set", "set", "del", "add"}).Draw(rt, "op")
				ops[l] = append(ops[l], op{fmt.Sprint(what, " ", id, " ", rapid.IntRange(0, 40).Draw(rt, "number")), rapid.IntRange(0, 9).Draw(rt, "pause")})
			}
		}
		before := rapid.IntRange(0, 120).Draw(rt, "rows before")
		wait, step := rapid.IntRange(0, 200).Draw(rt, "wait"), rapid.IntRange(0, 50).Draw(rt, "step")
		in(t, func(t *testing.T) {
			b := newBot(t, Options{})
			if err := b.become(ledgerManifest(1), ledger(1)); err != nil {
				t.Fatal(err)
			}
			b.start()
			state := map[string]int{}
			sums := map[string]int{}
			total := 0
			apply := func(text string) {
				f := strings.Fields(text)
				n, _ := strconv.Atoi(f[2])
				switch total++; f[0] {
				case "set":
					state[f[1]] = n
				case "del":
					delete(state, f[1])
				case "add":
					sums[f[1]] += n
				}
			}
			for i := range before {
				text := fmt.Sprint("set before", i, " ", i)
				apply(text)
				b.accept(b.post("before", text), chat.Accepted)
			}
			synctest.Wait()
			var work sync.WaitGroup
			var mu sync.Mutex
			for l := range ops {
				work.Go(func() {
					for _, o := range ops[l] {
						time.Sleep(time.Duration(o.pause) * time.Millisecond)
						mu.Lock()
						apply(o.text)
						b.accept(b.post(fmt.Sprint("lane", l), o.text), chat.Accepted)
						mu.Unlock()
					}
				})
			}
			time.Sleep(time.Duration(wait) * time.Millisecond)
			two := ledger(2)
			two.migrate = func(m *abi.Migration) abi.Migrated {
				time.Sleep(time.Duration(step) * time.Millisecond)
				return rowwise(ledgerBecomes)(m)
			}
			if err := b.become(ledgerManifest(2), two); err != nil {
				t.Fatal(err)
			}
			work.Wait()
			later(time.Second)

			want := map[string]string{}
			for id, n := range state {
				for _, r := range ledgerRows(2, id, n) {
					want[r.Key] = string(r.Value)
				}
			}
			for id, n := range sums {
				want["c/sum/"+id] = string(abi.CounterRow(int64(n)))
			}
			if total > 0 {
				want["c/total"] = string(abi.CounterRow(int64(total)))
			}
			space, got := b.space("ledger")
			if space != "ledger@2" && total > 0 || !maps.Equal(got, want) {
				for _, key := range slices.Sorted(maps.Keys(want)) {
					if got[key] != want[key] {
						t.Errorf("%s is %q, want %q", key, got[key], want[key])
					}
				}
				for key := range got {
					if _, ok := want[key]; !ok {
						t.Errorf("there is %s", key)
					}
				}
				t.Fatalf("%s has %d rows, want %d", space, len(got), len(want))
			}
			if f, err := b.Failures(t.Context()); err != nil || len(f) > 0 {
				t.Errorf("failed events: %+v, %v", f, err)
			}
			b.tidy("ledger")
			b.halt()
		})
	})
}

// TestRowsTakeEachOthersPlaces has rows become what other rows had become a
// moment before: that is no collision, whatever the order.
func TestRowsTakeEachOthersPlaces(t *testing.T) {
	place := func(m *abi.Migration, r abi.Pair) ([]abi.Pair, error) {
		if strings.HasPrefix(r.Key, "c/n/") {
			return []abi.Pair{{Key: "c/at/" + string(r.Value), Value: []byte(r.Key)}}, nil
		}
		return []abi.Pair{r}, nil
	}
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		if err := b.become(ledgerManifest(1), ledger(1)); err != nil {
			t.Fatal(err)
		}
		b.start()
		set := func(numbers ...int) {
			for i, n := range numbers {
				b.accept(b.post("general", fmt.Sprint("set ", i, " ", n)), chat.Accepted)
			}
			synctest.Wait()
		}
		set(0, 1, 2, 3, 4)
		// Each time the work is about to be held, every row has another's place.
		b.changes.step = func(step string) {
			switch step {
			case "migrate: copied":
				set(1, 2, 3, 4, 0)
			}
		}
		// What comes during the last pass is left for the hold.
		last := 0
		two := ledger(2)
		two.migrate = func(m *abi.Migration) abi.Migrated {
			if last++; last == 2 {
				set(2, 0, 1, 4, 3)
			}
			return rowwise(place)(m)
		}
		if err := b.become(ledgerManifest(2), two); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_, rows := b.space("ledger")
		for at, id := range []int{1, 2, 0, 4, 3} {
			if got, want := rows[fmt.Sprint("c/at/", at)], fmt.Sprint("c/n/", id); got != want {
				t.Errorf("place %d has %q, want %q", at, got, want)
			}
		}
		b.tidy("ledger")
	})
}

// TestMigrationThatCannotEnd gives up when what changes is more than a hold can
// do, and holds no event for longer than it may.
func TestMigrationThatCannotEnd(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		if err := b.become(ledgerManifest(1), ledger(1)); err != nil {
			t.Fatal(err)
		}
		b.start()
		for i := range 10 {
			b.accept(b.post("general", fmt.Sprint("set ", i, " ", i)), chat.Accepted)
		}
		synctest.Wait()
		stop := make(chan struct{})
		var work sync.WaitGroup
		var mu sync.Mutex
		longest := time.Duration(0)
		work.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Millisecond):
				}
				began := time.Now()
				mu.Lock()
				b.accept(b.post("busy", fmt.Sprint("set ", 100+i, " 1")), chat.Accepted)
				mu.Unlock()
				for b.backlog() > 0 {
					time.Sleep(time.Millisecond)
				}
				longest = max(longest, time.Since(began))
			}
		})
		two := ledger(2)
		two.migrate = func(m *abi.Migration) abi.Migrated {
			time.Sleep(2 * time.Second)
			return rowwise(ledgerBecomes)(m)
		}
		err := b.become(ledgerManifest(2), two)
		if !errors.Is(err, ErrMigration) || !strings.Contains(err.Error(), "in 5 tries of 1s, in which its events waited") {
			t.Errorf("%v", err)
		}
		close(stop)
		work.Wait()
		later(5 * time.Second) // the last step has ended
		s, _ := b.Migration("ledger")
		if s.Phase != MigrationFailed || s.Holds != maxHolds || s.Held > maxHold || longest > maxHold+100*time.Millisecond {
			t.Errorf("an event took %v; %+v", longest, s)
		}
		if space, _ := b.space("ledger"); space != "ledger" {
			t.Errorf("the space is %s", space)
		}
		b.tidy("ledger")
	})
}

// TestForgottenDuringMigration forgets a member while their rows are copied:
// nothing of theirs comes out of it.
func TestForgottenDuringMigration(t *testing.T) {
	for _, at := range []string{"migrate: begun", "migrate: copied", "pass"} {
		t.Run(at, func(t *testing.T) {
			in(t, func(t *testing.T) {
				b := newBot(t, Options{})
				m := abi.Manifest{ABI: abi.Version, Name: "diary", Version: "1.0.0", Events: []abi.Kind{abi.MessagePosted}}
				diary := func(state int) mover {
					return mover{
						handler: func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
							if c.Event.Message == nil {
								return abi.Effects{}, nil
							}
							return abi.Effects{Writes: []abi.Write{{Key: "m/" + abi.KeySegment(c.Event.Member.ID) + "/" + c.Event.Message.Text, Value: []byte("x")}}}, nil
						},
						migrate: rowwise(func(_ *abi.Migration, r abi.Pair) ([]abi.Pair, error) {
							return []abi.Pair{r, {Key: r.Key + "-of", Value: []byte(r.Key)}}, nil
						}),
					}
				}
				if err := b.become(m, diary(1)); err != nil {
					t.Fatal(err)
				}
				b.start()
				for i := range 1000 {
					e := b.post("general", fmt.Sprint("page", i))
					e.Member = abi.Member{ID: fmt.Sprint("fake:", []string{"ada", "bob"}[i%2]), Name: "N"}
					b.accept(e, chat.Accepted)
				}
				synctest.Wait()
				begun := make(chan Erased, 1)
				forget := sync.OnceFunc(func() {
					go func() {
						x, err := b.ForgetBy(t.Context(), anna, "fake:ada", "test")
						if err != nil {
							t.Error(err)
						}
						begun <- x
					}()
				})
				b.changes.step = func(step string) {
					if step == at {
						forget()
					}
				}
				two, next := m, diary(2)
				two.Version, two.StateVersion, two.Migrates = "2.0.0", 2, []abi.Step{{From: 1, To: 2}}
				inner := next.migrate
				steps := 0
				next.migrate = func(m *abi.Migration) abi.Migrated {
					if steps++; at == "pass" && steps == 5 {
						forget()
					}
					time.Sleep(10 * time.Millisecond)
					return inner(m)
				}
				if err := b.become(two, next); err != nil {
					t.Fatal(err)
				}
				<-begun
				later(time.Second)
				for _, r := range b.rows("") {
					if strings.Contains(string(r.Key)+string(r.Value), "ada") {
						t.Errorf("still there: %s = %q", r.Key, r.Value)
					}
				}
				if space, rows := b.space("diary"); space != "diary@2" || len(rows) != 1000 {
					t.Errorf("%s has %d rows, want bob's 1000", space, len(rows))
				}
				b.tidy("diary")
			})
		})
	}
}
