package sdk

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/sdk/abi"
)

type account struct{ Name string }

var (
	githubOld = PerMember[string]("github")
	githubNew = PerMember[account]("github")
	tagsOld   = MemberMap[int]("tags")
	tagsNew   = CommunityMap[string]("tags")
	countOld  = CommunityCounter("asked")
	countNew  = CommunityCounter("questions")
	lastOld   = PerConversation[string]("last")
	logNew    = ConversationMap[string]("log")
)

// migrating is a plugin whose rows have three versions.
func migrating() *Plugin[struct{}] {
	return New[struct{}]("migrating", "3.0.0").State(3).
		Migrate(1, 2, func(m *Migration) error {
			if name, ok := githubOld.From(m); ok {
				githubNew.Into(m, account{name})
			}
			if n, ok := countOld.From(m); ok {
				countNew.Into(m, n)
			}
			return nil
		}).
		Migrate(2, 3, func(m *Migration) error {
			if tag, n, ok := tagsOld.From(m); ok {
				if n < 0 {
					return fmt.Errorf("tag %s stands at %d", tag, n)
				}
				id, _, _ := tagsOld.set.of(m.Key())
				tagsNew.Into(m, tag+" of "+id, strings.Repeat("x", n))
			}
			if text, ok := lastOld.From(m); ok {
				for i, word := range strings.Fields(text) {
					logNew.Into(m, fmt.Sprint(i), word)
				}
				m.Drop()
			}
			return nil
		}).
		Migrate(3, 2, func(m *Migration) error { return nil })
}

func TestMigrate(t *testing.T) {
	p := migrating()
	ada, club := "slack:U/1", "slack:C1"
	in := []abi.Pair{
		githubOld.Of(ada).Row("ada"),
		tagsOld.Of(ada).Row("go/tour", 2),
		countOld.Row(7),
		lastOld.Of(club).Row("well done"),
		lastOld.Of("slack:C2").Row(""),
		{Key: "c/other", Value: []byte{1}},
	}
	want := [][]abi.Pair{
		{githubNew.Of(ada).Row(account{"ada"})},
		{tagsNew.Row("go/tour of slack:U/1", "xx")},
		{countNew.Row(7)},
		{logNew.Of(club).Row("0", "well"), logNew.Of(club).Row("1", "done")},
		nil,
		{{Key: "c/other", Value: []byte{1}}},
	}
	got := p.p.Migrate(&abi.Migration{From: 1, To: 3, Rows: in})
	if got.Error != "" {
		t.Fatal(got.Error)
	}
	if err := got.Check(len(in)); err != nil {
		t.Error(err)
	}
	same := func(a, b abi.Pair) bool { return a.Key == b.Key && string(a.Value) == string(b.Value) }
	for i := range want {
		if !slices.EqualFunc(got.Rows[i], want[i], same) {
			t.Errorf("%s becomes %q, want %q", in[i].Key, got.Rows[i], want[i])
		}
	}
	m, err := p.p.Describe()
	if err != nil {
		t.Fatal(err)
	}
	if w := []abi.Step{{From: 1, To: 3}, {From: 2, To: 3}, {From: 3, To: 2}}; !slices.Equal(m.Migrates, w) {
		t.Errorf("it knows %v, want %v", m.Migrates, w)
	}
}

func TestMigrationFails(t *testing.T) {
	p := migrating()
	for _, c := range []struct {
		m    abi.Migration
		want string
	}{
		{abi.Migration{From: 3, To: 1}, "migrating 3.0.0 has no migration from state version 3 to 1"},
		{abi.Migration{From: 2, To: 3, Rows: []abi.Pair{tagsOld.Of("a:1").Row("go", -1)}}, "row m/a:1/tags/go, from state version 2 to 3: tag go stands at -1"},
		{abi.Migration{From: 1, To: 2, Rows: []abi.Pair{{Key: "m/a:1/github", Value: []byte{0xc0}}}}, "read m/a:1/github: decode string"},
		{abi.Migration{From: 1, To: 2, Rows: []abi.Pair{{Key: "c/asked", Value: []byte{0xc0}}}}, `read counter "asked"`},
	} {
		if got := p.p.Migrate(&c.m); !strings.Contains(got.Error, c.want) {
			t.Errorf("from %d to %d: %q, want %q", c.m.From, c.m.To, got.Error, c.want)
		}
	}
}

func TestDeclarationOfMigrations(t *testing.T) {
	keep := func(*Migration) error { return nil }
	for _, c := range []struct {
		p    *Plugin[struct{}]
		want string
	}{
		{New[struct{}]("p", "1.0.0").State(0), "State(0): state versions begin with 1"},
		{New[struct{}]("p", "1.0.0").State(2).Migrate(0, 2, keep), "Migrate(0, 2): it leads from one state version"},
		{New[struct{}]("p", "1.0.0").State(2).Migrate(2, 2, keep), "Migrate(2, 2): it leads from one state version"},
		{New[struct{}]("p", "1.0.0").State(2).Migrate(1, 2, keep).Migrate(1, 2, keep), "Migrate(1, 2) is registered twice"},
		{New[struct{}]("p", "1.0.0").State(4).Migrate(1, 2, keep), "Migrate(1, 2) leads neither to state version 4 nor from it"},
		{New[struct{}]("p", "1.0.0").Migrate(1, 2, keep), ""}, // back from the version before
	} {
		_, err := c.p.p.Describe()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
