// Package labelled reads files of questions: a line each, columns between tabs,
//
//	lang  text             in the order asked
//	cluster  lang  text    with what people put together
//
// as `hearth dev cluster` and the digest's tests take them. It owns that format
// and the rule by which a file is cut into two halves, one to choose thresholds
// on and one to report. It must not know how questions are put together.
package labelled

import (
	"bufio"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"unicode/utf8"
)

// Bounds of a file.
const (
	MaxLine = 64 << 10
	MaxRows = 1 << 20
)

// Row is a line.
type Row struct {
	Cluster string // "" in a file without
	Lang    string
	Text    string
}

// Read reads a file; name is what errors call it, with the line. clustered says
// whether the lines begin with a cluster. The first line may name the columns;
// then others may follow, and are left out. Empty lines are left out.
func Read(r io.Reader, name string, clustered bool) ([]Row, error) {
	columns := []string{"lang", "text"}
	if clustered {
		columns = []string{"cluster", "lang", "text"}
	}
	var rows []Row
	more := false
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 64<<10), MaxLine)
	line := 0
	for in.Scan() {
		line++
		fail := func(format string, args ...any) ([]Row, error) {
			return nil, fmt.Errorf("%s:%d: %s", name, line, fmt.Sprintf(format, args...))
		}
		s := strings.TrimSuffix(in.Text(), "\r")
		if line == 1 {
			s = strings.TrimPrefix(s, "\ufeff")
		}
		if strings.TrimSpace(s) == "" {
			continue
		}
		if !utf8.ValidString(s) {
			return fail("it is not UTF-8; save the file as UTF-8")
		}
		cells := strings.Split(s, "\t")
		if line == 1 && strings.HasPrefix(s+"\t", strings.Join(columns, "\t")+"\t") {
			more = true
			continue
		}
		if len(cells) < len(columns) || len(cells) > len(columns) && !more {
			hint := ""
			if !clustered && len(cells) == 3 {
				hint = "; for a file with clusters say --score"
			}
			return fail("there are %d columns, and there have to be %d with tabs between them: %s%s", len(cells), len(columns), strings.Join(columns, ", "), hint)
		}
		row := Row{Lang: strings.TrimSpace(cells[len(columns)-2]), Text: strings.TrimSpace(cells[len(columns)-1])}
		if clustered {
			row.Cluster = strings.TrimSpace(cells[0])
		}
		switch {
		case clustered && row.Cluster == "":
			return fail("the cluster is empty")
		case row.Lang == "" || len(row.Lang) > 20 || strings.ContainsAny(row.Lang, " ,;?？"):
			return fail("%.30q is no language; write one like en or zh", row.Lang)
		case row.Text == "":
			return fail("the text is empty")
		case len(rows) == MaxRows:
			return fail("there are more than %d questions", MaxRows)
		}
		rows = append(rows, row)
	}
	switch err := in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("%s:%d: the line is longer than %d KiB", name, line+1, MaxLine>>10)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(rows) == 0:
		return nil, fmt.Errorf("%s: there is no question in it", name)
	}
	return rows, nil
}

// Reported says in which half a cluster is: false for the one that thresholds are
// chosen on, true for the one that is reported. It goes by the name up to the
// first dot (bit 7 of its FNV-1a hash), so that a question's wordings in two
// languages, x.en and x.zh, are in one half.
func Reported(cluster string) bool {
	stem, _, _ := strings.Cut(cluster, ".")
	h := fnv.New32a()
	_, _ = io.WriteString(h, stem) // a hash takes everything
	return h.Sum32()>>7&1 == 1
}
