package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/web"
)

func TestWriteKnowledge(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	topics := []web.KnownTopic{
		{ID: 7, Title: "How do I <script>alert(1)</script> read a *file*\u202e line by line, please, in this very long question that does not end?", Asked: 3, Public: true,
			Answer:    &web.KnownAnswer{Text: "Use <b>bufio</b>:\n```go\ns := \"<raw>\"\n", Author: "Rob_", Why: "accepted", Confidence: 0.9, Source: web.KnownSource{URL: "https://example.org/a>b"}},
			Questions: []web.KnownQuestion{{Text: "how\nto [x](javascript:alert(1))"}}},
		{ID: 12, Title: "怎么读取文件？", Asked: 1},
		{ID: 13, Title: "../../etc/passwd"},
		{ID: 14, Title: "???"},
	}
	if err := ours(dir); err != nil {
		t.Error(err)
	}
	if err := writeKnowledge(dir, topics); err != nil {
		t.Fatal(err)
	}
	names := func() (list []string) {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			list = append(list, f.Name())
		}
		return list
	}
	want := "00007-how-do-i-script-alert-1-script-read-a-file-line-by-line-please-in-this.md 00012-怎么读取文件.md 00013-etc-passwd.md 00014.md README.md"
	if got := strings.Join(names(), " "); got != want {
		t.Errorf("files:\n%s\nwant\n%s", got, want)
	}
	b, err := os.ReadFile(filepath.Join(dir, "00007-how-do-i-script-alert-1-script-read-a-file-line-by-line-please-in-this.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{`How do I \<script\>alert\(1\)\</script\> read a \*file\*\\u202e`, "Use &lt;b&gt;bufio&lt;/b&gt;:\n```go\ns := \"<raw>\"\n```\n\n— Rob\\_, <https://example.org/a%3Eb>",
		"Confidence: 90 %", `- how to \[x\]\(javascript:alert\(1\)\)`} {
		if !strings.Contains(string(b), s) {
			t.Errorf("%q is not in\n%s", s, b)
		}
	}
	// The next export knows the directory, and takes away what is no more.
	if err := ours(dir); err != nil {
		t.Error(err)
	}
	if err := writeKnowledge(dir, topics[1:2]); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names(), " "); got != "00012-怎么读取文件.md README.md" {
		t.Errorf("after another export: %s", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("my notes"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := ours(dir); err == nil || !strings.Contains(err.Error(), "no export has written") {
		t.Errorf("a directory with other files: %v", err)
	}
}
