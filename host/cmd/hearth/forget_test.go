package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/client"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/store/bolt"
	"github.com/hearthbot/hearth/web"
)

// manager is a hearth in this process, and somebody in its web chat.
type manager struct {
	t     *testing.T
	data  string
	at    string
	token string
	http  *http.Client
	api   *client.Client
	id    string // of the member
}

// manages starts a hearth and has a member come in; end stops it.
func manages(t *testing.T, file string) (m *manager, end func()) {
	t.Helper()
	plugins := builtPlugins(t)
	if _, err := app.Manifests(t.Context(), os.DirFS(plugins), config.Default(), verifytest.Plugins()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	data, toml := filepath.Join(dir, "data"), filepath.Join(dir, "hearth.toml")
	verifytest.Link(t, verifytest.Plugins(), filepath.Join(data, app.CacheDir))
	if err := os.WriteFile(toml, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(toml, config.OS())
	if err != nil {
		t.Fatal(err)
	}
	c.Server.Listen, c.Server.Data = "127.0.0.1:0", data
	ready := make(chan app.Ready, 1)
	a, err := app.New(t.Context(), app.Options{Config: c, Plugins: os.DirFS(plugins), Version: "v0", GrantAll: true,
		Logger: slog.New(slog.DiscardHandler), Ready: func(r app.Ready) { ready <- r }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	over := false
	end = func() {
		if stop(); !over {
			over = true
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(end)
	var r app.Ready
	select {
	case r = <-ready:
	case err := <-ended:
		over = true
		t.Fatal("it ended: ", err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	m = &manager{t: t, data: data, at: r.URL, http: &http.Client{Jar: jar, Timeout: time.Minute}}
	if m.token, err = app.ReadToken(data); err != nil {
		t.Fatal(err)
	}
	m.api = &client.Client{URL: r.URL, Token: m.token}
	res, err := m.http.PostForm(m.at+"/chat/join", url.Values{"name": {"Adelgundis"}, "locale": {"en"}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	dm := regexp.MustCompile(`c=dm\.([a-z0-9]{10,})`)
	m.until("an id", func() bool {
		found := dm.FindStringSubmatch(m.get("/chat"))
		if found != nil {
			m.id = "webchat:" + found[1]
		}
		return found != nil
	})
	return m, end
}

func (m *manager) until(what string, ok func() bool) {
	m.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (m *manager) get(path string) string {
	m.t.Helper()
	res, err := m.http.Get(m.at + path)
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(body)
}

func (m *manager) says(c, text string) {
	m.t.Helper()
	res, err := m.http.PostForm(m.at+"/chat/send", url.Values{"c": {c}, "text": {text}})
	if err != nil {
		m.t.Fatal(err)
	}
	res.Body.Close()
}

// asks asks the API, and has the answer.
func (m *manager) asks(method, path, body string, want int) string {
	m.t.Helper()
	req, err := http.NewRequest(method, m.at+"/api/v1/"+path, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+m.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := m.http.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != want {
		m.t.Fatalf("%s %s: %d, %v, %s", method, path, res.StatusCode, err, out)
	}
	return string(out)
}

// sets sets settings, as they are.
func (m *manager) sets(values map[string]any) {
	m.t.Helper()
	list, err := m.api.Settings(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	var changes []web.SettingChange
	for key, v := range values {
		raw, err := json.Marshal(v)
		if err != nil {
			m.t.Fatal(err)
		}
		c := web.SettingChange{Key: key, Value: raw}
		if i := slices.IndexFunc(list, func(s web.Setting) bool { return s.Key == key }); i >= 0 {
			c.Base = list[i].Base
		}
		changes = append(changes, c)
	}
	if err := m.api.ChangeSettings(m.t.Context(), "for "+m.id, changes...); err != nil {
		m.t.Fatal(err)
	}
}

func (m *manager) setting(key string) string {
	m.t.Helper()
	list, err := m.api.Settings(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	for _, s := range list {
		if s.Key == key {
			return s.Text
		}
	}
	return "not there"
}

// TestForgetAManager has a member's id be set, named and recorded everywhere that
// somebody else can put it, forgets them, and reads every file of the data
// directory byte for byte. What others set stays.
func TestForgetAManager(t *testing.T) {
	const other = "webchat:someone2else3here"
	m, end := manages(t, "[community]\nname = \"Gophers\"\n")
	local := strings.TrimPrefix(m.id, "webchat:")
	m.sets(map[string]any{
		"community.managers":             []string{m.id, other},
		"plugins.workshop.tool":          m.id,
		"plugins.welcome.texts.hello.en": "Hello {name}, ask <@" + m.id + "> or <@" + other + "> anything!",
	})
	m.sets(map[string]any{"community.managers": []string{other, m.id}})
	m.says("general", "/hearth status")
	m.says("general", "/hearth pause")
	m.until("a pause by the member", func() bool { s, err := m.api.Status(t.Context()); return err == nil && s.Paused })
	m.says("general", "/hearth resume")
	m.until("its end", func() bool { s, err := m.api.Status(t.Context()); return err == nil && !s.Paused })
	next, err := os.ReadFile(filepath.Join(builtPlugins(t), nextWorkshop))
	if err != nil {
		t.Fatal(err)
	}
	v, err := m.api.Upload(t.Context(), next, "", "as "+m.id+" wished")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.api.BeginRollout(t.Context(), "workshop", web.RolloutSpec{SHA256: v.SHA256, Channels: []string{"webchat:dm." + local},
		Labels: []web.RolloutLabel{{When: "member.id == \"" + m.id + "\"", Weight: 100}}}, "only for "+m.id); err != nil {
		t.Fatal(err)
	}
	m.asks("POST", "track", `{"id":"x1","name":"done by `+local+`","member":"`+m.id+`"}`, 202)

	var gone web.Forgotten
	if err := json.Unmarshal([]byte(m.asks("DELETE", "members/"+url.PathEscape(m.id)+"?why=for+"+url.QueryEscape(m.id), "", 200)), &gone); err != nil {
		t.Fatal(err)
	}
	t.Logf("erased: %v", gone.Erased)
	if gone.Erased["settings"] != 3 || len(gone.Left) != 0 {
		t.Errorf("of settings there were %d, want 3; left: %q", gone.Erased["settings"], gone.Left)
	}
	for key, want := range map[string]string{"community.managers": other, "plugins.workshop.tool": "hammer",
		"plugins.welcome.texts.hello.en": "Hello {name}, ask <@webchat:" + strings.Repeat("x", len(local)) + "> or <@" + other + "> anything!"} {
		if got := m.setting(key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	list, err := m.api.SettingHistory(t.Context(), "community.managers")
	if err != nil || len(list) != 3 || string(list[1].After) != `["`+other+`"]` || list[0].Author != "hearth" || list[1].Why != "" {
		t.Errorf("the history of the managers is %+v, %v", list, err)
	}
	if r, err := m.api.Rollout(t.Context(), "workshop"); err == nil && r.Ended == "" {
		t.Errorf("the rollout goes on: %+v", r)
	}
	end()
	m.reads(local, "Adelgundis")
}

// reads compacts the store of a hearth that has stopped, and looks for words in
// every file.
func (m *manager) reads(words ...string) {
	m.t.Helper()
	s, err := bolt.Open(m.t.Context(), m.data, bolt.Options{})
	if err == nil {
		err = s.Compact(m.t.Context())
	}
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	err = filepath.WalkDir(m.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, w := range words {
			if i := bytes.Index(b, []byte(w)); i >= 0 {
				m.t.Errorf("%s still has %s: %q", filepath.Base(path), w, b[max(0, i-120):min(len(b), i+60)])
			}
		}
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// TestForgetNamesTheFile has whoever forgets a manager of the config's file be told
// where their id still stands.
func TestForgetNamesTheFile(t *testing.T) {
	m, _ := manages(t, "[community]\nmanagers = [\"webchat:nobody\"]\n")
	gone := m.asks("DELETE", "members/webchat:nobody", "", 200)
	if !strings.Contains(gone, `"left":["community.managers (`) || !strings.Contains(gone, `hearth.toml:2)"]`) {
		t.Errorf("it answers %s", gone)
	}
	if got := m.setting("community.managers"); got != "webchat:nobody" {
		t.Errorf("the file's setting is %s", got)
	}
}
