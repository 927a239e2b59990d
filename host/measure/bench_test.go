package measure

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hearthbot/hearth/store"
)

// newcomer is a stored row of a member who joined days ago and has been active on
// every other day since.
func newcomer(b *testing.B, m *Model, days int) store.Row {
	b.Helper()
	r := Row{Version: m.Version()}
	learn := func(at time.Time, f Fact) {
		f.At, f.Received = at.UnixMilli(), at.UnixMilli()
		m.Learn(&r, &f)
	}
	learn(noon, Fact{Join: true, Marks: []string{"member.joined"}})
	learn(noon.Add(time.Minute), Fact{Active: true, Action: Message, Marks: []string{"message.posted"}, Shown: &Shown{Experiment: "pace", Variation: "fast"}})
	for d := 2; d <= days; d += 2 {
		learn(noon.AddDate(0, 0, d), Fact{Active: true, Action: Message})
	}
	v, err := r.MarshalMsg(nil)
	if err != nil {
		b.Fatal(err)
	}
	return store.Row{Key: Key("slack:U1"), Value: v, Rev: 1}
}

// BenchmarkFold is an event of a member: one that tells nothing new, and the first
// of a day.
func BenchmarkFold(b *testing.B) {
	m, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	for _, days := range []int{20, 60, 1000} {
		row := newcomer(b, m, days)
		for name, at := range map[string]time.Time{"known": noon.AddDate(0, 0, days).Add(0), "first-of-day": noon.AddDate(0, 0, days+2)} {
			b.Run(fmt.Sprintf("%s/days=%d", name, days), func(b *testing.B) {
				f := Fact{At: at.UnixMilli(), Received: at.UnixMilli(), Active: true, Action: Message, Marks: []string{"message.posted"}}
				b.ReportAllocs()
				writes := 0
				for b.Loop() {
					batch := new(store.Batch)
					if _, _, err := m.Fold(batch, "slack:U1", row, &f); err != nil {
						b.Fatal(err)
					}
					writes = len(batch.Writes())
				}
				b.ReportMetric(float64(writes), "writes/op")
				b.ReportMetric(float64(len(row.Value)), "row-bytes")
			})
		}
	}
}

// history has the counters of 60 days of a community in which every cell is used,
// as they are with a million members: their number does not grow with members.
func history(b *testing.B, m *Model) *store.Mem {
	b.Helper()
	s := new(store.Mem)
	r := rand.New(rand.NewPCG(1, 1))
	sums := map[store.Key]int64{}
	for i := range 20_000 {
		row := Row{Version: m.Version()}
		join := noon.Add(time.Duration(r.IntN(60*24*3600)) * time.Second)
		learn := func(at time.Time, f Fact) {
			f.At, f.Received = at.UnixMilli(), at.UnixMilli()
			m.Learn(&row, &f)
		}
		learn(join, Fact{Join: true, Marks: []string{"member.joined"}})
		for range r.IntN(6) {
			learn(join.Add(time.Duration(r.IntN(300))*time.Second), Fact{Active: true, Action: Message + Action(r.IntN(Actions)), Marks: []string{"message.posted"}})
		}
		for range r.IntN(12) {
			learn(join.Add(time.Duration(r.IntN(60*24))*time.Hour), Fact{Active: true})
		}
		for k, name := range []string{"path.first_task", "path.done", "pr.opened", "pr.merged"} {
			if r.IntN(k+2) == 0 {
				learn(join.Add(time.Duration(r.IntN(40*24*60))*time.Minute), Fact{Marks: []string{name}})
			}
		}
		for _, a := range m.Worth(fmt.Sprint("slack:U", i), &row) {
			sums[a.Key] += a.Delta * 50
		}
	}
	batch := new(store.Batch)
	commit := func() {
		if _, err := s.Commit(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
		batch = new(store.Batch)
	}
	for k, n := range sums {
		if batch.Add(k, n); len(batch.Writes()) == 100 {
			commit()
		}
	}
	commit()
	b.ReportMetric(float64(len(sums)), "counters")
	return s
}

// BenchmarkRead is a page's data: 60 days of a community of a million.
func BenchmarkRead(b *testing.B) {
	m, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	s := history(b, m)
	ctx, now := context.Background(), noon.AddDate(0, 0, 60)
	q := Query{From: m.calendar.Of(noon), To: m.calendar.Of(now)}
	snap, err := s.Snapshot(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer snap.Close()
	for name, read := range map[string]func() error{
		"retention": func() error { _, err := m.Retention(ctx, snap, q, Days, OnDay, 60, now); return err },
		"or-after":  func() error { _, err := m.Retention(ctx, snap, q, Days, OrAfter, 60, now); return err },
		"active":    func() error { _, err := m.ActiveMembers(ctx, snap, q, now); return err },
		"funnel":    func() error { _, err := m.Funnel(ctx, snap, q, now); return err },
		"heat":      func() error { _, err := m.Heat(ctx, snap, q); return err },
		"paths":     func() error { _, err := m.Paths(ctx, snap, q); return err },
		"requests":  func() error { _, err := m.PullRequests(ctx, snap, q, "pr.opened", now); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
