package page

import "testing"

func TestMarkdown(t *testing.T) {
	for src, want := range map[string]string{
		"One **two** `<b>`\nthree":     "<p>One <strong>two</strong> <code>&lt;b&gt;</code><br>three</p>",
		"- a\n- b\n\n3. c":             "<ul><li>a</li><li>b</li></ul><ol start=\"3\"><li>c</li></ol>",
		"> quoted":                     "<blockquote>quoted</blockquote>",
		"```go\na < b\n```":            `<pre class="code" tabindex="0">a &lt; b</pre>`,
		"[go](https://go.dev/?a=b&c)":  `<p><a href="https://go.dev/?a=b&amp;c" rel="noopener noreferrer" target="_blank">go</a></p>`,
		"[x](javascript:alert(1)) <i>": "<p>[x](javascript:alert(1)) &lt;i&gt;</p>",
	} {
		if got := string(Markdown(src)); got != want {
			t.Errorf("%q: %s\nwant %s", src, got, want)
		}
	}
}
