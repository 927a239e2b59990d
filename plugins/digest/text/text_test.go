package text

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNormalise(t *testing.T) {
	for in, want := range map[string]string{
		"":                                        "",
		"  How do\tI\n\n start？ ":                 "how do i start?",
		"Ｇｏ１．２６　怎么装":                              "go1.26 怎么装",
		"<@U0123> hi <#C1|go> :wave: there":       "hi there",
		"see https://go.dev/doc?x=1，怎么用":          "see ,怎么用",
		"@小明 zero\u200bwidth \u202eevil":          "zerowidth evil",
		"<https://go.dev|Go>/x a < b":             "/x a < b",
		"ﬁle @types/node @ me":                    "file @types/node @ me",
		"bad \xff byte":                           "bad \ufffd byte",
		strings.Repeat("x", MaxText-1) + "界 more": strings.Repeat("x", MaxText-1),
	} {
		if got := Normalise(in); got != want {
			t.Errorf("%.60q: %.80q, want %.80q", in, got, want)
		}
	}
}

// has says whether a text has the term that another word or piece is.
func has(a Analysis, kind byte, s string) bool {
	id := term(kind, s, 1, false).ID
	return slices.ContainsFunc(a.Terms, func(t Term) bool { return t.ID == id })
}

func TestAnalyse(t *testing.T) {
	a := Analyse("Why does context.WithTimeout(ctx) leak goroutines? see ./main.go:12:5 at 0xc00001")
	for _, c := range []struct {
		kind byte
		term string
		in   bool
	}{
		{kindCode, "context.withtimeout(ctx)", true}, {kindWord, "context", true}, {kindWord, "timeout", true},
		{kindWord, "goroutin", true}, {kindPair, "goroutin leak", true}, {kindGram, "oro", true},
		{kindCode, "main.go", true}, {kindCode, "main.go:12:5", false}, {kindWord, "why", true}, {kindWord, "xc", false},
	} {
		if has(a, c.kind, c.term) != c.in {
			t.Errorf("%c %q: in it is %v", c.kind, c.term, !c.in)
		}
	}
	if a.Script != Latin {
		t.Errorf("the script is %v", a.Script)
	}
	a = Analyse("goroutine 泄漏怎么排查")
	if a.Script != Han || !has(a, kindHan, "泄漏") || !has(a, kindHan, "查") || !has(a, kindWord, "goroutin") || has(a, kindHan, "怎排") {
		t.Errorf("%v %v", a.Script, a.Terms)
	}
	a = Analyse("what is this?\n```go\nfunc secret() {}\n./x.go:3:1: undefined: foo\n```\nthanks")
	if has(a, kindWord, "secret") || !has(a, kindWord, "undefin") || !has(a, kindWord, "foo") {
		t.Error("of what stands between fences only errors are taken")
	}
	for _, pair := range [][2]string{{"Ｗhat   is\nGO？", "what is go?"}, {"@bot 怎么安装 go", "怎么安装 Go"}} {
		if x, y := Analyse(pair[0]), Analyse(pair[1]); !slices.Equal(x.Terms, y.Terms) {
			t.Errorf("%q and %q differ", pair[0], pair[1])
		}
	}
}

var kinds = map[Kind]string{
	Question: `
How do I install Go on Ubuntu?
how to read a file line by line
whats the difference between make and new
anyone know why my goroutine never exits
hi all, is there a way to cancel a context early
why is my map random
Can someone explain channels
i cant get modules to work behind a proxy
my test is not working, tried everything
I'm getting an undefined error when I build
what version should i install
which web framework should I pick
Does Go have generics
how come nil != nil here
stuck with dlv, any ideas
should i use pointers or values for receivers
I don't understand select with default
Best way to structure a big project
hey folks, do you use cobra or flag
go mod tidy fails in CI, help please
Thanks! And how do I update it?
请问 go 怎么升级
为什么 map 遍历是乱序的
切片和数组有啥区别
有人遇到过 go mod 下载超时吗
新手求助，环境变量配不好
go 能不能写前端
channel 什么时候要关闭
vscode 跳转不了定义，怎么回事
代码编译不过
想问下 defer 的执行顺序
有没有好用的 orm 推荐
协程多少个合适
这个接口是不是要加锁
大佬们 go 用哪个版本
装不上 gopls
connection refused when I start postgres, how do I fix that?
go run 和 go build 区别在哪里？`,
	Error: `
panic: runtime error: index out of range [3] with length 3
./main.go:7:2: undefined: foo
go: cannot find main module, but .git/config was found in /home/me
fatal error: all goroutines are asleep - deadlock!
dial tcp 127.0.0.1:5432: connect: connection refused
bash: go: command not found
imported and not used: "os"
cannot use x (variable of type int) as string value in argument to f
missing go.sum entry for module providing package x
ERROR: failed to solve: process "/bin/sh -c go build" did not complete
build failed
x509: certificate signed by unknown authority`,
	Other: `
good morning everyone
Thanks, that works now!
You can use errgroup for that
here's how to do it with generics
I wrote a blog post about how to profile Go
that's why I prefer channels
Fixed it, never mind: the error was a typo
What a nice release!
Go 1.26 is out
really?
?
lol
:tada: :tada:
don't forget the meetup on Friday
You should run go mod tidy first
I know how to do that
have a look at https://go.dev/doc?q=how
大家早上好
谢谢，解决了
你可以用 errgroup
我写了一篇 Go 内存模型的文章
原来是版本不对
没什么，随便看看
推荐大家看这本书
真的吗？
好的
今天发布了新版本
搞定了，是代理的问题
在吗？`,
}

func TestRecognise(t *testing.T) {
	for want, list := range kinds {
		for line := range strings.Lines(strings.TrimSpace(list)) {
			if got := Recognise(strings.TrimSpace(line)); got != want {
				t.Errorf("%q is taken for %v, and is %v", strings.TrimSpace(line), got, want)
			}
		}
	}
	trace := "hi\n```\npanic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/tmp/x.go:4 +0x25\nexit status 2\n```"
	if got := Recognise(trace); got != Error {
		t.Errorf("a pasted trace is taken for %v", got)
	}
	if got := Recognise("why does this panic\n" + trace); got != Question {
		t.Errorf("a question with a trace is taken for %v", got)
	}
}

func FuzzAnalyse(f *testing.F) {
	for _, list := range kinds {
		f.Add(list)
	}
	f.Add("```\n~~~ ```x``` <@U1 :: <http :a:b: @ https://")
	f.Add("ﷺﷺﷺ \xff\xfe İ K ǆ '’' a’b 0X1 ---")
	f.Fuzz(func(t *testing.T, s string) {
		n := Normalise(s)
		if !utf8.ValidString(n) || strings.HasPrefix(n, " ") || strings.HasSuffix(n, " ") || strings.Contains(n, "  ") {
			t.Errorf("normalised to %q", n)
		}
		a := Analyse(s)
		if len(a.Terms) > MaxTerms || a.Script >= Scripts {
			t.Errorf("%d terms, script %d", len(a.Terms), a.Script)
		}
		for i, term := range a.Terms {
			if term.ID >= Space || term.Weight == 0 || i > 0 && a.Terms[i-1].ID >= term.ID {
				t.Errorf("term %d: %v", i, term)
			}
		}
		if b := Analyse(s); !slices.Equal(a.Terms, b.Terms) {
			t.Error("analysed twice it differs")
		}
		Recognise(s)
	})
}

func BenchmarkAnalyse(b *testing.B) {
	for name, s := range map[string]string{
		"en": "How can I cancel a context early when the request that started it has gone away already?",
		"zh": "请问一下 goroutine 泄漏的时候应该怎么排查，有没有什么好用的工具可以推荐？",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Analyse(s)
			}
		})
	}
}

func BenchmarkRecognise(b *testing.B) {
	for b.Loop() {
		Recognise("the meetup was great, thanks to all who came and helped; slides are on the site now")
	}
}
