package sdktest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

type account struct {
	Name  string
	Stars int
}

var (
	githubOld = sdk.PerMember[string]("github")
	githubNew = sdk.PerMember[account]("github")
	words     = sdk.CommunityMap[string]("words")
	letters   = sdk.CommunityMap[int]("letters")
	questions = sdk.CommunityCounter("questions")

	asks int // a migration that keeps what it must not

	_ = sdk.New[struct{}]("moves", "2.0.0").State(2).
		Migrate(1, 2, func(m *sdk.Migration) error {
			if name, ok := githubOld.From(m); ok {
				githubNew.Into(m, account{Name: name})
			}
			if key, word, ok := words.From(m); ok {
				for i, letter := range word {
					letters.Into(m, fmt.Sprint(key, i), int(letter))
				}
				m.Drop()
			}
			return nil
		}).
		Migrate(2, 1, func(m *sdk.Migration) error {
			if a, ok := githubNew.From(m); ok {
				githubOld.Into(m, a.Name)
			}
			return nil
		})

	_ = sdk.New[struct{}]("loses", "2.0.0").State(2).
		Migrate(1, 2, func(m *sdk.Migration) error {
			asks++
			switch {
			case m.Key() == "c/same" || m.Key() == "c/other":
				m.Put("c/one", nil)
			case m.Key() == "c/many":
				for i := range abi.MaxWrites + 1 {
					m.Put(fmt.Sprint("c/", i), nil)
				}
			case m.Key() == "c/turn":
				m.Put(fmt.Sprint("c/", asks), nil)
			case m.Key() == "c/bad":
				m.Put("bad", nil)
			case m.Key() == "c/gone":
				m.Drop()
			}
			return nil
		}).
		Migrate(2, 1, func(m *sdk.Migration) error { return nil })
)

func TestMigrate(t *testing.T) {
	o := Options{Plugin: "moves"}
	got := Migrate(t, o, 1, 2, githubOld.Of("web:1").Row("ann"), words.Row("w", "go"), words.Row("empty", ""), questions.Row(3))
	want := []abi.Pair{letters.Row("w0", 'g'), letters.Row("w1", 'o'), questions.Row(3), githubNew.Of("web:1").Row(account{Name: "ann"})}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q,\nwant %q", got, want)
	}
	var many []abi.Pair
	for i := range 200 {
		many = append(many, githubOld.Of(fmt.Sprint("web:", i)).Row("ann"))
	}
	RoundTrip(t, o, 1, 2, many...)
	RoundTrip(t, o, 2, 1, githubNew.Of("web:1").Row(account{Name: "ann"}))
	err := roundTrip(t, o, 2, 1, []abi.Pair{githubNew.Of("web:1").Row(account{Name: "ann", Stars: 5})})
	if err == nil || !strings.Contains(err.Error(), "and back the rows are not what they were:\nrow m/web:1/github = {\"Name\":\"ann\"}") {
		t.Errorf("stars are lost: %v", err)
	}
}

func TestMigrationThatTheHostWouldRefuse(t *testing.T) {
	for keys, want := range map[string]string{
		"c/same c/other": "row c/same becomes c/one, as row c/other does",
		"c/many":         "49 rows are made in one step, at most 48",
		"c/turn":         "not deterministic",
		"c/bad":          `state key "bad" is none of`,
	} {
		b := New(t, Options{Plugin: "loses"})
		for key := range strings.FieldsSeq(keys) {
			b.Put(abi.Pair{Key: key})
		}
		if err := b.migrate(1, 2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", keys, err, want)
		}
	}
	if err := roundTrip(t, Options{Plugin: "loses"}, 1, 2, []abi.Pair{{Key: "c/gone"}}); err == nil || !strings.Contains(err.Error(), "delete row c/gone") {
		t.Errorf("a row that is dropped: %v", err)
	}
	if err := New(t, Options{Plugin: "loses"}).migrate(2, 3); err == nil || !strings.Contains(err.Error(), "no migration from state version 2 to 3") {
		t.Error(err)
	}
}

func TestTranscriptOfAMigration(t *testing.T) {
	Transcripts(t, "testdata/moves/*.txtar", Options{Plugin: "moves"})
}
