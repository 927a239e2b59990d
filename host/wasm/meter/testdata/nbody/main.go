// Nbody integrates the orbits of five bodies: floating point in registers and
// arrays of structs.
package main

import (
	"fmt"
	"math"
	"os"
	"strconv"
)

type vec [3]float64

type body struct {
	at, speed vec
	mass      float64
}

func (a *vec) add(b *vec, k float64) {
	for i := range a {
		a[i] += b[i] * k
	}
}

func energy(bs []body) (e float64) {
	for i := range bs {
		a := &bs[i]
		for _, s := range a.speed {
			e += a.mass * s * s / 2
		}
		for j := i + 1; j < len(bs); j++ {
			e -= a.mass * bs[j].mass / math.Sqrt(apart(a, &bs[j], nil))
		}
	}
	return e
}

// apart returns the squared distance and, in d, the vector.
func apart(a, b *body, d *vec) (sum float64) {
	for i := range a.at {
		x := a.at[i] - b.at[i]
		sum += x * x
		if d != nil {
			d[i] = x
		}
	}
	return sum
}

func step(bs []body, dt float64) {
	for i := range bs {
		a := &bs[i]
		for j := i + 1; j < len(bs); j++ {
			b := &bs[j]
			var d vec
			r2 := apart(a, b, &d)
			k := dt / (r2 * math.Sqrt(r2))
			a.speed.add(&d, -b.mass*k)
			b.speed.add(&d, a.mass*k)
		}
	}
	for i := range bs {
		bs[i].at.add(&bs[i].speed, dt)
	}
}

func main() {
	n := 20_000
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	bs := make([]body, 5)
	for i := range bs {
		r, a := float64(1+i*4), float64(i)*1.7
		bs[i].at = vec{r * math.Cos(a), r * math.Sin(a), 0.1 * float64(i)}
		v := math.Sqrt(40 / r)
		bs[i].speed = vec{-v * math.Sin(a), v * math.Cos(a), 0}
		bs[i].mass = 0.02 * float64(i+1)
	}
	bs[0].mass, bs[0].speed = 40, vec{}
	fmt.Printf("%.9f\n", energy(bs))
	for range n {
		step(bs, 0.001)
	}
	fmt.Printf("%.9f\n", energy(bs))
}
