package explain

import (
	"fmt"
	"strconv"
	"strings"
)

// maxStderr is how much of a program's standard error is looked at, in bytes.
const maxStderr = 1 << 20

// Runtime reads what a Go program wrote to its standard error before it ended
// with an exit status other than 0. It returns a code such as
// "runtime/nil_map" for [Hint], the message as Go prints it without "panic: ",
// and the first place in the program's own files that the trace names: a file
// without a directory, and its line; "" and 0 if there is none.
//
// For a program that ended by itself the code is "runtime/exit". For exit
// status 0 it is empty: whatever was written, the program did not die.
func Runtime(stderr string, exit int) (code, message string, file string, line int) {
	if exit == 0 {
		return "", "", "", 0
	}
	t := read(stderr[:min(len(stderr), maxStderr)])
	switch {
	case t.fatal != "":
		return fatalCode(t), t.fatal, t.file, t.line
	case t.panic != "":
		return panicCode(t.panic), t.panic, t.file, t.line
	}
	return "runtime/exit", fmt.Sprint("exit status ", exit), "", 0
}

// A trace is what a dying program says.
type trace struct {
	panic, fatal string
	stack        bool // it died while a stack was growing
	file         string
	line         int
}

// read finds the message right before the first goroutine's trace, or the last
// one if there is no trace, and the first of the program's own files after it.
func read(stderr string) (t trace) {
	traced := false
	for s := range strings.Lines(stderr) {
		s = strings.TrimRight(s, "\r\n")
		switch {
		case strings.HasPrefix(s, "goroutine ") && strings.HasSuffix(s, "]:"):
			traced = traced || t.panic != "" || t.fatal != ""
		case strings.HasPrefix(s, "runtime: goroutine stack exceeds"),
			(traced || t.fatal != "") && (strings.HasPrefix(s, "runtime.newstack(") || strings.HasPrefix(s, "runtime.copystack(")):
			t.stack = true
		case traced:
			if t.file == "" {
				t.file, t.line = frame(s)
			}
		case strings.HasPrefix(s, "panic: "):
			t.panic, t.fatal = trimPanic(s), ""
		case strings.HasPrefix(s, "fatal error: "):
			t.fatal = strings.TrimPrefix(s, "fatal error: ")
		}
	}
	return t
}

// trimPanic takes the message out of "panic: … [recovered, repanicked]".
func trimPanic(s string) string {
	s = strings.TrimPrefix(s, "panic: ")
	if i := strings.LastIndex(s, " [recovered"); i >= 0 && strings.HasSuffix(s, "]") {
		s = s[:i]
	}
	if s == "" {
		s = "panic"
	}
	return s
}

// frame reads a trace's line "\tmain.go:12 +0x1d" if it names one of the
// program's own files: those have no directory, while packages of the library
// have theirs. Names that begin with "_" are of files made for the tests.
func frame(s string) (file string, line int) {
	s, ok := strings.CutPrefix(s, "\t")
	if !ok {
		return "", 0
	}
	s, _, _ = strings.Cut(s, " ")
	s = strings.TrimPrefix(s, "./")
	file, number, ok := strings.Cut(s, ":")
	if !ok || !strings.HasSuffix(file, ".go") || strings.ContainsAny(file, `/\`) || file[0] == '_' {
		return "", 0
	}
	line, err := strconv.Atoi(number)
	if err != nil || line < 1 {
		return "", 0
	}
	return file, line
}

// says are parts of what Go's runtime prints, and their codes.
type says struct{ part, code string }

func panicCode(message string) string {
	if rest, ok := strings.CutPrefix(message, "runtime error: "); ok {
		for _, s := range []says{
			{"index out of range", "index_out_of_range"},
			{"slice bounds out of range", "slice_bounds"},
			{"cannot convert slice with length", "slice_bounds"},
			{"invalid memory address or nil pointer dereference", "nil_pointer"},
			{"integer divide by zero", "divide_by_zero"},
			{"makeslice: ", "make_length"},
			{"hash of unhashable type", "unhashable"},
			{"comparing uncomparable type", "uncomparable"},
		} {
			if strings.HasPrefix(rest, s.part) {
				return "runtime/" + s.code
			}
		}
	}
	for _, s := range []says{
		{"assignment to entry in nil map", "nil_map"},
		{"interface conversion: ", "type_assertion"},
		{"close of closed channel", "close_of_closed_channel"},
		{"close of nil channel", "close_of_nil_channel"},
		{"send on closed channel", "send_on_closed_channel"},
		{"makechan: ", "make_length"},
		{"sync: negative WaitGroup counter", "negative_waitgroup"},
	} {
		if strings.HasPrefix(message, s.part) {
			return "runtime/" + s.code
		}
	}
	// An error prints like a string; these are ways in which the library's begin.
	for _, p := range []string{"strconv.", "open ", "read ", "write ", "dial ", "json: ", "invalid character ", "EOF", "unexpected EOF", "unexpected newline", "expected integer"} {
		if strings.HasPrefix(message, p) {
			return "runtime/error"
		}
	}
	return "runtime/panic"
}

func fatalCode(t trace) string {
	if t.stack {
		return "runtime/stack_overflow"
	}
	for _, s := range []says{
		{"deadlock!", "deadlock"},
		{"concurrent map", "concurrent_map"},
		{"unlock of unlocked", "unlock_of_unlocked"},
		{"Unlock of unlocked", "unlock_of_unlocked"},
		{"stack overflow", "stack_overflow"},
		{"out of memory", "out_of_memory"},
		{"cannot allocate memory", "out_of_memory"},
	} {
		if strings.Contains(t.fatal, s.part) {
			return "runtime/" + s.code
		}
	}
	return "runtime/fatal"
}
