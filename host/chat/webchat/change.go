package webchat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

const (
	freeTries = 3  // attempts beside others, before a change takes its turn alone
	maxTries  = 50 // attempts altogether: others may still write without a turn
)

// tx is one attempt at a change: what it reads, and the batch it makes.
type tx struct {
	view
	a     *Adapter
	b     store.Batch
	now   time.Time
	hands []abi.Event
}

// change calls f until the batch it makes commits. f may be called several
// times and must start from nothing each time. It returns the events to be
// handed over, which are safe in the store.
func (a *Adapter) change(ctx context.Context, f func(*tx) error) ([]abi.Event, error) {
	for try := 1; ; try++ {
		if try == freeTries+1 {
			a.turn.Lock()
			defer a.turn.Unlock()
		}
		hands, err := a.attempt(ctx, f)
		if !errors.Is(err, store.ErrConflict) || try == maxTries {
			return hands, err
		}
	}
}

func (a *Adapter) attempt(ctx context.Context, f func(*tx) error) ([]abi.Event, error) {
	snap, err := a.st.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	defer snap.Close()
	t := &tx{view: view{ctx: ctx, snap: snap}, a: a, now: a.now()}
	if err := f(t); err != nil {
		return nil, err
	}
	if len(t.b.Writes()) == 0 {
		return nil, nil
	}
	if _, err := a.st.Commit(ctx, &t.b); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return t.hands, nil
}

// own reads the row of k and makes the batch depend on it; rev is 0 if there is
// none.
func (t *tx) own(k store.Key, p any) (store.Rev, error) {
	rev, err := t.get(k, p)
	if err == nil {
		t.b.Check(k, rev)
	}
	return rev, err
}

// create says whether there is no row of k, and makes the batch depend on that.
func (t *tx) create(k store.Key) (bool, error) {
	there, err := t.has(k)
	if err == nil && !there {
		t.b.Check(k, 0)
	}
	return !there, err
}

func (t *tx) put(k store.Key, v any) error { return putJSON(&t.b, k, v) }

func putJSON(b *store.Batch, k store.Key, v any) error {
	p, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", k, err)
	}
	b.Put(k, p)
	return nil
}

// announce puts a row into the log that the hub reads.
func (t *tx) announce(r logRow) error {
	return t.put(logKey(t.a.ids.next(t.now)+"-"+t.a.hub.node()), r)
}

// hand puts e into the batch, to be handed to the sink when that is committed.
func (t *tx) hand(e abi.Event) error {
	e.ID = t.a.ids.next(t.now) + "-" + t.a.hub.node()
	e.Source = Name
	e.Time = t.now.UnixMilli()
	b, err := e.MarshalMsg(nil)
	if err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	t.b.Put(handKey(e.ID), b)
	t.hands = append(t.hands, e)
	return nil
}

// freshID is a message id that no row has.
func (t *tx) freshID(conv, rootID string) (messageID, error) {
	id := messageID{root: rootID}
	if n := t.a.ids.next(t.now); rootID == "" {
		id.root = n
	} else {
		id.own = n
	}
	ok, err := t.create(messageKey(conv, id))
	if err == nil && !ok {
		err = store.ErrConflict
	}
	return id, err
}

// once says whether this is the first time that scope does id, and what came of
// it if not. The caller calls did in the same batch.
func (t *tx) once(scope, id string) (doneRow, bool, error) {
	var d doneRow
	rev, err := t.own(doneKey(scope, id), &d)
	return d, rev == 0, err
}

func (t *tx) did(scope, id string, d doneRow) error {
	d.Time = t.now.UnixMilli()
	return t.put(doneKey(scope, id), d)
}
