// Package views keeps what plugins answered to queries, so that a page, the API
// and whoever asks a question that others have asked get it again without a
// sandbox: until something that the answer was made of changes, or it has become
// old.
//
// It owns which answers are kept ([Cache]), and how it is known that one is no
// longer true. It must not know how a query is carried out, who may ask, or what
// an answer means. It stores nothing.
//
// # When an answer is no longer true
//
// A query is a pure function of the plugin's version, its config and image, the
// viewer's role and language, the path and the parameters, all of which are the
// [Key]; and of the rows that it read, which are noted while it runs ([Reads]). The
// engine says after each commit which rows of plugins were written ([Cache.Wrote]).
// Of those a few are remembered, in a ring for each space:
//
//	          written ───►
//	… c/topic/7 │ m/slack:U1/path │ c/ix/head │ c/topic/9 │
//	            ▲                                         ▲
//	      answer was good here                       it is asked for here
//
// An answer is good if none of the rows between the two was read for it, by its
// key or in a range. So a hit costs nothing for answers that nothing was written
// beside, no index of who read what has to be kept, and nobody ever gets an answer
// that is older than a commit they know of.
//
// Time is part of what an answer depends on, too, and cannot be watched: that is
// what [Options.TTL] bounds.
package views

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Options say how much is kept, and for how long. The zero value is ready.
type Options struct {
	Bytes uint64           // of answers; 0 means 32 MiB
	TTL   time.Duration    // after which an answer is made anew; 0 means ten seconds
	Now   func() time.Time // nil means time.Now
}

// maxView is how many bytes an answer that is kept may have.
const maxView = 256 << 10

// Cache keeps answers. What is asked for often stays longest (W-TinyLFU). It is
// safe for concurrent use, and needs no closing.
type Cache struct {
	o      Options
	kept   *otter.Cache[Key, *answer]
	flight singleflight.Group

	mu   sync.RWMutex
	logs map[string]*written // by space

	hits, misses, stale atomic.Int64
}

// New returns an empty cache.
func New(o Options) *Cache {
	if o.Bytes == 0 {
		o.Bytes = 32 << 20
	}
	if o.TTL == 0 {
		o.TTL = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Cache{o: o, logs: map[string]*written{},
		// Expiry is the answers' own: otter's would want a goroutine.
		kept: otter.Must(&otter.Options[Key, *answer]{MaximumWeight: o.Bytes, Weigher: func(_ Key, a *answer) uint32 { return a.weight }})}
}

// Key names an answer: a SHA-256 of all that it depends on but rows and time.
type Key [sha256.Size]byte

// KeyOf is the key of a query to a version of a plugin: the hash of its code, the
// hash of what its image was made with (config, texts, warm rows) and the space its
// rows are in. The order of parameters does not matter, the time does not either.
func KeyOf(version, config, space string, q *abi.Query) Key {
	params := q.Params
	order := func(a, b abi.Annotation) int {
		if a.Name != b.Name {
			return compare(a.Name, b.Name)
		}
		return compare(a.Value, b.Value)
	}
	if !slices.IsSortedFunc(params, order) {
		params = slices.Clone(params)
		slices.SortFunc(params, order)
	}
	var room [512]byte
	b := room[:0]
	for _, s := range []string{version, config, space, q.Role, q.Locale, q.Path} {
		b = field(b, s)
	}
	for _, p := range params {
		b = field(field(b, p.Name), p.Value)
	}
	return sha256.Sum256(b)
}

// field appends s so that no two lists of fields are the same bytes.
func field(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// answer is what was answered once.
type answer struct {
	view   abi.View
	reads  Reads
	log    *written
	good   atomic.Uint64 // up to which write it is known to be
	until  time.Time
	weight uint32
}

// Get returns the answer under a key: the one that is kept if it is good, else
// what ask returns, which is kept. While one is asked others who want the same
// wait for it, unless their ctx ends. ask notes what it reads of space's rows; it
// must begin to read after it was called. An error of its own is kept for nobody,
// and everybody gets it who waited. The view must not be changed.
func (c *Cache) Get(ctx context.Context, space string, k Key, ask func(context.Context, *Reads) (abi.View, error)) (abi.View, error) {
	if a, ok := c.kept.GetIfPresent(k); ok {
		if c.holds(a) {
			c.hits.Add(1)
			return a.view, nil
		}
		c.stale.Add(1)
		c.drop(k, a)
	}
	c.misses.Add(1)
	for range 3 {
		result := c.flight.DoChan(string(k[:]), func() (any, error) {
			// Others wait for it too: whoever asked first may go.
			return c.make(context.WithoutCancel(ctx), space, k, ask)
		})
		select {
		case r := <-result:
			if r.Err != nil {
				return abi.View{}, r.Err
			}
			// Who joined may know of a commit that came after the reading.
			if a := r.Val.(*answer); !r.Shared || c.holds(a) {
				return a.view, nil
			}
		case <-ctx.Done():
			return abi.View{}, ctx.Err()
		}
	}
	a, err := c.make(ctx, space, k, ask)
	if err != nil {
		return abi.View{}, err
	}
	return a.view, nil
}

// make asks, and keeps the answer if it may be kept.
func (c *Cache) make(ctx context.Context, space string, k Key, ask func(context.Context, *Reads) (abi.View, error)) (*answer, error) {
	a := &answer{log: c.log(space), until: c.o.Now().Add(c.o.TTL)}
	a.good.Store(a.log.next.Load())
	var err error
	if a.view, err = ask(ctx, &a.reads); err != nil {
		return nil, err
	}
	if len(a.view.Body) <= maxView {
		a.weight = uint32(len(k) + len(a.view.Type) + len(a.view.Body) + a.reads.size() + 160)
		c.kept.Set(k, a)
	}
	return a, nil
}

// holds says whether an answer is good.
func (c *Cache) holds(a *answer) bool {
	return c.o.Now().Before(a.until) && a.log.spared(a)
}

// drop removes an answer, unless a newer one has taken its place.
func (c *Cache) drop(k Key, old *answer) {
	c.kept.ComputeIfPresent(k, func(is *answer) (*answer, otter.ComputeOp) {
		if is == old {
			return nil, otter.InvalidateOp
		}
		return is, otter.CancelOp
	})
}

// Wrote says that rows of a space have been written, or may have been: to be
// called once they are, before anybody is told of it.
func (c *Cache) Wrote(space string, keys ...string) { c.log(space).note(keys) }

func (c *Cache) log(space string) *written {
	c.mu.RLock()
	w := c.logs[space]
	c.mu.RUnlock()
	if w != nil {
		return w
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w = c.logs[space]; w == nil {
		w = new(written)
		c.logs[space] = w
	}
	return w
}

// Figures are how well a cache does.
type Figures struct {
	Hits   int64 // answered by what was kept
	Misses int64 // asked for, or waited for while it was asked for
	Stale  int64 // of Misses, those for which there was an answer that was no longer good
	Count  int   // answers that are kept, about
	Bytes  uint64
}

// Ratio is the share of hits; false if nothing was asked for yet.
func (f Figures) Ratio() (float64, bool) {
	n := f.Hits + f.Misses
	return float64(f.Hits) / float64(max(1, n)), n > 0
}

// Figures returns the figures since the cache was made.
func (c *Cache) Figures() Figures {
	return Figures{Hits: c.hits.Load(), Misses: c.misses.Load(), Stale: c.stale.Load(), Count: c.kept.EstimatedSize(), Bytes: c.kept.WeightedSize()}
}
