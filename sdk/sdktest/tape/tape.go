// Package tape is what transcripts leave for `hearth plugin test`: every call
// that a plugin had under go test, and what it answered. hearth plays a tape to
// the same plugin in its real sandbox and compares. It knows the ABI's types as
// bytes alone, and how a tape is written: JSON, a step a line.
//
//	{"transcript":"testdata/hello.txtar","plugin":"hello"}
//	{"setup":…}                                      an image is made
//	{"line":3,"input":"ann joins","call":…,"effects":…,"rows":{…}}
package tape

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Variable names the environment variable with the directory for tapes. If it
// is empty none are written.
const Variable = "HEARTH_TAPES"

// maxStep bounds a step that is read: a call and its effects are far below.
const maxStep = 64 << 20

// Head is the first line of a tape.
type Head struct {
	Transcript string `json:"transcript"` // the file, from the package's directory
	Plugin     string `json:"plugin"`
}

// Step is one call of a plugin, with the answer that it gave natively. One of
// Setup, Call, Query and Migration is there.
type Step struct {
	Line  int    `json:"line,omitempty"`  // of the file; 0 for what comes before the section transcript
	Input string `json:"input,omitempty"` // that line, without "> "

	Setup     []byte `json:"setup,omitempty"`     // an abi.Setup: from here on the image is another
	Call      []byte `json:"call,omitempty"`      // an abi.Call, answered by Effects
	Query     []byte `json:"query,omitempty"`     // an abi.Query, answered by View
	Migration []byte `json:"migration,omitempty"` // an abi.Migration, answered by Migrated

	Effects  []byte `json:"effects,omitempty"`
	View     []byte `json:"view,omitempty"`
	Migrated []byte `json:"migrated,omitempty"`

	// Rows are those that are not as they were at the step before; nil is one
	// that is gone.
	Rows map[string][]byte `json:"rows,omitempty"`
}

// Tape is a tape that was read.
type Tape struct {
	Head
	Steps []Step
}

// Writer writes a tape. It is for one goroutine.
type Writer struct {
	f   *os.File
	b   *bufio.Writer
	e   *json.Encoder
	err error
}

// Create begins a tape in dir. It has a name of its own there.
func Create(dir string, h Head) (*Writer, error) {
	f, err := os.CreateTemp(dir, "*.tape")
	if err != nil {
		return nil, fmt.Errorf("begin a tape: %w", err)
	}
	w := &Writer{f: f, b: bufio.NewWriter(f)}
	w.e = json.NewEncoder(w.b)
	w.err = w.e.Encode(h)
	return w, nil
}

// Add writes a step. Close says what went wrong.
func (w *Writer) Add(s Step) {
	if w.err == nil {
		w.err = w.e.Encode(s)
	}
}

// Close ends the tape.
func (w *Writer) Close() error {
	if err := errors.Join(w.err, w.b.Flush(), w.f.Close()); err != nil {
		return fmt.Errorf("write the tape %s: %w", w.f.Name(), err)
	}
	return nil
}

// Read reads the tapes in dir, sorted by their transcripts.
func Read(dir string) ([]Tape, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.tape"))
	if err != nil {
		return nil, err
	}
	tapes := make([]Tape, len(files))
	for i, f := range files {
		if tapes[i], err = read(f); err != nil {
			return nil, fmt.Errorf("read the tape %s: %w", f, err)
		}
	}
	slices.SortStableFunc(tapes, func(a, b Tape) int {
		switch {
		case a.Transcript < b.Transcript:
			return -1
		case a.Transcript > b.Transcript:
			return 1
		}
		return 0
	})
	return tapes, nil
}

func read(name string) (t Tape, err error) {
	f, err := os.Open(name)
	if err != nil {
		return t, err
	}
	defer f.Close()
	lines := bufio.NewReader(f)
	if err := next(lines, &t.Head); err != nil {
		return t, fmt.Errorf("its first line: %w", err)
	}
	for {
		var s Step
		switch err := next(lines, &s); {
		case errors.Is(err, io.EOF):
			return t, nil
		case err != nil:
			return t, fmt.Errorf("step %d: %w", len(t.Steps)+1, err)
		}
		t.Steps = append(t.Steps, s)
	}
}

func next(r *bufio.Reader, v any) error {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxStep {
			return fmt.Errorf("it has more than %d bytes", maxStep)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			return io.ErrUnexpectedEOF // the test did not end
		case err != nil:
			return err
		}
		return json.Unmarshal(line, v)
	}
}
