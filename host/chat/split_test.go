package chat

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hearthbot/hearth/sdk/abi"
	"pgregory.net/rapid"
)

func TestSplitKeepsTogether(t *testing.T) {
	filler := strings.Repeat("word ", 30) // 150
	shape := Shape{Message: 200, Blocks: 4, Fields: 2, Buttons: 2, Heading: 20}
	bt := func(n int) (out []abi.Button) {
		for i := range n {
			out = append(out, abi.Button{Label: fmt.Sprint("b", i), Action: "x"})
		}
		return out
	}
	for _, c := range []struct {
		name string
		in   []abi.Block
		want string
	}{
		{"one message", []abi.Block{{Heading: "hi"}, {Text: "x"}, {Divider: true}}, "heading text divider"},
		{"heading goes with what it is over", []abi.Block{{Text: filler}, {Heading: "next"}, {Text: filler}}, "text | heading text"},
		{"buttons go with what they are under", []abi.Block{{Text: filler[:75]}, {Text: filler[:120]}, {Buttons: bt(2)}}, "text | text buttons"},
		{"long heading is bold text", []abi.Block{{Heading: strings.Repeat("h", 21)}}, "text"},
		{"rows of buttons", []abi.Block{{Buttons: bt(5)}}, "buttons buttons buttons"},
		{"fields", []abi.Block{{Fields: []abi.Field{{Label: "a"}, {Label: "b"}, {Label: "c"}}}}, "fields fields"},
		{"a long field is text", []abi.Block{{Fields: []abi.Field{{Label: "a", Value: "1"}, {Label: "b", Value: filler}, {Label: "c", Value: "3"}}}}, "fields text fields"},
		{"block count", []abi.Block{{Divider: true}, {Divider: true}, {Divider: true}, {Divider: true}, {Divider: true}}, "divider divider divider divider | divider"},
		{"nothing", []abi.Block{{}, {Text: "\x00\n"}, {Buttons: []abi.Button{{Label: "x", URL: "ftp://x"}}}}, ""},
		{"table", []abi.Block{{Table: &abi.Table{Header: []string{"h"}}}}, "text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := outline(Split(abi.Content{Blocks: c.in}, shape)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func outline(parts [][]Block) string {
	names := [...]string{"text", "heading", "fields", "buttons", "form", "context", "table", "divider"}
	var out []string
	for _, p := range parts {
		var kinds []string
		for _, b := range p {
			kinds = append(kinds, names[b.Kind])
		}
		out = append(out, strings.Join(kinds, " "))
	}
	return strings.Join(out, " | ")
}

func TestSplitDoc(t *testing.T) {
	for _, c := range []struct {
		name string
		in   string
		most int
		want []string
	}{
		{"fits", "one two", 10, []string{"one two"}},
		{"between words", "one two three", 8, []string{"one two", "three"}},
		{"a word that is too long", "aaaaaaaaaaaa", 5, []string{"aaaaa", "aaaaa", "aa"}},
		{"lists whole", "intro text\n\n- a\n- b\n- c", 14, []string{"intro text", "• a\n• b\n• c"}},
		{"long list between items", "- aaaa\n- bbbb\n- cccc", 13, []string{"• aaaa\n• bbbb", "• cccc"}},
		{"numbers go on", "1. aaaa\n2. bbbb\n3. cccc", 13, []string{"1. aaaa\n2. bbbb", "3. cccc"}},
		{"a long item goes on as text", "- aaaa bbbb cccc\n- d", 9, []string{"• aaaa", "bbbb", "cccc", "• d"}},
		{"code between lines", "```go\naaaa\nbbbb\ncccc\n```", 9, []string{"aaaa\nbbbb", "cccc"}},
		{"an emoji is one character", "👩‍💻👩‍💻", 6, []string{"👩‍💻", "👩‍💻"}},
		{"link not cut", "go [to the tour](https://x.example/)", 31, []string{"go", "to the tour (https://x.example/)"}},
		{"link alone too long", "[" + strings.Repeat("t", 40) + "](https://x.example/)", 32, []string{strings.Repeat("t", 13) + "… (https://x.example/)"}},
		{"mention not cut", "hello there <@slack:U0123456>", 25, []string{"hello there", "@U0123456"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, d := range SplitDoc(Parse(c.in), c.most, Size) {
				if n := Size(d); n > c.most {
					t.Errorf("%q has size %d", Texter{}.Doc(d), n)
				}
				got = append(got, strings.TrimSpace(Texter{}.Doc(d)))
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// Whatever the content, each part fits, and nothing but white space at the cuts
// is lost.
func TestSplitProperties(t *testing.T) {
	word := rapid.OneOf(rapid.StringMatching(`[a-z]{1,12}`), rapid.Just("世界"), rapid.Just("👩🏽‍💻"), rapid.Just("`code x`"),
		rapid.Just("**b b**"), rapid.Just("<@slack:U12345678>"), rapid.Just("[a link](https://x.example/p)."), rapid.Just("\n"), rapid.Just("\n\n- "), rapid.Just("\n```\n"))
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(word, 0, 120).Draw(t, "words")
		src := strings.Join(words, rapid.SampledFrom([]string{" ", "", "\n"}).Draw(t, "sep"))
		most := rapid.IntRange(64, 300).Draw(t, "most")
		c := abi.Content{Blocks: []abi.Block{{Text: src}, {Code: strings.Join(words, "\n")}, {Heading: src}}}
		want := squeeze(Texter{}.Blocks(Blocks(c)))
		var got strings.Builder
		for _, part := range Split(c, Shape{Message: most, Text: 80, Blocks: 3, Heading: 30}) {
			n := 0
			for _, b := range part {
				if b.Kind == TextBlock {
					n += Size(b.Doc)
					if Size(b.Doc) > 80 {
						t.Fatalf("a text of %d", Size(b.Doc))
					}
				}
			}
			if n > most || len(part) > 3 {
				t.Fatalf("a part of %d in %d blocks, more than %d in 3", n, len(part), most)
			}
			text := Texter{}.Blocks(part)
			if !utf8.ValidString(text) {
				t.Fatalf("a character was cut: %q", text)
			}
			got.WriteString(text)
		}
		if g := squeeze(got.String()); g != want {
			t.Fatalf("lost or changed:\n got %q\nwant %q", g, want)
		}
	})
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

func FuzzSplit(f *testing.F) {
	f.Add("**a** [x](https://y.example) <@s:1>\n- b\n```\ncode\n```", 64)
	f.Add(strings.Repeat("x\u0301", 200), 70)
	f.Add(strings.Repeat("[l](https://y.example/"+strings.Repeat("z", 90)+") ", 3), 64)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 64 + most&1023
		c := abi.Content{Blocks: []abi.Block{{Text: s}, {Code: s}, {Context: s}, {Heading: s}, {Fields: []abi.Field{{Label: "l", Value: s}}}}}
		for _, part := range Split(c, Shape{Message: most, Blocks: 10, Heading: 20}) {
			n := 0
			for _, b := range part {
				n += Size(b.Doc) + Units(b.Text)
				for _, fd := range b.Fields {
					n += Units(fd.Label) + Size(fd.Value)
				}
			}
			if n > most {
				t.Fatalf("a part of %d, more than %d", n, most)
			}
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	c := abi.Content{Blocks: []abi.Block{{Heading: "Digest"}, {Text: strings.Repeat("A question and **its answer**, see [there](https://go.dev/).\n", 400)}, {Code: strings.Repeat("x := compute(x)\n", 500)}}}
	b.ReportAllocs()
	for b.Loop() {
		Split(c, Shape{Message: 12000, Text: 3000, Blocks: 50})
	}
}
