package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const hidden = "xoxb-do-not-show-me-4711"

func env(vars map[string]string) Env {
	return Env{
		Lookup: func(n string) (string, bool) { v, ok := vars[n]; return v, ok },
		ReadFile: func(p string) ([]byte, error) {
			if v, ok := vars["file:"+filepath.ToSlash(p)]; ok {
				return []byte(v), nil
			}
			return nil, &fs.PathError{Op: "open", Path: p, Err: fs.ErrNotExist}
		},
	}
}

func TestParse(t *testing.T) {
	c, err := Parse("etc/hearth.toml", []byte(`
[server]
listen = ":9000"
data = "state"
public_url = "https://hearth.example.org/"
[community]
name = "Gophers 上海"
time_zone = "Asia/Shanghai"
locale = "zh-cn"
[policy]
quiet_hours = "22:00-08:00"
daily_cap = -1
expiry = "1d12h"
[webchat]
channels = ["help"]
[verify]
wall = "2s"
memory = "128 MiB"
per_member = { every = "0s" }
toolchain = "packs"
[slack]
bot_token = "${SLACK_BOT_TOKEN}"
signing_secret = "${file:slack.secret}"
[plugins.welcome]
path = "https://example.org/${SECTION}/$${kept}"
[plugins.welcome.channels.general]
text = "${SECTION}"
[plugins.welcome.texts]
hello = { en = "Hi {name}!", zh-cn = "{name}，你好！" }
"help.title".en = "${SECTION}"
"help.title".zh-CN = "问我"
[plugins.digest]
enabled = false
`), env(map[string]string{"SLACK_BOT_TOKEN": hidden, "SECTION": "tour ${NOT_AGAIN}", "file:etc/slack.secret": "8f742231b10e\n"}))
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.File = "etc/hearth.toml"
	want.Server = Server{Listen: ":9000", Data: filepath.Join("etc", "state"), PublicURL: "https://hearth.example.org", Grace: 10 * time.Second}
	want.Community = Community{Name: "Gophers 上海", TimeZone: zone, Locale: "zh-CN"}
	want.Policy = Policy{QuietFrom: 22, QuietTo: 8, DailyCap: -1, Expiry: 36 * time.Hour}
	want.Webchat.Channels = []string{"help"}
	want.Verify.Wall, want.Verify.Memory, want.Verify.PerMember.Every, want.Verify.Toolchain = 2*time.Second, 128<<20, 0, filepath.Join("etc", "packs")
	want.Slack = Slack{BotToken: NewSecret(hidden), SigningSecret: NewSecret("8f742231b10e")}
	want.Plugins = map[string]Plugin{
		"welcome": {Enabled: true, Config: json.RawMessage(`{"channels":{"general":{"text":"tour ${NOT_AGAIN}"}},"path":"https://example.org/tour ${NOT_AGAIN}/${kept}"}`),
			Texts: map[string]Text{"hello": {"en": "Hi {name}!", "zh-CN": "{name}，你好！"}, "help.title": {"en": "tour ${NOT_AGAIN}", "zh-CN": "问我"}}},
		"digest": {},
	}
	want.lines = c.lines
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	for name, at := range map[string]string{"server.listen": "etc/hearth.toml:3", "slack": "etc/hearth.toml:21", "plugins.welcome": "etc/hearth.toml:24",
		"plugins.welcome.texts.hello": "etc/hearth.toml:29", "plugins.welcome.texts.help.title": "etc/hearth.toml:30",
		"plugins.digest.enabled": "etc/hearth.toml:33", "log.level": ""} {
		if got := c.Where(name); got != at {
			t.Errorf("Where(%s) = %q, want %q", name, got, at)
		}
	}
	if !c.Slack.Enabled() || Default().Slack.Enabled() || c.Plugin("digest").Enabled || !c.Plugin("other").Enabled {
		t.Error("what is enabled is wrong")
	}
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"unknown table":            {"[slak]\nbot_token = \"x\"", `hearth.toml:1: slak: there is no such table, did you mean slack?; there are server, log,`},
		"unknown key":              {"[server]\n\nlisen = \":80\"", `hearth.toml:3: server.lisen: there is no such key, did you mean listen?; there are data, grace, listen, proxies, public_url`},
		"unknown, none near":       {"[server]\nfrobnicate = 1", `hearth.toml:2: server.frobnicate: there is no such key; there are`},
		"key without table":        {"quiet_hours = \"22:00-08:00\"", `hearth.toml:1: quiet_hours: this belongs into the table [policy]`},
		"table is a value":         {"server = 3", `hearth.toml:1: server: wants a table: write [server] on a line of its own, and has the number 3`},
		"number for text":          {"[server]\nlisten = 8080", `hearth.toml:2: server.listen: wants text in quotes, such as "127.0.0.1:8080", and has the number 8080`},
		"text for bool":            {"[webchat]\nenabled = \"yes\"", `hearth.toml:2: webchat.enabled: wants true or false, without quotes, and has text`},
		"text for number":          {"[limits]\nbacklog = \"many\"", `hearth.toml:2: limits.backlog: wants a whole number, without quotes, and has text`},
		"text for list":            {"[webchat]\nchannels = \"help\"", `hearth.toml:2: webchat.channels: wants a list of texts, such as ["help", "random"], and has text`},
		"no key of minisign":       {"[registry]\nkeys = [\"RWQnonsense\"]", `hearth.toml:2: registry.keys: has "RWQnonsense", which is no public key of minisign`},
		"number in list":           {"[webchat]\nchannels = [\"help\", 3]", `hearth.toml:2: webchat.channels: wants a list of texts`},
		"no port":                  {"[server]\nlisten = \"localhost\"", `hearth.toml:2: server.listen: "localhost" is no address; write HOST:PORT`},
		"port too large":           {"[server]\nlisten = \":99999\"", `"`},
		"path in public_url":       {"[server]\npublic_url = \"https://example.org/bot\"", `server.public_url: names a place below a server`},
		"password in a URL":        {"[slack]\napi_url = \"https://me:" + hidden + "@example.org\"", `slack.api_url: is no address that begins with https:// or http://`},
		"time zone":                {"[community]\ntime_zone = \"Shanghai\"", `community.time_zone: "Shanghai" is no time zone`},
		"the machine's zone":       {"[community]\ntime_zone = \"Local\"", `is no time zone`},
		"locale":                   {"[community]\nlocale = \"klingon!\"", `is no language tag`},
		"half hours":               {"[policy]\nquiet_hours = \"22:30-08:00\"", `is no span of whole hours`},
		"no messages at all":       {"[policy]\ndaily_cap = 0", "to send nothing at all use `hearth pause`"},
		"duration":                 {"[policy]\nexpiry = \"1 day\"", `"1 day" is no duration; write 90s, 15m, 24h or 30d`},
		"duration too long":        {"[policy]\nexpiry = \"31d\"", `policy.expiry: is "31d"; 1m to 30d are possible`},
		"level":                    {"[log]\nlevel = \"warning\"", `log.level: is "warning", did you mean warn?; possible: debug, info, warn, error`},
		"weak secret":              {"[webchat]\nsecret = \"secret\"", `webchat.secret: is too short to be safe`},
		"secret no text":           {"[slack]\nbot_token = 4711", `slack.bot_token: wants text in quotes`},
		"plugin secrets, no table": {"[plugins.a]\nsecrets = 3", "plugins.a.secrets: "},
		"plugin secret, name":      {"[plugins.a.secrets]\nToken = \"x\"", `no secret can be called "Token"`},
		"secret, misplaced":        {"[log]\nlevel = \"${SLACK_BOT_TOKEN}\"", `log.level: is "${SLACK_BOT_TOKEN}"; possible: debug`},
		"secret, too long":         {"[community]\nname = \"${LONG}\"", `community.name: cannot be what the ${…} stands for`},
		"variable not set":         {"[slack]\nbot_token = \"${NOPE}\"", `hearth.toml:2: slack.bot_token: the environment variable NOPE is not set`},
		"variable, misspelt":       {"[slack]\nbot_token = \"${SLACK-TOKEN}\"", `names no environment variable`},
		"variable, not ended":      {"[slack]\nbot_token = \"${SLACK\"", `has ${ without a } behind it`},
		"file not there":           {"[slack]\nbot_token = \"${file:nope}\"", `slack.bot_token: open nope: file does not exist`},
		"plugin is a value":        {"[plugins]\nwelcome = true", `plugins.welcome: wants a table: write [plugins.welcome]`},
		"plugin's name":            {"[plugins.\"Wel come\"]\na = 1", `no plugin can have this name`},
		"plugin's enabled":         {"[plugins.welcome]\nenabled = 1", `hearth.toml:2: plugins.welcome.enabled: wants true or false`},
		"plugin's variable":        {"[plugins.welcome]\n[plugins.welcome.deep]\ntext = \"${NOPE}\"", `plugins.welcome.deep: text: the environment variable NOPE is not set`},
		"texts, no table":          {"[plugins.a]\ntexts = 3", "hearth.toml:2: plugins.a.texts: wants a table of wordings by language, such as hello = "},
		"text, no table":           {"[plugins.a.texts]\nx = { en = \"y\" }\nhello = \"Hi\"", "hearth.toml:3: plugins.a.texts.hello: wants a table of wordings"},
		"text, dotted":             {"[plugins.a.texts]\nhelp.title.en = \"Hi\"", `hearth.toml:2: plugins.a.texts.help.title: a key with a dot in it wants quotes`},
		"text, language":           {"[plugins.a.texts]\nhello = { klingon_ = \"Qapla\" }", `hearth.toml:2: plugins.a.texts.hello.klingon_: "klingon_" is no language tag`},
		"text, language twice":     {"[plugins.a.texts]\nhello = { zh-CN = \"a\", zh-cn = \"b\" }", `hello.zh-cn: there is a wording for zh-CN already`},
		"text, empty":              {"[plugins.a.texts]\nhello = { en = \" \" }", `hello.en: has 0 characters; 1 to 4000 are possible`},
		"text, number":             {"[plugins.a.texts]\nhello = { en = 3 }", `hello.en: wants text in quotes`},
		"text, variable":           {"[plugins.a.texts]\nhello = { en = \"${NOPE}\" }", `hello.en: the environment variable NOPE is not set`},
		"plugin's inf":             {"[plugins.welcome]\nn = inf", `inf and nan have no JSON`},
		"compiler, unknown":        {"[verify]\ncompiler = \"natve\"", `hearth.toml:2: verify.compiler: is "natve", did you mean native?; possible: sandbox, native`},
		"proxy":                    {"[server]\nproxies = [\"10.0.0.0/8\", \"proxy\"]", `hearth.toml:2: server.proxies: has "proxy", which is neither an address nor a range`},
		"size without a unit":      {"[verify]\nmemory = 64", `hearth.toml:2: verify.memory: wants text in quotes, such as "64MiB", and has the number 64`},
		"size, other unit":         {"[verify]\nmemory = \"64 MB\"", `verify.memory: "64 MB" is no size; write 64KiB, 64MiB or 1GiB`},
		"size, no number":          {"[verify]\nmemory = \"-1MiB\"", `verify.memory: "-1MiB" is no size`},
		"size, too large":          {"[verify]\nmemory = \"2GiB\"", `verify.memory: is "2GiB"; 16MiB to 1GiB are possible`},
		"size, too small":          {"[verify]\noutput = \"0KiB\"", `verify.output: is "0KiB"; 1KiB to 1MiB are possible`},
		"per member, a number":     {"[verify]\nper_member = 3", `verify.per_member: wants a table such as { every = "3s", burst = 20 }, and has the number 3`},
		"per member, misspelt":     {"[verify]\nper_member = { evry = \"3s\" }", `hearth.toml:2: verify.per_member: has "evry", which there is not, did you mean every?; there are burst, every`},
		"per member, no burst":     {"[verify]\nper_member = { burst = 0 }", `verify.per_member: burst: is 0; 1 to 1000 are possible`},
		"queue":                    {"[verify]\nqueue = 501", `verify.queue: is 501; 1 to 500 are possible`},
		"no TOML":                  {"[server\nlisten = 1", `hearth.toml:2: this is no TOML:`},
		"twice":                    {"[server]\nlisten = \":1\"\nlisten = \":2\"", `hearth.toml:3: this is no TOML:`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("hearth.toml", []byte(c.in), env(map[string]string{"SLACK_BOT_TOKEN": hidden, "LONG": strings.Repeat(hidden, 9)}))
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if strings.Contains(err.Error(), hidden) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestEveryFaultIsNamed(t *testing.T) {
	_, err := Parse("hearth.toml", []byte("[server]\nlisen = 1\ndata = 2\n[polcy]\n"), env(nil))
	if err == nil {
		t.Fatal("accepted")
	}
	var at []string
	for _, l := range strings.Split(err.Error(), "\n")[1:] {
		at = append(at, strings.SplitN(strings.TrimSpace(l), " ", 2)[0])
	}
	if want := []string{"hearth.toml:2:", "hearth.toml:3:", "hearth.toml:4:"}; !reflect.DeepEqual(at, want) {
		t.Errorf("faults at %v, want %v\n%v", at, want, err)
	}
}

func TestLoad(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := Load("", env(nil))
	if err != nil || c.File != "" || c.Server.Listen != "127.0.0.1:8080" {
		t.Fatalf("without a file: %+v, %v", c, err)
	}
	if _, err := Load("nope.toml", env(nil)); err == nil || !strings.Contains(err.Error(), "nope.toml") {
		t.Errorf("a file that is named and not there: %v", err)
	}
	if err := os.WriteFile(DefaultFile, []byte("[server]\nlisten = \":1\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err = Load("", env(nil)); err != nil || c.Server.Listen != ":1" || c.Server.Data != "data" {
		t.Errorf("with a file: %+v, %v", c, err)
	}
	if err := os.WriteFile("big.toml", make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load("big.toml", env(nil)); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a file that is too large: %v", err)
	}
}

// TestExample holds hearth.example.toml to being complete and true: with the #
// taken away it is accepted, has every key, and what it calls a default is one.
func TestExample(t *testing.T) {
	data, err := os.ReadFile("../../../../hearth.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse("hearth.example.toml", data, env(nil)); err != nil {
		t.Errorf("as it is: %v", err)
	}
	var b strings.Builder
	for _, l := range strings.Split(string(data), "\n") {
		if bare, ok := strings.CutPrefix(l, "# "); ok && (strings.Contains(bare, " = ") || strings.HasPrefix(bare, "[")) {
			l = bare
		}
		b.WriteString(l + "\n")
	}
	c, err := Parse("hearth.example.toml", []byte(b.String()), env(map[string]string{"HEARTH_WEBCHAT_SECRET": "0123456789abcdef",
		"SLACK_SIGNING_SECRET": "a", "SLACK_BOT_TOKEN": "b", "SLACK_APP_TOKEN": "c", "GITHUB_WEBHOOK_SECRET": "0123456789abcdef", "GITHUB_TOKEN": "f", "PLUGIN_TOKEN": "d", "OIDC_CLIENT_SECRET": "e"}))
	if err != nil {
		t.Fatalf("with the # taken away: %v", err)
	}
	for _, k := range c.keys() {
		if c.Where(k.name) == "" {
			t.Errorf("%s is not in hearth.example.toml", k.name)
		}
	}
	want := Default()
	want.File, want.lines = c.File, c.lines
	// Your own, by nature.
	want.Server.PublicURL, want.Webchat.Secret, want.Slack, want.GitHub, want.Plugins = c.Server.PublicURL, c.Webchat.Secret, c.Slack, c.GitHub, c.Plugins
	want.Access.Issuer, want.Access.ClientID, want.Access.ClientSecret = c.Access.Issuer, c.Access.ClientID, c.Access.ClientSecret
	// None is an empty list there.
	want.Webchat.Channels, want.Verify.Imports, want.Community.Managers = c.Webchat.Channels, c.Verify.Imports, c.Community.Managers
	want.Registry.Keys = c.Registry.Keys
	want.Access.Admins, want.Access.Managers, want.Access.Viewers = c.Access.Admins, c.Access.Managers, c.Access.Viewers
	if !reflect.DeepEqual(c, want) {
		t.Errorf("it calls a default what is none:\ngot  %+v\nwant %+v", c, want)
	}
}

func TestSecretShowsItselfToNobody(t *testing.T) {
	s := NewSecret(hidden)
	type holder struct {
		Token Secret
		Ptr   *Secret
	}
	h := holder{s, &s}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", h)
		fmt.Fprintf(&out, verb+"\n", []any{&s, map[string]Secret{"a": s}})
	}
	if err := json.NewEncoder(&out).Encode(h); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "token", s, "holder", h)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "token", s, "holder", h)
	if strings.Contains(out.String(), hidden) || strings.Contains(out.String(), fmt.Sprintf("%x", hidden)) {
		t.Errorf("it shows:\n%s", out.String())
	}
	if !strings.Contains(out.String(), "[set]") || NewSecret("").String() != "[not set]" || s.Reveal() != hidden {
		t.Errorf("it tells too little:\n%s", out.String())
	}
}

func TestNearest(t *testing.T) {
	known := []string{"listen", "data", "public_url", "grace"}
	for in, want := range map[string]string{"lisen": "listen", "lsiten": "listen", "Listen": "listen", "dta": "data", "public-url": "public_url",
		"": "", "x": "", "completely": "", "listening": "listen"} {
		if got := Nearest(in, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{"90s": 90 * time.Second, "30d": 720 * time.Hour, "1d12h": 36 * time.Hour, "0s": 0} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("%s is %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "d", "-1d", "1d-1h", "1.5d", "99999d", "1 day", "day"} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("%q is %v", in, got)
		}
	}
}
