package plan

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/experiment"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func script() *Definition {
	return &Definition{Experiment: experiment.Experiment{Key: "bot-script", Variations: []string{"baseline", "v2", "v3"}},
		Name: Text{"en": "Bot script"}, Metrics: []string{"day7"}, Status: Running, Began: noon.Add(-time.Hour)}
}

func TestValidate(t *testing.T) {
	two := 2.0
	for _, c := range []struct {
		change func(*Definition)
		want   string // field and code
	}{
		{func(d *Definition) {}, ""},
		{func(d *Definition) { d.Weights = []float64{0.333, 0.333, 0.333} }, ""},
		{func(d *Definition) { d.Status, d.Winner = Settled, "v2" }, ""},
		{func(d *Definition) { d.Status, d.Metrics = Draft, nil }, ""},
		{func(d *Definition) { d.Name = Text{"zh-CN": "话术"} }, ""},
		{func(d *Definition) { d.Key = "" }, "key key.none"},
		{func(d *Definition) { d.Key = "Bot Script" }, "key key"},
		{func(d *Definition) { d.Key = "a--b" }, "key key"},
		{func(d *Definition) { d.Key = strings.Repeat("a", 65) }, "key key"},
		{func(d *Definition) { d.Key = "platform" }, "key key.reserved"},
		{func(d *Definition) { d.Key = "assign" }, "key key.reserved"},
		{func(d *Definition) { d.Seed = strings.Repeat("a", 65) }, "seed seed"},
		{func(d *Definition) { d.Version = 3 }, "hash_version version"},
		{func(d *Definition) { d.Variations = nil }, "variations variations"},
		{func(d *Definition) { d.Variations[1] = "V 2" }, "variations[1] variation"},
		{func(d *Definition) { d.Variations[2] = "v2" }, "variations[2] variation.twice"},
		{func(d *Definition) { d.Weights = []float64{0.6, 0.4} }, "weights weights.count"},
		{func(d *Definition) { d.Weights = []float64{0.6, 0.4, 0.2} }, "weights weights.sum"},
		{func(d *Definition) { d.Weights = []float64{0.6, 0.6, -0.2} }, "weights[2] share"},
		{func(d *Definition) { d.Name = nil }, "name name.none"},
		{func(d *Definition) { d.Name["fr"] = "x" }, "name.fr locale"},
		{func(d *Definition) { d.About = Text{"en": strings.Repeat("长", MaxText+1)} }, "about.en text"},
		{func(d *Definition) { d.Coverage = &two }, "coverage share"},
		{func(d *Definition) { d.Namespace = &experiment.Namespace{Start: 0, End: 1} }, "namespace.id namespace.id"},
		{func(d *Definition) { d.Namespace = &experiment.Namespace{ID: "n", Start: 0.5, End: 0.5} }, "namespace namespace"},
		{func(d *Definition) { d.Holdout = &experiment.Holdout{Share: 0.1} }, "holdout.name holdout.name"},
		{func(d *Definition) { d.Holdout = &experiment.Holdout{Name: "h", Share: 7} }, "holdout.share share"},
		{func(d *Definition) { d.Forced = map[string]string{"slack:U1": "v9"} }, "forced.slack:U1 forced"},
		{func(d *Definition) { d.Forced = map[string]string{"ann": "v2"} }, "forced.ann forced.id"},
		{func(d *Definition) { d.Forced = many(MaxForced + 1) }, "forced forced.many"},
		{func(d *Definition) { d.Start, d.Stop = noon, noon }, "stop stop"},
		{func(d *Definition) { d.Ramp = []experiment.Step{{At: noon, Coverage: 0.5}, {At: noon, Coverage: 1}} }, "ramp[1].at ramp"},
		{func(d *Definition) {
			d.Ramp = []experiment.Step{{At: noon, Coverage: 0.5}, {At: noon.Add(1), Coverage: 0.1}}
		}, "ramp[1].coverage ramp.down"},
		{func(d *Definition) { d.Ramp = []experiment.Step{{At: noon, Coverage: 5}} }, "ramp[0].coverage share"},
		{func(d *Definition) { d.Ramp = make([]experiment.Step, 101) }, "ramp ramp.many"},
		{func(d *Definition) { d.Metrics = nil }, "metrics metrics.none"},
		{func(d *Definition) { d.Metrics = []string{"day7", "day7"} }, "metrics[1] metric.twice"},
		{func(d *Definition) { d.Metrics = []string{"a b"} }, "metrics[0] metric"},
		{func(d *Definition) { d.Metrics = strings.Split("abcdefghijk", "") }, "metrics metrics.many"},
		{func(d *Definition) { d.Guardrails = []Guardrail{{"left", 2, false}} }, "guardrails[0].margin share"},
		{func(d *Definition) { d.Guardrails = []Guardrail{{"", 0, false}} }, "guardrails[0].metric metric"},
		{func(d *Definition) { d.Guardrails = []Guardrail{{"left", 0, false}, {"left", 0.1, false}} }, "guardrails[1].metric metric.twice"},
		{func(d *Definition) { d.Status = "" }, "status status"},
		{func(d *Definition) { d.Status = Settled }, "winner winner"},
		{func(d *Definition) { d.Winner = "v2" }, "winner winner.none"},
		{func(d *Definition) { d.Target = "guest" }, ""},
		{func(d *Definition) { d.Target = "guest = 1" }, "target target"},
		{func(d *Definition) { d.Target = "shoe_size > 40" }, "target target"},
		{func(d *Definition) { d.Target = "platform" }, "target target.type"},
		{func(d *Definition) { d.Target = "any(did, # == \"x\")" }, "target target.loop"},
		{func(d *Definition) { d.Target = "joined_days in 1..1000000000" }, "target target.loop"},
		{func(d *Definition) { d.Target = "guest" + strings.Repeat(" or guest", 100) }, "target target.nodes"},
		{func(d *Definition) { d.Target = strings.Repeat("x", MaxTarget+1) }, "target target.long"},
	} {
		d := script()
		c.change(d)
		got := d.Validate()
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%v, want nothing", got)
		case c.want != "" && (len(got) == 0 || got[0].Field+" "+got[0].Code != c.want):
			t.Errorf("%+v, want %s", got, c.want)
		}
		for _, p := range got {
			if en, zh := p.In("en"), p.In("zh-CN"); strings.Contains(en+zh, "%!") || en == "" || zh == "" {
				t.Errorf("%s: %q, %q", p.Code, en, zh)
			}
		}
	}
}

func many(n int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m[fmt.Sprintf("slack:U%020d", i)] = "v2"
	}
	return m
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"good", string(script().Encode()), ""},
		{"nothing", "", "line 1, column 1: the text ends too early"},
		{"cut off", `{"key": "a"`, "line 1, column 12: the text ends too early"},
		{"no JSON", "{\n  \"key\": bot\n}", "line 2, column 10: this is no JSON"},
		{"another type", "{\n  \"key\": 7}", "line 2, column 10: key: here stands a number, where a string belongs"},
		{"a field too many", "{\n  \"colour\": 1}", `line 2, column 3: there is no field "colour"`},
		{"two", `{} {}`, "line 1, column 5: something follows"},
		{"weights", "{\"key\": \"a\", \"name\": {\"en\": \"A\"}, \"status\": \"draft\",\n \"variations\": [\"x\", \"y\"],\n \"weights\": [0.5, 0.6]}", "line 3, column 13: weights: the weights sum to 1.1"},
		{"one of the ramp", "{\"key\": \"a\", \"name\": {\"en\": \"A\"}, \"status\": \"draft\", \"variations\": [\"x\", \"y\"],\n\"ramp\": [{\"at\": \"2026-03-01T12:00:00Z\", \"coverage\": 0.5},\n  {\"at\": \"2026-03-01T12:00:00Z\", \"coverage\": 0.6}]}",
			"line 3, column 10: ramp[1].at: step 2 has a time"},
		{"Chinese before it", "{\"name\": {\"en\": \"测试\"}, \"status\": \"无\", \"key\": \"a\", \"variations\": [\"x\", \"y\"]}", `line 1, column 34: status: the status "无"`},
		{"missing", "{\"name\": {\"en\": \"A\"}, \"status\": \"draft\", \"variations\": [\"x\", \"y\"]}", "line 1, column 1: key: give it a key"},
		{"too long", strings.Repeat(" ", MaxBytes+1), "it has 16 KiB"},
	} {
		d, ps := Parse([]byte(c.text))
		switch {
		case c.want == "" && (len(ps) > 0 || d == nil):
			t.Errorf("%s: %v", c.name, ps)
		case c.want != "" && (len(ps) == 0 || !strings.HasPrefix(ps[0].String(), c.want)):
			t.Errorf("%s: %v\nwant %s", c.name, ps, c.want)
		}
	}
	// What is written is read as it was.
	for _, d := range append(Samples(), script()) {
		again, ps := Parse(d.Encode())
		if len(ps) > 0 || string(again.Encode()) != string(d.Encode()) {
			t.Errorf("%s: %v\n%s\n%s", d.Key, ps, d.Encode(), again.Encode())
		}
	}
}

// TestTargetSaysWhere holds the column of what is wrong with a target to the
// target's own text.
func TestTargetSaysWhere(t *testing.T) {
	for _, c := range []struct {
		target string
		at     int
	}{{"not guest and shoe > 1", 15}, {"guest ==", 8}, {"1 in 1..3", 7}, {"guest\nor\nshoe", 10}} {
		d := script()
		d.Target = c.target
		if ps := d.Validate(); len(ps) != 1 || ps[0].At != c.at {
			t.Errorf("%s: %#v, want column %d", c.target, ps, c.at)
		}
	}
}

// TestWordsAreUsed compares the words with the codes of the sources: none is
// missing or left over, and both languages say the same arguments.
func TestWordsAreUsed(t *testing.T) {
	used := map[string]bool{}
	fset := token.NewFileSet()
	for _, name := range []string{"check.go", "parse.go", "target.go", "ready.go"} {
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil {
					used[s] = true
				}
			}
			return true
		})
	}
	verbs := regexp.MustCompile(`%[a-z]`)
	for code, w := range words {
		if !used[code] {
			t.Errorf("nothing says %q", code)
		}
		if !slices.Equal(verbs.FindAllString(w[0], -1), verbs.FindAllString(w[1], -1)) {
			t.Errorf("%s: %q and %q have other arguments", code, w[0], w[1])
		}
	}
}

func TestFits(t *testing.T) {
	var all []*Definition
	for i := range MaxDefinitions {
		d := script()
		d.Key = fmt.Sprint("k", i)
		if i >= MaxRunning {
			d.Status = Draft
		}
		all = append(all, d)
	}
	if ps := Fits(all); len(ps) > 0 {
		t.Error(ps)
	}
	all[MaxRunning].Status = Running
	all[1].Key = "k0"
	all = append(all, all[2])
	for _, d := range all[3:] {
		d.Forced = many(MaxForced)
		d.Target = "id == \"" + strings.Repeat("x", 900) + "\""
		d.About = Text{"en": strings.Repeat("x", 500)}
	}
	for _, code := range []string{"key.twice", "all.many", "all.size", "all.running"} {
		if !slices.ContainsFunc(Fits(all), func(p Problem) bool { return p.Code == code }) {
			t.Errorf("no %s in %v", code, Fits(all))
		}
	}
}

func TestSamples(t *testing.T) {
	all := Samples()
	if ps := Fits(all); len(ps) > 0 {
		t.Error(ps)
	}
	for _, d := range all {
		if ps := d.Validate(); len(ps) > 0 {
			t.Errorf("%s: %v", d.Key, ps)
		}
		for _, l := range Locales {
			if d.Name[l] == "" || d.About[l] == "" {
				t.Errorf("%s is not in %s", d.Key, l)
			}
		}
		if d.Begin(noon); len(d.Validate()) > 0 {
			t.Errorf("%s cannot be started: %v", d.Key, d.Validate())
		}
	}
	all[0].Guardrails[0].Margin = 1
	if all[1].Guardrails[0].Margin == 1 || Samples()[0].Guardrails[0].Margin == 1 {
		t.Error("samples share their guardrails")
	}
}

func TestLife(t *testing.T) {
	d := Samples()[0]
	d.Begin(noon)
	d.End(noon.Add(time.Hour), "guardrail:left")
	if d.Status != Stopped || d.Reason != "guardrail:left" || !d.Ended.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v", d)
	}
	d.Begin(noon.Add(2 * time.Hour))
	if !d.Began.Equal(noon) || d.Reason != "" || !d.Ended.IsZero() || d.Status != Running {
		t.Errorf("%+v", d)
	}
	d.Settle(noon.Add(3*time.Hour), "v3")
	if ps := d.Validate(); len(ps) > 0 || d.Winner != "v3" || d.Ended.IsZero() {
		t.Errorf("%v %+v", ps, d)
	}
}

func TestChanges(t *testing.T) {
	half := 0.5
	for _, c := range []struct {
		change func(*Definition)
		want   string
	}{
		{func(d *Definition) {}, ""},
		{func(d *Definition) {
			d.Seed = "bot-script"
			d.Version = 2
			d.Weights = []float64{1. / 3, 1. / 3, 1. / 3}
		}, ""},
		{func(d *Definition) { d.Name = Text{"en": "Other"} }, ""},
		{func(d *Definition) { d.Version = 1 }, "change.seed"},
		{func(d *Definition) { d.Variations = []string{"baseline", "v2"}; d.Weights = []float64{1. / 3, 2. / 3} }, "change.gone change.weights"},
		{func(d *Definition) { d.Variations = append(d.Variations, "v4") }, "change.variation change.weights"},
		{func(d *Definition) { d.Variations = []string{"v2", "baseline", "v3"} }, "change.control"},
		{func(d *Definition) { d.Weights = []float64{0.8, 0.1, 0.1} }, "change.weights"},
		{func(d *Definition) { d.Coverage = &half }, "change.coverage"},
	} {
		now := script()
		c.change(now)
		var codes []string
		for _, p := range Changes(script(), now) {
			codes = append(codes, p.Code)
		}
		if got := strings.Join(codes, " "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	draft := script()
	draft.Status, draft.Began = Draft, time.Time{}
	now := script()
	now.Version = 1
	if ps := Changes(draft, now); ps != nil {
		t.Errorf("of a draft: %v", ps)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(script().Encode())
	f.Add([]byte(`{"target": "did[0] == len(", "ramp": [{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, ps := Parse(text)
		for _, p := range ps {
			_, _ = p.String(), p.In("zh-CN")
		}
		if len(ps) > 0 || d == nil {
			return
		}
		if !json.Valid(d.Encode()) {
			t.Fatalf("%s", d.Encode())
		}
		if _, ps := Parse(d.Encode()); len(ps) > 0 {
			t.Fatalf("%s\n%v", d.Encode(), ps)
		}
		r, err := d.Ready()
		if err != nil {
			t.Fatal(err)
		}
		r.Assign(&Known{ID: "slack:U1"}, nil, noon)
	})
}
