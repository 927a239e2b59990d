package experiment

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// The tables are the published test cases of GrowthBook's SDKs, specification
// 0.7.0: cases.json in github.com/growthbook/growthbook-golang at 0710162ce329
// and, the same, packages/sdk-js/test/cases.json in github.com/growthbook/growthbook.

func TestHashPublished(t *testing.T) {
	for _, c := range []struct {
		seed, value string
		version     int
		want        float64
	}{
		{"", "a", 1, 0.22}, {"", "b", 1, 0.077}, {"b", "a", 1, 0.946}, {"ef", "d", 1, 0.652},
		{"asdf", "8952klfjas09ujk", 1, 0.549}, {"", "123", 1, 0.011}, {"", "___)((*\":&", 1, 0.563},
		{"seed", "a", 2, 0.0505}, {"seed", "b", 2, 0.2696}, {"foo", "ab", 2, 0.2575}, {"foo", "def", 2, 0.2019},
		{"89123klj", "8952klfjas09ujkasdf", 2, 0.124}, {"90850943850283058242805", "123", 2, 0.7516},
		{"()**(%$##$%#$#", "___)((*\":&", 2, 0.0128},
	} {
		if n, ok := Hash(c.seed, c.value, c.version); !ok || n != c.want {
			t.Errorf("Hash(%q, %q, %d) = %v, %v; want %v", c.seed, c.value, c.version, n, ok, c.want)
		}
	}
	for _, version := range []int{99, 0, -1, 3} {
		if n, ok := Hash("abc", "def", version); ok || n != 0 {
			t.Errorf("Hash of version %d = %v, %v", version, n, ok)
		}
	}
}

// TestFNV holds the hash to the test vectors of its authors, at
// http://www.isthe.com/chongo/src/fnv/test_fnv.c (FNV-1a, 32 bits), and to bytes
// rather than characters.
func TestFNV(t *testing.T) {
	for s, want := range map[string]uint32{"": 0x811c9dc5, "a": 0xe40c292c, "b": 0xe70c2de5, "foobar": 0xbf9cf968} {
		if got := fnv32a(s); got != want {
			t.Errorf("fnv32a(%q) = %#x, want %#x", s, got, want)
		}
	}
	if fnv32a("foo", "bar") != fnv32a("foobar") {
		t.Error("in parts it is another hash")
	}
	if fnv32a("炉") != fnv32a("\xe7\x82\x89") {
		t.Error("a string is not hashed as its UTF-8 bytes")
	}
}

func TestBucketRangesPublished(t *testing.T) {
	for _, c := range []struct {
		name     string
		n        int
		coverage float64
		weights  []float64
		want     []Range
	}{
		{"normal 50/50", 2, 1, nil, []Range{{0, 0.5}, {0.5, 1}}},
		{"reduced coverage", 2, 0.5, nil, []Range{{0, 0.25}, {0.5, 0.75}}},
		{"zero coverage", 2, 0, nil, []Range{{0, 0}, {0.5, 0.5}}},
		{"4 variations", 4, 1, nil, []Range{{0, 0.25}, {0.25, 0.5}, {0.5, 0.75}, {0.75, 1}}},
		{"uneven weights", 2, 1, []float64{0.4, 0.6}, []Range{{0, 0.4}, {0.4, 1}}},
		{"uneven weights, 3 variations", 3, 1, []float64{0.2, 0.3, 0.5}, []Range{{0, 0.2}, {0.2, 0.5}, {0.5, 1}}},
		{"uneven weights, reduced coverage, 3 variations", 3, 0.2, []float64{0.2, 0.3, 0.5}, []Range{{0, 0.04}, {0.2, 0.26}, {0.5, 0.6}}},
		{"negative coverage", 2, -0.2, nil, []Range{{0, 0}, {0.5, 0.5}}},
		{"coverage above 1", 2, 1.5, nil, []Range{{0, 0.5}, {0.5, 1}}},
		{"weights sum below 1", 2, 1, []float64{0.4, 0.1}, []Range{{0, 0.5}, {0.5, 1}}},
		{"weights sum above 1", 2, 1, []float64{0.7, 0.6}, []Range{{0, 0.5}, {0.5, 1}}},
		{"not so many weights as variations", 4, 1, []float64{0.4, 0.4, 0.2}, []Range{{0, 0.25}, {0.25, 0.5}, {0.5, 0.75}, {0.75, 1}}},
		{"weights sum almost equals 1", 2, 1, []float64{0.4, 0.5999}, []Range{{0, 0.4}, {0.4, 0.9999}}},

		// Equal weights, as the cases of getEqualWeights have them.
		{"no variations", 0, 1, nil, nil},
		{"fewer than none", -1, 1, nil, nil},
		{"one", 1, 1, nil, []Range{{0, 1}}},
		{"three", 3, 1, nil, []Range{{0, 0.33333333}, {0.33333333, 0.66666667}, {0.66666667, 1}}},

		// What the specification leaves open.
		{"a negative weight", 2, 1, []float64{1.5, -0.5}, []Range{{0, 0.5}, {0.5, 1}}},
		{"no number", 2, 1, []float64{math.NaN(), 1}, []Range{{0, 0.5}, {0.5, 1}}},
		{"no number for coverage", 2, math.NaN(), nil, []Range{{0, 0}, {0.5, 0.5}}},
		{"a weight of nothing", 2, 1, []float64{0, 1}, []Range{{0, 0}, {0, 1}}},
	} {
		got := BucketRanges(c.n, c.coverage, c.weights)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
			continue
		}
		for i := range got {
			if math.Abs(got[i].Start-c.want[i].Start) > 1e-8 || math.Abs(got[i].End-c.want[i].End) > 1e-8 {
				t.Errorf("%s: range %d is %v, want %v", c.name, i, got[i], c.want[i])
			}
		}
	}
}

func TestChooseVariationPublished(t *testing.T) {
	even, reduced, zero := []Range{{0, 0.5}, {0.5, 1}}, []Range{{0, 0.25}, {0.5, 0.75}}, []Range{{0, 0.5}, {0.5, 0.5}, {0.5, 1}}
	for _, c := range []struct {
		n      float64
		ranges []Range
		want   int
	}{
		{0.2, even, 0}, {0.4, even, 0}, {0.6, even, 1}, {0.8, even, 1}, {0, even, 0}, {0.5, even, 1},
		{0.2, reduced, 0}, {0.4, reduced, -1}, {0.6, reduced, 1}, {0.8, reduced, -1}, {0.25, reduced, -1}, {0.5, reduced, 1},
		{0.5, zero, 2}, {0.5, nil, -1},
	} {
		if got := ChooseVariation(c.n, c.ranges); got != c.want {
			t.Errorf("ChooseVariation(%v, %v) = %d, want %d", c.n, c.ranges, got, c.want)
		}
	}
}

func TestInNamespacePublished(t *testing.T) {
	for _, c := range []struct {
		user, id string
		lower    bool // in [0, 0.4); else in [0.4, 1)
	}{
		{"1", "namespace1", false}, {"1", "namespace2", false}, {"2", "namespace1", false}, {"2", "namespace2", false},
		{"3", "namespace1", false}, {"3", "namespace2", true}, {"4", "namespace1", false}, {"4", "namespace2", true},
	} {
		if lower, upper := InNamespace(c.user, c.id, 0, 0.4), InNamespace(c.user, c.id, 0.4, 1); lower != c.lower || upper == c.lower {
			t.Errorf("user %s in %s: lower part %v, upper part %v", c.user, c.id, lower, upper)
		}
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func script() *Experiment {
	return &Experiment{Key: "bot-script", Variations: []string{"baseline", "v2", "v3"}}
}

// held finds an id for which ok says yes.
func held(t *testing.T, ok func(id string) bool) string {
	t.Helper()
	for i := range 100_000 {
		if id := fmt.Sprintf("slack:U%06d", i); ok(id) {
			return id
		}
	}
	t.Fatal("there is no such id")
	return ""
}

func TestAssignOrder(t *testing.T) {
	half, nothing := 0.5, 0.0
	outside := held(t, func(id string) bool { return !InNamespace(id, "ns", 0, 0.5) })
	inside := held(t, func(id string) bool { return InNamespace(id, "ns", 0, 0.5) })
	kept := held(t, func(id string) bool { return (&Holdout{"h", 0.1}).holds(id) })
	free := held(t, func(id string) bool { return !(&Holdout{"h", 0.1}).holds(id) })
	for _, c := range []struct {
		name   string
		change func(*Experiment)
		member Member
		want   Why
		in     string
	}{
		{"plain", func(e *Experiment) {}, Member{ID: "slack:U1"}, Assigned, ""},
		{"no key", func(e *Experiment) { e.Key = "" }, Member{ID: "slack:U1"}, Invalid, ""},
		{"one variation", func(e *Experiment) { e.Variations = e.Variations[:1] }, Member{ID: "slack:U1"}, Invalid, ""},
		{"no such hash", func(e *Experiment) { e.Version = 7 }, Member{ID: "slack:U1"}, Invalid, ""},
		{"nobody", func(e *Experiment) {}, Member{}, Nobody, ""},
		{"too early", func(e *Experiment) { e.Start = noon.Add(1) }, Member{ID: "slack:U1"}, NotStarted, ""},
		{"just in time", func(e *Experiment) { e.Start = noon }, Member{ID: "slack:U1"}, Assigned, ""},
		{"stopped now", func(e *Experiment) { e.Stop = noon }, Member{ID: "slack:U1", Sticky: "v2"}, Stopped, ""},
		{"stops soon", func(e *Experiment) { e.Stop = noon.Add(1) }, Member{ID: "slack:U1"}, Assigned, ""},
		{"forced", func(e *Experiment) { e.Forced = map[string]string{"slack:U1": "v3"}; e.Stop = noon }, Member{ID: "slack:U1"}, Forced, "v3"},
		{"forced into nothing", func(e *Experiment) { e.Forced = map[string]string{"slack:U1": "v9"} }, Member{ID: "slack:U1"}, Assigned, ""},
		{"sticky", func(e *Experiment) { e.Coverage = &nothing }, Member{ID: "slack:U1", Sticky: "v2"}, Sticky, "v2"},
		{"sticky, no more targeted", func(e *Experiment) {}, Member{ID: "slack:U1", Sticky: "v2", Excluded: true}, Sticky, "v2"},
		{"sticky to what is gone", func(e *Experiment) {}, Member{ID: "slack:U1", Sticky: "v0"}, Gone, ""},
		{"held out", func(e *Experiment) { e.Holdout = &Holdout{"h", 0.1} }, Member{ID: kept, Sticky: "v2"}, HeldOut, ""},
		{"not held out", func(e *Experiment) { e.Holdout = &Holdout{"h", 0.1} }, Member{ID: free}, Assigned, ""},
		{"other part", func(e *Experiment) { e.Namespace = &Namespace{"ns", 0, 0.5} }, Member{ID: outside}, OutOfSpace, ""},
		{"its part", func(e *Experiment) { e.Namespace = &Namespace{"ns", 0, 0.5} }, Member{ID: inside}, Assigned, ""},
		{"not targeted", func(e *Experiment) {}, Member{ID: "slack:U1", Excluded: true}, NotTargeted, ""},
		{"not covered", func(e *Experiment) { e.Coverage = &nothing }, Member{ID: "slack:U1"}, NotCovered, ""},
		{"ramp not begun", func(e *Experiment) {
			e.Coverage, e.Ramp = &nothing, []Step{{noon.Add(1), 1}}
		}, Member{ID: "slack:U1"}, NotCovered, ""},
		{"ramp at its step", func(e *Experiment) {
			e.Coverage, e.Ramp = &half, []Step{{noon.Add(-time.Hour), 0}, {noon, 1}}
		}, Member{ID: "slack:U1"}, Assigned, ""},
	} {
		e := script()
		c.change(e)
		got := e.Assign(c.member, noon)
		if got.Why != c.want || c.in != "" && got.Name != c.in {
			t.Errorf("%s: %+v, want %s %s", c.name, got, c.want, c.in)
		}
		in := c.want == Assigned || c.want == Sticky || c.want == Forced
		if got.In() != in || in != (got.Name != "") || got.Counts() != (in && c.want != Forced) {
			t.Errorf("%s: %+v in %v, counts %v", c.name, got, got.In(), got.Counts())
		}
		if in && e.Variations[got.Variation] != got.Name {
			t.Errorf("%s: %+v is not of that name", c.name, got)
		}
	}
}

// TestRampMovesNobody holds the scheme to what it is for: a wider coverage adds
// members, and those who were in stay where they were.
func TestRampMovesNobody(t *testing.T) {
	e := script()
	e.Ramp = []Step{{noon, 0.1}, {noon.Add(time.Hour), 0.5}, {noon.Add(2 * time.Hour), 1}}
	none := 0.0
	e.Coverage = &none
	counts := make([]int, 4)
	for i := range 20_000 {
		m, before := Member{ID: fmt.Sprint("telegram:", i)}, -1
		for at := range 4 {
			got := e.Assign(m, noon.Add(time.Duration(at-1)*time.Hour)).Variation
			if before >= 0 && got != before {
				t.Fatalf("%s was moved from %d to %d", m.ID, before, got)
			}
			if before = got; got >= 0 {
				counts[at]++
			}
		}
	}
	for at, want := range []float64{0, 2000, 10_000, 20_000} {
		if math.Abs(float64(counts[at])-want) > 4*math.Sqrt(want*(1-want/20_000)) {
			t.Errorf("step %d has %d members, want about %v", at, counts[at], want)
		}
	}
}

func TestNamespacesExclude(t *testing.T) {
	a, b := script(), script()
	b.Key = "pace"
	a.Namespace, b.Namespace = &Namespace{"onboarding", 0, 0.5}, &Namespace{"onboarding", 0.5, 1}
	for i := range 10_000 {
		m := Member{ID: fmt.Sprint("webchat:", i)}
		if a.Assign(m, noon).In() == b.Assign(m, noon).In() {
			t.Fatalf("%s is in both, or in neither of two that share all", m.ID)
		}
	}
}

func TestValidate(t *testing.T) {
	two, none := 2.0, 0.0
	for _, c := range []struct {
		change func(*Experiment)
		want   string
	}{
		{func(e *Experiment) {}, ""},
		{func(e *Experiment) { e.Coverage = &none }, ""},
		{func(e *Experiment) { e.Weights = []float64{0.6, 0.3, 0.1} }, ""},
		{func(e *Experiment) { e.Key = "" }, "a key at least one"},
		{func(e *Experiment) { e.Variations = nil }, "0 variations"},
		{func(e *Experiment) { e.Variations = []string{"a", "a"} }, "names are different"},
		{func(e *Experiment) { e.Weights = []float64{0.6, 0.4} }, "2 weights for 3 variations"},
		{func(e *Experiment) { e.Weights = []float64{0.6, 0.4, 0.2} }, "sum to 1.2"},
		{func(e *Experiment) { e.Weights = []float64{0.6, 0.6, -0.2} }, "not a share"},
		{func(e *Experiment) { e.Coverage = &two }, "coverage is 2"},
		{func(e *Experiment) { e.Version = 3 }, "no hash version 3"},
		{func(e *Experiment) { e.Namespace = &Namespace{"n", 0.5, 0.5} }, "namespace"},
		{func(e *Experiment) { e.Holdout = &Holdout{"h", -1} }, "holdout is -1"},
		{func(e *Experiment) { e.Forced = map[string]string{"slack:U1": "x"} }, "member slack:U1"},
		{func(e *Experiment) { e.Start, e.Stop = noon, noon }, "stops"},
		{func(e *Experiment) { e.Ramp = []Step{{noon, 0.5}, {noon, 1}} }, "step 2 of the ramp"},
		{func(e *Experiment) { e.Ramp = []Step{{noon, 5}} }, "coverage of step 1"},
	} {
		e := script()
		c.change(e)
		err := e.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("Validate = %v, want %q", err, c.want)
		}
	}
}

func TestJSON(t *testing.T) {
	const in = `{"key":"pace","variations":["fast","normal","slow"],"weights":[0.2,0.5,0.3],"coverage":0,` +
		`"namespace":{"id":"n","start":0,"end":0.5},"holdout":{"name":"h","share":0.05},"forced":{"slack:U1":"slow"},` +
		`"start":"2026-03-01T12:00:00Z","ramp":[{"at":"2026-03-02T12:00:00Z","coverage":0.5}]}`
	var e Experiment
	if err := json.Unmarshal([]byte(in), &e); err != nil {
		t.Fatal(err)
	}
	if err := e.Validate(); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(&e)
	if err != nil || string(out) != in {
		t.Errorf("%v\n%s\n%s", err, out, in)
	}
	if e.CoverageAt(noon) != 0 || e.CoverageAt(noon.Add(48*time.Hour)) != 0.5 {
		t.Error("a coverage of 0 is not that of none")
	}
}

func FuzzAssign(f *testing.F) {
	f.Add("slack:U1", "bot-script", 2, 0.5, 0.3)
	f.Add("", "", 0, math.NaN(), math.Inf(1))
	f.Fuzz(func(t *testing.T, id, key string, version int, coverage, weight float64) {
		e := &Experiment{Key: key, Version: version, Coverage: &coverage, Variations: []string{"a", "b", "c"}, Weights: []float64{weight, 1 - weight, 0}}
		got := e.Assign(Member{ID: id}, noon)
		if got.Variation < -1 || got.Variation > 2 || got.In() != (got.Name != "") {
			t.Fatalf("%+v", got)
		}
		if again := e.Assign(Member{ID: id}, noon); again != got {
			t.Fatalf("%+v, then %+v", got, again)
		}
		last := 0.0
		for _, r := range BucketRanges(3, coverage, e.Weights) {
			if r.Start < last || r.End < r.Start || r.End > 1.011 {
				t.Fatalf("range %v behind %v", r, last)
			}
			last = r.End
		}
	})
}

func BenchmarkAssign(b *testing.B) {
	e := script()
	m := Member{ID: "slack:U2147483697"}
	b.ReportAllocs()
	for b.Loop() {
		e.Assign(m, noon)
	}
}
