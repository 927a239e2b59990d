package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Erased is what was erased of a member: how many rows, by kind. It says
// nothing of who it was.
type Erased struct {
	Kinds map[string]int

	// Left are the places outside the data directory that still name them, such as
	// "community.managers (hearth.toml:12)": whose files those are has to see to them.
	Left []string
}

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
		e.forgets.end(id, nil, nil)
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

func (s *forgets) end(id string, counts map[string]int, left []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.list[id]; l != nil && counts != nil {
		for _, done := range l.wait {
			done <- Erased{Kinds: maps.Clone(counts), Left: left}
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
