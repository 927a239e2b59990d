package walk

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/measure"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
)

// A row that is made up stands for the figures of several members:
// together for a million.
const (
	madeUp   = 25_000
	standFor = 40
)

// TestFiguresOfAMillion holds the front page, its files and the API to 300 ms at the
// 95th percentile, with the figures of 1,000,000 members of 60 days. Figures are
// read from counters, of which there are as many as cells are used.
func TestFiguresOfAMillion(t *testing.T) {
	if os.Getenv("HEARTH_LONG") == "" {
		t.Skip("skipped without HEARTH_LONG: it counts a community of 1,000,000 members")
	}
	h := openCommunity(t, func(c *config.Config) {
		c.Server.Data = t.TempDir()
		count(t, c.Server.Data)
	})
	v := h.browse(access.Viewer)
	manager := h.browse(access.Manager)
	for _, path := range []string{"/", "/?unit=day&definition=or_after", "/?unit=month&definition=rolling", "/numbers/dau.csv", "/numbers/retention.json?unit=day", "/numbers/funnel.csv", "/numbers/heatmap.csv", "/numbers/paths.csv", "/numbers/first-pr.csv", "/funnel/joined?state=lost"} {
		who := v
		if h.need(path) != access.Viewer {
			who = manager
		}
		if code, _ := who.send("GET", path, nil); code != http.StatusOK {
			t.Fatalf("%s answers %d", path, code)
		}
		p50, p95, slow := who.firstByte(path)
		t.Logf("figure: %s of 1,000,000 members: p50 %.1f ms, p95 %.1f ms (the machine was %.1f times as slow as it can be)", path, ms(p50), ms(p95), slow)
		if ms(p95) > 300*slow {
			t.Errorf("%s: %.0f ms at p95, on a machine that is %.1f times as slow as it can be", path, ms(p95), slow)
		}
	}
}

// count writes the counters of a large community of three platforms.
func count(t *testing.T, data string) {
	t.Helper()
	model, err := measure.New(measure.Config{Calendar: measure.NewCalendar(measure.Zone{Loc: config.Default().Community.TimeZone}), Generation: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	sums := map[store.Key]int64{}
	now := time.Now()
	for i := range madeUp {
		row := measure.Row{Version: model.Version()}
		joined := now.Add(-time.Duration(r.IntN(60*24*3600)) * time.Second)
		learn := func(at time.Time, f measure.Fact) {
			f.At, f.Received = at.UnixMilli(), at.UnixMilli()
			if at.Before(now) {
				model.Learn(&row, &f)
			}
		}
		learn(joined, measure.Fact{Join: true, Marks: []string{"member.joined"}})
		for range r.IntN(7) {
			learn(joined.Add(time.Duration(r.IntN(300))*time.Second), measure.Fact{Active: true, Action: measure.Message + measure.Action(r.IntN(measure.Actions)), Marks: []string{"message.posted"}})
		}
		for range r.IntN(12) {
			learn(joined.Add(time.Duration(r.IntN(60*24))*time.Hour), measure.Fact{Active: true})
		}
		for k, name := range []string{"path.first_task", "path.done", "pr.opened", "pr.merged"} {
			if r.IntN(k+2) == 0 {
				learn(joined.Add(time.Duration(r.IntN(40*24*60))*time.Minute), measure.Fact{Marks: []string{name}})
			}
		}
		for _, a := range model.Worth(fmt.Sprintf("%s:U%d", []string{"slack", "dingtalk", "telegram"}[i%3], i), &row) {
			sums[a.Key] += a.Delta * standFor
		}
	}
	s, err := bolt.Open(t.Context(), data, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := new(store.Batch)
	commit := func() {
		if _, err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b = new(store.Batch)
	}
	for _, k := range slices.Sorted(maps.Keys(sums)) {
		if b.Add(k, sums[k]); len(b.Writes()) == store.MaxOps {
			commit()
		}
	}
	commit()
	t.Logf("figure: %d counters of %d members", len(sums), madeUp*standFor)
}
