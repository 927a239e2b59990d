// Mkask counts how many modules import each package of the standard library, and
// writes the table of package ask. It is run in the root of the project:
//
//	go run ./plugins/welcome/ask/mkask >plugins/welcome/ask/packages.tsv
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	if err := run(os.Stdout); err != nil {
		log.Fatal("mkask: ", err)
	}
}

func run(w io.Writer) error {
	std, err := list("std")
	if err != nil {
		return err
	}
	all, err := list("-deps", "-test", "./...")
	if err != nil {
		return err
	}
	by, modules := count(all)
	var rows []row
	for _, p := range std {
		if !strings.Contains(p.ImportPath, "internal") && !strings.HasPrefix(p.ImportPath, "vendor/") {
			rows = append(rows, row{p.ImportPath, len(by[p.ImportPath])})
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(b.modules-a.modules, cmp.Compare(a.path, b.path)) })
	fmt.Fprintf(w, "# package, modules that import it, share of packages that fewer import; of %d modules, %s. See mkask.\n", modules, runtime.Version())
	for _, r := range rows {
		below := 0
		for _, o := range rows {
			if o.modules < r.modules {
				below++
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%.3f\n", r.path, r.modules, float64(below)/float64(len(rows)))
	}
	return nil
}

type row struct {
	path    string
	modules int
}

// count says which modules, beside the project's own, import each package.
func count(all []pkg) (by map[string]map[string]bool, modules int) {
	by, seen := map[string]map[string]bool{}, map[string]bool{}
	for _, p := range all {
		if p.Standard || p.ForTest != "" || p.Module == nil || p.Module.Main || strings.HasSuffix(p.ImportPath, ".test") {
			continue
		}
		seen[p.Module.Path] = true
		for _, i := range p.Imports {
			if by[i] == nil {
				by[i] = map[string]bool{}
			}
			by[i][p.Module.Path] = true
		}
	}
	return by, len(seen)
}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath, ForTest string
	Standard            bool
	Module              *struct {
		Path string
		Main bool
	}
	Imports []string
}

func list(args ...string) (all []pkg, err error) {
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,ForTest,Standard,Module,Imports"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmd, err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", cmd, err)
		}
		all = append(all, p)
	}
}
