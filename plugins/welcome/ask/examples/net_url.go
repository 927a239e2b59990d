//go:build ignore

package main

import (
	"fmt"
	"net/url"
)

func main() {
	u, err := url.Parse("https://go.dev/search?q=hello+world")
	fmt.Println(u.Host, u.Query().Get("q"), err)
}

// Output:
// go.dev hello world <nil>
