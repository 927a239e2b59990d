//go:build ignore

package main

import (
	"fmt"
	"sync"
	"sync/atomic"
)

func main() {
	var (
		n  atomic.Int64
		wg sync.WaitGroup
	)
	for range 100 {
		wg.Go(func() { n.Add(1) })
	}
	wg.Wait()
	fmt.Println(n.Load())
}

// Output:
// 100
