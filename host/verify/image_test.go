package verify

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/hearthbot/hearth/host/verify/native"
	"github.com/hearthbot/hearth/host/verify/source"
)

// everyFunction looks up each function of the program by its program counter, in
// the table whose buckets the sandbox's linker makes larger.
const everyFunction = `import ("fmt"; "hash/fnv"; "reflect"; "runtime")
const step = 1 << 16
func main() {
	pc := reflect.ValueOf(main).Pointer() / step * step
	for runtime.FuncForPC(pc-step) != nil {
		pc -= step
	}
	n, h := 0, fnv.New64a()
	for ; ; pc += step {
		f := runtime.FuncForPC(pc)
		if f == nil {
			break
		}
		file, line := f.FileLine(pc)
		n++
		fmt.Fprintln(h, f.Name(), file, line)
	}
	fmt.Println(n, h.Sum64())
}`

const callers = `import ("fmt"; "runtime"; "sort")
type T struct{ n int }
func (t T) Deep(n int) {
	if n > 0 {
		func() { t.Deep(n - 1) }()
		return
	}
	s := []int{2, 1}
	sort.Slice(s, func(i, j int) bool {
		pcs := make([]uintptr, 50)
		frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			fmt.Println(f.Function, f.File, f.Line)
		}
		return s[i] < s[j]
	})
	panic("in the end")
}
func main() { T{1}.Deep(5) }`

// shapes calls methods that types get by embedding, in every way in which code that
// instances share may call them.
const shapes = `package main

import ("fmt"; "io"; "iter"; "maps"; "reflect"; "slices"; "strings"; "sync"; "time")

type named interface{ Name() string }
type base struct{ n string }
func (b base) Name() string { return "base " + b.n }
func (b *base) Rename(n string) { b.n = n }
type renamer[T any] interface{ *T; Name() string; Rename(string) }
type both struct { base; *strings.Builder }

func call[T named](t T) string { f, g := t.Name, T.Name; return t.Name() + f() + g(t) }
func point[T any, P renamer[T]](t T) string { p := P(&t); h := p.Rename; h("x"); P.Rename(p, "y"); return p.Name() }
func as[T any](t T) string {
	switch v := any(t).(type) {
	case named: return v.Name()
	case fmt.Stringer: return v.String()
	}
	return fmt.Sprintf("%T", t)
}
func each[K comparable, V any](s iter.Seq2[K, V]) (out []string) { for k, v := range s { out = append(out, fmt.Sprint(k, v)) }; slices.Sort(out); return out }

type list[T fmt.Stringer] struct { sync.Mutex; all []T }
func (l *list[T]) add(t T) *list[T] { l.Lock(); defer l.Unlock(); l.all = append(l.all, t); return l }
func (l *list[T]) join() string { var s []string; for _, t := range l.all { s = append(s, t.String()) }; return strings.Join(s, ",") }
type held[T io.Reader] struct { io.Reader; t T }
func read[T io.Reader](h held[T]) string { a, _ := io.ReadAll(h); b, _ := io.ReadAll(h.t); return string(a) + string(b) }

func main() {
	fmt.Println(call(base{"a"}), call(struct{ base }{base{"b"}}), call(&base{"c"}), call(named(base{"d"})), call(both{base{"e"}, nil}), call(struct{ named }{base{"f"}}))
	fmt.Println(point[base](base{"g"}), point[struct{ base }](struct{ base }{base{"h"}}))
	fmt.Println(as(struct{ base }{}), as(struct{ time.Duration }{time.Second}), as(struct{ reflect.Value }{reflect.ValueOf(7)}), as(struct{ error }{}), as(3))
	fmt.Println(each(maps.All(map[string]struct{ base }{"k": {base{"i"}}})), each(slices.All([]struct{ reflect.Type }{{reflect.TypeFor[int]()}})))
	fmt.Println(new(list[struct{ time.Month }]).add(struct{ time.Month }{time.May}).join(), new(list[reflect.Value]).add(reflect.ValueOf(5)).join())
	fmt.Println(read(held[*strings.Reader]{strings.NewReader("x"), strings.NewReader("y")}), read(held[struct{ io.Reader }]{strings.NewReader("z"), struct{ io.Reader }{strings.NewReader("w")}}))
	for i, v := range reflect.ValueOf([]int{4, 5}).Seq2() { fmt.Println(i, v) }
	defer func() { fmt.Println(recover()) }()
	call(struct{ *base }{})
}`

// What the sandbox's tools make, from images and with lines of their own, does
// what Go's own make: the same output, exit code and functions, for all but the
// same fuel. And they make it again, byte for byte, whatever they made before.
func TestToolsAreGos(t *testing.T) {
	v := newVerifier(t)
	r := v.state.Load()
	plain, err := prepare(t.Context(), &Options{Native: true, Dir: t.TempDir(), Logger: v.o.Logger}, r.chain, func(string) {})
	if errors.Is(err, native.ErrVersion) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	submissions := map[string]Submission{"functions": program(everyFunction), "callers": program(callers), "shapes": {Files: []source.File{{Name: "main.go", Text: shapes}}},
		"templates": program(`import ("os"; "text/template"); func main() { template.Must(template.New("").Parse("{{range .}}<{{.}}>{{end}}\n")).Execute(os.Stdout, []int{1, 2}) }`)} // not read early
	for _, b := range benches[:4] {
		submissions[b.name] = b.s
	}
	make := func(ts *tools, s *Submission) []byte {
		t.Helper()
		b, err := ts.newBuild(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer b.close()
		var module []byte
		if len(s.Tests) > 0 {
			module, err = b.test(s, "main", []string{"TestSum"})
		} else {
			module, err = b.program(s)
		}
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Clone(module)
	}
	first := map[string][]byte{}
	for name, s := range submissions {
		first[name] = make(r.tools, &s)
	}
	spoil(t, r.tools)
	for name, s := range submissions {
		here := make(r.tools, &s)
		if !bytes.Equal(here, first[name]) {
			t.Errorf("%s: made again it is another", name)
		}
		if r.chain.Plain("link") != "" {
			continue // it is Go's own
		}
		a, b := v.runWith(t.Context(), here, &s, true), v.runWith(t.Context(), make(plain, &s), &s, true)
		if !bytes.Equal(a.Stdout, b.Stdout) || a.ExitCode != b.ExitCode || (a.err == nil) != (b.err == nil) {
			t.Errorf("%s: exit code %d, %v\n%s%s\nGo's own: %d, %v\n%s%s", name, a.ExitCode, a.err, a.Stdout, a.Stderr, b.ExitCode, b.err, b.Stdout, b.Stderr)
		}
		if ratio := float64(a.Fuel) / float64(b.Fuel); ratio < 0.97 || ratio > 1.03 {
			t.Errorf("%s: %d units, and %d as Go's own linker makes it", name, a.Fuel, b.Fuel)
		}
	}
}

// spoil has the tools end badly in all the ways they may.
func spoil(t *testing.T, ts *tools) {
	t.Helper()
	b, err := ts.newBuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	wrong := []source.File{{Name: "main.go", Text: "package main\n\nfunc main() { undefined() }\n"}}
	var refused *buildError
	if err := b.compile("main", "/w/main.a", wrong); !errors.As(err, &refused) {
		t.Errorf("a program that does not compile: %v", err)
	}
	if err := b.write("no.a", []byte("!<arch>\nno archive")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.link("/w/no.a"); !errors.As(err, &refused) {
		t.Errorf("a file that is no archive: %v", err)
	}
	if err := b.run(b.ctx, "link", slices.Repeat([]string{"-no-such-flag"}, 3)); !errors.As(err, &refused) {
		t.Errorf("a flag that is none: %v", err)
	}
}

// A submission's time goes into the tools most of all: what they spend is fuel,
// which no other load of the machine changes.
func TestToolsAreQuick(t *testing.T) {
	v := newVerifier(t)
	r := v.state.Load()
	if r.chain.Plain("link") != "" {
		t.Skip("this Go's linker is built plain")
	}
	s := r.tools.shop.(*sandbox)
	b, err := r.tools.newBuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	for _, c := range []struct {
		bench         int // in benches
		compile, link int64
	}{
		{0, 700_000_000, 3_500_000_000},   // 0.48 and 2.4 G when this was written; 5.3 G to link without the image and the changes
		{2, 1_500_000_000, 4_000_000_000}, // 1.07 and 2.9 G; 2.36 G to compile with wrappers for the methods of shapes
	} {
		files := goFiles(benches[c.bench].s.Files)
		args, err := b.compileArgs("main", "/w/main.a", files)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			tool string
			args []string
			most int64
		}{{"compile", args, c.compile}, {"link", b.linkArgs("/w/main.a"), c.link}} {
			out, err := s.tool(t.Context(), step.tool, b.bench.(*sandboxBench).files, step.args)
			if err != nil || out.ExitCode != 0 {
				t.Fatal(err, out.ExitCode, string(out.Stdout))
			}
			t.Logf("%s: to %s it took %d units, %v", benches[c.bench].name, step.tool, out.Fuel, out.Took)
			if out.Fuel > step.most {
				t.Errorf("%s: to %s it took %d units, at most %d are wanted", benches[c.bench].name, step.tool, out.Fuel, step.most)
			}
		}
	}
}
