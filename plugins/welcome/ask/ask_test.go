package ask

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestNamed(t *testing.T) {
	for text, want := range map[string]string{
		"I want to learn net/http and encoding/json.":                   "net/http encoding/json",
		"how does net/http.Get work?":                                   "net/http",
		"what does json.Marshal do with time.Time?":                     "encoding/json time",
		"parse some JSON and serve it over HTTP":                        "encoding/json net/http",
		"I am here for the first time, and have time to sort it":        "",
		"the `time` package, and \"sort\"":                              "time sort",
		"the sort package":                                              "sort",
		"package strings is nice":                                       "strings",
		"which library? errors library":                                 "errors",
		"packages of mine":                                              "",
		"see https://go.dev/net/http/json and http://x.y/fmt":           "",
		"看看 https://go.dev/fmt，再学 json":                                 "encoding/json",
		"我想学net/http和fmt包":                                              "net/http fmt",
		"time 包怎么用":                                                     "time",
		"sort包":                                                         "sort",
		"包 context 是什么":                                                 "context",
		"我有时间 time":                                                     "",
		"```go\nimport \"os\"\nfunc main() { os.Exit(1) }\n```":         "os",
		"import (\n\t\"fmt\"\n\t\"math/rand/v2\"\n)":                    "fmt math/rand/v2",
		"rand.Intn of math/rand":                                        "crypto/rand math/rand",
		"fmt, fmt and fmt.Println":                                      "fmt",
		"a.b, net/http/, ../net/url, ./main.go, v1.2.3, e.g. this one.": "net/http",
		"log in to the os, and io, net, path, hash, plugin, mime.":      "",
		"time.now is lower case, time.N too short":                      "",
		"slog":                "log/slog",
		"my_fmt jsonx prefmt": "",
		"":                    "",
	} {
		var got []string
		for _, p := range Named(text) {
			got = append(got, p.Path)
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("Named(%q) = %q, want %q", text, g, want)
		}
	}
}

func TestMost(t *testing.T) {
	for text, want := range map[string]string{
		"plugin package or net/http?": "net/http",
		"net/http or fmt":             "fmt",
		"the plugin package":          "plugin",
		"nothing at all":              "",
	} {
		p, ok := Most(text)
		if p.Path != want || ok != (want != "") {
			t.Errorf("Most(%q) = %q, %v", text, p.Path, ok)
		}
	}
}

// TestTable: the demand is a rank, so it falls as the count does; the packages of
// which a newcomer has heard are among those in much demand.
func TestTable(t *testing.T) {
	if len(Packages) < 150 {
		t.Fatalf("%d packages", len(Packages))
	}
	last := Package{Demand: 1, Modules: 1 << 20}
	for _, p := range Packages {
		if p.Demand < 0 || p.Demand >= 1 || p.Demand > last.Demand || p.Modules > last.Modules || p.Modules == last.Modules && p.Demand != last.Demand {
			t.Errorf("%+v behind %+v", p, last)
		}
		last = p
	}
	for _, path := range []string{"fmt", "strings", "errors", "net/http", "encoding/json", "time", "sync", "context"} {
		if p := byPath[path]; p.Demand < Much {
			t.Errorf("%+v", p)
		}
	}
	if p := byPath["plugin"]; p.Path == "" || p.Demand >= Much {
		t.Errorf("%+v", p)
	}
}

// TestExamples builds all of them into one program and holds what each prints
// against what stands under it. Every package in much demand has one.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var imports, calls strings.Builder
	want := map[string]string{}
	for i, p := range Packages {
		source, output, ok := Example(p.Path)
		if !ok {
			if p.Demand >= Much {
				t.Errorf("%s is in much demand and has no example", p.Path)
			}
			continue
		}
		name := fmt.Sprintf("e%d", i)
		if !strings.HasPrefix(source, "package main\n") || !strings.HasSuffix(source, "}\n") || strings.Contains(source, "Output:") || output == "" {
			t.Errorf("%s: %q prints %q", p.Path, source, output)
		}
		if !strings.Contains(source, `"`+p.Path+`"`) {
			t.Errorf("the example of %s does not import it", p.Path)
		}
		source = strings.Replace(source, "package main\n", "package "+name+"\n", 1)
		write(name+"/e.go", strings.Replace(source, "\nfunc main() {", "\nfunc Main() {", 1))
		fmt.Fprintf(&imports, "import %q\n", "examples/"+name)
		fmt.Fprintf(&calls, "case %q: %s.Main()\n", p.Path, name)
		want[p.Path] = output
	}
	write("go.mod", "module examples\n\ngo 1.26\n")
	write("main.go", "package main\n\nimport \"os\"\n"+imports.String()+"\nfunc main() {\nswitch os.Args[1] {\n"+calls.String()+"}\n}\n")
	build := exec.Command("go", "build", "-o", "all.exe", ".")
	build.Dir, build.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for path, output := range want {
		got, err := exec.Command(filepath.Join(dir, "all.exe"), path).CombinedOutput()
		if err != nil || string(got) != output {
			t.Errorf("%s prints %q (%v), want %q", path, got, err, output)
		}
	}
}

func FuzzNamed(f *testing.F) {
	f.Add("net/http 和 `time`, https://x/y time.Now ./a")
	f.Fuzz(func(t *testing.T, text string) {
		if n := len(Named(text)); n > len(Packages) {
			t.Errorf("%d packages in %q", n, text)
		}
	})
}
