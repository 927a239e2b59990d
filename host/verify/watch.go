package verify

import (
	"fmt"
	"strings"

	"github.com/hearthbot/hearth/host/wasm"
)

// watchPath is the package that every program is linked with, beside its own
// code: it tells the host which tests ran and which goroutines were left. What a
// submission prints is its own affair; only this package has the import by which
// a report is made, and a submission can neither import it nor name what it
// declares.
const watchPath = "hearth/watch"

const watchSource = `package watch

import (
	"internal/runtime/exithook"
	"runtime"
	"unsafe"
)

//go:wasmimport ` + wasm.ReportModule + ` ` + wasm.ReportFunc + `
func report(p unsafe.Pointer, n uint32)

//go:linkname leakGC runtime/pprof.runtime_goroutineLeakGC
func leakGC()

//go:linkname leakCount runtime/pprof.runtime_goroutineleakcount
func leakCount() int

//go:linkname setMaxStack runtime/debug.setMaxStack
func setMaxStack(int) int

func say(b []byte) { report(unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b))) }

// A stack may take a quarter of the memory: else a function that calls itself for
// ever would end for want of memory, long after. A program that ends well is
// asked for goroutines that can never go on.
func init() {
	setMaxStack(16 << 20)
	exithook.Add(exithook.Hook{F: leaks})
}

func leaks() {
	if runtime.NumGoroutine() == 1 {
		return
	}
	leakGC()
	if leakCount() == 0 {
		return
	}
	b := make([]byte, 32<<10)
	copy(b, "leak ")
	say(b[:5+runtime.Stack(b[5:], true)])
}

// Begin says that a test runs.
func Begin(name string) { say([]byte("begin " + name)) }

// End says how it ended.
func End(name string, passed bool) {
	if passed {
		say([]byte("pass " + name))
	} else {
		say([]byte("fail " + name))
	}
}
`

// watchImport is the file that links a program with it.
const watchImport = "package main\n\nimport _ \"" + watchPath + "\"\n"

// watchFile is that file's name: none that a member can use.
const watchFile = "hearth~watch.go"

// taskPath is the import path of a submission that is tested.
const taskPath = "task"

// testMain is the program that tests a submission. A test has passed if its
// function came to its end and nothing in it failed, subtests included.
func testMain(pkg string, tests []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "package main\n\nimport (\n\t\"os\"\n\t\"testing\"\n\n\t%q\n\ttask %q\n)\n\n", watchPath, taskPath)
	b.WriteString(`func run(name string, test func(*testing.T)) testing.InternalTest {
	return testing.InternalTest{Name: name, F: func(t *testing.T) {
		ended := false
		t.Cleanup(func() { watch.End(name, (ended || t.Skipped()) && !t.Failed()) })
		watch.Begin(name)
		test(t)
		ended = true
	}}
}

func main() {
	os.Args = []string{"` + pkg + `.test", "-test.v"}
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{
`)
	for _, name := range tests {
		fmt.Fprintf(&b, "\t\trun(%q, task.%s),\n", name, name)
	}
	b.WriteString("\t}, nil, nil)\n}\n")
	return b.String()
}

// watcher hears what the watch package says.
type watcher struct {
	begun map[string]int // stdout's length then
	tests map[string]testEnd
	leak  string // the goroutines that are left, as runtime.Stack prints them
}

type testEnd struct {
	passed   bool
	from, to int // in stdout
}

func newWatcher() *watcher { return &watcher{begun: map[string]int{}, tests: map[string]testEnd{}} }

func (w *watcher) hear(data []byte, stdout int) {
	kind, rest, _ := strings.Cut(string(data), " ")
	switch kind {
	case "leak":
		w.leak = rest
	case "begin":
		w.begun[rest] = stdout
	case "pass", "fail":
		w.tests[rest] = testEnd{kind == "pass", w.begun[rest], stdout}
	}
}

// results are the tests' in their order. One that did not come to its end has
// not passed.
func (w *watcher) results(names []string, stdout []byte) []Test {
	var out []Test
	for _, name := range names {
		end, ended := w.tests[name]
		from, begun := w.begun[name]
		t := Test{Name: name, Passed: end.passed}
		switch {
		case ended:
			t.Output = testOutput(stdout[min(end.from, len(stdout)):min(end.to, len(stdout))])
		case begun:
			t.Output = testOutput(stdout[min(from, len(stdout)):])
		}
		out = append(out, t)
	}
	return out
}

const maxTestOutput = 4 << 10

// testOutput is what a test printed, without the lines that package testing adds.
func testOutput(b []byte) string {
	var out strings.Builder
	for line := range strings.Lines(strings.ToValidUTF8(string(b), "�")) {
		text := strings.TrimLeft(line, " \x16")
		if strings.HasPrefix(text, "=== ") || strings.HasPrefix(text, "--- ") {
			continue
		}
		if out.Len()+len(line) > maxTestOutput {
			out.WriteString("…\n")
			break
		}
		out.WriteString(line)
	}
	return out.String()
}
