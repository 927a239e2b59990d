package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// joined is the engine as the web sees it. Neither knows the other.
type joined struct {
	engine *host.Engine
	gate   *gate
	log    *slog.Logger
}

var _ web.Host = (*joined)(nil)

func (j *joined) Accept(ctx context.Context, in chat.Incoming) (chat.Outcome, error) {
	return j.gate.Accept(ctx, in)
}

func (j *joined) Pause(ctx context.Context, who audit.Who, why string) error {
	return j.engine.PauseBy(ctx, who, why)
}

func (j *joined) Resume(ctx context.Context, who audit.Who, why string) error {
	return j.engine.ResumeBy(ctx, who, why)
}

func (j *joined) Retry(ctx context.Context, who audit.Who, number, plugin string) error {
	return known(j.engine.RetryBy(ctx, who, number, plugin))
}

// known makes the engine's "there is none" the web's.
func known(err error) error {
	if errors.Is(err, host.ErrUnknown) {
		_, which, _ := strings.Cut(err.Error(), host.ErrUnknown.Error()+": ")
		return fmt.Errorf("%w: %s", web.ErrNotFound, which)
	}
	return err
}

// shown says of which plugin it is that a view has not come, where the plugin is
// the reason.
func shown(plugin string, err error) error {
	var e *wasm.Error
	if !errors.As(err, &e) || errors.Is(err, context.Canceled) {
		return err
	}
	return &page.Unanswered{Plugin: plugin, Slow: errors.Is(err, wasm.ErrDeadline) || errors.Is(err, wasm.ErrFuel), Err: err}
}

func (j *joined) Status(ctx context.Context) (web.Status, error) {
	st, err := j.engine.Status(ctx)
	if err != nil {
		return web.Status{}, err
	}
	out := web.Status{Paused: st.Paused, Failed: st.Failed, Dropped: &st.Dropped, Plugins: []web.Plugin{}, Platforms: []web.Platform{}}
	for i := range st.Plugins {
		out.Plugins = append(out.Plugins, plugin(&st.Plugins[i]))
	}
	for i := range st.Platforms {
		p := &st.Platforms[i]
		w := web.Platform{Name: p.Name, OK: p.Health.OK && p.Held == "", Account: p.Health.Account, Waiting: p.Waiting, Held: p.Held,
			Missing: p.Health.Missing, Advice: p.Advice, Hidden: p.Health.Hidden, Code: p.Health.Code,
			Oldest: moment(p.Oldest), Checked: moment(p.Checked), Sent: p.Sent, Failed: p.Failed, Counted: p.Counted.UTC()}
		if w.Advice == "" {
			w.Advice = p.Health.Advice
		}
		if p.Held != "" {
			w.Since = moment(p.Since)
		}
		out.Platforms = append(out.Platforms, w)
	}
	return out, nil
}

// moment is a time that may not be known.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func plugin(p *host.PluginInfo) web.Plugin {
	out := web.Plugin{Name: p.Name, Version: p.Version, SHA256: p.SHA256, About: p.Manifest.About.In("en"), AboutIn: words(p.Manifest.About), Waiting: p.Waiting,
		Events: []string{}, Commands: []string{}, Grants: []web.Grant{}}
	switch p.Breaker {
	case "open":
		out.Status = "held back"
	case "half-open":
		out.Status = "probing"
	default:
		out.Status = "live"
	}
	for _, k := range p.Manifest.Events {
		out.Events = append(out.Events, string(k))
	}
	for _, c := range p.Manifest.Commands {
		out.Commands = append(out.Commands, c.Name)
	}
	for _, n := range p.Manifest.Needs {
		g := web.Grant{Name: n.Cap, Param: n.Param, Reason: n.Reason, ReasonIn: words(p.Manifest.Reason(n)), Granted: true}
		for _, m := range p.Missing {
			if m.Cap == n.Cap && m.Param == n.Param {
				g.Granted = false
			}
		}
		out.Grants = append(out.Grants, g)
	}
	return out
}

// words are a plugin's text by language, nil if it has none.
func words(l abi.Localized) web.Words {
	var out web.Words
	for _, t := range l {
		if out == nil {
			out = web.Words{}
		}
		out[t.Locale] = t.Text
	}
	return out
}

func filter(f web.EventFilter) host.EventFilter {
	return host.EventFilter{Plugin: f.Plugin, Member: f.Member, Conversation: f.Conversation, Kind: abi.Kind(f.Kind),
		FailedOnly: f.Failed, After: f.After, Limit: f.Limit}
}

func (j *joined) Events(ctx context.Context, f web.EventFilter) ([]web.Event, error) {
	list, err := j.engine.Events(ctx, filter(f))
	if err != nil {
		return nil, err
	}
	out := make([]web.Event, len(list))
	for i := range list {
		out[i] = event(&list[i])
	}
	return out, nil
}

func event(h *host.Handled) web.Event {
	e := &h.Event
	return web.Event{Number: h.Number, Plugin: h.Plugin, Version: h.Version, Source: e.Source, ID: e.ID, Kind: string(e.Kind),
		Time: time.UnixMilli(e.Time).UTC(), Handled: h.Now.UTC(), Member: e.Member.ID, MemberName: e.Member.Name,
		Conversation: e.Conversation.ID, Place: e.Conversation.Name, Direct: e.Conversation.Kind == abi.Direct, What: what(e), Attempt: h.Attempt, Error: h.Error,
		Messages: messages(&h.Effects), Writes: len(h.Effects.Writes), Fuel: h.Fuel, DurationMS: float64(h.Duration.Microseconds()) / 1000,
		Withheld: h.Withheld, Log: h.Log}
}

// messages counts the effects that go to a platform.
func messages(e *abi.Effects) int {
	n := 0
	for i := range e.Out {
		if o := &e.Out[i]; o.Send != nil || o.Edit != nil || o.Delete != nil || o.React != nil {
			n++
		}
	}
	return n
}

// what is an event in a few words.
func what(e *abi.Event) string {
	switch {
	case e.Command != nil:
		return cut("/" + strings.TrimSpace(e.Command.Name+" "+e.Command.Args))
	case e.Click != nil:
		return cut(strings.TrimSpace(e.Click.Action + " " + e.Click.Value))
	case e.Form != nil:
		return cut(e.Form.Name)
	case e.Reaction != nil:
		return cut(":" + e.Reaction.Name + ":")
	case e.Timer != nil:
		return cut(strings.TrimSpace(e.Timer.Name + " " + e.Timer.Key))
	case e.Result != nil:
		return cut(e.Result.Name)
	case e.Custom != nil:
		return cut(e.Custom.Name)
	case e.Message != nil:
		return cut(e.Message.Text)
	}
	return ""
}

// cut is the beginning of a text, on one line.
func cut(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const most = 80
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

func (j *joined) Event(ctx context.Context, number string) (web.EventDetail, error) {
	handled, err := j.engine.Event(ctx, number)
	if err != nil {
		return web.EventDetail{}, known(err)
	}
	out := web.EventDetail{Number: number}
	for i := range handled {
		out.Handled = append(out.Handled, event(&handled[i]))
	}
	ended, err := j.engine.Messages(ctx, number)
	if err != nil {
		return out, err
	}
	waiting, err := j.engine.Waiting(ctx, number, 1000)
	if err != nil {
		return out, err
	}
	ended = append(ended, waiting...)
	for i := range ended {
		out.Messages = append(out.Messages, message(&ended[i]))
	}
	return out, nil
}

func message(m *host.Message) web.Message {
	out := web.Message{ID: m.ID, Plugin: m.Plugin, Op: m.Op, Member: m.To.Member, Conversation: m.To.Conversation, Text: chat.PlainText(m.Content),
		Status: m.Status, Why: m.Why, Made: m.Made.UTC(), Receipt: m.Messages}
	if !m.At.IsZero() {
		out.Ended = m.At.UTC()
	}
	for _, a := range m.Attempts {
		out.Attempts = append(out.Attempts, web.Attempt{Began: a.Began.UTC(), Ended: a.Ended, Error: a.Error, Unknown: a.Unknown, Duplicate: a.Duplicate})
	}
	return out
}

func (j *joined) Failures(ctx context.Context, f web.FailureFilter) ([]web.Failure, error) {
	list, err := j.engine.FailedEvents(ctx, host.FailureFilter{Plugin: f.Plugin, After: f.After, Limit: f.Limit})
	if err != nil {
		return nil, err
	}
	out := make([]web.Failure, len(list))
	for i := range list {
		f := &list[i]
		out[i] = web.Failure{Number: f.Number, Plugin: f.Plugin, Source: f.Event.Source, Kind: string(f.Event.Kind), Member: f.Event.Member.ID,
			What: what(&f.Event), Attempts: f.Attempts, Error: f.Error, At: f.At.UTC()}
	}
	return out, nil
}
