//go:build ignore

package main

import (
	"fmt"
	"io"
	"strings"
)

func main() {
	r := io.LimitReader(strings.NewReader("hello, world"), 5)
	text, err := io.ReadAll(r)
	fmt.Println(string(text), err)
}

// Output:
// hello <nil>
