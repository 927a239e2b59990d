//go:build ignore

package main

import (
	"fmt"
	"math"
)

func main() {
	fmt.Printf("%.2f %.0f\n", math.Sqrt(2), math.Pow(2, 10))
}

// Output:
// 1.41 1024
