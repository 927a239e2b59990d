package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/views"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Query has a plugin show what it knows: its view of a path. It reads and
// changes nothing, and sees every event that was committed before it was asked.
// The same question again is answered by what is kept (Options.Views) as long as
// nothing that it read has changed: the view must not be changed.
// ErrUnknown says that there is no such plugin; what the plugin itself has to
// object to is the view's status. The engine need not run yet.
func (e *Engine) Query(ctx context.Context, plugin string, q abi.Query) (abi.View, error) {
	p := e.plugin(plugin)
	if p == nil {
		return abi.View{}, fmt.Errorf("%w: plugin %q", ErrUnknown, plugin)
	}
	if q.Now == 0 {
		q.Now = e.now()
	}
	in, err := q.MarshalMsg(nil)
	if err != nil {
		return abi.View{}, fmt.Errorf("host: asking plugin %s for %s: %w", plugin, q.Path, err)
	}
	if v := p.version(); v != nil && v.age.Load() < p.aged.Load() {
		_ = e.refresh(e.ctx) // or waits for the one that is under way
	}
	for {
		v := p.version()
		if v == nil {
			return abi.View{}, fmt.Errorf("%w: plugin %q", ErrUnknown, plugin)
		}
		view, err := e.kept(ctx, p, v, &q, in)
		if errors.Is(err, wasm.ErrClosed) && p.version() != v {
			continue // another version has become live since
		}
		if errors.Is(err, errMoved) {
			p.pass(ctx)
			if ctx.Err() == nil {
				continue
			}
		}
		if err != nil {
			return abi.View{}, fmt.Errorf("host: asking plugin %s for %s: %w", plugin, q.Path, err)
		}
		return view, nil
	}
}

// kept is the view that is kept of a query, if there is one that still holds.
func (e *Engine) kept(ctx context.Context, p *plugin, v *version, q *abi.Query, in []byte) (abi.View, error) {
	space, err := p.serves(v)
	if err != nil {
		return abi.View{}, err
	}
	if e.views == nil {
		return e.view(ctx, p, v, in, nil)
	}
	return e.views.Get(ctx, space, views.KeyOf(v.sha, v.config, space, q), func(ctx context.Context, noted *views.Reads) (abi.View, error) {
		return e.view(ctx, p, v, in, noted)
	})
}

// view asks a version in its sandbox; what it reads is noted, unless noted is nil.
func (e *Engine) view(ctx context.Context, p *plugin, v *version, in []byte, noted *views.Reads) (view abi.View, err error) {
	select {
	case p.calls <- struct{}{}: // a view takes its turn with the events
		defer func() { <-p.calls }()
	case <-ctx.Done():
		return view, ctx.Err()
	case <-e.ctx.Done():
		return view, e.ctx.Err()
	}
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return view, err
	}
	defer snap.Close()
	space, err := p.serves(v)
	if err != nil {
		return view, err
	}
	r := &reads{snap: snap, space: space, noted: noted}
	res, err := v.guest.Call(ctx, wasm.Call{Export: abi.ExportQuery, Input: in, Host: r, Now: e.clock.Now(), Seed: 1})
	if err != nil {
		return view, err
	}
	_, err = view.UnmarshalMsg(res.Output)
	return view, err
}

// Tell hands a plugin event of the host's own, "hearth/NAME", to those who
// listen for it, and returns when each has handled it. Like every event it is
// handled once by its id. If a plugin fails at it the error says how; the event
// is then tried again as others are. If ctx ends first the event is durable and
// will be handled all the same. ErrUnknown says that nobody listens.
func (e *Engine) Tell(ctx context.Context, id, name string, props []abi.Annotation) error {
	ev := abi.Event{ID: id, Source: "hearth", Kind: abi.PluginEvent, Custom: &abi.Custom{Name: "hearth/" + name, Props: props}}
	waiting := slices.Clone(e.table.Load().listeners[ev.Custom.Name])
	if len(waiting) == 0 {
		return fmt.Errorf("%w: nobody listens for %s", ErrUnknown, ev.Custom.Name)
	}
	handled := e.followers.join()
	defer e.followers.leave(handled)
	out, err := e.take(ctx, chat.Incoming{Event: ev})
	if err != nil || out != chat.Accepted {
		return err // a duplicate was handled, or will be
	}
	for len(waiting) > 0 {
		select {
		case h, ok := <-handled:
			switch {
			case !ok:
				return fmt.Errorf("host: telling %s: %w", ev.Custom.Name, ErrBehind)
			case h.Event.Source != ev.Source || h.Event.ID != id:
			case h.Error != "":
				return fmt.Errorf("host: telling %s: plugin %s: %s", ev.Custom.Name, h.Plugin, h.Error)
			default:
				waiting = slices.DeleteFunc(waiting, func(p string) bool { return p == h.Plugin })
			}
		case <-ctx.Done():
			return fmt.Errorf("host: telling %s: it was taken in and is not handled yet: %w", ev.Custom.Name, ctx.Err())
		case <-e.ctx.Done():
			return fmt.Errorf("host: telling %s: it was taken in and is handled at the next start: %w", ev.Custom.Name, chat.ErrBusy)
		}
	}
	return nil
}

// ages says whether the invocation changed rows that are part of its plugin's
// image.
func (inv *invocation) ages() bool {
	for _, w := range inv.effects.Writes {
		if slices.ContainsFunc(inv.version.manifest.Warm, func(prefix string) bool { return strings.HasPrefix(w.Key, prefix) }) {
			return true
		}
	}
	return false
}

// renew takes the image of a plugin anew whose rows in it have changed, off the
// path: until it is there the old one goes on.
func (e *Engine) renew(p *plugin) {
	p.aged.Add(1)
	e.mu.RLock()
	run := e.run
	e.mu.RUnlock()
	if run == nil || run.Err() != nil {
		return // the next start takes it
	}
	e.work.Go(func() { e.refresh(run) })
}
