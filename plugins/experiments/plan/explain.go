package plan

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/file"
)

const maxFragment = 40 // characters of a target that are shown of where it is wrong

// fragment is the part of a target in which a fault was found, "" where none is
// known.
func fragment(text string, e *file.Error) string {
	runes := []rune(text)
	if e == nil || e.From < 0 || e.From >= len(runes) {
		return ""
	}
	to := e.To
	if to <= e.From {
		to = e.From + 1
	}
	to = min(to, len(runes))
	if to-e.From > maxFragment {
		return string(runes[e.From:e.From+maxFragment]) + "…"
	}
	return string(runes[e.From:to])
}

// explained are the commonest faults, by what the parser or the checker says.
var explained = []struct {
	says *regexp.Regexp
	en   string
	zh   string
}{
	{regexp.MustCompile(`^(?:unexpected token EOF|unexpected end of expression)`), "it ends too early", "表达式没有写完"},
	{regexp.MustCompile(`^unexpected token Operator\("="\)`), "two values are compared by ==", "比较两个值要用 =="},
	{regexp.MustCompile(`^unexpected token \w+\("(.*)"\)`), "%s is in no place here", "这里不该出现 %s"},
	{regexp.MustCompile(`^literal not terminated`), "a quote is opened and never closed", "引号没有闭合"},
	{regexp.MustCompile(`^unrecognized character: \S+ '(.+)'`), "%s means nothing here", "这里不能用 %s"},
	{regexp.MustCompile(`^unknown name (\S+)`), "there is no %s; there are " + strings.Join(knownNames(), ", "), "没有 %s；可用的有 " + strings.Join(knownNames(), "、")},
	{regexp.MustCompile(`^invalid operation: (\S+(?: \S+)?) \(mismatched types (\S+) and (\S+)\)`), "%s does not go between %s and %s", "%s 不能用在%s和%s之间"},
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched type (\S+)\)`), "%s does not go before %s", "%s 不能用在%s前面"},
	{regexp.MustCompile(`^(\S+) is not callable`), "%s is nothing to be called", "%s 不能当函数调用"},
	{regexp.MustCompile(`^not enough arguments to call (\S+)`), "%s is given too little", "给 %s 的参数太少"},
	{regexp.MustCompile(`^too many arguments to call (\S+)`), "%s is given too much", "给 %s 的参数太多"},
}

// kinds are what a value may be.
var kinds = map[string]phrase{"string": {"a text", "文本"}, "bool": {"yes or no", "是或否"}, "int": {"a number", "数字"}, "float64": {"a number", "数字"},
	"[]string": {"a list", "列表"}, "nil": {"nothing", "空值"}}

// explain says what a parser of expressions says, in both languages. What is rare
// stays in its own words.
func explain(what string) phrase {
	for _, x := range explained {
		m := x.says.FindStringSubmatch(what)
		if m == nil {
			continue
		}
		var en, zh []any
		for _, part := range m[1:] {
			k, ok := kinds[part]
			if !ok {
				k = phrase{part, part}
			}
			en, zh = append(en, k.en), append(zh, k.zh)
		}
		return phrase{fmt.Sprintf(x.en, en...), fmt.Sprintf(x.zh, zh...)}
	}
	return phrase{what, "表达式解析器的原话是 " + what}
}

// knownNames are what targets may speak of.
func knownNames() (names []string) {
	t := reflect.TypeFor[Known]()
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("expr"); name != "" {
			names = append(names, name)
		}
	}
	return names
}
