// Command tool is a command that does what its first argument says.
package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

//go:wasmimport hearth_report report
func report(p unsafe.Pointer, n uint32)

var sink [][]byte

func main() {
	act, arg := "", ""
	if len(os.Args) > 1 {
		act = os.Args[1]
	}
	if len(os.Args) > 2 {
		arg = os.Args[2]
	}
	switch act {
	case "args":
		fmt.Println(len(os.Args), strings.Join(os.Args[1:], "|"), os.Getenv("COLOUR"), len(os.Environ()))
	case "stdin":
		n := 0
		for s := bufio.NewScanner(os.Stdin); s.Scan(); n++ {
			fmt.Println(strings.ToUpper(s.Text()))
		}
		fmt.Fprintln(os.Stderr, n, "lines")
	case "exit":
		n, _ := strconv.Atoi(arg)
		fmt.Println("going")
		os.Exit(n)
	case "files":
		files()
	case "report":
		b := []byte(arg)
		report(unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b)))
	case "wild":
		report(unsafe.Pointer(uintptr(1<<31)), 8)
	case "flood":
		for {
			fmt.Println(strings.Repeat("flood ", 100))
		}
	case "hog":
		for {
			sink = append(sink, make([]byte, 1<<20))
		}
	case "panic":
		fmt.Println("before")
		panic(arg)
	case "dump":
		for range 1000 {
			go func() { select {} }()
		}
		time.Sleep(time.Millisecond)
		panic("with a thousand goroutines")
	case "deadlock":
		<-make(chan int)
	case "spin":
		for {
		}
	case "deep":
		n, _ := strconv.Atoi(arg)
		fmt.Println(deep(n))
	case "sleep":
		d, _ := time.ParseDuration(arg)
		start := time.Now()
		time.Sleep(d)
		fmt.Println("slept", time.Since(start).Round(time.Second))
	case "clock":
		start := time.Now()
		n := 0
		for ; time.Since(start) < time.Millisecond; n++ {
		}
		fmt.Println(start.UTC().Format(time.RFC3339), n > 0, rand.Int63())
	case "mark":
		if sink != nil {
			fmt.Println("somebody was here")
		}
		sink = append(sink, []byte("mark"))
	}
}

func deep(n int) int {
	if n == 0 {
		return 0
	}
	return 1 + deep(n-1)
}

func files() {
	for _, name := range []string{"/std/a.txt", "/std", "/w", "/none", "/std/../w/in.txt", "w/in.txt"} {
		info, err := os.Stat(name)
		if err != nil {
			fmt.Println(name, err)
			continue
		}
		fmt.Println(name, info.IsDir(), info.Size())
	}
	b, err := os.ReadFile("/std/a.txt")
	fmt.Printf("%q %v\n", b, err)
	fmt.Println(os.WriteFile("/std/a.txt", []byte("x"), 0o644))
	fmt.Println(os.WriteFile("/none/x", []byte("x"), 0o644))
	fmt.Println(os.WriteFile("/w/out.txt", []byte("written"), 0o644))
	fmt.Println(os.Mkdir("/w/sub", 0o755), os.Mkdir("/w/sub", 0o755), os.WriteFile("/w/sub/f", []byte("deep"), 0o644))
	f, err := os.OpenFile("/w/out.txt", os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprint(f, " more")
	f.Seek(3, io.SeekStart)
	b, _ = io.ReadAll(f)
	fmt.Printf("%q\n", b)
	f.WriteAt(nil, 0)
	fmt.Println(f.Truncate(4), f.Close())
	f, err = os.OpenFile("/w/gone", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	fmt.Println(err, f.Close(), os.Remove("/w/gone"), os.Remove("/w/gone"))
	_, err = os.OpenFile("/w/out.txt", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	fmt.Println(err)
	fmt.Println(os.WriteFile("/w/big", make([]byte, 1<<20), 0o644))
}
