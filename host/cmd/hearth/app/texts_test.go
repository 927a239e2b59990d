package app

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/sdk/abi"
)

func TestFits(t *testing.T) {
	for wording, want := range map[string]string{
		"Hi!":                            "",
		"{name}, {n} {n|task|tasks}":     "",
		"[here]({name}) `{n}`":           "",
		"{{name}} and {{}} and {{{n}}}":  "",
		"{nmae}":                         "{nmae} is no placeholder of this text; it has {name}, {n}",
		"{}":                             "{} is no placeholder of this text",
		"{name":                          "a brace without its other one",
		"name}":                          "a brace without its other one",
		"{n|tasks}":                      "{n|tasks} wants a word for one and a word for more: {n|one|more}",
		"{n|one|more|many}":              "wants a word for one",
		"all is well with {n}, but {x|}": "{x|} is no placeholder",
	} {
		err := fits(wording, []string{"name", "n"})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", wording, err, want)
		}
	}
}

func TestWordings(t *testing.T) {
	m := &abi.Manifest{Name: "welcome", Texts: []abi.TextDef{{Key: "hello", Params: []string{"name"}}, {Key: "help.title"}}}
	c := config.Default()
	if got, err := wordings(c, m); err != nil || len(got) != 0 {
		t.Errorf("nothing is set: %v, %v", got, err)
	}
	c, err := config.Parse("hearth.toml", []byte("[plugins.welcome.texts]\nhello = { zh-CN = \"{name}，你好\", en = \"Hi {name}\" }\n\"help.title\".en = \"Ask me\"\n"), config.Env{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := wordings(c, m)
	if want := "[{hello [] [{en Hi {name}} {zh-CN {name}，你好}] } {help.title [] [{en Ask me}] }]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v (%v), want %s", got, err, want)
	}
	if c, err = config.Parse("hearth.toml", []byte("[plugins.welcome.texts]\nhelp.en = \"x\"\nhello = { en = \"{who}\" }\n"), config.Env{}); err != nil {
		t.Fatal(err)
	}
	_, err = wordings(c, m)
	if !errors.Is(err, config.ErrConfig) || !strings.Contains(err.Error(), "hearth.toml:2: plugins.welcome.texts.help: there is no such text; there are hello, help.title") ||
		!strings.Contains(err.Error(), "hearth.toml:3: plugins.welcome.texts.hello: en: {who} is no placeholder") {
		t.Errorf("%v", err)
	}
}
