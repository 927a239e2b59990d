//go:build ignore

package main

import (
	"fmt"
	"slices"
)

func main() {
	n := []int{3, 1, 2}
	slices.Sort(n)
	fmt.Println(n, slices.Contains(n, 2), slices.Max(n))
}

// Output:
// [1 2 3] true 3
