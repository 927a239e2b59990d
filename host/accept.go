package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Bounds of an event from outside.
const (
	maxEventID    = 256       // bytes of an id or a source
	maxEventBytes = 256 << 10 // bytes of an encoded event
)

// maxConflicts is how often a commit that met another is begun again before
// the caller is told to come back.
const maxConflicts = 8

// Accept makes an event durable: once, however often it is delivered. It is
// handled afterwards.
func (e *Engine) Accept(ctx context.Context, in chat.Incoming) (chat.Outcome, error) {
	ev := &in.Event
	source := e.sourceLabel(ev.Source)
	e.met.received.WithLabelValues(source, kindLabel(ev.Kind)).Inc()
	if err := checkEvent(ev); err != nil {
		e.met.refused.WithLabelValues(source).Inc()
		return 0, fmt.Errorf("%w: %v", chat.ErrRefused, err)
	}
	return e.take(ctx, in)
}

// take is Accept for an event that may be the host's own.
func (e *Engine) take(ctx context.Context, in chat.Incoming) (chat.Outcome, error) {
	ev := &in.Event
	if e.closing.Load() || e.backlog() >= e.tuned().MaxBacklog {
		return 0, chat.ErrBusy
	}
	if ev.Time == 0 {
		ev.Time = e.now()
	}
	for range maxConflicts {
		out, err := e.accept(ctx, in)
		if !errors.Is(err, store.ErrConflict) {
			return out, err
		}
		// Either it has been accepted before, or another event of this member or
		// button came in between: look, and if so try again.
		snap, err := e.store.Snapshot(ctx)
		if err != nil {
			return 0, fmt.Errorf("host: accepting an event: %w", err)
		}
		row, err := snap.Get(ctx, seenKey(ev.Source, ev.ID))
		snap.Close()
		if err != nil {
			return 0, fmt.Errorf("host: accepting an event: %w", err)
		}
		if row.Exists() {
			e.met.duplicate.WithLabelValues(e.sourceLabel(ev.Source)).Inc()
			return chat.Duplicate, nil
		}
	}
	return 0, chat.ErrBusy
}

func (e *Engine) accept(ctx context.Context, in chat.Incoming) (chat.Outcome, error) {
	ev := in.Event // its parts are replaced, never written to: another try starts over
	b := new(store.Batch)
	owner := ""
	if in.Token != "" {
		p, out, err := e.press(ctx, b, &ev, in.Token)
		if err != nil || out != chat.Accepted {
			return out, err
		}
		owner = p
	}
	middle, then := e.table.Load().route(&ev, owner)
	known, measured, err := e.note(ctx, b, &ev, store.MaxOps-acceptWrites-len(then))
	if errors.Is(err, errDidBefore) {
		return chat.Duplicate, nil
	}
	if err != nil {
		return 0, fmt.Errorf("host: accepting an event: %w", err)
	}
	wanted := len(middle)+len(then) > 0
	if !wanted && !known && measured == nil {
		return chat.Unwanted, nil
	}

	if ev.Conversation.Kind == abi.Direct && ev.Member.ID != "" {
		b.Put(kDirect.Join(ev.Conversation.ID), []byte(ev.Member.ID))
	}

	seq := e.nextSeq()
	b.Check(seenKey(ev.Source, ev.ID), 0)
	b.Put(seenKey(ev.Source, ev.ID), stamp(e.now()))
	w := workRow{Event: ev, Seq: seq, Asked: asked(&ev)}
	then, diverted, err := e.divert(b, &w, then)
	var pushes []workPush
	if err == nil {
		pushes, err = stage(b, &w, middle, then)
	}
	if err != nil {
		e.buried(err, diverted...)
		return 0, err
	}
	_, err = e.store.Commit(ctx, b)
	e.buried(err, diverted...)
	if err != nil {
		switch {
		case errors.Is(err, store.ErrConflict):
			return 0, err
		case errors.Is(err, store.ErrTooLarge), errors.Is(err, store.ErrInvalid):
			return 0, fmt.Errorf("%w: %v", chat.ErrRefused, err) // delivering it again would change nothing
		}
		return 0, fmt.Errorf("host: accepting an event: %w", err)
	}
	for _, p := range pushes {
		e.pushWork(p.plugin, p.lane, p.seq)
	}
	e.keep(measured)
	e.met.routed.WithLabelValues(e.sourceLabel(ev.Source)).Add(float64(len(pushes)))
	if !wanted && answered(ev.Kind) {
		return chat.Unwanted, nil // whoever did that is to be told that nobody heard it
	}
	return chat.Accepted, nil
}

// acceptWrites is how many rows a batch that accepts an event writes at most,
// beside one for each plugin and what is measured.
const acceptWrites = 16

// note adds to b what an event tells of its member: what the directory learns,
// and what is measured, for which there is room for so many writes.
func (e *Engine) note(ctx context.Context, b *store.Batch, ev *abi.Event, room int) (known bool, measured *folded, err error) {
	id := ev.Member.ID
	if id == "" {
		return false, nil, nil
	}
	ms := e.measures()
	fact, told := ms.model.Fact(ev, e.clock.Now())
	told = told && !e.isKnown(ms, id, &fact)
	learns := ev.Kind == abi.MemberJoined || ev.Kind == abi.MemberLeft || ev.Member.Name != "" || members.First(ev) != 0
	if !told && !learns {
		return false, nil, nil
	}
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return false, nil, err
	}
	defer snap.Close()
	if learns {
		var joined int64
		if known, joined, err = e.learn(ctx, snap, b, ev); err != nil {
			return false, nil, err
		}
		if fact.Join && joined != 0 && joined < ms.row.Began {
			// They were here before anything was measured, and come back: a newcomer
			// they are only if they were seen as one.
			if stored, err := snap.Get(ctx, measure.Key(id)); err != nil {
				return false, nil, err
			} else if row, err := measure.ReadRow(stored); err == nil && row.Joined == 0 {
				fact.Join = false
			}
		}
	}
	if told {
		measured, err = e.fold(ctx, snap, b, ms, id, room, &fact)
	}
	return known, measured, err
}

// share is how many events may wait for one plugin before its being behind is
// held against it alone.
func (e *Engine) share() int { return max(1, e.tuned().MaxBacklog/4) }

// stuck says whether what waits for the plugin gets no less by itself: its last
// attempt failed, or it is at rest.
func (p *plugin) stuck() bool { return p.failing.Load() || p.version() == nil }

// divert takes out plugins that are stuck and have more waiting than their share:
// the event goes to their failed events at once, so that one broken plugin does
// not use up the room of all.
func (e *Engine) divert(b *store.Batch, w *workRow, then []string) (rest []string, diverted []burial, err error) {
	for _, name := range then {
		p := e.plugin(name)
		if p == nil || p.lanes.length() < e.share() || !p.stuck() {
			rest = append(rest, name)
			continue
		}
		d := *w
		d.Lane, d.Error = laneOf(&w.Event), "the plugin was failing or disabled, and too many events were waiting for it already"
		x, err := e.bury(b, name, &d)
		if err != nil {
			return nil, diverted, fmt.Errorf("host: %w", err)
		}
		diverted = append(diverted, x)
	}
	return rest, diverted, nil
}

// workPush names a work row that a batch writes.
type workPush struct {
	plugin, lane string
	seq          uint64
}

// stage writes the work rows of the next stage of an event: one for the first
// middleware if there is any, else one for each plugin.
func stage(b *store.Batch, w *workRow, middle, then []string) ([]workPush, error) {
	w.Lane = laneOf(&w.Event)
	plugins := then
	w.Middle, w.Then = nil, nil
	if len(middle) > 0 {
		plugins, w.Middle, w.Then = middle[:1], middle[1:], then
	}
	if len(plugins) == 0 {
		return nil, nil
	}
	row, err := w.MarshalMsg(nil)
	if err != nil {
		return nil, fmt.Errorf("host: encoding an event: %w", err)
	}
	if len(row) > maxEventBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", chat.ErrRefused, len(row), maxEventBytes)
	}
	pushes := make([]workPush, len(plugins))
	for i, p := range plugins {
		b.Put(workKey(p, w.Lane, w.Seq), row)
		pushes[i] = workPush{p, w.Lane, w.Seq}
	}
	return pushes, nil
}

// press finds what a token stands for, fills in the event and takes note that
// it was used.
func (e *Engine) press(ctx context.Context, b *store.Batch, ev *abi.Event, token string) (plugin string, out chat.Outcome, err error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return "", 0, fmt.Errorf("host: looking up a button: %w", err)
	}
	defer snap.Close()
	// The same click delivered again is the same event, not a second use.
	if row, err := snap.Get(ctx, seenKey(ev.Source, ev.ID)); err != nil || row.Exists() {
		return "", chat.Duplicate, err
	}
	t, i, form, err := e.token(ctx, snap, token)
	if err != nil {
		if errors.Is(err, chat.ErrGone) {
			return "", chat.Gone, nil
		}
		return "", 0, err
	}
	var often abi.Often
	switch {
	case form && ev.Kind == abi.FormSubmitted && ev.Form != nil:
		f := t.Forms[i]
		values, err := checkForm(&f, ev.Form.Values)
		if err != nil {
			return "", 0, fmt.Errorf("%w: %v", chat.ErrRefused, err)
		}
		ev.Form = &abi.FormData{Name: f.Name, Message: t.Key, Values: values}
		ev.Note, often = f.Note, f.Often
	case !form && ev.Kind == abi.ButtonClicked:
		btn := t.Buttons[i]
		ev.Click = &abi.Click{Action: btn.Action, Value: btn.Value, Message: t.Key}
		ev.Note, often = btn.Note, btn.Often
	default:
		return "", chat.Gone, nil
	}
	used := kUsed.Join(strings.Split(token, ".")...)
	switch often {
	case abi.AnyTimes:
		return t.Plugin, chat.Accepted, nil
	case abi.OncePerMember:
		used = used.Join(ev.Member.ID)
	}
	row, err := snap.Get(ctx, used)
	if err != nil {
		return "", 0, fmt.Errorf("host: looking up a button: %w", err)
	}
	if row.Exists() {
		return "", chat.Used, nil
	}
	b.Check(used, 0)
	b.Put(used, stamp(e.now()))
	return t.Plugin, chat.Accepted, nil
}

// token reads what "TOKEN.bN" (button N of a message) or "TOKEN.fN" (form N)
// stands for.
func (e *Engine) token(ctx context.Context, snap store.Snapshot, token string) (t tokenRow, i int, form bool, err error) {
	id, part, ok := strings.Cut(token, ".")
	if !ok || len(part) < 2 || len(token) > maxEventID {
		return t, 0, false, chat.ErrGone
	}
	i, err = strconv.Atoi(part[1:])
	if err != nil || strconv.Itoa(i) != part[1:] { // b0 and b00 would be one button with two uses
		return t, 0, false, chat.ErrGone
	}
	row, err := snap.Get(ctx, kToken.Join(id))
	if err != nil {
		return t, 0, false, fmt.Errorf("host: looking up a button: %w", err)
	}
	if !row.Exists() {
		return t, 0, false, chat.ErrGone
	}
	if _, err := t.UnmarshalMsg(row.Value); err != nil {
		return t, 0, false, fmt.Errorf("host: looking up a button: row %s: %w", row.Key, err)
	}
	form = part[0] == 'f'
	if form && i >= len(t.Forms) || !form && (part[0] != 'b' || i >= len(t.Buttons)) {
		return t, 0, false, chat.ErrGone
	}
	return t, i, form, nil
}

// Form returns the form behind a token; [chat.ErrGone] if there is none.
func (e *Engine) Form(ctx context.Context, token string) (abi.Form, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return abi.Form{}, fmt.Errorf("host: looking up a form: %w", err)
	}
	defer snap.Close()
	t, i, form, err := e.token(ctx, snap, token)
	if err != nil {
		return abi.Form{}, err
	}
	if !form {
		return abi.Form{}, chat.ErrGone
	}
	f := t.Forms[i]
	f.Token, f.Note = token, nil
	return f, nil
}

// learn adds to b what ev tells the directory of its member, and says whether that
// is news, and when it had them join before.
func (e *Engine) learn(ctx context.Context, snap store.Snapshot, b *store.Batch, ev *abi.Event) (news bool, joined int64, err error) {
	p, rev, err := members.Get(ctx, snap, ev.Member.ID)
	if err == nil && p.Did(members.First(ev)) {
		return false, 0, errDidBefore
	}
	was := p
	if err != nil || !p.Learn(ev) {
		return false, was.Joined, err
	}
	e.countJoin(b, &was, &p, ev)
	return true, was.Joined, members.Put(b, ev.Member.ID, &p, rev)
}

// answered are the kinds of which whoever did it hears what came of it.
func answered(k abi.Kind) bool {
	return k == abi.CommandInvoked || k == abi.ButtonClicked || k == abi.FormSubmitted
}

// asked says whether e is a member's own act, directed at the bot: what answers
// it is not held by quiet hours, daily cap or stop.
func asked(e *abi.Event) bool {
	switch e.Kind {
	case abi.CommandInvoked, abi.ButtonClicked, abi.FormSubmitted, abi.HomeOpened:
		return true
	case abi.MessagePosted:
		return e.Addressed
	}
	return false
}

// own are the kinds that only the host makes: they follow from something.
var own = []abi.Kind{abi.TimerFired, abi.VerifyFinished, abi.HTTPResponded, abi.HostAnswered, abi.MemberForgotten, abi.PluginEvent, abi.Continued, abi.SelfTest}

// checkEvent refuses an event that is beyond a bound or lacks what its kind is
// about.
func checkEvent(e *abi.Event) error {
	for _, f := range []struct{ name, v string }{{"id", e.ID}, {"source", e.Source}} {
		switch {
		case f.v == "":
			return fmt.Errorf("event %s is missing", f.name)
		case len(f.v) > maxEventID:
			return fmt.Errorf("event %s has %d bytes, at most %d", f.name, len(f.v), maxEventID)
		case !utf8.ValidString(f.v):
			return fmt.Errorf("event %s is not UTF-8", f.name)
		}
	}
	if len(e.Conversation.ID) > maxEventID || len(e.Member.ID) > maxEventID {
		return fmt.Errorf("conversation or member id is longer than %d bytes", maxEventID)
	}
	if !slices.Contains(abi.Kinds(), e.Kind) {
		return fmt.Errorf("event kind %q is unknown", e.Kind)
	}
	if slices.Contains(own, e.Kind) {
		return fmt.Errorf("events of kind %s are the host's own to make", e.Kind)
	}
	missing := false
	switch e.Kind {
	case abi.MessagePosted, abi.MessageEdited, abi.MessageDeleted:
		missing = e.Message == nil
	case abi.CommandInvoked:
		missing = e.Command == nil
	case abi.FormSubmitted:
		missing = e.Form == nil
	case abi.ReactionAdded:
		missing = e.Reaction == nil || e.Message == nil
	case abi.CustomTracked, abi.PluginEvent:
		missing = e.Custom == nil
	}
	if missing {
		return fmt.Errorf("event of kind %s lacks its details", e.Kind)
	}
	return nil
}

// checkForm keeps the values the form asks for and refuses those it does not
// allow. Platforms check too; this is for those that cannot, and for forgeries.
func checkForm(f *abi.Form, values []abi.Value) ([]abi.Value, error) {
	given := abi.FormData{Values: values}
	out := make([]abi.Value, 0, len(f.Inputs))
	for _, in := range f.Inputs {
		v := strings.TrimSpace(given.Value(in.Name))
		limit := in.Max
		if limit == 0 {
			limit = 3000
		}
		switch {
		case v == "" && !in.Optional:
			return nil, fmt.Errorf("%q is not filled in", in.Label)
		case utf8.RuneCountInString(v) > limit:
			return nil, fmt.Errorf("%q has more than %d characters", in.Label, limit)
		case v != "" && len(in.Options) > 0 && !slices.ContainsFunc(in.Options, func(o abi.Option) bool { return o.Value == v }):
			return nil, fmt.Errorf("%q: %q is none of the choices", in.Label, v)
		}
		out = append(out, abi.Value{Name: in.Name, Value: v})
	}
	return out, nil
}
