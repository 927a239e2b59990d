//go:build ignore

package main

import (
	"fmt"
	"reflect"
)

type point struct{ X, Y int }

func main() {
	t := reflect.TypeOf(point{})
	for i := range t.NumField() {
		fmt.Println(t.Field(i).Name, t.Field(i).Type)
	}
}

// Output:
// X int
// Y int
