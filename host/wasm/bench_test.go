package wasm

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// rows is a Host with rows in a map.
type rows map[string]string

func (r rows) Get(_ context.Context, key string) ([]byte, bool, error) {
	v, ok := r[key]
	return []byte(v), ok, nil
}
func (r rows) Scan(_ context.Context, s *abi.Scan) ([]byte, error) {
	return (&abi.Rows{Rows: []abi.Pair{{Key: s.Prefix, Value: []byte("v")}}}).MarshalMsg(nil)
}
func (r rows) Log(int, string) {}

// joinEvent is an ordinary event: about 300 bytes.
func joinEvent(tb testing.TB) []byte {
	b, err := (&abi.Call{
		Event: abi.Event{
			ID: "Ev0123456789", Source: "slack", Kind: abi.MemberJoined, Time: 1_760_000_000_000,
			Conversation: abi.Conversation{ID: "slack:C024BE91L", Kind: abi.Channel, Name: "general"},
			Member:       abi.Member{ID: "slack:U2147483697", Name: "Ada", Locale: "en", TimeZone: "Europe/London"},
		},
		Now: 1_760_000_000_100, Seed: 7,
	}).MarshalMsg(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// event is two reads, one write and one message, by a plugin as an author writes
// it; bare is the same with the ABI's generated codecs and nothing else.
var (
	event = scene{"greet", rows{"m/slack:U2147483697/greeted": "\x29", "c/path": "\xb4https://go.dev/tour/"}}
	bare  = scene{"message", rows{"m/slack:U2147483697/greeted": "41", "c/path": "https://go.dev/tour/"}}
)

// scene is a guest and its rows.
type scene struct {
	guest string
	rows  rows
}

func (s scene) image(tb testing.TB, o Options) *Image {
	tb.Helper()
	setup, err := (&abi.Setup{Locale: "en"}).MarshalMsg(nil)
	if err != nil {
		tb.Fatal(err)
	}
	join := joinEvent(tb)
	i, err := newPlugin(tb, o, s.guest, Limits{}).Image(context.Background(), setup, [][]byte{join, join})
	if err != nil {
		tb.Fatal(err)
	}
	return i
}

func (s scene) call(tb testing.TB) Call {
	return Call{Export: abi.ExportHandle, Input: joinEvent(tb), Seed: 7, Now: time.Unix(1_760_000_000, 0), Host: s.rows}
}

// TestEvent looks at what the benchmarks' event does.
func TestEvent(t *testing.T) {
	for _, s := range []scene{event, bare} {
		r, err := s.image(t, Options{Sandboxes: 1}).Call(t.Context(), s.call(t))
		if err != nil {
			t.Fatalf("%s: %v", s.guest, err)
		}
		var e abi.Effects
		if rest, err := e.UnmarshalMsg(r.Output); err != nil || len(rest) > 0 || e.Error != "" {
			t.Fatalf("%s: %+v, %v, %d bytes left", s.guest, e, err, len(rest))
		}
		if len(e.Writes) != 1 || e.Writes[0].Key != "m/slack:U2147483697/greeted" || len(e.Out) != 1 || e.Out[0].Send == nil {
			t.Fatalf("%s: %+v", s.guest, e)
		}
		blocks := e.Out[0].Send.Content.Blocks
		if len(blocks) != 2 || blocks[0].Text != "Welcome, Ada! Begin here: https://go.dev/tour/" || len(blocks[1].Buttons) != 1 {
			t.Errorf("%s: %+v", s.guest, blocks)
		}
	}
}

// BenchmarkEvent is one event: in a pristine sandbox by each way of restoring
// it, in an instance that is used again with what the last event left in it,
// and in a new instance.
func BenchmarkEvent(b *testing.B) {
	for _, way := range []tracking{trackScan, trackPagemap, trackCompare} {
		b.Run("pristine/"+way.String(), func(b *testing.B) { event.pristine(b, way) })
	}
	b.Run("bare", func(b *testing.B) { bare.pristine(b, trackAuto) })
	b.Run("reused", func(b *testing.B) {
		i, c := event.image(b, Options{Sandboxes: 1}), event.call(b)
		s, l := i.idle[0], i.program.limits
		var out []byte
		for b.Loop() {
			g := &s.guest
			g.clock.reset(c.Now, 1, l.Sleep)
			g.plug.begin(c.Host, l.LogLines)
			g.begin(b.Context(), &l, time.Now())
			var err error
			if out, err = s.run(c.Export, c.Input, out[:0], l.Output); err != nil {
				b.Fatal(err)
			}
			g.end()
		}
		if _, err := s.restore(false); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("new", func(b *testing.B) {
		i, c := event.image(b, Options{Sandboxes: 1}), event.call(b)
		p, l := i.program, i.program.limits
		for b.Loop() {
			s, err := p.newSandbox(b.Context(), &l)
			if err != nil {
				b.Fatal(err)
			}
			if err := p.initialize(b.Context(), s, &l); err != nil {
				b.Fatal(err)
			}
			s.guest.plug.begin(c.Host, l.LogLines)
			s.guest.begin(b.Context(), &l, time.Now())
			if _, err := s.run(c.Export, c.Input, nil, l.Output); err != nil {
				b.Fatal(err)
			}
			s.guest.end()
			s.close()
		}
	})
}

func (s scene) pristine(b *testing.B, way tracking) {
	if _, err := newPager(way); err != nil {
		b.Skip(err)
	}
	i, c := s.image(b, Options{Sandboxes: 1, tracking: way}), s.call(b)
	var r Result
	var err error
	b.ReportAllocs()
	for b.Loop() {
		c.Buf = r.Output[:0]
		if r, err = i.Call(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(r.Dirty), "pages/op")
	b.ReportMetric(float64(r.Fuel), "fuel/op")
}

// BenchmarkEvents is the same event on all processors at once.
func BenchmarkEvents(b *testing.B) {
	i, c := event.image(b, Options{}), event.call(b)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := i.Call(context.Background(), c); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkCompile is a plugin of 3.5 MB until it can be called, with and
// without what an earlier run has compiled.
func BenchmarkCompile(b *testing.B) {
	code := buildGuest(b, "message")
	join := joinEvent(b)
	for _, way := range []string{"cached", "new"} {
		b.Run(way, func(b *testing.B) {
			o := Options{}
			if way == "cached" {
				o.CacheDir = filepath.Join(b.TempDir(), "cache")
			}
			e, err := New(o)
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close(b.Context())
			once := func() {
				p, err := e.Compile(b.Context(), code, Limits{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := p.Image(b.Context(), nil, [][]byte{join, join}); err != nil {
					b.Fatal(err)
				}
				if err := p.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			if way == "cached" {
				once()
			}
			for b.Loop() {
				once()
			}
		})
	}
}
