package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// TestSettings: each key says what it is for in both languages, and each value
// that a page shows is one that the key takes back.
func TestSettings(t *testing.T) {
	c := Default()
	list := c.Settings()
	if len(list) != len(c.keys()) || len(help) != len(list) {
		t.Errorf("%d settings and %d helps for %d keys", len(list), len(help), len(c.keys()))
	}
	stored := map[string]json.RawMessage{}
	for _, s := range list {
		for _, l := range locales {
			if h := s.Help[l]; h == "" || strings.ContainsAny(h, "\n") || len([]rune(h)) > 100 {
				t.Errorf("%s: help in %s is %q", s.Name, l, h)
			}
			if (s.When == File) != (s.Why[l] != "") {
				t.Errorf("%s: can be set at %s, because in %s %q", s.Name, s.When, l, s.Why[l])
			}
		}
		if s.Kind == SecretKind {
			if s.Value != nil || s.Default != nil || s.Set {
				t.Errorf("%s: a secret that is not set shows as %+v", s.Name, s)
			}
			continue
		}
		if !json.Valid(s.Value) || !bytes.Equal(s.Value, s.Default) || s.Where != "" {
			t.Errorf("%s: by default it is %s, the default %s", s.Name, s.Value, s.Default)
		}
		back, err := Read(s.Kind, Show(s.Kind, s.Value))
		if err != nil || !bytes.Equal(back, s.Value) {
			t.Errorf("%s: %s is shown as %q, and that is read as %s, %v", s.Name, s.Value, Show(s.Kind, s.Value), back, err)
		}
		if s.When != File {
			stored[s.Name] = back
		}
	}
	over, faults := c.Overlay(stored)
	if len(faults) > 0 || !reflect.DeepEqual(over.Settings(), list) {
		t.Errorf("the defaults, stored: %v", faults)
	}
	for name := range fileOnly {
		if !slices.ContainsFunc(list, func(s Setting) bool { return s.Name == name && s.When == File }) {
			t.Errorf("%s is said to be the file's alone, and is not", name)
		}
	}
}

func TestShowAndRead(t *testing.T) {
	for _, c := range []struct {
		kind     Kind
		text     string
		json     string
		shown    string // "": as text
		mistaken string
	}{
		{TextKind, " 炉边 ", `"炉边"`, "炉边", ""},
		{NumberKind, " -1 ", "-1", "-1", ""},
		{NumberKind, "0.25", "0.25", "", ""},
		{NumberKind, "five", "", "", "is no number"},
		{NumberKind, "NaN", "", "", "is no number"},
		{BooleanKind, "true", "true", "", ""},
		{BooleanKind, "yes", "", "", "neither true nor false"},
		{ListKind, "help\n\n random \r\n", `["help","random"]`, "help\nrandom", ""},
		{ListKind, "", "[]", "", ""},
		{JSONKind, `{"a": [1, 2.5, "x"]}`, `{"a":[1,2.5,"x"]}`, `{"a":[1,2.5,"x"]}`, ""},
		{JSONKind, `"x"`, `"x"`, "", ""},
		{JSONKind, `x`, "", "", `is no JSON; write a text in quotes`},
		{JSONKind, `1 2`, "", "", `is no JSON`},
		{WordingKind, "Hi {name}!\r\n\r\nBye.", `"Hi {name}!\n\nBye."`, "Hi {name}!\n\nBye.", ""},
	} {
		got, err := Read(c.kind, c.text)
		if c.mistaken != "" {
			if err == nil || !strings.Contains(err.Error(), c.mistaken) {
				t.Errorf("%s %q: %s, %v", c.kind, c.text, got, err)
			}
			continue
		}
		want := c.shown
		if want == "" {
			want = c.text
		}
		if err != nil || string(got) != c.json || Show(c.kind, got) != want {
			t.Errorf("%s %q is %s, %v, shown as %q", c.kind, c.text, got, err, Show(c.kind, got))
		}
	}
}

func TestOverlay(t *testing.T) {
	c, err := Parse("hearth.toml", []byte(`
[community]
name = "from the file"
[plugins.welcome]
path = "https://file.example/"
secrets = { token = "from the file" }
[plugins.welcome.texts]
hello = { en = "Hi from the file" }
`), env(nil))
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprintf("%+v", c)
	over, faults := c.Overlay(map[string]json.RawMessage{
		"community.name":                         []byte(`"stored"`),
		"community.time_zone":                    []byte(`"Asia/Shanghai"`),
		"policy.daily_cap":                       []byte(`0`),
		"policy.expiry":                          []byte(`"12h"`),
		"policy.nonsense":                        []byte(`1`),
		"server.data":                            []byte(`"/elsewhere"`),
		"slack.bot_token":                        []byte(`"` + hidden + `"`),
		"slack.signing_secret":                   []byte(`{`),
		"webchat.secret":                         []byte(`"short"`),
		"plugins.welcome.path":                   []byte(`"https://stored.example/"`),
		"plugins.welcome.crowd":                  []byte(`7`),
		"plugins.welcome.texts.hello.en":         []byte(`"stored"`),
		"plugins.welcome.texts.hello.zh-CN":      []byte(`"你好"`),
		"plugins.welcome.texts.help.title.en":    []byte(`"Ask"`),
		"plugins.welcome.texts.help.title.zh-cn": []byte(`"问"`),
		"plugins.welcome.secrets.token":          []byte(`"stored"`),
		"plugins.welcome.secrets.other":          []byte(`"stored"`),
		"plugins.welcome.nothing":                []byte(`null`),
		"plugins.digest.enabled":                 []byte(`false`),
		"plugins.Bad.enabled":                    []byte(`false`),
	})
	if now := fmt.Sprintf("%+v", c); now != before {
		t.Errorf("the config itself has changed: %s\n%s", before, now)
	}
	var named []string
	for _, f := range faults {
		named = append(named, f.Key)
		if strings.Contains(f.Error(), hidden) {
			t.Errorf("the fault shows a secret: %v", f)
		}
	}
	if want := []string{"plugins.Bad.enabled", "plugins.welcome.nothing", "plugins.welcome.texts.help.title.zh-cn", "policy.daily_cap",
		"policy.nonsense", "server.data", "slack.signing_secret", "webchat.secret"}; !slices.Equal(named, want) {
		t.Errorf("faults are %v\nwant       %v", named, want)
	}
	p := over.Plugins["welcome"]
	if over.Community.Name != "from the file" || over.Community.TimeZone.String() != "Asia/Shanghai" || over.Policy.DailyCap != 5 ||
		over.Policy.Expiry != 12*time.Hour || over.Slack.BotToken.Reveal() != hidden || over.Server.Data != "data" || over.Plugin("digest").Enabled {
		t.Errorf("what holds is %+v", over)
	}
	if string(p.Config) != `{"crowd":7,"path":"https://file.example/"}` || p.Secrets["token"].Reveal() != "from the file" || p.Secrets["other"].Reveal() != "stored" ||
		!reflect.DeepEqual(p.Texts, map[string]Text{"hello": {"en": "Hi from the file", "zh-CN": "你好"}, "help.title": {"en": "Ask"}}) {
		t.Errorf("what holds of the plugin is %s %v", p.Config, p.Texts)
	}
}

func TestStorable(t *testing.T) {
	c, err := Parse("hearth.toml", []byte("[community]\nname = \"x\"\n[plugins.welcome]\npath = \"y\"\nsecrets = { token = \"t\" }\n[plugins.welcome.texts]\nhello = { zh-cn = \"你好\" }\n"), env(nil))
	if err != nil {
		t.Fatal(err)
	}
	c.Pin("server.listen", "--listen")
	for name, want := range map[string]string{
		"community.locale":                  "",
		"slack.bot_token":                   "",
		"plugins.welcome.crowd":             "",
		"plugins.welcome.enabled":           "",
		"plugins.welcome.secrets.other":     "",
		"plugins.welcome.texts.hello.en":    "",
		"community.name":                    "community.name is set in the file: change it at hearth.toml:2",
		"plugins.welcome.path":              "plugins.welcome.path is set in the file: change it at hearth.toml:4",
		"plugins.welcome.secrets.token":     "change it at hearth.toml:5",
		"plugins.welcome.texts.hello.zh-CN": "change it at hearth.toml:7",
		"server.listen":                     "change it at --listen",
		"server.data":                       "server.data can be set in the config's file alone: What is set on this page",
		"comunity.locale":                   "there is no such key, did you mean community.locale?",
		"plugins.welcome":                   "there is no such key; a plugin's are",
		"plugins.welcome.enabled.x":         "there is no such key",
		"plugins.welcome.texts.hello":       "a text's key is",
		"plugins.welcome.texts.hello.zh-cn": `"zh-cn" is no language tag as it is written`,
		"plugins.welcome.secrets.A":         `no secret can be called "A"`,
		"plugins.../../etc.x":               "there is no such key",
		"":                                  "there is no such key",
	} {
		err := c.CheckStorable(name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if locked := strings.Contains(want, "change it at"); locked != errors.Is(err, ErrLocked) {
			t.Errorf("%s: locked is %t: %v", name, !locked, err)
		}
	}
	for name, want := range map[string]bool{"slack.bot_token": true, "plugins.welcome.secrets.x": true, "plugins.welcome.path": false, "community.name": false, "nothing": false} {
		if c.IsSecret(name) != want {
			t.Errorf("IsSecret(%s) = %t", name, !want)
		}
	}
}

func TestPluginSettings(t *testing.T) {
	m := &abi.Manifest{Name: "welcome",
		Schema: []byte(`{"type":"object","x-order":["where","path"],"properties":{
			"path":{"type":"string","description":"link","x-help":{"en":"link","zh-CN":"链接"}},
			"where":{"type":"string","enum":["direct","channel"]},
			"after":{"type":"string","format":"go-duration"},
			"crowd":{"type":"integer","default":5},
			"on":{"type":"boolean"},
			"names":{"type":"array","items":{"type":"string"},"title":"who"},
			"either":{"type":["string","null"]},
			"levels":{"enum":[1,2]},
			"rooms":{"type":"array","items":{"type":"object"}}}}`),
		Defaults: []byte(`{"path":"https://go.dev/tour/","crowd":6}`),
		Texts:    []abi.TextDef{{Key: "hello", Params: []string{"name"}, Help: "to newcomers", Text: abi.Localized{{Locale: "de", Text: "Hallo"}, {Locale: "en", Text: "Hi"}}}}}
	c, err := Parse("hearth.toml", []byte("[plugins.welcome]\npath = \"p\"\n[plugins.welcome.texts]\nhello = { fr = \"Salut\" }\n"), env(nil))
	if err != nil {
		t.Fatal(err)
	}
	c, faults := c.Overlay(map[string]json.RawMessage{"plugins.welcome.secrets.token": []byte(`"` + hidden + `"`), "plugins.welcome.crowd": []byte("9")})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var got []string
	for _, s := range c.PluginSettings(m) {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %v %s %s %s", strings.TrimPrefix(s.Name, "plugins.welcome."), s.Kind, s.Choices, s.Value, s.Default, s.Where)))
		if s.Plugin != "welcome" || strings.Contains(fmt.Sprintf("%+v", s), hidden) {
			t.Errorf("%+v", s)
		}
	}
	want := []string{
		`enabled boolean [] true true`,
		`where choice [direct channel] null null`,
		`path text [] "p" "https://go.dev/tour/" hearth.toml:2`,
		`after duration [] null null`,
		`crowd number [] 9 6`,
		`either json [] null null`,
		`levels json [] null null`,
		`names list [] null null`,
		`on boolean [] null null`,
		`rooms json [] null null`,
		`secrets.token secret []`,
		`texts.hello.en wording [] "Hi" "Hi"`,
		`texts.hello.zh-CN wording [] null null`,
		`texts.hello.de wording [] "Hallo" "Hallo"`,
		`texts.hello.fr wording [] "Salut" null hearth.toml:4`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if h := c.PluginSettings(m)[2].Help; h.In("zh-Hans") != "链接" || h.In("de") != "link" {
		t.Errorf("its help is %v", h)
	}
	if list := Default().PluginSettings(&abi.Manifest{Name: "bare"}); len(list) != 1 {
		t.Errorf("of a plugin that says nothing: %+v", list)
	}
}

func TestDocument(t *testing.T) {
	stored := map[string]json.RawMessage{
		"community.name":                      []byte(`"炉边 \"x\" ${HOME} $${y}"`),
		"policy.daily_cap":                    []byte(`3`),
		"retries.delays":                      []byte(`["1s","2s"]`),
		"verify.per_member":                   []byte(`{"burst":5,"every":"1s"}`),
		"community.managers":                  []byte(`["slack:U1"]`),
		"plugins.welcome.enabled":             []byte(`true`),
		"plugins.welcome.crowd":               []byte(`7`),
		"plugins.welcome.rate":                []byte(`0.5`),
		"plugins.welcome.channels":            []byte(`[{"channel":"#a","greeting":{"en":"${x}"}}]`),
		"plugins.welcome.texts.help.title.en": []byte(`"Ask\nme \\ {name}"`),
		"plugins.welcome.texts.hello.zh-CN":   []byte(`"你好"`),
	}
	secrets := []string{"plugins.welcome.secrets.token", "slack.bot_token", "webchat.secret"}
	doc, err := WriteDocument(stored, secrets)
	if err != nil {
		t.Fatal(err)
	}
	again, err := WriteDocument(maps.Clone(stored), secrets)
	if err != nil || !bytes.Equal(doc, again) {
		t.Errorf("written twice it differs: %v\n%s\n%s", err, doc, again)
	}
	back, kept, err := ReadDocument("hearth.toml", doc)
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	if !slices.Equal(kept, secrets) || !reflect.DeepEqual(back, stored) {
		t.Errorf("read back: kept %v\n%s\nwant\n%s\nof\n%s", kept, encode(back), encode(stored), doc)
	}
	if back, kept, err := ReadDocument("hearth.toml", nil); err != nil || len(back)+len(kept) > 0 {
		t.Errorf("nothing at all: %v, %v, %v", back, kept, err)
	}
	if back, _, err := ReadDocument("h", []byte("[slack]\nbot_token = \"xoxb-1\"\n[plugins.a]\nsecrets = { t = \"s\" }\n")); err != nil ||
		string(back["slack.bot_token"]) != `"xoxb-1"` || string(back["plugins.a.secrets.t"]) != `"s"` {
		t.Errorf("secrets in clear: %v, %v", back, err)
	}
	for in, want := range map[string]string{
		"[community]\nname = \"${HOME}\"":             "hearth.toml:2: community.name: has ${…}, which is looked up in a config file and not here",
		"[community]\nname = \"${file:/etc/passwd}\"": "which is looked up in a config file and not here",
		"[community]\nname = \"${secret:kept}\"":      "which is looked up in a config file and not here",
		"[plugins.a]\npath = \"${secret:kept}\"":      "hearth.toml:2: plugins.a.path: has ${…}",
		"[plugins.a]\nsecrets = { t = \"${HOME}\" }":  "hearth.toml:2: plugins.a.secrets: t: has ${…}",
		"[slack]\nbot_token = \"${SLACK_BOT_TOKEN}\"": "which is looked up in a config file and not here",
		"[plugins.a.texts]\nhello.en = \"${HOME}\"":   "which is looked up in a config file and not here",
		"[comunity]\nname = \"x\"":                    "there is no such table, did you mean community?",
		"[policy]\ndaily_cap = 0":                     "policy.daily_cap: is 0",
		strings.Repeat("#", maxFile+1):                "larger than",
	} {
		if _, _, err := ReadDocument("hearth.toml", []byte(in)); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %s", in, err, want)
		}
	}
}

func TestProblem(t *testing.T) {
	var d time.Duration
	err := duration(&d, time.Second, time.Hour).set("2h")
	if got := Explain(err); got["en"] != `is "2h"; 1s to 1h are possible` || got["zh-CN"] != `是 "2h"，应在 1s 到 1h 之间` {
		t.Errorf("a problem is %v", got)
	}
	if got := Explain(fmt.Errorf("here: %w", err)); got["zh-CN"] != `here: 是 "2h"，应在 1s 到 1h 之间` {
		t.Errorf("a problem and its place are %v", got)
	}
	if got := Explain(errors.New("x")); got["en"] != "x" || got["zh-CN"] != "x" {
		t.Errorf("another error is %v", got)
	}
	if _, err := Read(JSONKind, "{"); !strings.HasPrefix(Explain(err)["zh-CN"], "不是 JSON；文字要加引号") {
		t.Errorf("a problem in a problem is %v", Explain(err))
	}
	err = duration(&d, time.Second, time.Hour).set(strings.Repeat("长", 1<<20))
	if n := len(err.Error()); n > 1000 {
		t.Errorf("the error has %d bytes", n)
	}
	c := Default()
	for _, name := range []string{"server.data", "comunity.name", "plugins.x", "plugins.a.texts.b", "plugins.a.secrets.B", "plugins.a.texts.b.zh-cn"} {
		got := Explain(c.CheckStorable(name))
		for l, text := range got {
			if strings.Contains(text, "%!") || l == "zh-CN" && text == got["en"] {
				t.Errorf("%s in %s: %s", name, l, text)
			}
		}
	}
}

// TestDurationsInWords: each duration is shown as it can be read again, those too
// whose minutes end in 0.
func TestDurationsInWords(t *testing.T) {
	for _, d := range []time.Duration{0, time.Millisecond, 90 * time.Second, 10 * time.Minute, 30 * time.Minute, 90 * time.Minute, 2 * time.Hour,
		10 * time.Hour, 36 * time.Hour, 25*time.Hour + 10*time.Second, 30 * 24 * time.Hour} {
		said := inWords(d)
		if back, err := ParseDuration(said); err != nil || back != d {
			t.Errorf("%v is shown as %q, and that is read as %v, %v", d, said, back, err)
		}
	}
	for d, want := range map[time.Duration]string{10 * time.Minute: "10m", 100 * time.Minute: "1h40m", 2 * time.Hour: "2h", 24 * time.Hour: "1d"} {
		if said := inWords(d); said != want {
			t.Errorf("%v is shown as %q, not as %s", d, said, want)
		}
	}
	stored, _, err := ReadDocument("document", []byte("[retries]\ndelays = [\"1s\", \"10m\"]\n"))
	if err != nil || string(stored["retries.delays"]) != `["1s","10m"]` {
		t.Errorf("an imported 10m: %s, %v", stored["retries.delays"], err)
	}
}
