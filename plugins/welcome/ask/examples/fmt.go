//go:build ignore

package main

import "fmt"

func main() {
	name, years := "Go", 16
	fmt.Printf("%s is %d years old.\n", name, years)
}

// Output:
// Go is 16 years old.
