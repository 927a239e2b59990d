package host

import (
	"context"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// BenchmarkAccept takes in messages of members, in memory and with nothing behind
// them: of those who joined long ago, of newcomers, and first ones of a day.
func BenchmarkAccept(b *testing.B) {
	const crowd = 1000
	day := 24 * time.Hour
	for _, x := range []struct {
		name string
		join bool
		at   func(now time.Time, i int) time.Time
	}{
		{"unseen", false, func(now time.Time, i int) time.Time { return now.Add(-30 * day) }}, // too late to count
		{"member", true, func(now time.Time, i int) time.Time { return now.Add(-time.Duration(i%7) * time.Minute) }},
		{"newcomer", true, func(now time.Time, i int) time.Time { return now.Add(time.Duration(i) * time.Millisecond) }},
		{"first-of-day", true, func(now time.Time, i int) time.Time { return now.Add(-time.Duration(i/crowd%6) * day) }},
	} {
		b.Run(x.name, func(b *testing.B) {
			e, err := New(b.Context(), Options{Store: new(store.Mem), MaxBacklog: 1 << 30})
			if err != nil {
				b.Fatal(err)
			}
			m := abi.Manifest{ABI: abi.Version, Name: "p", Version: "1.0.0", Events: []abi.Kind{abi.MessagePosted}}
			v := &version{manifest: m, sha: hex.EncodeToString([]byte("p")), guest: handler(func(*abi.Call, wasm.Host) (abi.Effects, error) { return abi.Effects{}, nil })}
			if err := e.install(b.Context(), v, true); err != nil {
				b.Fatal(err)
			}
			now := time.Now().Truncate(day).Add(12 * time.Hour)
			take := func(kind abi.Kind, id string, member int, at time.Time) {
				ev := abi.Event{ID: id, Source: "fake", Kind: kind, Time: at.UnixMilli(), Conversation: abi.Conversation{ID: "fake:c", Kind: abi.Channel},
					Member: abi.Member{ID: fmt.Sprint("fake:m", member)}, Message: &abi.Message{ID: "m", Text: "How do I read a file line by line in Go?"}}
				if kind != abi.MessagePosted {
					ev.Message, ev.Conversation = nil, abi.Conversation{}
				}
				if _, err := e.Accept(context.Background(), chat.Incoming{Event: ev}); err != nil {
					b.Fatal(err)
				}
			}
			for i := range crowd {
				if x.join {
					ago := 60 * day
					if x.name == "newcomer" {
						ago = day
					}
					take(abi.MemberJoined, fmt.Sprint("j", i), i, now.Add(-ago))
				}
				if x.name != "first-of-day" {
					take(abi.MessagePosted, fmt.Sprint("w", i), i, x.at(now, 0))
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				take(abi.MessagePosted, fmt.Sprint("e", i), i%crowd, x.at(now, i))
			}
		})
	}
}
