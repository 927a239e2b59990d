package host

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// forgetRows are the steps that go over the rows, a kind at a time. What a row
// is of decides: what is the member's is deleted; what waits for others, and
// only mentions the member, is kept with other letters in the place of their id;
// evidence is deleted whole, as nothing depends on it.
var forgetRows = []forgetStep{
	over(kWork, "waiting", (*goodbye).work),
	over(kDead, "failed", (*goodbye).deadEvent),
	over(kTimer, "timers", (*goodbye).timer),
	over(kTimerRef, "timers", (*goodbye).reference),
	over(kAction, "actions", (*goodbye).action),
	over(kActionRef, "actions", (*goodbye).reference),
	over(kOutbox, "queued", (*goodbye).queued),
	over(kSent, "sent", (*goodbye).sent),
	over(kJournal, "events", (*goodbye).event),
	unmoved(over(kState, "plugins", (*goodbye).state)),
	unmoved(over(kMoved, "plugins", (*goodbye).movedTo)),
	over(kRef, "messages", (*goodbye).named),
	over(kUsed, "buttons", (*goodbye).named),
	over(kToken, "buttons", (*goodbye).named),
	over(kCap, "caps", (*goodbye).named),
	over(kTrack, "figures", (*goodbye).named), // what was counted under their id
	over(kDirect, "conversations", (*goodbye).named),
	over(kSeen, "seen", (*goodbye).seen),
	whileCounting(over(measure.Lists, "figures", (*goodbye).listed)),
}

// verdict is what becomes of a row; the zero verdict keeps it.
type verdict struct {
	drop   bool
	put    []byte      // in the place of its value
	also   []store.Key // rows that go with it
	tokens []store.Key // likewise, which are counted as buttons
	quiet  bool        // it is there only because the member is forgotten: not counted
	then   func()      // once that is committed
}

const forgetScan = 10_000 // rows looked at from one snapshot

// over is a step that has judge decide on every row under prefix. Rows go in
// batches that say how far it has come and what was counted, so that a crash
// counts none twice.
func over(prefix store.Key, kind string, judge func(g *goodbye, r store.Row) (verdict, error)) forgetStep {
	return func(g *goodbye) (time.Duration, error) {
		span := store.Prefix(prefix.Prefix())
		span.From = max(span.From, store.Key(g.f.From))
		snap, err := g.e.store.Snapshot(g.ctx)
		if err != nil {
			return 0, err
		}
		defer snap.Close()
		g.snap = snap
		b := new(store.Batch)
		var then []func()
		n, buttons, seen, more := 0, 0, 0, false
		drop := func(k store.Key) (int, error) {
			if slices.ContainsFunc(b.Writes(), func(w store.Write) bool { return w.Key == k }) {
				return 0, nil
			}
			row, err := snap.Get(g.ctx, k)
			if err != nil || !row.Exists() {
				return 0, err
			}
			b.Delete(k)
			return 1, nil
		}
		for row, err := range snap.Scan(g.ctx, span) {
			if err != nil {
				return 0, err
			}
			v, err := judge(g, row)
			if err != nil {
				return 0, err
			}
			if g.f.From = string(row.Key) + "\x00"; v.drop || v.put != nil {
				if !v.quiet {
					n++
				}
				b.Check(store.Key(strings.Clone(string(row.Key))), row.Rev)
				if v.drop {
					b.Delete(store.Key(strings.Clone(string(row.Key))))
				} else {
					b.Put(store.Key(strings.Clone(string(row.Key))), v.put)
				}
				for _, k := range v.also {
					if _, err := drop(k); err != nil {
						return 0, err
					}
				}
				for _, k := range v.tokens {
					d, err := drop(k)
					if err != nil {
						return 0, err
					}
					buttons += d
				}
				if v.then != nil {
					then = append(then, v.then)
				}
			}
			if seen++; len(b.Writes()) >= sweepBatch || b.Size() > store.MaxBatch/4 || seen == forgetScan {
				more = true
				break
			}
		}
		g.count(kind, n)
		g.count("buttons", buttons)
		if !more {
			g.f.Step, g.f.From = g.f.Step+1, ""
		}
		if err := g.save(b); err != nil {
			return 0, err
		}
		for _, f := range then {
			f()
		}
		return 0, nil
	}
}

var dropped = verdict{drop: true}

// named deletes a row that names the member anywhere.
func (g *goodbye) named(r store.Row) (verdict, error) { return verdict{drop: g.t.row(r)}, nil }

// seen keeps what came after it began: that is somebody new's.
func (g *goodbye) seen(r store.Row) (verdict, error) {
	return verdict{drop: g.t.inKey(r.Key) && readStamp(r.Value) <= g.f.Began}, nil
}

// theirs says whether an event is the member's, or happened where nobody else is.
func (g *goodbye) theirs(ev *abi.Event) bool {
	return ev.Member.ID == g.f.ID || slices.Contains(g.f.Places, ev.Conversation.ID)
}

// newer says whether a row that begins with an event's number is somebody new's.
func (g *goodbye) newer(r store.Row) bool {
	n, err := keySeq(r.Key)
	return err == nil && n > g.f.Seq
}

func (g *goodbye) work(r store.Row) (verdict, error) {
	if !g.t.row(r) {
		return verdict{}, nil
	}
	var w workRow
	if _, err := w.UnmarshalMsg(r.Value); err != nil {
		return dropped, nil // it cannot be handled either
	}
	if g.theirs(&w.Event) {
		told := g.follows(&w.Event)
		return verdict{drop: !g.newer(r) || told, quiet: told}, nil
	}
	g.hide(&w.Event)
	return g.blurred(r, &w)
}

func (g *goodbye) deadEvent(r store.Row) (verdict, error) {
	if !g.t.row(r) {
		return verdict{}, nil
	}
	s := splitKey(r.Key, 2)
	n, err := store.ParseSeq(s[0])
	if err != nil {
		return dropped, nil
	}
	plugin := strings.Clone(s[1])
	gone := verdict{drop: true, then: func() { g.e.dead.remove(plugin, n) }}
	var d deadRow
	if _, err := d.UnmarshalMsg(r.Value); err != nil || g.theirs(&d.Work.Event) {
		return gone, nil
	}
	g.hide(&d.Work.Event)
	return g.blurred(r, &d)
}

// hide takes out of another's event what the member wrote.
func (g *goodbye) hide(ev *abi.Event) {
	if m := ev.Message; m != nil && m.Author == g.f.ID {
		m := *m
		m.Text, m.OldText, m.Files = "", "", nil
		ev.Message = &m
	}
}

// blurred keeps a row with other letters in the place of the ids. A row whose
// key has one cannot be kept.
func (g *goodbye) blurred(r store.Row, m interface{ MarshalMsg([]byte) ([]byte, error) }) (verdict, error) {
	if g.t.inKey(r.Key) {
		return dropped, nil
	}
	v, err := m.MarshalMsg(nil)
	if err != nil {
		return verdict{}, err
	}
	v, _ = g.t.blur(v)
	return verdict{put: v}, nil
}

// timer deletes the member's own. What a conversation with others waits for
// comes without them.
func (g *goodbye) timer(r store.Row) (verdict, error) {
	if !g.t.row(r) {
		return verdict{}, nil
	}
	var t timerRow
	if _, err := t.UnmarshalMsg(r.Value); err != nil {
		return dropped, nil
	}
	own := t.Key == g.f.ID || t.Vanish != "" || t.Conversation.ID == "" || slices.Contains(g.f.Places, t.Conversation.ID)
	if !own && t.Cron == "" {
		if t.Member == g.f.ID {
			t.Member = ""
		}
		t.Cause = ""
		v, err := t.MarshalMsg(nil)
		if err != nil {
			return verdict{}, err
		}
		if !g.t.in(v) {
			return verdict{put: v}, nil
		}
	}
	gone := verdict{drop: true, then: func() { g.e.timers.uncount(&dueTimer{timerRow: t}) }}
	if t.Ref != "" {
		gone.also = []store.Key{store.Key(t.Ref)}
	}
	return gone, nil
}

// reference deletes a row that leads to one, with what it leads to.
func (g *goodbye) reference(r store.Row) (verdict, error) {
	if !g.t.row(r) {
		return verdict{}, nil
	}
	return verdict{drop: true, also: []store.Key{store.Key(strings.Clone(string(r.Value)))}}, nil
}

func (g *goodbye) action(r store.Row) (verdict, error) {
	if !g.t.row(r) {
		return verdict{}, nil
	}
	gone := dropped
	var a actionRow
	if _, err := a.UnmarshalMsg(r.Value); err == nil && a.Ref != "" {
		gone.also = []store.Key{store.Key(a.Ref)}
	}
	if n, err := keySeq(r.Key); err == nil {
		gone.then = func() { g.e.underway.abort(n) }
	}
	return gone, nil
}

func (g *goodbye) queued(r store.Row) (verdict, error) {
	if !g.t.row(r) {
		return verdict{}, nil
	}
	var o outRow
	if _, err := o.UnmarshalMsg(r.Value); err != nil || g.to(&o) {
		return verdict{drop: true, tokens: tokensOf(&o)}, nil
	}
	if o.Seer == g.f.ID {
		o.Seer, o.Shown = "", nil
	}
	return g.blurred(r, &o)
}

// to says whether a message is for the member, or about one that names them.
func (g *goodbye) to(o *outRow) bool {
	return o.To.Member == g.f.ID || slices.Contains(g.f.Places, o.To.Conversation) || g.t.in([]byte(o.Ref))
}

func (g *goodbye) sent(r store.Row) (verdict, error) {
	caused, err := g.caused(r)
	if err != nil || !caused && !g.t.row(r) && !g.t.called(r.Value) {
		return verdict{}, err
	}
	n, _ := keySeq(r.Key)
	gone := verdict{drop: true, quiet: n == g.f.Seq}
	var s sentRow
	if _, err := s.UnmarshalMsg(r.Value); err != nil {
		return gone, nil
	}
	if g.to(&s.Out) {
		gone.tokens = tokensOf(&s.Out)
	}
	// What has a key its plugin has rewritten, or taken back, if it had to.
	if caused && s.Status == statusSent && s.Out.Op == string(chat.OpSend) && s.Out.Ref == "" && s.Out.To.Member == "" {
		if pf := g.e.platform(abi.Platform(s.Conversation)); pf != nil {
			if a, ok := pf.adapter.(chat.Retracter); ok {
				return gone, a.Retract(g.ctx, s.Conversation, s.Messages)
			}
		}
	}
	return gone, nil
}

// caused says whether a message was sent because of something the member did:
// it may say again what they said.
func (g *goodbye) caused(r store.Row) (bool, error) {
	if g.newer(r) {
		return false, nil
	}
	for j, err := range g.snap.Scan(g.ctx, store.Prefix(kJournal.Join(splitKey(r.Key, 2)[0]).Prefix())) {
		if err != nil {
			return false, err
		}
		if !g.t.in(j.Value) {
			continue
		}
		if h, err := readHandled(j); err == nil && h.Event.Member.ID == g.f.ID {
			return true, nil
		}
	}
	return false, nil
}

// tokensOf are the rows of what can be pressed in a message.
func tokensOf(o *outRow) (keys []store.Key) {
	add := func(token string) {
		id, _, ok := strings.Cut(token, ".")
		if k := kToken.Join(id); ok && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for _, b := range o.Content.Blocks {
		for _, btn := range b.Buttons {
			add(btn.Token)
		}
		if b.Form != nil {
			add(b.Form.Token)
		}
	}
	return keys
}

func (g *goodbye) event(r store.Row) (verdict, error) {
	if !g.t.row(r) && !g.t.called(r.Value) {
		return verdict{}, nil
	}
	var j journalRow
	_, err := j.UnmarshalMsg(r.Value)
	told := err == nil && g.follows(&j.Call.Event)
	return verdict{drop: told || !g.newer(r), quiet: told}, nil
}

// follows says whether an event is, or follows at once from, the one by which
// plugins are told.
func (g *goodbye) follows(ev *abi.Event) bool {
	return ev.Kind == abi.MemberForgotten || ev.Kind == abi.Continued || ev.Cause == "hearth/"+store.Seq(g.f.Seq)
}

// state deletes the member's rows, and the rows of others that still name them:
// plugins have been told before.
func (g *goodbye) state(r store.Row) (verdict, error) {
	if !g.t.row(r) {
		return verdict{}, nil
	}
	space, own := cutState(r.Key)
	space, own = strings.Clone(space), strings.Clone(own)
	p := g.e.plugin(pluginOf(space))
	if p == nil {
		return dropped, nil
	}
	size := int64(len(r.Key) + len(r.Value))
	warm := false
	if v := p.version(); v != nil {
		warm = slices.ContainsFunc(v.manifest.Warm, func(prefix string) bool { return strings.HasPrefix(own, prefix) })
	}
	return verdict{drop: true, then: func() {
		c := p.copying.Load()
		switch {
		case p.space.Load().name == space:
			p.stateBytes.Add(-size)
			if c != nil {
				c.note(space, own)
			}
		case c != nil && c.new == space:
			c.bytes.Add(-size)
		}
		if warm {
			g.e.renew(p)
		}
	}}, nil
}

// movedTo deletes what a migration knows of the member's rows, and what those
// have become.
func (g *goodbye) movedTo(r store.Row) (verdict, error) {
	if !g.t.row(r) {
		return verdict{}, nil
	}
	gone := verdict{drop: true, quiet: true}
	var m movedRow
	if _, err := m.UnmarshalMsg(r.Value); err != nil {
		return gone, nil
	}
	space, own, _ := strings.Cut(strings.TrimPrefix(string(r.Key), string(kMoved.Prefix())), "/")
	if p := g.e.plugin(pluginOf(space)); p != nil && p.space.Load().name == space {
		return gone, nil // what they have become goes by what it says itself
	}
	for _, key := range m.become(own) {
		gone.also = append(gone.also, store.Key(strings.Clone(string(stateKey(space, key)))))
	}
	return gone, nil
}

// unmoved is a step during which no plugin's rows begin to lie elsewhere.
func unmoved(step forgetStep) forgetStep {
	return func(g *goodbye) (time.Duration, error) {
		g.e.moving.RLock()
		defer g.e.moving.RUnlock()
		return step(g)
	}
}

// Compact has the store's files hold nothing but its rows, where the store can
// do that; else it does nothing. It takes as long as copying them.
func (e *Engine) Compact(ctx context.Context) error {
	c, ok := e.o.Store.(store.Compacter)
	if !ok {
		return nil
	}
	return c.Compact(ctx)
}

// sweepFiles rewrites the store's files if somebody was forgotten since they
// were last.
func (e *Engine) sweepFiles(ctx context.Context) (int, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	row, err := snap.Get(ctx, kCompact)
	snap.Close()
	if err != nil || !row.Exists() {
		return 0, err
	}
	if err := e.Compact(ctx); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return 0, err
	}
	b := new(store.Batch)
	b.Check(kCompact, row.Rev)
	b.Delete(kCompact)
	if _, err := e.store.Commit(ctx, b); err != nil && !errors.Is(err, store.ErrConflict) {
		return 0, err // on a conflict somebody else was forgotten meanwhile: until the next sweep
	}
	return 0, nil
}
