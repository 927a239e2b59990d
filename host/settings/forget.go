package settings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
)

// forgottenWhy is the reason on record for a value that is another since somebody
// was forgotten.
const forgottenWhy = "it named a member who is forgotten"

// Forget takes a person out of what is stored: out of the values, as
// [audit.Without] says, and as their author. A value of which nothing is left is
// taken away. What becomes of a value is on record as hearth's doing; the record
// itself is for [audit.Log.Forget]. Secrets are sealed, and stay. It returns how
// many values it has changed, and may be called again.
func (s *Settings) Forget(ctx context.Context, p audit.Person) (changed int, err error) {
	snap, err := s.store.Snapshot(ctx)
	if err != nil {
		return 0, fmt.Errorf("settings: forget somebody: %w", err)
	}
	defer snap.Close()
	for r, err := range snap.Scan(ctx, store.Prefix(kSetting.Prefix())) {
		if err != nil {
			return changed, fmt.Errorf("settings: forget somebody: %w", err)
		}
		if !p.In(r.Value) {
			continue
		}
		r.Key = store.Key(strings.Clone(string(r.Key)))
		switch err := s.forget(ctx, p, r); {
		case errors.Is(err, store.ErrConflict): // somebody has set it meanwhile: another round finds it
		case err != nil:
			return changed, fmt.Errorf("settings: forget somebody: %w", err)
		}
		changed++
	}
	return changed, nil
}

func (s *Settings) forget(ctx context.Context, p audit.Person, r store.Row) error {
	was, err := read(r)
	if err != nil {
		return err
	}
	now := row{JSON: was.JSON, At: was.At.UnixMilli(), ID: was.By.ID, Name: was.By.Name, Role: was.By.Role, Via: was.By.Via}
	if was.Secret {
		now.Sealed = &was.sealed
	}
	if p.In([]byte(now.ID)) {
		now.ID, now.Name = audit.Forgotten, audit.Forgotten
	}
	now.Name = string(p.Blur([]byte(now.Name)))
	b := new(store.Batch)
	b.Check(r.Key, r.Rev)
	if p.In(now.JSON) {
		now.JSON = audit.Without(p, now.JSON)
		e := audit.Entry{At: s.now(), Who: audit.Host, Did: "setting.set", On: Object(was.Key), Before: string(now.JSON), After: string(now.JSON), Why: forgottenWhy}
		if now.JSON == nil {
			e.Did = "setting.remove"
		}
		if err := s.log.Put(b, e); err != nil {
			return err
		}
	}
	if now.JSON == nil && now.Sealed == nil {
		b.Delete(r.Key)
	} else {
		v, err := json.Marshal(now)
		if err != nil {
			return err
		}
		b.Put(r.Key, v)
	}
	_, err = s.store.Commit(ctx, b)
	return err
}
