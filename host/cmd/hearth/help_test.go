package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestHelpHasExamples has each command that does something show how, by a line
// that it would take: with flags that it has, and as many arguments as it wants.
func TestHelpHasExamples(t *testing.T) {
	used := map[string]bool{}
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		_, path, _ := strings.Cut(cmd.CommandPath(), " ")
		used[path] = true
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			return
		}
		for _, c := range cmd.Commands() {
			each(c)
		}
		if cmd.HasSubCommands() && path != "events" {
			return
		}
		if cmd.Example == "" {
			t.Errorf("`%s --help` shows no example", cmd.CommandPath())
		}
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			line = strings.TrimSpace(line)
			if i := strings.Index(line, "hearth "); i >= 0 && strings.Contains(line[:i], "| ") {
				line = line[i:]
			}
			words := strings.Fields(strings.ReplaceAll(line, "\\\"", "\""))
			if len(words) == 0 || words[0] != "hearth" || path == "go" {
				continue
			}
			if found := would(t, line, words[1:]); found != "" && found != cmd.CommandPath() {
				t.Errorf("%s: the example is another's: %s", cmd.CommandPath(), line)
			}
		}
	}
	each(newRoot())
	for path := range examples {
		if !used[path] {
			t.Errorf("there is an example of %q, and no such command", path)
		}
	}
}

// would says which command a line runs, and fails if there is none, or it has not
// the line's flags.
func would(t *testing.T, line string, words []string) string {
	t.Helper()
	found, rest, err := newRoot().Find(words)
	if err != nil {
		t.Errorf("%s: %v", line, err)
		return ""
	}
	for _, w := range rest {
		name, is := strings.CutPrefix(w, "--")
		name, _, _ = strings.Cut(name, "=")
		if is && name != "" && name != "help" && found.Flags().Lookup(name) == nil && found.InheritedFlags().Lookup(name) == nil {
			t.Errorf("%s: there is no flag --%s", line, name)
		}
	}
	return found.CommandPath()
}

// TestReadmesNameCommandsThatAre holds what the READMEs tell people to type to the
// commands and flags there are.
func TestReadmesNameCommandsThatAre(t *testing.T) {
	line := regexp.MustCompile("(?m)(?:bin/hearth|^    hearth|`hearth) ([a-z][^`#\n>|]*)")
	n := 0
	for _, file := range []string{"../../../README.md", "../../../sdk/README.md", "../../../plugins/README.md", "../../../.github/CONTRIBUTING.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			if words := strings.Fields(m[1]); words[0] != "go" {
				would(t, file+": "+m[0], words)
				n++
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d commands were found", n)
	}
}
