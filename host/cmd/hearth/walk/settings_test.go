package walk

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/client"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/settings"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
	"github.com/hearthbot/hearth/web"
)

// desk is a whole hearth at a stand-in for Slack, to which nothing is said at
// the start, and somebody who sets it up.
type desk struct {
	*client.Client
	t     *testing.T
	slack *chattest.Slack
	data  string
	n     int
	logs  *lockedBuffer
	link  string // signs an admin in once
}

// openDesk makes a data directory, and a workspace at Slack.
func openDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, slack: chattest.NewSlack(chattest.SlackOptions{SigningSecret: signingSecret}), data: t.TempDir()}
	t.Cleanup(d.slack.Close)
	return d
}

// begin starts hearth with a config's file, and returns what ends it.
func (d *desk) begin(file string) (end func()) {
	d.t.Helper()
	dir, cache := plugins(d.t)
	c, err := config.Parse("hearth.toml", []byte(file+"\n[slack]\napi_url = \""+d.slack.APIURL()+"\"\n"), config.Env{})
	if err != nil {
		d.t.Fatal(err)
	}
	c.Server.Data, c.Server.Listen = d.data, "127.0.0.1:0"
	d.logs = &lockedBuffer{}
	ready := make(chan app.Ready, 1)
	a, err := app.New(d.t.Context(), app.Options{Config: c, Plugins: os.DirFS(dir), Cache: cache, GrantAll: true, SignIn: true, Logger: slog.New(slog.NewTextHandler(d.logs, nil)), Ready: func(r app.Ready) { ready <- r }})
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	once := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			d.t.Error(err)
		}
	})
	d.t.Cleanup(once)
	select {
	case r := <-ready:
		token, err := app.ReadToken(d.data)
		if err != nil {
			d.t.Fatal(err)
		}
		d.Client, d.link = &client.Client{URL: r.URL, Token: token}, r.SignIn
	case err := <-ended:
		ended <- err
		d.t.Fatal("hearth ended: ", err)
	}
	return once
}

// setting is what is set under a key now.
func (d *desk) setting(key string) web.Setting {
	d.t.Helper()
	list, err := d.Settings(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, s := range list {
		if s.Key == key {
			return s
		}
	}
	d.t.Fatalf("there is no setting %s", key)
	return web.Setting{}
}

// set changes settings as a form does, from what they are now.
func (d *desk) set(pairs ...string) error {
	d.t.Helper()
	var changes []web.SettingChange
	for i := 0; i < len(pairs); i += 2 {
		changes = append(changes, web.SettingChange{Key: pairs[i], Text: &pairs[i+1], Base: d.setting(pairs[i]).Base})
	}
	return d.ChangeSettings(d.t.Context(), "a test", changes...)
}

func (d *desk) mustSet(pairs ...string) {
	d.t.Helper()
	if err := d.set(pairs...); err != nil {
		d.t.Fatalf("%v; logs:\n%s", err, d.logs)
	}
}

// connect sets Slack's secrets.
func (d *desk) connect() {
	d.t.Helper()
	d.mustSet("slack.bot_token", d.slack.Options().BotToken, "slack.signing_secret", signingSecret)
}

// welcomed has somebody new join at Slack, and returns what they are told.
func (d *desk) welcomed() string {
	d.t.Helper()
	d.n++
	user := chattest.SlackUser{ID: fmt.Sprint("U", d.n), Name: fmt.Sprint("Ada", d.n), Locale: "en-US"}
	d.slack.AddUser(user)
	status, answer, err := d.slack.Post(http.DefaultClient, d.URL, "/slack/events", d.slack.TeamJoin(fmt.Sprint("Ev", d.n), user))
	if err != nil || status != http.StatusOK {
		d.t.Fatalf("Slack is answered %d %s %v", status, answer, err)
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	said := ""
	if err := d.slack.Await(ctx, func() bool {
		for _, m := range d.slack.Messages(chattest.DM(user.ID)) {
			said = string(blocksText(m))
		}
		return said != ""
	}); err != nil {
		d.t.Fatalf("%s is not greeted; logs:\n%s", user.Name, d.logs)
	}
	return said
}

// has says whether a message says all of this.
func has(message string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(message, p) })
}

const helloKey = "plugins.welcome.texts.hello.en"

// TestSettingReachesTheNextNewcomer: a text that was changed is what the next
// one reads, and undone the old one is; a setting and the community's name
// likewise. Nothing is started again for any of it.
func TestSettingReachesTheNextNewcomer(t *testing.T) {
	d := openDesk(t)
	d.begin("")
	d.connect()
	ctx := t.Context()
	if got := d.welcomed(); !strings.Contains(got, "Welcome, Ada1! Good to have you at hearth.") {
		t.Fatalf("the first newcomer is told %q", got)
	}
	d.mustSet(helloKey, "Hi {name}, this is {community}: {path}")
	if got := d.welcomed(); !has(got, "Hi Ada2, this is hearth: ", "https://go.dev/tour/") {
		t.Errorf("with another text the next one is told %q", got)
	}
	d.mustSet("plugins.welcome.path", "https://example.org/path", "community.name", "炉边")
	if got := d.welcomed(); !has(got, "Hi Ada3, this is 炉边: ", "https://example.org/path") {
		t.Errorf("with another path and name the next one is told %q", got)
	}

	// What does not fit is refused in both languages, and changes nothing.
	err := d.set(helloKey, "Hi {nmae}", "plugins.welcome.crowd", "many", "policy.daily_cap", "0")
	var p *web.SettingsProblem
	if !errors.As(err, &p) || p.Status != http.StatusUnprocessableEntity {
		t.Fatalf("what does not fit: %v", err)
	}
	err = d.set(helloKey, "Hi {nmae}", "plugins.welcome.crowd", "77", "policy.daily_cap", "0")
	if !errors.As(err, &p) || len(p.Faults) != 3 {
		t.Fatalf("what does not fit: %v", err)
	}
	for i, want := range []string{"{nmae} is no placeholder of this text", "the plugin does not take it", "is 0; to send nothing"} {
		found := false
		for _, f := range p.Faults {
			found = found || strings.Contains(f.Text["en"], want) && f.Text["zh-CN"] != f.Text["en"] && f.Text["zh-CN"] != ""
		}
		if !found {
			t.Errorf("fault %d, %q, is not in %+v", i, want, p.Faults)
		}
	}
	if got := d.welcomed(); !strings.Contains(got, "Hi Ada4, this is 炉边") {
		t.Errorf("after what was refused the next one is told %q", got)
	}

	// Undone, the old text is back.
	history, err := d.SettingHistory(ctx, helloKey)
	if err != nil || len(history) != 1 || history[0].Author == "" || history[0].Why != "a test" || history[0].Before != nil {
		t.Fatalf("its history is %+v, %v", history, err)
	}
	if err := d.ChangeSettings(ctx, "", web.SettingChange{Key: helloKey, Value: history[0].Before, Base: d.setting(helloKey).Base}); err != nil {
		t.Fatal(err)
	}
	if got := d.welcomed(); !strings.Contains(got, "Welcome, Ada5! Good to have you at 炉边.") {
		t.Errorf("after undoing the next one is told %q", got)
	}
	if s := d.setting(helloKey); s.Set || s.Base != 0 || string(s.Value) != string(s.Default) {
		t.Errorf("the setting is %+v", s)
	}
}

// TestTwoAtOnce has two change the same text from the same revision: one is told
// what the other made of it, and neither's words are lost.
func TestTwoAtOnce(t *testing.T) {
	d := openDesk(t)
	d.begin("")
	base := d.setting(helloKey).Base
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i := range errs {
		text := fmt.Sprintf("Hello from %d, {name}", i)
		both.Go(func() {
			errs[i] = d.ChangeSettings(t.Context(), "", web.SettingChange{Key: helloKey, Text: &text, Base: base}, web.SettingChange{Key: "policy.daily_cap", Value: []byte(fmt.Sprint(i + 7))})
		})
	}
	both.Wait()
	winner, loser := 0, 1
	if errs[0] != nil {
		winner, loser = 1, 0
	}
	var p *web.SettingsProblem
	if errs[winner] != nil || !client.IsConflict(errs[loser]) || !errors.As(errs[loser], &p) {
		t.Fatalf("two at once: %v", errs)
	}
	want := fmt.Sprintf("Hello from %d, {name}", winner)
	if len(p.Now) != 2 || p.Now[0].Key != helloKey || p.Now[0].Text != want || p.Now[0].Base <= base || p.Now[0].Author == "" {
		t.Errorf("the second is told %+v", p.Now)
	}
	if s := d.setting("policy.daily_cap"); s.Text != fmt.Sprint(winner+7) || d.setting(helloKey).Text != want {
		t.Errorf("what is set is not one's alone: %s and %s", s.Text, d.setting(helloKey).Text)
	}
	mine := fmt.Sprintf("Hello from %d, {name}", loser)
	if err := d.ChangeSettings(t.Context(), "", web.SettingChange{Key: helloKey, Text: &mine, Base: p.Now[0].Base}); err != nil {
		t.Errorf("the second, having seen it: %v", err)
	}
	history, err := d.SettingHistory(t.Context(), helloKey)
	if err != nil || len(history) != 2 || !bytes.Contains(history[1].After, []byte(want)) || !bytes.Contains(history[0].Before, []byte(want)) {
		t.Errorf("the history is %+v, %v", history, err)
	}
}

// TestPlatformsComeAndGo connects Slack, gives it a wrong token and a good one
// again, disconnects it, and switches the web chat off and on, without a restart.
func TestPlatformsComeAndGo(t *testing.T) {
	d := openDesk(t)
	d.begin("")
	status := func(path string) int {
		t.Helper()
		resp, err := http.Get(d.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	slackState := func() (ok bool) {
		t.Helper()
		st, err := d.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range st.Platforms {
			if p.Name == "slack" {
				return true
			}
		}
		return false
	}
	if status("/slack/events") != http.StatusNotFound || slackState() {
		t.Error("Slack is there before it is connected")
	}
	d.mustSet("slack.bot_token", d.slack.Options().BotToken)
	if status("/slack/events") != http.StatusNotFound || slackState() {
		t.Error("Slack is there with half of its secrets")
	}
	if err := d.set("slack.bot_token", "xapp-of-another-kind"); err == nil || !strings.Contains(err.Error(), "xoxb-") || strings.Contains(err.Error(), "of-another-kind") {
		t.Errorf("a token of another kind: %v", err)
	}
	d.mustSet("slack.signing_secret", signingSecret)
	if status("/slack/events") != http.StatusMethodNotAllowed || !slackState() {
		t.Error("Slack is not there with its secrets")
	}
	if got := d.welcomed(); !strings.Contains(got, "Welcome, Ada1") {
		t.Errorf("a newcomer is told %q", got)
	}
	if s := d.setting("slack.bot_token"); !s.Set || s.Value != nil || s.Text != "" || s.Author == "" {
		t.Errorf("a secret that is set shows as %+v", s)
	}

	// While the token is wrong messages wait; with a good one they come.
	d.mustSet("slack.bot_token", "xoxb-wrong")
	d.n++
	user := chattest.SlackUser{ID: "U2", Name: "Ada2", Locale: "en-US"}
	d.slack.AddUser(user)
	if status, answer, err := d.slack.Post(http.DefaultClient, d.URL, "/slack/events", d.slack.TeamJoin("Ev2", user)); err != nil || status != http.StatusOK {
		t.Fatalf("Slack is answered %d %s %v", status, answer, err)
	}
	d.mustSet("slack.bot_token", d.slack.Options().BotToken)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := d.slack.Await(ctx, func() bool { return len(d.slack.Messages(chattest.DM("U2"))) > 0 }); err != nil {
		t.Errorf("what waited did not come; logs:\n%s", d.logs)
	}
	if n := len(d.slack.Messages(chattest.DM("U1"))); n != 1 {
		t.Errorf("the first newcomer has %d messages", n)
	}

	d.mustSet("slack.bot_token", "", "slack.signing_secret", "")
	if status("/slack/events") != http.StatusNotFound || slackState() {
		t.Error("Slack is there without its secrets")
	}

	if status("/chat") != http.StatusOK {
		t.Error("the web chat is not there")
	}
	d.mustSet("webchat.enabled", "false")
	if status("/chat") != http.StatusNotFound || status("/chat/join") != http.StatusNotFound {
		t.Error("the web chat is there though it is off")
	}
	d.mustSet("webchat.enabled", "true", "webchat.channels", "help\nrandom")
	if status("/chat") != http.StatusOK {
		t.Error("the web chat is not there again")
	}
	if s := d.setting("webchat.channels"); s.Text != "help\nrandom" || string(s.Value) != `["help","random"]` {
		t.Errorf("its channels are %+v", s)
	}
	if strings.Contains(d.logs.String(), d.slack.Options().BotToken) || strings.Contains(d.logs.String(), signingSecret) {
		t.Error("the log shows a secret")
	}
}

// TestTakenBack: what is stored and cannot be put to use is taken back, with what
// was set before in use.
func TestTakenBack(t *testing.T) {
	d := openDesk(t)
	d.begin("")
	d.mustSet("community.name", "before")
	err := d.set("community.name", "after", "webchat.channels", "no name for a channel / at all")
	var p *web.SettingsProblem
	if !errors.As(err, &p) || !strings.Contains(err.Error(), "has taken them back") {
		t.Fatalf("channels that cannot be: %v", err)
	}
	if s := d.setting("community.name"); s.Text != "before" {
		t.Errorf("the name is %s", s.Text)
	}
	if s := d.setting("webchat.channels"); s.Set || s.Base != 0 {
		t.Errorf("the channels are %+v", s)
	}
	history, err := d.SettingHistory(t.Context(), "community.name")
	if err != nil || len(history) != 3 || history[0].Via != audit.Host.Via || string(history[0].After) != `"before"` {
		t.Errorf("the history is %+v, %v", history, err)
	}
	resp, err := http.PostForm(d.URL+"/chat/join", url.Values{"name": {"Ada"}, "locale": {"en"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the web chat answers %s", resp.Status)
	}
}

// TestConfigRoundTrip: what is exported changes nothing when it is imported, and
// makes another hearth the same; what the file sets is locked.
func TestConfigRoundTrip(t *testing.T) {
	const file = "[policy]\ndaily_cap = 9\n"
	d := openDesk(t)
	d.begin(file)
	ctx := t.Context()
	d.connect()
	d.mustSet("community.name", `a "name" with ${HOME}`, "plugins.welcome.crowd", "7", helloKey, "Hi {name}\nat {community}", "policy.expiry", "12h",
		"server.grace", "20s")
	if s := d.setting("policy.daily_cap"); s.Locked != "hearth.toml:2" || s.Text != "9" {
		t.Errorf("what the file sets is %+v", s)
	}
	if err := d.set("policy.daily_cap", "3"); err == nil || !strings.Contains(err.Error(), "hearth.toml:2") {
		t.Errorf("changing what the file sets: %v", err)
	}
	if s := d.setting("server.grace"); !s.Waiting || s.When != "start" || s.Text != "20s" {
		t.Errorf("what works at the next start is %+v", s)
	}
	doc, err := d.ExportConfig(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{signingSecret, d.slack.Options().BotToken} {
		if bytes.Contains(doc, []byte(secret)) {
			t.Errorf("the export has a secret:\n%s", doc)
		}
	}
	for _, dry := range []bool{true, false} {
		if diff, err := d.ImportConfig(ctx, doc, "", dry); err != nil || len(diff.Changes) != 0 {
			t.Errorf("imported where it comes from: %+v, %v", diff, err)
		}
	}
	edited := bytes.Replace(doc, []byte("crowd = 7"), []byte("crowd = 8"), 1)
	edited = append(edited, "\n[retries]\ndeliveries = 3\n"...)
	edited = bytes.Replace(edited, []byte("expiry = \"12h\"\n"), nil, 1)
	for _, dry := range []bool{true, false} {
		diff, err := d.ImportConfig(ctx, edited, "edited", dry)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range diff.Changes {
			got = append(got, fmt.Sprintf("%s %s %s", c.Key, c.Before, c.After))
		}
		if want := `[plugins.welcome.crowd 7 8 retries.deliveries  3 policy.expiry "12h" ]`; fmt.Sprint(got) != want || diff.Applied == dry {
			t.Errorf("the difference is %s, want %s", got, want)
		}
		if now := d.setting("plugins.welcome.crowd").Text; (now == "8") == dry {
			t.Errorf("after dry=%t it is %s", dry, now)
		}
	}
	for in, want := range map[string]string{
		"[policy]\ndaily_cap = 3":                     "change it at hearth.toml:2",
		"[community]\nname = \"${file:/etc/passwd}\"": "which is looked up in a config file and not here",
		"[comunity]\nname = \"x\"":                    "did you mean community?",
		"[webchat]\nsecret = \"${secret:kept}\"":      "there is none stored that could be kept",
		"[server]\ndata = \"/elsewhere\"":             "can be set in the config's file alone",
		"[plugins.nothing]\nx = 1":                    "there is no plugin nothing",
	} {
		if _, err := d.ImportConfig(ctx, []byte(in), "", false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("importing %q: %v, want %s", in, err, want)
		}
	}

	// In another hearth, where the secrets are not.
	other := openDesk(t)
	other.begin("")
	if _, err := other.ImportConfig(ctx, doc, "", false); err == nil || !strings.Contains(err.Error(), "slack.bot_token") {
		t.Errorf("a document with secrets elsewhere: %v", err)
	}
	with := bytes.NewBuffer(nil)
	for line := range strings.Lines(string(doc)) {
		switch {
		case strings.HasPrefix(line, "bot_token"):
			line = "bot_token = \"" + other.slack.Options().BotToken + "\"\n"
		case strings.HasPrefix(line, "signing_secret"):
			line = "signing_secret = \"" + signingSecret + "\"\n"
		}
		with.WriteString(line)
	}
	if _, err := other.ImportConfig(ctx, with.Bytes(), "", false); err != nil {
		t.Fatal(err)
	}
	if again, err := other.ExportConfig(ctx); err != nil || !bytes.Equal(again, doc) {
		t.Errorf("exported there it is\n%s\nwant\n%s (%v)", again, doc, err)
	}
	if got := other.welcomed(); !strings.Contains(got, `at a "name" with ${HOME}`) {
		t.Errorf("a newcomer there is told %q", got)
	}
}

// TestStoredOverARestart: what is stored holds at the next start. With another
// key for secrets hearth starts all the same, Slack is off, and it is said why;
// so it is with what can no longer be used.
func TestStoredOverARestart(t *testing.T) {
	d := openDesk(t)
	end := d.begin("")
	d.connect()
	d.mustSet(helloKey, "Hi {name}", "plugins.welcome.crowd", "7")
	end()

	end = d.begin("")
	if got := d.welcomed(); !strings.Contains(got, "Hi Ada1") {
		t.Errorf("after a restart a newcomer is told %q", got)
	}
	end()

	t.Setenv(settings.KeyVariable, base64.StdEncoding.EncodeToString(make([]byte, 32)))
	end = d.begin("")
	s := d.setting("slack.bot_token")
	if s.Problem == nil || !strings.Contains(s.Problem["en"], settings.KeyVariable) || !strings.Contains(s.Problem["zh-CN"], "密钥") {
		t.Errorf("a secret that cannot be read is %+v", s)
	}
	if resp, err := http.Get(d.URL + "/slack/events"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("Slack without its secrets: %v, %v", resp, err)
	} else {
		resp.Body.Close()
	}
	if s := d.setting("plugins.welcome.crowd"); s.Text != "7" {
		t.Errorf("what is no secret is %+v", s)
	}
	d.connect() // anew, with this key
	if got := d.welcomed(); !strings.Contains(got, "Hi Ada2") {
		t.Errorf("a newcomer is told %q", got)
	}
	end()

	spoil(t, d.data, map[string]any{helloKey: "Hi {nobody}", "plugins.welcome.crowd": 99, "policy.daily_cap": "x", "plugins.gone.path": "y", "community.nme": "z"})
	d.begin("")
	for key, want := range map[string]string{helloKey: "{nobody} is no placeholder", "plugins.welcome.crowd": "does not take it", "policy.daily_cap": "wants a whole number",
		"plugins.gone.path": "there is no plugin gone", "community.nme": "there is no such key"} {
		s := d.setting(key)
		if !strings.Contains(s.Problem["en"], want) || s.Problem["zh-CN"] == "" || s.Base == 0 {
			t.Errorf("%s is %+v, want %s", key, s, want)
		}
		if err := d.ChangeSettings(t.Context(), "", web.SettingChange{Key: key, Base: s.Base}); err != nil {
			t.Errorf("taking %s away: %v", key, err)
		}
	}
	if got := d.welcomed(); !strings.Contains(got, "Welcome, Ada3!") {
		t.Errorf("a newcomer is told %q", got)
	}
}

// spoil writes settings as a hearth of another version may have left them.
func spoil(t *testing.T, dir string, values map[string]any) {
	t.Helper()
	s := openStore(t, dir)
	for key, v := range values {
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b := new(store.Batch)
		b.Put(store.Join("setting", key), []byte(`{"j":`+string(j)+`,"t":1}`))
		if _, err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func openStore(t *testing.T, dir string) store.Store {
	t.Helper()
	s, err := bolt.Open(t.Context(), dir, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
