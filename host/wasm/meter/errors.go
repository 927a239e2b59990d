package meter

import (
	"errors"
	"fmt"
)

// What a refused module did wrong. Rewrite wraps exactly one of them in an
// [*Error]; errors.Is tells which.
var (
	// ErrMalformed is a file that is no valid WebAssembly module.
	ErrMalformed = errors.New("malformed module")
	// ErrUnsupported is a feature or opcode outside WebAssembly 2.0 and tail calls.
	ErrUnsupported = errors.New("unsupported feature")
	// ErrTooLarge is a module beyond one of the bounds in [Options] or limits.go.
	ErrTooLarge = errors.New("module too large")
	// ErrMemory is a module that wants more memory at start than [Options.MemoryPages].
	ErrMemory = errors.New("too much memory")
	// ErrReserved is a module that uses a name the rewriter adds itself.
	ErrReserved = errors.New("reserved name")
	// ErrState is a module whose state lies outside its own memory and globals,
	// where [Options.Pristine] could not restore it.
	ErrState = errors.New("state outside memory and globals")
)

// Error says what is wrong with a module, and where.
type Error struct {
	Offset  int    // byte offset in the file given to Rewrite
	Section string // "type", "code", …; "module" outside of any section
	Func    int    // index of the function the offset lies in, or -1
	Err     error  // one of the sentinels above
	Detail  string
}

func (e *Error) Error() string {
	where := e.Section
	if e.Section != "module" {
		where += " section"
	}
	if e.Func >= 0 {
		where += fmt.Sprintf(", function %d", e.Func)
	}
	return fmt.Sprintf("meter: %v at offset %#x (%s): %s", e.Err, e.Offset, where, e.Detail)
}

// Unwrap returns the sentinel.
func (e *Error) Unwrap() error { return e.Err }
