package find

import "strings"

// languages are tags that people put behind a fence. What is tagged with one of
// the false ones is Go only if it has a package clause; a diff never is.
var languages = map[string]bool{
	"go": true, "golang": true,
	"text": true, "txt": true, "plaintext": true, "code": true, "txtar": true,
	"sh": true, "bash": true, "shell": true, "console": true, "zsh": true, "powershell": true, "cmd": true,
	"c": true, "cpp": true, "c++": true, "java": true, "javascript": true, "js": true, "ts": true, "typescript": true,
	"python": true, "py": true, "rust": true, "ruby": true, "php": true, "swift": true, "kotlin": true,
	"json": true, "yaml": true, "toml": true, "xml": true, "html": true, "css": true, "sql": true, "proto": true,
	"diff": true, "patch": true, "output": true, "log": true, "mod": true,
}

// verdict says why a block is no Go, "" if it is.
func (b *block) verdict() Why {
	blank := strings.TrimSpace(b.text) == ""
	switch b.lang {
	case "diff", "patch":
		return Diff
	case "go", "golang":
		if isDiff(b.text) {
			return Diff
		}
		if !blank {
			return ""
		}
	case "", "text", "txt", "plaintext", "code", "txtar":
		if isDiff(b.text) {
			return Diff
		}
		if !blank && (readsLikeGo(b.text) || strings.HasSuffix(b.name, ".go")) {
			return ""
		}
	default:
		if hasPackage(b.text) && !isDiff(b.text) {
			return ""
		}
	}
	if blank {
		return None
	}
	return NotGo
}

// packageOf is the name in a text's package clause, "" if it has none. Only
// comments and empty lines may stand before it.
func packageOf(text string) string {
	comment := false
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if comment {
			_, line, comment = cutEnd(line)
			line = strings.TrimSpace(line)
		}
		for strings.HasPrefix(line, "/*") {
			_, rest, open := cutEnd(line[2:])
			line, comment = strings.TrimSpace(rest), open
		}
		switch {
		case line == "" || comment || strings.HasPrefix(line, "//"):
			continue
		case strings.HasPrefix(line, "package "):
			name, _, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "package ")), ";")
			name, _, _ = strings.Cut(name, "//")
			name = strings.TrimSpace(name)
			if isIdent(name) {
				return name
			}
		}
		return ""
	}
	return ""
}

// cutEnd cuts a line at the end of a comment; open says that there is none.
func cutEnd(line string) (comment, rest string, open bool) {
	comment, rest, closed := strings.Cut(line, "*/")
	return comment, rest, !closed
}

func isIdent(s string) bool {
	for i, r := range s {
		if r != '_' && !('a' <= r|0x20 && r|0x20 <= 'z') && r < 0x80 && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 100
}

func hasPackage(text string) bool { return packageOf(text) != "" }

// hasMain says whether a text has a function main.
func hasMain(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if rest, ok := strings.CutPrefix(line, "func main"); ok && strings.HasPrefix(strings.TrimLeft(rest, " "), "(") {
			return true
		}
	}
	return false
}

// Words that Go has, and hardly anything else: of the strong ones one is
// enough, of the weak ones two.
var (
	strong = []string{"func main()", "fmt.Print", "fmt.Sprint", "fmt.Errorf", "err != nil", "import \"", "import (", "go func(", "chan int", "chan string",
		":= range ", "map[string]", "func Test", "*testing.T"}
	weak = []string{":=", "func ", "defer ", "[]string", "[]int", "make(", "struct {", "interface {", "return ", "var ", "type ", "for ", "if ", "len(", "append("}
)

// readsLikeGo says whether a text can be taken for Go, or a piece of it.
func readsLikeGo(text string) bool {
	if hasPackage(text) {
		return true
	}
	for _, w := range strong {
		if strings.Contains(text, w) {
			return true
		}
	}
	n := 0
	for _, w := range weak {
		if strings.Contains(text, w) {
			n++
		}
	}
	return n >= 2 && strings.ContainsAny(text, "{(=")
}

// whole is the code of a message that is nothing else, but for words before its
// package clause and behind its last brace. Without a package clause all of it
// has to be declarations.
func whole(text string) string {
	text = strings.TrimSpace(text)
	text = strings.TrimSpace(strings.TrimPrefix(text, "`")) // all of it in one span
	lines := strings.Split(text, "\n")
	start := -1
	for i, line := range lines {
		if name, ok := strings.CutPrefix(line, "package "); ok && packageOf(line) != "" && !strings.Contains(strings.TrimSpace(name), " ") {
			start = i
			break
		}
	}
	end := len(lines)
	for end > 0 && !closes(lines[end-1]) {
		end--
	}
	switch {
	case end == 0: // a package clause and nothing in braces is no program
		return ""
	case start >= 0 && start < end-1:
		return strings.Join(lines[start:end], "\n") + "\n"
	case start < 0 && declares(lines[0]) && end == len(lines) && len(lines) > 1 && readsLikeGo(text):
		return text + "\n"
	}
	return ""
}

// closes says whether a line can be the last of a file.
func closes(line string) bool {
	line = strings.TrimRight(strings.TrimRight(line, "` \t"), ";")
	return line == "}" || line == ")" || strings.HasPrefix(line, "func ") && strings.HasSuffix(line, "}")
}

// declares says whether a line can be the first of a file that lacks its
// package clause.
func declares(line string) bool {
	for _, w := range []string{"import \"", "import (", "func ", "type ", "var ", "const "} {
		if strings.HasPrefix(line, w) {
			return strings.ContainsAny(line, "({=\"")
		}
	}
	return false
}

// isDiff says whether a text is what diff or git diff writes.
func isDiff(text string) bool {
	header, hunk := false, false
	for line := range strings.SplitSeq(text, "\n") {
		header = header || strings.HasPrefix(line, "+++ ") || strings.HasPrefix(line, "diff --git ")
		hunk = hunk || strings.HasPrefix(line, "@@ -")
	}
	return header || hunk
}
