package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Verifier compiles and runs Go for the plugins' Verify actions. It shares its
// turns out, has each wait for one for as long as that takes, and bounds what it
// runs. It is safe for concurrent use.
type Verifier interface {
	// Verify answers with a verdict as JSON of at most MaxVerdict bytes.
	// ErrVerifierNotReady says to ask again in a while; a *VerifyError, what to
	// tell the plugin. When ctx ends the code is stopped.
	Verify(ctx context.Context, v Verification) ([]byte, error)
}

// Verification is what a plugin wants to be compiled and run, and for whom.
type Verification struct {
	*abi.Verify
	Locale    string // of the hints
	Community string // whose part of the turns it takes: the platform's name
	Member    string // whose turn it is

	// Moved is told the place in the queue, from 1, whenever it changes while this
	// waits, and 0 when its turn has come. It returns at once.
	Moved func(place int)
}

// VerifyError is why there is no verdict, for the plugin to say in its own words.
type VerifyError struct {
	Code string        // abi.TooFast or abi.Full
	Wait time.Duration // after which it is worth asking again; 0 if that is not known
	Err  error
}

func (e *VerifyError) Error() string { return e.Err.Error() }
func (e *VerifyError) Unwrap() error { return e.Err }

// MaxVerdict is how many bytes a verdict may have: it becomes part of an event.
const MaxVerdict = 128 << 10

// ErrVerifierNotReady is a Verifier's that is still being prepared.
var ErrVerifierNotReady = errors.New("host: the verifier is being prepared")

const (
	maxVerifies    = 512              // under way at once, waiting for their turn included
	verifyTimeout  = 15 * time.Minute // of one action, its turn included
	verifyPatience = 10 * time.Minute // of an action, with a verifier that is not ready
	verifyRetry    = 2 * time.Second
	announceAfter  = time.Second     // of waiting the plugin is told of its place in the queue
	announceEvery  = 3 * time.Second // and then of a new one
)

var (
	errLate     = errors.New("host: there was no verdict in time")
	errStopping = errors.New("host: stopping")
)

// verify carries out a Verify action. again says that it is to be tried later.
func (e *Engine) verify(ctx context.Context, seq uint64, rev store.Rev, row *actionRow, result *abi.Result) (again bool) {
	if e.o.Verifier == nil {
		result.Error, result.Code = "this hearth has no verifier", abi.Off
		return false
	}
	ctx, late := context.WithTimeoutCause(ctx, verifyTimeout, errLate)
	defer late()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := &announcer{e: e, seq: seq, rev: rev, row: row}
	// What has no turn yet when hearth stops waits in its row.
	defer context.AfterFunc(e.running(), func() {
		if a.place.Load() > 0 {
			cancel(errStopping)
		}
	})()

	community, member := row.turnOf()
	a.begin()
	body, err := e.o.Verifier.Verify(ctx, Verification{Verify: row.Action.Verify, Locale: e.localeOf(ctx, row.Member),
		Community: community, Member: member, Moved: a.moved})
	a.end()

	var why *VerifyError
	switch {
	case err == nil && len(body) > MaxVerdict:
		result.Error = fmt.Sprintf("the verdict has %d bytes, at most %d", len(body), MaxVerdict)
	case err == nil:
		result.Body = body
	case e.ctx.Err() != nil, context.Cause(ctx) == errStopping:
		return true // in the next process
	case context.Cause(ctx) == errLate:
		result.Error, result.Code = errLate.Error(), abi.Full
	case errors.Is(err, ErrVerifierNotReady):
		if e.clock.Now().UnixMilli()-row.Made < verifyPatience.Milliseconds() {
			return true
		}
		result.Error, result.Code = err.Error(), abi.NotReady
	case errors.As(err, &why):
		result.Error, result.Code, result.Wait = err.Error(), why.Code, why.Wait.Milliseconds()
	default:
		result.Error = err.Error()
	}
	return false
}

// turnOf is whose turn a verification takes: its member's, or that of where it
// was asked for.
func (r *actionRow) turnOf() (community, member string) {
	member = cmp.Or(r.Member, r.Conversation.ID)
	return cmp.Or(abi.Platform(member), r.Plugin), member
}

// running is a context that ends when no more work is begun.
func (e *Engine) running() context.Context {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.run
}

// announcer tells the plugin of the place in the queue of one of its
// verifications: by events before that with the verdict, each committed on the
// condition that the action's row is still there, and none once end has
// returned. They change no row, so that one more or less after a crash harms
// nothing.
type announcer struct {
	e     *Engine
	seq   uint64
	rev   store.Rev
	row   *actionRow
	place atomic.Int64

	mu    sync.Mutex
	told  int64
	ended bool
	stop  func() bool
}

func (a *announcer) moved(place int) { a.place.Store(int64(place)) }

func (a *announcer) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stop = a.e.clock.AfterFunc(announceAfter, a.tell)
}

func (a *announcer) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	a.stop()
}

func (a *announcer) tell() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return
	}
	if p := a.place.Load(); p > 0 && p != a.told {
		id := store.Seq(a.seq) + "-" + strconv.FormatInt(a.e.now(), 10)
		result := abi.Result{Name: a.row.Action.Name, Body: fmt.Appendf(nil, `{"queue_position":%d}`, p)}
		switch err := a.e.answer(new(store.Batch), a.seq, a.rev, a.row, id, abi.VerifyFinished, &result); {
		case err == nil:
			a.told = p
		case errors.Is(err, store.ErrConflict):
			return // it was aborted
		case a.e.ctx.Err() == nil:
			a.e.o.Logger.Warn("a place in the queue could not be told", "plugin", a.row.Plugin, "err", err)
		}
	}
	a.stop = a.e.clock.AfterFunc(announceEvery, a.tell)
}

// localeOf is the language to answer a member in.
func (e *Engine) localeOf(ctx context.Context, id string) string {
	if id != "" {
		snap, err := e.store.Snapshot(ctx)
		if err == nil {
			defer snap.Close()
			if p, _, err := members.Get(ctx, snap, id); err == nil && p.Locale != "" {
				return p.Locale
			}
		}
	}
	return e.tuned().Community.Locale
}
