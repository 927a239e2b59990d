package conformance

import (
	"fmt"
	"go/scanner"
	"go/token"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/verify"
)

// prelude is what every program has beside its own declarations.
const prelude = `package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

var _, _, _, _, _ = os.Args, runtime.GOOS, strings.ToUpper, sync.OnceFunc, time.Second

var ErrEmpty = errors.New("the stack is empty")

type Shape interface{ Area() int }

type Stack[T any] struct{ items []T }

func (s *Stack[T]) Push(x T) { s.items = append(s.items, x) }

func (s *Stack[T]) Pop() (x T, err error) {
	if len(s.items) == 0 {
		return x, fmt.Errorf("pop: %w", ErrEmpty)
	}
	x = s.items[len(s.items)-1]
	s.items = s.items[:len(s.items)-1]
	return x, nil
}

func mapped[T, U any](s []T, f func(T) U) (out []U) {
	for _, x := range s {
		out = append(out, f(x))
	}
	return out
}

func at[T any](s []T, i int) (x T) {
	if i >= 0 && i < len(s) {
		x = s[i]
	}
	return x
}

func id[T any](x T) T { return x }

func double(x int) int { return x * 2 }

func try(f func()) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Println("recovered:", r)
		}
	}()
	f()
}

`

// prediction is what a program will do; not known if it does much.
type prediction struct {
	known   bool
	verdict verify.Verdict
	exit    int
	stdout  string
}

// end is how main ends.
type end struct {
	text    string
	verdict verify.Verdict
	exit    int
}

func (g *generator) end() end {
	switch g.n(14) {
	case 7:
		n := g.n(4)
		if n == 0 {
			return end{"os.Exit(0)\n", verify.Accepted, 0}
		}
		return end{fmt.Sprintf("os.Exit(%d)\n", n), verify.RuntimeError, n}
	case 8:
		return end{"panic(errors.New(\"the end\"))\n", verify.RuntimeError, 2}
	case 9:
		return end{"<-make(chan int)\n", verify.Deadlock, 2}
	case 10:
		return end{"var mu sync.Mutex\nmu.Lock()\nmu.Lock()\n", verify.Deadlock, 2}
	case 11:
		return end{"c := make(chan int)\ngo func() { c <- 1 }()\nfor range 10 {\nruntime.Gosched()\n}\n", verify.GoroutineLeak, 0}
	case 12:
		return end{"var deep func(int) int\ndeep = func(n int) int { return deep(n+1) + n }\nfmt.Fprintln(os.Stderr, deep(0))\n", verify.RuntimeError, 2}
	case 13:
		if g.n(3) == 0 {
			return end{"for {\n}\n", verify.TimeLimit, 0}
		}
	}
	return end{"", verify.Accepted, 0}
}

// makeProgram makes a program that is valid, and says what it will do.
func makeProgram(bytes []byte) (text string, p prediction) {
	g := &generator{choices: choices{bytes}}
	var b strings.Builder
	b.WriteString(prelude)
	for range 1 + g.n(3) {
		b.WriteString(g.structType())
	}
	for range g.n(4) {
		b.WriteString(g.function())
	}
	g.scope = nil
	main, end := g.bodyOf(4+g.n(8), nil, nil), g.end()
	b.WriteString("func main() {\n" + main.text + end.text + "}\n")
	return b.String(), predict(main, end)
}

func predict(main stmt, e end) (p prediction) {
	m := &machine{}
	p = prediction{true, e.verdict, e.exit, ""}
	defer func() {
		r := recover()
		if r != nil {
			p.verdict, p.exit = verify.RuntimeError, 2
		}
		_, long := r.(endless)
		p.known = !long
		p.stdout = m.out.String()
	}()
	f := &frame{map[int]*cell{}, nil, &call{m: m}}
	if e.text == "" || e.verdict == verify.GoroutineLeak || e.exit == 2 && strings.HasPrefix(e.text, "panic") {
		m.run(f, main) // what main defers is done
		return p
	}
	main.exec(f)
	return p
}

// brokenProgram makes a program, and breaks it in one to four places.
func brokenProgram(bytes, damage []byte) string {
	text, _ := makeProgram(bytes)
	c := choices{damage}
	for range 1 + c.n(4) {
		text = breakOnce(&c, text)
	}
	return text
}

// spot is a token and its place.
type spot struct {
	from, to int
	tok      token.Token
}

func spots(text string) (out []spot) {
	fset := token.NewFileSet()
	f := fset.AddFile("", fset.Base(), len(text))
	var s scanner.Scanner
	s.Init(f, []byte(text), func(token.Position, string) {}, 0)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return out
		}
		if tok == token.SEMICOLON && lit == "\n" {
			continue
		}
		if lit == "" {
			lit = tok.String()
		}
		from := f.Offset(pos)
		out = append(out, spot{from, min(from+len(lit), len(text)), tok})
	}
}

// debris is what a broken program may have in the place of a token.
var debris = []string{"", ";", "{", "}", "(", ")", "[", "]", ":=", "=", "\"", "'", "`", "/*", "//go:embed x\n", "func", "type", "range", "nil", "0", "-1",
	"1 << 70", "T", "any", "...", "<-", "\x00", "\xff", "“", "goto v1", "defer", "go", "import \"C\"", "chan<-", "struct{}", "init", "main", "fallthrough"}

func breakOnce(c *choices, text string) string {
	all := spots(text)
	if len(all) < 2 {
		return text + pick(c, debris...)
	}
	// The beginning is the prelude; most damage should be after it.
	at := func() int {
		k := (c.n(256)<<8 | c.n(256)) % len(all)
		return len(all) - 1 - k*k/len(all)
	}
	i := at()
	s := all[i]
	word := text[s.from:s.to]
	switch c.n(8) {
	case 0: // delete
		return text[:s.from] + text[s.to:]
	case 1: // duplicate
		return text[:s.to] + " " + word + text[s.to:]
	case 2: // swap with the one before
		p := all[max(0, i-1)]
		if p.to > s.from {
			return text
		}
		return text[:p.from] + word + " " + text[p.from:p.to] + " " + text[s.to:]
	case 3: // cut
		return text[:s.from]
	case 4: // replace
		return text[:s.from] + " " + pick(c, debris...) + " " + text[s.to:]
	case 5: // a name or a literal by another
		j := slices.IndexFunc(all[at():], func(o spot) bool { return o.tok == s.tok })
		if j < 0 {
			return text
		}
		o := all[j]
		return text[:s.from] + text[o.from:o.to] + text[s.to:]
	case 6: // a stretch twice
		o := all[min(len(all)-1, i+c.n(40))]
		return text[:o.to] + text[s.from:o.to] + text[o.to:]
	}
	return text[:s.from] + pick(c, debris...) + text[s.from:]
}
