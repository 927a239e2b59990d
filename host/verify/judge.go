package verify

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/verify/explain"
	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/host/wasm"
)

// In is the result with hints for a beginner in a language: BCP 47, English
// where there is no better.
func (r Result) In(locale string) Result {
	r.Diagnostics = slices.Clone(r.Diagnostics)
	for i := range r.Diagnostics {
		d := &r.Diagnostics[i]
		d.Hint = explain.Hint(d.Code, d.Message, locale)
	}
	return r
}

// hasErrors says whether anything keeps a submission from being accepted.
func hasErrors(ds []source.Diagnostic) bool {
	return slices.ContainsFunc(ds, func(d source.Diagnostic) bool { return d.Severity == source.Error })
}

// discreet takes the text of hidden tests out of what is said of them: a
// submission may learn what they miss, not how they ask.
func discreet(ds []source.Diagnostic, tests []source.File) []source.Diagnostic {
	for i := range ds {
		d := &ds[i]
		if !slices.ContainsFunc(tests, func(f source.File) bool { return f.Name == d.File }) {
			// "Sum redeclared in this block\n\tmain_test.go:3:6: other declaration of Sum"
			first, rest, _ := strings.Cut(d.Message, "\n")
			if slices.ContainsFunc(tests, func(f source.File) bool { return strings.Contains(rest, f.Name+":") }) {
				name, _, _ := strings.Cut(first, " ")
				d.Code, d.Message = "task/"+d.Code, fmt.Sprintf("%s is declared by the tests of the task as well: it needs another name", name)
			}
			continue
		}
		d.File, d.Line, d.Column, d.Excerpt = "", 0, 0, ""
		if name, ok := strings.CutPrefix(d.Message, "undefined: "); ok && d.Code == "UndeclaredName" {
			d.Code, d.Message = "task/undefined", fmt.Sprintf("the tests of the task use %s, which the code does not declare", name)
			continue
		}
		d.Code, d.Message = "task/"+d.Code, "the tests of the task do not fit the code: "+d.Message
	}
	return slices.CompactFunc(ds, func(a, b source.Diagnostic) bool { return a == b })
}

// judgeBuild says what a tool's refusal means.
func (r *Result) judgeBuild(err error, s *Submission) {
	var refused *buildError
	if !errors.As(err, &refused) {
		r.Verdict = InternalError
		r.say(source.Error, "internal", err.Error())
		return
	}
	if refused.err != nil {
		switch {
		case errors.Is(refused.err, wasm.ErrFuel), errors.Is(refused.err, wasm.ErrDeadline), errors.Is(refused.err, wasm.ErrMemory), errors.Is(refused.err, wasm.ErrStack):
			r.Verdict = CompileError
			r.say(source.Error, "compile/budget", fmt.Sprintf("Go's %sr did not come to an end with this program within its budget", refused.tool))
		default:
			r.Verdict = InternalError
			r.say(source.Error, "internal", refused.Error())
		}
		return
	}
	r.Verdict = CompileError
	found := toolDiagnostics(refused.output, s)
	if len(found) == 0 {
		r.Verdict = InternalError
		r.say(source.Error, "internal", source.Cut(refused.Error(), 1<<10))
	}
	r.Diagnostics = append(r.Diagnostics, found...)
}

var toolLine = regexp.MustCompile(`^(?:\./)?([^\s:]+\.go):(\d+):(?:(\d+):)? (.*)$`)

// toolDiagnostics reads what the compiler prints: file:line:column: message.
func toolDiagnostics(output string, s *Submission) []source.Diagnostic {
	var ds []source.Diagnostic
	for line := range strings.Lines(output) {
		m := toolLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || len(ds) == 10 {
			continue
		}
		n, _ := strconv.Atoi(m[2])
		column, _ := strconv.Atoi(m[3])
		ds = append(ds, source.Diagnostic{Severity: source.Error, File: m[1], Line: n, Column: column, Code: "compile/error", Message: m[4]})
	}
	source.Show(s.Files, ds)
	return discreet(ds, s.Tests)
}

// say adds a diagnostic of the submission as a whole.
func (r *Result) say(severity source.Severity, code, message string) {
	r.Diagnostics = append(r.Diagnostics, source.Diagnostic{Severity: severity, Code: code, Message: message})
}

// judgeRun says what became of a run.
func (r *Result) judgeRun(o *outcome, s *Submission, tests []string, limits *Options) {
	r.ExitCode = o.ExitCode & 0xff
	r.Stdout, r.Stderr = strings.ToValidUTF8(string(o.Stdout), "�"), strings.ToValidUTF8(string(o.Stderr), "�")
	r.Truncated, r.Fuel, r.PeakMemory, r.VirtualMS = o.Cut, o.Fuel, o.Memory, o.Virtual.Milliseconds()
	if o.watcher != nil {
		r.Tests = o.watcher.results(tests, o.Stdout)
	}
	crowded := o.Memory >= limits.Memory-limits.Memory/16
	switch {
	case errors.Is(o.err, wasm.ErrOutput):
		r.Verdict = OutputLimit
		r.say(source.Error, "verdict/output_limit_exceeded", fmt.Sprintf("it prints more than %d KiB; the rest was cut", limits.Output>>10))
	case errors.Is(o.err, wasm.ErrFuel), errors.Is(o.err, wasm.ErrDeadline):
		if r.crash(s); r.Verdict != "" {
			return // it was dying already
		}
		if crowded { // the garbage collector's death throes
			r.memory(limits)
			return
		}
		r.Verdict = TimeLimit
		r.say(source.Error, "verdict/time_limit_exceeded", fmt.Sprintf("it did not end within its budget of %v", limits.Wall))
		if startsGoroutines(s) {
			r.say(source.Note, "verdict/one_thread", "all goroutines share one thread here: one that never waits keeps all others from running")
		}
	case errors.Is(o.err, wasm.ErrSleep):
		r.Verdict = TimeLimit
		r.say(source.Error, "verdict/time_limit_exceeded", fmt.Sprintf("it sleeps for more than %v in all; waiting takes no time here, but it has to end", limits.Sleep.Round(time.Hour)))
	case errors.Is(o.err, wasm.ErrStack):
		r.Verdict = RuntimeError
		r.say(source.Error, "runtime/stack_overflow", "stack overflow: a function calls itself without an end")
	case errors.Is(o.err, wasm.ErrMemory):
		r.crash(s)
		if r.Verdict == "" {
			r.memory(limits)
		}
	case errors.Is(o.err, wasm.ErrTrap):
		if r.crash(s); r.Verdict == "" {
			r.Verdict = RuntimeError
			r.say(source.Error, "runtime/crash", firstLine(o.err.Error()))
		}
	case o.err != nil:
		r.Verdict = InternalError
		r.say(source.Error, "internal", firstLine(o.err.Error()))
	case len(tests) > 0:
		r.judgeTests(o)
	case r.ExitCode != 0:
		if r.crash(s); r.Verdict == "" {
			r.Verdict = RuntimeError
		}
	case s.Want != "" && !sameOutput(r.Stdout, s.Want):
		r.Verdict = WrongAnswer
		r.say(source.Error, "run/output_differs", difference(r.Stdout, s.Want))
	case o.watcher.leak != "":
		r.leaked(o.watcher.leak, s)
	default:
		r.Verdict = Accepted
	}
}

func (r *Result) memory(limits *Options) {
	r.Verdict = MemoryLimit
	r.say(source.Error, "verdict/memory_limit_exceeded", fmt.Sprintf("it needs more than %d MiB of memory", limits.Memory>>20))
}

// judgeTests: every test has come to its end and passed, or it is no pass. What
// the exit code says is not asked: anybody can exit with 0.
func (r *Result) judgeTests(o *outcome) {
	for _, t := range r.Tests {
		if !t.Passed {
			r.Verdict = WrongAnswer
			if _, ended := o.watcher.tests[t.Name]; !ended {
				r.Verdict = RuntimeError
				r.say(source.Error, "run/exit_in_test", fmt.Sprintf("the program ended (exit code %d) before %s did", r.ExitCode, t.Name))
			}
			return
		}
	}
	switch {
	case r.ExitCode != 0:
		r.Verdict = RuntimeError
		r.say(source.Error, "runtime/exit", fmt.Sprintf("the tests passed, and then it ended with exit code %d", r.ExitCode))
	case o.watcher.leak != "":
		r.leaked(o.watcher.leak, nil)
	default:
		r.Verdict = Accepted
	}
}

// crash reads what Go's runtime printed when the program died. It sets no
// verdict if it did not.
func (r *Result) crash(s *Submission) {
	code, message, file, line := explain.Runtime(r.Stderr, max(r.ExitCode, 1))
	switch code {
	case "runtime/exit":
		if r.ExitCode == 0 {
			return
		}
		r.Verdict = RuntimeError
	case "runtime/deadlock":
		r.Verdict = Deadlock
	case "runtime/out_of_memory":
		return
	default:
		r.Verdict = RuntimeError
	}
	ds := []source.Diagnostic{{Severity: source.Error, File: file, Line: line, Code: code, Message: message}}
	source.Show(s.Files, ds)
	r.Diagnostics = append(r.Diagnostics, discreet(ds, s.Tests)...)
}

// startsGoroutines looks for a go statement; that it may stand in a comment does
// no harm.
func startsGoroutines(s *Submission) bool {
	return slices.ContainsFunc(s.Files, func(f source.File) bool { return goStatement.MatchString(f.Text) })
}

var goStatement = regexp.MustCompile(`(?m)^\s*go\s`)

var (
	leakedGoroutine = regexp.MustCompile(`(?m)^goroutine \d+ \[([^\]]*?)\s*\(leaked\)[^\]]*\]:\n((?:.+\n?)*)`)
	frame           = regexp.MustCompile(`\t(?:\./)?([^\s/:]+\.go):(\d+)`)
)

// leaked says which goroutines were left.
func (r *Result) leaked(stacks string, s *Submission) {
	r.Verdict = GoroutineLeak
	var ds []source.Diagnostic
	for _, m := range leakedGoroutine.FindAllStringSubmatch(stacks, 10) {
		d := source.Diagnostic{Severity: source.Error, Code: "verdict/goroutine_leak", Message: fmt.Sprintf("a goroutine waits here for ever (%s)", m[1])}
		if at := frame.FindStringSubmatch(m[2]); at != nil {
			d.File = at[1]
			d.Line, _ = strconv.Atoi(at[2])
		}
		ds = append(ds, d)
	}
	if len(ds) == 0 {
		ds = []source.Diagnostic{{Severity: source.Error, Code: "verdict/goroutine_leak", Message: "a goroutine is left that waits for ever"}}
	}
	if s != nil {
		source.Show(s.Files, ds)
	}
	r.Diagnostics = append(r.Diagnostics, slices.CompactFunc(ds, func(a, b source.Diagnostic) bool { return a == b })...)
}

// sameOutput forgives what cannot be seen: white space at the ends of lines and
// of the whole.
func sameOutput(got, want string) bool { return slices.Equal(visible(got), visible(want)) }

func visible(s string) []string {
	lines := strings.Split(strings.TrimRight(s, " \t\r\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\r")
	}
	return lines
}

// difference names the first line that is another.
func difference(got, want string) string {
	g, w := visible(got), visible(want)
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			return fmt.Sprintf("line %d is missing: %q was expected", i+1, source.Cut(w[i], 200))
		case i >= len(w):
			return fmt.Sprintf("line %d is too much: %q", i+1, source.Cut(g[i], 200))
		case g[i] != w[i]:
			return fmt.Sprintf("line %d is %q, and %q was expected", i+1, source.Cut(g[i], 200), source.Cut(w[i], 200))
		}
	}
	return ""
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return source.Cut(line, 500)
}
