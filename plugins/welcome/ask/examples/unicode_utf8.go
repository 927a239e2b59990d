//go:build ignore

package main

import (
	"fmt"
	"unicode/utf8"
)

func main() {
	s := "你好, Go"
	fmt.Println(len(s), utf8.RuneCountInString(s))
}

// Output:
// 10 6
