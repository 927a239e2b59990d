package sdk

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// State says which version of its rows the plugin reads and writes: 1 unless it
// says so. Raise it when rows of the version before cannot be read any more, and
// say with [Plugin.Migrate] what they become. Adding a field, or taking one
// away, needs no new version: see [Decode].
func (b *Plugin[C]) State(version int) *Plugin[C] {
	if version < 1 {
		b.p.fault("State(%d): state versions begin with 1", version)
	}
	b.p.manifest.StateVersion = version
	return b
}

// Migrate says what a row of one state version becomes in another. Step is
// called with each row of the plugin; a row that it does nothing about stays as
// it is:
//
//	var (
//		oldGithub = sdk.PerMember[string]("github") // as state version 1 had it
//		github    = sdk.PerMember[Account]("github")
//	)
//
//	var _ = sdk.New[Config]("welcome", "2.0.0").
//		State(2).
//		Migrate(1, 2, func(m *sdk.Migration) error {
//			if name, ok := oldGithub.From(m); ok {
//				github.Into(m, Account{Name: name})
//			}
//			return nil
//		}).
//		Migrate(2, 1, func(m *sdk.Migration) error {
//			if a, ok := github.From(m); ok {
//				oldGithub.Into(m, a.Name)
//			}
//			return nil
//		})
//
// The way back is the version's that goes, as the older one cannot know it;
// without one going back is refused. Steps are put together: with 1 to 2 and 2
// to 3 rows of version 1 become rows of version 3.
//
// The host makes a copy of the rows while the version before goes on, and
// migrates again what changes meanwhile. So what a row becomes depends on that
// row alone, and no two rows may become the same one. An error, or a panic, of
// step ends the migration and the version before goes on: an error names the
// row. Timers and messages are no state; they stay.
func (b *Plugin[C]) Migrate(from, to int, step func(*Migration) error) *Plugin[C] {
	switch {
	case from < 1 || to < 1 || from == to:
		b.p.fault("Migrate(%d, %d): it leads from one state version, which begin with 1, to another", from, to)
	case slices.ContainsFunc(b.p.steps, func(s migrationStep) bool { return s.from == from && s.to == to }):
		b.p.fault("Migrate(%d, %d) is registered twice", from, to)
	}
	b.p.steps = append(b.p.steps, migrationStep{from, to, step})
	return b
}

type migrationStep struct {
	from, to int
	do       func(*Migration) error
}

// Migration is a row on its way from one state version to another. Values, maps
// and counters read it with From, and write what it becomes with Into.
type Migration struct {
	row  abi.Pair
	out  []abi.Pair
	gone bool // or replaced
}

// Key is the row's.
func (m *Migration) Key() string { return m.row.Key }

// Value is what the row holds; [Decode] reads it.
func (m *Migration) Value() []byte { return m.row.Value }

// Put has the row become, or also become, this one; [Encode] makes a value.
func (m *Migration) Put(key string, value []byte) {
	m.gone = true
	m.out = append(m.out, abi.Pair{Key: key, Value: value})
}

// Drop has the row become nothing, unless something is put.
func (m *Migration) Drop() { m.gone = true }

// ways lists from which state versions the plugin can bring rows to its own, and
// to which from it.
func (p *plugin) ways() ([]abi.Step, error) {
	var ways []abi.Step
	var faults []error
	mine := p.manifest.State()
	leads := func(from, to int) bool { return from == to || p.way(from, to) != nil }
	for _, s := range p.steps {
		if !leads(s.to, mine) && !leads(mine, s.from) {
			faults = append(faults, fmt.Errorf("Migrate(%d, %d) leads neither to state version %d nor from it", s.from, s.to, mine))
		}
		for _, w := range []abi.Step{{From: s.from, To: mine}, {From: mine, To: s.to}} {
			if w.From != w.To && leads(w.From, w.To) && !slices.Contains(ways, w) {
				ways = append(ways, w)
			}
		}
	}
	slices.SortFunc(ways, func(a, b abi.Step) int {
		if a.From != b.From {
			return a.From - b.From
		}
		return a.To - b.To
	})
	return ways, errors.Join(faults...)
}

// way is the shortest list of steps from one state version to another; nil if
// there is none.
func (p *plugin) way(from, to int) []migrationStep {
	type path struct {
		at    int
		steps []migrationStep
	}
	seen := map[int]bool{from: true}
	for front := []path{{at: from}}; len(front) > 0; front = front[1:] {
		for _, s := range p.steps {
			if s.from != front[0].at || seen[s.to] {
				continue
			}
			steps := append(slices.Clone(front[0].steps), s)
			if s.to == to {
				return steps
			}
			seen[s.to] = true
			front = append(front, path{s.to, steps})
		}
	}
	return nil
}

// Migrate says what rows become.
func (p *plugin) Migrate(m *abi.Migration) (done abi.Migrated) {
	defer func() {
		if r := recover(); r != nil {
			done = abi.Migrated{Error: failure(r)}
		}
	}()
	way := p.way(m.From, m.To)
	if way == nil {
		return abi.Migrated{Error: fmt.Sprintf("%s %s has no migration from state version %d to %d", p.manifest.Name, p.manifest.Version, m.From, m.To)}
	}
	done.Rows = make([][]abi.Pair, len(m.Rows))
	for i, row := range m.Rows {
		rows := []abi.Pair{row}
		for _, s := range way {
			var next []abi.Pair
			for _, r := range rows {
				step := &Migration{row: r}
				if err := s.do(step); err != nil {
					return abi.Migrated{Error: fmt.Sprintf("row %s, from state version %d to %d: %v", r.Key, s.from, s.to, err)}
				}
				if !step.gone {
					step.out = []abi.Pair{r}
				}
				next = append(next, step.out...)
			}
			rows = next
		}
		done.Rows[i] = rows
	}
	return done
}

// of says whether a key is of the set: whose it is then, and the rest behind
// the name.
func (s *rowSet) of(key string) (id, entry string, ok bool) {
	scope, rest, _ := strings.Cut(key, "/")
	if scope != string(rune(s.owner)) {
		return "", "", false
	}
	if s.owner != ofCommunity {
		if id, rest, ok = strings.Cut(rest, "/"); !ok {
			return "", "", false
		}
		if id = unsegment(id); s.id != "" && s.id != id {
			return "", "", false
		}
	}
	name, entry, _ := strings.Cut(rest, "/")
	return id, entry, "/"+name == s.tail
}

// becomes has the migrated row become one of the set: of the same member or
// conversation, unless the set says of which.
func (s rowSet) becomes(m *Migration, entry string, value []byte) {
	if s.id == "" && s.owner != ofCommunity && m.row.Key[0] == byte(s.owner) {
		id, _, _ := strings.Cut(m.row.Key[2:], "/")
		s.id = unsegment(id)
	}
	m.Put(s.key(new(Base), entry), value)
}

// encoded is what is kept of a value of the set.
func encoded[T any](s rowSet, x T) []byte {
	raw, err := Encode(x)
	if err != nil {
		panic(mistakef("write %q: %v", s.name, err))
	}
	return raw
}

// From returns the value if that is the row that is migrated. A Value of
// [Value.Of] knows that member's alone.
func (v Value[T]) From(m *Migration) (x T, ok bool) {
	if _, entry, ok := v.set.of(m.row.Key); !ok || entry != "" {
		return x, false
	}
	return decoded[T](m.row.Key, m.row.Value), true
}

// Into has the row become this value: of the same member or conversation, unless
// [Value.Of] says of which.
func (v Value[T]) Into(m *Migration, x T) { v.set.becomes(m, "", encoded(v.set, x)) }

// Row is the row of a value as it is kept, for tests of migrations.
func (v Value[T]) Row(x T) abi.Pair {
	return abi.Pair{Key: v.set.key(new(Base), ""), Value: encoded(v.set, x)}
}

// From returns an entry of the map if that is the row that is migrated.
func (m Map[T]) From(row *Migration) (key string, x T, ok bool) {
	_, entry, ok := m.set.of(row.row.Key)
	if !ok || entry == "" {
		return "", x, false
	}
	return unsegment(entry), decoded[T](row.row.Key, row.row.Value), true
}

// Into has the row become an entry of the map: of the same member or
// conversation, unless [Map.Of] says of which.
func (m Map[T]) Into(row *Migration, key string, x T) {
	m.set.becomes(row, named(m.set, key), encoded(m.set, x))
}

// Row is the row of an entry as it is kept, for tests of migrations.
func (m Map[T]) Row(key string, x T) abi.Pair {
	return abi.Pair{Key: m.set.key(new(Base), named(m.set, key)), Value: encoded(m.set, x)}
}

// From returns what a counter stands at if that is the row that is migrated.
func (n Counter) From(m *Migration) (int64, bool) {
	if _, entry, ok := n.set.of(m.row.Key); !ok || entry != "" {
		return 0, false
	}
	total, err := abi.CounterValue(m.row.Value)
	if err != nil {
		panic(mistakef("read counter %q: %v", n.set.name, err))
	}
	return total, true
}

// Into has the row become this counter, standing at total: of the same member or
// conversation, unless [Counter.Of] says of which.
func (n Counter) Into(m *Migration, total int64) { n.set.becomes(m, "", abi.CounterRow(total)) }

// Row is the counter's row as it is kept, for tests of migrations.
func (n Counter) Row(total int64) abi.Pair {
	return abi.Pair{Key: n.set.key(new(Base), ""), Value: abi.CounterRow(total)}
}
