package members

import (
	"context"
	"errors"
	"testing"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

func TestLearn(t *testing.T) {
	joined := func(at int64) *abi.Event {
		return &abi.Event{Kind: abi.MemberJoined, Time: at, Member: abi.Member{ID: "x:1", Name: "Ada", Locale: "en-GB", TimeZone: "Europe/London"}}
	}
	var p Profile
	if !p.Learn(joined(10)) || p.Joined != 10 || p.Name != "Ada" || p.TimeZone != "Europe/London" {
		t.Fatalf("after the first join: %+v", p)
	}
	if p.Learn(joined(20)) || p.Joined != 10 {
		t.Errorf("a second join moved the first: %+v", p)
	}
	// Leaving a channel is not leaving the community.
	channel := abi.Event{Kind: abi.MemberLeft, Time: 30, Member: abi.Member{ID: "x:1"}, Conversation: abi.Conversation{ID: "x:c"}}
	if p.Learn(&channel) || p.Left != 0 {
		t.Errorf("after leaving a channel: %+v", p)
	}
	if !p.Learn(&abi.Event{Kind: abi.MemberLeft, Time: 40, Member: abi.Member{ID: "x:1"}}) || p.Left != 40 {
		t.Errorf("after leaving: %+v", p)
	}
	if !p.Learn(joined(50)) || p.Left != 0 || p.Joined != 10 {
		t.Errorf("after coming back: %+v", p)
	}
	// What a platform makes up is not believed.
	for _, zone := range []string{"", "Local", "Mars/Base", "../../etc/passwd"} {
		e := joined(60)
		e.Member.TimeZone = zone
		if p.Learn(e); p.TimeZone != "Europe/London" {
			t.Errorf("time zone %q was taken: %+v", zone, p)
		}
	}
	// Who writes to the bot can be written to.
	p.NoDM = true
	if !p.Learn(&abi.Event{Kind: abi.MessagePosted, Member: abi.Member{ID: "x:1"}, Conversation: abi.Conversation{ID: "x:d", Kind: abi.Direct}}) || p.NoDM {
		t.Errorf("after a direct message: %+v", p)
	}
}

func TestApply(t *testing.T) {
	p := Profile{Locale: "en"}
	if _, err := p.Apply(&abi.Profile{TimeZone: "Mars/Base"}); err == nil {
		t.Error("a time zone that is none was taken")
	}
	if changed, err := p.Apply(&abi.Profile{Locale: "zh-CN", GitHub: "@ada", Stop: true}); err != nil || !changed || p.GitHub != "ada" || !p.Stopped {
		t.Errorf("Apply = %v, %v: %+v", changed, err, p)
	}
	// A language a member chose is not undone by what the platform says.
	p.Learn(&abi.Event{Kind: abi.MessagePosted, Member: abi.Member{Locale: "en-US"}})
	if p.Locale != "zh-CN" {
		t.Errorf("the platform's locale replaced the chosen one: %+v", p)
	}
	if changed, _ := p.Apply(&abi.Profile{Stop: true}); changed {
		t.Error("the same again is a change")
	}
	if changed, _ := p.Apply(&abi.Profile{Resume: true}); !changed || p.Stopped {
		t.Errorf("after resume: %+v", p)
	}
}

func TestPutIsConditional(t *testing.T) {
	ctx := context.Background()
	s := new(store.Mem)
	write := func(p Profile, rev store.Rev) error {
		b := new(store.Batch)
		if err := Put(b, "x:1", &p, rev); err != nil {
			return err
		}
		_, err := s.Commit(ctx, b)
		return err
	}
	if err := write(Profile{Name: "Ada", Joined: 1}, 0); err != nil {
		t.Fatal(err)
	}
	if err := write(Profile{Name: "Eve"}, 0); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a stale write: %v, want ErrConflict", err)
	}
	snap, err := s.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	p, rev, err := Get(ctx, snap, "x:1")
	if err != nil || rev == 0 || p.Name != "Ada" {
		t.Errorf("Get = %+v, %d, %v", p, rev, err)
	}
	if p, rev, err := Get(ctx, snap, "x:2"); err != nil || rev != 0 || p != (Profile{}) {
		t.Errorf("Get of a stranger = %+v, %d, %v", p, rev, err)
	}
	if m := p.Member("x:1"); m.Name != "Ada" || m.JoinedAt != 1 || m.ID != "x:1" {
		t.Errorf("Member = %+v", m)
	}
}
