package sdktest

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// archive is a txtar file: text, and then sections that begin with a line
// "-- NAME --". It is read and written here because what an author needs is the
// SDK, the msgp runtime and nothing else.
type archive struct {
	comment  []byte
	sections []section
}

type section struct {
	name string
	line int    // of the file, where the name stands
	data []byte // ends with a line's end, if there is any
}

func readArchive(file string) (*archive, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseArchive(text), nil
}

// parseArchive takes any text: there is none that is no archive.
func parseArchive(text []byte) *archive {
	a := new(archive)
	at := &a.comment
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if name, ok := marker(line); ok {
			a.sections = append(a.sections, section{name: name, line: n})
			at = &a.sections[len(a.sections)-1].data
			continue
		}
		*at = append(*at, line...)
		if line[len(line)-1] != '\n' {
			*at = append(*at, '\n')
		}
	}
	return a
}

// marker is the name in a line that begins a section.
func marker(line []byte) (string, bool) {
	l, ok := strings.CutPrefix(strings.TrimRight(string(line), "\r\n"), "-- ")
	if !ok {
		return "", false
	}
	name, ok := strings.CutSuffix(l, " --")
	name = strings.TrimSpace(name)
	return name, ok && name != ""
}

func (a *archive) format() []byte {
	var w bytes.Buffer
	w.Write(a.comment)
	for _, s := range a.sections {
		fmt.Fprintf(&w, "-- %s --\n", s.name)
		w.Write(s.data)
		if n := len(s.data); n > 0 && s.data[n-1] != '\n' {
			w.WriteByte('\n')
		}
	}
	return w.Bytes()
}
