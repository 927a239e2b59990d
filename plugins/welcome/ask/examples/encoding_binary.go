//go:build ignore

package main

import (
	"encoding/binary"
	"fmt"
)

func main() {
	b := binary.BigEndian.AppendUint32(nil, 258)
	fmt.Println(b, binary.BigEndian.Uint32(b))
}

// Output:
// [0 0 1 2] 258
