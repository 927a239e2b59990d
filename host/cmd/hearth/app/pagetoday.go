package app

import (
	"context"
	"errors"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/front"
	"github.com/hearthbot/hearth/web/page"
)

// frontPage registers "/" for who is signed in.
func (a *App) frontPage(f *page.Frame) error {
	return front.Register(front.Options{Frame: f, Host: daily{&joined{engine: a.engine, gate: a.gate, log: a.log}, &a.state, a.verifier, a.knowledge()}, Access: a.access, Analytics: statistics{a.engine}})
}

// daily is the engine as the front page sees it.
type daily struct {
	*joined
	state    *state
	verifier *Verifier // nil if code is not run
	known    *knowledge
}

// patience is how long the front page waits for what a plugin counts.
const patience = time.Second

var _ front.Host = daily{}

func (d daily) Today(ctx context.Context) (front.Today, error) {
	t, err := d.engine.Today(ctx)
	if err != nil {
		return front.Today{}, err
	}
	count := func(c *host.Count) *front.Count { return (*front.Count)(c) }
	out := front.Today{Began: t.Began, Newcomers: count(t.Newcomers), Greeted: count(t.Greeted), FirstTask: count(t.FirstTask), Stuck: count(t.Stuck),
		Missing: d.state.lacking(), Starting: d.state.is(starting), Compiler: "off"}
	out.Questions, out.Follows = d.waiting(ctx)
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

// waiting is how many questions wait for an answer: nil if that cannot be known,
// now or, unless a plugin follows questions, ever.
func (d daily) waiting(ctx context.Context) (n *front.Count, follows bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := d.known.Topics(ctx, web.KnowledgeFilter{Order: "waiting", Limit: 1, Role: access.Manager})
	if err != nil {
		return nil, !errors.Is(err, web.ErrNotFound)
	}
	return &front.Count{Today: all.Total, Ever: all.Total > 0}, true
}
