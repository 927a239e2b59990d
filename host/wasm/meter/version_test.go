package meter

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestVersion holds the list of sources against the directory: a file that is
// missing in it could change without the version.
func TestVersion(t *testing.T) {
	var listed []string
	files, err := sources.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		listed = append(listed, f.Name())
	}
	there, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	there = slices.DeleteFunc(there, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	if slices.Sort(there); !slices.Equal(listed, there) {
		t.Errorf("version.go lists %v, there are %v", listed, there)
	}
	if v := Version(); len(v) != 64 || v != Version() {
		t.Errorf("version %q", v)
	}
}
