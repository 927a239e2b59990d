//go:build ignore

package main

import (
	"bytes"
	"fmt"
)

func main() {
	var b bytes.Buffer
	b.WriteString("one,")
	b.WriteString("two")
	fmt.Println(len(bytes.Split(b.Bytes(), []byte(","))), b.String())
}

// Output:
// 2 one,two
