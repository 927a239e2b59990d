package text

import (
	"strings"
	"testing"
)

// shown is a gist for reading: fillers in brackets, what is light with a dot.
func shown(s string) string {
	var b strings.Builder
	for i, w := range Gist(s) {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch w.Weight {
		case 0:
			b.WriteString("(" + w.Text + ")")
		case lightSays:
			b.WriteString("." + w.Text)
		default:
			b.WriteString(w.Text)
		}
	}
	return b.String()
}

func TestGist(t *testing.T) {
	for _, c := range []struct{ text, gist string }{
		{"Hi all! How do I install Go on Ubuntu, please?", "(hi) (all) (how) (do) (i) 装 .go (on) ubuntu (please)"},
		{"大家好，身份证不见了怎么补办", "(大家好) 身 份 证 丢 (怎么) 补"},
		{"身份证丢了要怎么补", "身 份 证 丢 (要) (怎么) 补"},
		{"difference between errors.Is and errors.As", "区别 (between) errors.is (and) errors.as"},
		{"what is go.work for?", "(what) (is) go.work (for)"},
		{"main.go:12:5: panic: oops goroutine 1 [running]: main.main() +0x2e 10.0.0.1", "panic oop main main"},
		{"isn't <@U1> it https://go.dev/x `fmt.Errorf` %w", "(isnt) (it) fmt errorf %w"},
		{"go 1.26 k8s", ".go 1.26 (k) 8 (s)"},
		{"```\nx := 1\npanic: send on closed channel\n```", "panic send (on) 关 通道"},
		{"", ""},
		{"?!…", ""},
	} {
		if got := shown(c.text); got != c.gist {
			t.Errorf("%q\n\tis  %s\n\tnot %s", c.text, got, c.gist)
		}
	}
	if got := len(Gist(strings.Repeat("怎么安装docker ", 1000))); got != MaxGist {
		t.Errorf("a long text has %d words", got)
	}
	for _, w := range Gist("取消报名，从 Word 转成 PDF") {
		if w.Undoes != (w.Text == "关") || w.Leads != (w.Text == "转") {
			t.Errorf("%+v", w)
		}
	}
}

// TestLexicon holds that no word is in two lines, where it would have two meanings.
func TestLexicon(t *testing.T) {
	in := map[string]string{}
	for line := range strings.Lines(sames) {
		for _, w := range strings.Fields(line) {
			if in[w] != "" {
				t.Errorf("%s stands in two lines:\n%s%s", w, in[w], line)
			}
			in[w] = line
		}
	}
	for _, w := range strings.Fields(fillers) {
		if in[w] != "" {
			t.Errorf("%s is a filler and stands in %s", w, in[w])
		}
	}
}

// FuzzGist: whatever is said, a gist is bounded, and its words are not empty.
func FuzzGist(f *testing.F) {
	f.Add("how do I 安装 go?")
	f.Add("goroutine 1 [")
	f.Add("a.b.c…%v 1.2.3.4 ```x```")
	f.Fuzz(func(t *testing.T, s string) {
		g := Gist(s)
		if len(g) > MaxGist {
			t.Fatalf("%d words", len(g))
		}
		for _, w := range g {
			if w.Text == "" || w.Weight < 0 {
				t.Fatalf("%+v in the gist of %q", w, s)
			}
		}
	})
}
