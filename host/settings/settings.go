// Package settings keeps what people set on the pages and over the API: values
// by key ("community.name", "plugins.welcome.texts.hello.en"), each with its
// author and the revision it stands at. It owns those rows, that nobody's
// change is lost under somebody else's, and that a secret lies encrypted. It
// must not know which keys there are or what values they take: that is the
// config's to say, and to be asked before anything is set.
//
// What has no row has its default. Former values are the audit's entries on the
// same object, written in the batch of the change; see [Object].
//
//	setting/KEY   row: JSON or sealed, with author and time
package settings

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
)

const kSetting = store.Key("setting")

// Bounds. A batch has room for MaxChanges with their audit entries.
const (
	MaxChanges = 40       // of one Set
	MaxValue   = 32 << 10 // bytes of a value's JSON
	maxKey     = 200      // bytes
)

var (
	// ErrInvalid says that a change cannot be made as it stands.
	ErrInvalid = errors.New("settings: invalid change")

	// ErrSecret says that a former value is not known because it was a secret.
	ErrSecret = errors.New("settings: a secret's former values are kept nowhere; set it anew")

	// ErrUnknown says that there is no such entry in a key's history.
	ErrUnknown = errors.New("settings: no such entry in the history")
)

// Value is what is stored under a key.
type Value struct {
	Key    string
	JSON   json.RawMessage // nil of a secret
	Secret bool            // see [Settings.Reveal]
	Rev    uint64          // that it stands at; 0: nothing is stored
	At     time.Time
	By     audit.Who

	sealed sealed
}

// Change is one value that is to be stored.
type Change struct {
	Key    string
	Value  json.RawMessage // nil takes the stored value away: back to the default
	Secret bool            // Value is a JSON string that is to be sealed
	Base   uint64          // the revision the value had when it was read; 0: none was stored
}

// Conflict says that somebody else was faster. Nothing was changed.
type Conflict struct {
	Now []Value // what is stored under the keys in question; Rev is 0 where nothing is
}

func (c *Conflict) Error() string {
	var b strings.Builder
	b.WriteString("settings: changed meanwhile, and left as they are:")
	for _, v := range c.Now {
		if v.Rev == 0 {
			fmt.Fprintf(&b, " %s (is back to its default)", v.Key)
			continue
		}
		fmt.Fprintf(&b, " %s (by %s, %s)", v.Key, v.By.Name, v.At.UTC().Format(time.RFC3339))
	}
	return b.String()
}

// Settings are those of a store. They are safe for concurrent use.
type Settings struct {
	store store.Store
	log   *audit.Log
	key   *Key
	now   func() time.Time
}

// New returns the settings that a store holds. A nil now is time.Now.
func New(s store.Store, log *audit.Log, key *Key, now func() time.Time) *Settings {
	if now == nil {
		now = time.Now
	}
	return &Settings{s, log, key, now}
}

// row is a Value as it is stored.
type row struct {
	JSON   json.RawMessage `json:"j,omitempty"`
	Sealed *sealed         `json:"s,omitempty"`
	At     int64           `json:"t"` // Unix milliseconds
	ID     string          `json:"i,omitempty"`
	Name   string          `json:"n,omitempty"`
	Role   string          `json:"r,omitempty"`
	Via    string          `json:"v,omitempty"`
}

func rowKey(key string) store.Key { return kSetting.Join(key) }

// All returns everything that is stored, by key, as of one moment.
func (s *Settings) All(ctx context.Context) ([]Value, error) {
	snap, err := s.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	defer snap.Close()
	var out []Value
	for r, err := range snap.Scan(ctx, store.Prefix(kSetting.Prefix())) {
		if err != nil {
			return nil, fmt.Errorf("settings: %w", err)
		}
		v, err := read(r)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func read(r store.Row) (Value, error) {
	name := r.Key.Segments()
	v := Value{Key: name[len(name)-1]}
	if !r.Exists() {
		return v, nil
	}
	var at row
	if err := json.Unmarshal(r.Value, &at); err != nil {
		return v, fmt.Errorf("settings: the row of %s cannot be read: %w", v.Key, err)
	}
	v.JSON, v.Rev, v.At, v.By = at.JSON, uint64(r.Rev), time.UnixMilli(at.At).UTC(), audit.Who{ID: at.ID, Name: at.Name, Role: at.Role, Via: at.Via}
	if at.Sealed != nil {
		v.Secret, v.sealed = true, *at.Sealed
	}
	return v, nil
}

// Set stores values, all of them or none, each with an entry in the audit, and
// returns the revision they stand at. It returns a *[Conflict] if one of them is
// not what it was at its Base, and ErrInvalid for what cannot be stored.
func (s *Settings) Set(ctx context.Context, who audit.Who, why string, changes []Change) (uint64, error) {
	changes, err := check(changes)
	if err != nil || len(changes) == 0 {
		return 0, err
	}
	for {
		b := new(store.Batch)
		conflict, err := s.plan(ctx, b, who, why, changes)
		if err != nil {
			return 0, err
		}
		if conflict != nil {
			return 0, conflict
		}
		rev, err := s.store.Commit(ctx, b)
		if errors.Is(err, store.ErrConflict) {
			continue // look whose fault it is: a value's, or the number of an audit entry
		}
		if err != nil {
			return 0, fmt.Errorf("settings: %w", err)
		}
		return uint64(rev), nil
	}
}

// check is the changes with their JSON in one form.
func check(changes []Change) ([]Change, error) {
	if len(changes) > MaxChanges {
		return nil, fmt.Errorf("%w: %d values at once; at most %d go together", ErrInvalid, len(changes), MaxChanges)
	}
	seen := map[string]bool{}
	out := make([]Change, len(changes))
	for i, c := range changes {
		switch {
		case c.Key == "" || len(c.Key) > maxKey:
			return nil, fmt.Errorf("%w: a key has 1 to %d bytes", ErrInvalid, maxKey)
		case seen[c.Key]:
			return nil, fmt.Errorf("%w: %s is set twice", ErrInvalid, c.Key)
		case len(c.Value) > MaxValue:
			return nil, fmt.Errorf("%w: %s has %d bytes; at most %d are possible", ErrInvalid, c.Key, len(c.Value), MaxValue)
		}
		seen[c.Key] = true
		if c.Value != nil {
			var b bytes.Buffer
			if err := json.Compact(&b, c.Value); err != nil {
				return nil, fmt.Errorf("%w: %s is no JSON", ErrInvalid, c.Key) // not err: it may quote a secret
			}
			c.Value = b.Bytes()
		}
		out[i] = c
	}
	return out, nil
}

// plan fills the batch of a Set, or says which values are not what they were.
func (s *Settings) plan(ctx context.Context, b *store.Batch, who audit.Who, why string, changes []Change) (*Conflict, error) {
	snap, err := s.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	defer snap.Close()
	var conflict Conflict
	for _, c := range changes {
		key := rowKey(c.Key)
		r, err := snap.Get(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("settings: %w", err)
		}
		r.Key = key
		was, err := read(r)
		if err != nil {
			return nil, err
		}
		if was.Rev != c.Base {
			conflict.Now = append(conflict.Now, was)
			continue
		}
		b.Check(key, store.Rev(c.Base))
		if c.Value == nil && was.Rev == 0 {
			continue // the default it is already
		}
		if err := s.write(b, who, why, c, was); err != nil {
			return nil, err
		}
	}
	if conflict.Now != nil {
		return &conflict, nil
	}
	return nil, nil
}

// write adds one change and its entry to the batch.
func (s *Settings) write(b *store.Batch, who audit.Who, why string, c Change, was Value) error {
	now := s.now()
	e := audit.Entry{At: now, Who: who, Did: "setting.set", On: Object(c.Key), Before: shown(was.JSON, was.Secret), After: shown(c.Value, c.Secret), Why: why}
	if c.Secret || was.Secret {
		e.Did = "secret.set"
	}
	if c.Value == nil {
		e.Did, e.After = strings.TrimSuffix(e.Did, "set")+"remove", ""
		b.Delete(rowKey(c.Key))
		return s.log.Put(b, e)
	}
	r := row{At: now.UnixMilli(), ID: who.ID, Name: who.Name, Role: who.Role, Via: who.Via}
	if c.Secret {
		var plain string
		if err := json.Unmarshal(c.Value, &plain); err != nil || plain == "" {
			return fmt.Errorf("%w: %s is a secret, and wants a text that is not empty", ErrInvalid, c.Key)
		}
		box, err := s.key.seal(c.Key, plain)
		if err != nil {
			return err
		}
		r.Sealed = &box
	} else {
		r.JSON = c.Value
	}
	v, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("settings: write %s: %w", c.Key, err)
	}
	b.Put(rowKey(c.Key), v)
	return s.log.Put(b, e)
}

// shown is a value as the audit has it: its JSON; of a secret nothing.
func shown(v json.RawMessage, secret bool) string {
	if secret {
		return ""
	}
	return string(v)
}

// Reveal returns a secret in clear. The error is about the key and says what to
// do; it wraps ErrKey.
func (s *Settings) Reveal(v Value) (string, error) {
	if !v.Secret {
		return "", fmt.Errorf("%w: %s is no secret", ErrInvalid, v.Key)
	}
	return s.key.open(v.Key, v.sealed)
}
