package webchat

import (
	"cmp"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is so many a second on average, and so many at once.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Limits bound what members can do. A zero field has the default beside it.
type Limits struct {
	Posts   Rate  // messages, commands and edits of one member: 1/s, 15 at once
	Acts    Rate  // of one member, whatever else changes something: 5/s, 40 at once
	Reads   Rate  // of one member, pages and completions: 20/s, 100 at once
	Joins   Rate  // members coming in, all together: 2/s, 50 at once
	Makes   Rate  // channels made by one member: one in five minutes, 5 at once
	Uploads Rate  // bytes in files of one member: 64 KiB/s, 16 MiB at once
	Streams int   // open pages of one member: 12
	Viewers int   // open pages altogether: 2,000
	Files   int64 // bytes in files altogether: 1 GiB
	History int   // messages kept of a conversation, not counting replies: 10,000
}

func (l Limits) withDefaults() Limits {
	or := func(r *Rate, per float64, burst int) { *r = cmp.Or(*r, Rate{per, burst}) }
	or(&l.Posts, 1, 15)
	or(&l.Acts, 5, 40)
	or(&l.Reads, 20, 100)
	or(&l.Joins, 2, 50)
	or(&l.Makes, 1.0/300, 5)
	or(&l.Uploads, 64<<10, 16<<20)
	l.Streams = cmp.Or(l.Streams, 12)
	l.Viewers = cmp.Or(l.Viewers, 2000)
	l.Files = cmp.Or(l.Files, 1<<30)
	l.History = cmp.Or(l.History, 10000)
	return l
}

// Bounds of what one request may carry.
const (
	maxText     = 16 << 10  // bytes of a message
	maxFile     = 4 << 20   // bytes of a file
	maxFiles    = 4         // of one message
	maxBody     = 64 << 10  // bytes of a file's text that an event carries
	blobPart    = 512 << 10 // bytes of one row of a file
	maxForm     = 256 << 10 // bytes of a request without files
	maxUpload   = maxFiles*maxFile + maxForm
	maxName     = 32   // characters of a member's or channel's name
	maxTopic    = 120  // characters
	maxReacts   = 24   // different reactions to one message
	maxReactors = 500  // members who put one of them
	maxJoined   = 50   // conversations of one member
	maxChannels = 1000 // of the community
	maxReplies  = 2000 // to one message
	maxToken    = 256  // bytes of a button's or form's token
)

// limiters are the token buckets of members, by what they do. The zero value is
// ready. Full buckets are
// forgotten: they say the same as none.
type limiters struct {
	mu  sync.Mutex
	all map[bucket]*rate.Limiter
}

type bucket struct{ what, member string }

const maxBuckets = 20000

// take takes n; if there are not so many it takes none and says how long until
// there are.
func (l *limiters) take(what, member string, r Rate, n int, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := bucket{what, member}
	lim := l.all[k]
	if lim == nil {
		if len(l.all) >= maxBuckets {
			l.forget(now)
		}
		if l.all == nil {
			l.all = make(map[bucket]*rate.Limiter)
		}
		lim = rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
		l.all[k] = lim
	}
	if lim.AllowN(now, n) {
		return 0, true
	}
	missing := float64(min(n, r.Burst)) - lim.TokensAt(now)
	return time.Duration(missing / r.PerSecond * float64(time.Second)), false
}

// drop forgets a member.
func (l *limiters) drop(member string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.all {
		if k.member == member {
			delete(l.all, k)
		}
	}
}

func (l *limiters) forget(now time.Time) {
	for k, lim := range l.all {
		if lim.TokensAt(now) >= float64(lim.Burst()) {
			delete(l.all, k)
		}
	}
	if len(l.all) >= maxBuckets {
		// Twenty thousand at once is a flood, not a community: start over.
		clear(l.all)
	}
}
