package host

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/store"
)

// platform is a connected chat platform and the queue of what goes there.
type platform struct {
	name    string
	adapter chat.Adapter
	lanes   *lanes
	budget  *rate.Limiter // nil for no bound

	mu       sync.Mutex
	held     *holdRow
	last     map[string]time.Time // when a conversation was last sent to
	asked    map[string]time.Time // members whose profile was asked for, and when
	underWay map[store.Key]int64  // deliveries under way, by the row of the cap they will count against
	health   chat.Health
}

// maxDeliveries is how many conversations of one platform are delivered to at
// once.
const maxDeliveries = 32

// Attach connects a platform. What waits for it is delivered from now on.
func (e *Engine) Attach(ctx context.Context, a chat.Adapter) error {
	p := &platform{name: a.Name(), adapter: a, last: map[string]time.Time{}, asked: map[string]time.Time{},
		underWay: map[store.Key]int64{}}
	if r := a.Features().PerSecond; r > 0 {
		p.budget = rate.NewLimiter(rate.Limit(r), max(1, int(r)))
	}
	p.lanes = newLanes(e.clock, maxDeliveries, func(lane string, seq uint64) turn { return e.deliver(p, lane, seq) })
	hold, err := e.loadHold(ctx, p.name)
	if err != nil {
		return fmt.Errorf("host: attaching %s: %w", p.name, err)
	}
	p.held = hold
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, again := e.platforms[p.name]; again {
		return fmt.Errorf("host: platform %s is attached already", p.name)
	}
	e.platforms[p.name] = p
	if hold != nil {
		e.met.held.WithLabelValues(p.name).Set(1)
	}
	if e.run != nil {
		e.startPlatform(p)
	}
	return nil
}

// startPlatform begins deliveries and the adapter's own work. e.run is set.
func (e *Engine) startPlatform(p *platform) {
	p.lanes.start(e.run)
	if r, ok := p.adapter.(chat.Runner); ok {
		run := e.run
		e.work.Go(func() {
			if err := r.Run(run); err != nil && run.Err() == nil {
				e.o.Logger.Error("platform's connection ended", "platform", p.name, "err", err)
			}
		})
	}
	run := e.run
	e.work.Go(func() { e.watchHealth(run, p) })
}

// checkEvery is how often a held platform is asked whether it is well again.
const checkEvery = time.Minute

// watchHealth checks the platform at start, and while it is held: it is
// released without anybody having to say so.
func (e *Engine) watchHealth(ctx context.Context, p *platform) {
	e.checkHealth(ctx, p)
	for ctx.Err() == nil {
		up := make(chan struct{})
		stop := e.clock.AfterFunc(checkEvery, func() { close(up) })
		select {
		case <-ctx.Done():
			stop()
			return
		case <-up:
		}
		if p.hold() != nil {
			e.checkHealth(ctx, p)
		}
	}
}

func (e *Engine) checkHealth(ctx context.Context, p *platform) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	h := p.adapter.Check(ctx)
	p.mu.Lock()
	p.health = h
	p.mu.Unlock()
	if h.OK && p.hold() != nil {
		if err := e.release(ctx, p); err != nil {
			e.o.Logger.Error("platform could not be released", "platform", p.name, "err", err)
		}
	}
}

func (p *platform) hold() *holdRow {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

func (e *Engine) loadHold(ctx context.Context, name string) (*holdRow, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	row, err := snap.Get(ctx, kHold.Join(name))
	if err != nil || !row.Exists() {
		return nil, err
	}
	var h holdRow
	_, err = h.UnmarshalMsg(row.Value)
	return &h, err
}

// holdPlatform stops deliveries to a platform that refuses hearth as such, and
// tells the admins once.
func (e *Engine) holdPlatform(p *platform, de *chat.DeliveryError) {
	h := &holdRow{Code: de.Code, Advice: de.Advice, Since: e.now()}
	p.mu.Lock()
	first := p.held == nil
	if first {
		p.held = h
	}
	p.mu.Unlock()
	if !first {
		return
	}
	e.met.held.WithLabelValues(p.name).Set(1)
	e.o.Logger.Error("platform is held: it refuses hearth; its messages wait", "platform", p.name, "code", de.Code, "what to do", de.Advice)
	v, err := h.MarshalMsg(nil)
	if err == nil {
		b := new(store.Batch)
		b.Put(kHold.Join(p.name), v)
		_, err = e.store.Commit(e.ctx, b)
	}
	if err != nil {
		e.o.Logger.Error("hold is not kept over a restart", "platform", p.name, "err", err)
	}
}

// release lets deliveries to a held platform go on.
func (e *Engine) release(ctx context.Context, p *platform) error {
	b := new(store.Batch)
	b.Delete(kHold.Join(p.name))
	if _, err := e.store.Commit(ctx, b); err != nil {
		return err
	}
	p.mu.Lock()
	p.held = nil
	p.mu.Unlock()
	e.met.held.WithLabelValues(p.name).Set(0)
	e.o.Logger.Info("platform is released", "platform", p.name)
	p.lanes.resume()
	return nil
}

// Pause stops everything from being sent, within a second and until Resume,
// over restarts too. Events go on being accepted and handled.
func (e *Engine) Pause(ctx context.Context) error {
	e.pausing.Lock()
	defer e.pausing.Unlock()
	b := new(store.Batch)
	b.Put(kPaused, stamp(e.now()))
	if _, err := e.store.Commit(ctx, b); err != nil {
		return fmt.Errorf("host: pausing: %w", err)
	}
	e.paused.Store(true)
	e.o.Logger.Warn("paused: nothing is sent until `hearth resume`")
	return nil
}

// Resume ends a Pause; what has not expired is sent.
func (e *Engine) Resume(ctx context.Context) error {
	e.pausing.Lock()
	defer e.pausing.Unlock()
	b := new(store.Batch)
	b.Delete(kPaused)
	if _, err := e.store.Commit(ctx, b); err != nil {
		return fmt.Errorf("host: resuming: %w", err)
	}
	e.paused.Store(false)
	_, platforms := e.locked()
	for _, p := range platforms {
		p.lanes.resume()
	}
	e.o.Logger.Info("resumed")
	return nil
}

// Paused says whether a Pause is in force.
func (e *Engine) Paused() bool { return e.paused.Load() }

// askable says whether the profile of a member may be asked for.
func (p *platform) askable(id string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.asked[id]
	return !ok || now.Sub(at) > askAgain
}

// maxAsked bounds the memory of whom was asked about.
const maxAsked = 10_000

// ask takes note that a member is asked about, and says whether it was askable.
func (p *platform) ask(id string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.asked[id]; ok && now.Sub(at) <= askAgain {
		return false
	}
	if len(p.asked) >= maxAsked {
		clear(p.asked)
	}
	p.asked[id] = now
	return true
}

// reserve adds n to what is under way against a row of the cap, and returns how
// much that is now.
func (p *platform) reserve(key store.Key, n int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.underWay[key] + n
	if now == 0 {
		delete(p.underWay, key)
	} else {
		p.underWay[key] = now
	}
	return now
}

// pace says how long a lane waits before the platform's budget lets it send.
// Without a wait the budget is used. A member's quiet lane leads to the same
// conversation as their other one.
func (p *platform) pace(lane string, now time.Time) time.Duration {
	lane = strings.TrimSuffix(lane, quietLane)
	p.mu.Lock()
	defer p.mu.Unlock()
	gap := p.adapter.Features().PerConversation
	if wait := p.last[lane].Add(gap).Sub(now); gap > 0 && wait > 0 {
		return wait
	}
	if p.budget != nil {
		r := p.budget.ReserveN(now, 1)
		if wait := r.DelayFrom(now); wait > 0 {
			r.CancelAt(now)
			return wait
		}
	}
	if gap > 0 {
		if len(p.last) >= maxAsked {
			for l, at := range p.last {
				if now.Sub(at) > gap {
					delete(p.last, l)
				}
			}
		}
		p.last[lane] = now
	}
	return 0
}
