//go:build ignore

package main

import (
	"cmp"
	"fmt"
	"slices"
)

func main() {
	words := []string{"pear", "fig", "plum"}
	slices.SortFunc(words, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	fmt.Println(words)
}

// Output:
// [fig pear plum]
