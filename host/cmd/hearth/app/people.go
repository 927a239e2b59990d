package app

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/web"
	peoplepages "github.com/hearthbot/hearth/web/people"
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
	return web.Member{ID: p.ID, Name: p.Name, Locale: p.Locale, TimeZone: p.TimeZone, GitHub: p.GitHub, Linked: p.Linked, Joined: moment(p.Joined),
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
	out.Journey, err = p.journey(ctx, id, &m.Person)
	return out, err
}

// journey is what was measured of a member, nil if nothing was.
func (p *people) journey(ctx context.Context, id string, who *host.Person) (*web.Journey, error) {
	var steps []measure.Step
	if err := p.engine.Measured(ctx, func(m *measure.Model, _ store.Snapshot, _ time.Time) error {
		steps = m.Steps()
		return nil
	}); err != nil {
		return nil, err
	}
	row, ok, err := p.engine.MeasuredMember(ctx, id)
	if err != nil || !ok || row.Out {
		return nil, err
	}
	j := &web.Journey{Steps: []web.JourneyStep{}, Done: []web.FirstDone{}, Trials: []web.Trial{}}
	for i, s := range steps {
		at := int64(0)
		for _, by := range s.By {
			if t := row.Mark(by); t != 0 && (at == 0 || t < at) {
				at = t
			}
		}
		if i == 0 && row.Joined != 0 {
			at = row.Joined
		}
		j.Steps = append(j.Steps, web.JourneyStep{Name: s.Name, At: millis(at)})
	}
	if minutes, seen := measure.FirstMinutesOf(&row); seen {
		for a := range minutes {
			j.First = append(j.First, web.OpeningAction{Action: (measure.Message + measure.Action(a)).String(), Minutes: minutes[a][:]})
		}
	}
	if days := row.ActiveDays(); len(days) > 0 {
		j.Days, j.Newest = len(days), days[len(days)-1].String()
	}
	for i, name := range members.Firsts {
		if who.Firsts&(1<<i) != 0 {
			j.Done = append(j.Done, web.FirstDone{Name: name, At: millis(row.Mark(name))})
		}
	}
	for _, name := range []string{string(abi.PROpened), string(abi.PRMerged)} {
		if at := row.Mark(name); at != 0 {
			j.Done = append(j.Done, web.FirstDone{Name: name, At: millis(at)})
		}
	}
	for _, s := range row.Shown {
		j.Trials = append(j.Trials, web.Trial{Experiment: s.Experiment, Variation: s.Variation, Since: time.UnixMilli(s.At).UTC(), Several: s.Several})
	}
	return j, nil
}

// millis is a time as rows have it, nil for 0.
func millis(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(ms).UTC()
	return &t
}

// link implements the pages' interface.
func (p *people) link(ctx context.Context, who audit.Who, id, handle string, move bool, why string) error {
	err := p.engine.LinkBy(ctx, who, id, handle, move, why)
	switch {
	case errors.Is(err, members.ErrTaken):
		_, other, _ := strings.Cut(err.Error(), members.ErrTaken.Error()+": ")
		return &peoplepages.TakenError{Member: other}
	case errors.Is(err, members.ErrHandle):
		return peoplepages.ErrHandle
	}
	return known(err)
}

func (p *people) Export(ctx context.Context, id string, w io.Writer) error {
	return p.engine.Export(ctx, id, w)
}

func (p *people) Forget(ctx context.Context, who audit.Who, id, why string) (web.Forgotten, error) {
	x, err := p.engine.ForgetBy(ctx, who, id, why)
	return web.Forgotten{Erased: x.Kinds, Left: x.Left}, known(err)
}
