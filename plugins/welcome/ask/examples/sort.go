//go:build ignore

package main

import (
	"fmt"
	"sort"
)

func main() {
	words := []string{"go", "a", "fish"}
	sort.Slice(words, func(i, j int) bool { return len(words[i]) < len(words[j]) })
	fmt.Println(words)
}

// Output:
// [a go fish]
