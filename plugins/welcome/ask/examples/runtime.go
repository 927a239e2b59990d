//go:build ignore

package main

import (
	"fmt"
	"runtime"
)

func main() {
	done := make(chan bool)
	go func() { <-done }()
	fmt.Println(runtime.NumGoroutine() >= 2, runtime.NumCPU() >= 1)
	close(done)
}

// Output:
// true true
