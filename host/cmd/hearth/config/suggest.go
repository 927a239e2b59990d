package config

import "strings"

// suggest is ", did you mean X?" for the name that is nearest to a misspelt
// one, "" if none is near.
func suggest(name string, known []string) string {
	if n := Nearest(name, known); n != "" {
		return ", did you mean " + n + "?"
	}
	return ""
}

// Nearest returns the name that name begins with, or else the one that the
// fewest changes of a character make of it; "" if more than a third of it would
// have to change.
func Nearest(name string, known []string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, k := range known {
		if len(k) > 2 && strings.HasPrefix(name, k) {
			return k
		}
		if d := distance(name, k, least); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is how many characters have to be put in, left out, replaced or
// swapped with their neighbour; it stops counting at most.
func distance(a, b string, most int) int {
	if d := len(a) - len(b); d >= most || -d >= most {
		return most
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
