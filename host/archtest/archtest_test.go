package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hearthbot/hearth"

// layer is a line of the plan: its packages know those further down, and
// nothing of each other unless peers is set. A pattern ends in "/..." if it
// takes all below it; a package's own name comes before those.
type layer struct {
	name     string
	patterns []string
	peers    bool // packages of the same line may know each other
}

// plan is DESIGN's, from the top.
var plan = []layer{
	{"the binary", []string{"host/cmd/hearth/..."}, true},
	{"the pages", []string{"web/..."}, false},
	{"the sides", []string{"web", "host", "host/chat/...", "store/..."}, false},
	{"the frame of the pages", []string{"web/page"}, false},
	{"the parts", []string{"host/registry/...", "host/verify/...", "host/measure/...", "host/members/...", "host/access/...", "host/audit/...", "host/house/...", "host/settings/...", "host/replay/...", "host/rollout/...", "host/views/...", "host/chat", "host/wasm"}, true},
	{"what all stand on", []string{"store", "sdk/..."}, false},
	{"the ground", []string{"sdk/abi", "host/wasm/meter"}, false},
}

// apart are packages that no line of the plan has, and all they may know of
// the module.
var apart = map[string][]string{
	"host/archtest":      {},
	"store/storetest":    {"store"},
	"host/chat/chattest": {"host/chat", "sdk/abi"},
	"web/page/pagetest":  {"web/page", "host/access", "host/audit", "store"},
	"sdk/sdktest":        {"sdk", "sdk/abi", "sdk/internal/guest", "sdk/sdktest/tape"},
	"sdk/sdktest/tape":   {},
	"sdk":                {"sdk/abi", "sdk/internal/guest", "sdk/internal/wire"},
	"sdk/internal/guest": {"sdk/abi"},
	"sdk/internal/wire":  {},
	"plugins/...":        {"sdk", "sdk/abi", "sdk/experiment", "plugins/..."}, // the SDK's events and contents are the ABI's
	"sdk/experiment/...": {"sdk/experiment"},
}

// knows are packages that may know less of the module than their line would let
// them.
var knows = map[string][]string{
	"web/...":  {"web", "web/page", "host/access", "host/audit", "host/chat", "host/replay"},
	"web/page": {"host/access", "host/audit", "host/chat", "host/verify/source"},
}

// sole are libraries that one package alone imports, so that another could take
// their place there.
var sole = map[string][]string{
	"github.com/tetratelabs/wazero":         {"host/wasm"},
	"go.etcd.io/bbolt":                      {"store/bolt"},
	"github.com/slack-go/slack":             {"host/chat/slack"},
	"github.com/google/go-github":           {"host/chat/github"},
	"github.com/go-chi/chi":                 {"web"},
	"github.com/danielgtaylor/huma":         {"web"},
	"github.com/spf13/cobra":                {"host/cmd/hearth"},
	"github.com/BurntSushi/toml":            {"host/cmd/hearth/config"},
	"github.com/coder/websocket":            {"host/chat/slack", "host/chat/dingtalk", "host/chat/chattest"},
	"github.com/adhocore/gronx":             {"host"},
	"github.com/santhosh-tekuri/jsonschema": {"host"},
	"aead.dev/minisign":                     {"host/registry"},
	"github.com/expr-lang/expr":             {"host/rollout", "plugins/experiments/plan"},
	"gonum.org/v1/gonum":                    {"host/measure/stats"},
}

// only are packages that may import nothing but the standard library, the
// module's own that the plan allows, and these.
var only = map[string][]string{
	"sdk":                {"github.com/tinylib/msgp"},
	"sdk/internal/...":   {"github.com/tinylib/msgp"},
	"sdk/abi":            {"github.com/tinylib/msgp"},
	"sdk/experiment/...": {},
	"host/wasm/meter":    {},
	"store":              {"github.com/tidwall/btree"},
}

// imports are what a package's files import, on any system: the path of what is
// imported, and a file that does. Tests may join what the code keeps apart.
type imports map[string]string

func TestImports(t *testing.T) {
	packages := load(t)
	for pkg, im := range packages {
		for to, file := range im {
			if why := refused(packages, pkg, to); why != "" {
				t.Errorf("%s imports %s: %s", file, to, why)
			}
		}
	}
}

// TestRulesAreAboutSomething holds the rules to being about something: a package that has moved
// away would leave a rule that nothing can break.
func TestRulesAreAboutSomething(t *testing.T) {
	packages := load(t)
	exists := func(pattern string) bool {
		for pkg := range packages {
			if matches(pattern, pkg) {
				return true
			}
		}
		return false
	}
	planned := []string{"host/measure/...", "host/access/...", "host/settings/..."} // rooms of the plan that are to come
	for _, l := range plan {
		for _, p := range l.patterns {
			if !exists(p) && !slices.Contains(planned, p) {
				t.Errorf("%s: there is no package %s", l.name, p)
			}
		}
	}
	for p := range apart {
		if !exists(p) {
			t.Errorf("there is no package %s", p)
		}
	}
	for p := range only {
		if !exists(p) {
			t.Errorf("there is no package %s", p)
		}
	}
}

func TestRefused(t *testing.T) {
	packages := map[string]imports{"host": {}, "host/wasm": {}, "host/wasm/meter": {}, "host/chat": {}, "host/chat/slack": {}, "host/chat/webchat": {},
		"host/members": {}, "web": {}, "store": {}, "store/bolt": {}, "sdk": {}, "sdk/abi": {}, "plugins/welcome": {}, "host/cmd/hearth/app": {}}
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"host", module + "/host/wasm", true},
		{"host", module + "/store", true},
		{"host", module + "/web", false},
		{"host", module + "/store/bolt", false},
		{"web", module + "/host", false},
		{"web", module + "/host/chat", true},
		{"web", module + "/host/chat/slack", false},
		{"host/chat/slack", module + "/host/chat/webchat", false},
		{"host/chat", module + "/host/chat/slack", false},
		{"host/members", module + "/host/chat", true},
		{"store", module + "/sdk", false},
		{"store", module + "/sdk/abi", true},
		{"sdk/abi", module + "/store", false},
		{"plugins/welcome", module + "/sdk", true},
		{"plugins/welcome", module + "/sdk/abi", true},
		{"plugins/welcome", module + "/store", false},
		{"plugins/welcome", module + "/host", false},
		{"host/cmd/hearth/app", module + "/store/bolt", true},
		{"host", module + "/host/cmd/hearth/app", false},
		{"host", "github.com/tetratelabs/wazero/api", false},
		{"host/wasm", "github.com/tetratelabs/wazero", true},
		{"store", "go.etcd.io/bbolt", false},
		{"store/bolt", "go.etcd.io/bbolt/errors", true},
		{"sdk", "github.com/tinylib/msgp/msgp", true},
		{"sdk", "golang.org/x/text/language", false},
		{"host/wasm/meter", "slices", true},
		{"host/wasm/meter", "golang.org/x/sys/unix", false},
		{"host", module + "/nowhere", false},
	} {
		if why := refused(packages, c.from, c.to); (why == "") != c.ok {
			t.Errorf("%s → %s: %q", c.from, c.to, why)
		}
	}
}

// refused says why pkg must not import what it imports, "" if it may.
func refused(packages map[string]imports, pkg, to string) string {
	own, inModule := strings.CutPrefix(to, module+"/")
	if inModule {
		return refusedOwn(packages, pkg, own)
	}
	if first, _, _ := strings.Cut(to, "/"); !strings.Contains(first, ".") {
		return "" // the standard library
	}
	for lib, users := range sole {
		if (to == lib || strings.HasPrefix(to, lib+"/")) && !slices.Contains(users, pkg) {
			return "it is for " + strings.Join(users, ", ") + " alone"
		}
	}
	if p := best(only, pkg); p != "" && !slices.ContainsFunc(only[p], func(lib string) bool { return to == lib || strings.HasPrefix(to, lib+"/") }) {
		return "besides the standard library " + pkg + " has " + strings.Join(append(only[p], "nothing"), ", ")
	}
	return ""
}

func refusedOwn(packages map[string]imports, pkg, own string) string {
	if packages[own] == nil {
		return "there is no such package in this module"
	}
	if strings.HasPrefix(pkg, "host/cmd/hearth") && (strings.HasPrefix(own, "plugins/tasks/") || strings.HasPrefix(own, "plugins/digest/") || own == "plugins/experiments/plan") {
		// The binary has the built-in tasks, to verify answers to them without a server,
		// the digest's clustering, to score it, and definitions of experiments, to say
		// on a page what is wrong with them.
		return ""
	}
	if p := best(apart, pkg); p != "" {
		for _, allowed := range apart[p] {
			if matches(allowed, own) {
				return ""
			}
		}
		return pkg + " may know " + strings.Join(append(apart[p], "nothing else"), ", ")
	}
	if p := best(knows, pkg); p != "" && !slices.ContainsFunc(knows[p], func(allowed string) bool { return matches(allowed, own) }) && pkg != "web" {
		return pkg + " may know " + strings.Join(knows[p], ", ")
	}
	from, to := place(pkg), place(own)
	switch {
	case from < 0:
		return pkg + " has no place in the plan: give it one"
	case to < 0:
		return own + " is for tests, or has no place in the plan"
	case from < to, from == to && plan[from].peers:
		return ""
	case from == to:
		return "they stand beside each other, unaware; host/cmd/hearth joins them"
	}
	return plan[to].name + " is above " + plan[from].name
}

// place is the line of a package, -1 if it has none: tests have helpers that
// nothing else may use.
func place(pkg string) int {
	if p := best(apart, pkg); p != "" && !strings.HasPrefix(p, "sdk") || strings.HasSuffix(p, "test") {
		return -1
	}
	lines := map[string]int{}
	for i, l := range plan {
		for _, p := range l.patterns {
			lines[p] = i
		}
	}
	if p := best(lines, pkg); p != "" {
		return lines[p]
	}
	return -1
}

// best is the pattern of rules that fits pkg: its own name, else the longest;
// "" if none does.
func best[V any](rules map[string]V, pkg string) string {
	found := ""
	for p := range rules {
		if p == pkg {
			return p
		}
		if matches(p, pkg) && len(p) > len(found) {
			found = p
		}
	}
	return found
}

func matches(pattern, pkg string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == base || strings.HasPrefix(pkg, base+"/")
	}
	return pattern == pkg
}

// load reads the imports of every file of the module, whatever system it is
// for: a rule that holds on one only would be none.
func load(t *testing.T) map[string]imports {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string]imports{}
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if file == root {
				return nil
			}
			if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || slices.Contains([]string{"testdata", "data", "bin", "artifacts"}, name) {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil {
				return filepath.SkipDir // a module of its own
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		pkg := path.Dir(rel)
		if packages[pkg] == nil {
			packages[pkg] = imports{}
		}
		return packages[pkg].read(file, rel)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 10 {
		t.Fatalf("found %d packages under %s: this is not the module", len(packages), root)
	}
	return packages
}

func (im imports) read(file, rel string) error {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	for _, s := range f.Imports {
		to, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			return err
		}
		im[to] = rel
	}
	return nil
}
