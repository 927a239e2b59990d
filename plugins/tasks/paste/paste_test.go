package paste

import (
	"strings"
	"testing"
	"unicode/utf8"
)

var module = must(`{
  "any": [
    {"match": "creating new go\\.mod: module \\S+"},
    {"match": "^module \\S+$", "not": "^package "}
  ],
  "wrong": [{"match": "^module$", "en": "It has no name yet.", "zh-CN": "还没有名字。"}]
}`)

func must(rules string) *Rules {
	r, err := Parse([]byte(rules))
	if err != nil {
		panic(err)
	}
	return r
}

func TestCheck(t *testing.T) {
	for text, want := range map[string]string{
		"go: creating new go.mod: module demo":                               "ok",
		"```\n$ go mod init demo\ngo: creating new go.mod: module demo\n```": "ok",
		"module demo\r\n\r\ngo 1.26\r\n":                                     "ok",
		"\x1b[32mmodule demo\x1b[0m":                                         "ok",
		"module\u00a0demo":                                                   "ok",
		"`module demo`":                                                      "ok",
		"```module demo```":                                                  "ok",
		"module\n\ngo 1.26":                                                  "It has no name yet.",
		"package main\nmodule demo":                                          "source",
		"":                                                                   "empty",
		" \n```\n```\n":                                                      "empty",
		"bash: go: command not found":                                        "not_installed go",
		"zsh: command not found: go":                                         "not_installed go",
		"sh: 1: dlv: not found":                                              "not_installed dlv",
		"'go' is not recognized as an internal or external command,":   "not_installed go",
		"go : The term 'go' is not recognized as the name of a cmdlet": "not_installed go",
		"'go' 不是内部或外部命令，也不是可运行的程序":                                     "not_installed go",
		"go : 无法将“go”项识别为 cmdlet、函数、脚本文件或可运行程序的名称。":                    "not_installed go",
		"bash: go：未找到命令":                                               "not_installed go",
		"go: /home/ann/demo/go.mod already exists":                     "module_exists",
		"go: cannot determine module path for source directory /home/ann (outside GOPATH, module path must be specified)\n\nExample usage:\n\t'go mod init example.com/m'": "no_path",
		"go: go.mod file not found in current directory or any parent directory; see 'go help modules'":                                                                    "no_module",
		"go: cannot find main module, but found .git/config in /home/ann":                                                                                                  "no_module",
		"no Go files in /home/ann/demo":                           "no_file",
		"stat hello.go: no such file or directory":                "no_file",
		"?   \tdemo\t[no test files]":                             "no_tests",
		"testing: warning: no tests to run\nPASS\nok  \tdemo\t1s": "no_tests",
		"# demo\n./main.go:4:2: declared and not used: x":         "no_build",
		"FAIL\tdemo [build failed]":                               "no_build",
		"--- FAIL: TestDouble (0.00s)\n    double_test.go:7: no":  "test_fails",
		"usage: go mod init [module-path]":                        "usage",
		"package main\n\nfunc main() {}":                          "source",
		"$ go mod init demo":                                      "command go",
		"go mod init demo":                                        "command go",
		"ann@box:~/demo$ mkdir demo\nann@box:~/demo$ go mod init": "command go",
		`PS C:\Users\ann> go mod init demo`:                       "command go",
		"I did it!":                                               "other",
		"做好了":                                                     "other",
	} {
		r := module.Check(text)
		got := strings.TrimSpace(string(r.Mistake) + " " + r.Tool)
		switch {
		case r.OK:
			got = "ok"
		case r.Words != nil:
			got = r.Words["en"]
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestRulesThatAreNone(t *testing.T) {
	for rules, want := range map[string]string{
		"":                                      "the rules are no JSON",
		`{"all": []}`:                           `unknown field "all"`,
		`{}`:                                    `"any" is empty`,
		`{"any": [{"match": ""}]}`:              "any 1: match: it is empty",
		`{"any": [{"match": "("}]}`:             "any 1: match: error parsing regexp: missing closing ): `(?m)(`; expressions are",
		`{"any": [{"match": "a", "not": "["}]}`: "any 1: not:",
		`{"any": [{"match": "a"}], "wrong": [{"match": "b"}]}`:                                            `wrong 1: it does not say what to do; add "en": "…"`,
		`{"any": [{"match": "a"}], "wrong": [{"en": "b"}]}`:                                               "wrong 1: match: it is empty",
		`{"any": [{"match": "` + strings.Repeat("a", 1001) + `"}]}`:                                       "the expression has 1001 bytes",
		`{"any": [` + strings.Repeat(`{"match":"a"},`, 24) + `{"match":"a"}]}`:                            "more than 24 rules",
		strings.Repeat(" ", 17<<10):                                                                       "the rules have 17 KiB",
		`{"any": [{"match": "a"}], "wrong": [{"match": "b", "en": "` + strings.Repeat("a", 1001) + `"}]}`: "wrong 1: en has 1001 bytes",
	} {
		if _, err := Parse([]byte(rules)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %s", rules, err, want)
		}
	}
}

// TestLongText does not take long: expressions are RE2, and the text is cut.
func TestLongText(t *testing.T) {
	r := must(`{"any": [{"match": "(a+)+(b|c)*$x"}], "wrong": [{"match": "((a*)*)*z", "en": "no"}]}`)
	if got := r.Check(strings.Repeat("a", 1<<20) + "\nmodule demo"); got.OK || got.Mistake != Other {
		t.Errorf("%+v", got)
	}
	if got := Tidy(strings.Repeat("世", MaxText)); len(got) > MaxText || !utf8.ValidString(got) {
		t.Errorf("%d bytes", len(got))
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(`{"any": [{"match": "a|b"}]}`, "$ go version")
	f.Add(`{"any": [{"match": "^ok\\s"}], "wrong": [{"match": "FAIL", "en": "x"}]}`, "ok  \tdemo\t0.1s\n```")
	f.Fuzz(func(t *testing.T, rules, text string) {
		for _, r := range []*Rules{module, parsed(rules)} {
			if r == nil {
				continue
			}
			switch got := r.Check(text); {
			case got.OK && (got.Words != nil || got.Mistake != ""):
				t.Errorf("accepted, and %+v", got)
			case !got.OK && (got.Words == nil) == (got.Mistake == ""):
				t.Errorf("not accepted, and %+v", got)
			}
		}
		if once := Tidy(text); strings.HasSuffix(once, "\n") || len(once) > 2*MaxText {
			t.Errorf("%q", once)
		}
	})
}

func parsed(rules string) *Rules {
	r, err := Parse([]byte(rules))
	if err != nil {
		return nil
	}
	return r
}
