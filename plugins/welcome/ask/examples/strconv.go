//go:build ignore

package main

import (
	"fmt"
	"strconv"
)

func main() {
	n, err := strconv.Atoi("41")
	fmt.Println(n+1, err)
	_, err = strconv.Atoi("many")
	fmt.Println(err)
}

// Output:
// 42 <nil>
// strconv.Atoi: parsing "many": invalid syntax
