package page

import (
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

func TestClientOf(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, tc := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:5", nil, "192.0.2.1/32"},
		{"[2001:db8:1:2:3:4:5:6]:5", nil, "2001:db8:1:2::/64"},
		{"[::ffff:192.0.2.1]:5", nil, "192.0.2.1/32"},
		{"192.0.2.1:5", []string{"198.51.100.7"}, "192.0.2.1/32"}, // anybody may say so
		{"127.0.0.1:5", nil, "127.0.0.1/32"},
		{"127.0.0.1:5", []string{"198.51.100.7"}, "198.51.100.7/32"},
		{"127.0.0.1:5", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7/32"}, // its beginning is the client's own
		{"127.0.0.1:5", []string{"203.0.113.9", "198.51.100.7"}, "198.51.100.7/32"},
		{"[::1]:5", []string{"198.51.100.7, 10.1.2.3"}, "198.51.100.7/32"},
		{"10.1.2.3:5", []string{"2001:db8::1"}, "2001:db8::/64"},
		{"127.0.0.1:5", []string{"nonsense"}, "127.0.0.1/32"},
		{"127.0.0.1:5", []string{"198.51.100.7, unknown"}, "127.0.0.1/32"},
		{"", nil, AllAddresses.String()},
	} {
		r := httptest.NewRequest("GET", "/run", nil)
		r.RemoteAddr = tc.remote
		for _, f := range tc.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		if got := ClientOf(r, proxies).String(); got != tc.want {
			t.Errorf("from %s by %q it is %s, not %s", tc.remote, tc.forwarded, got, tc.want)
		}
	}
}

// However many addresses come, the memory for them is bounded, and those who
// have a bucket keep it.
func TestLimits(t *testing.T) {
	now := time.Unix(0, 0)
	l := NewLimits(func() time.Time { return now })
	address := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
	}
	for range 2 {
		if _, ok := l.Take("x", address(0), Pace{1, 2}); !ok {
			t.Fatal("the first two are refused")
		}
	}
	for i := range 3 * maxBuckets {
		l.Take("x", address(i+1), Pace{1, 2})
	}
	if len(l.buckets) > maxBuckets+1 {
		t.Errorf("%d buckets", len(l.buckets))
	}
	if _, ok := l.Take("x", address(0), Pace{1, 2}); ok {
		t.Error("a flood of others filled the bucket again")
	}
	now = now.Add(time.Hour)
	if _, ok := l.Take("x", address(1<<20), Pace{1, 2}); !ok || len(l.buckets) > 2 {
		t.Errorf("after an hour there are %d buckets", len(l.buckets))
	}

	var leave []func()
	for range maxOpen {
		f, ok := l.Enter(address(1))
		if !ok {
			t.Fatal("refused")
		}
		leave = append(leave, f)
	}
	if _, ok := l.Enter(address(1)); ok {
		t.Error("one too many is let in")
	}
	if f, ok := l.Enter(address(2)); !ok {
		t.Error("another is kept out")
	} else {
		f()
	}
	for _, f := range leave {
		f()
	}
	if len(l.open) != 0 || l.openAll != 0 {
		t.Errorf("%v %d", l.open, l.openAll)
	}
}
