package stats_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/measure/stats"
	"github.com/hearthbot/hearth/sdk/experiment"
)

// TestAssignmentsAreUniformAndIndependent assigns a million members in the three
// dimensions that hearth comes with.
func TestAssignmentsAreUniformAndIndependent(t *testing.T) {
	members := 1_000_000
	if testing.Short() {
		members = 50_000
	}
	dims := []*experiment.Experiment{
		{Key: "bot-script", Variations: []string{"baseline", "v2", "v3"}},
		{Key: "pace", Variations: []string{"fast", "normal", "slow"}, Weights: []float64{0.2, 0.5, 0.3}},
		{Key: "reminders", Variations: []string{"high", "medium", "low"}},
	}
	for version := 2; version >= 1; version-- {
		var cells [3][3][3]int
		for i := range members {
			m := experiment.Member{ID: "slack:U" + strconv.Itoa(2_000_000_000+i)}
			var v [3]int
			for d, e := range dims {
				if e.Version = version; version == 1 {
					e.Seed = "onboarding-" + strconv.Itoa(d+1)
				}
				v[d] = e.Assign(m, time.Time{}).Variation
			}
			cells[v[0]][v[1]][v[2]]++
		}
		var by [3][]int
		for d := range by {
			by[d] = make([]int, 3)
		}
		each(func(v [3]int) {
			for d := range v {
				by[d][v[d]] += cells[v[0]][v[1]][v[2]]
			}
		})
		for d, e := range dims {
			got, err := stats.SRM(by[d], e.Weights)
			if err != nil || version == 2 && got.Alarmed() {
				t.Errorf("version %d: %s is divided into %v: %+v, %v", version, e.Key, by[d], got, err)
			}
		}
		related := 0
		for _, p := range stats.Pairwise(3, func(a, b int) [][]int {
			table := [][]int{make([]int, 3), make([]int, 3), make([]int, 3)}
			each(func(v [3]int) { table[v[a]][v[b]] += cells[v[0]][v[1]][v[2]] })
			return table
		}) {
			t.Logf("version %d: %s and %s: χ² %.2f, p %.3g", version, dims[p.A].Key, dims[p.B].Key, p.Statistic, p.P)
			if p.Err != nil || version == 2 && p.Alarmed() {
				t.Errorf("version %d: %s and %s are not independent: %+v", version, dims[p.A].Key, dims[p.B].Key, p)
			}
			if p.Alarmed() {
				related++
			}
		}
		// Version 1, with seeds that are alike, is why version 2 is the default, and
		// shows that the test can fail.
		if version == 1 && !testing.Short() && related == 0 {
			t.Error("version 1 is independent: the test sees nothing")
		}
	}
}

func each(f func(v [3]int)) {
	for a := range 3 {
		for b := range 3 {
			for c := range 3 {
				f([3]int{a, b, c})
			}
		}
	}
}
