package wasm

import (
	"errors"
	"fmt"
	"strings"
)

// Why a call ended early, or a module is no plugin. Each is found with
// errors.Is; errors.As with *Error tells the rest.
var (
	ErrFuel     = errors.New("out of fuel")
	ErrDeadline = errors.New("past its deadline")
	ErrSleep    = errors.New("sleeps too long")
	ErrMemory   = errors.New("out of memory")
	ErrTrap     = errors.New("crashed") // a WebAssembly trap, a panic, a fatal error of the guest's runtime
	ErrExit     = errors.New("exited")  // the guest ended itself: os.Exit
	ErrOutput   = errors.New("returned too much")
	ErrInput    = errors.New("input is too long") // of the caller; nothing ran
	ErrHost     = errors.New("the host could not answer")
	ErrABI      = errors.New("does not keep to the plugin ABI")
	ErrBusy     = errors.New("too many calls are waiting") // nothing ran
	ErrClosed   = errors.New("closed")                     // nothing ran
)

// Error says how a call of a guest ended. errors.Is finds Kind and, if the Host
// or the context was the reason, its error.
type Error struct {
	Kind     error  // one of the errors above, or the context's cause
	Export   string // what was called
	Message  string // one line: the panic's text, the bound that was reached
	Stderr   string // the end of what the guest wrote to stderr; after a crash, from its first line on. At most 4 KiB
	Trace    string // the WebAssembly functions under way, innermost first; "" if they say nothing
	Fuel     int64  // spent until then
	ExitCode uint32 // with ErrExit, ErrTrap and ErrMemory, if the guest called proc_exit
	cause    error
}

// Error is one line: the export, the kind and the message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Export)
	b.WriteString(": ")
	b.WriteString(e.Kind.Error())
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(e.Message)
	}
	return b.String()
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.cause != nil {
		return []error{e.Kind, e.cause}
	}
	return []error{e.Kind}
}

// stop is what host functions panic with to end a call: wazero unwinds the guest
// and returns it, and unlike WASI's own exit it does not close the instance.
type stop struct {
	kind    error
	message string
	cause   error
	code    uint32
}

func (s *stop) Error() string { return s.kind.Error() + ": " + s.message }
func (s *stop) Unwrap() error { return s.kind }

// halt ends the call under way.
func halt(kind error, format string, a ...any) {
	panic(&stop{kind: kind, message: fmt.Sprintf(format, a...)})
}

// wazero's words for what went wrong in a host function rather than in the guest.
const recovered = "(recovered by wazero)"

const traceMark = "\nwasm stack trace:\n\t"

// maxTrace bounds Error.Trace.
const maxTrace = 2 << 10

// failure turns what wazero returned into an *Error.
func (g *guest) failure(export string, err error) *Error {
	e := &Error{Export: export, Fuel: g.fuel.spent()}
	text, trace, _ := strings.Cut(err.Error(), traceMark)
	e.Trace = strings.ReplaceAll(trace[:min(len(trace), maxTrace)], "\n\t", "\n")
	crash := g.stdio.crash()
	var s *stop
	switch {
	case errors.As(err, &s):
		e.Kind, e.Message, e.cause, e.ExitCode = s.kind, s.message, s.cause, s.code
		if s.kind == ErrExit && crash != "" && s.code == goCrash {
			e.Kind, e.Message = ErrTrap, crash
		}
	case strings.Contains(text, recovered):
		// A host function panicked with something else: a bug of ours or of the
		// Host, not the guest's.
		e.Kind, e.Message, e.cause = ErrHost, strings.TrimSpace(strings.TrimSuffix(text, recovered)), err
	default:
		e.Kind, e.Message, e.cause = ErrTrap, strings.TrimPrefix(text, "wasm error: "), err
		if crash != "" {
			e.Message = crash
		}
	}
	if e.Kind == ErrTrap && outOfMemory(crash) {
		e.Kind = ErrMemory
	}
	if e.Kind == ErrTrap || e.Kind == ErrExit || e.Kind == ErrMemory {
		e.Stderr = g.stdio.tail()
	}
	return e
}

// goCrash is the code with which Go's runtime exits after a panic or a fatal error.
const goCrash = 2

// outOfMemory knows how Go's runtime says so.
func outOfMemory(crash string) bool {
	return strings.Contains(crash, "out of memory") || strings.Contains(crash, "cannot allocate memory")
}
