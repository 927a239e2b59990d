package plan

import (
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/experiment"
)

func ready(t testing.TB, d *Definition) *Ready {
	t.Helper()
	r, err := d.Ready()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func known(id string) *Known {
	k := Of(&abi.Member{ID: id}, "en", "UTC", time.Time{}, nil, noon)
	return &k
}

func TestAttributes(t *testing.T) {
	m := &abi.Member{ID: "slack:U7", Name: "Ann", Locale: "zh_TW", TimeZone: "Asia/Taipei", JoinedAt: noon.Add(-36 * time.Hour).UnixMilli(), NoDM: true}
	k := Of(m, "en", "Europe/Berlin", noon.Add(-12*time.Hour), []string{"pr.opened"}, noon)
	if k.Platform != "slack" || k.Language != "zh" || k.Locale != "zh_TW" || k.JoinedDays != 1.5 || k.SeenDays != 0.5 || !k.GitHub || k.DirectOK {
		t.Errorf("%+v", k)
	}
	k = Of(&abi.Member{ID: "x:1"}, "zh-CN", "Asia/Shanghai", time.Time{}, nil, noon)
	if k.Locale != "zh-CN" || k.Language != "zh" || k.TimeZone != "Asia/Shanghai" || k.JoinedDays != -1 || k.SeenDays != 0 || k.GitHub || !k.DirectOK {
		t.Errorf("%+v", k)
	}
	// Every attribute is one, has words in both languages and an example that holds
	// for somebody.
	someone := Known{ID: "slack:U7", Platform: "slack", Locale: "zh-CN", Language: "zh", TimeZone: "Asia/Shanghai", DirectOK: true,
		JoinedDays: 1, SeenDays: 0.5, GitHub: true, Did: []string{"path.first_task"}}
	for _, a := range Attributes() {
		tg, p := compile(a.Example)
		if p != nil || !tg.takes(&someone) || a.About["en"] == "" || a.About["zh-CN"] == "" {
			t.Errorf("%s: %v, %+v", a.Name, p, a)
		}
		if _, p := compile(a.Name + " == " + a.Name); p != nil {
			t.Errorf("%s: %v", a.Name, p)
		}
	}
}

func TestTargetThatFailsTakesNobody(t *testing.T) {
	tg, p := compile(`did[5] == "x"`)
	if p != nil || tg.takes(&Known{}) {
		t.Errorf("%v", p)
	}
}

func TestAssignByStatus(t *testing.T) {
	given := &Given{Key: "bot-script", Variation: "v2", At: noon.Add(-time.Minute)}
	early := &Given{Key: "bot-script", Variation: "v2", At: noon.Add(-2 * time.Hour)}
	for _, c := range []struct {
		name           string
		change         func(*Definition)
		given          *Given
		want           experiment.Why
		in             string
		counted, first bool
	}{
		{"running", func(d *Definition) {}, nil, experiment.Assigned, "", true, true},
		{"running, given before", func(d *Definition) {}, given, experiment.Sticky, "v2", true, false},
		{"given by another of the key", func(d *Definition) { d.Weights = []float64{1, 0, 0} }, early, experiment.Assigned, "baseline", true, true},
		{"tester", func(d *Definition) { d.Forced = map[string]string{"slack:U1": "v3"} }, given, experiment.Forced, "v3", false, false},
		{"draft", func(d *Definition) { d.Status = Draft }, nil, experiment.NotStarted, "", false, false},
		{"tester of a draft", func(d *Definition) { d.Status = Draft; d.Forced = map[string]string{"slack:U1": "v3"} }, nil, experiment.Forced, "v3", false, false},
		{"stopped", func(d *Definition) { d.Status = Stopped }, given, experiment.Stopped, "", false, false},
		{"settled", func(d *Definition) { d.Status, d.Winner = Settled, "v3" }, nil, experiment.Assigned, "v3", false, false},
		{"settled, given another", func(d *Definition) { d.Status, d.Winner = Settled, "v3" }, given, experiment.Assigned, "v3", false, false},
		{"settled, its time over", func(d *Definition) { d.Status, d.Winner, d.Stop = Settled, "v3", noon.Add(-1) }, nil, experiment.Assigned, "v3", false, false},
		{"settled, not for them", func(d *Definition) { d.Status, d.Winner, d.Target = Settled, "v3", "guest" }, nil, experiment.NotTargeted, "", false, false},
		{"not for them", func(d *Definition) { d.Target = "guest" }, nil, experiment.NotTargeted, "", false, false},
		{"not for them any more", func(d *Definition) { d.Target = "guest" }, given, experiment.Sticky, "v2", true, false},
		{"for them", func(d *Definition) { d.Target = `platform == "slack" and not guest` }, nil, experiment.Assigned, "", true, true},
		{"time not come", func(d *Definition) { d.Start = noon.Add(1) }, nil, experiment.NotStarted, "", false, false},
		{"time over", func(d *Definition) { d.Stop = noon }, given, experiment.Stopped, "", false, false},
	} {
		d := script()
		c.change(d)
		a := ready(t, d).Assign(known("slack:U1"), c.given, noon)
		if a.Why != c.want || c.in != "" && a.Name != c.in || a.Counted != c.counted || a.First != c.first || a.Key != d.Key {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

// TestCoverageMovesNobody: whatever the weights, whoever is in at a coverage is
// in the same variation at a wider one.
func TestCoverageMovesNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawn(t)
		narrow := rapid.Float64Range(0, 1).Draw(t, "narrow")
		wide := rapid.Float64Range(narrow, 1).Draw(t, "wide")
		id := drawnID(t)
		d.Coverage = &narrow
		before, _ := d.Ready()
		e := *d
		e.Coverage = &wide
		after, _ := e.Ready()
		a, b := before.Assign(known(id), nil, noon), after.Assign(known(id), nil, noon)
		if a.In() && (a.Name != b.Name || b.Why != experiment.Assigned) {
			t.Fatalf("%s was in %+v at %v, and is in %+v at %v", id, a, narrow, b, wide)
		}
	})
}

// TestStickySurvives: whatever becomes of weights, coverage, target and namespace,
// whoever was given a variation that there still is keeps it.
func TestStickySurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawn(t)
		id := drawnID(t)
		first, _ := d.Ready()
		a := first.Assign(known(id), nil, noon)
		if !a.First {
			t.Skip("not in it")
		}
		given := &Given{Key: d.Key, Variation: a.Name, At: noon}
		e := *d
		e.Weights = drawnWeights(t, len(e.Variations))
		c := rapid.Float64Range(0, 1).Draw(t, "coverage")
		e.Coverage = &c
		e.Target = rapid.SampledFrom([]string{"", "guest", `platform == "nowhere"`}).Draw(t, "target")
		e.Namespace = &experiment.Namespace{ID: "n", Start: 0, End: rapid.Float64Range(0.01, 1).Draw(t, "end")}
		e.Seed = rapid.StringMatching(`[a-z]{0,8}`).Draw(t, "seed")
		second, err := e.Ready()
		if err != nil {
			t.Fatal(err)
		}
		if b := second.Assign(known(id), given, noon.Add(time.Hour)); b.Name != a.Name || b.Why != experiment.Sticky || !b.Counted || b.First {
			t.Fatalf("%s had %+v, and has %+v", id, a, b)
		}
	})
}

// TestNamespacesExclude: experiments in parts of one namespace that do not
// overlap never share a member.
func TestNamespacesExclude(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cut := rapid.Float64Range(0.001, 0.999).Draw(t, "cut")
		a, b := drawn(t), drawn(t)
		a.Namespace = &experiment.Namespace{ID: "onboarding", Start: 0, End: cut}
		b.Namespace = &experiment.Namespace{ID: "onboarding", Start: cut, End: 1}
		b.Key += "-b"
		id := drawnID(t)
		ra, _ := a.Ready()
		rb, _ := b.Ready()
		if x, y := ra.Assign(known(id), nil, noon), rb.Assign(known(id), nil, noon); x.In() && y.In() {
			t.Fatalf("%s is in %+v and in %+v", id, x, y)
		}
	})
}

// TestHoldoutIsTouchedByNone: who is held out is in none of the experiments of
// that holdout, and its share does not depend on theirs.
func TestHoldoutIsTouchedByNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := drawnID(t)
		held := 0
		for i := range 3 {
			d := drawn(t)
			d.Key += "-" + strconv.Itoa(i)
			d.Holdout = &experiment.Holdout{Name: "all", Share: 0.3}
			r, _ := d.Ready()
			if r.Assign(known(id), nil, noon).Why == experiment.HeldOut {
				held++
			}
		}
		if held != 0 && held != 3 {
			t.Fatalf("%s is held out of %d of 3", id, held)
		}
	})
}

func drawn(t *rapid.T) *Definition {
	d := script()
	d.Key = rapid.StringMatching(`[a-z]{1,10}(-[a-z0-9]{1,5})?`).Filter(func(s string) bool {
		return len(reservedOnly(s)) == 0
	}).Draw(t, "key")
	n := rapid.IntRange(2, 5).Draw(t, "variations")
	d.Variations = nil
	for i := range n {
		d.Variations = append(d.Variations, fmt.Sprint("v", i))
	}
	d.Weights = drawnWeights(t, n)
	return d
}

func reservedOnly(key string) Problems {
	d := script()
	d.Key = key
	return d.Validate()
}

// drawnWeights are n shares that sum to one.
func drawnWeights(t *rapid.T, n int) []float64 {
	parts := make([]int, n)
	sum := 0
	for i := range parts {
		parts[i] = rapid.IntRange(0, 100).Draw(t, "weight")
		sum += parts[i]
	}
	if sum == 0 {
		return nil
	}
	weights := make([]float64, n)
	for i := range weights {
		weights[i] = float64(parts[i]) / float64(sum)
	}
	return weights
}

func drawnID(t *rapid.T) string {
	return rapid.SampledFrom([]string{"slack:U", "dingtalk:", "telegram:", "webchat:"}).Draw(t, "platform") + rapid.StringMatching(`[A-Z0-9]{1,12}`).Draw(t, "id")
}

// TestDimensionsAreUniformAndIndependent divides a million members in the three
// dimensions that hearth comes with.
func TestDimensionsAreUniformAndIndependent(t *testing.T) {
	members := 1_000_000
	if testing.Short() {
		members = 100_000
	}
	var dims []*Ready
	for _, d := range Samples()[:3] {
		d.Begin(noon)
		dims = append(dims, ready(t, d))
	}
	var cells [3][3][3]int
	platforms := []string{"slack:U", "telegram:", "webchat:m", "dingtalk:"}
	k := known("slack:U1")
	for i := range members {
		k.ID = platforms[i%4] + strconv.Itoa(1_000_000+i)
		var v [3]int
		for d, r := range dims {
			v[d] = r.Assign(k, nil, noon).Variation
		}
		cells[v[0]][v[1]][v[2]]++
	}
	var by [3][3]float64
	var pair [3][3][3]float64 // of dimensions d and d+1 mod 3
	for a := range 3 {
		for b := range 3 {
			for c := range 3 {
				v, n := [3]int{a, b, c}, float64(cells[a][b][c])
				for d := range 3 {
					by[d][v[d]] += n
					pair[d][v[d]][v[(d+1)%3]] += n
				}
			}
		}
	}
	// χ² of 2 and of 4 degrees of freedom is beyond these once in a thousand times;
	// what is tested is one fixed set of members.
	const uniform, independent = 13.816, 18.467
	for d := range 3 {
		chi, e := 0.0, float64(members)/3
		for _, n := range by[d] {
			chi += (n - e) * (n - e) / e
		}
		chi2 := 0.0
		for a := range 3 {
			for b := range 3 {
				e := by[d][a] * by[(d+1)%3][b] / float64(members)
				chi2 += math.Pow(pair[d][a][b]-e, 2) / e
			}
		}
		t.Logf("%s: %v, χ² %.2f; with %s: χ² %.2f", dims[d].Key, by[d], chi, dims[(d+1)%3].Key, chi2)
		if chi > uniform {
			t.Errorf("%s is not uniform: %v, χ² %.2f", dims[d].Key, by[d], chi)
		}
		if chi2 > independent {
			t.Errorf("%s and %s are not independent: χ² %.2f", dims[d].Key, dims[(d+1)%3].Key, chi2)
		}
	}
}

func BenchmarkAssign(b *testing.B) {
	d := script()
	d.Target = `language == "zh" && joined_days < 7`
	r := ready(b, d)
	k := Of(&abi.Member{ID: "slack:U1", Locale: "zh-CN", JoinedAt: noon.Add(-time.Hour).UnixMilli()}, "en", "UTC", noon, nil, noon)
	b.ReportAllocs()
	for b.Loop() {
		r.Assign(&k, nil, noon)
	}
}
