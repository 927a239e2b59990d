package slack

import (
	"fmt"
	"testing"
)

func TestFromSlack(t *testing.T) {
	for _, c := range []struct {
		in, want string
		mentions []string
	}{
		{"plain, 你好", "plain, 你好", nil},
		{"<@U1> <@U1|ann> <@W2>", "<@slack:U1> <@slack:U1> <@slack:W2>", []string{"slack:U1", "slack:W2"}},
		{"<#C1|go> <#C2|>", "<#slack:C1> <#slack:C2>", nil},
		{"<https://x.example/?a=1&amp;b=2>", "https://x.example/?a=1&b=2", nil},
		{"<http://go.dev|go.dev> <https://go.dev|the site>", "go.dev [the site](https://go.dev)", nil},
		{"<mailto:me@x.example|me@x.example> <tel:+1|call>", "me@x.example call (tel:+1)", nil},
		{"<!here> <!channel|@channel> <!subteam^S1|@gophers> <!subteam^S1>", "@here @channel @gophers @group", nil},
		{"<!date^1392734382^{date}|Feb 18> <!foo>", "Feb 18 foo", nil},
		{"a &lt;@U1&gt; &amp;amp; &copy; x", "a <@U1> &amp; &copy; x", nil},
		{"if a < b { c <- d }", "if a < b { c <- d }", nil},
		{"<> <@> <@ U1> <#> <!>", "<> <@> <@ U1> <#> ", nil},
		{"<|x> a < b > c", "<|x> a < b > c", nil},
	} {
		got, mentions := fromSlack(c.in)
		if got != c.want || fmt.Sprint(mentions) != fmt.Sprint(c.mentions) {
			t.Errorf("fromSlack(%q) = %q, %v, want %q, %v", c.in, got, mentions, c.want, c.mentions)
		}
	}
}

func TestMillis(t *testing.T) {
	for in, want := range map[string]int64{
		"1596183880.004200": 1596183880004, "1596183880": 1596183880000, "1596183880.12": 1596183880000,
		"": 0, "x": 0, "-1.5": 0, "99999999999999999999": 0, "1.00x": 1000,
	} {
		if got := millis(in); got != want {
			t.Errorf("millis(%q) = %d, want %d", in, got, want)
		}
	}
}

// FuzzText: any text of Slack's comes out whole, no more than a mention longer
// for each mark, and text that Slack would have escaped comes back as it was.
func FuzzText(f *testing.F) {
	for _, s := range []string{"<@U1|a> <#C1|b> <!here> <https://x|y> &lt;", "<|x>", "<!^>", "<", "&", "<<>>", "<@>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, mentions := fromSlack(s)
		if len(got) > 8*len(s)+8 || len(mentions) > maxMentions {
			t.Errorf("%d bytes became %d with %d mentions", len(s), len(got), len(mentions))
		}
		if back, none := fromSlack(escape(s)); back != s || none != nil {
			t.Errorf("%q came back as %q, %v", s, back, none)
		}
	})
}
