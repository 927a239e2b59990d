package explain

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host/verify/check"
	"github.com/hearthbot/hearth/host/verify/screen"
	"github.com/hearthbot/hearth/host/verify/source"
)

// archives opens the standard library's export data, as the go command has it.
var archives = sync.OnceValues(func() (func(path string) (io.ReadCloser, error), error) {
	cmd := exec.Command("go", "list", "-export", "-f", "{{.ImportPath}}={{.Export}}", "std")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		files[path] = file
	}
	return func(path string) (io.ReadCloser, error) {
		if files[path] == "" {
			return nil, fs.ErrNotExist
		}
		return os.Open(files[path])
	}, nil
})

// complete makes a program of statements, or of declarations and statements
// divided by "@@", with the imports they need.
func complete(s string) string {
	if strings.HasPrefix(s, "package ") || strings.HasPrefix(s, "raw ") {
		return strings.TrimPrefix(s, "raw ")
	}
	decls, stmts, ok := strings.Cut(s, "@@")
	if !ok {
		decls, stmts = "", s
	}
	var imports strings.Builder
	for _, p := range []string{"fmt", "errors", "strings", "sync", "os", "os/signal", "time", "context", "encoding/json", "net/http", "strconv", "log/slog", "testing", "sync/atomic"} {
		base := p[strings.LastIndexByte(p, '/')+1:]
		if regexp.MustCompile(`\b`+base+`\.`).MatchString(s) && !strings.Contains(s, "import") {
			imports.WriteString("import \"" + p + "\"\n")
		}
	}
	return "package main\n" + imports.String() + decls + "\nfunc main() {\n" + stmts + "\n}\n"
}

// broken are snippets, and what of the catalogue explains them; some also what
// the English text says in the end.
var broken = []struct{ key, snippet, says string }{
	{"syntax.outside", "x := 1\n@@", "Move `x` into a function"},
	{"syntax.package", "raw func main() {}", ""},
	{"syntax.brace", "raw package main\nfunc main()\n{\n}\n", ""},
	{"syntax.brace", "if true\n{\n}", ""},
	{"syntax.else", "if true {\n}\nelse {\n}", ""},
	{"syntax.comma", "x := []int{\n1,\n2\n}\n_ = x", ""},
	{"syntax.comma", "fmt.Println(\"a\",\n\"b\"\n)", ""},
	{"syntax.separator", "f(1 2)", ""},
	{"syntax.string", "x := \"hello", ""},
	{"syntax.rune", "x := 'hello'", ""},
	{"syntax.rune", "x := 'a", ""},
	{"syntax.raw", "x := `abc", ""},
	{"syntax.comment", "/* abc", ""},
	{"syntax.quotes", "x := “a”", ""},
	{"syntax.ternary", "x := 3\ny := x > 2 ? 1 : 0", ""},
	{"syntax.hash", "#include", ""},
	{"syntax.character", "x := 1；", "the character U+FF1B '；'"},
	{"syntax.assignment", "if x = 1 {\n}", ""},
	{"syntax.keyword", "var type = 3", "`type` is a word of the language"},
	{"syntax.name", "var 5 = 3", ""},
	{"syntax.define", "var x := 3", ""},
	{"syntax.increment", "y := x++", "`x++` is a statement"},
	{"syntax.open", "for i := 0; i < 3; i++ {", ""},
	{"syntax.octal", "x := 09", ""},
	{"syntax.imports", "func f() {}\nimport \"fmt\"\n@@", ""},
	{"syntax.call", "go func() {}", "`go` needs a call"},
	{"syntax.call", "defer fmt.Println", "`defer` needs a call"},
	{"syntax.inner", "func inner() {\n}", "`inner := func() { … }`"},
	{"syntax.in", "for i in range 3 {\n}", ""},
	{"syntax.keyvalue", "m := map[string]int{\"a\" = 1}", ""},
	{"syntax.escape", "x := \"\\q\"", ""},
	{"syntax.type", "a := [3]int[1,2,3]", ""},
	{"syntax.operand", "x := 1 +", ""},
	{"syntax.operand", "a := {1,2}", ""},
	{"syntax.case", "switch 3 {\nfmt.Println()\n}", ""},
	{"syntax.case", "case 3:", ""},
	{"syntax.range", "for i, v, w := range a {}", ""},
	{"syntax.ended", "let x = 3", "before x"},
	{"syntax.ended", "while true {\n}", ""},
	{"syntax.other", "x := 0x", ""},

	{"source.bidi", "raw package main\n// \u202e\nfunc main() {}\n", ""},
	{"screen.mistyped", "import \"fmtt\"\n@@", "`import \"fmt\"`"},
	{"screen.download", "import \"github.com/foo/bar\"\n@@", ""},
	{"screen.import", "import \"os/exec\"\n@@", ""},
	{"screen.unsafe", "import \"unsafe\"\n@@", ""},
	{"screen.cgo", "import \"C\"\n@@", ""},
	{"screen.main", "raw package main\n", ""},
	{"screen.maintest", "raw package main\nimport \"testing\"\nfunc TestA(t *testing.T) {}\n", ""},
	{"screen.notmain", "raw package hello\nfunc main() {}\n", ""},
	{"screen.directive", "//go:embed x\nvar s string\n@@", ""},
	{"screen.size", "var a [1 << 40]int\n@@", ""},
	{"screen.nesting", strings.Repeat("{", 300) + strings.Repeat("}", 300), ""},
	{"screen.body", "func f()\n@@", ""},

	{"UnusedVar", "x := 1", "`fmt.Println(x)`"},
	{"UnusedVar.err", "x, err := strconv.Atoi(\"1\"); fmt.Println(x)", ""},
	{"UnusedImport", "import \"os\"\n@@", "You import `os`"},
	{"UndeclaredName", "foo()", "the name `foo`"},
	{"UndeclaredName.import", "raw package main\nfunc main() { fmt.Println() }\n", "`fmt` is a package"},
	{"UndeclaredName.nil", "_ = null", "not `null`"},
	{"UndeclaredImportedName.case", "fmt.println(\"x\")", "write `Println`"},
	{"UndeclaredImportedName", "fmt.Printn(\"x\")", "no `fmt.Printn`"},
	{"MissingFieldOrMethod.private", "var b strings.Builder; _ = b.buf", "`buf` begins with a small letter"},
	{"MissingFieldOrMethod", "var p struct{a int}; p.b = 1", "`struct{a int}` has no `b`"},
	{"MissingFieldOrMethod.case", "var p struct{Name int}; p.name = 1", "called `Name`"},
	{"MissingFieldOrMethod.len", "a := []int{1}; a.append(4)", ""},
	{"MissingReturn", "func f() int {\n}\n@@", ""},
	{"IncompatibleAssign", "var s string = 5; _ = s", "A `string` is wanted here, and `5`"},
	{"IncompatibleAssign.assert", "var i any = 3; var n int = i; _ = n", ""},
	{"IncompatibleAssign.nil", "var x int = nil; _ = x", "A `int`"},
	{"IncompatibleAssign.rune", "var s string = 'a'; _ = s", ""},
	{"IncompatibleAssign.spread", "func f(xs ...int) {}\n@@f([]int{1})", ""},
	{"IncompatibleAssign.number", "i := 1; var f float64 = i; _ = f", "`float64(x)`"},
	{"MismatchedTypes", "i, f := 1, 2.5; fmt.Println(i * f)", "`int` and `float64`"},
	{"MismatchedTypes.text", "x := 1; s := \"a\"; fmt.Println(x + s)", ""},
	{"MismatchedTypes.text", "s := \"a\" + 1; _ = s", ""},
	{"MismatchedTypes.duration", "n := 3; time.Sleep(n * time.Second)", ""},
	{"NoNewVar", "x := 1; x := 2; _ = x", ""},
	{"WrongAssignCount.call", "n := strconv.Atoi(\"1\"); _ = n", "`strconv.Atoi` gives back 2, and there is room for 1"},
	{"WrongAssignCount", "a, b := 1; _, _ = a, b", "left: 2; values on the right: 1"},
	{"WrongArgCount.few", "func f(a, b int) {}\n@@f(1)", "`f` wants more"},
	{"WrongArgCount.many", "func f(a int) {}\n@@f(1, 2)", "`f` wants fewer"},
	{"WrongArgCount.make", "x := make([]int); _ = x", ""},
	{"WrongResultCount.few", "func f() (int, error) { return 1 }\n@@", ""},
	{"WrongResultCount.many", "return 1", ""},
	{"TooManyValues.none", "func f() {}\n@@x := f(); _ = x", ""},
	{"TooManyValues", "func f() (int, int) { return 1, 2 }\n@@_ = f() + 1", ""},
	{"InvalidIfaceAssign.pointer", "type T struct{}\nfunc (t *T) Hi() {}\ntype I interface{ Hi() }\n@@var i I = T{}; _ = i", "`&T{}`"},
	{"InvalidIfaceAssign.error", "func f() error { return \"x\" }\n@@", ""},
	{"InvalidIfaceAssign", "type I interface{ Hi() }\n@@var i I = 3; _ = i", "To be a `I`, a type needs the method `Hi`"},
	{"InvalidCond", "if 1 { }", ""},
	{"InvalidCall", "x := 3; x()", "`x` is no function"},
	{"InvalidRangeExpr", "for i := range 3.5 { _ = i }", ""},
	{"MisplacedBreak", "break", ""},
	{"MisplacedContinue", "continue", ""},
	{"MisplacedFallthrough", "fallthrough", ""},
	{"UnusedLabel", "L: for { }", "`break L`"},
	{"UndeclaredLabel", "goto M", "`M: for {`"},
	{"InvalidIndex.bounds", "var a [3]int; a[5] = 1", "There are 3 elements, counted from 0, so `5`"},
	{"InvalidIndex", "var a [3]int; a[-1] = 1", ""},
	{"InvalidConstVal", "a := []int{1}; a[\"x\"] = 1", ""},
	{"DuplicateLitKey", "m := map[string]int{\"a\": 1, \"a\": 2}; _ = m", "`\"a\"`"},
	{"DuplicateCase", "switch 1 { case 1: case 1: }", ""},
	{"NumericOverflow", "var x int8 = 300; _ = x", "`300` does not fit into `int8`"},
	{"DivByZero", "x := 10 / 0; _ = x", ""},
	{"UndefinedOp.nil", "s := []int{1,2}; if s == s { }", "a slice with"},
	{"UndefinedOp.generic", "func Sum[T any](a, b T) T { return a + b }\n@@", "`any` allows has `+`"},
	{"UndefinedOp.rest", "f := 1.5; _ = f % 2", ""},
	{"UndefinedOp", "_ = !5", ""},
	{"UnusedExpr", "1 + 2", ""},
	{"UnusedExpr.append", "append([]int{}, 1)", ""},
	{"UnusedExpr.compare", "x := 1; x == 2", ""},
	{"OversizeArrayLit", "a := [2]int{1,2,3}; _ = a", ""},
	{"InvalidStructLit", "type T struct{a, b int}\n@@t := T{1}; _ = t", "`T{a: 1}`"},
	{"MissingLitField", "type T struct{a int}\n@@t := T{b: 2}; _ = t", "`T` has no field `b`"},
	{"InvalidDeclCycle", "type T struct { t T }\n@@", "`next *T`"},
	{"InvalidInitCycle", "var a = b\nvar b = a\n@@", ""},
	{"InvalidConstInit", "const c = len(os.Args)\n@@", ""},
	{"UnassignableOperand", "const c = 1\n@@c = 2", ""},
	{"UnassignableOperand.index", "s := \"abc\"; s[0] = 'x'", "`b := []rune(s)`"},
	{"UnaddressableFieldAssign", "m := map[string]struct{a int}{}; m[\"x\"].a = 1", ""},
	{"InvalidIndirection", "x := 5; *x = 3", ""},
	{"UnaddressableOperand", "x := &5; _ = x", "`new(5)`"},
	{"InvalidReceive", "var c chan<- int; <-c", ""},
	{"InvalidSend", "var c <-chan int; c <- 1", ""},
	{"CannotInferTypeArgs", "func f[T any]() T { var t T; return t }\n@@f()", ""},
	{"InvalidTypeArg", "type N interface{ int | float64 }\nfunc f[T N](t T) {}\n@@f(\"x\")", "`N` does not allow the type `string`"},
	{"MisplacedConstraintIface", "type N interface{ int | float64 }\n@@var n N; _ = n", ""},
	{"InvalidAssert", "n := 1; _ = n.(int)", "`n` has a known type"},
	{"ImpossibleAssert", "type T struct{}\n@@var e error; _ = e.(T)", ""},
	{"TruncatedFloat", "var n int = 3.7; _ = n", ""},
	{"InvalidConversion", "_ = int(\"5\")", ""},
	{"DuplicateDecl", "func f() {}\nfunc f() {}\n@@", "`f`"},
	{"DuplicateDecl.main", "func main() {}\n@@", ""},
	{"InvalidRecv", "func (t int) f() {}\n@@", ""},
	{"IncomparableMapKey", "m := map[[]int]string{}; _ = m", "A `[]int`"},
	{"NotAnExpr", "type S struct{}\n@@s := S; _ = s", "`S{}`"},
	{"NotAType", "x := 1; var y x; _ = y", ""},
	{"UntypedNilUse", "x := nil; _ = x", ""},
	{"InvalidMainDecl", "raw package main\nfunc main(x int) {}\n", ""},
	{"InvalidInitDecl", "func init() int { return 1 }\n@@", ""},
	{"InvalidMake", "x := make(int); _ = x", ""},
	{"InvalidLen", "_ = len(5)", ""},
	{"NonNumericIncDec", "s := \"a\"; s++", ""},
	{"DuplicateFieldAndMethod", "type T struct { A int }\nfunc (t T) A() {}\n@@", ""},
	{"DuplicateMethod", "type T struct{}\nfunc (t T) A() {}\nfunc (t T) A() {}\n@@", "`A`"},

	{"vet.printf.type", "fmt.Printf(\"%d\\n\", \"x\")", "`%d` does not fit `\"x\"`, which is a `string`"},
	{"vet.printf.few", "fmt.Printf(\"%d %d\\n\", 1)", "value 2 is missing"},
	{"vet.printf.many", "fmt.Printf(\"%d\\n\", 1, 2)", "text: 1; values that follow: 2"},
	{"vet.printf.verb", "fmt.Printf(\"%z\\n\", 1)", ""},
	{"vet.printf.ln", "fmt.Println(\"%d\", 1)", ""},
	{"vet.printf.constant", "s := os.Args[0]; fmt.Printf(s)", ""},
	{"vet.printf.none", "fmt.Printf(\"x\", 1)", ""},
	{"vet.printf", "func f() (m map[int]int, k int) { return }\n@@delete(f())", ""},
	{"vet.copylocks", "var wg sync.WaitGroup; f := func(w sync.WaitGroup) {}; f(wg)", ""},
	{"vet.unreachable", "return\nfmt.Println()", ""},
	{"vet.structtag", "type T struct { a int `json:\"a\"` }\n@@", ""},
	{"vet.lostcancel", "ctx, _ := context.WithCancel(context.Background()); _ = ctx", ""},
	{"vet.waitgroup", "var wg sync.WaitGroup; go func() { wg.Add(1); wg.Done() }(); wg.Wait()", ""},
	{"vet.assign", "x := 1; x = x", "`x` is given"},
	{"vet.unusedresult", "fmt.Sprintf(\"x\")", "`fmt.Sprintf`"},
	{"vet.stringintconv", "n := 5; s := string(n); _ = s", ""},
	{"vet.bools.suspect", "x := 1; if x != 1 || x != 2 {}", ""},
	{"vet.bools", "x := 1; if x == 1 || x == 1 {}", ""},
	{"vet.nilfunc", "if fmt.Println == nil {}", ""},
	{"vet.unmarshal", "var v struct{}; json.Unmarshal(nil, v)", ""},
	{"vet.httpresponse", "r, err := http.Get(\"x\"); defer r.Body.Close(); if err != nil {}", ""},
	{"vet.shift", "x := int8(1); _ = x << 9", ""},
	{"vet.defers", "defer fmt.Println(time.Since(time.Now()))", ""},
	{"vet.atomic", "var n int32; n = atomic.AddInt32(&n, 1)", ""},
	{"vet.errorsas", "var e error; var t *os.PathError; errors.As(e, t)", ""},
	{"vet.ifaceassert", "type I interface{ Read() string }\ntype J interface{ Read() int }\n@@var i I; _ = i.(J)", ""},
	{"vet.testinggoroutine", "func f(t *testing.T) { go func() { t.Fatal() }() }\nfunc TestF(t *testing.T) { go func() { t.Fatal() }() }\n@@", ""},
	{"vet.appends", "a := []int{}; a = append(a); _ = a", ""},
	{"vet.composites", "raw package main\nimport \"net\"\nfunc main() { _ = net.IPNet{nil, nil} }\n", ""},
	{"vet.timeformat", "t := time.Now(); t.Format(\"2006-02-01\")", ""},
	{"vet.slog", "slog.Info(\"a\", \"b\")", ""},
	{"vet.sigchanyzer", "c := make(chan os.Signal); signal.Notify(c, os.Interrupt)", ""},
}

// said are messages that no snippet here makes, and those of the runtime.
var said = []struct{ key, code, message string }{
	{"source.empty", "source/empty", "there is no code"},
	{"source.size", "source/size", "70000 bytes are more than 64 KiB"},
	{"source.name", "source/name", `file name "../x": . and .. are no names here`},
	{"source.utf8", "source/utf8", "a byte that is not UTF-8"},
	{"screen.package", "screen/package", "the task's tests are in package a: begin the file with package a"},
	{"screen.tests", "screen/tests", "there is no test to run: a test is a func TestXxx(t *testing.T)"},
	{"screen.maintest", "screen/main", "function main is undeclared in the main package: to run Test加法 as a test, its file's name must end in _test.go"},
	{"MissingFieldOrMethod", "MissingFieldOrMethod", "p.年龄 undefined (type 学生 has no field or method 年龄)"},
	{"screen.module", "screen/module", "no go.mod is needed here"},
	{"screen.clash", "screen/clash", "the task brings a file of this name: rename yours"},
	{"screen.directory", "screen/directory", "all Go files are one package here"},
	{"check.unsafe", "check/unsafe", "NewAt works with unsafe pointers and cannot be used in a task"},
	{"BrokenImport", "BrokenImport", "could not import nowhere (there is no such package here)"},
	{"vet.tests", "vet/tests", "TestfooX has malformed name: first letter after 'Test' must not be lowercase"},
	{"verdict.time", "verdict/time_limit_exceeded", ""},
	{"verdict.spin", "verdict/one_thread", ""},
	{"verdict.output", "verdict/output_limit_exceeded", ""},
	{"verdict.leak", "verdict/goroutine_leak", ""},
	{"verdict.memory", "verdict/memory_limit_exceeded", ""},
}

func TestHints(t *testing.T) {
	open, err := archives()
	if err != nil {
		t.Skipf("there is no go command to list the standard library: %v", err)
	}
	c := check.New(open)
	reached := map[string]bool{}
	for _, b := range broken {
		files := []source.File{{Name: "main.go", Text: complete(b.snippet)}}
		ds := screen.Screen(files, nil, screen.Rules{})
		if len(ds) == 0 {
			rep, err := c.Check("main", files, nil)
			if err != nil {
				t.Fatalf("%s: %v", b.snippet, err)
			}
			ds = rep.Diagnostics
		}
		var got []string
		found := false
		for _, d := range ds {
			key, _ := load().find(d.Code, d.Message)
			reached[key] = true
			got = append(got, fmt.Sprintf("%s: %s → %s", d.Code, d.Message, key))
			en, zh := Hint(d.Code, d.Message, "en"), Hint(d.Code, d.Message, "zh-CN")
			if key == b.key && strings.Contains(en, b.says) {
				found = true
			}
			if left := regexp.MustCompile(`\{(name|type|value|found|path|have|want|n|index|a|b|left|right|call|op|limit|to|from|method|iface|verb|arg|key|char|word|kind)\}`); left.MatchString(en) || left.MatchString(zh) {
				t.Errorf("%q: a place was not filled: %s %s", b.snippet, en, zh)
			}
		}
		if !found {
			t.Errorf("%q: want %s %q, got\n%s", b.snippet, b.key, b.says, strings.Join(got, "\n"))
		}
	}
	for _, s := range said {
		key, _ := load().find(s.code, s.message)
		if key != s.key {
			t.Errorf("%s %q: got %q, want %q", s.code, s.message, key, s.key)
		}
		reached[key] = true
	}
	for _, d := range deaths {
		code, message, _, _ := Runtime(d.stderr, 2)
		key, _ := load().find(code, message)
		reached[key] = true
	}
	for _, r := range rules {
		if !reached[r.key] {
			t.Errorf("nothing here reaches %s", r.key)
		}
	}
}

// Both languages have the same texts with the same places to fill, in few words.
func TestCatalogue(t *testing.T) {
	c := load()
	if len(c.texts) != 2 {
		t.Fatalf("%d languages", len(c.texts))
	}
	places := regexp.MustCompile(`\{\w+\}`)
	for _, r := range rules {
		groups := regexp.MustCompile(r.pattern).SubexpNames()
		var want []string
		for locale, texts := range c.texts {
			text := texts[r.key]
			got := places.FindAllString(text, -1)
			slices.Sort(got)
			got = slices.Compact(got)
			if want == nil {
				want = got
			}
			if text == "" || !slices.Equal(got, want) && len(got)+len(want) > 0 {
				t.Errorf("%s %s: %q, places %v and %v", locale, r.key, text, got, want)
			}
			for _, p := range got {
				if !slices.Contains(groups, strings.Trim(p, "{}")) {
					t.Errorf("%s %s: nothing fills %s", locale, r.key, p)
				}
			}
			if strings.Count(text, "`")%2 != 0 || len(text) > 400 {
				t.Errorf("%s %s: %q", locale, r.key, text)
			}
		}
	}
	for locale, texts := range c.texts {
		for key := range texts {
			if !slices.ContainsFunc(rules, func(r rule) bool { return r.key == key }) {
				t.Errorf("%s %s: no rule leads there", locale, key)
			}
		}
	}
	if len(rules) < 60 {
		t.Errorf("%d texts", len(rules))
	}
}

func TestLocale(t *testing.T) {
	en, zh := Hint("NoNewVar", "", "en"), Hint("NoNewVar", "", "zh-CN")
	for locale, want := range map[string]string{"en": en, "en-GB": en, "zh-CN": zh, "zh": zh, "zh_TW": zh, "ZH-hk": zh, "fr": en, "": en} {
		if got := Hint("NoNewVar", "", locale); got != want {
			t.Errorf("%q: %q", locale, got)
		}
	}
	if got := Hint("NeverHeard", "x", "en"); got != "" {
		t.Errorf("%q", got)
	}
}

func FuzzHint(f *testing.F) {
	f.Add("UnusedVar", "declared and not used: x`\n")
	f.Add("screen/syntax", "expected ';', found "+strings.Repeat("界", 100))
	f.Fuzz(func(t *testing.T, code, message string) {
		for _, locale := range []string{"en", "zh-CN"} {
			h := Hint(code, message, locale)
			if len(h) > 1000 || strings.Count(h, "`")%2 != 0 || utf8.ValidString(message) && !utf8.ValidString(h) || strings.Contains(h, "\n") {
				t.Errorf("%q", h)
			}
		}
	})
}
