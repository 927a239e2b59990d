//go:build ignore

package main

import (
	"fmt"
	"regexp"
)

func main() {
	date := regexp.MustCompile(`(\d{4})-(\d{2})-(\d{2})`)
	fmt.Println(date.FindStringSubmatch("born 2009-11-10, in a garden"))
}

// Output:
// [2009-11-10 2009 11 10]
