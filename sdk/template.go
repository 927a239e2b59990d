package sdk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// template is a text with placeholders, taken apart:
//
//	Welcome, {name}!                  an argument
//	{n} {n|task|tasks} done           a word for one, and one for any other number
//	In {{braces}}                     a brace is written twice
type template []part

// part is literal text, or an argument in its surroundings.
type part struct {
	text   string
	param  string // name of the argument, "" for literal text
	forms  []string
	within surroundings
}

// surroundings say how an argument is escaped.
type surroundings byte

const (
	inText surroundings = iota
	inCode              // between backquotes
	inURL               // the address of a link
)

// parse takes a text apart.
func parse(text string) (template, error) {
	var (
		t   template
		lit strings.Builder
	)
	flush := func() {
		if lit.Len() > 0 {
			t = append(t, part{text: lit.String()})
			lit.Reset()
		}
	}
	code := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case (c == '{' || c == '}') && i+1 < len(text) && text[i+1] == c:
			lit.WriteByte(c)
			i++
		case c == '}':
			return nil, fmt.Errorf("a } without its {: %.40q", text[i:])
		case c == '{':
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				return nil, fmt.Errorf("a { without its }: %.40q", text[i:])
			}
			names := strings.Split(text[i+1:i+end], "|")
			if !isParam(names[0]) || len(names) == 2 || len(names) > 3 {
				return nil, fmt.Errorf("%s is no placeholder: write {name} or {name|one|other}", text[i:i+end+1])
			}
			p := part{param: names[0], forms: names[1:]}
			switch {
			case code:
				p.within = inCode
			case strings.HasSuffix(text[:i], "]("):
				p.within = inURL
			}
			flush()
			t = append(t, p)
			i += end
		default:
			if c == '`' && (i == 0 || text[i-1] != '\\') {
				code = !code
			}
			lit.WriteByte(c)
		}
	}
	flush()
	return t, nil
}

func isParam(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '_' && !('a' <= c && c <= 'z') && !(i > 0 && '0' <= c && c <= '9') {
			return false
		}
	}
	return s != ""
}

// params lists the placeholders in the order in which they are first named.
func (t template) params() []string {
	var names []string
	for _, p := range t {
		if p.param != "" && !slices.Contains(names, p.param) {
			names = append(names, p.param)
		}
	}
	return names
}

// render fills in args, which are named by params. A placeholder of another
// name, which only a manager's wording can have, is shown as it was written.
func (t template) render(params []string, args []any) Markup {
	if len(t) == 1 && t[0].param == "" {
		return Markup(t[0].text)
	}
	b := make([]byte, 0, 128)
	for i := range t {
		p := &t[i]
		if p.param == "" {
			b = append(b, p.text...)
			continue
		}
		n := slices.Index(params, p.param)
		switch {
		case n < 0:
			b = append(append(append(b, '{'), p.param...), '}')
		case len(p.forms) == 2 && one(args[n]):
			b = append(b, p.forms[0]...)
		case len(p.forms) == 2:
			b = append(b, p.forms[1]...)
		default:
			b = p.within.append(b, args[n])
		}
	}
	return Markup(b)
}

// append appends an argument, escaped for where it stands.
func (w surroundings) append(b []byte, arg any) []byte {
	var s string
	switch x := arg.(type) {
	case Markup:
		if w == inText {
			return append(b, x...)
		}
		s = x.plain()
	case string:
		s = x
	case int:
		return strconv.AppendInt(b, int64(x), 10)
	case int64:
		return strconv.AppendInt(b, x, 10)
	case time.Time:
		s = x.Format(time.DateOnly)
	case error:
		s = x.Error()
	case fmt.Stringer:
		s = x.String()
	default:
		s = fmt.Sprint(x)
	}
	switch w {
	case inCode:
		return appendCode(b, s)
	case inURL:
		return appendURL(b, s)
	}
	return appendText(b, s)
}

func one(arg any) bool {
	switch n := arg.(type) {
	case int:
		return n == 1
	case int64:
		return n == 1
	}
	return fmt.Sprint(arg) == "1"
}
