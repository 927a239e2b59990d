package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// gossip is a plugin that leaves traces of whoever does something everywhere
// that a plugin can.
func gossip(b *bot) {
	b.plugin(abi.Manifest{Name: "gossip", Events: []abi.Kind{abi.MessagePosted, abi.MemberForgotten, abi.TimerFired, abi.HTTPResponded},
		Needs: []abi.Need{{Cap: abi.CapSend, Reason: "t"}, {Cap: abi.CapDM, Reason: "t"}, {Cap: abi.CapTimers, Reason: "t"}, {Cap: abi.CapMembers, Reason: "t"}}},
		func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
			m, ef := c.Event.Member, abi.Effects{}
			switch {
			case c.Event.Kind == abi.MemberForgotten:
				ef.Writes = []abi.Write{{Key: "c/guests", Value: []byte("somebody, fake:bob")}}
				ef.Out = []abi.Effect{{Edit: &abi.Edit{Ref: abi.Ref{Key: "board", Conversation: "fake:general"}, Content: text1("somebody was here")}}}
			case c.Event.Kind != abi.MessagePosted:
			case strings.Contains(c.Event.Message.Text, "fail"):
				return ef, errors.New("as I was told by " + m.ID)
			default:
				ef.Writes = []abi.Write{{Key: "m/" + m.ID + "/likes", Value: []byte("tea")}, {Key: "c/guests", Value: []byte(m.ID + ", fake:bob")},
					{Key: "c/last", Value: []byte(m.ID)}, {Key: "c/others", Value: []byte("fake:adam")}}
				ef.Adds = []abi.Add{{Key: "c/posts", Delta: 1}}
				ef.Out = []abi.Effect{tell(m.ID, "Hello "+m.Name), say("fake:general", m.Name+" was here"),
					{Send: &abi.Send{To: abi.Target{Conversation: "fake:general"}, Content: text1("<@" + m.ID + ">"), Key: "board"}},
					{Send: &abi.Send{To: abi.Target{Member: m.ID}, Content: abi.Content{Blocks: []abi.Block{{Buttons: []abi.Button{{Label: "Press", Action: "a", Note: []byte(m.ID)}}}}}, Key: "b" + c.Event.ID}},
					{Timer: &abi.Timer{Name: "own", Key: m.ID, Due: c.Now + 1e9}}, {Timer: &abi.Timer{Name: "common", Due: c.Now + 1e9}}}
			}
			return ef, nil
		})
}

// remembered lists the rows that name any of the words.
func (b *bot) remembered(words ...string) (list []string) {
	b.t.Helper()
	for _, r := range b.rows("") {
		for _, w := range words {
			if strings.Contains(string(r.Key), w) || bytes.Contains(r.Value, []byte(w)) {
				list = append(list, fmt.Sprintf("%s has %s", r.Key, w))
			}
		}
	}
	return list
}

func TestForget(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{time.Hour}}})
		gossip(b)
		b.start()
		by := func(id, name, text string) abi.Event {
			e := b.event(abi.MessagePosted)
			e.Member, e.Message.Text = abi.Member{ID: id, Name: name}, text
			return e
		}
		direct := by("fake:ada", "Ada", "only between us: swordfish")
		direct.Conversation = abi.Conversation{ID: "fake:dm-7", Kind: abi.Direct}
		fail := by("fake:ada", "Ada", "fail")
		fail.Conversation.ID = "fake:elsewhere"
		mention := by("fake:bob", "Bob", "<@fake:ada> look")
		mention.Conversation.ID = "fake:bobs"
		for _, e := range []abi.Event{by("fake:adam", "Adam", "nearly the same"), by("fake:ada", "Ada", "swordfish"), direct, fail, mention} {
			b.accept(e, chat.Accepted)
			later(time.Second)
		}
		if err := b.audit.Add(t.Context(), audit.Entry{Who: audit.Who{ID: "fake:ada", Name: "Ada", Role: "manager", Via: "chat"}, Did: "x.done", On: "member/fake:ada", Why: "I am fake:ada"}); err != nil {
			t.Fatal(err)
		}
		b.platform.fail = func(d *chat.Delivery) error {
			if d.Member == "fake:ada" {
				return &chat.DeliveryError{Code: "later", Retry: true, After: time.Hour}
			}
			return nil
		}
		b.accept(by("fake:ada", "Ada", "waits"), chat.Accepted)
		later(time.Second)
		words := []string{"fake:ada\"", "swordfish", "dm-7", "Ada "}
		if len(b.remembered("fake:ada")) < 15 || len(b.remembered(words...)) == 0 {
			t.Fatalf("control: only %q names her", b.remembered("fake:ada"))
		}

		x, err := b.Forget(t.Context(), "fake:ada")
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("erased: %v", x.Kinds)
		for _, kind := range []string{"profile", "events", "sent", "queued", "waiting", "plugins", "timers", "messages", "buttons", "conversations", "audit"} {
			if x.Kinds[kind] == 0 {
				t.Errorf("nothing of the kind %s was erased", kind)
			}
		}
		later(time.Second)
		left := b.remembered("fake:ada", "swordfish", "dm-7", "Ada ")
		for _, l := range left {
			if !strings.Contains(l, "fake:ada") { // fake:adam has it too
				t.Errorf("still there: %s", l)
			}
		}
		tr := newTraces(&forgetRow{ID: "fake:ada"})
		for _, r := range b.rows("") {
			if tr.row(r) {
				t.Errorf("still names her: %s = %q", r.Key, r.Value)
			}
		}

		// What is others', and totals, stay.
		state := map[string]string{}
		for _, r := range b.rows(kState) {
			state[string(r.Key)] = string(r.Value)
		}
		for key, want := range map[string]string{"c/guests": "somebody, fake:bob", "c/others": "fake:adam", "m/fake:adam/likes": "tea", "m/fake:bob/likes": "tea"} {
			if got := state[string(stateKey("gossip", key))]; got != want {
				t.Errorf("%s = %q, want %q", key, got, want)
			}
		}
		if _, there := state[string(stateKey("gossip", "c/last"))]; there {
			t.Error("a shared row that names her still does")
		}
		if n := b.counter("gossip", "c/posts"); n != 5 {
			t.Errorf("%d posts were counted, want 5: totals stay", n)
		}
		snap, _ := b.store.Snapshot(t.Context())
		defer snap.Close()
		for id, want := range map[string]bool{"fake:ada": false, "fake:adam": true, "fake:bob": true} {
			if _, rev, _ := members.Get(t.Context(), snap, id); (rev != 0) != want {
				t.Errorf("profile of %s: %v, want %v", id, rev != 0, want)
			}
		}
		if got := b.platform.texts(); got[len(got)-1] != "edit fake:general somebody was here" {
			t.Errorf("the last that was delivered is %q", got[len(got)-1])
		}
		entries, err := b.audit.List(t.Context(), audit.Filter{Did: "x"})
		if err != nil || len(entries) != 1 || entries[0].Who != (audit.Who{ID: "forgotten", Name: "forgotten", Role: "manager", Via: "chat"}) || entries[0].On != "member/forgotten" || entries[0].Why != "" {
			t.Errorf("the record says %+v, %v", entries, err)
		}
		if list, _ := b.audit.List(t.Context(), audit.Filter{On: "member/forgotten"}); len(list) != 1 {
			t.Errorf("the record of what was forgotten is %+v", list)
		}

		// Who comes again is somebody new; and to be forgotten twice is no error.
		b.platform.fail = nil
		b.accept(by("fake:ada", "Ada", "me again"), chat.Accepted)
		later(time.Second)
		if n := len(b.rows(kState.Join("gossip") + "/m/fake:ada")); n != 1 {
			t.Errorf("%d rows of the new member", n)
		}
		if x, err := b.Forget(t.Context(), "fake:nobody"); err != nil || x.Total() != 0 {
			t.Errorf("forgetting nobody: %v, %v", x, err)
		}
		if _, err := b.Forget(t.Context(), "ada"); !errors.Is(err, ErrUnknown) {
			t.Errorf("an id without platform: %v", err)
		}
	})
}

// TestForgetWhileTheyAct has a member act all the time while they are forgotten:
// no event is lost, and what is left is of those that came after.
func TestForgetWhileTheyAct(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		var seen record
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted, abi.MemberForgotten}}, func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.MemberForgotten {
				time.Sleep(time.Second) // events come meanwhile
				seen.add("told")
				return abi.Effects{}, nil
			}
			n := byte(0)
			if v, ok, err := h.Get(context.Background(), "m/fake:ada/n"); err != nil {
				return abi.Effects{}, err
			} else if ok {
				n = v[0]
			}
			seen.add(fmt.Sprint(c.Event.Message.Text, " ", n))
			return abi.Effects{Writes: []abi.Write{{Key: "m/fake:ada/n", Value: []byte{n + 1}}}}, nil
		})
		b.start()
		post := func(text string) {
			e := b.event(abi.MessagePosted)
			e.Message.Text = text
			b.accept(e, chat.Accepted)
		}
		for range 3 {
			post("old")
		}
		later(time.Second)
		done := make(chan error, 1)
		go func() { _, err := b.Forget(t.Context(), "fake:ada"); done <- err }()
		later(100 * time.Millisecond)
		for range 4 {
			post("new")
			later(10 * time.Millisecond)
		}
		if got := strings.Join(seen.all(), ", "); got != "old 0, old 1, old 2" {
			t.Errorf("handled before she was forgotten: %s", got)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		later(time.Minute)
		if got := strings.Join(seen.all(), ", "); got != "old 0, old 1, old 2, told, new 0, new 1, new 2, new 3" {
			t.Errorf("handled: %s", got)
		}
		if p, err := b.Members(t.Context(), MemberFilter{}); err != nil || len(p.Members) != 1 || p.Members[0].Name != "Ada" {
			t.Errorf("the directory has %+v, %v", p, err)
		}
	})
}

// TestForgetGoesOn ends the engine at every batch of a forgetting in turn, and
// has the next start go on: at the end the same is gone, and counted once.
func TestForgetGoesOn(t *testing.T) {
	want := 0
	for at := 0; ; at++ {
		ended := false
		in(t, func(t *testing.T) {
			s := &countingStore{Store: new(store.Mem), left: -1}
			b := newBot(t, Options{Store: s})
			gossip(b)
			b.start()
			for range 3 {
				b.accept(b.event(abi.MessagePosted), chat.Accepted)
				later(time.Second)
			}
			s.leave(at)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			x, err := b.Forget(ctx, "fake:ada")
			cancel()
			if err == nil {
				ended = true
				want = x.Total()
				b.halt()
				return
			}
			b.halt()
			s.leave(-1)
			again := newBot(t, Options{Store: s})
			gossip(again)
			again.start()
			later(time.Hour)
			tr := newTraces(&forgetRow{ID: "fake:ada"})
			for _, r := range again.rows("") {
				if at > 0 && tr.row(r) {
					t.Errorf("broken off at commit %d: still names her: %s", at, r.Key)
				}
			}
			if len(again.rows(kForget)) > 0 {
				t.Errorf("broken off at commit %d: it has not ended", at)
			}
		})
		if ended {
			break
		}
	}
	if want == 0 {
		t.Error("nothing was erased at all")
	}
}

// countingStore refuses to commit after so many. Lanes commit side by side.
type countingStore struct {
	store.Store
	mu   sync.Mutex
	left int // commits; negative for no bound
}

// leave lets n more commits pass; every one where n is negative.
func (s *countingStore) leave(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = n
}

// take takes one of the commits that are left, or says that there is none.
func (s *countingStore) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left > 0 {
		s.left--
		return true
	}
	return s.left < 0
}

func (s *countingStore) Commit(ctx context.Context, b *store.Batch) (store.Rev, error) {
	if !s.take() {
		return 0, errors.New("the disk is gone")
	}
	return s.Store.Commit(ctx, b)
}
