//go:build ignore

package main

import (
	"fmt"
	"strings"
)

func main() {
	words := strings.Fields("small steps every day")
	fmt.Println(len(words), strings.ToUpper(words[0]), strings.Join(words, "-"))
}

// Output:
// 4 SMALL small-steps-every-day
