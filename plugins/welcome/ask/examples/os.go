//go:build ignore

package main

import (
	"fmt"
	"os"
)

func main() {
	os.Setenv("GREETING", "hello")
	fmt.Println(os.Getenv("GREETING"), len(os.Args) > 0)
	if _, err := os.ReadFile("nowhere.txt"); os.IsNotExist(err) {
		fmt.Println("there is no such file")
	}
}

// Output:
// hello true
// there is no such file
