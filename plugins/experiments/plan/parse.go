package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Parse reads a definition and says everything that is wrong with it, each with
// its place in the text. Without an error it is one that may be started. With
// problems the definition is what could be read, nil if nothing could.
func Parse(text []byte) (*Definition, Problems) {
	if len(text) > MaxBytes {
		return nil, Problems{problem("", "size", len(text)>>10, MaxBytes>>10)}
	}
	var d Definition
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return nil, Problems{unreadable(text, err)}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		p := problem("", "more")
		p.Line, p.Column = place(text, dec.InputOffset())
		return &d, Problems{p}
	}
	problems := d.Validate()
	if len(problems) > 0 {
		at := offsets(text)
		for i := range problems {
			problems[i].Line, problems[i].Column = place(text, nearest(at, problems[i].Field))
		}
	}
	return &d, problems
}

// Encode writes the definition as Parse reads it.
func (d *Definition) Encode() []byte {
	b, err := json.Marshal(d)
	if err != nil { // a number that JSON has not
		return []byte("null")
	}
	return b
}

// unreadable is what is wrong with a text that is no definition.
func unreadable(text []byte, err error) Problem {
	var (
		syntax *json.SyntaxError
		typ    *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &syntax):
		p := problem("", "syntax", err.Error())
		p.Line, p.Column = place(text, max(0, syntax.Offset-1))
		return p
	case errors.As(err, &typ):
		p := problem(strings.TrimPrefix(typ.Field, "Experiment."), "type", typ.Value, typ.Type.String())
		p.Line, p.Column = place(text, max(0, typ.Offset-1))
		return p
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		p := problem("", "end")
		p.Line, p.Column = place(text, int64(len(text)))
		return p
	}
	if quoted, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if name, err := strconv.Unquote(quoted); err == nil {
			p := problem("", "unknown", name)
			at := bytes.Index(text, []byte(quoted))
			p.Line, p.Column = place(text, int64(max(0, at)))
			return p
		}
	}
	return problem("", "syntax", err.Error())
}

// place is the line and the column, in characters, of an offset; both from 1.
func place(text []byte, offset int64) (line, column int) {
	before := text[:min(max(0, offset), int64(len(text)))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return 1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[start:])
}

// offsets says where in a JSON text each value begins, by its path: "ramp",
// "ramp[1].coverage", "forced.slack:U1".
func offsets(text []byte) map[string]int64 {
	at := map[string]int64{}
	dec := json.NewDecoder(bytes.NewReader(text))
	_ = walk(dec, text, "", at) // it was read already
	return at
}

func walk(dec *json.Decoder, text []byte, path string, at map[string]int64) error {
	at[path] = begin(text, dec.InputOffset())
	token, err := dec.Token()
	if err != nil {
		return err
	}
	open, isDelim := token.(json.Delim)
	if !isDelim {
		return nil
	}
	for i := 0; dec.More(); i++ {
		below := fmt.Sprintf("%s[%d]", path, i)
		if open == '{' {
			key, err := dec.Token()
			if err != nil {
				return err
			}
			if below = fmt.Sprint(key); path != "" {
				below = path + "." + below
			}
		}
		if err := walk(dec, text, below, at); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// begin is where the next value begins: behind white space and separators.
func begin(text []byte, offset int64) int64 {
	for offset < int64(len(text)) && strings.IndexByte(" \t\r\n,:", text[offset]) >= 0 {
		offset++
	}
	return offset
}

// nearest is the offset of a path, or of what it lies in.
func nearest(at map[string]int64, path string) int64 {
	for {
		if o, ok := at[path]; ok || path == "" {
			return o
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}
