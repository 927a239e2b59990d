package find

import (
	"fmt"
	"path"
	"strings"

	"golang.org/x/tools/txtar"
)

// fileName is s if it is the name of a file that a submission can have, without
// what may stand before it; else "".
func fileName(s string) string {
	s = strings.TrimPrefix(strings.Trim(strings.TrimSpace(s), "*`_:\"'"), "./")
	ext := path.Ext(s)
	if ext != ".go" && ext != ".txt" && ext != ".json" || s == ext || len(s) > 100 || path.Clean(s) != s || strings.HasPrefix(s, "/") || strings.HasPrefix(s, ".") {
		return ""
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if !('a' <= c && c <= 'z' || '0' <= s[i] && s[i] <= '9' || strings.IndexByte("._-/", s[i]) >= 0) {
			return ""
		}
	}
	return s
}

// nameIn is the Go file that a line names and nothing but names: "main.go:",
// "**main.go**", "# main.go", "File: main.go".
func nameIn(line string) string {
	line = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "#/-"))
	for _, w := range []string{"file:", "File:", "文件:", "文件："} {
		line = strings.TrimSpace(strings.TrimPrefix(line, w))
	}
	return goFile(strings.TrimRight(line, ":： "))
}

func goFile(s string) string {
	if name := fileName(s); strings.HasSuffix(name, ".go") {
		return name
	}
	return ""
}

// nameAbove is the file that the comment on a text's first line names.
func nameAbove(text string) string {
	if comment, ok := strings.CutPrefix(strings.TrimSpace(firstLine(text)), "//"); ok {
		return nameIn(comment)
	}
	return ""
}

// goRun is the file that a line "go run hello.go" names, with or without a
// prompt and backquotes.
func goRun(line string) string {
	line = strings.TrimSpace(strings.Trim(strings.TrimSpace(line), "`$%> "))
	rest, ok := strings.CutPrefix(line, "go run ")
	if !ok {
		return ""
	}
	if words := strings.Fields(rest); len(words) > 0 {
		return goFile(words[0])
	}
	return ""
}

// named gives the files that have none a name: runs for the first one that is no
// test, if something was said to be run, else main.go, and so on.
func named(files []File, runs string) []File {
	taken := map[string]bool{}
	for _, f := range files {
		taken[f.Name] = true
	}
	if runs == "" || taken[runs] || strings.HasSuffix(runs, "_test.go") {
		runs = "main.go"
	}
	for i := range files {
		f := &files[i]
		if f.Name != "" {
			continue
		}
		base := strings.TrimSuffix(runs, ".go")
		if strings.Contains(f.Text, "*testing.T") && strings.Contains(f.Text, "func Test") {
			base += "_test"
		}
		f.Name = base + ".go"
		for n := 2; taken[f.Name]; n++ {
			f.Name = fmt.Sprintf("file%d.go", n)
			if strings.HasSuffix(base, "_test") {
				f.Name = fmt.Sprintf("file%d_test.go", n)
			}
		}
		taken[f.Name] = true
	}
	return files
}

// isArchive says whether a text has a line that begins a Go file of a txtar
// archive.
func isArchive(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if name, ok := strings.CutPrefix(strings.TrimRight(line, " \t"), "-- "); ok {
			if name, ok = strings.CutSuffix(name, " --"); ok && goFile(name) != "" {
				return true
			}
		}
	}
	return false
}

// archive reads an archive's files. What stands before the first is a comment,
// unless it is Go: the Playground puts the first file there.
func archive(text string) (Found, bool) {
	a := txtar.Parse([]byte(text))
	f := Found{How: Archive}
	if comment := string(a.Comment); hasPackage(comment) {
		f.Files = append(f.Files, File{"prog.go", comment})
	}
	source := false
	for _, file := range a.Files {
		name := fileName(file.Name)
		if name == "" {
			continue
		}
		source = source || strings.HasSuffix(name, ".go")
		f.Files = add(f.Files, File{name, string(file.Data)})
	}
	return f, source
}

// heredoc is the Go file that shell lines write: cat > main.go <<'EOF'.
func heredoc(text string) (File, bool) {
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		head, word, ok := strings.Cut(line, "<<")
		if !ok {
			continue
		}
		_, target, ok := strings.Cut(head, ">")
		if !ok {
			_, target, _ = strings.Cut(word, ">")
			word, _, _ = strings.Cut(word, ">")
		}
		target = goFile(target)
		word = strings.Trim(strings.TrimSpace(strings.TrimPrefix(word, "-")), "'\"\\")
		if target == "" || !isIdent(word) {
			continue
		}
		var body strings.Builder
		for line := range strings.SplitSeq(rest, "\n") {
			if strings.TrimSpace(line) == word {
				break
			}
			body.WriteString(line)
			body.WriteByte('\n')
		}
		return File{target, body.String()}, true
	}
	return File{}, false
}
