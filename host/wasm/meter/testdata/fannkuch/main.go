// Fannkuch flips the prefixes of all permutations: small integer arrays,
// unpredictable branches, short inner loops.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func flips(p []int8, q []int8) (n int) {
	copy(q, p)
	for q[0] != 0 {
		for i, j := 0, int(q[0]); i < j; i, j = i+1, j-1 {
			q[i], q[j] = q[j], q[i]
		}
		n++
	}
	return n
}

func main() {
	n := 8
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	p, q, c := make([]int8, n), make([]int8, n), make([]int, n)
	for i := range p {
		p[i] = int8(i)
	}
	sum, most, sign := 0, 0, 1
	visit := func() {
		f := flips(p, q)
		most = max(most, f)
		sum += sign * f
		sign = -sign
	}
	visit()
	for i := 1; i < n; { // Heap's algorithm
		if c[i] < i {
			j := 0
			if i%2 == 1 {
				j = c[i]
			}
			p[i], p[j] = p[j], p[i]
			visit()
			c[i]++
			i = 1
		} else {
			c[i] = 0
			i++
		}
	}
	fmt.Println(n, most, sum)
}
