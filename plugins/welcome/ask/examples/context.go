//go:build ignore

package main

import (
	"context"
	"fmt"
	"time"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	select {
	case <-time.After(time.Minute):
		fmt.Println("done")
	case <-ctx.Done():
		fmt.Println(ctx.Err())
	}
}

// Output:
// context deadline exceeded
