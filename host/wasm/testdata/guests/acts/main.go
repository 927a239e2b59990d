// Command acts is a plugin that does what its input says, mostly ill: the first
// word is the act, the rest its argument.
package main

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

func main() {}

var (
	input  []byte
	output []byte
	calls  int
	warmed string
	kept   [][]byte
	sink   any
	depth  int
)

func result(b []byte) uint64 {
	output = b
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))<<32 | uint64(len(b))
}

//go:wasmexport hearth_abi
func version() uint32 { return 1 }

//go:wasmexport hearth_buffer
func buffer(n uint32) uint32 {
	if int(n) > cap(input) {
		input = make([]byte, n)
	}
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(input))))
}

//go:wasmexport describe
func describe(uint32) uint64 { return result([]byte("acts")) }

//go:wasmexport warm
func warm(n uint32) uint64 {
	warmed = string(input[:n])
	if warmed == "panic" {
		panic("cold")
	}
	return 0
}

//go:wasmexport query
func query(n uint32) uint64 { return result(append([]byte("asked "), input[:n]...)) }

//go:wasmexport handle
func handle(n uint32) uint64 {
	calls++
	act, arg, _ := strings.Cut(string(input[:n]), " ")
	k, _ := strconv.Atoi(arg)
	switch act {
	case "echo":
		return result([]byte(arg))
	case "state":
		return result(fmt.Appendf(nil, "calls %d, kept %d, warmed %q", calls, len(kept), warmed))
	case "keep":
		for range 8 {
			kept = append(kept, make([]byte, 1<<14))
			rand.Read(kept[len(kept)-1])
		}
	case "panic":
		panic("boom: " + arg)
	case "gopanic":
		go func() { panic("boom in a goroutine") }()
		time.Sleep(time.Millisecond)
	case "nil":
		var p *int
		*p = 1
	case "exit":
		fmt.Fprintln(os.Stderr, "leaving with", k)
		os.Exit(k)
	case "oom":
		for {
			kept = append(kept, make([]byte, 1<<20))
			kept[len(kept)-1][0] = 1
		}
	case "alloc":
		b := make([]byte, k<<20)
		for i := 0; i < len(b); i += 1024 {
			b[i] = byte(i)
		}
		sink = b
	case "deadlock":
		select {}
	case "recurse":
		return result([]byte(strconv.Itoa(recurse(1))))
	case "loop":
		for {
		}
	case "loopcall":
		for {
			step()
		}
	case "work":
		for range k {
			step()
		}
	case "leak":
		for i := range 100 {
			go func() { <-make(chan int, i) }()
		}
		go func() {
			for {
				runtime.Gosched()
			}
		}()
		runtime.Gosched()
	case "sleep":
		d, _ := time.ParseDuration(arg)
		t := time.Now()
		time.Sleep(d)
		return result([]byte(time.Since(t).String()))
	case "now":
		return result([]byte(time.Now().UTC().Format(time.RFC3339Nano)))
	case "rand":
		b := make([]byte, 16)
		rand.Read(b)
		return result([]byte(hex.EncodeToString(b)))
	case "print":
		fmt.Print(arg)
	case "flood":
		for range k {
			fmt.Fprintln(os.Stderr, strings.Repeat("x", 99))
		}
	case "environment":
		_, err := os.ReadFile("/etc/passwd")
		in, inErr := os.Stdin.Read(make([]byte, 1))
		return result(fmt.Appendf(nil, "args %v, env %v, file %v, stdin %d %v", os.Args, os.Environ(), err, in, inErr))
	case "big":
		return result(make([]byte, k))
	case "wild":
		return 0xfffffff0<<32 | 64
	case "get":
		v, ok := get(arg, k)
		return result(fmt.Appendf(nil, "%v %s", ok, v))
	case "scan":
		buf := make([]byte, 1<<20)
		n := kvScan(unsafe.StringData(arg), uint32(len(arg)), unsafe.SliceData(buf), uint32(len(buf)))
		return result(buf[:n])
	case "log":
		for range max(k, 1) {
			logLine(1, unsafe.StringData(arg), uint32(len(arg)))
		}
	case "wildget":
		kvGet((*byte)(unsafe.Pointer(uintptr(0xffffff00))), 16, nil, 0)
	case "room":
		return result(binary.LittleEndian.AppendUint32(nil, uint32(cap(input))))
	default:
		return result([]byte("no such act"))
	}
	return 0
}

//go:noinline
func step() { depth++ }

//go:noinline
func recurse(n int) int {
	var room [64]int
	room[n%64] = n
	return recurse(n+1) + room[(n*7)%64]
}

// get begins with a small buffer, as a guest does that does not know.
func get(key string, room int) ([]byte, bool) {
	buf := make([]byte, max(room, 8))
	for {
		n := kvGet(unsafe.StringData(key), uint32(len(key)), unsafe.SliceData(buf), uint32(len(buf)))
		switch {
		case n < 0:
			return nil, false
		case int(n) <= len(buf):
			return buf[:n], true
		}
		buf = make([]byte, n)
	}
}

//go:wasmimport hearth kv_get
//go:noescape
func kvGet(key *byte, n uint32, buf *byte, room uint32) int32

//go:wasmimport hearth kv_scan
//go:noescape
func kvScan(scan *byte, n uint32, buf *byte, room uint32) int32

//go:wasmimport hearth log
//go:noescape
func logLine(level uint32, text *byte, n uint32)
