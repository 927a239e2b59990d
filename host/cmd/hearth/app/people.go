package app

import (
	"context"
	"io"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web"
)

// people is the engine's directory as the web sees it.
type people struct{ engine *host.Engine }

var _ web.Members = (*people)(nil)

func (p *people) Members(ctx context.Context, f web.MemberFilter) (web.MemberPage, error) {
	page, err := p.engine.Members(ctx, host.MemberFilter{Query: f.Query, After: f.After, Limit: f.Limit})
	if err != nil {
		return web.MemberPage{}, err
	}
	out := web.MemberPage{Members: make([]web.Member, len(page.Members)), Next: page.Next}
	for i := range page.Members {
		out.Members[i] = member(&page.Members[i])
	}
	return out, nil
}

func member(p *host.Person) web.Member {
	return web.Member{ID: p.ID, Name: p.Name, Locale: p.Locale, TimeZone: p.TimeZone, GitHub: p.GitHub, Joined: moment(p.Joined),
		Left: moment(p.Left), Bot: p.Bot, Guest: p.Guest, Stopped: p.Stopped, NoDM: p.NoDM}
}

func (p *people) Member(ctx context.Context, id, role, locale string) (web.MemberDetail, error) {
	m, err := p.engine.Member(ctx, id, role, locale)
	if err != nil {
		return web.MemberDetail{}, known(err)
	}
	out := web.MemberDetail{Member: member(&m.Person), Seen: moment(m.Seen), Since: moment(m.Since),
		Events: make([]web.Event, len(m.Events)), Messages: make([]web.Message, len(m.Messages)), Plugins: make([]web.MemberView, len(m.Says))}
	for i := range m.Events {
		out.Events[i] = event(&m.Events[i])
	}
	for i := range m.Messages {
		out.Messages[i] = message(&m.Messages[i])
	}
	for i, s := range m.Says {
		out.Plugins[i] = web.MemberView{Plugin: s.Plugin, Type: s.View.Type, Body: string(s.View.Body)}
	}
	return out, nil
}

func (p *people) Export(ctx context.Context, id string, w io.Writer) error {
	return p.engine.Export(ctx, id, w)
}

func (p *people) Forget(ctx context.Context, who audit.Who, id, why string) (map[string]int, error) {
	x, err := p.engine.ForgetBy(ctx, who, id, why)
	return x.Kinds, known(err)
}
