package explain

import (
	"strings"
	"testing"
)

const tail = "\n\ngoroutine 1 [running]:\nmain.f(...)\n\tmain.go:7\nmain.main()\n\tmain.go:12 +0x1d\nexit status 2\n"

// deaths are what programs print when they die, as go1.26 prints it.
var deaths = []struct{ name, stderr, key, message, place string }{
	{"index", "panic: runtime error: index out of range [5] with length 3" + tail, "runtime.index", "runtime error: index out of range [5] with length 3", "main.go:7"},
	{"negative index", "panic: runtime error: index out of range [-1]" + tail, "runtime.index.other", "runtime error: index out of range [-1]", "main.go:7"},
	{"nil map", "panic: assignment to entry in nil map\n\ngoroutine 1 [running]:\ninternal/runtime/maps.(*Map).PutSlotSmall(...)\n\tinternal/runtime/maps/map.go:99 +0x1\nmain.main()\n\t./main.go:5 +0x3\n", "runtime.nil_map", "assignment to entry in nil map", "main.go:5"},
	{"nil pointer", "panic: runtime error: invalid memory address or nil pointer dereference\n[signal 0xb code=0x0 addr=0x0 pc=0x0]" + tail, "runtime.nil_pointer", "runtime error: invalid memory address or nil pointer dereference", "main.go:7"},
	{"type assertion", "panic: interface conversion: interface {} is string, not int" + tail, "runtime.type_assertion", "interface conversion: interface {} is string, not int", "main.go:7"},
	{"missing method", "panic: interface conversion: main.T is not main.I: missing method M" + tail, "runtime.type_assertion.other", "interface conversion: main.T is not main.I: missing method M", "main.go:7"},
	{"division", "panic: runtime error: integer divide by zero\n[signal SIGFPE]" + tail, "runtime.divide", "runtime error: integer divide by zero", "main.go:7"},
	{"slice", "panic: runtime error: slice bounds out of range [:5] with capacity 3" + tail, "runtime.slice_bounds", "runtime error: slice bounds out of range [:5] with capacity 3", "main.go:7"},
	{"slice to array", "panic: runtime error: cannot convert slice with length 2 to array or pointer to array with length 4" + tail, "runtime.slice_bounds", "runtime error: cannot convert slice with length 2 to array or pointer to array with length 4", "main.go:7"},
	{"make", "panic: runtime error: makeslice: len out of range" + tail, "runtime.make_length", "runtime error: makeslice: len out of range", "main.go:7"},
	{"make channel", "panic: makechan: size out of range" + tail, "runtime.make_length", "makechan: size out of range", "main.go:7"},
	{"close twice", "panic: close of closed channel" + tail, "runtime.close_closed", "close of closed channel", "main.go:7"},
	{"close nil", "panic: close of nil channel" + tail, "runtime.close_nil", "close of nil channel", "main.go:7"},
	{"send", "panic: send on closed channel" + tail, "runtime.send_closed", "send on closed channel", "main.go:7"},
	{"deadlock", "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\tmain.go:4 +0x2\n", "runtime.deadlock", "all goroutines are asleep - deadlock!", "main.go:4"},
	{"select", "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [select (no cases)]:\nmain.main()\n\tmain.go:4 +0x2\n", "runtime.deadlock", "all goroutines are asleep - deadlock!", "main.go:4"},
	{"goexit", "fatal error: no goroutines (main called runtime.Goexit) - deadlock!\n", "runtime.deadlock", "no goroutines (main called runtime.Goexit) - deadlock!", ""},
	{"memory", "fatal error: runtime: out of memory\n\nruntime stack:\nruntime.throw({0x1, 0x2})\n\truntime/panic.go:1 +0x1\n\ngoroutine 1 [running]:\nmain.main()\n\tmain.go:9 +0x1\n", "runtime.memory", "runtime: out of memory", "main.go:9"},
	{"memory, at once", "runtime: out of memory: cannot allocate 4194304-byte block (62717952 in use)\nfatal error: out of memory\n", "runtime.memory", "out of memory", ""},
	{"recursion", "runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow\n\nruntime stack:\n\ngoroutine 1 [running]:\nmain.f(0x1)\n\tmain.go:3 +0x1\n", "runtime.stack", "stack overflow", "main.go:3"},
	{"recursion on wasm", "runtime: out of memory: cannot allocate 33554432-byte block\nfatal error: out of memory\n\ngoroutine 1 [copystack]:\nruntime.copystack(0x1, 0x2)\n\truntime/stack.go:9 +0x1\nruntime.newstack()\n\truntime/stack.go:8\nmain.f(0x1)\n\tmain.go:3 +0x1\n", "runtime.stack", "out of memory", "main.go:3"},
	{"map writes", "fatal error: concurrent map writes\n\ngoroutine 5 [running]:\nmain.main.func1()\n\tmain.go:8 +0x1\n", "runtime.map_race", "concurrent map writes", "main.go:8"},
	{"map reads", "fatal error: concurrent map iteration and map write\n", "runtime.map_race", "concurrent map iteration and map write", ""},
	{"wait group", "panic: sync: negative WaitGroup counter\n\ngoroutine 1 [running]:\nsync.(*WaitGroup).Add(0x1, 0x2)\n\tsync/waitgroup.go:64 +0x1\nmain.main()\n\tmain.go:6 +0x1\n", "runtime.waitgroup", "sync: negative WaitGroup counter", "main.go:6"},
	{"unlock", "fatal error: sync: unlock of unlocked mutex\n\ngoroutine 1 [running]:\ninternal/sync.fatal({0x1, 0x2})\n\truntime/panic.go:1 +0x1\nmain.main()\n\tmain.go:6 +0x1\n", "runtime.unlock", "sync: unlock of unlocked mutex", "main.go:6"},
	{"unlock for reading", "fatal error: sync: RUnlock of unlocked RWMutex\n", "runtime.unlock", "sync: RUnlock of unlocked RWMutex", ""},
	{"map key", "panic: runtime error: hash of unhashable type []int" + tail, "runtime.hash", "runtime error: hash of unhashable type []int", "main.go:7"},
	{"comparison", "panic: runtime error: comparing uncomparable type []int" + tail, "runtime.compare", "runtime error: comparing uncomparable type []int", "main.go:7"},
	{"an error", "panic: strconv.Atoi: parsing \"x\": invalid syntax" + tail, "runtime.error", "strconv.Atoi: parsing \"x\": invalid syntax", "main.go:7"},
	{"a panic of one's own", "panic: I give up" + tail, "runtime.panic", "I give up", "main.go:7"},
	{"an empty panic", "panic: " + tail, "runtime.panic", "panic", "main.go:7"},
	{"in a test", "panic: boom [recovered, repanicked]\n\ngoroutine 7 [running]:\ntesting.tRunner.func1.2({0x1, 0x2})\n\ttesting/testing.go:1 +0x1\nmain.Add(...)\n\tadd.go:3\nmain.TestAdd(0x1)\n\tadd_test.go:9 +0x1\nmain.main()\n\t_testmain.go:5 +0x1\n", "runtime.panic", "boom", "add.go:3"},
	{"one after the other", "panic: first\n\tpanic: second" + tail, "runtime.panic", "first", "main.go:7"},
	{"what was printed before", "panic: only a word\nwarning: x\npanic: close of closed channel" + tail, "runtime.close_closed", "close of closed channel", "main.go:7"},
	{"what goroutines print later", "panic: close of closed channel" + tail + "panic: another\n", "runtime.close_closed", "close of closed channel", "main.go:7"},
	{"no frame of its own", "panic: x\n\ngoroutine 1 [running]:\nfmt.Println()\n\tfmt/print.go:1 +0x1\n\t/usr/lib/main.go:3\n\t_testmain.go:3\n\tmain.go:x\n\tmain.go:0\n", "runtime.panic", "x", ""},
	{"cut off", "panic: x\n\ngoroutine 1 [running]:\nmain.main()\n\tmain.g", "runtime.panic", "x", ""},
	{"any other", "fatal error: bad g in signal handler\n", "runtime.fatal", "bad g in signal handler", ""},
	{"its own exit", "2009/11/10 23:00:00 cannot go on\n", "runtime.exit", "exit status 2", ""},
}

func TestRuntime(t *testing.T) {
	for _, d := range deaths {
		t.Run(d.name, func(t *testing.T) {
			code, message, file, line := Runtime(d.stderr, 2)
			place := ""
			if file != "" {
				place = file + ":" + string(rune('0'+line%10))
				if line > 9 {
					t.Errorf("line %d", line)
				}
			}
			if key, _ := load().find(code, message); key != d.key || message != d.message || place != d.place {
				t.Errorf("got  %s %s %q %s\nwant %s %q %s", code, key, message, place, d.key, d.message, d.place)
			}
		})
	}
	if code, message, file, line := Runtime("panic: x"+tail, 0); code+message+file != "" || line != 0 {
		t.Errorf("a program that did not die: %s %s %s %d", code, message, file, line)
	}
}

func FuzzRuntime(f *testing.F) {
	for _, d := range deaths {
		f.Add(d.stderr, 2)
	}
	f.Add("", -71)
	f.Fuzz(func(t *testing.T, stderr string, exit int) {
		code, message, file, line := Runtime(stderr, exit)
		if (code == "") != (exit == 0) || (message == "") != (code == "") || (file == "") != (line == 0) || strings.Contains(message, "\n") {
			t.Errorf("%q %q %q %d", code, message, file, line)
		}
		if strings.ContainsAny(file, "/\\") || line < 0 {
			t.Errorf("%q %d", file, line)
		}
		if code != "" && Hint(code, message, "en") == "" {
			t.Errorf("%s %q is not explained", code, message)
		}
	})
}
