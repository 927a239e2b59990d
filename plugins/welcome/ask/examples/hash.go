//go:build ignore

package main

import (
	"fmt"
	"hash"
	"hash/fnv"
)

func main() {
	var h hash.Hash32 = fnv.New32a()
	h.Write([]byte("hello"))
	fmt.Println(h.Sum32(), h.Size())
}

// Output:
// 1335831723 4
