package config

import (
	"errors"
	"fmt"
	"strings"
)

// Problem is what is wrong with a value, in both of hearth's languages.
type Problem struct {
	en, zh string // formats of the same arguments
	args   []any
}

// Say makes a Problem of what there is to say in English and in Chinese, each a
// format of args. An argument that is a text is cut where it gets long; one that
// is an error is said in the language asked for.
func Say(en, zh string, args ...any) error { return &Problem{en, zh, args} }

func (p *Problem) Error() string { return p.In("en") }

// In is the problem in the language of a locale.
func (p *Problem) In(locale string) string {
	args := make([]any, len(p.args))
	for i, a := range p.args {
		switch a := a.(type) {
		case string:
			args[i] = shorten(a)
		case error:
			args[i] = Explain(a)[spoken(locale)]
		default:
			args[i] = a
		}
	}
	if spoken(locale) == "en" {
		return fmt.Sprintf(p.en, args...)
	}
	return fmt.Sprintf(p.zh, args...)
}

// Unwrap returns the errors among the arguments.
func (p *Problem) Unwrap() []error {
	var out []error
	for _, a := range p.args {
		if err, ok := a.(error); ok {
			out = append(out, err)
		}
	}
	return out
}

// Explain is an error in both languages; in English twice if it is none of the
// config's.
func Explain(err error) Text {
	p, ok := err.(*Problem)
	if !ok {
		// What stands before a problem is a place, which has no language.
		if !errors.As(err, &p) || !strings.HasSuffix(err.Error(), p.Error()) {
			return Text{"en": err.Error(), "zh-CN": err.Error()}
		}
		place := strings.TrimSuffix(err.Error(), p.Error())
		return Text{"en": place + p.In("en"), "zh-CN": place + p.In("zh-CN")}
	}
	return Text{"en": p.In("en"), "zh-CN": p.In("zh-CN")}
}

func spoken(locale string) string {
	if strings.HasPrefix(locale, "zh") {
		return "zh-CN"
	}
	return "en"
}

// shorten cuts what somebody wrote, so that an error stays one.
func shorten(s string) string {
	const most = 200
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}
