//go:build ignore

package main

import (
	"errors"
	"fmt"
)

var errEmpty = errors.New("the name is empty")

func greet(name string) error {
	if name == "" {
		return fmt.Errorf("greet: %w", errEmpty)
	}
	return nil
}

func main() {
	err := greet("")
	fmt.Println(err)
	fmt.Println(errors.Is(err, errEmpty))
}

// Output:
// greet: the name is empty
// true
