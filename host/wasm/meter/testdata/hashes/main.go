// Hashes chains digests and checksums: straight-line integer code in long
// functions, and table look-ups.
package main

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"
)

func main() {
	n := 300
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	block := make([]byte, 2048)
	sum := uint32(0)
	for i := range n {
		d := sha256.Sum256(block)
		copy(block[i%64*32:], d[:])
		sum = crc32.Update(sum, crc32.IEEETable, block)
	}
	fmt.Printf("%x %08x\n", sha256.Sum256(block), sum)
}
