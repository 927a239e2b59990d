package app

import (
	"context"
	"sync"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// gate is the engine as adapters see it: shut until the plugins are installed.
// An event that came in before would find nobody who wants it, and be gone; so
// its platform is asked to wait a moment, and then to deliver it again.
type gate struct {
	chat.Sink

	once sync.Once
	open chan struct{}
}

// gateWait is shorter than the three seconds in which platforms want an answer.
const gateWait = 2 * time.Second

func newGate(s chat.Sink) *gate { return &gate{Sink: s, open: make(chan struct{})} }

// lift opens the gate for good.
func (g *gate) lift() { g.once.Do(func() { close(g.open) }) }

// Accept is the engine's, once the gate is open; [chat.ErrBusy] if that takes too long.
func (g *gate) Accept(ctx context.Context, in chat.Incoming) (chat.Outcome, error) {
	if err := g.pass(ctx); err != nil {
		return 0, err
	}
	return g.Sink.Accept(ctx, in)
}

// Form is the engine's, like Accept.
func (g *gate) Form(ctx context.Context, token string) (abi.Form, error) {
	if err := g.pass(ctx); err != nil {
		return abi.Form{}, err
	}
	return g.Sink.Form(ctx, token)
}

func (g *gate) pass(ctx context.Context) error {
	select {
	case <-g.open:
		return nil
	default:
	}
	t := time.NewTimer(gateWait)
	defer t.Stop()
	select {
	case <-g.open:
		return nil
	case <-t.C:
		return chat.ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}
