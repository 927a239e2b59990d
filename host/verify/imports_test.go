package verify

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/verify/toolchain"
)

// TestImports packs what a module needs beside the standard library, and lets
// members import some of it.
func TestImports(t *testing.T) {
	newVerifier(t) // what it compiled need not be compiled again
	pack := filepath.Join(t.TempDir(), "go"+toolchain.Extension)
	f, err := os.Create(pack)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := toolchain.Build(t.Context(), toolchain.BuildOptions{With: filepath.Join("testdata", "with")}, f); err != nil {
		t.Fatal(err)
	}
	chain, err := toolchain.Open(pack, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	v, err := New(Options{Engine: engine, Wall: time.Minute, Imports: []string{"golang.org/x/sync/errgroup", "example.org/kata/...", "example.org/none"},
		Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := v.Prepare(t.Context(), chain); err != nil {
		t.Fatal(err)
	}
	if s := log.String(); !strings.Contains(s, "example.org/none") || strings.Contains(s, "errgroup") {
		t.Errorf("of what is not packed the log says %q", s)
	}
	for _, tt := range []struct {
		name string
		s    Submission
		want Verdict
		out  string
	}{
		{"allowed", program(`import ("fmt"; "golang.org/x/sync/errgroup"); func main() { var g errgroup.Group; g.Go(func() error { fmt.Println("here"); return nil }); fmt.Println(g.Wait()) }`), Accepted, "here\n<nil>\n"},
		{"below", program(`import "example.org/kata/shout"; import "fmt"; func main() { fmt.Println(shout.Loud("hi")) }`), Accepted, "HI!\n"},
		{"packed, not allowed", program(`import _ "golang.org/x/sync/semaphore"; func main() {}`), Rejected, ""},
		{"allowed, not packed", program(`import _ "example.org/none"; func main() {}`), CompileError, ""},
	} {
		r, err := v.Verify(t.Context(), tt.s)
		if err != nil || r.Verdict != tt.want || r.Stdout != tt.out {
			t.Errorf("%s: %s %q, %v\n%s", tt.name, r.Verdict, r.Stdout, err, said(&r))
		}
	}
}
