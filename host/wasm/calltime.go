package wasm

import (
	"context"
	"sync"
	"time"
)

// callTime is the context that a Host is given: the caller's, until the call is
// out of time or over. Most Hosts only ask whether it has ended, so the timer
// that a channel needs is not made before somebody wants the channel.
type callTime struct {
	caller   context.Context
	deadline time.Time

	mu     sync.Mutex
	over   bool
	timed  context.Context // nil until it is wanted
	cancel context.CancelFunc
}

func (c *callTime) Deadline() (time.Time, bool) {
	if d, ok := c.caller.Deadline(); ok && d.Before(c.deadline) {
		return d, true
	}
	return c.deadline, true
}

func (c *callTime) Done() <-chan struct{} { return c.context().Done() }

// Value makes the context, too: package context looks for what Done belongs to.
func (c *callTime) Value(key any) any { return c.context().Value(key) }

func (c *callTime) Err() error {
	c.mu.Lock()
	timed, over := c.timed, c.over
	c.mu.Unlock()
	switch {
	case timed != nil:
		return timed.Err()
	case c.caller.Err() != nil:
		return c.caller.Err()
	case over || !time.Now().Before(c.deadline):
		return c.context().Err() // from now on it is this
	}
	return nil
}

// context is what c stands for.
func (c *callTime) context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed == nil {
		c.timed, c.cancel = context.WithDeadline(c.caller, c.deadline)
		if c.over {
			c.cancel()
		}
	}
	return c.timed
}

// end cancels it: the call is over.
func (c *callTime) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.cancel != nil {
		c.cancel()
	}
}
