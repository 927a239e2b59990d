package paste

import (
	"regexp"
	"strings"
)

// Mistake is something that goes wrong with any command.
type Mistake string

// The common mistakes.
const (
	Empty        Mistake = "empty"         // nothing was pasted
	NotInstalled Mistake = "not_installed" // the shell does not know the tool
	ModuleExists Mistake = "module_exists" // go mod init where a go.mod is
	NoModulePath Mistake = "no_path"       // go mod init without a name, outside GOPATH
	NoModule     Mistake = "no_module"     // outside of the module's folder
	NoFile       Mistake = "no_file"       // the file is not where the command was run
	NoTests      Mistake = "no_tests"      // no file ends in _test.go
	TestFails    Mistake = "test_fails"    // the test ran, and failed
	DoesNotBuild Mistake = "no_build"      // the compiler complains
	Usage        Mistake = "usage"         // the command was not written as it wants to be
	Command      Mistake = "command"       // the command itself was pasted
	Source       Mistake = "source"        // Go source was pasted, not what came of it
	Other        Mistake = "other"
)

// mistakes are tried in this order: what comes first explains what follows it.
// A group, if there is one, is the tool.
var mistakes = []struct {
	Mistake
	*regexp.Regexp
}{
	{NotInstalled, regexp.MustCompile(`(?im)command not found: (\w+)|(\w+): (?:command )?not found$|^'?(\w+)'? is not recognized|the term '(\w+)' is not recognized|'(\w+)' 不是内部或外部命令|未找到命令[:：]? ?(\w*)|(\w+)[:：] ?未找到命令|无法将["'“](\w+)["'”]项识别`)},
	{ModuleExists, regexp.MustCompile(`go\.mod already exists`)},
	{NoModulePath, regexp.MustCompile(`cannot determine module path`)},
	{NoModule, regexp.MustCompile(`go\.mod file not found|cannot find main module|directory prefix .* does not contain|outside (?:main|available) module`)},
	{NoTests, regexp.MustCompile(`(?m)no test files\]?$|no tests to run`)},
	{NoFile, regexp.MustCompile(`no Go files in|no such file or directory|cannot find the file|系统找不到指定的文件|没有那个文件或目录|named files must`)},
	{DoesNotBuild, regexp.MustCompile(`(?m)^\S*\.go:\d+:\d+: |\[build failed\]|\[setup failed\]`)},
	{TestFails, regexp.MustCompile(`(?m)^\s*--- FAIL|^FAIL\b`)},
	{Usage, regexp.MustCompile(`(?mi)^usage: |^Run '?go help|unknown command|flag provided but not defined`)},
	{Source, regexp.MustCompile(`(?m)^package \w+$`)},
}

// commandLine is a line that calls a tool, with or without a prompt.
var commandLine = regexp.MustCompile(`^(?:.{0,80}[$%>#❯] *)?(go|dlv|gopls|git|mkdir|cd|touch|echo|cat|type)(?: .{0,400})?$`)

// common finds the mistake that a text shows, and the tool that it is about.
func common(text string) (Mistake, string) {
	for _, m := range mistakes {
		groups := m.FindStringSubmatch(text)
		if groups == nil {
			continue
		}
		for _, g := range groups[1:] {
			if g != "" {
				return m.Mistake, g
			}
		}
		return m.Mistake, ""
	}
	tool := ""
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		groups := commandLine.FindStringSubmatch(line)
		if groups == nil {
			return Other, ""
		}
		tool = groups[1]
	}
	return Command, tool
}
