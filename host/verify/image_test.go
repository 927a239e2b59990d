package verify

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

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
	submissions := map[string]Submission{"functions": program(everyFunction), "callers": program(callers),
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
	if err := b.compile("main", "/w/main.a", goFiles(benches[0].s.Files)); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	out, err := s.tool(t.Context(), "link", b.bench.(*sandboxBench).files, b.linkArgs("/w/main.a"))
	if err != nil || out.ExitCode != 0 {
		t.Fatal(err, out.ExitCode)
	}
	// 2.4 G when this was written, 5.3 G without the image and the changes.
	if out.Fuel > 3_500_000_000 {
		t.Errorf("linking hello, world took %d units (%v)", out.Fuel, time.Since(start))
	}
}
