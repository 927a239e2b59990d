// Command report reads what `go test -json` writes and says it in plain words: a
// line for each package when it ends, what fails at once, and at the end once more
// what failed, what was skipped and why, the figures that tests log, and how many
// passed. It knows nothing of hearth. What go test itself exits with is for
// .ci/tests to pass on: report ends well if it could read.
package main

import (
	"fmt"
	"os"
)

func main() {
	r := newReport(os.Stdout)
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "report: read what go test says:", err)
		os.Exit(1)
	}
	r.sum()
}
