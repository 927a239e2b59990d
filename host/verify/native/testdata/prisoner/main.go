// Command prisoner stands in for the compiler in the tests, and does what its
// first argument says: what a compiler must not be able to do.
package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		os.Exit(2)
	}
	var err error
	switch os.Args[1] {
	case "-V":
		fmt.Println("prisoner version 1")
	case "read":
		var b []byte
		b, err = os.ReadFile(os.Args[2])
		fmt.Printf("%s", b)
	case "list":
		var list []os.DirEntry
		list, err = os.ReadDir(os.Args[2])
		for _, e := range list {
			fmt.Println(e.Name())
		}
	case "dial":
		_, err = net.DialTimeout("tcp", os.Args[2], time.Second)
	case "env":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	case "memory":
		var all [][]byte
		for i := range 64 {
			b := make([]byte, 64<<20)
			for o := 0; o < len(b); o += 4096 {
				b[o] = byte(i)
			}
			all = append(all, b)
		}
		fmt.Println(len(all))
	case "spin":
		for {
		}
	case "sleep":
		time.Sleep(time.Hour)
	case "write":
		var f *os.File
		if f, err = os.Create(os.Args[2]); err == nil {
			b := make([]byte, 1<<20)
			for range 64 {
				if _, err = f.Write(b); err != nil {
					break
				}
			}
		}
	case "flood":
		for range 64 {
			fmt.Println(strings.Repeat("x", 1<<20))
		}
	case "parent":
		fmt.Println(os.Getppid())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
