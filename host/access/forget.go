package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
)

// Forget takes a person's ids out of what tokens, links and sessions are called, and
// out of by whom they were made. They stay: they are others'. It
// returns how many it has changed, and may be called again. What is theirs goes
// with ForgetMember.
func (k *Keeper) Forget(ctx context.Context, p audit.Person) (int, error) {
	changed := 0
	for _, of := range []struct {
		under store.Key
		blur  func(v []byte) (any, error)
	}{
		{kToken, func(v []byte) (any, error) {
			var t tokenRow
			err := json.Unmarshal(v, &t)
			blur(p, &t.Name, &t.By)
			return &t, err
		}},
		{kLink, func(v []byte) (any, error) {
			var l linkRow
			err := json.Unmarshal(v, &l)
			blur(p, &l.Name)
			return &l, err
		}},
		{kSession, func(v []byte) (any, error) {
			var s sessionRow
			err := json.Unmarshal(v, &s)
			blur(p, &s.ID, &s.Name, &s.Agent)
			return &s, err
		}},
	} {
		n, err := k.forget(ctx, p, of.under, of.blur)
		if changed += n; err != nil {
			return changed, fmt.Errorf("access: forget somebody: %w", err)
		}
	}
	return changed, nil
}

func blur(p audit.Person, texts ...*string) {
	for _, s := range texts {
		*s = string(p.Blur([]byte(*s)))
	}
}

func (k *Keeper) forget(ctx context.Context, p audit.Person, under store.Key, without func([]byte) (any, error)) (changed int, err error) {
	snap, err := k.o.Store.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	for at, err := range snap.Scan(ctx, store.Prefix(under.Prefix())) {
		if err != nil {
			return changed, err
		}
		if !p.In(at.Value) {
			continue
		}
		row, err := without(at.Value)
		if err != nil {
			return changed, fmt.Errorf("row %s: %w", at.Key, err)
		}
		b := new(store.Batch)
		key := store.Key(strings.Clone(string(at.Key)))
		b.Check(key, at.Rev)
		if err := put(b, key, row); err != nil {
			return changed, err
		}
		changed++
		if _, err := k.o.Store.Commit(ctx, b); err != nil && !errors.Is(err, store.ErrConflict) { // it was used meanwhile: another round finds it
			return changed, err
		}
	}
	return changed, nil
}
