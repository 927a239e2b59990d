package replay

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/sdk/abi"
)

func send(key, to, text string) abi.Effect {
	s := &abi.Send{Key: key, Content: abi.Content{Blocks: []abi.Block{{Text: text}}}}
	if rest, ok := strings.CutPrefix(to, "@"); ok {
		s.To.Member = rest
	} else {
		s.To.Conversation = to
	}
	return abi.Effect{Send: s}
}

func effects(out ...abi.Effect) abi.Effects { return abi.Effects{Out: out} }

func TestCompare(t *testing.T) {
	timer := func(name, key string, due int64) abi.Effect {
		return abi.Effect{Timer: &abi.Timer{Name: name, Key: key, Due: due}}
	}
	for _, c := range []struct {
		name          string
		before, after abi.Effects
		want          []string
	}{
		{"nothing", abi.Effects{}, abi.Effects{}, nil},
		{"the same", effects(send("hello", "@slack:U1", "Hi")), effects(send("hello", "@slack:U1", "Hi")), nil},
		{"none and empty", abi.Effects{}, abi.Effects{Writes: []abi.Write{}, Out: []abi.Effect{}}, nil},

		{"a text changes", effects(send("hello", "@slack:U1", "Welcome, Ada!")), effects(send("hello", "@slack:U1", "Hello, Ada!")),
			[]string{"message “hello” to @slack:U1 changes: Welcome, Ada! → Hello, Ada!"}},
		{"a message appears", effects(), effects(send("", "slack:C1", "Hi")),
			[]string{"message to slack:C1 appears: Hi ⏎ to: slack:C1"}},
		{"a message disappears", effects(send("", "slack:C1", "Hi")), effects(),
			[]string{"message to slack:C1 disappears: Hi ⏎ to: slack:C1"}},
		{"it goes elsewhere", effects(send("k", "@slack:U1", "Hi")), effects(send("k", "slack:C1", "Hi")),
			[]string{"message “k” to @slack:U1 changes: to: @slack:U1 → to: slack:C1"}},
		{"without a key, it is another", effects(send("", "@slack:U1", "Hi")), effects(send("", "slack:C1", "Hi")),
			[]string{"message to @slack:U1 disappears: Hi ⏎ to: @slack:U1", "message to slack:C1 appears: Hi ⏎ to: slack:C1"}},
		{"the same key to many", effects(send("k", "@slack:U1", "Hi"), send("k", "@slack:U2", "Hi")), effects(send("k", "@slack:U2", "Ho")),
			[]string{"message “k” to @slack:U1 disappears: Hi ⏎ to: @slack:U1 ⏎ key: k", "message “k” to @slack:U2 changes: Hi → Ho"}},
		{"one of three in a place", effects(send("", "slack:C1", "1"), send("", "slack:C1", "2"), send("", "slack:C1", "3")),
			effects(send("", "slack:C1", "1"), send("", "slack:C1", "3")),
			[]string{"message to slack:C1 disappears: 2 ⏎ to: slack:C1"}},
		{"another order", effects(send("a", "slack:C1", "A"), send("b", "slack:C1", "B")), effects(send("b", "slack:C1", "B"), send("a", "slack:C1", "A")),
			[]string{"order slack:C1 changes: 1. message: A ⏎ 2. message: B → 1. message: B (was 2.) ⏎ 2. message: A (was 1.)"}},
		{"another order that nobody sees", effects(send("a", "slack:C1", "A"), send("b", "slack:C2", "B"), timer("t", "", 1)),
			effects(timer("t", "", 1), send("b", "slack:C2", "B"), send("a", "slack:C1", "A")), nil},

		{"rows", abi.Effects{Writes: []abi.Write{{Key: "c/a", Value: []byte("\xa3one")}, {Key: "c/b", Value: []byte{7}}, {Key: "c/d", Delete: true}}},
			abi.Effects{Writes: []abi.Write{{Key: "c/b", Value: []byte{8}}, {Key: "c/d", Value: []byte("\x81\xa1n\x01")}, {Key: "c/e"}}},
			[]string{`state c/a disappears: "one"`, "state c/b changes: 7 → 8", `state c/d changes: deleted → {"n":1}`, "state c/e appears: empty"}},
		{"rows in another order", abi.Effects{Writes: []abi.Write{{Key: "c/a"}, {Key: "c/b"}}}, abi.Effects{Writes: []abi.Write{{Key: "c/b"}, {Key: "c/a"}}}, nil},
		{"counters", abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}, {Key: "c/n", Delta: 1}}}, abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 2}}}, nil},
		{"a counter by another step", abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}}}, abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: -2}}}, []string{"state c/n changes: +1 → -2"}},
		{"a counter becomes a row", abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}}}, abi.Effects{Writes: []abi.Write{{Key: "c/n", Value: []byte{1}}}}, []string{"state c/n changes: +1 → 1"}},
		{"annotations", abi.Effects{Groups: []abi.Annotation{{Name: "x", Value: "a"}, {Name: "x", Value: "b"}}}, abi.Effects{Groups: []abi.Annotation{{Name: "x", Value: "b"}}}, nil},
		{"an annotation", abi.Effects{Groups: []abi.Annotation{{Name: "x", Value: "a"}}}, abi.Effects{Groups: []abi.Annotation{{Name: "x", Value: "b"}}}, []string{"annotation x changes: a → b"}},

		{"a timer moves", effects(timer("nudge", "u1", 60_000)), effects(timer("nudge", "u1", 120_000)),
			[]string{"timer “nudge” u1 changes: due 1970-01-01 00:01:00Z → due 1970-01-01 00:02:00Z"}},
		{"others", effects(abi.Effect{Track: &abi.Track{Name: "seen"}}, abi.Effect{Emit: &abi.Emit{Name: "done", Data: []byte("xx")}}, abi.Effect{Profile: &abi.Profile{Locale: "en"}}),
			effects(abi.Effect{Track: &abi.Track{Name: "seen", Props: []abi.Annotation{{Name: "n", Value: "1"}}}}, abi.Effect{Emit: &abi.Emit{Name: "done", Data: []byte("yy")}}, abi.Effect{Profile: &abi.Profile{Locale: "zh-CN"}}),
			[]string{"event “done” changes: data: xx → data: yy", "track “seen” changes: nothing → n: 1", "profile changes: locale: en → locale: zh-CN"}},

		{"it fails now", effects(send("", "slack:C1", "Hi")), abi.Effects{Error: "no", Out: []abi.Effect{send("", "slack:C1", "Hi")}},
			[]string{"message to slack:C1 disappears: Hi ⏎ to: slack:C1", "error appears: no"}},
		{"it fails otherwise", abi.Effects{Error: "no"}, abi.Effects{Error: "never", Out: []abi.Effect{{}}}, []string{"error changes: no → never"}},
		{"it fails as before", abi.Effects{Error: "no"}, abi.Effects{Error: "no", Out: []abi.Effect{{}}}, nil},
		{"what is longer than a line", effects(send("k", "@u", strings.Repeat("long ", 40)+"end")), effects(send("k", "@u", strings.Repeat("long ", 40)+"stop")),
			[]string{"message “k” to @u changes: …long long long long end → …long long long long stop"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, d := range Compare(&c.before, &c.after) {
				got = append(got, d.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
			mirrored(t, &c.before, &c.after)
		})
	}
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

// mirrored holds Compare to finding as much in either direction, and nothing
// between what is the same.
func mirrored(t failer, a, b *abi.Effects) {
	t.Helper()
	for _, x := range []*abi.Effects{a, b} {
		copied := *x
		if d := Compare(x, &copied); len(d) > 0 {
			t.Fatalf("with itself: %s", d[0].String())
		}
	}
	count := func(list []Difference, mirror bool) map[string]int {
		n := map[string]int{}
		for i := range list {
			d := &list[i]
			if d.How != Appears && d.How != Disappears && d.How != Changes || !slices.Contains(Whats(), d.What) {
				t.Fatalf("%+v", d)
			}
			if (d.Before != "" && d.How == Appears) || (d.After != "" && d.How == Disappears) || d.How == Changes && d.Before == d.After {
				t.Fatalf("it says %+v", d)
			}
			if len(d.Before) > maxText || len(d.After) > maxText || len(d.Name) > maxName || len([]rune(d.String())) > 400 || strings.ContainsAny(d.String(), "\n\r") {
				t.Fatalf("unbounded: %q", d.String())
			}
			how := d.How
			if mirror && how != Changes {
				how = map[How]How{Appears: Disappears, Disappears: Appears}[how]
			}
			n[string(d.What)+" "+string(how)]++
		}
		return n
	}
	there, back := count(Compare(a, b), false), count(Compare(b, a), true)
	if !reflect.DeepEqual(there, back) {
		t.Fatalf("there %v, back %v", there, back)
	}
}

// anything fills a value of the ABI from few words, so that much is alike.
func anything(t *rapid.T, v reflect.Value, depth int) {
	words := rapid.SampledFrom([]string{"", "", "a", "b", "hello\nworld", strings.Repeat("long ", 2000)})
	switch v.Kind() {
	case reflect.String:
		v.SetString(words.Draw(t, "word"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "flag"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64Range(-2, 2).Draw(t, "number"))
	case reflect.Pointer:
		if rapid.IntRange(0, 3).Draw(t, "there") == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			anything(t, v.Elem(), depth+1)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(rapid.SampledFrom([][]byte{nil, {1}, []byte("text"), []byte("\xa1x"), {0xff, 0xfe}}).Draw(t, "bytes"))
			return
		}
		most := 4
		if depth > 2 {
			most = 2
		}
		n := rapid.IntRange(0, most).Draw(t, "length")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			anything(t, v.Index(i), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			anything(t, v.Field(i), depth+1)
		}
	default:
		t.Fatalf("no idea of %v", v.Type())
	}
}

func anyEffects(t *rapid.T) *abi.Effects {
	ef := new(abi.Effects)
	anything(t, reflect.ValueOf(ef).Elem(), 0)
	if rapid.IntRange(0, 4).Draw(t, "well") > 0 {
		ef.Error = ""
	}
	return ef
}

func TestCompareProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyEffects(t), anyEffects(t)
		if rapid.Bool().Draw(t, "close") { // much the same, in another order
			b.Out = append(slices.Clone(b.Out[:min(1, len(b.Out))]), a.Out...)
			slices.Reverse(b.Out)
			b.Writes, b.Error = a.Writes, a.Error
		}
		mirrored(t, a, b)
	})
}

// FuzzCompare compares what bytes decode to: effects come from guests.
func FuzzCompare(f *testing.F) {
	for _, ef := range []abi.Effects{{}, {Error: "no"}, effects(send("k", "@u", "Hi")), {Adds: []abi.Add{{Key: "c/n", Delta: 1}}}} {
		b, err := ef.MarshalMsg(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b)
	}
	f.Fuzz(func(t *testing.T, x, y []byte) {
		var a, b abi.Effects
		if _, err := a.UnmarshalMsg(x); err != nil {
			return
		}
		if _, err := b.UnmarshalMsg(y); err != nil {
			return
		}
		mirrored(t, &a, &b)
	})
}

// TestEveryFieldIsShown changes each field of each effect in turn: what differs
// has to be seen, and not only that something does.
func TestEveryFieldIsShown(t *testing.T) {
	seen := 0
	var walk func(v reflect.Value, path string, check func(string))
	walk = func(v reflect.Value, path string, check func(string)) {
		switch v.Kind() {
		case reflect.String:
			v.SetString("other")
			check(path)
			v.SetString("word")
		case reflect.Bool:
			v.SetBool(!v.Bool())
			check(path)
			v.SetBool(!v.Bool())
		case reflect.Int, reflect.Int64:
			old := v.Int()
			v.SetInt(old + 60_000)
			check(path)
			v.SetInt(old)
		case reflect.Pointer:
			walk(v.Elem(), path, check)
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Uint8 {
				v.SetBytes([]byte("other"))
				check(path)
				v.SetBytes([]byte("bytes"))
				return
			}
			walk(v.Index(0), path+"[]", check)
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Name, check)
			}
		}
	}
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			v.SetString("word")
		case reflect.Bool:
			v.SetBool(false)
		case reflect.Int, reflect.Int64:
			v.SetInt(60_000)
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem())
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Uint8 {
				v.SetBytes([]byte("bytes"))
				return
			}
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0))
		case reflect.Struct:
			for i := range v.NumField() {
				fill(v.Field(i))
			}
		}
	}
	kinds := reflect.TypeFor[abi.Effect]()
	for i := range kinds.NumField() {
		make := func() abi.Effects {
			ef := effects(abi.Effect{})
			field := reflect.ValueOf(&ef.Out[0]).Elem().Field(i)
			field.Set(reflect.New(field.Type().Elem()))
			fill(field.Elem())
			return ef
		}
		before, after := make(), make()
		walk(reflect.ValueOf(&after.Out[0]).Elem().Field(i), kinds.Field(i).Name, func(path string) {
			seen++
			list := Compare(&before, &after)
			if len(list) == 0 {
				t.Errorf("%s: it differs unseen", path)
			}
			for _, d := range list {
				if strings.Contains(d.Before+d.After, "encoded: ") {
					t.Errorf("%s: that it differs is shown, not how: %s", path, d.String())
				}
			}
		})
	}
	if seen < 100 {
		t.Errorf("%d fields", seen)
	}
}

func TestLongTextsAreCutWhereTheyDiffer(t *testing.T) {
	line := strings.Repeat("the same line\n", 2000)
	for _, c := range []struct{ before, after string }{
		{line + "one", line + "two"},
		{strings.Repeat("é", 20_000) + "one", strings.Repeat("é", 20_000) + "two"},
		{"one" + line, "two" + line},
		{strings.Repeat("é", 20_000), ""},
	} {
		a, b := clip(c.before, c.after)
		if len(a) > maxText || len(b) > maxText || a == b {
			t.Errorf("%d and %d bytes, which are the same: %v", len(a), len(b), a == b)
		}
	}
}

func TestDifferenceInJSON(t *testing.T) {
	a, b := effects(send("k", "@u", "Hi")), effects(send("k", "@u", "Ho"))
	got, err := json.Marshal(Compare(&a, &b))
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"what":"message","how":"changes","name":"“k” to @u","before":"Hi\nto: @u\nkey: k","after":"Ho\nto: @u\nkey: k"}]`
	if string(got) != want {
		t.Errorf("got %s", got)
	}
}

func BenchmarkCompareTheSame(b *testing.B) {
	ef := effects(send("hello", "@slack:U1", "Welcome"), send("", "slack:C1", "Hi"))
	other := ef
	b.ReportAllocs()
	for b.Loop() {
		if len(Compare(&ef, &other)) > 0 {
			b.Fatal("it differs")
		}
	}
}
