//go:build ignore

package main

import (
	"fmt"
	"unicode"
)

func main() {
	for _, r := range "Go 你" {
		fmt.Println(string(r), unicode.IsLetter(r), unicode.Is(unicode.Han, r))
	}
}

// Output:
// G true false
// o true false
//   false false
// 你 true true
