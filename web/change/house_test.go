package change_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/change"
	"github.com/hearthbot/hearth/web/page/pagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is the pages before settings in memory.
type house struct {
	*pagetest.House
	t        *testing.T
	settings *memory
	said     []string // MEMBER: text
	saying   func() (change.Said, error)
	member   string // that the browser was told to keep
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{House: pagetest.New(t, nil), t: t, settings: newMemory()}
	if err := change.Register(change.Options{Frame: h.Frame, Settings: h.settings, Sender: h}); err != nil {
		t.Fatal(err)
	}
	return h
}

// Say implements change.Sender.
func (h *house) Say(_ context.Context, who audit.Who, member, locale, text string) (change.Said, error) {
	h.said = append(h.said, fmt.Sprintf("%s to %s in %s: %s", who.ID, member, locale, text))
	if h.saying != nil {
		return h.saying()
	}
	return change.Said{Status: "sent"}, nil
}

// get asks for a page, in English.
func (h *house) get(role access.Role, path string) *answer { return h.send(role, "GET", path, nil) }

func (h *house) send(role access.Role, method, path string, form url.Values, headers ...string) *answer {
	h.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Accept-Language", "en")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return h.do(role, r, headers...)
}

func (h *house) do(role access.Role, r *http.Request, headers ...string) *answer {
	h.t.Helper()
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	if h.member != "" {
		r.AddCookie(&http.Cookie{Name: "hearth_try_member", Value: h.member})
	}
	w := h.Do(role, r)
	for _, c := range w.Result().Cookies() {
		if c.Name == "hearth_try_member" {
			h.member = c.Value
		}
	}
	return &answer{h.t, w.Code, w.Body.String(), w.Header()}
}

type answer struct {
	t      *testing.T
	status int
	body   string
	header http.Header
}

// is fails the test unless the answer has the status and all of the texts.
func (a *answer) is(status int, texts ...string) {
	a.t.Helper()
	if a.status != status {
		a.t.Errorf("status %d, want %d: %.300s", a.status, status, text(a.body))
	}
	for _, s := range texts {
		if !strings.Contains(a.body, s) {
			a.t.Errorf("no %q in %.900s", s, text(a.body))
		}
	}
}

// lacks fails the test if the answer has any of the texts.
func (a *answer) lacks(texts ...string) {
	a.t.Helper()
	for _, s := range texts {
		if strings.Contains(a.body, s) {
			a.t.Errorf("there is %q", s)
		}
	}
}

// leads is where the answer leads to.
func (a *answer) leads(to string) {
	a.t.Helper()
	if got := a.header.Get("Location"); a.status != http.StatusSeeOther || got != to {
		a.t.Errorf("%d, leads to %q, want %q: %.600s", a.status, got, to, text(a.body))
	}
}

var tags = regexp.MustCompile(`(?s)<[^>]*>|\s+`)

func text(html string) string {
	_, main, _ := strings.Cut(html, "<main")
	return tags.ReplaceAllString(main, " ")
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// form is what a browser would send of the page's fields that are hidden.
func (a *answer) form() url.Values {
	out := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(a.body, -1) {
		if strings.Contains(m[1], ".") {
			out.Set(m[1], m[2])
		}
	}
	return out
}

// memory is settings in memory, with the rules of the real ones: revisions,
// history, all or nothing.
type memory struct {
	mu      sync.Mutex
	rev     uint64
	list    []web.Setting
	history map[string][]web.SettingVersion
	secrets map[string]string
	refuse  map[string]string // by key: why no value is taken
	fail    bool              // nothing can be put to use
	doc     []web.SettingDifference
}

var at = time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)

func quoted(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return b
}

func newMemory() *memory {
	m := &memory{history: map[string][]web.SettingVersion{}, secrets: map[string]string{}, refuse: map[string]string{}}
	add := func(key, kind, def, help string, more func(*web.Setting)) {
		s := web.Setting{Key: key, Kind: kind, Default: quoted(def), Help: web.Words{"en": help, "zh-CN": "关于 " + key}, When: "now"}
		switch kind {
		case "number", "boolean", "json":
			s.Default = json.RawMessage(def)
		case "list":
			s.Default = json.RawMessage(`["1s","2s"]`)
		case "secret":
			s.Default = nil
		}
		s.Value = s.Default
		s.Text = plain(s.Value)
		if more != nil {
			more(&s)
		}
		m.list = append(m.list, s)
	}
	admin := func(s *web.Setting) { s.Admin = true }
	add("server.listen", "address", "127.0.0.1:8080", "Where hearth listens", func(s *web.Setting) { s.Admin, s.When = true, "start" })
	add("server.data", "text", "data", "Where all lies", func(s *web.Setting) {
		s.Admin, s.When, s.Why = true, "file", web.Words{"en": "All lies there.", "zh-CN": "都在那里。"}
	})
	add("community.name", "text", "hearth", "What it is called", nil)
	add("community.time_zone", "time zone", "UTC", "When it is", nil)
	add("community.locale", "locale", "en", "What it speaks", func(s *web.Setting) { s.Locked, s.Set = "hearth.toml:12", true })
	add("community.managers", "list", "", "Who manages", func(s *web.Setting) { s.Value, s.Text = json.RawMessage(`["slack:U1"]`), "slack:U1" })
	add("policy.quiet_hours", "hours", "", "When it is quiet", nil)
	add("policy.daily_cap", "number", "5", "How many", nil)
	add("webchat.enabled", "boolean", "true", "Whether there is a chat", admin)
	add("slack.bot_token", "secret", "", "The token", admin)
	add("limits.mode", "choice", "soft", "Which", func(s *web.Setting) { s.Choices, s.Admin = []string{"soft", "hard"}, true })
	add("plugins.welcome.path", "text", "https://go.dev/tour/", "Where to begin", func(s *web.Setting) { s.Plugin = "welcome" })
	wording := func(plugin, key, en, zh string, params ...string) {
		for i, t := range []string{en, zh} {
			add("plugins."+plugin+".texts."+key+"."+[]string{"en", "zh-CN"}[i], "wording", t, "", func(s *web.Setting) {
				s.Plugin, s.Placeholders, s.Help = plugin, params, web.Words{"en": ""}
				if t == "" {
					s.Default, s.Value, s.Text = json.RawMessage("null"), json.RawMessage("null"), ""
				}
			})
		}
	}
	wording("welcome", "hello", "Welcome, {name}! [Begin]({path}) at {community}.", "欢迎，{name}！从[这里]({path})开始，{community}。", "name", "path", "community")
	wording("welcome", "help", "What can you do?", "你会什么？")
	wording("tasks", "path.done", "{done} of {all} {all|task|tasks} done", "", "done", "all")
	return m
}

func plain(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	var l []string
	if json.Unmarshal(v, &l) == nil {
		return strings.Join(l, "\n")
	}
	if string(v) == "null" {
		return ""
	}
	return string(v)
}

func (m *memory) Settings(context.Context) ([]web.Setting, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.list), nil
}

func (m *memory) at(key string) *web.Setting {
	for i := range m.list {
		if m.list[i].Key == key {
			return &m.list[i]
		}
	}
	return nil
}

func (m *memory) Change(_ context.Context, who audit.Who, why string, changes []web.SettingChange) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var conflict web.SettingsConflict
	var refused web.SettingsRefused
	fault := func(key, en string) {
		refused.Faults = append(refused.Faults, web.SettingFault{Key: key, Text: web.Words{"en": en, "zh-CN": "不行"}})
	}
	for _, c := range changes {
		s := m.at(c.Key)
		switch {
		case s == nil:
			fault(c.Key, "there is no such key")
		case s.Locked != "":
			fault(c.Key, "is set in the file")
		case s.Admin && who.Role != "admin":
			fault(c.Key, "is for admins")
		case m.refuse[c.Key] != "":
			fault(c.Key, m.refuse[c.Key])
		case s.Base != c.Base:
			conflict.Now = append(conflict.Now, *s)
		}
	}
	switch {
	case len(refused.Faults) > 0:
		return &refused
	case len(conflict.Now) > 0:
		return &conflict
	case m.fail:
		return &web.SettingsFailed{Faults: []web.SettingFault{{Key: changes[0].Key, Text: web.Words{"en": "the port is taken", "zh-CN": "端口被占用"}}}}
	}
	for _, c := range changes {
		m.rev++
		s := m.at(c.Key)
		v := web.SettingVersion{Number: m.rev, At: at.Add(time.Duration(m.rev) * time.Minute), Author: who.Name, Via: who.Via, Why: why, Secret: s.Kind == "secret"}
		if s.Base != 0 {
			v.Before = s.Value
		}
		value := c.Value
		if c.Text != nil {
			value = quoted(*c.Text)
			switch s.Kind {
			case "number", "boolean", "json":
				value = json.RawMessage(*c.Text)
			case "list":
				value, _ = json.Marshal(strings.Fields(*c.Text))
			}
		}
		s.Base, s.Author, s.At, s.Set = m.rev, who.Name, &v.At, true
		if value == nil {
			s.Base, s.Author, s.At, s.Set = 0, "", nil, false
		}
		if s.Kind == "secret" {
			m.secrets[s.Key] = plain(value)
		} else {
			v.After = value
			if s.Value = value; value == nil {
				s.Value = s.Default
			}
			s.Text = plain(s.Value)
		}
		m.history[c.Key] = slices.Insert(m.history[c.Key], 0, v)
	}
	return nil
}

func (m *memory) History(_ context.Context, key string, before uint64, limit int) ([]web.SettingVersion, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []web.SettingVersion
	for _, v := range m.history[key] {
		if (before == 0 || v.Number < before) && len(out) < limit {
			out = append(out, v)
		}
	}
	return out, nil
}

func (m *memory) Undo(ctx context.Context, who audit.Who, why, key string, number, base uint64) error {
	list, err := m.History(ctx, key, number+1, 1)
	if err != nil {
		return err
	}
	if len(list) == 0 || list[0].Number != number || list[0].Secret {
		return web.ErrNotFound
	}
	return m.Change(ctx, who, why, []web.SettingChange{{Key: key, Value: list[0].Before, Base: base}})
}

func (m *memory) Export(context.Context) ([]byte, error) {
	return []byte("[community]\nname = \"Gophers\"\n"), nil
}

func (m *memory) Import(ctx context.Context, who audit.Who, why string, document []byte, dryRun bool) ([]web.SettingDifference, error) {
	if strings.Contains(string(document), "bad") {
		return nil, &web.SettingsRefused{Faults: []web.SettingFault{{Key: "community.nam", Text: web.Words{"en": "there is no such key <b>", "zh-CN": "没有"}}}}
	}
	if !dryRun {
		s := m.at("community.name")
		return m.doc, m.Change(ctx, who, why, []web.SettingChange{{Key: s.Key, Value: m.doc[0].After, Base: s.Base}})
	}
	return m.doc, nil
}

func (m *memory) CheckSlack(context.Context, string, string) web.SlackCheck { return web.SlackCheck{} }
func (m *memory) Slack(context.Context) web.SlackState                      { return web.SlackState{} }
func (m *memory) SlackManifest(context.Context, bool) ([]byte, []string, error) {
	return nil, nil, chat.ErrBusy
}
