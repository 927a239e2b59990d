package app

import (
	"context"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/web"
)

const (
	followEvery  = 300 * time.Millisecond
	followWindow = 10 * time.Second
)

// handling names one attempt at an event.
type handling struct {
	number, plugin string
	attempt        int
}

// Follow looks again and again at what was accepted in the last few seconds:
// events end out of the order of their numbers, a slow one behind a quick one
// that came later.
func (j *joined) Follow(ctx context.Context, f web.EventFilter) (<-chan web.Event, error) {
	seen, err := j.look(ctx, f, map[handling]bool{}, func(web.Event) error { return nil })
	if err != nil {
		return nil, err
	}
	out := make(chan web.Event)
	go func() {
		defer close(out)
		tick := time.NewTicker(followEvery)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-tick.C:
				seen, err = j.look(ctx, f, seen, func(e web.Event) error {
					select {
					case out <- e:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
			}
			if err != nil {
				if ctx.Err() == nil {
					j.log.Error("events can be followed no more", "err", err)
				}
				return
			}
		}
	}()
	return out, nil
}

// look calls each for what is in the window and not in seen, and returns what
// is in the window now.
func (j *joined) look(ctx context.Context, f web.EventFilter, seen map[handling]bool, each func(web.Event) error) (map[handling]bool, error) {
	h := filter(f)
	h.After, h.Limit = store.Seq(uint64(time.Now().Add(-followWindow).UnixNano())), 1000
	now := map[handling]bool{}
	for {
		list, err := j.engine.Events(ctx, h)
		if err != nil {
			return nil, err
		}
		if err := fresh(list, seen, now, each); err != nil {
			return nil, err
		}
		if len(list) < h.Limit {
			return now, nil
		}
		h.After = list[len(list)-1].Number
	}
}

func fresh(list []host.Handled, seen, now map[handling]bool, each func(web.Event) error) error {
	for i := range list {
		k := handling{list[i].Number, list[i].Plugin, list[i].Attempt}
		now[k] = true
		if seen[k] {
			continue
		}
		if err := each(event(&list[i])); err != nil {
			return err
		}
	}
	return nil
}
