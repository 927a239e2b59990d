package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Verifier compiles and runs Go for the plugins' Verify actions. It waits its
// turn, for as long as that takes, and bounds what it runs.
type Verifier interface {
	// Verify answers with a verdict as JSON of at most MaxVerdict bytes, its
	// hints in locale. ErrVerifierNotReady says to ask again in a while.
	Verify(ctx context.Context, v *abi.Verify, locale string) ([]byte, error)
}

// MaxVerdict is how many bytes a verdict may have: it becomes part of an event.
const MaxVerdict = 128 << 10

// ErrVerifierNotReady is a Verifier's that is still being prepared.
var ErrVerifierNotReady = errors.New("host: the verifier is being prepared")

const (
	verifyTimeout  = 2 * time.Minute  // of one action, its turn included
	verifyPatience = 10 * time.Minute // of an action, with a verifier that is not ready
	verifyRetry    = 2 * time.Second
)

// verify carries out a Verify action. again says that it is to be tried later.
func (e *Engine) verify(row *actionRow, result *abi.Result) (again bool) {
	if e.o.Verifier == nil {
		result.Error = "this hearth has no verifier"
		return false
	}
	ctx, cancel := context.WithTimeout(e.ctx, verifyTimeout)
	defer cancel()
	body, err := e.o.Verifier.Verify(ctx, row.Action.Verify, e.localeOf(ctx, row.Member))
	switch {
	case errors.Is(err, ErrVerifierNotReady) && e.clock.Now().UnixMilli()-row.Made < verifyPatience.Milliseconds():
		return true
	case err != nil && e.ctx.Err() != nil: // the process ends: the next one does it
		return true
	case err != nil:
		result.Error = err.Error()
	case len(body) > MaxVerdict:
		result.Error = fmt.Sprintf("the verdict has %d bytes, at most %d", len(body), MaxVerdict)
	default:
		result.Body = body
	}
	return false
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
	return e.o.Community.Locale
}
