package app

import (
	"context"

	"github.com/hearthbot/hearth/web"
)

// Follow hands on attempts as they are committed.
func (j *joined) Follow(ctx context.Context, f web.EventFilter) (<-chan web.Event, error) {
	handled := j.engine.Follow(ctx, filter(f)) // listens from here on
	out := make(chan web.Event)
	go func() {
		defer close(out)
		for h, err := range handled {
			if err != nil {
				j.log.Warn("a follower of events was too slow and is let go", "err", err)
				return
			}
			select {
			case out <- event(&h):
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}
