package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Tuning is what may change while the engine runs. Zero values are those of
// [Options].
type Tuning struct {
	Community Community
	Measure   Measure
	Policy    Policy
	Retries   Retries
	Journal   Journal
	Keep      Keep

	MaxBacklog, MaxOutbox, MaxTimers int

	HouseTexts []abi.TextDef
}

// Keep says for how long rows are kept that nothing else deletes.
type Keep struct {
	Seen    time.Duration // which events came in; 0 means 7 days
	Sent    time.Duration // what was sent, and what became of it; 0 means as long as the journal
	Buttons time.Duration // what buttons and keyed messages stand for, since their last use; 0 means 90 days
	Track   time.Duration // counters of what plugins track; 0 means 2 years
	Audit   time.Duration // who changed what; 0 means 365 days

	Versions int // of a plugin, beside those that run; 0 means 5
}

// tuning takes what may change out of the options, so that nobody reads there
// what has changed since.
func (o *Options) tuning() *Tuning {
	t := &Tuning{o.Community, o.Measure, o.Policy, o.Retries, o.Journal, o.Keep, o.MaxBacklog, o.MaxOutbox, o.MaxTimers, o.HouseTexts}
	o.Community, o.Measure, o.Policy, o.Retries, o.Journal, o.Keep = Community{}, Measure{}, Policy{}, Retries{}, Journal{}, Keep{}
	o.MaxBacklog, o.MaxOutbox, o.MaxTimers, o.HouseTexts = 0, 0, 0, nil
	return t.withDefaults()
}

func (t Tuning) withDefaults() *Tuning {
	def(&t.Community.Locale, "en")
	def(&t.Community.TimeZone, time.UTC)
	def(&t.Policy.DailyCap, 5)
	def(&t.Policy.Expiry, 24*time.Hour)
	if t.Retries.Delays == nil {
		t.Retries.Delays = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute}
	}
	def(&t.Retries.Hold, 30*time.Second)
	def(&t.Retries.Breaker, 5)
	def(&t.Retries.Pause, 30*time.Second)
	def(&t.Retries.Deliveries, 12)
	def(&t.Journal.MaxRows, 1_000_000)
	def(&t.Journal.MaxAge, 30*24*time.Hour)
	def(&t.Keep.Seen, 7*24*time.Hour)
	def(&t.Keep.Sent, t.Journal.MaxAge)
	def(&t.Keep.Buttons, 90*24*time.Hour)
	def(&t.Keep.Track, 2*366*24*time.Hour)
	def(&t.Keep.Audit, 365*24*time.Hour)
	def(&t.Keep.Versions, 5)
	def(&t.MaxBacklog, 100_000)
	def(&t.MaxOutbox, 100_000)
	def(&t.MaxTimers, 100_000)
	return &t
}

// tuned is the tuning at present. Whoever reads two things that have to fit
// together calls it once.
func (e *Engine) tuned() *Tuning { return e.tuning.Load() }

// Reconfigure changes how the engine works from now on; what is under way may
// end by either tuning. The plugins' images are taken anew if the community has
// changed. If that fails for one of them, nothing is changed.
func (e *Engine) Reconfigure(ctx context.Context, t Tuning) error {
	e.retuning.Lock()
	defer e.retuning.Unlock()
	old := e.tuned()
	now := t.withDefaults()
	if err := now.Measure.Check(); err != nil {
		return fmt.Errorf("host: changing how the engine works: %w", err)
	}
	err := e.retune(ctx, old, now)
	if err == nil {
		err = e.measureBy(ctx, now) // last, as it cannot be undone without a trace
	}
	if err == nil {
		return nil
	}
	back := e.retune(context.WithoutCancel(ctx), now, old)
	if back != nil {
		back = fmt.Errorf("and it could not be undone: %w", back)
	}
	return fmt.Errorf("host: changing how the engine works: %w", errors.Join(err, back))
}

func (e *Engine) retune(ctx context.Context, old, now *Tuning) error {
	e.tuning.Store(now)
	plugins, _ := e.locked()
	for _, p := range plugins {
		p.breaker.tune(now.Retries)
	}
	if old.Community.Name == now.Community.Name && old.Community.Locale == now.Community.Locale && old.Community.TimeZone.String() == now.Community.TimeZone.String() {
		return nil
	}
	if err := e.refresh(ctx); err != nil {
		return err
	}
	if old.Community.TimeZone.String() == now.Community.TimeZone.String() {
		return nil
	}
	for _, p := range plugins {
		if v := p.version(); v != nil {
			if err := e.timers.reschedule(ctx, p, v); err != nil {
				return fmt.Errorf("plugin %s: %w", p.name, err)
			}
		}
	}
	return nil
}

// Configure gives the live version of a plugin another config and other texts:
// its image is taken anew and put in the place of the old one, which events
// under way end on. GrantAll of o is ignored. A config that is not acceptable
// (ErrConfig), or with which the plugin fails its self-test, changes nothing.
func (e *Engine) Configure(ctx context.Context, name string, o PluginOptions) error {
	for {
		swapped, err := e.configure(ctx, name, o)
		if err != nil {
			return fmt.Errorf("host: configuring plugin %s: %w", name, err)
		}
		if swapped {
			return nil
		}
	}
}

// configure says whether it came to its end before another version was live.
func (e *Engine) configure(ctx context.Context, name string, o PluginOptions) (bool, error) {
	e.refreshing.Lock()
	defer e.refreshing.Unlock()
	p := e.plugin(name)
	if p == nil || p.version() == nil {
		return false, fmt.Errorf("%w: plugin %s", ErrUnknown, name)
	}
	old := p.version()
	if old.compiled == nil {
		return false, fmt.Errorf("%w: it is no module", wasm.ErrClosed)
	}
	age := p.aged.Load()
	v, err := e.image(ctx, old.compiled, &old.manifest, o, nil)
	if err != nil && p.version() != old {
		return false, nil // another version has become live, and old is closed
	}
	if err != nil {
		return false, err
	}
	v.grants = old.grants
	v.age.Store(age)
	if !p.replace(old, v) {
		return false, v.guest.Close()
	}
	if err := old.guest.Close(); err != nil {
		e.o.Logger.Warn("old image did not close cleanly", "plugin", name, "err", err)
	}
	e.configureOthers(ctx, p, o)
	p.breaker.reset()
	p.lanes.resume()
	e.o.Logger.Info("plugin has another config", "plugin", name, "config", cmp.Or(v.config, "none")[:min(12, len(v.config))])
	return true, nil
}

// configureOthers gives what runs beside the live version the config that that
// has now. What cannot have it is told apart from it by more than its code: it
// stays as it is, and is logged.
func (e *Engine) configureOthers(ctx context.Context, p *plugin, o PluginOptions) {
	for _, old := range p.lineup().others() {
		if old.compiled == nil {
			continue
		}
		age := p.aged.Load()
		v, err := e.image(ctx, old.compiled, &old.manifest, o, nil)
		if err != nil {
			e.o.Logger.Error("a version beside the live one runs on with the config that it had", "plugin", p.name, "version", old.manifest.Version, "err", err)
			continue
		}
		v.grants = old.grants
		v.age.Store(age)
		if p.replace(old, v) {
			old.guest.Close()
		} else {
			v.guest.Close() // it does not run any more
		}
	}
}
