package source_test

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host/verify/source"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, file, text string
		want             string // name=text, divided by |
	}{
		{"one file", "", "package main\n", "main.go=package main\n"},
		{"one file with a name", "hello.go", "package main", "hello.go=package main"},
		{"several", "", "-- a.go --\npackage a\n-- d/b.txt --\nb\n", "a.go=package a\n|d/b.txt=b\n"},
		{"code before the first marker", "", "package main\n-- b.txt --\nb", "main.go=package main\n|b.txt=b\n"},
		{"comments before the first marker", "", "// Two files.\n\n/* really */\n-- a.go --\npackage a\n", "a.go=package a\n"},
		{"lines end as on Windows", "", "-- a.go --\r\npackage a\r\n", "a.go=package a\r\n"},
		{"a marker without a name is none", "", "a\n--  --\nb\n", "main.go=a\n--  --\nb\n"},
		{"an empty file among others", "", "-- a.go --\n-- b.go --\npackage a\n", "a.go=|b.go=package a\n"},
		{"names beyond ASCII", "", "-- 你好.go --\nx\n", "你好.go=x\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files, err := source.Parse(c.file, c.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range files {
				got = append(got, f.Name+"="+f.Text)
			}
			if g := strings.Join(got, "|"); g != c.want {
				t.Errorf("got %q, want %q", g, c.want)
			}
		})
	}
}

// What is refused, by its number in shared/notes/hostile.md where it has one.
func TestParseRefuses(t *testing.T) {
	marker := func(name string) string { return "-- " + name + " --\npackage a\n" }
	for _, c := range []struct{ name, text, want string }{
		{"A1", marker("../foo"), `source/name line 1: file name "../foo": . and .. are no names here`},
		{"A2", marker(".."), `source/name line 1: file name "..": . and .. are no names here`},
		{"A3", marker("bar/../foo"), `source/name line 1: file name "bar/../foo": . and .. are no names here`},
		{"A4", marker("/etc/passwd"), `source/name line 1: file name "/etc/passwd": it must not begin with /`},
		{"A5", marker(`foo\bar`), `source/name line 1: file name "foo\\bar": directories are divided by /`},
		{"A6", marker("a\x00b"), `source/name line 1: file name "a\x00b": it has a character that cannot be seen`},
		{"A7", marker("a\x1fb"), `source/name line 1: file name "a\x1fb": it has a character that cannot be seen`},
		{"A8", marker(strings.Repeat("a", 201)), `source/name line 1: file name "` + strings.Repeat("a", 57) + `…": it has more than 200 bytes`},
		{"A9", marker(strings.Repeat("a/", 20) + "b"), `source/name line 1: file name "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/b": it is more than 20 directories deep`},
		{"A10", marker("a.go") + marker("a.go"), "source/name line 3: there are two files called a.go"},
		{"A10 in other letters", marker("a.go") + marker("A.go"), "source/name line 3: a.go and A.go differ in upper and lower case only"},
		{"A11", "package main\n" + marker("main.go"), "source/name line 2: there are two files called main.go"},
		{"A12", manyFiles(50), "source/count 50 files are more than 20"},
		{"A16", strings.Repeat("x", 10<<20), "source/size 10485760 bytes are more than 64 KiB"},
		{"just too long", strings.Repeat("x", source.MaxSize+1), "source/size 65537 bytes are more than 64 KiB"},
		{"a drive", marker("c:x.go"), `source/name line 1: file name "c:x.go": it has a colon`},
		{"empty element", marker("a//b.go"), `source/name line 1: file name "a//b.go": it has an empty element`},
		{"a directory", marker("a/"), `source/name line 1: file name "a/": it has an empty element`},
		{"bidi in a name", marker("a\u202eog.b"), `source/name line 1: file name "a\u202eog.b": it has a character that cannot be seen`},
		{"a name that is not UTF-8", marker("a\xff.go"), `source/name line 1: file name "a\xff.go": it is not UTF-8`},
		{"not UTF-8", "package a\n\nvar x = \"\xff\"\n", "source/utf8 main.go:3:10: a byte that is not UTF-8"},
		{"not UTF-8 in the second file", marker("a.go") + "-- b.go --\n\n\xc3", "source/utf8 b.go:2:1: a byte that is not UTF-8"},
		{"NUL", "package a\n\x00", "source/nul main.go:2:1: a NUL byte"},
		{"nothing", "", "source/empty there is no code"},
		{"white space", " \n\t\n", "source/empty there is no code"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := source.Parse("", c.text)
			var e *source.ParseError
			if !errors.As(err, &e) {
				t.Fatalf("%v", err)
			}
			if got := e.Code + " " + e.Error(); got != c.want || e.Severity != source.Error {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func manyFiles(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "-- f%d.go --\npackage a\n", i)
	}
	return b.String()
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("a", 300) + "X" + strings.Repeat("b", 300)
	for _, c := range []struct {
		name         string
		text         string
		line, column int
		want         string
	}{
		{"first line", "x := 1\ny", 1, 6, "x := 1\n     ^"},
		{"last line", "x\ny := 2", 2, 1, "y := 2\n^"},
		{"no column", "x\ny", 2, 0, "y"},
		{"no such line", "x\ny", 3, 1, ""},
		{"no line", "x", 0, 1, ""},
		{"an empty line", "x\n\ny", 2, 1, "\n^"},
		{"tabs stay", "\tif\tx {", 1, 5, "\tif\tx {\n\t  \t^"},
		{"wide characters", "世界 x", 1, 8, "世界 x\n     ^"},
		{"within a wide character", "世界", 1, 5, "世界\n  ^"},
		{"accents take no room", "e\u0301x", 1, 4, "e\u0301x\n ^"},
		{"behind the end", "ab", 1, 3, "ab\n  ^"},
		{"far behind the end", "ab", 1, 99, "ab\n  ^"},
		{"Windows", "ab\r\ncd", 1, 2, "ab\n ^"},
		{"bidi", "a\u202eb", 1, 5, "a\\u202eb\n       ^"},
		{"escape", "\x1b[31m", 1, 1, "\\u001b[31m\n^"},
		{"nothing to see", "a\u200b\u00a0b", 1, 7, "a\\u200b\\u00a0b\n             ^"},
		{"not UTF-8", "\xffx", 1, 2, "\ufffdx\n ^"},
		{"a long line", long, 1, 301, "…" + strings.Repeat("a", 50) + "X" + strings.Repeat("b", 49) + "…\n" + strings.Repeat(" ", 51) + "^"},
		{"a long line's end", long, 1, 601, "…" + strings.Repeat("b", 99) + "b\n" + strings.Repeat(" ", 100) + "^"},
		{"a long line's begin", long, 1, 1, strings.Repeat("a", 100) + "…\n^"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := source.Excerpt(c.text, c.line, c.column); got != c.want {
				t.Errorf("got\n%q\nwant\n%q", got, c.want)
			}
		})
	}
}

func TestShow(t *testing.T) {
	ds := []source.Diagnostic{{File: "a.go", Line: 1, Column: 1}, {File: "b.go", Line: 1}, {File: "a.go"}, {File: "a.go", Line: 1, Excerpt: "kept"}}
	source.Show([]source.File{{Name: "a.go", Text: "x\n"}}, ds)
	for i, want := range []string{"x\n^", "", "", "kept"} {
		if ds[i].Excerpt != want {
			t.Errorf("%d: %q", i, ds[i].Excerpt)
		}
	}
}

func TestRepair(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		notes            []string
	}{
		{"nothing to do", "x := \"a\"", "x := \"a\"", nil},
		{"curly quotes", "f(“hello”)", "f(\"hello\")", []string{"1:3 source/quotes replaced quotes: “ by \", ” by \", 2 in all"}},
		{"curly quotes, only at the end", "f(\"hello”)\ng()", "f(\"hello\")\ng()", []string{"1:9 source/quotes replaced quotes: ” by \""}},
		{"curly quotes, only at the start", "f(“hello\")", "f(\"hello\")", []string{"1:3 source/quotes replaced quotes: “ by \""}},
		{"what they quote is left", "f(“你好，世界\u00a0（）”)", "f(\"你好，世界\u00a0（）\")", []string{"1:3 source/quotes replaced quotes: “ by \", ” by \", 2 in all"}},
		{"single ones", "x := ‘a’", "x := 'a'", []string{"1:6 source/quotes replaced quotes: ‘ by ', ’ by ', 2 in all"}},
		{"in strings they stay", "x := \"“\" + `’` + \"（\" // “", "x := \"“\" + `’` + \"（\" // “", nil},
		{"in comments they stay", "/* “ （ */ x", "/* “ （ */ x", nil},
		{"an apostrophe in a comment opens nothing", "// don't\nf（）", "// don't\nf()", []string{"2:2 source/punctuation replaced punctuation of another keyboard: （ by (, ） by ), 2 in all"}},
		{"Chinese punctuation", "f（a，b）；x：＝｛1｝", "f(a,b);x:={1}", []string{"1:2 source/punctuation replaced punctuation of another keyboard: （ by (, ， by ,, ） by ), ； by ;, ： by :, ＝ by =, ｛ by {, ｝ by }, 8 in all"}},
		{"spaces", "x\u00a0:=\u30001", "x := 1", []string{"1:2 source/space replaced spaces that are not plain ones: U+00A0, U+3000, 2 in all"}},
		{"what cannot be seen", "x\u200b := 1\ufeff", "x := 1", []string{"1:2 source/invisible removed characters that cannot be seen: U+200B, U+FEFF, 2 in all"}},
		{"a byte order mark at the start is Go", "\ufeffpackage a", "\ufeffpackage a", nil},
		{"dashes and dots", "i—; f(a…)", "i--; f(a...)", []string{"1:2 source/punctuation replaced punctuation of another keyboard: — by --, … by ..., 2 in all"}},
		{"names stay", "变量 := Ａ１", "变量 := Ａ１", nil},
		{"Windows is Go", "x\r\ny", "x\r\ny", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, notes := source.Repair(c.text)
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			var said []string
			for _, d := range notes {
				said = append(said, fmt.Sprintf("%d:%d %s %s", d.Line, d.Column, d.Code, d.Message))
				if d.Severity != source.Note {
					t.Errorf("%+v", d)
				}
			}
			if strings.Join(said, "\n") != strings.Join(c.notes, "\n") {
				t.Errorf("got %q, want %q", said, c.notes)
			}
		})
	}
}

// A whole program as a Chinese keyboard and a chat leave it compiles again.
func TestRepairProgram(t *testing.T) {
	text := "package main\n\nimport “fmt”\n\nfunc main（） ｛\n\u3000\u3000if x ：= 1； x ＞ 0 ｛\n\u00a0\u00a0fmt.Println（“你好，‘世界’”， x）\n\t｝\n｝\n"
	got, _ := source.Repair(text)
	if _, err := parser.ParseFile(token.NewFileSet(), "", got, 0); err != nil {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestBidi(t *testing.T) {
	ds := source.Bidi(source.File{Name: "a.go", Text: "a\n// \u2066x\u2069 \u202e\n\u202d" + strings.Repeat("\n\u202d", 100)})
	if len(ds) != 20 || ds[0].Line != 2 || ds[0].Column != 4 || ds[1].Line != 3 || ds[0].Severity != source.Warning || !strings.Contains(ds[0].Message, `\u2066`) {
		t.Errorf("%d %+v", len(ds), ds[:2])
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct{ s, want string }{{"abc", "abc"}, {"abcdefg", "ab…"}, {"世界世", "…"}} {
		if got := source.Cut(c.s, 5); got != c.want {
			t.Errorf("%q: got %q", c.s, got)
		}
	}
}

// Whatever is put together as txtar comes apart again.
func TestParseProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,8}(/[a-z]{1,8}){0,3}\.(go|txt)`), 1, source.MaxFiles, rapid.ID).Draw(t, "names")
		var text strings.Builder
		var want []source.File
		for _, name := range names {
			f := source.File{Name: name, Text: rapid.StringMatching(`(package a|[a-z “]{0,20})(\n[a-z -]{0,20}){0,5}\n`).Draw(t, "text")}
			want = append(want, f)
			text.WriteString("-- " + f.Name + " --\n" + f.Text)
		}
		got, err := source.Parse("main.go", text.String())
		if e := (*source.ParseError)(nil); errors.As(err, &e) && e.Code == "source/empty" {
			return
		}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v\n got %q\nwant %q", err, got, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("main.go", "package main\n-- a/b.go --\npackage a\n-- c.txt --\n")
	f.Add("", "-- ../a --\n\xff\x00")
	f.Fuzz(func(t *testing.T, name, text string) {
		files, err := source.Parse(name, text)
		if err != nil {
			e := (*source.ParseError)(nil)
			if !errors.As(err, &e) || e.Code == "" || !utf8.ValidString(e.Error()) || len(e.Error()) > 1000 {
				t.Fatalf("%#v", err)
			}
			return
		}
		size := 0
		for _, f := range files {
			size += len(f.Text)
			if strings.Contains("/"+f.Name+"/", "/../") || strings.HasPrefix(f.Name, "/") {
				t.Errorf("name %q", f.Name)
			}
		}
		if size > source.MaxSize || len(files) == 0 || len(files) > source.MaxFiles {
			t.Errorf("%d bytes in %d files", size, len(files))
		}
		if err := source.Check(files); err != nil {
			t.Error(err)
		}
	})
}

func FuzzRepair(f *testing.F) {
	f.Add("package main\nfunc main（） { f(“a”, ‘b’, \"c”, `d`) /* e */ // f\n}")
	f.Add("\"\\”\n'‘“\u00a0\u200b…\ufeff")
	f.Fuzz(func(t *testing.T, text string) {
		got, notes := source.Repair(text)
		if (got != text) != (len(notes) > 0) {
			t.Errorf("%q became %q with %d notes", text, got, len(notes))
		}
		if len(text) < 4096 && len(notes) > 0 {
			if _, err := parser.ParseFile(token.NewFileSet(), "", text, parser.SkipObjectResolution); err == nil {
				t.Errorf("%q was Go and became %q", text, got)
			}
		}
		for _, d := range notes {
			e := source.Excerpt(text, d.Line, d.Column)
			if d.Line < 1 || d.Column < 1 || e == "" || !utf8.ValidString(d.Message) {
				t.Errorf("%+v", d)
			}
		}
		for _, d := range source.Bidi(source.File{Text: text}) {
			if e := source.Excerpt(text, d.Line, d.Column); len(e) > 4000 || !utf8.ValidString(e) || strings.ContainsRune(e, '\u202e') {
				t.Errorf("%q", e)
			}
		}
	})
}
