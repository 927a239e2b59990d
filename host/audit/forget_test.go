package audit_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
)

// TestForget takes one of two out of a record that is longer than a batch.
func TestForget(t *testing.T) {
	s := new(store.Mem)
	l := audit.New(s, nil)
	for i := range 120 {
		who := audit.Who{ID: fmt.Sprint("chat:u", i%2), Name: "Name", Role: "manager", Via: "chat"}
		if err := l.Add(t.Context(), audit.Entry{Who: who, Did: "member.note", On: fmt.Sprint("member/chat:u", i%2), Before: "was", Why: fmt.Sprint("for chat:u", i%2)}); err != nil {
			t.Fatal(err)
		}
	}
	u1 := person("chat:u1")
	if err := l.Add(t.Context(), audit.Entry{Who: audit.Who{ID: "chat:u0", Name: "Name"}, Did: "setting.set", On: "setting/managers", Before: `["chat:u0","chat:u1"]`, After: `"ask chat:u1, or not"`}); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Forget(t.Context(), u1); err != nil || n != 61 {
		t.Errorf("%d entries were changed, %v, want 61", n, err)
	}
	if n, err := l.Forget(t.Context(), u1); err != nil || n != 0 {
		t.Errorf("a second time %d entries were changed, %v", n, err)
	}
	for on, who := range map[string]audit.Who{
		"member/" + audit.Forgotten: {ID: audit.Forgotten, Name: audit.Forgotten, Role: "manager", Via: "chat"},
		"member/chat:u0":            {ID: "chat:u0", Name: "Name", Role: "manager", Via: "chat"},
	} {
		list, err := l.List(t.Context(), audit.Filter{On: on, Limit: 100})
		if err != nil || len(list) != 60 {
			t.Fatalf("on %s there are %d entries, %v", on, len(list), err)
		}
		for _, e := range list {
			if e.Who != who || e.Did != "member.note" || e.Before != "was" || (e.Why == "") != (who.ID == audit.Forgotten) {
				t.Fatalf("on %s there is %+v", on, e)
			}
		}
	}
	if list, err := l.List(t.Context(), audit.Filter{On: "setting/managers"}); err != nil || len(list) != 1 || list[0].Before != `["chat:u0"]` || list[0].After != `"ask xxxxxxx, or not"` {
		t.Errorf("of the setting there is %+v, %v", list, err)
	}
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	for row, err := range snap.Scan(t.Context(), store.Range{}) {
		if err != nil || u1.In(row.Value) || u1.In([]byte(row.Key)) {
			t.Errorf("still there: %s = %s, %v", row.Key, row.Value, err)
		}
	}
}

// person is somebody with this id.
type person string

func (p person) In(b []byte) bool { return bytes.Contains(b, []byte(p)) }

func (p person) Is(s string) bool { return s == string(p) }

func (p person) Blur(b []byte) []byte {
	return bytes.ReplaceAll(b, []byte(p), bytes.Repeat([]byte("x"), len(p)))
}

func TestWithout(t *testing.T) {
	for in, want := range map[string]string{
		`["chat:u1"]`:                    `[]`,
		`["chat:u0","<@chat:u1>","a<b"]`: `["chat:u0","a<b"]`,
		`"chat:u1"`:                      ``,
		`"ask chat:u1!"`:                 `"ask xxxxxxx!"`,
		`{"who":"chat:u1","n":1.50,"chat:u1":2,"list":[["chat:u1"],{"a":"chat:u1"}]}`: `{"list":[[],{}],"n":1.50}`,
		`no JSON of chat:u1`: ``,
		`1 2`:                ``,
		``:                   ``,
	} {
		if got := string(audit.Without(person("chat:u1"), []byte(in))); got != want {
			t.Errorf("of %s is left %s, want %s", in, got, want)
		}
	}
}
