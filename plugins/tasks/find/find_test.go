package find

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	hello = "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(\"hi\")\n}\n"
	other = "package main\n\nfunc helper() int {\n\treturn 1\n}\n"
	test  = "package main\n\nimport \"testing\"\n\nfunc TestHelper(t *testing.T) {\n}\n"
	piece = "x := []int{1, 2}\nfor _, v := range x {\n\tfmt.Println(v)\n}\n"
)

// show is a result as the table has it: how, or why not, and the files.
func show(f Found) string {
	if f.Why != "" {
		return string(f.Why)
	}
	s := string(f.How)
	for _, file := range f.Files {
		s += " " + file.Name
	}
	if f.More {
		s += " and more"
	}
	return s
}

func indent(prefix, s string) string {
	return prefix + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n"+prefix)
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		code             string // of the first file; "" if it does not matter
	}{
		{"nothing", "", "none", ""},
		{"a question", "How do I make a package main? I have func and import.", "none", ""},
		{"a question in Chinese", "请问 package main 是什么意思？", "none", ""},

		{"fence", "```go\n" + hello + "```", "fenced main.go", hello},
		{"fence without tag", "Why?\n```\n" + hello + "```\nthanks", "fenced main.go", hello},
		{"fence of tildes", "~~~golang\n" + hello + "~~~", "fenced main.go", hello},
		{"capital tag", "```Go\n" + hello + "```", "fenced main.go", hello},
		{"wrong tag", "```c\n" + hello + "```", "fenced main.go", hello},
		{"long fence", "````go\n// ```\n" + hello + "````", "fenced main.go", "// ```\n" + hello},
		{"Slack: no line of its own", "```" + strings.TrimSuffix(hello, "\n") + "```", "fenced main.go", hello},
		{"Slack: in a sentence", "why does ```" + strings.TrimSuffix(hello, "\n") + "``` fail?", "fenced main.go", hello},
		{"Telegram: CRLF", strings.ReplaceAll("看看这个：\n```go\n"+hello+"```", "\n", "\r\n"), "fenced main.go", hello},
		{"indented in a list", "- this:\n  ```go\n" + indent("  ", hello) + "\n  ```", "fenced main.go", ""},
		{"unclosed", "```go\n" + hello, "fenced main.go", hello},
		{"unclosed, no newline", "```go\nfunc main() {}", "fenced main.go", "func main() {}\n"},
		{"closed in the last line", "```go\n" + strings.TrimSuffix(hello, "\n") + "``` that's it", "fenced main.go", hello},
		{"a piece", "```go\nx := 1\n```", "fenced main.go", "x := 1\n"},
		{"a piece without tag", "```\n" + piece + "```", "fenced main.go", piece},
		{"smart quotes and nbsp stay", "```go\nfmt.Println(“hi”)\u00a0\n```", "fenced main.go", "fmt.Println(“hi”)\u00a0\n"},
		{"empty fence", "```go\n```", "none", ""},
		{"only a mark", "```", "none", ""},

		{"json", "```json\n{\"a\": 1}\n```", "not_go", ""},
		{"python", "```\ndef main():\n  print(1)\n```", "not_go", ""},
		{"terminal", "```\n$ go version\ngo version go1.26 linux/amd64\n```", "not_go", ""},
		{"terminal, tagged", "```sh\ngo run main.go\n```", "not_go", ""},
		{"diff", "```diff\n+package main\n```", "diff", ""},
		{"diff in go", "```go\n--- a/main.go\n+++ b/main.go\n@@ -1,2 +1,2 @@\n-x\n+y\n```", "diff", ""},
		{"bare diff", "diff --git a/main.go b/main.go\n@@ -1 +1 @@\n-package a\n+package main\n", "diff", ""},
		{"diff beside code", "```diff\n-x\n```\n```go\n" + hello + "```", "fenced main.go", hello},

		{"tag and name", "```go hello.go\n" + hello + "```", "fenced hello.go", hello},
		{"name for a tag", "```hello.go\n" + hello + "```", "fenced hello.go", hello},
		{"title", "```go title=\"hello.go\"\n" + hello + "```", "fenced hello.go", hello},
		{"tag:name", "```go:cmd/hello.go\n" + hello + "```", "fenced cmd/hello.go", hello},
		{"name in the line before", "**hello.go**:\n```go\n" + hello + "```", "fenced hello.go", hello},
		{"name in Chinese", "文件：hello.go\n```go\n" + hello + "```", "fenced hello.go", hello},
		{"name in a comment", "```go\n// hello.go\n" + hello + "```", "fenced hello.go", "// hello.go\n" + hello},
		{"no name", "see hello.go:\n```go\n" + hello + "```", "fenced main.go", hello},
		{"evil name", "```go ../../etc/x.go\n" + hello + "```", "fenced main.go", ""},
		{"go run names it", "I did `go run hello.go`\n`go run hello.go`\n```\n" + hello + "```", "fenced hello.go", hello},
		{"go run behind it", "```go\n" + hello + "```\n$ go run hello.go\nhi", "fenced hello.go", hello},
		{"go run in a block of its own", "```go\n" + hello + "```\n```\n$ go run hello.go\nhi\n```", "fenced hello.go", hello},

		{"two files", "a.go\n```go\n" + hello + "```\nb.go\n```go\n" + other + "```", "fenced a.go b.go", hello},
		{"two files without names", "```go\n" + hello + "```\nand\n```go\n" + other + "```", "fenced main.go file2.go", hello},
		{"a file and its test", "```go\n" + other + "```\n```go\n" + test + "```", "fenced main.go main_test.go", other},
		{"two programs", "```go\npackage main\nfunc main() { x }\n```\nbetter:\n```go\n" + hello + "```", "fenced main.go and more", hello},
		{"two of a name", "a.go\n```go\npackage main\n```\na.go\n```go\n" + hello + "```", "fenced a.go and more", hello},
		{"two packages", "```go\npackage lib\n```\n```go\n" + hello + "```", "fenced main.go and more", hello},
		{"a package in a folder", "lib/lib.go\n```go\npackage lib\n```\nmain.go\n```go\n" + hello + "```", "fenced lib/lib.go main.go", ""},
		{"pieces are left out", "```go\nx := 1\n```\n```go\n" + hello + "```", "fenced main.go", hello},
		{"the last piece", "```go\nx := 1\n```\n```go\n" + piece + "```", "fenced main.go and more", piece},
		{"error beside code", "```go\n" + hello + "```\n```\n./main.go:3:1: syntax error\n```", "fenced main.go", hello},

		{"archive", "-- main.go --\n" + hello + "-- go.mod --\nmodule x\n", "archive main.go", hello},
		{"archive in a fence", "```txtar\n-- a.go --\n" + hello + "-- b/b.go --\npackage b\n```", "archive a.go b/b.go", hello},
		{"archive as the Playground has it", "```\n" + hello + "-- b.go --\npackage main\n```", "archive prog.go b.go", hello},
		{"heredoc", "cat > hello.go <<'EOF'\n" + hello + "EOF\ngo run hello.go", "heredoc hello.go", hello},
		{"heredoc in a fence", "```bash\n$ cat <<EOF > hello.go\n" + hello + "EOF\n```", "heredoc hello.go", hello},

		{"whole", hello, "whole main.go", hello},
		{"whole with words around", "帮我看看\n" + hello + "\n为什么不行？", "whole main.go", hello},
		{"whole in a span", "`" + strings.TrimSuffix(hello, "\n") + "`", "whole main.go", ""},
		{"whole without package", "func add(a, b int) int {\n\treturn a + b\n}", "whole main.go", ""},
		{"words that begin like Go", "func is a nice word {\nbut this is no code", "none", ""},
		{"a clause alone", "package main", "none", ""},
		{"one line", "import \"fmt\" is what you need", "none", ""},

		{"quoted", indent("> ", "```go\n"+hello+"```"), "quoted", ""},
		{"quoted without fence", indent("> ", hello), "quoted", ""},
		{"quoted as an entity", indent("&gt; ", hello), "quoted", ""},
		{"quoted, then a question", indent("> ", "```go\n"+hello+"```") + "\nWhat is wrong with this?", "quoted", ""},
		{"quoted to the end", ">>> look\n" + hello, "quoted", ""},
		{"Slack: quoted in its first line only", "&gt;```" + hello + "```\nwhy?", "quoted", ""},
		{"quoted and cut off, then one's own", "> ```go\n> package a\n```go\n" + hello + "```", "fenced main.go", hello},
		{"quoted, then one's own", indent("> ", "```go\npackage a\n```") + "\nlike this:\n```go\n" + hello + "```", "fenced main.go", hello},
		{"a > inside of a fence", "```go\n" + "package main\nvar s = `\n> x\n`\n" + "```", "fenced main.go", "package main\nvar s = `\n> x\n`\n"},

		{"too long", strings.Repeat("a", MaxText+1), "too_long", ""},
		{"too much code", "```go\n" + strings.Repeat("a", MaxCode+1) + "\n```", "too_long", ""},
	} {
		f := Find(c.text)
		if got := show(f); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		} else if c.code != "" && f.Files[0].Text != c.code {
			t.Errorf("%s: the code is\n%q, want\n%q", c.name, f.Files[0].Text, c.code)
		}
	}
}

func TestAttached(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []File
		want  string
	}{
		{"a Go file", []File{{"hello.go", hello}}, "attached hello.go"},
		{"with data", []File{{"hello.go", hello}, {"in.txt", "1"}, {"b.go", other}}, "attached hello.go b.go"},
		{"a text that is Go", []File{{"untitled.txt", hello}}, "attached main.go"},
		{"a snippet without a name", []File{{"", hello}}, "attached main.go"},
		{"an archive", []File{{"all.txt", "-- a.go --\n" + hello}}, "archive a.go"},
		{"a bad name", []File{{"my program (1).go", hello}}, "attached main.go"},
		{"a picture", []File{{"cat.png", ""}}, "fenced main.go"},
		{"a log", []File{{"log.txt", "nothing"}}, "fenced main.go"},
		{"a diff", []File{{"x.go", "diff --git a b\n@@ -1 +1 @@\n"}}, "fenced main.go"},
	} {
		if got := show(Find("```go\nx := 1\n```", c.files...)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAsked(t *testing.T) {
	for text, want := range map[string]string{
		`fmt.Println("hi")`:              "whole main.go",
		"`fmt.Println(1)`":               "whole main.go",
		"```\n" + hello + "```":          "fenced main.go",
		"> " + `fmt.Println("hi")`:       "quoted",
		"":                               "none",
		"```python\nprint(1)\n```":       "not_go",
		"```diff\n-a\n```":               "diff",
		"package main\nfunc main() { x ": "whole main.go",
	} {
		if got := show(Asked(text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestTime has what could make a search begin again and again.
func TestTime(t *testing.T) {
	for _, s := range []string{"```", "``` ", "```\n", "~~~\n", "```go x\n", "> ```\n", "/*", "-- a.go --\n", "cat > a.go <<E\n", "package main\n", "`", ">>>", "&gt;```\na\n"} {
		begun := time.Now()
		Find(strings.Repeat(s, MaxText/len(s)))
		if d := time.Since(begun); d > 2*time.Second {
			t.Errorf("%q: %v", s, d)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{hello, "```go\n" + hello + "```", "> ```\n> a\n```go\nb", "-- a.go --\n" + hello, "cat > a.go <<EOF\nx\nEOF", "```a.go\nx```y", "&gt;```a\nb```c", "~~~\n~~~"} {
		f.Add(s, "a.go", s)
	}
	f.Fuzz(func(t *testing.T, text, name, attached string) {
		for i, found := range []Found{Find(text), Asked(text), Find(text, File{name, attached})} {
			if err := sound(found); err != nil {
				t.Errorf("%d: %v: %+v", i, err, found)
			}
		}
		quoted := indent("> ", strings.NewReplacer("\r\n", "\n").Replace(text))
		if got := Find(quoted); got.Why == "" {
			t.Errorf("quoted, and yet found: %+v", got)
		}
	})
}

// sound says what a result cannot be.
func sound(f Found) error {
	if (f.Why == "") != (len(f.Files) > 0) || (f.Why == "") != (f.How != "") {
		return fmt.Errorf("files, how and why do not agree")
	}
	names := map[string]bool{}
	size := 0
	for _, file := range f.Files {
		if names[file.Name] || fileName(file.Name) != file.Name || file.Name == "" {
			return fmt.Errorf("the name %q", file.Name)
		}
		names[file.Name] = true
		size += len(file.Text)
	}
	if size > MaxCode || len(f.Files) > MaxFiles {
		return fmt.Errorf("%d bytes in %d files", size, len(f.Files))
	}
	return nil
}
