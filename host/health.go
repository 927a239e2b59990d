package host

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Health is how a plugin has done in the last hour. It is in memory: a look at a
// page, not evidence.
type Health struct {
	Since   time.Time // what was before is not known
	Minutes []Minute  // the oldest first, the one under way last; at most 60
}

// Minute is what was counted in a minute: attempts to handle an event, those of
// all versions that carry out what they do.
type Minute struct{ Events, Failed int }

// pulse counts attempts by the minute, for the last hour.
type pulse struct {
	began time.Time // never changed once there is somebody who asks

	mu      sync.Mutex
	minutes [60]struct {
		minute int64 // since 1970
		Minute
	}
}

// add counts an attempt that is over.
func (p *pulse) add(now time.Time, failed bool) {
	n := now.Unix() / 60
	p.mu.Lock()
	defer p.mu.Unlock()
	m := &p.minutes[n%60]
	if m.minute != n {
		m.minute, m.Minute = n, Minute{}
	}
	m.Events++
	if failed {
		m.Failed++
	}
}

// hour is what was counted in the last sixty minutes, the one under way among
// them.
func (p *pulse) hour(now time.Time) []Minute {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := now.Unix() / 60
	first := max(last-59, p.began.Unix()/60)
	out := make([]Minute, 0, 60)
	for n := first; n <= last; n++ {
		m := Minute{}
		if at := &p.minutes[n%60]; at.minute == n {
			m = at.Minute
		}
		out = append(out, m)
	}
	return out
}

// Health is how a plugin has done; false if there is no such plugin.
func (e *Engine) Health(name string) (Health, bool) {
	p := e.plugin(name)
	if p == nil {
		return Health{}, false
	}
	now := e.clock.Now()
	h := Health{Since: p.pulse.began, Minutes: p.pulse.hour(now)}
	if first := now.Truncate(time.Minute).Add(-59 * time.Minute); first.After(h.Since) {
		h.Since = first
	}
	return h, true
}

// GivenUp is how many events of each plugin were given up and wait for a person.
func (e *Engine) GivenUp() map[string]int { return e.dead.count() }

// Granted is what was granted to a plugin, whether it asks for it or not.
func (e *Engine) Granted(ctx context.Context, name string) ([]abi.Need, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("host: grants of %s: %w", name, err)
	}
	defer snap.Close()
	g, _, err := e.grantsOf(ctx, snap, name)
	if err != nil {
		return nil, fmt.Errorf("host: grants of %s: %w", name, err)
	}
	return g, nil
}

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
