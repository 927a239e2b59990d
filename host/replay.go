package host

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// ReplayOptions say which version runs which events again.
type ReplayOptions struct {
	Plugin string // "" is what Code calls itself
	Code   []byte // of the version; nil: SHA's. Not to be changed any more
	SHA    string // of a version that the registry has, or that runs; "": the live one

	Last       int       // so many events at most, the newest; 0 means 1,000, more than 10,000 means that
	Since      time.Time // accepted then or later; zero: whenever
	Until      time.Time // accepted before; zero: now
	Kind       abi.Kind  // "" for all
	FailedOnly bool      // whose recorded attempt failed
	Event      string    // the number of the one event to run, which the report lists whatever comes of it; "" for all

	Trouble replay.Trouble // with which reads are answered

	// Progress is called now and then, by one goroutine at a time.
	Progress func(done, total int)
}

// MaxReplay is how many events one replay runs.
const MaxReplay = 10_000

const (
	replayLook  = 500_000 // rows of the journal that one replay looks through
	replayChunk = 64      // rows that it has in memory at once: at most 20 MiB
	replayTries = 3       // of an event whose reads were made to fail

	// replaySpace is where evidence lies; the plugin sees its own keys alone.
	replaySpace = "replay"
)

// Replay runs recorded events through a version of a plugin, with the reads,
// seed and clock that they had, and says what it does otherwise than was done
// then. Nothing of it is carried out, and nothing of the store is changed. The
// version is given the config and the texts that hold now; where they were
// others, the report says so.
//
// It has sandboxes of its own, and half of the processors at most: what runs is
// not held up. Replays take turns. ErrUnknown says that there is no such plugin
// or version; what is wrong with Code is said as Stage does.
func (e *Engine) Replay(ctx context.Context, o ReplayOptions) (*replay.Report, error) {
	r, err := e.replayWith(ctx, &o)
	if err != nil {
		return nil, fmt.Errorf("host: replaying events: %w", oneLine(err))
	}
	return r, nil
}

func (e *Engine) replayWith(ctx context.Context, o *ReplayOptions) (*replay.Report, error) {
	over, err := e.replays.take(ctx)
	if err != nil {
		return nil, err
	}
	defer over()
	begun := time.Now()
	v, done, err := e.understudy(ctx, o)
	if err != nil {
		return nil, err
	}
	defer done()
	t, err := e.rehearse(ctx, v, o, time.Since(begun))
	if err != nil {
		return nil, err
	}
	return t.Finish(), nil
}

// turns has those who come one after the other.
type turns struct {
	once sync.Once
	busy chan struct{}
}

func (t *turns) take(ctx context.Context) (over func(), err error) {
	t.once.Do(func() { t.busy = make(chan struct{}, 1) })
	select {
	case t.busy <- struct{}{}:
		return func() { <-t.busy }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for another replay to end: %w", ctx.Err())
	}
}

// understudy makes the version that is to run, with an image of its own; done
// gives it back.
func (e *Engine) understudy(ctx context.Context, o *ReplayOptions) (v *version, done func(), err error) {
	if o.Code != nil {
		if err := checkCode(o.Code); err != nil {
			return nil, nil, err
		}
		return e.newcomerFor(ctx, o, o.Code, sha256.Sum256(o.Code))
	}
	p := e.plugin(o.Plugin)
	for there := chosen(p, o.SHA); there != nil; there = chosen(p, o.SHA) {
		v, done, err := e.doubleOf(ctx, there)
		if errors.Is(err, wasm.ErrClosed) && chosen(p, o.SHA) != there {
			continue // another has taken its place since
		}
		return v, done, err
	}
	switch {
	case o.SHA != "":
	case p == nil:
		return nil, nil, fmt.Errorf("%w: plugin %q", ErrUnknown, o.Plugin)
	default:
		return nil, nil, fmt.Errorf("%w: no version of plugin %s is live; say which to run", ErrUnknown, o.Plugin)
	}
	return e.storedFor(ctx, o)
}

// chosen is the version of that hash among those that run, the live one for "";
// nil if it does not.
func chosen(p *plugin, sha string) *version {
	switch {
	case p == nil:
		return nil
	case sha == "":
		return p.version()
	}
	for _, v := range p.lineup().all() {
		if v.sha == sha {
			return v
		}
	}
	return nil
}

// doubleOf is a version that runs, with sandboxes of its own.
func (e *Engine) doubleOf(ctx context.Context, v *version) (*version, func(), error) {
	if v.compiled == nil {
		return v, func() {}, nil // a Go function has none
	}
	setup, err := e.setup(ctx, &v.manifest, v.options, nil)
	if err != nil {
		return nil, nil, err
	}
	img, err := v.compiled.Image(ctx, setup, warmups())
	if err != nil {
		return nil, nil, err
	}
	double := &version{manifest: v.manifest, sha: v.sha, config: digest(setup), grants: v.grants, guest: img, options: v.options}
	return double, func() { _ = img.Close() }, nil // its calls have ended, and it has nothing to tell
}

// storedFor is a version that the registry has.
func (e *Engine) storedFor(ctx context.Context, o *ReplayOptions) (*version, func(), error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	row, err := registry.VersionOf(ctx, snap, o.Plugin, o.SHA)
	snap.Close()
	if err != nil {
		return nil, nil, unknown(err)
	}
	if e.changes.guest != nil {
		var m abi.Manifest
		if _, err := m.UnmarshalMsg(row.Manifest); err != nil {
			return nil, nil, fmt.Errorf("its stored manifest: %w", err)
		}
		if g := e.changes.guest(&row, &m); g != nil {
			return &version{manifest: m, sha: row.SHA256, guest: g}, func() {}, nil
		}
	}
	code, sum, err := e.codeOf(ctx, o.SHA)
	if err != nil {
		return nil, nil, err
	}
	return e.newcomerFor(ctx, o, code, sum)
}

// newcomerFor compiles code and takes its image.
func (e *Engine) newcomerFor(ctx context.Context, o *ReplayOptions, code []byte, sum [sha256.Size]byte) (*version, func(), error) {
	n, err := e.compile(ctx, sum, given(code))
	if err != nil {
		return nil, nil, err
	}
	closed := func() { _ = n.compiled.Close(context.WithoutCancel(ctx)) } // its calls have ended
	if o.Plugin != "" && n.manifest.Name != o.Plugin {
		closed()
		return nil, nil, fmt.Errorf("%w: it calls itself %q, and not %q", ErrManifest, n.manifest.Name, o.Plugin)
	}
	set, err := e.optionsOf(&n.manifest)
	if err != nil {
		closed()
		return nil, nil, err
	}
	v, err := e.image(ctx, n.compiled, &n.manifest, set, nil)
	if err != nil {
		closed()
		return nil, nil, err
	}
	return v, closed, nil
}

// rehearsal is a version that runs recorded events.
type rehearsal struct {
	engine  *Engine
	version *version // its grants are those that it has here
	config  string   // of what would be recorded now
	trouble replay.Trouble
	wall    time.Duration // that a call may take
}

// rehearse has v run the events that o chooses.
func (e *Engine) rehearse(ctx context.Context, v *version, o *ReplayOptions, prepared time.Duration) (*replay.Tally, error) {
	begun := time.Now()
	name := v.manifest.Name
	t := replay.NewTally(replay.MaxChanges, o.Event != "")
	t.Report.Plugin, t.Report.Version, t.Report.SHA256 = name, v.manifest.Version, v.sha
	t.Report.PreparedMS = float64(prepared.Microseconds()) / 1000
	h, err := e.newRehearsal(ctx, v, &t.Report)
	if err != nil {
		return nil, err
	}
	h.trouble = o.Trouble

	keys, ended, err := e.recorded(ctx, name, o)
	if err != nil {
		return nil, err
	}
	t.Report.Ended = ended
	if o.Event != "" && len(keys) == 0 {
		return nil, fmt.Errorf("%w: the journal has no event %q of plugin %s", ErrUnknown, o.Event, name)
	}
	for at := 0; at < len(keys); at += replayChunk {
		if o.Progress != nil {
			o.Progress(at, len(keys))
		}
		if err := h.chunk(ctx, keys[at:min(at+replayChunk, len(keys))], t); err != nil {
			return nil, err
		}
	}
	if o.Progress != nil {
		o.Progress(len(keys), len(keys))
	}
	t.Report.TookMS = float64(time.Since(begun).Microseconds()) / 1000
	return t, nil
}

// newRehearsal sees what v is permitted, and what differs from the live version
// beside the code. What only v asks for it is granted here, for it does not
// become live without; what the live version lacks v lacks too.
func (e *Engine) newRehearsal(ctx context.Context, v *version, r *replay.Report) (*rehearsal, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	name := v.manifest.Name
	have, _, err := e.grantsOf(ctx, snap, name)
	if err != nil {
		return nil, err
	}
	where, _, err := spaceOf(ctx, snap, name)
	if err != nil {
		return nil, err
	}
	h := &rehearsal{engine: e, config: v.config, wall: wasm.DefaultLimits().Wall}
	missing := have.missing(v.manifest.Needs)
	var asked grants
	if live := e.liveOf(e.plugin(name)); live != nil {
		r.Live, asked = live.sha, live.manifest.Needs
		if h.config = live.config; live.compiled != nil {
			setup, err := e.setup(ctx, &live.manifest, live.options, nil)
			if err != nil {
				return nil, err
			}
			h.config = digest(setup)
		}
	}
	h.version = &version{manifest: v.manifest, sha: v.sha, config: v.config, guest: v.guest, grants: withAll(have, asked.missing(missing))}
	for _, n := range missing {
		r.Missing = append(r.Missing, needsText([]abi.Need{n}))
	}
	r.StateVersion, r.StateBefore = v.manifest.State(), where.State
	return h, nil
}

// recorded lists the rows of the journal that o chooses, the newest first. ended
// says that the journal goes back further than was looked.
func (e *Engine) recorded(ctx context.Context, plugin string, o *ReplayOptions) (keys []store.Key, ended bool, err error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, false, err
	}
	defer snap.Close()
	most := o.Last
	if most <= 0 {
		most = 1000
	}
	most = min(most, MaxReplay)
	span := store.Prefix(kJournal.Prefix())
	switch {
	case o.Event != "":
		span = store.Prefix(kJournal.Join(o.Event).Prefix())
	default:
		if !o.Since.IsZero() {
			span.From = kJournal.Join(store.Seq(uint64(max(o.Since.UnixNano(), 0))))
		}
		if !o.Until.IsZero() {
			span.To = kJournal.Join(store.Seq(uint64(max(o.Until.UnixNano(), 0))))
		}
	}
	span.Reverse = true
	f := EventFilter{Kind: o.Kind, FailedOnly: o.FailedOnly}
	may, looked := f.needles(), 0
	for row, err := range snap.Scan(ctx, span) {
		if err != nil {
			return nil, false, err
		}
		if looked++; looked > replayLook {
			return keys, true, nil
		}
		if splitKey(row.Key, 1)[0] != plugin || !may(row.Value) {
			continue
		}
		if f.Kind != "" || f.FailedOnly {
			h, err := readHandled(row)
			if err != nil {
				return nil, false, err
			}
			if !f.matches(&h) {
				continue
			}
		}
		if keys = append(keys, row.Key); len(keys) == most {
			break
		}
	}
	return keys, false, nil
}

// chunk runs some events side by side and adds what came of them in their order.
func (h *rehearsal) chunk(ctx context.Context, keys []store.Key, t *replay.Tally) error {
	rows, err := h.read(ctx, keys)
	if err != nil {
		return err
	}
	type ran struct {
		replay.Case
		replay.Outcome
		err error
	}
	out := make([]ran, len(rows))
	var next atomic.Int64
	var work sync.WaitGroup
	for range min(len(rows), max(1, runtime.GOMAXPROCS(0)/2)) {
		work.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(rows) || ctx.Err() != nil {
					return
				}
				if r := &rows[i]; !r.NoReplay {
					out[i].Case, out[i].Outcome, out[i].err = h.event(ctx, r)
				}
			}
		})
	}
	work.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range out {
		switch {
		case out[i].err != nil:
			return fmt.Errorf("event %s: %w", rows[i].number, out[i].err)
		case rows[i].NoReplay:
			t.Skip()
		default:
			t.Add(&out[i].Case, &out[i].Outcome)
		}
	}
	return nil
}

// evidenceRow is a row of the journal.
type evidenceRow struct {
	journalRow
	number string
}

// read reads rows of the journal, without those that have been deleted since.
func (h *rehearsal) read(ctx context.Context, keys []store.Key) ([]evidenceRow, error) {
	snap, err := h.engine.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	rows := make([]evidenceRow, 0, len(keys))
	for _, k := range keys {
		row, err := snap.Get(ctx, k)
		if err != nil {
			return nil, err
		}
		if !row.Exists() {
			continue
		}
		r := evidenceRow{number: splitKey(k, 2)[0]}
		if _, err := r.UnmarshalMsg(row.Value); err != nil {
			return nil, fmt.Errorf("row %s: %w", k, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// event runs one event.
func (h *rehearsal) event(ctx context.Context, j *evidenceRow) (replay.Case, replay.Outcome, error) {
	c := replay.Case{Number: j.number, Call: j.Call, Recorded: j.Version, Effects: j.Effects, Fuel: j.Fuel, Took: time.Duration(j.Nanos),
		ConfigChanged: j.Config != h.config}
	o, err := h.run(ctx, j)
	if err != nil || j.Error == "" {
		return c, o, err
	}
	// An attempt that failed did nothing. If the host refused what the plugin
	// returned, for a reason of that moment, what it returned is compared.
	if j.Effects.Error == "" && refusal(j.Error) && h.permits(&j.Call, &j.Effects, j.Grants) == nil {
		return c, o, nil
	}
	c.Effects = abi.Effects{Error: j.Error}
	return c, o, nil
}

// refusal says whether an attempt failed because the host refused what the
// plugin had returned. What befell the plugin itself is said by package wasm.
func refusal(failure string) bool {
	return !strings.HasPrefix(failure, "wasm: ") && hasAny(failure, errRefused.Error()+": ", store.ErrTooLarge.Error(), store.ErrInvalid.Error())
}

// run is what the version does about an event. Its error is none of the version's.
func (h *rehearsal) run(ctx context.Context, j *evidenceRow) (o replay.Outcome, err error) {
	in, err := j.Call.MarshalMsg(nil)
	if err != nil {
		return o, err
	}
	known := make([]replay.Read, len(j.Reads))
	for i := range j.Reads {
		known[i] = replay.Read(j.Reads[i])
	}
	evidence := replay.NewEvidence(stateKey(replaySpace, ""), known)
	fresh := func() *reads {
		r := &reads{snap: evidence, space: replaySpace}
		if !h.version.grants.has(abi.CapMembers) {
			r.own = "m/" + abi.KeySegment(j.Call.Event.Member.ID) + "/"
		}
		return r
	}
	host := h.trouble.Over(fresh(), j.Call.Seed, h.wall)
	var res wasm.Result
	for try := 1; ; try++ {
		failed := host.Failed
		res, err = h.version.guest.Call(ctx, wasm.Call{Export: abi.ExportHandle, Input: in, Host: host, Now: time.UnixMilli(j.Call.Now), Seed: j.Call.Seed})
		o.Fuel, o.Took = o.Fuel+res.Fuel, o.Took+res.Duration
		if host.Failed == failed || try == replayTries {
			break
		}
		host.Again(fresh())
	}
	o.Took += host.Waited
	o.Exact, o.Missed = evidence.Exact(), evidence.Missed()
	switch {
	case ctx.Err() != nil:
		return o, ctx.Err()
	case errors.Is(err, wasm.ErrClosed), errors.Is(err, wasm.ErrBusy):
		return o, err
	}
	if err == nil {
		_, err = o.Effects.UnmarshalMsg(res.Output)
		if err == nil && o.Effects.Error != "" {
			err = errors.New(o.Effects.Error)
		}
	}
	if err == nil {
		err = h.permits(&j.Call, &o.Effects, h.version.grants)
	}
	if err != nil {
		o.Effects = abi.Effects{Error: firstLine(err.Error(), 2<<10)}
	}
	return o, nil
}

// permits is as much of a plan as can be known without the moment of the event:
// what a plugin with these grants may do, and how much of it.
func (h *rehearsal) permits(call *abi.Call, ef *abi.Effects, g grants) error {
	v := version{manifest: h.version.manifest, grants: g, guest: h.version.guest}
	inv := &invocation{version: &v, work: &workRow{Event: call.Event}, call: *call, effects: *ef}
	if !g.has(abi.CapMembers) {
		inv.reads.own = "m/" + abi.KeySegment(call.Event.Member.ID) + "/"
	}
	return inv.permitted()
}
