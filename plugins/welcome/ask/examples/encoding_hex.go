//go:build ignore

package main

import (
	"encoding/hex"
	"fmt"
)

func main() {
	s := hex.EncodeToString([]byte("Go"))
	back, err := hex.DecodeString(s)
	fmt.Println(s, string(back), err)
}

// Output:
// 476f Go <nil>
