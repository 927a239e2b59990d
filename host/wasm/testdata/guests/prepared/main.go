// Prepared is a command that is prepared once: a library with a function that
// gets it ready, and one that runs it.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"
)

//go:wasmimport wasi_snapshot_preview1 args_sizes_get
func argsSizes(count, size *uint32) uint32

//go:wasmimport wasi_snapshot_preview1 args_get
func argsGet(at *uint32, text *byte) uint32

// args are those of the run; os.Args has the preparation's.
func args() []string {
	var count, size uint32
	argsSizes(&count, &size)
	at, text := make([]uint32, count), make([]byte, size)
	argsGet(&at[0], &text[0])
	start := uint32(uintptr(unsafe.Pointer(&text[0])))
	var out []string
	for _, a := range at {
		arg, _, _ := strings.Cut(string(text[a-start:]), "\x00")
		out = append(out, arg)
	}
	return out
}

var (
	ready   []string
	runs    int
	sink    [][]byte
	ballast = make([]byte, 1<<20)
)

//go:wasmexport prepare
func prepare() {
	b, err := os.ReadFile("/std/word.txt")
	if err != nil {
		fmt.Fprintln(os.Stderr, "nothing to prepare with:", err)
		os.Exit(3)
	}
	ready = append(ready, string(b), os.Args[1])
	for i := range ballast {
		ballast[i] = byte(i)
	}
}

//go:wasmexport run
func run() {
	a := args()
	runs++
	sum := 0
	for i, b := range ballast {
		sum += int(b)
		ballast[i]++
	}
	fmt.Println(strings.Join(ready, " "), runs, sum, strings.Join(a[1:], "|"), len(sink))
	ready[0] = "spoilt"
	switch a[1] {
	case "exit":
		n, _ := strconv.Atoi(a[2])
		os.Exit(n)
	case "panic":
		panic("ouch")
	case "hog":
		for {
			sink = append(sink, make([]byte, 16<<20))
		}
	case "much": // more than is kept for the next run
		for range 240 {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 1 << 10 {
				b[i] = 1
			}
			sink = append(sink, b)
		}
	case "clean": // what was never used has to be zero
		for range 240 {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 1 << 10 {
				if b[i] != 0 {
					panic("somebody was here")
				}
			}
			sink = append(sink, b)
		}
	case "spin":
		for {
			runs++
		}
	case "write":
		if err := os.WriteFile("/w/out", []byte(a[2]), 0o600); err != nil {
			panic(err)
		}
	}
}

func main() {}
