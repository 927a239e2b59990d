package measure

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/measure/stats"
	"github.com/hearthbot/hearth/sdk/experiment"
)

// TestExperimentFromAssignmentToVerdict has a community in which a script keeps more
// newcomers and a pace makes more of them leave, and nothing else is true: the
// figures are those of the simulation, and the verdicts those that were built in.
func TestExperimentFromAssignmentToVerdict(t *testing.T) {
	ctx := context.Background()
	c := newCommunity(t, Config{})
	script := &experiment.Experiment{Key: "bot-script", Variations: []string{"baseline", "v2"}}
	pace := &experiment.Experiment{Key: "pace", Variations: []string{"normal", "fast"}, Weights: []float64{0.8, 0.2}}
	r := rand.New(rand.NewPCG(6, 1))
	days, perDay := 20, 150
	truth := map[string]map[string]stats.Count{"bot-script": {}, "pace": {}}
	for d := range days {
		for i := range perDay {
			id := fmt.Sprintf("slack:U%d-%d", d, i)
			join := noon.AddDate(0, 0, d).Add(time.Duration(i) * time.Minute)
			do := func(at time.Time, f Fact) {
				h := on(at, f)
				h.member = id
				c.fold(h)
			}
			do(join, Fact{Join: true, Marks: []string{"member.joined"}})
			stays, leaves := 0.3, 0.02
			got := map[string]string{}
			for _, e := range []*experiment.Experiment{script, pace} {
				a := e.Assign(experiment.Member{ID: id}, join)
				if !a.Counts() {
					t.Fatalf("%s: %+v", id, a)
				}
				got[e.Key] = a.Name
				do(join.Add(time.Second), Fact{Shown: &Shown{Experiment: e.Key, Variation: a.Name}})
			}
			if got["bot-script"] == "v2" {
				stays = 0.4
			}
			if got["pace"] == "fast" {
				leaves = 0.12
			}
			stayed, left := r.Float64() < stays, r.Float64() < leaves
			if stayed {
				do(join.AddDate(0, 0, 7), Fact{Active: true})
			}
			if left {
				do(join.Add(2*time.Hour), Fact{Leave: true, Marks: []string{"member.left"}})
			}
			for x, yes := range map[string]bool{"bot-script": stayed, "pace": left} {
				n := truth[x][got[x]]
				n.N++
				if yes {
					n.X++
				}
				truth[x][got[x]] = n
			}
		}
	}
	snap := c.snap()
	defer snap.Close()
	now := noon.AddDate(0, 0, days+9)
	q := Query{From: c.m.calendar.Of(noon), To: c.m.calendar.Of(now)}
	analyse := func(e *experiment.Experiment, metric string) (stats.Report, []stats.Arm) {
		t.Helper()
		got, err := c.m.Arms(ctx, snap, q, e.Key, e.Variations, metric, now)
		if err != nil {
			t.Fatal(err)
		}
		var arms []stats.Arm
		var shown []int
		for _, a := range got.Arms {
			arms = append(arms, stats.Arm{Name: a.Variation, Count: stats.Count{N: a.N, X: a.Met}})
			shown = append(shown, a.Shown)
		}
		report, err := stats.Analyse(arms, shown, e.Weights, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return report, arms
	}
	stay, arms := analyse(script, "day7")
	for _, a := range arms {
		if a.Count != truth["bot-script"][a.Name] {
			t.Errorf("%+v, want %+v", a, truth["bot-script"][a.Name])
		}
	}
	if x := stay.Comparisons[0]; x.Verdict != stats.Better || x.Interval.Excludes(0.1) || stay.Ratio.Alarmed() {
		t.Errorf("v2: %+v, ratio %+v", x, stay.Ratio)
	}
	if other, _ := analyse(pace, "day7"); other.Comparisons[0].Verdict != stats.Open {
		t.Errorf("the pace keeps nobody: %+v", other.Comparisons[0])
	}
	_, arms = analyse(pace, "left")
	for _, a := range arms {
		if a.Count != truth["pace"][a.Name] {
			t.Errorf("%+v, want %+v", a, truth["pace"][a.Name])
		}
	}
	if w := (stats.Guardrail{Name: "left", Margin: 0.02}).Watch(arms[0].Count, arms[1].Count); !w.Stop {
		t.Errorf("a guardrail that holds nothing: %+v", w)
	}
	table, err := c.m.Table(ctx, snap, q, script.Key, pace.Key, script.Variations, pace.Variations)
	if err != nil {
		t.Fatal(err)
	}
	x, err := stats.Independence(table)
	total := 0
	for _, row := range table {
		for _, n := range row {
			total += n
		}
	}
	if err != nil || x.Alarmed() || total != days*perDay || slices.Max(table[0]) == 0 {
		t.Errorf("%v of %d members: %+v, %v", table, total, x, err)
	}
}
