package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/store"
)

// shade has a version run beside the live one, off its path, and compares: a
// silent trial. It is given what the journal is given, so it sees the reads, seed
// and clock that the live version had, and can do nothing.
type shade struct {
	p     *plugin
	sha   string
	began time.Time
	over  atomic.Bool

	queue   chan shadowed
	waiting atomic.Int64 // bytes in queue
	running atomic.Bool  // somebody empties the queue

	mu     sync.Mutex
	report ShadowReport // without what List has
	list   []ShadowedEvent
	next   int // place in list for the next one, once it is full

	// Of who empties the queue alone: what runs, and under what.
	version, beside *version
	stage           *rehearsal
}

// shadowed is an event that the live version has handled: its row of the journal.
type shadowed struct {
	seq uint64
	row []byte
}

const (
	maxShadowed = 256     // events that wait for the version on trial; more are dropped, and counted
	maxWaiting  = 8 << 20 // bytes of them
	maxShown    = 50      // events of a report
	maxDiffs    = 20      // lines of one of them
)

// ShadowReport is what a version on silent trial would have done otherwise. Its
// counts begin with the trial, or with this process if that is later.
type ShadowReport struct {
	SHA256  string // "": there is none
	Version string
	Began   time.Time

	Events  int // that it handled
	Same    int
	Changed int
	Inexact int // that could not be compared: it read what the live version did not
	Failed  int // at which it failed and the live version did not
	Dropped int // that it did not handle: too many waited

	Fuel, LiveFuel int64         // of what both handled
	Took, LiveTook time.Duration // in the sandbox
	Sums           []replay.Sum  // differences, by what they are about and how
	List           []ShadowedEvent
}

// ShadowedEvent is an event of which the two versions made something else.
type ShadowedEvent struct {
	Number      string
	Kind        string
	Error       string // at which the version on trial failed
	Differences []replay.Difference
	Omitted     int // more of them
}

// Shadow begins a silent trial of a version of the registry, in the place of one
// that is under way, or ends it with the sha "". The version runs the events that
// the live one has handled, off their path, and nothing of what it returns is
// carried out. It needs what a rollout needs.
func (e *Engine) Shadow(ctx context.Context, who audit.Who, name, sha, why string) error {
	return e.manage(name, func() error {
		p := e.plugin(name)
		if p == nil {
			return fmt.Errorf("%w: plugin %q", ErrUnknown, name)
		}
		if sha == "" {
			return e.endShadow(ctx, who, p, why)
		}
		if now := p.lineup(); now.candidate != nil && now.candidate.sha == sha {
			return fmt.Errorf("%w: version %.12s of plugin %s is being rolled out", ErrInUse, sha, name)
		}
		live := p.version()
		next, err := e.takeBeside(ctx, p, sha)
		if err != nil {
			return err
		}
		entry := audit.Entry{Who: who, Did: "plugin.shadow", After: versionText(next.manifest.Version, sha), Why: why}
		err = e.decide(ctx, entry, name, func(r *registry.Plugin, _ *store.Batch) error {
			if err := e.still(r, live); err != nil {
				return err
			}
			r.Shadow = sha
			return nil
		})
		if err != nil {
			return errors.Join(err, e.discard(ctx, name, next))
		}
		e.enterShadow(context.WithoutCancel(ctx), p, next)
		e.o.Logger.Info("a version is tried silently beside the live one", "plugin", name, "version", next.manifest.Version, "sha256", sha)
		return nil
	})
}

func (e *Engine) endShadow(ctx context.Context, who audit.Who, p *plugin, why string) error {
	on := p.lineup().shadow
	if on == nil {
		return fmt.Errorf("%w: nothing of plugin %s is on trial", ErrUnknown, p.name)
	}
	entry := audit.Entry{Who: who, Did: "plugin.shadow", Before: versionText(on.manifest.Version, on.sha), Why: why}
	err := e.decide(ctx, entry, p.name, func(r *registry.Plugin, _ *store.Batch) error {
		r.Shadow = ""
		return nil
	})
	if err == nil {
		was := p.change(func(l *lineup) { l.shadow, l.shade = nil, nil })
		e.leave(context.WithoutCancel(ctx), p, was)
	}
	return err
}

func (e *Engine) enterShadow(ctx context.Context, p *plugin, v *version) {
	s := &shade{p: p, sha: v.sha, began: e.clock.Now(), queue: make(chan shadowed, maxShadowed)}
	s.report = ShadowReport{SHA256: v.sha, Version: v.manifest.Version, Began: s.began}
	was := p.change(func(l *lineup) { l.shadow, l.shade = l.current(v), s })
	e.leave(ctx, p, was)
}

func (e *Engine) restoreShadow(ctx context.Context, p *plugin, sha string) error {
	next, err := e.takeBeside(ctx, p, sha)
	if err != nil {
		return err
	}
	e.enterShadow(ctx, p, next)
	return nil
}

// ShadowReport says what the version on silent trial does otherwise. Where there
// is none it is the zero ShadowReport; ErrUnknown says that there is no such
// plugin.
func (e *Engine) ShadowReport(name string) (ShadowReport, error) {
	p := e.plugin(name)
	if p == nil {
		return ShadowReport{}, fmt.Errorf("%w: plugin %q", ErrUnknown, name)
	}
	s := p.lineup().shade
	if s == nil {
		return ShadowReport{}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.report
	r.Sums = append([]replay.Sum{}, r.Sums...)
	for i := range s.list { // the newest first
		r.List = append(r.List, s.list[(s.next-1-i+2*len(s.list))%len(s.list)])
	}
	return r, nil
}

// offer has the version on trial handle what the live one has handled, unless
// too much waits for it. It is on the event's path, and takes no time.
func (s *shade) offer(e *Engine, inv *invocation) {
	room := s.waiting.Add(int64(len(inv.evidence))) <= maxWaiting
	if room {
		select {
		case s.queue <- shadowed{inv.work.Seq, inv.evidence}:
		default:
			room = false
		}
	}
	if !room {
		s.waiting.Add(-int64(len(inv.evidence)))
		s.mu.Lock()
		s.report.Dropped++
		s.mu.Unlock()
		e.met.shadowed.WithLabelValues(s.p.name, "dropped").Inc()
		return
	}
	if s.running.CompareAndSwap(false, true) {
		e.work.Go(func() { s.drain(e) })
	}
}

// drain empties the queue, until the trial is over.
func (s *shade) drain(e *Engine) {
	for {
		for !s.over.Load() && e.ctx.Err() == nil && !e.closing.Load() {
			select {
			case j := <-s.queue:
				s.waiting.Add(-int64(len(j.row)))
				s.try(e, j)
				continue
			default:
			}
			break
		}
		s.running.Store(false)
		// One that was offered meanwhile has found somebody at work.
		if s.over.Load() || e.closing.Load() || len(s.queue) == 0 || !s.running.CompareAndSwap(false, true) {
			return
		}
	}
}

// try runs one event. Its own trouble is logged, and no matter.
func (s *shade) try(e *Engine, j shadowed) {
	result, err := s.compare(e.ctx, e, j)
	if err != nil {
		if !errors.Is(err, wasm.ErrClosed) && e.ctx.Err() == nil {
			e.o.Logger.Warn("an event could not be tried silently", "plugin", s.p.name, "event", store.Seq(j.seq), "err", err)
		}
		result = "dropped"
		s.mu.Lock()
		s.report.Dropped++
		s.mu.Unlock()
	}
	e.met.shadowed.WithLabelValues(s.p.name, result).Inc()
}

func (s *shade) compare(ctx context.Context, e *Engine, j shadowed) (result string, err error) {
	row := evidenceRow{number: store.Seq(j.seq)}
	if _, err := row.UnmarshalMsg(j.row); err != nil {
		return "", err
	}
	if row.NoReplay { // it read more than is kept
		s.mu.Lock()
		defer s.mu.Unlock()
		s.report.Events++
		s.report.Inexact++
		return "inexact", nil
	}
	l := s.p.lineup()
	if l.shade != s {
		return "", wasm.ErrClosed
	}
	if s.stage == nil || s.version != l.shadow || s.beside != l.live {
		if s.stage, err = e.newRehearsal(ctx, l.shadow, new(replay.Report)); err != nil {
			return "", err
		}
		s.version, s.beside = l.shadow, l.live
	}
	c, o, err := s.stage.event(ctx, &row)
	if err != nil {
		return "", err
	}
	return s.add(&c, &o), nil
}

// add counts an event that both have handled.
func (s *shade) add(c *replay.Case, o *replay.Outcome) (result string) {
	diffs := replay.Compare(&c.Effects, &o.Effects)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.report
	r.Events++
	r.Fuel, r.LiveFuel = r.Fuel+o.Fuel, r.LiveFuel+c.Fuel
	r.Took, r.LiveTook = r.Took+o.Took, r.LiveTook+c.Took
	switch {
	case !o.Exact:
		r.Inexact++
		return "inexact"
	case len(diffs) == 0:
		r.Same++
		return "same"
	}
	r.Changed++
	result = "changed"
	if o.Effects.Error != "" && c.Effects.Error == "" {
		r.Failed++
		result = "failed"
	}
	s.sum(diffs)
	shown := ShadowedEvent{Number: c.Number, Kind: string(c.Call.Event.Kind), Error: o.Effects.Error, Differences: diffs}
	if n := len(diffs); n > maxDiffs {
		shown.Differences, shown.Omitted = diffs[:maxDiffs], n-maxDiffs
	}
	if len(s.list) < maxShown {
		s.list = append(s.list, shown)
		s.next = len(s.list) % maxShown
	} else {
		s.list[s.next] = shown
		s.next = (s.next + 1) % maxShown
	}
	return result
}

// sum counts differences by their sort. s.mu is held.
func (s *shade) sum(diffs []replay.Difference) {
	in := map[int]bool{}
	for i := range diffs {
		d := &diffs[i]
		at := -1
		for k := range s.report.Sums {
			if have := &s.report.Sums[k]; have.What == d.What && have.How == d.How {
				at = k
			}
		}
		if at < 0 {
			at = len(s.report.Sums)
			s.report.Sums = append(s.report.Sums, replay.Sum{What: d.What, How: d.How})
		}
		s.report.Sums[at].Count++
		if !in[at] {
			in[at] = true
			s.report.Sums[at].Events++
		}
	}
}
