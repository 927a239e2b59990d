//go:build ignore

package main

import (
	"log"
	"os"
)

func main() {
	l := log.New(os.Stdout, "hello: ", 0)
	l.Printf("%d visitors", 3)
}

// Output:
// hello: 3 visitors
