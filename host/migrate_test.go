package host

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

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
