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
	names := func(b []byte) bool { return bytes.Contains(b, []byte("chat:u1")) }
	if n, err := l.Forget(t.Context(), names); err != nil || n != 60 {
		t.Errorf("%d entries were changed, %v, want 60", n, err)
	}
	if n, err := l.Forget(t.Context(), names); err != nil || n != 0 {
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
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	for row, err := range snap.Scan(t.Context(), store.Range{}) {
		if err != nil || names(row.Value) || names([]byte(row.Key)) {
			t.Errorf("still there: %s = %s, %v", row.Key, row.Value, err)
		}
	}
}
