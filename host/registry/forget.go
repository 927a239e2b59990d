package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
)

// Forget takes a person out of the versions that they brought: names says
// whether bytes hold one of their ids. The versions stay. It returns how many it
// has changed, and may be called again after an error.
func Forget(ctx context.Context, s store.Store, names func([]byte) bool) (int, error) {
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return 0, fmt.Errorf("registry: forget somebody: %w", err)
	}
	defer snap.Close()
	list, err := Versions(ctx, snap, "")
	if err != nil {
		return 0, err
	}
	changed := 0
	for i := range list {
		n, err := list[i].forget(ctx, s, names)
		changed += n
		if err != nil {
			return changed, fmt.Errorf("registry: forget somebody: %w", err)
		}
	}
	return changed, nil
}

func (v *Version) forget(ctx context.Context, s store.Store, names func([]byte) bool) (int, error) {
	was := *v
	if names([]byte(v.By.ID)) {
		v.By.ID, v.By.Name = audit.Forgotten, audit.Forgotten
	}
	if names([]byte(v.By.Name)) {
		v.By.Name = audit.Forgotten
	}
	if names([]byte(v.Why)) {
		v.Why = ""
	}
	if was.By == v.By && was.Why == v.Why {
		return 0, nil
	}
	row, err := v.encode()
	if err != nil {
		return 0, err
	}
	b := new(store.Batch)
	v.Check(b)
	b.Put(versionKey(v.Name, v.SHA256), row)
	_, err = s.Commit(ctx, b)
	if errors.Is(err, store.ErrConflict) {
		return 0, nil // it is gone, or another round finds it
	}
	return 1, err
}
