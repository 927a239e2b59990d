package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Erased is what was erased of a member: how many rows, by kind. It says
// nothing of who it was.
type Erased struct{ Kinds map[string]int }

// Total is how many rows that were altogether.
func (x Erased) Total() (n int) {
	for _, k := range x.Kinds {
		n += k
	}
	return n
}

// Forget erases a member: everything that is kept of them, here, by the plugins
// and by their platform's adapter. Totals stay. It returns when that is done;
// if ctx ends before, or hearth does, it goes on all the same, at the next start
// if need be. What the member does meanwhile waits, and is then somebody new's.
//
//	begun ─► plugins told ─► rows of each kind ─► adapter ─► audit ─► once more, until nothing is found ─► id
//
// Of an id that nothing is kept of nothing is erased, and that is no error. The
// files hold the bytes until the store is compacted, which follows within the
// hour; see [store.Compacter].
func (e *Engine) Forget(ctx context.Context, id string) (Erased, error) {
	return e.forgetAndWait(ctx, id, nil)
}

// ForgetBy is Forget, on record with its reason. The record does not say whom.
func (e *Engine) ForgetBy(ctx context.Context, who audit.Who, id, why string) (Erased, error) {
	return e.forgetAndWait(ctx, id, &wish{who: who, why: why})
}

func (e *Engine) forgetAndWait(ctx context.Context, id string, by *wish) (Erased, error) {
	done, err := e.forget(ctx, id, by)
	if err != nil {
		return Erased{}, fmt.Errorf("host: forgetting a member: %w", err)
	}
	select {
	case x := <-done:
		return x, nil
	case <-ctx.Done():
		return Erased{}, fmt.Errorf("host: forgetting a member: it has begun and goes on: %w", ctx.Err())
	case <-e.ctx.Done():
		return Erased{}, fmt.Errorf("host: forgetting a member: it has begun and goes on at the next start: %w", chat.ErrBusy)
	}
}

// wish is somebody's that a member be forgotten.
type wish struct {
	who audit.Who
	why string

	// An action by which the member asks for it themselves, if there is one.
	key store.Key
	rev store.Rev
}

// forget begins to forget a member, or joins who has begun. An action that asked
// for it ends with the same batch.
func (e *Engine) forget(ctx context.Context, id string, by *wish) (<-chan Erased, error) {
	if abi.Platform(id) == "" || len(id) > maxEventID {
		return nil, fmt.Errorf("%w: member %q: an id is PLATFORM:ID", ErrUnknown, id)
	}
	if run := e.running(); run == nil || run.Err() != nil || e.closing.Load() {
		return nil, chat.ErrBusy
	}
	e.forgets.one.Lock()
	defer e.forgets.one.Unlock()
	for range maxConflicts {
		done, err := e.beginForget(ctx, id, by)
		if !errors.Is(err, store.ErrConflict) {
			return done, err
		}
	}
	return nil, store.ErrConflict
}

func (e *Engine) beginForget(ctx context.Context, id string, by *wish) (<-chan Erased, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	key := forgetKey(id)
	there, err := snap.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	b := new(store.Batch)
	asked := by != nil && by.key != ""
	if asked {
		b.Check(by.key, by.rev)
		b.Delete(by.key)
	}
	if there.Exists() {
		done := e.forgets.wait(id)
		if asked {
			_, err = e.store.Commit(ctx, b)
		}
		return done, err
	}
	f := &forgetRow{ID: id, Seq: e.nextSeq(), Began: e.now(), Counts: map[string]int{}}
	p, rev, err := members.Get(ctx, snap, id)
	if err != nil {
		return nil, err
	}
	if rev != 0 { // at once: what is learnt of them from here on is somebody new's
		b.Check(members.Key(id), rev)
		b.Delete(members.Key(id))
		f.Counts["profile"] = 1
	}
	members.Unlink(b, id, &p)
	ms := e.measures()
	if err := e.countMember(ctx, ms, id); err != nil { // a row moves with what it is counted by
		return nil, err
	}
	measured, err := e.disown(ctx, snap, b, ms, id)
	if err != nil {
		return nil, err
	}
	if measured > 0 {
		f.Counts["figures"] = measured
	}
	if p.Name != "" {
		f.Names = []string{p.Name}
	}
	f.Farewell, f.Locale = asked, p.Locale
	if by != nil {
		f.By, f.Why = []string{by.who.ID, by.who.Name, by.who.Role, by.who.Via}, by.why
	}
	if f.Places, err = directsOf(ctx, snap, id); err != nil {
		return nil, err
	}
	if pf := e.platform(abi.Platform(id)); pf != nil {
		if a, ok := pf.adapter.(chat.Forgetter); ok {
			f.Marks = a.Marks(id)
		}
	}
	v, err := f.MarshalMsg(nil)
	if err != nil {
		return nil, err
	}
	b.Check(key, 0)
	b.Put(key, v)
	ev := abi.Event{ID: store.Seq(f.Seq), Source: "hearth", Kind: abi.MemberForgotten, Time: f.Began, Member: p.Member(id)}
	middle, then := e.table.Load().route(&ev, "")
	if _, err := stage(b, &workRow{Event: ev, Seq: f.Seq}, middle, then); err != nil {
		return nil, err
	}
	// From here on nothing more of theirs is begun.
	e.forgets.quiet.Lock()
	defer e.forgets.quiet.Unlock()
	done := e.forgets.begin(id, f.Seq)
	if _, err := e.store.Commit(ctx, b); err != nil {
		e.forgets.end(id, nil)
		return nil, err
	}
	e.measuring.rows.drop(id)
	e.forgetting.push(forgetLane(id), f.Seq)
	return done, nil
}

// directsOf are the conversations that a member has with the bot alone.
func directsOf(ctx context.Context, snap store.Snapshot, id string) (list []string, err error) {
	for row, err := range snap.Scan(ctx, store.Prefix(kDirect.Prefix())) {
		if err != nil {
			return nil, err
		}
		if string(row.Value) == id {
			list = append(list, splitKey(row.Key, 1)[0])
		}
	}
	return list, nil
}

// forgetLane is a digest of an id: what names the row, and so may stay longer
// than the id.
func forgetLane(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

func forgetKey(id string) store.Key { return kForget.Join(forgetLane(id)) }

// recoverForgets takes up what an earlier run left.
func (e *Engine) recoverForgets(ctx context.Context) error {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("host: reading who is being forgotten: %w", err)
	}
	defer snap.Close()
	for row, err := range snap.Scan(ctx, store.Prefix(kForget.Prefix())) {
		var f forgetRow
		if err == nil {
			_, err = f.UnmarshalMsg(row.Value)
		}
		if err != nil {
			return fmt.Errorf("host: reading who is being forgotten: %w", err)
		}
		e.forgets.begin(f.ID, f.Seq)
		e.forgetting.push(forgetLane(f.ID), f.Seq)
	}
	return nil
}

// forgets knows who is being forgotten, so that nothing of theirs is handled
// until that is done.
type forgets struct {
	one sync.Mutex // held while one begins or ends: list and rows then say the same

	mu   sync.Mutex
	list map[string]*leaving

	// quiet is held for reading by what writes of a member beside the handling of
	// events, and for writing while one begins to be forgotten.
	quiet sync.RWMutex
}

type leaving struct {
	seq  uint64
	wait []chan Erased
}

// begin keeps back what has to do with the member until end.
func (s *forgets) begin(id string, seq uint64) <-chan Erased {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list == nil {
		s.list = map[string]*leaving{}
	}
	l := s.list[id]
	if l == nil {
		l = &leaving{seq: seq}
		s.list[id] = l
	}
	done := make(chan Erased, 1)
	l.wait = append(l.wait, done)
	return done
}

// wait is told when the member is forgotten: at once if they are already.
func (s *forgets) wait(id string) <-chan Erased {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := make(chan Erased, 1)
	if l := s.list[id]; l != nil {
		l.wait = append(l.wait, done)
	} else {
		done <- Erased{Kinds: map[string]int{}}
	}
	return done
}

func (s *forgets) end(id string, counts map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.list[id]; l != nil && counts != nil {
		for _, done := range l.wait {
			done <- Erased{Kinds: maps.Clone(counts)}
		}
	}
	delete(s.list, id)
}

func (s *forgets) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list[id] != nil
}

// holds says whether an event has to wait until its member is forgotten: all but
// those by which plugins are told of that.
func (s *forgets) holds(ev *abi.Event) bool {
	return ev.Member.ID != "" && ev.Kind != abi.MemberForgotten && ev.Kind != abi.Continued && s.has(ev.Member.ID)
}

// enter says whether something may be written of a member now; if so, leave is
// to be called after it.
func (s *forgets) enter(id string) bool {
	s.quiet.RLock()
	if s.has(id) {
		s.quiet.RUnlock()
		return false
	}
	return true
}

func (s *forgets) leave() { s.quiet.RUnlock() }

const (
	holdTime    = 100 * time.Millisecond // between looks whether a member is forgotten
	tellTime    = 30 * time.Second       // for the plugins to rewrite what they share
	tellLook    = 20 * time.Millisecond
	forgetTries = 5 // rounds over all rows; what comes after so many is not theirs
)

// goodbye is one forgetting on its way: its row as it was read.
type goodbye struct {
	e   *Engine
	ctx context.Context
	f   forgetRow
	key store.Key
	rev store.Rev
	t   *traces

	snap store.Snapshot // of the step that goes over rows
}

// forgetStep is one part of a forgetting. A step may be begun again after a
// crash. again says that it is to be looked at again in a while.
type forgetStep func(g *goodbye) (again time.Duration, err error)

// The steps, in this order. Those between the first round's begin and its end
// are gone through until a round finds nothing.
var forgetSteps = slices.Concat(
	[]forgetStep{(*goodbye).settle, (*goodbye).tell},
	forgetRows,
	[]forgetStep{(*goodbye).adapter, (*goodbye).audit, (*goodbye).round, (*goodbye).farewell, (*goodbye).finish})

// firstRows is the step at which a round begins.
const firstRows = 2

// forgetTurn takes a forgetting on until it is done or has to wait.
func (e *Engine) forgetTurn(lane string, _ uint64) turn {
	g := &goodbye{e: e, ctx: e.ctx, key: kForget.Join(lane)}
	for e.running().Err() == nil {
		if err := g.load(); err != nil {
			e.o.Logger.Error("a member could not be forgotten yet; it is tried again", "err", err)
			return turn{again: true, after: time.Second}
		}
		if g.rev == 0 {
			return done
		}
		again, err := forgetSteps[g.f.Step](g)
		switch {
		case errors.Is(err, store.ErrConflict):
			continue
		case err != nil && e.ctx.Err() == nil:
			e.o.Logger.Error("a member could not be forgotten yet; it is tried again", "step", g.f.Step, "err", err)
			return turn{again: true, after: time.Second}
		case again > 0:
			return turn{again: true, after: again}
		}
	}
	return turn{again: true, stall: true} // the next start goes on
}

func (g *goodbye) load() error {
	snap, err := g.e.store.Snapshot(g.ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	row, err := snap.Get(g.ctx, g.key)
	if err != nil {
		return err
	}
	g.f, g.rev = forgetRow{}, row.Rev
	if !row.Exists() {
		return nil
	}
	if _, err := g.f.UnmarshalMsg(row.Value); err != nil {
		return fmt.Errorf("row %s: %w", g.key, err)
	}
	if g.f.Counts == nil {
		g.f.Counts = map[string]int{}
	}
	g.t = newTraces(&g.f)
	return nil
}

// save commits b with the row as it is now.
func (g *goodbye) save(b *store.Batch) error {
	v, err := g.f.MarshalMsg(nil)
	if err != nil {
		return err
	}
	b.Check(g.key, g.rev)
	b.Put(g.key, v)
	g.rev, err = g.e.store.Commit(g.ctx, b)
	return err
}

// next goes on to the step behind this one.
func (g *goodbye) next() (time.Duration, error) {
	g.f.Step, g.f.From = g.f.Step+1, ""
	return 0, g.save(new(store.Batch))
}

func (g *goodbye) count(kind string, n int) {
	if n > 0 {
		g.f.Counts[kind] += n
		g.f.Found += n
	}
}

// settle waits for what was under way when it began. What begins later sees that
// the member is being forgotten.
func (g *goodbye) settle() (time.Duration, error) {
	plugins, platforms := g.e.locked()
	for _, p := range plugins {
		p.alone.Lock()
		//lint:ignore SA2001 whoever held it has committed
		p.alone.Unlock()
	}
	for _, p := range platforms {
		p.unask(g.f.ID)
	}
	if _, err := g.e.settleOwed(g.ctx); err != nil { // under their name
		return 0, err
	}
	if err := g.begin(); err != nil {
		return 0, err
	}
	return g.next()
}

// begin has the plugins hear of it: now that nothing older is under way, what
// they are told waits for nobody, and nobody for that. To begin again what has
// begun does nothing.
func (g *goodbye) begin() error {
	snap, err := g.e.store.Snapshot(g.ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	for row, err := range snap.Scan(g.ctx, store.Prefix(kWork.Join(store.Seq(g.f.Seq)).Prefix())) {
		if err != nil {
			return err
		}
		at := splitKey(row.Key, 2)
		g.e.pushWork(at[0], at[1], g.f.Seq)
	}
	return nil
}

// tell waits until the plugins have been told, and what they then said is
// delivered; but not for ever, as the rows are erased in any case.
func (g *goodbye) tell() (time.Duration, error) {
	if g.e.now()-g.f.Began < tellTime.Milliseconds() {
		waiting, err := g.untold()
		if err != nil {
			return 0, err
		}
		if waiting {
			return tellLook, nil
		}
	}
	return g.next()
}

func (g *goodbye) untold() (bool, error) {
	snap, err := g.e.store.Snapshot(g.ctx)
	if err != nil {
		return false, err
	}
	defer snap.Close()
	// Both kinds of row begin with a number, and none of these has a smaller one.
	from := store.Seq(g.f.Seq)
	for row, err := range snap.Scan(g.ctx, store.Range{From: kWork.Join(from), To: store.Prefix(kWork.Prefix()).To}) {
		if err != nil {
			return false, err
		}
		var w workRow
		if _, err := w.UnmarshalMsg(row.Value); err == nil && w.Event.Member.ID == g.f.ID && !g.e.forgets.holds(&w.Event) && w.Attempts == 0 {
			return true, nil
		}
	}
	if g.e.paused.Load() {
		return false, nil
	}
	for row, err := range snap.Scan(g.ctx, store.Range{From: kOutbox.Join(from), To: store.Prefix(kOutbox.Prefix()).To}) {
		if err != nil {
			return false, err
		}
		var o outRow
		if _, err := o.UnmarshalMsg(row.Value); err == nil && o.Event == g.f.Seq && len(o.Attempts) == 0 {
			return true, nil
		}
	}
	return false, nil
}

// adapter has the member's platform erase what it keeps of them, and what they
// have elsewhere be erased.
func (g *goodbye) adapter() (time.Duration, error) {
	if o := g.e.o.Outside; o != nil {
		n, err := o.Forget(g.ctx, g.f.ID)
		if err != nil {
			return 0, err
		}
		g.count("tokens", n)
	}
	if pf := g.e.platform(abi.Platform(g.f.ID)); pf != nil {
		if a, ok := pf.adapter.(chat.Forgetter); ok {
			counts, err := a.Forget(g.ctx, g.f.ID)
			if err != nil {
				return 0, fmt.Errorf("platform %s: %w", pf.name, err)
			}
			for kind, n := range counts {
				g.count(kind, n)
			}
		}
	}
	return g.next()
}

// audit has the record of changes say what was done, and no more by whom, and
// the versions of plugins no more who brought them; rollouts and silent trials
// are rid of their name.
func (g *goodbye) audit() (time.Duration, error) {
	n, err := g.e.audit.Forget(g.ctx, g.t.in)
	if err != nil {
		return 0, err
	}
	brought, err := registry.Forget(g.ctx, g.e.store, g.t.in)
	if err != nil {
		return 0, err
	}
	trials, err := g.e.forgetTrials(g.ctx, g.t.in)
	if err != nil {
		return 0, err
	}
	g.count("audit", n+brought+trials)
	return g.next()
}

// round goes over the rows again until there are none: something may have been
// on its way to them.
func (g *goodbye) round() (time.Duration, error) {
	if g.f.Rounds++; g.f.Found == 0 || g.f.Rounds >= forgetTries {
		return g.next()
	}
	g.f.Step, g.f.From, g.f.Found = firstRows, "", 0
	return 0, g.save(new(store.Batch))
}

// farewell tells who asked in chat what was erased: the last thing said to them,
// and of which nothing is kept.
func (g *goodbye) farewell() (time.Duration, error) {
	pf := g.e.platform(abi.Platform(g.f.ID))
	if g.f.Farewell && pf != nil && pf.hold() == nil && !g.e.paused.Load() {
		ctx, cancel := context.WithTimeout(g.ctx, deliverTimeout)
		defer cancel()
		locale := g.f.Locale
		def(&locale, g.e.tuned().Community.Locale)
		d := &chat.Delivery{ID: store.Seq(g.f.Seq), Op: chat.OpSend, Member: g.f.ID, Content: g.e.farewell(locale, g.f.Counts),
			Locale: locale, Attempt: 1}
		if _, err := pf.adapter.Deliver(ctx, d); err != nil {
			g.e.o.Logger.Warn("a member who was forgotten could not be told so", "platform", pf.name, "err", err)
		}
		// What the platform had to learn for that goes too.
		if a, ok := pf.adapter.(chat.Forgetter); ok {
			if _, err := a.Forget(ctx, g.f.ID); err != nil {
				return 0, err
			}
		}
	}
	return g.next()
}

// finish erases the id itself. The files are rewritten with the next sweep.
func (g *goodbye) finish() (time.Duration, error) {
	g.e.forgets.one.Lock()
	defer g.e.forgets.one.Unlock()
	b := new(store.Batch)
	b.Check(g.key, g.rev)
	b.Delete(g.key)
	b.Put(kCompact, stamp(g.e.now()))
	if by := g.f.By; len(by) == 4 {
		entry := audit.Entry{Who: audit.Who{ID: by[0], Name: by[1], Role: by[2], Via: by[3]}, Did: "member.forget",
			On: "member/" + audit.Forgotten, After: fmt.Sprintf("%d rows erased", Erased{g.f.Counts}.Total()), Why: g.f.Why}
		if why := []byte(entry.Why); g.t.in(why) || g.t.called(why) {
			entry.Why = "" // it says whom
		}
		if err := g.e.audit.Put(b, entry); err != nil {
			return 0, err
		}
	}
	if _, err := g.e.store.Commit(g.ctx, b); err != nil {
		return 0, err
	}
	g.e.o.Logger.Info("a member was forgotten", "erased", g.f.Counts)
	g.e.forgets.end(g.f.ID, g.f.Counts)
	return 0, nil
}
