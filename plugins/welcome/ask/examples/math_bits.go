//go:build ignore

package main

import (
	"fmt"
	"math/bits"
)

func main() {
	fmt.Println(bits.OnesCount(255), bits.Len(1000), bits.TrailingZeros(8))
}

// Output:
// 8 10 3
