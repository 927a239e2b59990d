// Goroutines passes numbers down a chain of prime filters, recurses, panics
// and recovers: stack switching in Go's resumable functions.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
)

func filter(in <-chan int, out chan<- int, prime int) {
	for n := range in {
		if n%prime != 0 {
			out <- n
		}
	}
	close(out)
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

func guarded(n int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("recovered: %v", r)
		}
	}()
	return fmt.Errorf("got %d", []int{1, 2, 3}[n])
}

func main() {
	n := 60
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	source := make(chan int)
	go func() {
		for i := 2; i < n*8; i++ {
			source <- i
		}
		close(source)
	}()
	var in <-chan int = source
	sum := 0
	for range n {
		p, ok := <-in
		if !ok {
			break
		}
		sum += p
		out := make(chan int)
		go filter(in, out, p)
		in = out
	}
	for range in { // let the filters end
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i := range 20 {
		wg.Go(func() {
			f := fib(i)
			mu.Lock()
			sum += f
			mu.Unlock()
		})
	}
	wg.Wait()
	fmt.Println(sum, guarded(2), guarded(3))
}
