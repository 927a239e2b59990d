package webchat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

const (
	acceptTimeout = 15 * time.Second
	retryFirst    = 500 * time.Millisecond
	retryMost     = 30 * time.Second
)

// do makes a change and hands its events over. The outcome is that of the last
// event; an error of the sink is not the member's: the change stands, and the
// event is handed over again.
func (a *Adapter) do(ctx context.Context, f func(*tx) error) (chat.Outcome, error) {
	hands, err := a.change(ctx, f)
	if err != nil {
		return 0, err
	}
	// The browser may be gone by now; what it asked for has happened.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), acceptTimeout)
	defer cancel()
	out := chat.Accepted
	for _, e := range hands {
		if out, err = a.handOver(ctx, e); err != nil {
			a.log.Warn("webchat: event waits to be handed over", "event", e.ID, "kind", e.Kind, "error", err)
			select {
			case a.retry <- struct{}{}:
			default:
			}
			return chat.Accepted, nil
		}
	}
	return out, nil
}

// handOver gives e to the sink and deletes its row. An error says that the row
// is still there.
func (a *Adapter) handOver(ctx context.Context, e abi.Event) (chat.Outcome, error) {
	out, err := a.sink.Accept(ctx, chat.Incoming{Event: e})
	if errors.Is(err, chat.ErrRefused) {
		a.log.Error("webchat: event refused for good", "event", e.ID, "kind", e.Kind, "error", err)
		err = nil
	}
	if err != nil {
		return 0, err
	}
	var b store.Batch
	b.Delete(handKey(e.ID))
	if _, err := a.st.Commit(ctx, &b); err != nil {
		return 0, fmt.Errorf("delete hand-off %s: %w", e.ID, err)
	}
	return out, nil
}

// resumeHandoffs hands over what is left over, at the start and whenever
// something is, until ctx ends.
func (a *Adapter) resumeHandoffs(ctx context.Context) {
	wait := retryFirst
	for {
		left, err := a.handOverAll(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.log.Warn("webchat: hand-offs wait", "error", err, "again_in", wait)
		case !left:
			wait = retryFirst
			select {
			case <-ctx.Done():
				return
			case <-a.retry:
			}
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		wait = min(2*wait, retryMost)
	}
}

// handOverAll goes once through the hand-off rows, oldest first. One under way
// in a request is accepted twice, which the sink forgives.
func (a *Adapter) handOverAll(ctx context.Context) (left bool, err error) {
	var events []abi.Event
	if err := a.read(ctx, func(v *view) error {
		for row, err := range v.snap.Scan(ctx, store.Prefix(root.Join("hand").Prefix())) {
			if err != nil {
				return err
			}
			var e abi.Event
			if _, err := e.UnmarshalMsg(row.Value); err != nil {
				return fmt.Errorf("read %s: %w", row.Key, err)
			}
			events = append(events, e)
		}
		return nil
	}); err != nil {
		return true, err
	}
	for _, e := range events {
		if _, err := a.handOver(ctx, e); err != nil {
			return true, err
		}
	}
	return false, nil
}
