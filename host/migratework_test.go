package host

import (
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
