//go:build ignore

package main

import (
	"fmt"
	"time"
)

func main() {
	start := time.Date(2024, time.June, 3, 9, 0, 0, 0, time.UTC)
	end := start.Add(36 * time.Hour)
	fmt.Println(end.Format("Mon 2 Jan 15:04"), end.Sub(start).Hours())
}

// Output:
// Tue 4 Jun 21:00 36
