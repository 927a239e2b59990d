package check_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/verify/screen"
	"github.com/hearthbot/hearth/host/verify/source"
)

// chain joins n lines made of a number and the one before it.
func chain(n int, line func(i int) string) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		b.WriteString(line(i) + "\n")
	}
	return b.String()
}

func rep(s string, n int) string { return strings.Repeat(s, n) }

// main wraps statements.
func body(s string) string { return "package main\nfunc main() {\n" + s + "\n}\n" }

// with is declarations and a main.
func with(decls, stmts string) string {
	return "package main\n" + decls + "\nfunc main() {\n" + stmts + "\n}\n"
}

// bombs are small programs that take a type checker, an analyser or a compiler
// very long, or a lot of memory; those named B… are of shared/notes/hostile.md.
// Those that pass are for the compiler's budget.
var bombs = []struct {
	name, text string
	pass       bool // the screen has nothing against it
}{
	{"B18 huge array", with("var a [1 << 40]byte", "_ = a"), false},
	{"B19 large array", with("var a [1 << 31]byte", "_ = a"), false},
	{"B20 array by index", with("var a = [1 << 28]byte{1<<28 - 1: 1}", "_ = a"), false},
	{"B20 array by index, no length", with("var a = [...]byte{1<<28 - 1: 1}", "_ = a"), false},
	{"array by named constants", with("const k = 1 << 10\nconst n = k * k\nvar a [n * 100]byte", "_ = a"), false},
	{"array by iota", with("const (\na = 1 << (10 * iota)\nb\nc\nd\n)\nvar x [d]int", "_ = x"), false},
	{"B21 structs in structs", with("type T0 struct{ a, b int }\n"+chain(26, func(i int) string { return fmt.Sprintf("type T%d struct{ a, b T%d }", i, i-1) }), "var x T26; _ = x"), false},
	{"structs in structs, inside a function", body("type T0 struct{ a, b int }\n" + chain(26, func(i int) string { return fmt.Sprintf("type T%d struct{ a, b T%d }", i, i-1) }) + "var x T26; _ = x == x"), false},
	{"structs in structs by arrays", with("type T0 struct{ a, b int }\n"+chain(26, func(i int) string { return fmt.Sprintf("type T%d struct{ a [1]T%d; b [1]T%d }", i, i-1, i-1) }), "var x T26; _ = x"), false},
	{"structs in structs by type arguments", with("type P[T any] struct{ a, b T }\ntype T0 int\n"+chain(26, func(i int) string { return fmt.Sprintf("type T%d = P[T%d]", i, i-1) }), "var x T26; _ = x"), false},
	{"generic structs in structs", with("type T0[T any] struct{ a, b T }\n"+chain(26, func(i int) string { return fmt.Sprintf("type T%d[T any] struct{ a, b T%d[T] }", i, i-1) }), "var x T26[int]; _ = x"), false},
	{"nested type arguments", with("type P[T any] struct{ a, b T }", "var x "+rep("P[", 40)+"int"+rep("]", 40)+"; _ = x"), false},
	{"B22 aliases doubling", with("type P[A, B any] struct{}\ntype Q0 = int\n"+chain(24, func(i int) string { return fmt.Sprintf("type Q%d = P[Q%d, Q%d]", i, i-1, i-1) }), "var x Q24; _ = x"), false},
	{"aliases of functions doubling", with("type Q0 = int\n"+chain(30, func(i int) string { return fmt.Sprintf("type Q%d = func(Q%d) Q%d", i, i-1, i-1) }), "var x Q30; var y Q29; x = y"), false},
	{"generic aliases doubling", with("type D[T any] = map[*T]T\ntype Q0 = int\n"+chain(30, func(i int) string { return fmt.Sprintf("type Q%d = D[Q%d]", i, i-1) }), "var x Q30; var y Q29; x = y"), false},
	{"inference doubling", with("type P[A, B any] struct{}\nfunc w[T any](x T) (p P[T, T]) { return }", "x0 := 1\n"+chain(24, func(i int) string { return fmt.Sprintf("x%d := w(x%d)", i, i-1) })+"_ = x24"), false},
	{"inference doubling without a type", with("func w[T any](x T) (p func(T) T) { return }", "x0 := 1\n"+chain(24, func(i int) string { return fmt.Sprintf("x%d := w(x%d)", i, i-1) })+"_ = x24"), false},
	{"inference doubling, nested", with("func w[T any](x T) (p map[int]func(T) T) { return }", "_ = "+rep("w(", 30)+"1"+rep(")", 30)), false},
	{"inference doubling by a constraint", with("func w[T any, F func(T) T](x T, f F) (r F) { return }", "x0 := 1\n"+chain(24, func(i int) string { return fmt.Sprintf("x%d := w(x%d, nil)", i, i-1) })+"_ = x24"), false},
	{"methods doubling", with("type P[A, B any] struct{}\nfunc (p P[A, B]) M() (q P[P[A, B], P[A, B]]) { return }", "_ = P[int, int]{}"+rep(".M()", 24)), false},
	{"fields doubling", with("type P[A, B any] struct{}\n"+chain(24, func(i int) string { return fmt.Sprintf("type G%d[T any] struct{ n *G%d[P[T, T]] }", i, i+1) })+"type G25[T any] struct{ n T }\nvar g G1[int]", "_ = g"+rep(".n", 25)), false},
	{"embedded fields doubling", with("type P[A, B any] struct{}\n"+chain(24, func(i int) string { return fmt.Sprintf("type G%d[T any] struct{ *G%d[P[T, T]] }", i, i+1) })+"type G25[T any] struct{ n T }\nvar g G1[int]", "_ = g.n"), false},
	{"inference adding up", with("type P[A any] struct{}\nfunc w[T any](x T) (p "+rep("[]", 50)+"T) { return }", "x0 := 1\n"+chain(3000, func(i int) string { return fmt.Sprintf("x%d:=w(x%d)", i, i-1) })+"_ = x3000"), false},
	{"B23 arrays of arrays", with("var a "+rep("[2]", 40)+"int", "_ = a"), false},
	{"B24 blocks in blocks", body(rep("{", 30000) + rep("}", 30000)), false},
	{"B25 stars", with("var x "+rep("*", 60000)+"int", "_ = x"), false},
	{"slices of slices", with("var x "+rep("[]", 30000)+"int", "_ = x"), false},
	{"channels of channels", with("var x "+rep("chan ", 12000)+"int", "_ = x"), false},
	{"maps of maps", with("var x "+rep("map[int]", 8000)+"int", "_ = x"), false},
	{"functions of functions", with("var x "+rep("func() ", 9000)+"int", "_ = x"), false},
	{"B26 parentheses", with("var x = "+rep("(", 30000)+"1"+rep(")", 30000), "_ = x"), false},
	{"parentheses never closed", "package main\nvar x = " + rep("(", 60000), false},
	{"wrong brackets", "package main\nvar x = " + rep("(]", 30000), false},
	{"calls of calls", with("func f() {}", "f"+rep("()", 30000)), false},
	{"else if", body("if x := 1; x == 1 {\n" + rep("} else if x == 2 {\n", 3000) + "}"), false},
	{"labels", body(chain(6000, func(i int) string { return fmt.Sprintf("L%d:", i) })), false},
	{"functions in functions", body(rep("func(){", 5000) + rep("}()", 5000)), false},
	{"B27 statements", body("x := 1\n" + rep("x+=x*3+1\n", 6000)), false},
	{"B28 a long sum", with("var x = 1"+rep("+1", 30000), "_ = x"), false},
	{"B29 instantiation cycle", with("func f[T any](n int, x T) { if n > 0 { f(n-1, &x) } }", "f(9, 1)"), true},
	{"growing instantiation cycle", with("type P[A, B any] struct{}\nfunc f[T any](n int, x T) { if n > 0 { f(n-1, P[T, T]{}) } }", "f(9, 1)"), true},
	{"B30 large constants", with("const c = 1<<511*1<<511", "_ = c"), true},
	{"constants squared", with("const c0 = 1 << 500\n"+chain(30, func(i int) string { return fmt.Sprintf("const c%d = c%d * c%d", i, i-1, i-1) }), "_ = c30"), true},
	{"fractions squared", with("const c0 = 1.0 / 3\n"+chain(40, func(i int) string { return fmt.Sprintf("const c%d = c%d * c%d + 1.0 / 7", i, i-1, i-1) }), "_ = c40"), true},
	{"large exponents", body(rep("_ = 1e999999999 / 1e999999998\n", 2000)), true},
	{"small exponents", body(rep("_ = 0x1p-999999999\n", 2000)), true},
	{"strings doubling", with("const s0 = \"x\"\n"+chain(40, func(i int) string { return fmt.Sprintf("const s%d = s%d + s%d", i, i-1, i-1) }), "_ = len(s40)"), false},
	{"strings doubling, inside a function", body("const s0 = \"x\"\n" + chain(40, func(i int) string { return fmt.Sprintf("const s%d = s%d + s%d", i, i-1, i-1) }) + "_ = len(s40)"), false},
	{"strings doubling by conversion", with("type S string\nconst s0 = \"x\"\n"+chain(40, func(i int) string { return fmt.Sprintf("const s%d = S(s%d) + S(s%d)", i, i-1, i-1) }), "_ = len(s40)"), false},
	{"many large strings", with("const s0 = \""+rep("x", 20000)+"\"\nconst (\nt0 = s0\n"+chain(1500, func(i int) string { return fmt.Sprintf("t%d = t%d + s0", i, i-1) })+")", "_ = len(t1500)"), false},
	{"a long string, compared often", with("const s0 = \""+rep("x", 16000)+"\"\nconst s = s0+s0+s0+s0+s0+s0+s0+s0", rep("_ = s+\"a\" == s+\"b\"\n", 2000)), false},
	{"interfaces of many methods", with("type T int\n"+chain(1300, func(i int) string { return fmt.Sprintf("func(T)m%d(){}", i) })+"type I interface{\n"+chain(1300, func(i int) string { return fmt.Sprintf("m%d()", i) })+"}\nvar t T", rep("_=I(t)\n", 3000)), false},
	{"variables that depend on all others", with("var (\n"+chain(1900, func(i int) string { return fmt.Sprintf("a%d=f()", i) })+")\nvar (\n"+chain(1900, func(i int) string { return fmt.Sprintf("b%d int", i) })+")\nfunc f() int {\n"+chain(1900, func(i int) string { return fmt.Sprintf("_=b%d", i) })+"return 1}", ""), false},
	{"variables that depend on many others", with("var (\n"+chain(900, func(i int) string { return fmt.Sprintf("a%d=f()", i) })+")\nvar (\n"+chain(900, func(i int) string { return fmt.Sprintf("b%d int", i) })+")\nfunc f() int {\n"+chain(900, func(i int) string { return fmt.Sprintf("_=b%d", i) })+"return 1}", ""), false},
	{"cases of types", body("var x any; switch x.(type) {\n" + chain(3500, func(i int) string { return fmt.Sprintf("case [%d]int:", i) }) + "}"), false},
	{"a case of types", body("var x any; switch x.(type) { case int" + strings.ReplaceAll(chain(4500, func(i int) string { return fmt.Sprintf(",[%d]int", i) }), "\n", "") + ":}"), true},
	{"gotos", body("L:\n" + rep("goto L\n", 3900)), true},
	{"labels and gotos", body(chain(1300, func(i int) string { return fmt.Sprintf("goto L%d", i) }) + chain(1300, func(i int) string { return fmt.Sprintf("L%d:", i) }) + "{}"), true},
	{"closures", body(rep("_ = func(){}\n", 1900)), true},
	{"defers in loops", body(rep("for { if true { break }; defer println() }\n", 600)), true},
	{"lost cancels", "package main\nimport . \"context\"\nfunc main() {\n" + chain(650, func(i int) string {
		return fmt.Sprintf("c,x%d:=WithCancel(nil);if true{_=c};if c!=nil{}", i)
	}) + "}\n", true},
	{"mistakes", body(rep("_ = 1 + \"\"\n", 3900)), true},
	{"undefined names", body(chain(3900, func(i int) string { return fmt.Sprintf("x%d()", i) })), true},
	{"a long line", with("var x = []int{"+rep("1,", 30000)+"}", "_ = x"), true},
	{"a long type in many messages", body("type t = struct{" + "a,b,c,d,e,f,g,h int" + "}\nvar x t\n" + rep("x.q()\n", 3000)), true},
	{"names", with("const (\n"+chain(6000, func(i int) string { return fmt.Sprintf("c%d=1", i) })+")", ""), false},
	{"embedded interfaces doubling", with("type I0 interface{ m() }\n"+chain(30, func(i int) string { return fmt.Sprintf("type I%d interface{ I%d; interface{ I%d } }", i, i-1, i-1) }), "var x I30; x.m()"), false},
	{"embedded structs doubling", with("type A0 struct{ x int }\ntype B0 struct{ x int }\n"+chain(30, func(i int) string {
		return fmt.Sprintf("type A%d struct{ *A%d; *B%d }\ntype B%d struct{ *A%d; *B%d }", i, i-1, i-1, i, i-1, i-1)
	}), "var x A30; _ = x.x"), true},
	{"recursive type", with("type T struct{ a, b U }\ntype U struct{ a, b T }", ""), true},
	{"recursive aliases", with("type T = struct{ a, b *U }\ntype U = struct{ a, b *T }", "var t T; var u U; _ = t == u"), true},
	{"recursive generic type", with("type T[A any] struct{ a, b *T[T[A]] }", "var t T[int]; _ = t"), true},
	{"unions", with("type I interface{\n"+chain(2000, func(i int) string { return fmt.Sprintf("[%d]int|", i) })+"int }\nfunc f[T I](x T) {}", "f(1)"), false},
}

// Every bomb ends in the screen within milliseconds, or passes and is checked
// within a second; the test allows for a machine that has much else to do.
func TestBombs(t *testing.T) {
	c := checker(t)
	if err := c.Warm("context"); err != nil {
		t.Fatal(err)
	}
	for _, b := range bombs {
		t.Run(b.name, func(t *testing.T) {
			if len(b.text) > source.MaxSize {
				t.Fatalf("%d bytes are too many to be screened", len(b.text))
			}
			defer time.AfterFunc(time.Minute, func() { panic(b.name + " is stuck") }).Stop()
			start := time.Now()
			ds := screen.Screen(program(b.text), nil, screen.Rules{})
			screened := time.Since(start)
			if screened > 2*time.Second {
				t.Errorf("the screen took %v", screened)
			}
			if passed := len(ds) == 0; passed != b.pass && (passed || ds[0].Code != "screen/syntax") {
				t.Errorf("passed: %v %v", passed, ds)
			}
			if len(ds) > 0 {
				t.Logf("screened in %v: %s: %s", screened, ds[0].Code, ds[0].Message)
				return
			}
			start = time.Now()
			rep, err := c.Check("main", program(b.text), nil)
			if err != nil {
				t.Error(err)
			}
			checked := time.Since(start)
			if checked > 10*time.Second {
				t.Errorf("the check took %v", checked)
			}
			t.Logf("screened in %v, checked in %v: %d diagnostics", screened, checked, len(rep.Diagnostics))
		})
	}
}
