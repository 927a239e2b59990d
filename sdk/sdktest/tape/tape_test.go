package tape

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestWhatWasWrittenIsRead(t *testing.T) {
	dir := t.TempDir()
	steps := []Step{
		{Setup: []byte{1}},
		{Line: 3, Input: "ann joins", Call: []byte{2}, Effects: []byte{3}, Rows: map[string][]byte{"c/a": {}, "c/b": nil, "c/c": {4}}},
		{Line: 5, Query: []byte(strings.Repeat("long", 100_000)), View: []byte{5}},
	}
	for _, name := range []string{"b.txtar", "a.txtar"} {
		w, err := Create(dir, Head{Transcript: name, Plugin: "p"})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			w.Add(s)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	tapes, err := Read(dir)
	if err != nil || len(tapes) != 2 || tapes[0].Transcript != "a.txtar" || tapes[1].Plugin != "p" {
		t.Fatalf("%v, %v", tapes, err)
	}
	if !reflect.DeepEqual(tapes[0].Steps, steps) {
		t.Errorf("%+v", tapes[0].Steps)
	}
	if tapes[0].Steps[1].Rows["c/a"] == nil {
		t.Error("an empty row reads as one that is gone")
	}
}

func TestTornTapesAreNotPlayed(t *testing.T) {
	for text, want := range map[string]error{
		"":               io.EOF,
		`{"transcript":`: io.ErrUnexpectedEOF,
		"{}\n{":          io.ErrUnexpectedEOF,
		"{}\nnonsense\n": nil,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.tape"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	if tapes, err := Read(t.TempDir()); err != nil || len(tapes) != 0 {
		t.Errorf("an empty directory: %v, %v", tapes, err)
	}
}
