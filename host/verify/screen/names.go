package screen

import (
	"bytes"
	"go/build"
	"io"
	"path"
	"slices"
	"strings"
)

// refusedName says why a submission can have no file of this name, and by which
// code; "" if it can.
func refusedName(name string) (code, why string) {
	base := path.Base(name)
	switch base {
	case "go.mod", "go.work", "go.sum", "go.work.sum":
		return "module", "no " + base + " is needed here: leave it out, the standard library is there without one"
	}
	if strings.HasPrefix(name, "vendor/") || strings.Contains(name, "/vendor/") {
		return "module", "no vendored packages can be brought along: leave the directory vendor out"
	}
	ext := path.Ext(base)
	if !slices.Contains([]string{".go", ".txt", ".json"}, ext) {
		return "file", "files here end in .go, .txt or .json"
	}
	if ext != ".go" {
		return "", ""
	}
	if strings.Contains(name, "/") {
		return "directory", "all Go files are one package here: put " + base + " beside the others, without a directory"
	}
	if base[0] == '_' || base[0] == '.' {
		return "name", "Go ignores files whose names begin with _ or a dot: rename it"
	}
	if !built(name, "package p\n") {
		return "name", "this name says that the file is for another system (the part after the last _): rename it, say to " +
			base[:strings.IndexByte(base, '_')] + ".go"
	}
	return "", ""
}

// built says whether the go command would compile a file of this name and text
// for the sandbox.
func built(name, text string) bool {
	ctxt := build.Context{GOOS: "wasip1", GOARCH: "wasm", Compiler: "gc", ReleaseTags: build.Default.ReleaseTags,
		OpenFile: func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader([]byte(text))), nil }}
	ok, err := ctxt.MatchFile("", name)
	return ok || err != nil // what is wrong with the header, the parser says better
}
