package gocmd

import (
	"context"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// kind is what a call of go is, as far as that may be to be told.
type kind int

const (
	other   kind = iota
	run          // go run
	modInit      // go mod init
	builds       // what fails without a package that is imported
)

// tells are the names that a kind may tell.
func (k kind) tells() []string {
	switch k {
	case run:
		return []string{RunFirstTime, ImportResolveFail}
	case modInit:
		return []string{ModInitSuccess}
	case builds:
		return []string{ImportResolveFail}
	}
	return nil
}

func kindOf(args []string) kind {
	switch {
	case len(args) == 0 || slices.Contains(args, "-h") || slices.Contains(args, "-help") || slices.Contains(args, "--help"):
		return other
	case args[0] == "run":
		return run
	case args[0] == "mod" && len(args) > 1 && args[1] == "init":
		return modInit
	case slices.Contains([]string{"build", "test", "vet", "install"}, args[0]):
		return builds
	}
	return other
}

// valued are the flags of go build, test and run that take their value from the
// next argument, if they have no =.
var valued = strings.Fields(`C p covermode coverpkg asmflags buildmode buildvcs compiler gccgoflags gcflags installsuffix ldflags mod modfile
	overlay pgo pkgdir tags toolexec exec o bench benchtime blockprofile blockprofilerate count coverprofile cpu cpuprofile fuzz fuzztime
	fuzzminimizetime list memprofile memprofilerate mutexprofile mutexprofilefraction outputdir parallel run skip shuffle timeout trace vet vettool`)

// kept are the flags that decide which packages are found, for go list to have
// them too.
var kept = strings.Fields("C mod modfile overlay tags race msan asan")

// packages are the flags and packages of a call, as go list takes them. A program
// that is run has arguments of its own, which are none.
func packages(args []string) (flags, list []string) {
	rest := args[1:]
	for i := 0; i < len(rest); i++ {
		a := rest[i]
		if a == "-args" || a == "--args" || a == "--" {
			break
		}
		if !strings.HasPrefix(a, "-") || a == "-" {
			if args[0] == "run" && len(list) > 0 && !(strings.HasSuffix(a, ".go") && strings.HasSuffix(list[0], ".go")) {
				break
			}
			list = append(list, a)
			continue
		}
		if args[0] == "run" && len(list) > 0 {
			break
		}
		name, _, has := strings.Cut(strings.TrimLeft(a, "-"), "=")
		keep := slices.Contains(kept, name)
		if keep {
			flags = append(flags, a)
		}
		if !has && slices.Contains(valued, name) && i+1 < len(rest) {
			i++
			if keep {
				flags = append(flags, rest[i])
			}
		}
	}
	return flags, list
}

// unresolved is what go says of a package that is imported and not found.
var unresolved = regexp.MustCompile(`is not in std|no required module provides package|cannot find module providing package|cannot find package`)

// problems has go list say what is wrong with packages and what they import.
const problems = `{{with .Error}}{{.Err}}{{"\n"}}{{end}}{{range .DepsErrors}}{{.Err}}{{"\n"}}{{end}}`

// missing says whether packages that a call builds import what is not found. go
// list tells it, so that what go itself writes goes where it should, untouched.
func missing(ctx context.Context, path string, args []string) bool {
	flags, list := packages(args)
	ask := append([]string{"list"}, flags...)
	if ask = append(ask, "-e", "-f", problems); args[0] == "test" || args[0] == "vet" {
		ask = append(ask, "-test")
	}
	cmd := exec.CommandContext(ctx, path, append(append(ask, "--"), list...)...)
	cmd.Env = append(cmd.Environ(), "GOPROXY=off") // nothing is downloaded for it
	out, err := cmd.Output()
	return err == nil && unresolved.Match(out)
}
