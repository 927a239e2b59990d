package plugins

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link = regexp.MustCompile(`\]\(([^)]+)\)`)
	name = regexp.MustCompile("`([A-Za-z]+)`")
)

// TestTableIsTrue looks for each name of the README's table in the plugins that
// its row links to, and for what else the SDK has that no row names.
func TestTableIsTrue(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| ") || !strings.Contains(line, "](") {
			continue
		}
		rows++
		var code strings.Builder
		for _, m := range link.FindAllStringSubmatch(line, -1) {
			dir := m[1]
			if filepath.Ext(dir) != "" {
				if _, err := os.Stat(dir); err != nil {
					t.Error(err)
				}
				dir = filepath.Dir(dir)
			}
			files, err := filepath.Glob(filepath.Join(dir, "*.go"))
			if err != nil || files == nil {
				files, err = filepath.Glob(filepath.Join(dir, "..", "*.go")) // of messages
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				raw, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				code.Write(raw)
			}
		}
		for _, m := range name.FindAllStringSubmatch(line, -1) {
			if !regexp.MustCompile(`\b` + m[1] + `\b`).MatchString(code.String()) {
				t.Errorf("%s is not in %v", m[1], strings.TrimSpace(line))
			}
		}
	}
	if rows < 20 {
		t.Errorf("the table has %d rows", rows)
	}
}

// TestEveryFeatureIsShown looks for the SDK's methods and options in the plugins.
func TestEveryFeatureIsShown(t *testing.T) {
	exported := regexp.MustCompile(`(?m)^func (?:\(b \*Plugin\[C\]\) )?((?:On|Can|Per)[A-Z]\w+|Middleware|Emits|State|Migrate|Warm|Query|Example|\w+Map|\w+Counter)(?:\[T any\])?\(`)
	var features []string
	sources, err := filepath.Glob("../sdk/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range sources {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range exported.FindAllStringSubmatch(string(raw), -1) {
			features = append(features, m[1])
		}
	}
	if len(features) < 30 {
		t.Fatalf("found only %v in the SDK", features)
	}
	var code strings.Builder
	for _, pattern := range []string{"*/*.go", "examples/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(raw)
		}
	}
	for _, f := range features {
		if !regexp.MustCompile(`\b` + f + `[\[(]`).MatchString(code.String()) {
			t.Errorf("no plugin shows %s", f)
		}
	}
}
