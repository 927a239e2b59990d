package host

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hearthbot/hearth/store"
)

// StateRow is a row that a plugin keeps.
type StateRow struct {
	Key  string // as the plugin writes it: "c/greeted", "m/slack:U1/github"
	Size int    // bytes of the value

	// JSON is the value: MessagePack, as the SDK writes it, a counter or text; what
	// is neither, as base64.
	JSON json.RawMessage
}

// mostStateRows is how many rows are shown at once.
const mostStateRows = 500

// Rows lists rows of a plugin whose keys begin with prefix and lie behind after,
// in their order, at most limit (0 for 100, 500 at most). next is where to go on;
// "" at the end. ErrUnknown says that there is no such plugin.
func (e *Engine) Rows(ctx context.Context, name, prefix, after string, limit int) (rows []StateRow, next string, err error) {
	p := e.plugin(name)
	if p == nil {
		return nil, "", fmt.Errorf("%w: plugin %q", ErrUnknown, name)
	}
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, mostStateRows)
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("host: rows of %s: %w", name, err)
	}
	defer snap.Close()
	s, _, err := spaceOf(ctx, snap, name)
	if err != nil {
		return nil, "", fmt.Errorf("host: rows of %s: %w", name, err)
	}
	all := kState.Join(s.Space).Prefix()
	r := store.Prefix(all + store.Key(prefix))
	if behind := all + store.Key(after) + "\x00"; after != "" && behind > r.From {
		r.From = behind
	}
	r.Limit = limit + 1
	for row, err := range snap.Scan(ctx, r) {
		if err != nil {
			return nil, "", fmt.Errorf("host: rows of %s: %w", name, err)
		}
		if len(rows) == limit {
			return rows, rows[limit-1].Key, nil
		}
		rows = append(rows, StateRow{Key: strings.TrimPrefix(string(row.Key), string(all)), Size: len(row.Value), JSON: readable(row.Value)})
	}
	return rows, "", nil
}
