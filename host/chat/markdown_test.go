package chat

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestParse(t *testing.T) {
	files, err := filepath.Glob("testdata/markdown/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			d := Parse(strings.TrimSuffix(string(ar.Files[0].Data), "\n"))
			got := []string{"", dump(d), Texter{}.Doc(d) + "\n"}
			for i := 1; i < len(ar.Files); i++ {
				if *update {
					ar.Files[i].Data = []byte(got[i])
				} else if want := string(ar.Files[i].Data); got[i] != want {
					t.Errorf("%s:\n%s\nwant:\n%s", ar.Files[i].Name, got[i], want)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// dump writes a Doc in the form of the golden files.
func dump(d Doc) string {
	kinds := [...]string{"paragraph", "quote", "bullets", "numbers", "fence"}
	var b strings.Builder
	for _, n := range d {
		b.WriteString(kinds[n.Kind])
		if n.Kind == Numbers {
			fmt.Fprintf(&b, " from %d", n.First)
		}
		if n.Kind == Fence {
			fmt.Fprintf(&b, " %q\n  %q", n.Lang, n.Code)
		}
		b.WriteByte('\n')
		for _, l := range n.Lines {
			b.WriteByte(' ')
			for _, sp := range l {
				switch {
				case sp.Member != "":
					fmt.Fprintf(&b, " @%s", sp.Member)
				case sp.Conversation != "":
					fmt.Fprintf(&b, " #%s", sp.Conversation)
				default:
					fmt.Fprintf(&b, " [%s] %q", styleNames(sp.Style), sp.Text)
					if sp.URL != "" {
						fmt.Fprintf(&b, "→%s", sp.URL)
					}
				}
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func styleNames(s Style) string {
	var names []string
	for i, n := range []string{"bold", "italic", "struck", "mono"} {
		if s&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, " ")
}

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, in, want, code string }{
		{"untouched", "héllo\t世界\n👩‍💻", "héllo\t世界\n👩‍💻", "héllo\t世界\n👩‍💻"},
		{"nul and bell", "a\x00b\ac", "abc", "abc"},
		{"ansi colour", "\x1b[31;1mred\x1b[0m", "red", "red"},
		{"ansi title", "\x1b]0;owned\atext\x1b]8;;http://x\x1b\\y", "texty", "texty"},
		{"ansi cut short", "a\x1b[", "a[", "a["},
		{"line ends", "a\r\nb\rc\u2028d\u0085e", "a\nb\nc\nd\ne", "a\nb\nc\nd\ne"},
		{"bidi", "if a \u202e} \u2066{", "if a } {", `if a \u202e} \u2066{`},
		{"bad utf-8", "a\xff\xfeb", "a\ufffd\ufffdb", "a\ufffd\ufffdb"},
		{"byte order mark", "\ufeffa", "a", "a"},
		{"c1 controls", "a\u009b31mb", "a31mb", "a31mb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Clean(c.in); got != c.want {
				t.Errorf("Clean(%q) = %q, want %q", c.in, got, c.want)
			}
			if got := CleanCode(c.in); got != c.code {
				t.Errorf("CleanCode(%q) = %q, want %q", c.in, got, c.code)
			}
		})
	}
	if n := testing.AllocsPerRun(100, func() { Clean("nothing to do, 没有什么") }); n != 0 {
		t.Errorf("a clean text costs %v allocations", n)
	}
}

func TestTame(t *testing.T) {
	for in, want := range map[string]string{
		"@everyone":               "@\u200beveryone",
		"hi @Channel!":            "hi @\u200bChannel!",
		"@here@all":               "@\u200bhere@all",
		"@every\x00one":           "@\u200beveryone",
		"@所有人 你好":                 "@\u200b所有人 你好",
		"@hereafter me@all.co @x": "@hereafter me@all.co @x",
		"no sign":                 "no sign",
	} {
		if got := Tame(in); got != want {
			t.Errorf("Tame(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"short", 5, "short"},
		{"longer", 5, "long…"},
		{"with a space", 6, "with…"},
		{"👩‍💻👩‍💻", 6, "👩‍💻…"},
		{"e\u0301e\u0301e\u0301", 4, "e\u0301…"},
		{"x", 0, ""},
	} {
		if got := Cut(c.in, c.max); got != c.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.in, c.max, got, c.want)
		}
	}
}

func TestTableText(t *testing.T) {
	got := TableText(table(&abi.Table{Header: []string{"**who**", "任务"}, Rows: [][]string{{"Ann", "三", `x\*y`}, {"小明"}}}))
	want := "who   任务\n----  ----  ---\nAnn   三    x*y\n小明"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestDegrade(t *testing.T) {
	c := abi.Content{Blocks: []abi.Block{
		{Heading: "Hi"},
		{Fields: []abi.Field{{Label: "a", Value: "1"}, {Label: "b", Value: "- x\n- y"}, {Label: "c", Value: "*3*"}}},
		{Buttons: []abi.Button{{Label: "Tour", URL: "https://go.dev/tour/"}, {Label: "Evil", URL: "javascript:x"}, {Label: "Go", Action: "go"}}},
		{Form: &abi.Form{Name: "f", Title: "About you"}},
		{Context: "small"}, {Divider: true},
		{Table: &abi.Table{Header: []string{"h"}, Rows: [][]string{{"c"}}}},
	}}
	got := Texter{}.Blocks(Degrade(Blocks(c), Can{}, "zh-Hans-CN"))
	want := "Hi\na: 1\nb:\n• x\n• y\nc: 3\nTour (https://go.dev/tour/)\n[Go] — 这里无法点击\nAbout you — 这里无法点击\nsmall\n———\nh\n-\nc"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	all := Blocks(c)
	if same := Degrade(all, Can{true, true, true, true, true, true, true}, "en"); len(same) != len(all) || same[0].Kind != HeadingBlock {
		t.Errorf("a platform that can do everything got %+v", same)
	}
}

func TestAddress(t *testing.T) {
	text := abi.Content{Blocks: []abi.Block{{Text: "welcome"}, {Divider: true}}}
	if got := Address(text, "slack:U1"); len(got.Blocks) != 2 || got.Blocks[0].Text != "<@slack:U1> welcome" {
		t.Errorf("got %+v", got)
	}
	list := abi.Content{Blocks: []abi.Block{{Text: "- one"}}}
	if got := Address(list, "slack:U1"); len(got.Blocks) != 2 || got.Blocks[0].Text != "<@slack:U1>" {
		t.Errorf("got %+v", got)
	}
	if text.Blocks[0].Text != "welcome" {
		t.Error("the content given was changed")
	}
}

// What is too long to be looked through means what it says.
func TestParseTooLong(t *testing.T) {
	src := strings.Repeat("**x** ", MaxSource/6+1)
	d := Parse(src)
	if len(d) != 1 || len(d[0].Lines) != 1 || d[0].Lines[0][0].Text != src {
		t.Errorf("it was taken apart: %d nodes", len(d))
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"**a** *b* ~~c~~ `d`", "[x](https://y.example)<@slack:U1>", "```go\nx\n", "- a\n  b\n1. c\n> d", "***", "\\", "[[[[]]]](https://)", "\x1b[1m\u202e@everyone"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := Parse(s)
		total := 0
		for _, n := range d {
			total += len(n.Code)
			if n.Kind == Fence && CleanCode(n.Code) != n.Code {
				t.Errorf("code is not clean: %q", n.Code)
			}
			for _, l := range n.Lines {
				for _, sp := range l {
					total += len(sp.Text)
					if Clean(sp.Text) != sp.Text || !utf8.ValidString(sp.Text) {
						t.Errorf("text is not clean: %q", sp.Text)
					}
					if sp.Style&Mono == 0 && sp.Text != sp.URL && Tame(sp.Text) != sp.Text {
						t.Errorf("text is not tame: %q", sp.Text)
					}
					if sp.URL != "" {
						if _, ok := WebURL(sp.URL); !ok {
							t.Errorf("address %q", sp.URL)
						}
					}
				}
			}
		}
		// U+FFFD for one byte, "\u202e" for three, U+200B behind an "@".
		if total > 4*len(s) {
			t.Errorf("%d bytes became %d", len(s), total)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	const src = "Welcome, **Ann**! Begin with [the tour](https://go.dev/tour/), say hello in <#slack:C1>.\n\n- one `task` a day\n- *no* hurry\n\n```go\nfunc main() { println(\"hi\") }\n```"
	b.ReportAllocs()
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		Parse(src)
	}
}

// The longest text of the marks that are hardest to find partners for: a
// parser that looks for each anew takes seconds here.
func BenchmarkParseHostile(b *testing.B) {
	for _, unit := range []string{"[", "*", "`", "\\*", "<@", "[x](https://", "~~", "@all", "**a*", "http://", "https://x)))"} {
		b.Run(unit, func(b *testing.B) {
			src := strings.Repeat(unit, MaxSource/len(unit))
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				Parse(src)
			}
		})
	}
}
