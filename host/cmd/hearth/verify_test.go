package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/plugins/tasks/tasks"
)

// TestVerifyTaskOfAPack takes a task from a community's own pack, as a directory and
// as the zip that `hearth tasks save` writes.
func TestVerifyTaskOfAPack(t *testing.T) {
	files, _, err := pack.Read(tasks.FS)
	if err != nil {
		t.Fatal(err)
	}
	const begin = "-- tests/main_test.go --\n"
	code := files["fizzbuzz/code.txtar"]
	if files["fizzbuzz/code.txtar"] = strings.Replace(code, begin, begin+"// ours\n", 1); files["fizzbuzz/code.txtar"] == code {
		t.Fatalf("the built-in task is %q", code)
	}
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, "pack", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var zip bytes.Buffer
	if err := pack.WriteZip(&zip, files); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pack.zip"), zip.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]bool{filepath.Join(dir, "pack"): true, filepath.Join(dir, "pack.zip"): true, "": false} {
		s, err := readSubmission(strings.NewReader("package main\n\nfunc main() {}\n"), "-", verifyFlags{task: "fizzbuzz", pack: from})
		if err != nil || len(s.Tests) == 0 || strings.HasPrefix(s.Tests[0].Text, "// ours\n") != want {
			t.Errorf("of the pack %q it has %+v, %v", from, s.Tests, err)
		}
	}
}
