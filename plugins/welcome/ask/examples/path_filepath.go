//go:build ignore

package main

import (
	"fmt"
	"path/filepath"
)

func main() {
	p := filepath.Join("home", "gopher", "main.go")
	fmt.Println(filepath.Base(p), filepath.Ext(p))
}

// Output:
// main.go .go
