// Spectral multiplies by a matrix that is computed: a small function called
// from the innermost of two loops.
package main

import (
	"fmt"
	"math"
	"os"
	"strconv"
)

//go:noinline
func at(i, j int) float64 { return 1 / float64((i+j)*(i+j+1)/2+i+1) }

func mul(out, in []float64, swap bool) {
	for i := range out {
		s := 0.0
		for j, x := range in {
			if swap {
				s += at(j, i) * x
			} else {
				s += at(i, j) * x
			}
		}
		out[i] = s
	}
}

func main() {
	n := 120
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	u, v, t := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range u {
		u[i] = 1
	}
	for range 10 {
		mul(t, u, false)
		mul(v, t, true)
		mul(t, v, false)
		mul(u, t, true)
	}
	uv, vv := 0.0, 0.0
	for i := range u {
		uv += u[i] * v[i]
		vv += v[i] * v[i]
	}
	fmt.Printf("%.9f\n", math.Sqrt(uv/vv))
}
