package page

import (
	"strings"
	"testing"
)

// Nothing of a program's text comes through that a reader does not see; what
// does comes through whole.
func FuzzVisible(f *testing.F) {
	f.Add("a\x00\x1b[1m\u202e\r\nb\rc\xff\U000e0041\u200d")
	f.Fuzz(func(t *testing.T, s string) {
		n := 0
		for _, p := range Visible(s) {
			n++
			if strings.ContainsAny(p.Text, "\x00\x1b\r\u202e\u2066\u200b\ufeff\u0085\u2028") {
				t.Errorf("%q of %q", p.Text, s)
			}
		}
		if n > mostSpans+3 {
			t.Errorf("%d spans", n)
		}
	})
}
