package app

import (
	"context"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/web/front"
	"github.com/hearthbot/hearth/web/page"
)

// frontPage registers "/" for who is signed in.
func (a *App) frontPage(f *page.Frame) error {
	return front.Register(front.Options{Frame: f, Host: daily{&joined{engine: a.engine, gate: a.gate, log: a.log}, &a.state, a.verifier}, Access: a.access, Analytics: statistics{a.engine}})
}

// daily is the engine as the front page sees it.
type daily struct {
	*joined
	state    *state
	verifier *Verifier // nil if code is not run
}

var _ front.Host = daily{}

func (d daily) Today(ctx context.Context) (front.Today, error) {
	t, err := d.engine.Today(ctx)
	if err != nil {
		return front.Today{}, err
	}
	count := func(c *host.Count) *front.Count { return (*front.Count)(c) }
	out := front.Today{Began: t.Began, Newcomers: count(t.Newcomers), Greeted: count(t.Greeted), FirstTask: count(t.FirstTask), Stuck: count(t.Stuck),
		Missing: d.state.lacking(), Starting: d.state.is(starting), Compiler: "off"}
	if d.verifier != nil {
		switch s := d.verifier.verify.Status(); {
		case s.Ready:
			out.Compiler = "ready"
		case s.Step == "failed":
			out.Compiler = "failed"
		default:
			out.Compiler = "preparing"
		}
	}
	return out, nil
}
