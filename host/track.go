package host

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// maxTrackNames is how many different names one plugin may track. A name is
// counted until its last day has been swept.
const maxTrackNames = 1000

// trackNames are the names that a plugin has counters of.
type trackNames struct {
	mu   sync.Mutex
	list map[string]struct{}
}

func (t *trackNames) has(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.list[name]
	return ok
}

func (t *trackNames) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list[name] = struct{}{}
}

func (t *trackNames) length() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.list)
}

func (t *trackNames) set(list map[string]struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = list
}

func (inv *invocation) planTrack(t *abi.Track) error {
	names := &inv.plugin.names
	if !names.has(t.Name) && !inv.fresh[t.Name] {
		if n := names.length() + len(inv.fresh); n >= maxTrackNames {
			return refuse("tracked name %q: the plugin tracks %d names already, and that is the most; what differs from event to event belongs into the properties", t.Name, n)
		}
		if inv.fresh == nil {
			inv.fresh = map[string]bool{}
		}
		inv.fresh[t.Name] = true
	}
	day := inv.now.In(inv.engine.tuned().Community.TimeZone).Format(time.DateOnly)
	inv.batch.Add(kTrack.Join(inv.plugin.name, t.Name, day), 1)
	inv.tracked = append(inv.tracked, t.Name)
	ev := abi.Event{Source: "plugin/" + inv.plugin.name, Kind: abi.CustomTracked, Custom: &abi.Custom{Name: t.Name, Props: t.Props}}
	if t.Member != "" {
		ev.Member.ID = t.Member
	}
	told := ev
	told.Time, told.Member.ID = inv.call.Now, cmp.Or(t.Member, inv.work.Event.Member.ID)
	inv.tracks(&told)
	return inv.derive(ev)
}

// readNames reads which names a plugin has counters of. It leaps from name to
// name, so that it costs a step for each and not for each of its days.
func readNames(ctx context.Context, snap store.Snapshot, plugin string) (map[string]struct{}, error) {
	list := map[string]struct{}{}
	span := store.Prefix(kTrack.Join(plugin).Prefix())
	span.Limit = 1
	for {
		name := ""
		for row, err := range snap.Scan(ctx, span) {
			if err != nil {
				return nil, err
			}
			name = strings.Clone(splitKey(row.Key, 2)[0])
		}
		if name == "" {
			return list, nil
		}
		list[name] = struct{}{}
		span.From = kTrack.Join(plugin, name) + "0" // behind all of that name: '0' sorts after '/'
	}
}

// forgetNames makes room for new names where the last day of old ones has been
// swept.
func (e *Engine) forgetNames(ctx context.Context) (int, error) {
	plugins, _ := e.locked()
	for _, p := range plugins {
		if p.names.length() < maxTrackNames {
			continue
		}
		snap, err := e.store.Snapshot(ctx)
		if err != nil {
			return 0, err
		}
		list, err := readNames(ctx, snap, p.name)
		snap.Close()
		if err != nil {
			return 0, err
		}
		p.names.set(list)
	}
	return 0, nil
}
