package webchat

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/hearthbot/hearth/store"
)

const (
	keepLog  = 1024          // log rows kept, so how far back a stream can resume
	trimLog  = keepLog + 256 // log rows at which the oldest are dropped
	trimStep = 100           // rows dropped in one batch
	subQueue = 256           // entries a slow browser may be behind before it has to resume
)

// entry is a log row on its way to the browsers. The revision is where a
// stream resumes, so only the last entry of a revision is final.
type entry struct {
	rev   store.Rev
	final bool
	rec   logRow
}

// hub reads the log as it grows and passes it to the open streams. What was
// committed is in the order of revisions, whatever the order of the keys, and
// whichever process wrote it.
type hub struct {
	mu    sync.Mutex
	name  string // of this process, in keys that others must not write too
	open  bool
	ring  []entry
	floor store.Rev // what is at or before it may be missing from ring
	seen  store.Rev
	subs  map[*sub]struct{}
	count map[string]int // open streams of a member
}

type sub struct {
	member string
	ch     chan entry // closed by the hub: the stream must resume, or is over
}

func (h *hub) node() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.name == "" {
		h.name = rand.Text()[:6]
	}
	return h.name
}

var (
	errNotLive = errors.New("webchat: nothing carries changes to the browsers now")
	errTooMany = errors.New("webchat: too many open pages")
	errTooOld  = errors.New("webchat: the stream cannot resume from so far back")
)

// subscribe opens a stream for member from behind since; backlog is what came
// after it. With errTooOld the stream is open, but the page must be read again.
func (h *hub) subscribe(member string, since store.Rev, l Limits) (*sub, []entry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.open:
		return nil, nil, errNotLive
	case h.count[member] >= l.Streams || len(h.subs) >= l.Viewers:
		return nil, nil, errTooMany
	}
	s := &sub{member: member, ch: make(chan entry, subQueue)}
	h.subs[s] = struct{}{}
	h.count[member]++
	if since < h.floor {
		return s, nil, errTooOld
	}
	i, _ := slices.BinarySearchFunc(h.ring, since+1, func(e entry, r store.Rev) int { return cmp.Compare(e.rev, r) })
	return s, slices.Clone(h.ring[i:]), nil
}

func (h *hub) unsubscribe(s *sub) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(s)
}

// drop is called with mu held.
func (h *hub) drop(s *sub) {
	if _, ok := h.subs[s]; !ok {
		return
	}
	delete(h.subs, s)
	if h.count[s.member]--; h.count[s.member] == 0 {
		delete(h.count, s.member)
	}
	close(s.ch)
}

// part tells a member's open pages, once, that they are not theirs any more.
func (h *hub) part(member string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		if s.member == member {
			select {
			case s.ch <- entry{rec: logRow{What: logPlaces, Only: member}}:
			default:
			}
			h.drop(s)
		}
	}
}

func (h *hub) start() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open, h.ring, h.seen = true, nil, 0
	h.subs, h.count = make(map[*sub]struct{}), make(map[string]int)
}

func (h *hub) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = false
	for s := range h.subs {
		h.drop(s)
	}
}

// add passes on what is new: entries of revisions from seen to upTo.
func (h *hub) add(fresh []entry, floor, upTo store.Rev) {
	slices.SortStableFunc(fresh, func(x, y entry) int { return cmp.Compare(x.rev, y.rev) })
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range fresh {
		fresh[i].final = i+1 == len(fresh) || fresh[i+1].rev != fresh[i].rev
	}
	h.ring = append(h.ring, fresh...)
	h.floor = max(h.floor, floor)
	if n := len(h.ring) - keepLog; n > 0 {
		h.floor = max(h.floor, h.ring[n-1].rev)
		h.ring = slices.Delete(h.ring, 0, n)
	}
	h.seen = upTo
	for s := range h.subs {
		for _, e := range fresh {
			if e.rec.Only != "" && e.rec.Only != s.member {
				continue
			}
			select {
			case s.ch <- e:
				continue
			default:
			}
			h.drop(s)
			break
		}
	}
}

// follow reads the log until ctx ends or the store is closed.
func (a *Adapter) follow(ctx context.Context) error {
	prefix := root.Join("log").Prefix()
	a.hub.start()
	defer a.hub.stop()
	seen := store.Rev(0)
	for _, err := range a.st.Watch(ctx, prefix) {
		if err != nil {
			return err
		}
		if seen, err = a.readLog(ctx, prefix, seen); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("webchat: follow the log: %w", err)
		}
	}
	return ctx.Err()
}

// readLog passes the rows written after seen to the hub. It looks at every row
// there is, a thousand or so: their keys do not tell in what order they were
// committed.
func (a *Adapter) readLog(ctx context.Context, prefix store.Key, seen store.Rev) (store.Rev, error) {
	var fresh, all []entry
	var keys []store.Key
	upTo := seen
	err := a.read(ctx, func(v *view) error {
		upTo = v.snap.Rev()
		for row, err := range v.snap.Scan(ctx, store.Prefix(prefix)) {
			if err != nil {
				return err
			}
			keys = append(keys, row.Key)
			all = append(all, entry{rev: row.Rev})
			if row.Rev <= seen {
				continue
			}
			e := entry{rev: row.Rev}
			if err := decode(row, &e.rec); err != nil {
				return err
			}
			fresh = append(fresh, e)
		}
		s, err := v.text(floorKey)
		if err != nil || s == "" {
			a.hub.add(fresh, 0, upTo)
			return err
		}
		floor, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return fmt.Errorf("read %s: %w", floorKey, err)
		}
		a.hub.add(fresh, store.Rev(floor), upTo)
		return nil
	})
	if err != nil || len(keys) < trimLog {
		return upTo, err
	}
	return upTo, a.trim(ctx, keys[:len(keys)-keepLog], all)
}

// trim drops the oldest log rows and notes how far back a stream can resume.
func (a *Adapter) trim(ctx context.Context, keys []store.Key, all []entry) error {
	floor := store.Rev(0)
	for len(keys) > 0 {
		n := min(len(keys), trimStep)
		var b store.Batch
		for i, k := range keys[:n] {
			b.Delete(k)
			floor = max(floor, all[i].rev)
		}
		b.Put(floorKey, strconv.AppendUint(nil, uint64(floor), 10))
		if _, err := a.st.Commit(ctx, &b); err != nil {
			return fmt.Errorf("trim the log: %w", err)
		}
		keys, all = keys[n:], all[n:]
	}
	return nil
}
