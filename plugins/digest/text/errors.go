package text

import "strings"

// ErrorLine says whether one line tells an error, as compilers, programs and
// tools write it. A line of 2000 bytes or more does not.
func ErrorLine(s string) bool {
	if len(s) >= 2000 {
		return false
	}
	return errorBegin(s) || errorWithin.in(strings.ToLower(s))
}

// needles are phrases that are looked for all at once, by how they begin: nearly
// every line of every message is asked for all of them, and has none.
type needles struct {
	begins [1 << 10]bool // by two letters
	first  [256][]string
}

func needlesOf(all []string) (n needles) {
	for _, p := range all {
		n.begins[two(p)] = true
		n.first[p[0]] = append(n.first[p[0]], p)
	}
	return n
}

func two(s string) uint { return (uint(s[0])*37 + uint(s[1])) % (1 << 10) }

// in says whether any of them is in s.
func (n *needles) in(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		if n.begins[two(s[i:])] && n.begin(s[i:]) {
			return true
		}
	}
	return false
}

// begin says whether s begins with any of them.
func (n *needles) begin(s string) bool {
	if s == "" {
		return false
	}
	for _, p := range n.first[s[0]] {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// errorBegin says whether a line begins as only an error does.
func errorBegin(s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	return errorFirst.begin(s) || atLine(s)
}

// atLine tells main.go:12:5: and the like at the beginning of a line.
func atLine(s string) bool {
	if strings.IndexByte(s, ':') < 0 {
		return false
	}
	s = strings.TrimPrefix(s, "vet: ")
	for _, ext := range sourceFiles {
		i := strings.Index(s, ext)
		if i <= 0 || strings.ContainsAny(s[:i], " \t") {
			continue
		}
		rest := s[i+len(ext):]
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		if n > 0 && n < len(rest) && rest[n] == ':' {
			return true
		}
	}
	return false
}

func phrasesOf(lines string) (all []string) {
	for line := range strings.Lines(lines) {
		if line = strings.Trim(line, "\t\n"); line != "" {
			all = append(all, strings.ReplaceAll(line, "_", " "))
		}
	}
	return all
}

// What lines begin with that tell an error, and what stands in them. An
// underscore is a blank.
var (
	sourceFiles = []string{".go:", ".c:", ".py:", ".rs:", ".js:", ".ts:", ".java:", ".mod:", ".sum:", ".yaml:", ".yml:", ".s:"}

	errorFirst = needlesOf(phrasesOf(`
	panic:_
	fatal error:_
	fatal:_
	error:
	error[
	err:_
	exception in_
	traceback (
	caused by:_
	failed to_
	cannot use_
	cannot find_
	cannot convert_
	cannot assign_
	cannot call_
	cannot range_
	cannot load_
	cannot open_
	could not_
	unable to_
	undefined:_
	runtime error:_
	signal sig
	[signal sig
	exit status 1
	exit status 2
	segmentation fault
	npm err!
	--- fail:_
	build failed
	warning: data race
	go: cannot_
	go: could not_
	go: go.mod_
	go: no_
	go: module_
	go: updates_
	go: inconsistent_
	go: unknown_
	go: error_
	bash:_
	zsh:_
	sh:_
	ld:_
	# command-line-arguments
	`))

	errorWithin = needlesOf(phrasesOf(`
	command not found
	no such file or directory
	permission denied
	connection refused
	connection reset by peer
	i/o timeout
	context deadline exceeded
	is not recognized as an internal
	nil pointer dereference
	all goroutines are asleep
	index out of range
	address already in use
	declared and not used
	imported and not used
	missing go.sum entry
	no required module provides
	invalid memory address
	too many open files
	unexpected eof
	certificate signed by unknown authority
	no such host
	broken pipe
	cannot find package
	cannot find module
	cannot find main module
	is not in goroot
	is not in std
	build constraints exclude all
	import cycle not allowed
	concurrent map writes
	concurrent map read
	does not implement_
	too many arguments
	not enough arguments
	invalid operation:
	unexpected newline
	syntax error
	typeerror:_
	valueerror:_
	importerror:_
	modulenotfounderror:_
	exception:_
	`))
)
