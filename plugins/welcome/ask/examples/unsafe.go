//go:build ignore

package main

import (
	"fmt"
	"unsafe"
)

type padded struct {
	a bool
	b int64
	c bool
}

func main() {
	fmt.Println(unsafe.Sizeof(padded{}), unsafe.Sizeof(true))
}

// Output:
// 24 1
