//go:build ignore

package main

import (
	"encoding/base64"
	"fmt"
)

func main() {
	s := base64.StdEncoding.EncodeToString([]byte("hello"))
	back, err := base64.StdEncoding.DecodeString(s)
	fmt.Println(s, string(back), err)
}

// Output:
// aGVsbG8= hello <nil>
