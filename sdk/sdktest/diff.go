package sdktest

import (
	"fmt"
	"strings"
)

// nearby is how many lines that are the same are shown around those that are
// not.
const nearby = 3

// maxCells bounds the table that differences are found with; beyond it all is
// shown as different.
const maxCells = 4 << 20

// difference shows how two texts differ, a line each: "-" is only in the first,
// "+" only in the second. It is "" if they do not.
func difference(a, b []byte) string {
	x, y := textLines(a), textLines(b)
	// What begins and ends the same needs no looking.
	head := 0
	for head < len(x) && head < len(y) && x[head] == y[head] {
		head++
	}
	tail := 0
	for tail < len(x)-head && tail < len(y)-head && x[len(x)-1-tail] == y[len(y)-1-tail] {
		tail++
	}
	var edits []edit
	for i := range head {
		edits = append(edits, edit{' ', x[i]})
	}
	edits = append(edits, compare(x[head:len(x)-tail], y[head:len(y)-tail])...)
	for _, l := range x[len(x)-tail:] {
		edits = append(edits, edit{' ', l})
	}
	return show(edits)
}

// edit is a line, and whose it is: ' ' of both.
type edit struct {
	of   byte
	line string
}

func textLines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// compare finds the longest lines in common by the usual table.
func compare(x, y []string) (edits []edit) {
	if (len(x)+1)*(len(y)+1) > maxCells {
		for _, l := range x {
			edits = append(edits, edit{'-', l})
		}
		for _, l := range y {
			edits = append(edits, edit{'+', l})
		}
		return edits
	}
	width := len(y) + 1
	common := make([]int32, (len(x)+1)*width) // of x[i:] and y[j:]
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				common[i*width+j] = common[(i+1)*width+j+1] + 1
			} else {
				common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			edits = append(edits, edit{' ', x[i]})
			i, j = i+1, j+1
		case j == len(y) || i < len(x) && common[(i+1)*width+j] >= common[i*width+j+1]:
			edits = append(edits, edit{'-', x[i]})
			i++
		default:
			edits = append(edits, edit{'+', y[j]})
			j++
		}
	}
	return edits
}

// show leaves out what is far from any difference.
func show(edits []edit) string {
	near := make([]bool, len(edits))
	differ := false
	for i, e := range edits {
		if e.of == ' ' {
			continue
		}
		differ = true
		for j := max(0, i-nearby); j <= min(len(edits)-1, i+nearby); j++ {
			near[j] = true
		}
	}
	if !differ {
		return ""
	}
	var w strings.Builder
	skipped := false
	for i, e := range edits {
		if !near[i] {
			skipped = true
			continue
		}
		if skipped {
			w.WriteString("  …\n")
			skipped = false
		}
		fmt.Fprintf(&w, "%c %s\n", e.of, e.line)
	}
	if skipped {
		w.WriteString("  …\n")
	}
	return w.String()
}
