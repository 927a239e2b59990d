// Package verify compiles and runs the Go that members write, and says in a
// word what became of it. The code is not trusted, at compile time as little as
// at run time: Go's own compiler and linker run in the sandbox as the program
// itself does, with files in memory, no network, and bounds on fuel, memory,
// time and output.
//
//	Submission ─► screen ─► check ─► compile ─► link ─► run ─► Result
//	              syntax    types,   ╰── in the sandbox ───╯
//	              bounds    vet      (package wasm)
//
// Compiler and linker begin each run from an image: initialised, the linker with
// the archives of the packages that beginners import read (workshop.go, and
// package toolchain on how they are built for that).
//
// With Options.Native a Go installation compiles and links instead, in a
// restricted child process (package native); what it makes runs in the sandbox
// all the same.
//
// [Verifier.Verify] is the whole way. A stage that finds an error ends it. The
// run is begun by wazero's interpreter, which is ready at once, and beside it,
// if that takes long, by its compiler; both spend the same fuel and see the same
// clock, so whichever ends first says what the other would have said.
//
// The same submission has the same result, byte for byte, but for the time it
// took; so results are kept, and equal submissions under way share one run. Only
// what ended by wall time or by a fault of the host is not kept.
//
// It owns verdicts and the harness that tests are run with; who comes next when
// many submit at once is package queue's. It must not know who submits beyond an
// opaque name, a task, a chat or an event. It stores nothing but what can be made
// again: the toolchain, the compile cache and Options.Dir lie where its options
// say.
package verify

import (
	"errors"
	"fmt"

	"github.com/hearthbot/hearth/host/verify/queue"
	"github.com/hearthbot/hearth/host/verify/source"
)

// Verdict says what became of a submission, in the judges' usual words.
type Verdict string

// The verdicts.
const (
	Accepted      Verdict = "accepted"
	WrongAnswer   Verdict = "wrong_answer"          // a test failed, or the output is another
	CompileError  Verdict = "compile_error"         //
	VetError      Verdict = "vet_error"             // it compiles, and is certainly a mistake
	RuntimeError  Verdict = "runtime_error"         // a panic, or an exit code that is not 0
	Deadlock      Verdict = "deadlock"              // all goroutines are asleep
	GoroutineLeak Verdict = "goroutine_leak"        // it ended, and left goroutines that can never go on
	TimeLimit     Verdict = "time_limit_exceeded"   //
	MemoryLimit   Verdict = "memory_limit_exceeded" //
	OutputLimit   Verdict = "output_limit_exceeded" //
	Rejected      Verdict = "rejected"              // refused before it was compiled
	InternalError Verdict = "internal_error"        // hearth's own fault; submitting it again may help
)

// Verdicts are all there are.
func Verdicts() []Verdict {
	return []Verdict{Accepted, WrongAnswer, CompileError, VetError, RuntimeError, Deadlock, GoroutineLeak, TimeLimit, MemoryLimit, OutputLimit, Rejected, InternalError}
}

// Submission is what is verified. With Tests, or files whose names end in
// _test.go, it is a package that is tested; else a program that is run.
type Submission struct {
	Files []source.File
	Tests []source.File // hidden tests: files of the same package, which it cannot read
	Stdin string        // at most MaxInput bytes
	Args  []string      // without the program's name; at most MaxArgs
	Want  string        // what the program has to print; "" if that is not judged

	// By and Moved are about its turn alone: whose that is, and who is told the
	// place in the queue, as queue.Queue.Enter has it, until Verify returns.
	By    queue.Who
	Moved func(place int)
}

// Bounds of a submission beside those of packages source and screen.
const (
	MaxInput = 64 << 10 // bytes of stdin
	MaxArgs  = 64       // arguments, of 4 KiB together
)

// Result is what became of a submission.
type Result struct {
	Verdict     Verdict             `json:"verdict"`
	ExitCode    int                 `json:"exit_code"`
	Stdout      string              `json:"stdout"`
	Stderr      string              `json:"stderr"`
	Truncated   bool                `json:"truncated"`         // there was more output
	Diagnostics []source.Diagnostic `json:"diagnostics"`       // errors first; none of them is in a hidden test's text
	Tests       []Test              `json:"tests"`             // in their order
	Fuel        int64               `json:"fuel"`              // spent by the run, about an instruction each
	PeakMemory  int64               `json:"peak_memory_bytes"` // of the run
	DurationMS  int64               `json:"duration_ms"`       // of the whole way; the one figure that differs from time to time
	VirtualMS   int64               `json:"virtual_ms"`        // of the run, on the program's own clock
	GoVersion   string              `json:"go_version"`        //
	Cached      bool                `json:"cached"`            // the result of an equal submission before
}

// Test is one test function and how it ended.
type Test struct {
	Name   string `json:"name"`
	Passed bool   `json:"passed"`
	Output string `json:"output,omitempty"` // what it printed; at most 4 KiB
}

// Errors of Verify. A submission that is wrong is no error: it has a verdict.
var (
	ErrNotReady = errors.New("verify: the compiler is not ready yet")
	ErrClosed   = errors.New("verify: closed")
	ErrFull     = queue.ErrFull
)

// TooFastError says how long a submitter has to wait.
type TooFastError = queue.TooFastError

// check says what is wrong with a submission beside its files.
func (s *Submission) check() []source.Diagnostic {
	n := 0
	for _, a := range s.Args {
		n += len(a)
	}
	switch {
	case len(s.Stdin) > MaxInput:
		return refusal("submission/stdin", fmt.Sprintf("the input has %d bytes, at most %d are allowed", len(s.Stdin), MaxInput))
	case len(s.Args) > MaxArgs || n > 4<<10:
		return refusal("submission/args", fmt.Sprintf("%d arguments with %d bytes, at most %d with 4096 are allowed", len(s.Args), n, MaxArgs))
	}
	return nil
}

func refusal(code, message string) []source.Diagnostic {
	return []source.Diagnostic{{Severity: source.Error, Code: code, Message: message}}
}
