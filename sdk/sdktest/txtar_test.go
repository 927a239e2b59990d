package sdktest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestArchive(t *testing.T) {
	a := parseArchive([]byte("about\n-- setup --\nlocale en\n-- transcript --\n> ann joins\n-- not one\n--  spaced  --\nend"))
	if string(a.comment) != "about\n" || len(a.sections) != 3 {
		t.Fatalf("%+v", a)
	}
	for i, want := range []section{{"setup", 2, []byte("locale en\n")}, {"transcript", 4, []byte("> ann joins\n-- not one\n")}, {"spaced", 7, []byte("end\n")}} {
		if got := a.sections[i]; got.name != want.name || got.line != want.line || !bytes.Equal(got.data, want.data) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

// TestArchiveKeepsWhatItRead, so that -update changes nothing but the transcript.
func TestArchiveKeepsWhatItRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.SampledFrom([]string{"", "text", "-- a --", "-- b/c.json --", "--", "-- --", "> x", "# y"})).Draw(t, "lines")
		text := []byte(strings.Join(lines, "\n"))
		if len(text) > 0 {
			text = append(text, '\n')
		}
		if got := parseArchive(text).format(); !bytes.Equal(got, text) {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

func TestDifference(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"x\ny\n", "x\ny\n", ""},
		{"", "x\n", "+ x\n"},
		{"x\n", "", "- x\n"},
		{"a\nb\nc\n", "a\nB\nc\n", "  a\n- b\n+ B\n  c\n"},
		{"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n5\n6\n7\n8\n", "  …\n  6\n  7\n  8\n- 9\n"},
		{"a\nb\n", "b\na\n", "- a\n  b\n+ a\n"},
	} {
		if got := difference([]byte(c.a), []byte(c.b)); got != c.want {
			t.Errorf("%q, %q:\n%swant\n%s", c.a, c.b, got, c.want)
		}
	}
}

// TestDifferenceTellsBoth: from what is shown whole, either text can be had.
func TestDifferenceTellsBoth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 12)
		x, y := texts.Draw(t, "x"), texts.Draw(t, "y")
		var back [2][]string
		for _, e := range compare(x, y) {
			if e.of != '+' {
				back[0] = append(back[0], e.line)
			}
			if e.of != '-' {
				back[1] = append(back[1], e.line)
			}
		}
		if fmt.Sprint(back[0]) != fmt.Sprint(x) || fmt.Sprint(back[1]) != fmt.Sprint(y) {
			t.Fatalf("%v", back)
		}
	})
}
