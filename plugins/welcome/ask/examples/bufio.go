//go:build ignore

package main

import (
	"bufio"
	"fmt"
	"strings"
)

func main() {
	s := bufio.NewScanner(strings.NewReader("one\ntwo\nthree"))
	for n := 1; s.Scan(); n++ {
		fmt.Println(n, s.Text())
	}
}

// Output:
// 1 one
// 2 two
// 3 three
