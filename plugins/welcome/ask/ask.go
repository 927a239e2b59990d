// Package ask finds packages of Go's standard library that are named in what
// somebody writes, in English or Chinese, says how much each is in demand, and has
// a small program that shows it.
//
// It owns the table of demand (packages.tsv) and the programs (examples). It must
// not know a bot, a member or an experiment.
//
// # Demand
//
// The demand of a package is its rank among all packages of the standard library
// by how many Go modules import it: the share, 0 to 1, of packages that fewer
// modules import. So 0.8 and above are the fifth that is used most. It is counted
// from the source of every module that hearth itself is built from and tested
// with, at the versions that go.sum pins, each module once for each package; what
// their tests import does not count. `go run ./plugins/welcome/ask/mkask` counts
// anew. The table is not made with each build: what is in demand does not change
// with a dependency of hearth's.
package ask

import (
	"cmp"
	"embed"
	"slices"
	"strconv"
	"strings"
)

// Much is the demand from which on a package counts as much in demand. Each of
// those has an [Example].
const Much = 0.8

// Package is one package of the standard library.
type Package struct {
	Path    string
	Modules int     // that import it
	Demand  float64 // 0 to 1, see the package comment
}

var (
	//go:embed packages.tsv
	table string

	//go:embed examples/*.go
	examples embed.FS
)

// Packages are all of them, those in most demand first.
var Packages = parse(table)

// byPath and byName find a package by its path, and by the last element of it:
// that in most demand, if several are called the same.
var byPath, byName = index(Packages)

func parse(table string) (all []Package) {
	for line := range strings.Lines(table) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") || len(f) != 3 {
			continue
		}
		modules, _ := strconv.Atoi(f[1])
		demand, _ := strconv.ParseFloat(f[2], 64)
		all = append(all, Package{f[0], modules, demand})
	}
	return all
}

func index(all []Package) (path, name map[string]Package) {
	path, name = map[string]Package{}, map[string]Package{}
	for _, p := range all {
		path[p.Path] = p
		last := lastName(p.Path)
		if had, ok := name[last]; !ok || had.Demand < p.Demand {
			name[last] = p
		}
	}
	return path, name
}

// lastName is what a package is called in code: of math/rand/v2 it is rand.
func lastName(path string) string {
	parts := strings.Split(path, "/")
	last := parts[len(parts)-1]
	if len(parts) > 1 && len(last) == 2 && last[0] == 'v' {
		last = parts[len(parts)-2]
	}
	return last
}

// Of is the package of that path, the zero Package if there is none.
func Of(path string) Package { return byPath[path] }

// Most is the package in most demand of those that a text names, the first of
// them if several are equal. ok says that it names one.
func Most(text string) (p Package, ok bool) {
	named := Named(text)
	if len(named) == 0 {
		return Package{}, false
	}
	return slices.MaxFunc(named, func(a, b Package) int { return cmp.Compare(a.Demand, b.Demand) }), true
}

// Example is a program that shows the package, ready to be run, and what it
// prints; ok says that there is one.
func Example(path string) (source, output string, ok bool) {
	b, err := examples.ReadFile("examples/" + strings.ReplaceAll(path, "/", "_") + ".go")
	if err != nil {
		return "", "", false
	}
	source = strings.TrimPrefix(string(b), "//go:build ignore\n\n")
	source, comment, _ := strings.Cut(source, "\n// Output:\n")
	for line := range strings.Lines(comment) {
		output += strings.TrimPrefix(strings.TrimPrefix(line, "//"), " ")
	}
	return source, output, true
}
