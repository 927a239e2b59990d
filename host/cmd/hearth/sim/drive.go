package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// delivery is a happening as it reaches hearth.
type delivery struct {
	*happening
	at   time.Time
	copy int
}

// deliveries are all of them, in their order.
func deliveries(people []*person) []delivery {
	var list []delivery
	for _, p := range people {
		for i := range p.list {
			for n, at := range p.list[i].comes {
				list = append(list, delivery{&p.list[i], at, n})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b delivery) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.copy, b.copy)) })
	return list
}

// driver is an engine that is fed by hand.
type driver struct {
	*host.Engine
	clock     *clock
	tuning    host.Tuning
	platforms map[string]*platform
	hub       *hub
	faults    *faults

	stop  context.CancelFunc
	ended chan error
	wasm  *wasm.Engine
}

// plugins are those that run.
var plugins = []string{"experiments", "welcome", "tasks"}

// start begins an engine at a time, with the real plugins.
func start(ctx context.Context, s Settings, w *world, people []*person) (_ *driver, err error) {
	d := &driver{clock: &clock{now: w.begin}, platforms: map[string]*platform{}, faults: &faults{}, ended: make(chan error, 1)}
	d.tuning = host.Tuning{
		Community: host.Community{Name: "Gophers", TimeZone: w.from},
		Journal:   host.Journal{MaxRows: 2000, MaxAge: 24 * time.Hour},
		Keep:      host.Keep{Sent: 24 * time.Hour, Buttons: 3 * 24 * time.Hour},
	}
	if d.wasm, err = wasm.New(wasm.Options{CacheDir: s.Cache, Workers: runtime.GOMAXPROCS(0)}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.wasm.Close(context.WithoutCancel(ctx)))
		}
	}()
	if d.Engine, err = host.New(ctx, host.Options{Store: new(store.Mem), Wasm: d.wasm, Clock: d.clock, Logger: slog.New(d.faults), Verifier: judge{},
		Community: d.tuning.Community, Journal: d.tuning.Journal, Keep: d.tuning.Keep}); err != nil {
		return nil, err
	}
	handles := map[string]string{}
	for _, p := range people {
		handles[p.handle] = p.id
	}
	if d.hub, err = newHub(d.Engine, handles); err != nil {
		return nil, err
	}
	var list []host.Installation
	for _, name := range plugins {
		code, err := fs.ReadFile(s.Plugins, name+".wasm")
		if err != nil {
			return nil, fmt.Errorf("sim: plugin %s: %w", name, err)
		}
		list = append(list, host.Installation{Code: code, Options: host.PluginOptions{GrantAll: true}})
	}
	for i, in := range d.InstallAll(ctx, list) {
		if in.Err != nil {
			return nil, fmt.Errorf("sim: plugin %s: %w", plugins[i], in.Err)
		}
	}
	for _, name := range []string{"slack", "webchat"} {
		d.platforms[name] = &platform{name: name, buttons: map[string]string{}}
		if err := d.Attach(ctx, d.platforms[name]); err != nil {
			return nil, err
		}
	}
	run, stop := context.WithCancel(ctx)
	d.stop = stop
	go func() { d.ended <- d.Run(run, time.Minute) }()
	return d, nil
}

// end stops the engine.
func (d *driver) end(ctx context.Context) error {
	d.stop()
	return errors.Join(<-d.ended, d.wasm.Close(context.WithoutCancel(ctx)))
}

// patience is how long the engine may be at something while the clock stands.
const patience = time.Minute

// rest waits until all that has to be done by now is done, and says when the next
// timer is due.
func (d *driver) rest(ctx context.Context) (next time.Time, err error) {
	begun := time.Now()
	for try := 1; ; try++ {
		resting, next, err := d.Resting(ctx)
		switch {
		case err != nil:
			return next, err
		case resting:
			return next, d.faults.err()
		case try < 200:
			runtime.Gosched()
			continue
		}
		if err := cmp.Or(ctx.Err(), d.faults.err()); err != nil {
			return next, err
		}
		select {
		case err := <-d.ended:
			d.ended <- err
			return next, fmt.Errorf("sim: the engine has ended: %w", err)
		case <-time.After(20 * time.Microsecond):
		}
		if try%2000 == 0 {
			d.clock.hurry() // something began to wait just as the clock was set
		}
		if time.Since(begun) > patience {
			return next, fmt.Errorf("sim: the engine has been at work for %v at %v, and does not come to rest", patience, d.clock.Now())
		}
	}
}

// until lets time pass up to at: what is due before is done at its time.
func (d *driver) until(ctx context.Context, at time.Time) error {
	for {
		next, err := d.rest(ctx)
		if err != nil {
			return err
		}
		if wake, ok := d.clock.next(); ok && (next.IsZero() || wake.Before(next)) {
			next = wake
		}
		if next.IsZero() || next.After(at) {
			break
		}
		d.clock.set(next)
	}
	d.clock.set(at)
	_, err := d.rest(ctx)
	return err
}

// accept hands a delivery over, in the way in which it comes.
func (d *driver) accept(ctx context.Context, v delivery) error {
	var out chat.Outcome
	var err error
	switch v.act {
	case opened, merged:
		return d.hub.tell(ctx, v.happening)
	default:
		in := d.incoming(v.happening)
		if v.act == button && in.Token == "" {
			return fmt.Errorf("sim: %s has no button to press at %v", v.person.id, v.at)
		}
		out, err = d.Accept(ctx, in)
	}
	if err == nil && (out == chat.Used || out == chat.Gone) {
		err = errors.New("the button has been used up")
	}
	if err != nil {
		return fmt.Errorf("sim: event %s: %w", v.id, err)
	}
	return nil
}

func (d *driver) incoming(h *happening) chat.Incoming {
	p := h.person
	name := abi.Platform(p.id)
	e := abi.Event{ID: h.id, Source: name, Time: h.at.UnixMilli(), Member: abi.Member{ID: p.id, Name: p.handle, Bot: h.bot, Guest: p.guest},
		Conversation: abi.Conversation{ID: name + ":general", Kind: abi.Channel, Name: "general"}}
	in := chat.Incoming{}
	post := func(text string) {
		e.Kind, e.Message = abi.MessagePosted, &abi.Message{ID: "M" + h.id, Text: text}
	}
	direct := func() {
		e.Conversation, e.Addressed = abi.Conversation{ID: own(p.id), Kind: abi.Direct}, true
	}
	switch h.act {
	case join:
		e.Kind, e.Conversation = abi.MemberJoined, abi.Conversation{}
	case leave:
		e.Kind, e.Conversation = abi.MemberLeft, abi.Conversation{}
	case message:
		post("good morning")
	case mention:
		post("thank you, bot")
		e.Addressed = true
	case file:
		post("my notes")
		e.Message.Files = []abi.File{{Name: "notes.txt", Type: "text/plain", Size: 5, Body: "notes"}}
	case command:
		e.Kind, e.Command, e.Private = abi.CommandInvoked, &abi.Command{Name: "help"}, true
	case run:
		e.Kind, e.Command = abi.CommandInvoked, &abi.Command{Name: "run", Args: otherCode}
	case click:
		e.Kind, e.Click = abi.LinkClicked, &abi.Click{Value: "https://go.dev/tour/"}
	case button:
		direct()
		e.Kind, e.Click = abi.ButtonClicked, &abi.Click{}
		in.Token = d.platforms[name].button(p.id)
	case reaction:
		e.Kind, e.Message, e.Reaction = abi.ReactionAdded, &abi.Message{ID: "M1", Author: name + ":U0"}, &abi.Reaction{Name: "wave"}
	case wrong:
		post(wrongAnswer)
		direct()
	case solve:
		post(rightAnswer)
		direct()
	case finished:
		e.Source, e.Conversation = "https://learn.example.org", abi.Conversation{}
		e.Kind, e.Custom = abi.CustomTracked, &abi.Custom{Name: allTasksName}
	}
	in.Event = e
	return in
}

// faults are what the engine logs as going wrong: the first of them ends a
// simulation, as what follows would be counted from something else than the plan.
type faults struct{ first atomic.Pointer[string] }

func (f *faults) err() error {
	if s := f.first.Load(); s != nil {
		return errors.New("sim: the engine says: " + *s)
	}
	return nil
}

func (f *faults) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (f *faults) WithAttrs([]slog.Attr) slog.Handler           { return f }
func (f *faults) WithGroup(string) slog.Handler                { return f }

func (f *faults) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool { fmt.Fprintf(&b, " %s=%v", a.Key, a.Value); return true })
	s := b.String()
	f.first.CompareAndSwap(nil, &s)
	return nil
}
