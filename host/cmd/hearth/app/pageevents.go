package app

import (
	"cmp"
	"context"
	"errors"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/admin"
	"github.com/hearthbot/hearth/web/page"
)

// eventPages registers /admin/events, /admin/platforms and /admin/audit.
func (a *App) eventPages(f *page.Frame) error {
	return admin.Register(admin.Options{Frame: f, Host: watched{&joined{engine: a.engine, gate: a.gate, log: a.log}}, Audit: a.audit})
}

// watched is the engine as the pages see it on which people watch it.
type watched struct{ *joined }

var _ admin.Host = watched{}

func (w watched) Check(ctx context.Context, platform string) error {
	return known(w.engine.Check(ctx, platform))
}

func (w watched) Browse(ctx context.Context, f web.EventFilter, before string) (admin.Page, error) {
	p, err := w.engine.Browse(ctx, filter(f), before)
	if err != nil {
		return admin.Page{}, err
	}
	out := admin.Page{Next: p.Next, Looked: p.Looked, Back: p.Back}
	for i := range p.Events {
		out.Events = append(out.Events, event(&p.Events[i]))
	}
	return out, nil
}

// Event is what is known of one, also if it has no journal: what was given up at
// once has none, and yet may have sent something in an earlier life.
func (w watched) Event(ctx context.Context, number string) (admin.Event, error) {
	out := admin.Event{Number: number}
	handled, err := w.engine.Event(ctx, number)
	if err != nil && !errors.Is(err, host.ErrUnknown) {
		return out, err
	}
	if err != nil {
		return out, known(err)
	}
	for i := range handled {
		h := &handled[i]
		out.Handled = append(out.Handled, admin.Handled{Event: event(h), Effects: effects(&h.Effects)})
	}
	list, err := w.engine.Messages(ctx, number)
	if err != nil {
		return out, err
	}
	waiting, err := w.engine.Waiting(ctx, number, 1000)
	if err != nil {
		return out, err
	}
	list = append(list, waiting...)
	for i := range list {
		out.Messages = append(out.Messages, admin.Message{Message: message(&list[i]), Content: blocks(list[i].Content)})
	}
	return out, nil
}

// effects are what a plugin did beside messages.
func effects(e *abi.Effects) []admin.Effect {
	var out []admin.Effect
	for i := range e.Out {
		switch o := &e.Out[i]; {
		case o.Timer != nil:
			out = append(out, admin.Effect{Kind: "timer", Text: o.Timer.Name})
		case o.Cancel != nil:
			out = append(out, admin.Effect{Kind: "cancel", Text: o.Cancel.Name})
		case o.Action != nil && o.Action.Verify != nil:
			out = append(out, admin.Effect{Kind: "verify", Text: cmp.Or(o.Action.Verify.Task, o.Action.Name)})
		case o.Action != nil && o.Action.HTTP != nil:
			out = append(out, admin.Effect{Kind: "http", Text: o.Action.Name}) // its address may have a secret
		case o.Action != nil:
			out = append(out, admin.Effect{Kind: "host", Text: o.Action.Host})
		case o.Abort != nil:
			out = append(out, admin.Effect{Kind: "abort", Text: o.Abort.Name})
		case o.Emit != nil:
			out = append(out, admin.Effect{Kind: "emit", Text: o.Emit.Name})
		case o.Track != nil:
			out = append(out, admin.Effect{Kind: "track", Text: o.Track.Name})
		case o.Profile != nil:
			out = append(out, admin.Effect{Kind: "profile"})
		case o.Continue != nil:
			out = append(out, admin.Effect{Kind: "continue"})
		}
	}
	return out
}

// blocks are what a message shows, in the order in which it shows them.
func blocks(c abi.Content) []admin.Block {
	var out []admin.Block
	for i := range c.Blocks {
		b := &c.Blocks[i]
		x := admin.Block{Text: b.Text, Heading: b.Heading, Code: b.Code, Small: b.Context, Divider: b.Divider}
		for _, f := range b.Fields {
			x.Fields = append(x.Fields, [2]string{f.Label, f.Value})
		}
		for _, bt := range b.Buttons {
			x.Buttons = append(x.Buttons, bt.Label)
		}
		if b.Form != nil {
			x.Buttons = append(x.Buttons, chat.FormLabel(b.Form))
		}
		if b.Table != nil {
			x.Header, x.Rows = b.Table.Header, b.Table.Rows
		}
		out = append(out, x)
	}
	return out
}
