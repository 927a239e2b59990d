//go:build ignore

package main

import (
	"crypto/rand"
	"fmt"
)

func main() {
	key := make([]byte, 16)
	n, err := rand.Read(key)
	fmt.Println(n, err)
	fmt.Println(len(rand.Text()))
}

// Output:
// 16 <nil>
// 26
