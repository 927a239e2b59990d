package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/store"
)

// platform is a connected chat platform and the queue of what goes there.
type platform struct {
	name    string
	adapter chat.Adapter
	lanes   *lanes
	budget  *rate.Limiter // nil for no bound

	ctx  context.Context // of calls of the adapter: the engine's, until Detach has waited long enough
	stop context.CancelFunc
	run  context.Context // set by startPlatform; new deliveries are begun until it ends
	end  context.CancelFunc
	work sync.WaitGroup // what runs beside the deliveries

	mu       sync.Mutex
	held     *holdRow
	last     map[string]time.Time // when a conversation was last sent to
	asked    map[string]time.Time // members whose profile was asked for, and when
	underWay map[store.Key]int64  // deliveries under way, by the row of the cap they will count against
	health   chat.Health
	checked  time.Time // when health was asked for; zero: not yet

	tally tally
}

// maxDeliveries is how many conversations of one platform are delivered to at
// once.
const maxDeliveries = 32

// Attach connects a platform. What waits for it is delivered from now on.
//
//	known by name: new messages wait in its lanes ─► older rows put before them ─► deliveries begin
func (e *Engine) Attach(ctx context.Context, a chat.Adapter) error {
	p := &platform{name: a.Name(), adapter: a, last: map[string]time.Time{}, asked: map[string]time.Time{},
		underWay: map[store.Key]int64{}, tally: tally{pulse{began: e.clock.Now()}}}
	if r := a.Features().PerSecond; r > 0 {
		p.budget = rate.NewLimiter(rate.Limit(r), max(1, int(r)))
	}
	p.lanes = newLanes(e.clock, maxDeliveries, func(lane string, seq uint64) turn { return e.deliver(p, lane, seq) })
	hold, err := e.loadHold(ctx, p.name)
	if err != nil {
		return fmt.Errorf("host: attaching %s: %w", p.name, err)
	}
	p.held = hold
	p.ctx, p.stop = context.WithCancel(e.ctx)
	running, err := e.enlist(p)
	if err == nil && running { // else Run finds its rows, and starts it
		if err = e.recoverPlatform(ctx, p); err == nil {
			err = e.startPlatform(p)
		}
		if err != nil {
			e.delist(p)
		}
	}
	if err != nil {
		p.stop()
		return fmt.Errorf("host: attaching %s: %w", p.name, err)
	}
	if hold != nil {
		e.met.held.WithLabelValues(p.name).Set(1)
	}
	return nil
}

// enlist makes a platform known by its name, and says whether the engine runs.
func (e *Engine) enlist(p *platform) (running bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, again := e.platforms[p.name]; again {
		return false, errors.New("it is attached already")
	}
	e.platforms[p.name] = p
	return e.run != nil, nil
}

func (e *Engine) delist(p *platform) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.platforms[p.name] == p {
		delete(e.platforms, p.name)
	}
}

// recoverPlatform puts what waits for a platform into its lanes, before what has
// come into them since it is known.
func (e *Engine) recoverPlatform(ctx context.Context, p *platform) error {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	for row, err := range snap.Scan(ctx, store.Prefix(kOutbox.Prefix())) {
		if err != nil {
			return err
		}
		s := splitKey(row.Key, 3)
		if n, err := store.ParseSeq(s[0]); err == nil && s[1] == p.name {
			p.lanes.restore(s[2], n)
		}
	}
	return nil
}

// startPlatform begins deliveries and the adapter's own work. e.run is set; it
// is an error if that has ended.
func (e *Engine) startPlatform(p *platform) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closing.Load():
		return errors.New("hearth is stopping")
	case e.platforms[p.name] != p:
		return nil // it has been detached before it began
	}
	p.run, p.end = context.WithCancel(e.run)
	p.lanes.start(p.run)
	if r, ok := p.adapter.(chat.Runner); ok {
		e.beside(p, func() {
			if err := r.Run(p.run); err != nil && p.run.Err() == nil {
				e.o.Logger.Error("platform's connection ended", "platform", p.name, "err", err)
			}
		})
	}
	e.beside(p, func() { e.watchHealth(p.run, p) })
	return nil
}

// beside runs f beside a platform's deliveries.
func (e *Engine) beside(p *platform, f func()) {
	p.work.Add(1)
	e.work.Go(func() {
		defer p.work.Done()
		f()
	})
}

// Detach disconnects a platform: no delivery is begun any more, those under way
// end, and the adapter's own work does. What waits for it stays, and is
// delivered once a platform of that name is attached. If ctx ends before, what
// is under way is broken off; what came of it is looked at then. It returns
// ErrUnknown if there is no such platform.
func (e *Engine) Detach(ctx context.Context, name string) error {
	p := e.platform(name)
	if p == nil {
		return fmt.Errorf("%w: platform %s", ErrUnknown, name)
	}
	e.mu.RLock()
	end := p.end
	e.mu.RUnlock()
	if end != nil {
		end()
		idle := make(chan struct{})
		go func() {
			defer close(idle)
			p.lanes.wait()
			p.work.Wait()
		}()
		select {
		case <-idle:
		case <-ctx.Done():
			p.stop()
			<-idle
		}
	}
	e.delist(p) // only now: until here its members could be written to
	p.stop()
	e.met.held.DeleteLabelValues(name)
	e.o.Logger.Info("platform is disconnected; what waits for it stays", "platform", name, "messages", p.lanes.length())
	return nil
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
	p.health, p.checked = h, e.clock.Now()
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
func (e *Engine) Pause(ctx context.Context) error { return e.pause(ctx, nil) }

// PauseBy is Pause, on record with its reason.
func (e *Engine) PauseBy(ctx context.Context, who audit.Who, why string) error {
	return e.pause(ctx, &audit.Entry{Who: who, Did: "host.pause", On: "host", Why: why})
}

func (e *Engine) pause(ctx context.Context, on *audit.Entry) error {
	e.pausing.Lock()
	defer e.pausing.Unlock()
	if err := e.record(ctx, on, func(b *store.Batch) { b.Put(kPaused, stamp(e.now())) }); err != nil {
		return fmt.Errorf("host: pausing: %w", err)
	}
	e.paused.Store(true)
	e.o.Logger.Warn("paused: nothing is sent until `hearth resume`")
	return nil
}

// Resume ends a Pause; what has not expired is sent.
func (e *Engine) Resume(ctx context.Context) error { return e.resume(ctx, nil) }

// ResumeBy is Resume, on record with its reason.
func (e *Engine) ResumeBy(ctx context.Context, who audit.Who, why string) error {
	return e.resume(ctx, &audit.Entry{Who: who, Did: "host.resume", On: "host", Why: why})
}

func (e *Engine) resume(ctx context.Context, on *audit.Entry) error {
	e.pausing.Lock()
	defer e.pausing.Unlock()
	if err := e.record(ctx, on, func(b *store.Batch) { b.Delete(kPaused) }); err != nil {
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

// record commits a change that relies on nothing, with an entry of it on record
// unless that is nil.
func (e *Engine) record(ctx context.Context, on *audit.Entry, change func(*store.Batch)) error {
	for try := 1; ; try++ {
		b := new(store.Batch)
		change(b)
		if on != nil {
			if err := e.audit.Put(b, *on); err != nil {
				return err
			}
		}
		if _, err := e.store.Commit(ctx, b); !errors.Is(err, store.ErrConflict) || try == maxConflicts {
			return err
		}
	}
}

// Check asks a platform now whether hearth may do its work there, which takes
// ten seconds at most; [Engine.Status] then knows. ErrUnknown says that there is
// no such platform.
func (e *Engine) Check(ctx context.Context, platform string) error {
	p := e.platform(platform)
	if p == nil {
		return fmt.Errorf("%w: platform %s", ErrUnknown, platform)
	}
	e.checkHealth(context.WithoutCancel(ctx), p) // whoever asked may go; what the platform says is for all
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

// unask forgets that a member was asked about.
func (p *platform) unask(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.asked, id)
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
