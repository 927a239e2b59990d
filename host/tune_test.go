package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// TestReconfigure changes each part of the tuning under an engine that runs.
func TestReconfigure(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}, Breaker: 100}, Policy: Policy{DailyCap: 1}})
		failing := false
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if failing {
				return abi.Effects{Error: "no"}, nil
			}
			return abi.Effects{Out: []abi.Effect{tell("fake:bea", c.Event.ID)}}, nil
		})
		b.start()
		set := func(tune Tuning) {
			t.Helper()
			if err := b.Reconfigure(t.Context(), tune); err != nil {
				t.Fatal(err)
			}
		}
		post := func(n int) {
			for range n {
				b.accept(b.event(abi.MessagePosted), chat.Accepted)
				later(time.Second)
			}
		}
		post(2)
		wantTexts(t, b.platform, "send @fake:bea e1") // the cap is one
		set(Tuning{Policy: Policy{DailyCap: 3}})
		post(3)
		wantTexts(t, b.platform, "send @fake:bea e1", "send @fake:bea e3", "send @fake:bea e4")

		failing = true
		set(Tuning{Retries: Retries{Delays: []time.Duration{time.Second, time.Second}, Breaker: 1, Pause: time.Hour}})
		post(1)
		later(time.Second)
		if s := b.Plugins()[0].Breaker; s != "open" {
			t.Errorf("after one failure the breaker is %s, and was to open", s)
		}
		if n := len(b.rows(kDead)); n != 0 {
			t.Errorf("%d events were given up, and were to be tried again", n)
		}

		set(Tuning{MaxBacklog: 1})
		if _, err := b.Accept(t.Context(), chat.Incoming{Event: b.event(abi.MessagePosted)}); !errors.Is(err, chat.ErrBusy) {
			t.Errorf("more than may wait: %v", err)
		}
		set(Tuning{})
		b.accept(b.event(abi.MessagePosted), chat.Accepted)

		set(Tuning{Keep: Keep{Seen: time.Hour, Sent: time.Hour}, Journal: Journal{MaxAge: 1000 * time.Hour}})
		later(3 * time.Hour)
		if seen, sent, journal := len(b.rows(kSeen)), len(b.rows(kSent)), len(b.rows(kJournal)); seen != 0 || sent != 0 || journal == 0 {
			t.Errorf("after three hours there are %d seen, %d sent and %d journal rows", seen, sent, journal)
		}
	})
}

// TestReconfigureZone: schedules follow the community's clock, but what is due
// stays due.
func TestReconfigureZone(t *testing.T) {
	in(t, func(t *testing.T) {
		zone, err := time.LoadLocation("Asia/Shanghai")
		if err != nil {
			t.Fatal(err)
		}
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Schedules: []abi.Schedule{{Name: "noon", Cron: "0 12 * * *"}}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{say("fake:general", "fired")}}, nil
		})
		due := func() string {
			t.Helper()
			rows := b.rows(kTimer)
			if len(rows) != 1 {
				t.Fatalf("there are %d timers", len(rows))
			}
			var tr timerRow
			if _, err := tr.UnmarshalMsg(rows[0].Value); err != nil {
				t.Fatal(err)
			}
			return time.UnixMilli(tr.Due).UTC().Format("15:04")
		}
		if at := due(); at != "12:00" {
			t.Fatalf("noon is at %s", at)
		}
		for range 2 {
			if err := b.Reconfigure(t.Context(), Tuning{Community: Community{TimeZone: zone}}); err != nil {
				t.Fatal(err)
			}
			if at := due(); at != "04:00" {
				t.Errorf("noon in Shanghai is at %s", at)
			}
		}
		time.Sleep(48 * time.Hour) // it has been due for long, and nothing ran
		if err := b.Reconfigure(t.Context(), Tuning{}); err != nil {
			t.Fatal(err)
		}
		if at := due(); at != "04:00" {
			t.Errorf("what was due is at %s now", at)
		}
		b.start()
		if n := len(b.platform.texts()); n == 0 {
			t.Error("what was due has not been fired")
		}
	})
}

// TestConfigureUnderAStreamOfEvents gives a real plugin other configs, texts and
// another community while events keep coming: each is answered once, by one of
// them; what is not acceptable changes nothing.
func TestConfigureUnderAStreamOfEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: it compiles a real plugin, which takes minutes under the race detector")
	}
	e, p := realEngine(t, buildPlugin(t, "tuned"))
	ctx := t.Context()
	sent := 0
	stop, stopped := make(chan struct{}), make(chan struct{})
	post := func() {
		ev := abi.Event{ID: fmt.Sprint("e", sent), Source: "fake", Kind: abi.MessagePosted, Conversation: abi.Conversation{ID: fmt.Sprint("fake:c", sent%8)},
			Member: abi.Member{ID: "fake:ada", Name: "Ada"}, Message: &abi.Message{ID: "m", Text: "hi"}}
		if out, err := e.Accept(ctx, chat.Incoming{Event: ev}); err != nil || out != chat.Accepted {
			if ctx.Err() == nil {
				t.Errorf("Accept = %v, %v", out, err)
			}
			return
		}
		sent++
	}
	go func() {
		defer close(stopped)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				post()
			}
		}
	}()
	allowed := map[string]bool{"first in ": true}
	texts := []abi.TextDef{{Key: "answer", Text: abi.Localized{{Locale: "en", Text: "<{word}> at {community}"}}}}
	for i := range 5 {
		word := fmt.Sprint("word", i)
		if err := e.Configure(ctx, "tuned", PluginOptions{Config: []byte(`{"word":"` + word + `"}`)}); err != nil {
			t.Fatal(err)
		}
		allowed[word+" in "+e.tuned().Community.Name] = true
		if err := e.Configure(ctx, "tuned", PluginOptions{Config: []byte(`{"word":"` + word + `"}`), Texts: texts}); err != nil {
			t.Fatal(err)
		}
		allowed["<"+word+"> at "+e.tuned().Community.Name] = true
		name := fmt.Sprint("community", i)
		allowed["<"+word+"> at "+name] = true
		if err := e.Reconfigure(ctx, Tuning{Community: Community{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	for what, c := range map[string]struct {
		plugin string
		o      PluginOptions
		want   error
	}{
		"a plugin that there is not": {"other", PluginOptions{}, ErrUnknown},
		"what the schema forbids":    {"tuned", PluginOptions{Config: []byte(`{"word":"a word that is longer than it may be"}`)}, ErrConfig},
		"what cannot be warmed":      {"tuned", PluginOptions{Config: []byte(`{"broken":true}`)}, nil},
	} {
		if err := e.Configure(ctx, c.plugin, c.o); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	close(stop)
	<-stopped
	settled(t, e, "fake")
	post() // the last one comes after everything
	settled(t, e, "fake")
	if f, err := e.Failures(ctx); err != nil || len(f) > 0 {
		t.Fatalf("failures: %+v, %v", f, err)
	}
	b := &bot{Engine: e, t: t, store: e.store}
	got := p.texts()
	if n := b.counter("tuned", "c/total"); int(n) != sent || len(got) != sent {
		t.Errorf("%d counted and %d answered of %d", n, len(got), sent)
	}
	for _, s := range got {
		_, text, _ := strings.Cut(strings.TrimPrefix(s, "send "), " ")
		if !allowed[text] && !allowed[text+" "] {
			t.Errorf("an answer is %q", s)
		}
	}
	if last := got[len(got)-1]; !strings.HasSuffix(last, "<word4> at community4") {
		t.Errorf("the last answer is %q", last)
	}
}

// TestDetach takes a platform away while messages go there, and brings another
// in its place: those under way end, those that wait come, each once and in the
// order of its conversation.
func TestDetach(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{say("fake:general", c.Event.ID)}}, nil
		})
		slow := newSlowPlatform()
		if err := b.Attach(t.Context(), slow); err != nil {
			t.Fatal(err)
		}
		b.start()
		for range 3 {
			b.accept(b.event(abi.MessagePosted), chat.Accepted)
		}
		<-slow.inside // the first is under way
		gone := make(chan error, 1)
		go func() { gone <- b.Detach(t.Context(), "fake") }()
		later(10 * time.Second)
		b.accept(b.event(abi.MessagePosted), chat.Accepted) // its members are known until the last is under way
		later(time.Second)
		select {
		case err := <-gone:
			t.Fatalf("detached with a delivery under way: %v", err)
		default:
		}
		slow.let <- nil
		if err := <-gone; err != nil {
			t.Fatal(err)
		}
		if !slow.ended.Load() {
			t.Error("what the adapter runs has not ended")
		}
		wantTexts(t, slow.fakePlatform, "send fake:general e1")
		if n := len(b.rows(kOutbox)); n != 3 {
			t.Errorf("%d messages wait, want 3", n)
		}
		if err := b.Detach(t.Context(), "fake"); !errors.Is(err, ErrUnknown) {
			t.Errorf("detached again: %v", err)
		}
		later(time.Hour)
		if err := b.Attach(t.Context(), b.platform); err != nil {
			t.Fatal(err)
		}
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Second)
		wantTexts(t, b.platform, "send fake:general e2", "send fake:general e3", "send fake:general e4", "send fake:general e5")
		if n := len(b.rows(kOutbox)); n != 0 {
			t.Errorf("%d messages are left", n)
		}
		b.halt()
		if err := b.Attach(context.Background(), newFakePlatform("late")); err == nil {
			t.Error("a platform was attached to an engine that has ended")
		}
	})
}

// TestDetachBreaksOff: what does not end is broken off, and sent again, marked.
func TestDetachBreaksOff(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{say("fake:general", c.Event.ID)}}, nil
		})
		slow := newSlowPlatform()
		if err := b.Attach(t.Context(), slow); err != nil {
			t.Fatal(err)
		}
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		<-slow.inside
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Detach(ctx, "fake"); err != nil {
			t.Fatal(err)
		}
		if err := b.Attach(t.Context(), b.platform); err != nil {
			t.Fatal(err)
		}
		later(time.Second)
		wantTexts(t, b.platform, "send fake:general e1")
		var row sentRow
		if rows := b.rows(kSent); len(rows) != 1 {
			t.Fatalf("%d messages ended", len(rows))
		} else if _, err := row.UnmarshalMsg(rows[0].Value); err != nil {
			t.Fatal(err)
		}
		if a := row.Out.Attempts; len(a) != 2 || !a[0].Unknown || !a[1].Duplicate {
			t.Errorf("its attempts are %+v", a)
		}
	})
}

// slowPlatform holds each delivery until it is let go.
type slowPlatform struct {
	*fakePlatform
	inside chan struct{}
	let    chan error
	ended  atomic.Bool
}

func newSlowPlatform() *slowPlatform {
	return &slowPlatform{fakePlatform: newFakePlatform("fake"), inside: make(chan struct{}), let: make(chan error)}
}

func (p *slowPlatform) Run(ctx context.Context) error {
	<-ctx.Done()
	p.ended.Store(true)
	return nil
}

func (p *slowPlatform) Deliver(ctx context.Context, d *chat.Delivery) (chat.Receipt, error) {
	p.inside <- struct{}{}
	select {
	case err := <-p.let:
		if err != nil {
			return chat.Receipt{}, err
		}
		return p.fakePlatform.Deliver(ctx, d)
	case <-ctx.Done():
		return chat.Receipt{}, ctx.Err()
	}
}

func TestRestore(t *testing.T) {
	l := newLanes(wall{}, 1, func(string, uint64) turn { return done })
	l.push("a", 7)
	for _, n := range []uint64{3, 7, 5, 3} {
		l.restore("a", n)
	}
	if got := fmt.Sprint(l.byKey["a"].queue); got != "[3 5 7]" || l.length() != 3 {
		t.Errorf("the lane is %s, %d long", got, l.length())
	}
}
