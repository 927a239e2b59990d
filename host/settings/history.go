package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/audit"
)

// Object is the name that a key has in the audit: "setting/community.name", and
// of a plugin's texts "text/welcome/hello/en".
func Object(key string) string {
	if rest, ok := strings.CutPrefix(key, "plugins."); ok {
		plugin, rest, _ := strings.Cut(rest, ".")
		if text, ok := strings.CutPrefix(rest, "texts."); ok {
			if i := strings.LastIndexByte(text, '.'); i > 0 {
				return "text/" + plugin + "/" + text[:i] + "/" + text[i+1:]
			}
		}
	}
	return "setting/" + key
}

// Entry is one change of a value.
type Entry struct {
	Number uint64 // names it in [Settings.Former]
	At     time.Time
	By     audit.Who
	Why    string
	Secret bool // what it was before and after is known to nobody

	Before, After json.RawMessage // nil: the default
}

// History returns the changes of a key, the newest first: those with a number
// below before (0 for all), at most limit (0 for 100).
func (s *Settings) History(ctx context.Context, key string, before uint64, limit int) ([]Entry, error) {
	list, err := s.log.List(ctx, audit.Filter{On: Object(key), Before: before, Limit: limit})
	if err != nil {
		return nil, err
	}
	out := make([]Entry, len(list))
	for i, e := range list {
		out[i] = entry(e)
	}
	return out, nil
}

func entry(e audit.Entry) Entry {
	value := func(s string) json.RawMessage {
		if s == "" || !json.Valid([]byte(s)) {
			return nil
		}
		return json.RawMessage(s)
	}
	return Entry{Number: e.Number, At: e.At, By: e.Who, Why: e.Why, Secret: strings.HasPrefix(e.Did, "secret."), Before: value(e.Before), After: value(e.After)}
}

// Former is what has to be set to undo the change of that number: the value
// from before it, to be laid over the one that stands at base. It returns
// ErrUnknown and ErrSecret.
func (s *Settings) Former(ctx context.Context, key string, number, base uint64) (Change, error) {
	list, err := s.History(ctx, key, number+1, 1)
	switch {
	case err != nil:
		return Change{}, err
	case len(list) == 0 || list[0].Number != number:
		return Change{}, fmt.Errorf("%w: %d of %s", ErrUnknown, number, key)
	case list[0].Secret:
		return Change{}, fmt.Errorf("%w: %s", ErrSecret, key)
	}
	return Change{Key: key, Value: list[0].Before, Base: base}, nil
}
