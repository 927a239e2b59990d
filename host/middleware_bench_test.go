package host

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store/bolt"
)

// BenchmarkMiddleware measures what it costs an event that its member is assigned
// to experiments first: the durable way of BenchmarkDurable without the plugin,
// with it and no experiment, and with four that run, of members who have been
// assigned before. Run it with a fixed count: -benchtime 10000x.
func BenchmarkMiddleware(b *testing.B) {
	const members = 2000
	var alone float64
	for _, way := range []string{"without", "none", "four"} {
		b.Run(way, func(b *testing.B) {
			s, err := bolt.Open(b.Context(), b.TempDir(), bolt.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			e := benchEngine(b, s, "writer")
			if way != "without" {
				code, err := os.ReadFile(buildPlugin(b, "../../../plugins/experiments"))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := e.Install(b.Context(), code, PluginOptions{GrantAll: true}); err != nil {
					b.Fatal(err)
				}
			}
			if way == "four" {
				var props []abi.Annotation
				for i := range 4 {
					key := fmt.Sprint("x", i)
					props = append(props, abi.Annotation{Name: key, Value: fmt.Sprintf(`{"key":%q,"variations":["a","b","c"],"name":{"en":"X"},`+
						`"target":"not guest and language == \"en\"","metrics":["day7"],"status":"running"}`, key)})
				}
				if err := e.Tell(b.Context(), "begin", "experiments", props); err != nil {
					b.Fatal(err)
				}
			}
			var next atomic.Int64
			run := func(pass string, n int) {
				next.Store(0)
				var wg sync.WaitGroup
				for c := range 256 {
					wg.Go(func() {
						r := rand.New(rand.NewPCG(uint64(c), 1))
						for i := next.Add(1); i <= int64(n); i = next.Add(1) {
							ev := benchEvent(int(i), r)
							ev.ID = pass + ev.ID
							ev.Member.ID = fmt.Sprint("fake:m", i%members)
							if _, err := e.Accept(context.Background(), chat.Incoming{Event: ev}); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				for e.backlog() > 0 {
					time.Sleep(time.Millisecond)
				}
			}
			run("first", 2*members)
			b.ResetTimer()
			run("then", b.N)
			rate := float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(rate, "events/s")
			if way == "without" {
				alone = rate
			} else if alone > 0 {
				b.ReportMetric(rate/alone, "with/without")
			}
		})
	}
}
