package page

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Bounds of what addresses do at once, and of how many are told apart.
const (
	maxOpen    = 8    // requests of an address that Enter lets in
	maxOpenAll = 128  // of all addresses
	maxBuckets = 8192 // addresses that have a bucket of their own
)

// AllAddresses stands for all of them together, in the calls of [Limits].
var AllAddresses = netip.Prefix{}

var thisMachine = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// Pace is so many a second on average, and so many at once.
type Pace struct {
	PerSecond float64
	Burst     int
}

// ClientOf is the address a request comes from, as the prefix that one person
// has: an IPv4 address, the /64 of an IPv6 one; AllAddresses if it cannot be
// known.
//
// X-Forwarded-For is written by whoever sends the request. So it is believed
// only of a proxy: of this machine, or of an address that the options name; and
// only its end, which that proxy added. Through a chain of proxies it is
// followed back as far as they are named.
func ClientOf(r *http.Request, proxies []netip.Prefix) netip.Prefix {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return AllAddresses
	}
	addr := at.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for len(hops) > 0 && isProxy(addr, proxies) {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1]))
		if err != nil {
			break
		}
		addr, hops = hop.Unmap().WithZone(""), hops[:len(hops)-1]
	}
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

func isProxy(a netip.Addr, proxies []netip.Prefix) bool {
	has := func(n netip.Prefix) bool { return n.Contains(a) }
	return slices.ContainsFunc(thisMachine, has) || slices.ContainsFunc(proxies, has)
}

// Limits count what addresses do. Their memory is bounded. They are safe for
// concurrent use.
type Limits struct {
	now func() time.Time

	mu      sync.Mutex
	open    map[netip.Prefix]int
	openAll int
	buckets map[bucket]*rate.Limiter
	swept   time.Time // when full buckets were last forgotten
}

// NewLimits returns limits by a clock.
func NewLimits(now func() time.Time) *Limits { return &Limits{now: now} }

// sweepEvery is how often it is looked for buckets that are full again: that
// takes a moment, and a flood would ask for it with each request.
const sweepEvery = 2 * time.Second

type bucket struct {
	what string
	who  netip.Prefix
}

// Enter begins a request; leave ends it.
func (l *Limits) Enter(who netip.Prefix) (leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[who] >= maxOpen || l.openAll >= maxOpenAll {
		return nil, false
	}
	if l.open == nil {
		l.open = map[netip.Prefix]int{}
	}
	l.open[who]++
	l.openAll++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.openAll--
		if l.open[who]--; l.open[who] == 0 {
			delete(l.open, who)
		}
	}, true
}

// Take takes a token, or says how long until there is one. Where so many
// addresses come that there is no bucket left, the newcomers share one.
func (l *Limits) Take(what string, who netip.Prefix, r Pace) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	k := bucket{what, who}
	lim := l.buckets[k]
	if lim == nil && len(l.buckets) >= maxBuckets {
		if now.Sub(l.swept) >= sweepEvery {
			l.swept = now
			for k, lim := range l.buckets { // a full one says the same as none
				if lim.TokensAt(now) >= float64(lim.Burst()) {
					delete(l.buckets, k)
				}
			}
		}
		if len(l.buckets) >= maxBuckets {
			k = bucket{what + " of newcomers", AllAddresses}
			lim = l.buckets[k]
		}
	}
	if lim == nil {
		if l.buckets == nil {
			l.buckets = map[bucket]*rate.Limiter{}
		}
		lim = rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
		l.buckets[k] = lim
	}
	if lim.AllowN(now, 1) {
		return 0, true
	}
	return time.Duration((1 - lim.TokensAt(now)) / r.PerSecond * float64(time.Second)), false
}
