package conformance

import (
	"bufio"
	"fmt"
	"go/build"
	"hash/fnv"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/verify"
	"github.com/hearthbot/hearth/host/verify/screen"
	"github.com/hearthbot/hearth/host/verify/source"
)

// program is one of Go's own run tests.
type program struct {
	name string // below GOROOT/test: "fixedbugs/bug027.go"
	text string
	want string // what it prints: nothing, unless there is a .out file
}

// submission is the program under its own name: some look for it.
func (p *program) submission() verify.Submission {
	return verify.Submission{Files: []source.File{{Name: path.Base(p.name), Text: p.text}}}
}

// tenth says whether the program is one of those that run in `go test`.
func (p *program) tenth() bool {
	h := fnv.New32a()
	h.Write([]byte(p.name))
	return h.Sum32()%10 == 0
}

// goEnv asks the go command. Without one there is nothing to compare with.
func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Skipf("there is no go command to ask for %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// testRoot is GOROOT/test. Some installations of Go come without it.
func testRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(filepath.Join(goEnv(t, "GOROOT"), "test"))
	if err != nil {
		t.Skipf("this Go comes without its tests: %v", err)
	}
	return root
}

// programs are the files below a directory whose first line is "// run", sorted.
func programs(t *testing.T, root string) (out []program) {
	t.Helper()
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil || !strings.HasPrefix(string(text), "// run\n") {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		want, err := os.ReadFile(strings.TrimSuffix(file, ".go") + ".out")
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		out = append(out, program{filepath.ToSlash(name), string(text), string(want)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// kind is why a program is left out.
type kind string

const (
	notBuilt kind = "build" // its constraint, or its name, leaves it out for wasip1
	part     kind = "part"  // it is a part of a test of several files
	byRule   kind = "rule"  // what it needs is refused by a rule that the issue names
	lacking  kind = "wasm"  // it does not pass in plain wazero either
)

var kinds = map[kind]string{
	notBuilt: "its constraints leave it out for GOOS=wasip1 GOARCH=wasm",
	part:     "it is a part of a test of several files",
	byRule:   "it needs what a rule refuses: 64 KiB, directives, cgo, imports",
	lacking:  "built by `go build`, it does not pass in plain wazero",
}

// exclusion is why one program is left out.
type exclusion struct {
	kind   kind
	reason string
}

// excluded says what can be said of a program before it is run; no kind if it is
// to be run.
func excluded(root string, p *program) (exclusion, error) {
	dir, base := path.Split(p.name)
	if strings.HasSuffix(strings.TrimSuffix(dir, "/"), ".dir") {
		return exclusion{part, "of " + strings.TrimSuffix(dir, "/")}, nil
	}
	target := build.Default
	target.GOOS, target.GOARCH, target.CgoEnabled, target.Compiler = "wasip1", "wasm", false, "gc"
	ok, err := target.MatchFile(filepath.Join(root, filepath.FromSlash(dir)), base)
	if err != nil {
		return exclusion{}, err
	}
	if !ok {
		for line := range strings.Lines(p.text) {
			if strings.HasPrefix(line, "//go:build ") {
				return exclusion{notBuilt, strings.TrimSpace(line)}, nil
			}
		}
		return exclusion{notBuilt, "the name " + base}, nil
	}
	for _, d := range screen.Screen(p.submission().Files, nil, screen.Rules{Unsafe: true}) {
		if d.Severity == source.Error && slices.Contains(named, d.Code) {
			return exclusion{byRule, d.Message}, nil
		}
	}
	return exclusion{}, nil
}

// named are the codes of the rules that issue 3 names and that say nothing of
// how a program is written. What the screen refuses for its nesting or its types
// is not among them: it would have run.
var named = []string{"source/size", "screen/directive", "screen/cgo", "screen/import"}

// exclusions is testdata/excluded.txt.
type exclusions struct {
	version string // of Go, whose tests it lists
	of      map[string]exclusion
}

const exclusionsFile = "testdata/excluded.txt"

func readExclusions(t *testing.T) exclusions {
	t.Helper()
	f, err := os.Open(exclusionsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x := exclusions{of: map[string]exclusion{}}
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		if version, ok := strings.CutPrefix(line, "# Of "); ok {
			x.version, _, _ = strings.Cut(version, ",")
		}
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.SplitN(line, "\t", 3)
		if len(fields) != 3 || kinds[kind(fields[1])] == "" || fields[2] == "" {
			t.Fatalf("%s: %q is no name, kind and reason", exclusionsFile, line)
		}
		x.of[fields[0]] = exclusion{kind(fields[1]), fields[2]}
	}
	return x
}

// write writes the table anew. A reason that somebody wrote stays.
func (x exclusions) write(t *testing.T, found map[string]exclusion) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `# Of %s, programs headed "// run" that are left out of the comparison.
# `+"`make conformance UPDATE=1`"+` writes this table, and keeps the reasons of those
# that do not pass, which are written by hand. File, kind and reason; the kinds:

`, x.version)
	for _, k := range []kind{notBuilt, part, byRule, lacking} {
		fmt.Fprintf(&b, "#\t%s\t%s\n", k, kinds[k])
	}
	b.WriteByte('\n')
	var lines []string
	for name, e := range found {
		if old := x.of[name]; old.kind == e.kind && e.kind == lacking {
			e = old
		}
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s\n", name, e.kind, e.reason))
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
	if err := os.WriteFile(exclusionsFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
