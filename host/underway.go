package host

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// errAborted is why an action's context ended that its plugin took back.
var errAborted = errors.New("host: the plugin aborted the action")

// underway are the actions that are being carried out. The rows are the truth:
// what is not in here is not under way in this process.
type underway struct {
	mu      sync.Mutex
	cancels map[uint64]context.CancelCauseFunc
}

// begin returns a context for an action that abort ends. It is called before the
// action's row is read: an abort either finds it here, or has deleted the row.
func (u *underway) begin(ctx context.Context, seq uint64) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.cancels == nil {
		u.cancels = map[uint64]context.CancelCauseFunc{}
	}
	u.cancels[seq] = cancel
	return ctx, func() {
		cancel(nil)
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.cancels, seq)
	}
}

// abort stops an action whose row was deleted.
func (u *underway) abort(seq uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if cancel := u.cancels[seq]; cancel != nil {
		cancel(errAborted)
	}
}

// actPush is an action whose row was committed. The requests of a plugin are
// carried out one after the other; a verification waits for its turn among all
// others where those are shared out, so it has a lane of its own.
type actPush struct {
	plugin string
	seq    uint64
	verify bool
}

func (e *Engine) pushAction(a actPush) {
	if a.verify {
		e.verifies.push(a.plugin+"/"+store.Seq(a.seq), a.seq)
	} else {
		e.actions.push(a.plugin, a.seq)
	}
}

// waitingActions is how many actions of a plugin wait or are carried out, and the
// number of the oldest.
func (e *Engine) waitingActions(plugin string) (n int, oldest uint64) {
	n, oldest = e.verifies.under(plugin + "/")
	if first := e.actions.head(plugin); first != 0 && (oldest == 0 || first < oldest) {
		oldest = first
	}
	return n + e.actions.lane(plugin), oldest
}

func actionRef(plugin, conversation, name, key string) store.Key {
	return kActionRef.Join(plugin, conversation, name, key)
}

func (inv *invocation) planAction(a *abi.Action) error {
	switch {
	case a.Verify != nil:
		if err := inv.need(abi.CapVerify); err != nil {
			return err
		}
	case a.Host != "":
		if _, own := inv.version.guest.(*householder); !own {
			return refuse("the host does %q for its own plugin alone", a.Host)
		}
	default:
		if err := checkRequest(a.HTTP, inv.version.grants); err != nil {
			return err
		}
	}
	depth, err := inv.deeper()
	if err != nil {
		return err
	}
	waiting, _ := inv.engine.waitingActions(inv.plugin.name)
	if n := waiting + len(inv.acts); n >= maxWaitingActions {
		return refuse("%d actions of the plugin wait already", n)
	}
	seq := inv.engine.nextSeq()
	key := actionKey(inv.plugin.name, seq)
	r := actionRow{Plugin: inv.plugin.name, Event: inv.work.Seq, Action: *a, Conversation: inv.work.Event.Conversation,
		Member: inv.work.Event.Member.ID, Cause: inv.cause(), Depth: depth, Asked: inv.work.Asked, Answers: inv.answers(), Made: inv.call.Now}
	if a.Key != "" {
		ref := actionRef(inv.plugin.name, r.Conversation.ID, a.Name, a.Key)
		if _, err := inv.dropAction(ref); err != nil {
			return err
		}
		inv.batch.Put(ref, []byte(key))
		r.Ref = string(ref)
	}
	row, err := r.MarshalMsg(nil)
	if err != nil {
		return fmt.Errorf("%w: %v", errInfrastructure, err)
	}
	inv.batch.Put(key, row)
	inv.acts = append(inv.acts, actPush{inv.plugin.name, seq, a.Verify != nil})
	return nil
}

func (inv *invocation) planAbort(a *abi.Abort) error {
	ref := actionRef(inv.plugin.name, inv.work.Event.Conversation.ID, a.Name, a.Key)
	found, err := inv.dropAction(ref)
	if found {
		inv.batch.Delete(ref)
	}
	return err
}

// dropAction deletes the action that ref leads to, if it has not ended. It is
// stopped when that is committed.
func (inv *invocation) dropAction(ref store.Key) (found bool, err error) {
	for _, w := range inv.batch.Writes() {
		if w.Key == ref {
			return false, refuse("one action is asked for or aborted twice in one invocation")
		}
	}
	row, err := inv.snap.Get(inv.engine.ctx, ref)
	if err != nil {
		return false, fmt.Errorf("%w: %v", errInfrastructure, err)
	}
	inv.batch.Check(ref, row.Rev)
	if !row.Exists() {
		return false, nil
	}
	key := store.Key(row.Value)
	seq, err := keySeq(key)
	if err != nil {
		return false, fmt.Errorf("%w: row %s: %v", errInfrastructure, ref, err)
	}
	inv.batch.Delete(key)
	inv.aborts = append(inv.aborts, seq)
	return true, nil
}
