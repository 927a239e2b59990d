package app

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// counting takes everything in.
type counting struct{ n int }

func (c *counting) Accept(context.Context, chat.Incoming) (chat.Outcome, error) {
	c.n++
	return chat.Accepted, nil
}
func (c *counting) Form(context.Context, string) (abi.Form, error) { return abi.Form{Name: "f"}, nil }
func (c *counting) Commands() []abi.CommandDef                     { return nil }

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind := &counting{}
		g := newGate(behind)

		begun := time.Now()
		if _, err := g.Accept(t.Context(), chat.Incoming{}); !errors.Is(err, chat.ErrBusy) {
			t.Errorf("shut: %v", err)
		}
		if took := time.Since(begun); took != gateWait {
			t.Errorf("the platform waited %s", took)
		}
		if _, err := g.Form(t.Context(), "x"); !errors.Is(err, chat.ErrBusy) {
			t.Errorf("shut: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.Accept(ctx, chat.Incoming{}); !errors.Is(err, context.Canceled) {
			t.Errorf("nobody waits any more: %v", err)
		}

		waited := make(chan error)
		go func() {
			_, err := g.Accept(t.Context(), chat.Incoming{})
			waited <- err
		}()
		time.Sleep(gateWait / 2) // the bubble's clock
		g.lift()
		g.lift()
		if err := <-waited; err != nil {
			t.Errorf("who waited: %v", err)
		}
		begun = time.Now()
		if out, err := g.Accept(t.Context(), chat.Incoming{}); out != chat.Accepted || err != nil {
			t.Errorf("open: %v, %v", out, err)
		}
		if f, err := g.Form(t.Context(), "x"); f.Name != "f" || err != nil {
			t.Errorf("open: %v, %v", f, err)
		}
		if behind.n != 2 || time.Since(begun) != 0 {
			t.Errorf("%d passed, in %s", behind.n, time.Since(begun))
		}
	})
}

func TestState(t *testing.T) {
	var s state
	if r := s.notReady(); len(r) != 1 {
		t.Errorf("starting: %v", r)
	}
	s.enter(running)
	if r := s.notReady(); len(r) != 0 {
		t.Errorf("running: %v", r)
	}
	s.lack("welcome")
	if r := s.notReady(); len(r) != 1 {
		t.Errorf("a plugin is missing: %v", r)
	}
	s.enter(stopping)
	s.enter(running) // too late
	if r := s.notReady(); len(r) != 1 || r[0] != "hearth is stopping" {
		t.Errorf("stopping: %v", r)
	}
}
