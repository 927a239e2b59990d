// Sortmap counts words in a map and sorts them: calls through interfaces and
// closures, strings, allocation and garbage collection.
package main

import (
	"fmt"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
)

type byCount struct {
	words []string
	count map[string]int
}

func (b byCount) Len() int      { return len(b.words) }
func (b byCount) Swap(i, j int) { b.words[i], b.words[j] = b.words[j], b.words[i] }
func (b byCount) Less(i, j int) bool {
	x, y := b.words[i], b.words[j]
	if b.count[x] != b.count[y] {
		return b.count[x] > b.count[y]
	}
	return x < y
}

func main() {
	n := 30_000
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	seed := uint32(7)
	next := func() uint32 {
		seed ^= seed << 13
		seed ^= seed >> 17
		seed ^= seed << 5
		return seed
	}
	var text strings.Builder
	for range n {
		text.WriteString(strconv.FormatUint(uint64(next()%997*next()%997), 36))
		text.WriteByte(' ')
	}
	count := map[string]int{}
	for w := range strings.FieldsSeq(text.String()) {
		count[w]++
	}
	b := byCount{count: count}
	for w := range count {
		b.words = append(b.words, w)
	}
	sort.Sort(b)
	sum := 0
	for i, w := range b.words {
		sum += i * count[w]
	}
	all := strings.Fields(text.String())
	slices.SortFunc(all, strings.Compare)
	fmt.Println(len(b.words), b.words[0], count[b.words[0]], sum, all[len(all)/2])
}
