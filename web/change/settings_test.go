package change_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web"
)

const all = "/admin/settings"

// TestRoutes tries every page and every form as everybody.
func TestRoutes(t *testing.T) {
	h := open(t)
	n := 0
	for _, r := range h.Frame.Routes() {
		if !strings.HasPrefix(r.Pattern, "/messages") && !strings.HasPrefix(r.Pattern, all) {
			continue
		}
		n++
		path := strings.NewReplacer("{plugin}", "welcome", "{group}/{key}", "community/community.name", "{key}", "hello", "{group}", "community").Replace(r.Pattern)
		for _, role := range append([]access.Role{""}, access.Roles...) {
			a := h.send(role, r.Method, path, nil)
			switch got := a.status; {
			case role.Covers(r.Need):
				if got >= 500 || got == 403 || got == 401 {
					t.Errorf("%s %s by %s: %d", r.Method, path, role, got)
				}
			case role != "" && got != 403, role == "" && r.Method == "GET" && got != 303, role == "" && r.Method == "POST" && got != 401:
				t.Errorf("%s %s by %q: %d", r.Method, path, role, got)
			}
		}
		if a := h.send(access.Admin, "POST", path, url.Values{"x": {"y"}}, "Origin: https://evil.example"); r.Method == "POST" && a.status != 403 {
			t.Errorf("POST %s from another site: %d", path, a.status)
		}
	}
	if n < 18 {
		t.Errorf("only %d routes", n)
	}
}

func TestSettingsList(t *testing.T) {
	h := open(t)
	h.settings.at("slack.bot_token").Set = true
	h.settings.at("server.listen").Waiting = true
	a := h.get(access.Manager, all)
	a.is(200, "community.name", "hearth.toml:12", "Needs a restart", "<code>server.listen</code>", ">set<", ">on<", "plugins.welcome.path", "Where to begin")
	a.lacks("Welcome, {name}", "_export")
	h.get(access.Admin, all).is(200, "_export", "_import")
	b := h.get(access.Manager, all+"?q=quiet")
	b.is(200, "policy.quiet_hours", "1 setting<")
	b.lacks("<code>community.name")
	b = h.get(access.Manager, all+"?set=1")
	b.is(200, "community.locale")
	b.lacks("<code>community.name")
	h.send(access.Manager, "GET", all+"?q=zzz", nil, "HX-Request: true").is(200, "No setting has that in it.")
	h.get(access.Manager, all+"/nothing").is(404, "no such settings")
	h.get(access.Manager, all+"/community/community.nam").is(404, "no such setting")
	h.get(access.Manager, all+"/community/policy.daily_cap").is(404)
}

func TestSaveSettings(t *testing.T) {
	h := open(t)
	p := h.get(access.Manager, all+"/community")
	p.is(200, `placeholder="hearth"`, `list="zones"`, "Set in hearth.toml:12", "slack:U1</textarea>", "works at once")
	p.lacks(`name="text.community.locale"`)
	form := p.form()
	form.Set("text.community.name", "Gophers")
	form.Set("text.community.time_zone", "")
	form.Set("text.community.managers", "slack:U1")
	form.Set("why", "we have a name")
	h.send(access.Manager, "POST", all+"/community", form).leads(all + "/community?done=saved")
	if s := h.settings.at("community.name"); s.Text != "Gophers" || h.settings.at("community.managers").Base != 0 {
		t.Errorf("saved: %+v", s)
	}
	p = h.get(access.Manager, all+"/community?done=saved")
	p.is(200, "Saved. It holds from now on.", `value="Gophers"`, "Set by &lt;manager&gt;", "Back to the default: hearth")
	h.get(access.Manager, all+"/community/community.name").is(200, "we have a name", `<li class="del">hearth`, `<li class="ins">Gophers`, "Undo this change")

	// Back to the default, beside another change.
	form = p.form()
	form.Set("text.community.name", "Gophers")
	form.Add("default", "community.name")
	form.Set("text.community.managers", "slack:U1\nslack:U2")
	h.send(access.Manager, "POST", all+"/community", form).leads(all + "/community?done=saved")
	if s := h.settings.at("community.name"); s.Base != 0 || h.settings.at("community.managers").Text != "slack:U1\nslack:U2" {
		t.Errorf("%+v", s)
	}
	h.send(access.Manager, "POST", all+"/community/community.name/undo", url.Values{"number": {"2"}, "base": {"0"}}).leads(all + "/community/community.name?done=restored")
	if s := h.settings.at("community.name"); s.Text != "Gophers" {
		t.Errorf("undone to %q", s.Text)
	}
	undo := url.Values{"number": {"2"}, "base": {"0"}}
	h.send(access.Manager, "POST", all+"/community/community.name/undo", undo).is(409, "so nothing was done")
	h.send(access.Manager, "POST", all+"/community/community.name/undo", url.Values{"number": {"77"}, "base": {"4"}}).is(404, "not on record")
	h.send(access.Manager, "POST", all+"/community/community.name/undo", url.Values{"number": {"-"}}).is(400)

	// Nothing touched, nothing changed.
	h.send(access.Manager, "POST", all+"/community", h.get(access.Manager, all+"/community").form()).leads(all + "/community?done=same")

	// What works at the next start says so.
	form = h.get(access.Admin, all+"/server").form()
	form.Set("text.server.listen", "0.0.0.0:80")
	h.send(access.Admin, "POST", all+"/server", form).leads(all + "/server?done=start")
	h.get(access.Admin, all+"/server?done=start").is(200, "works after the next start", "only in the config", "All lies there.")
}

func TestSettingKinds(t *testing.T) {
	h := open(t)
	save := func(group, key string, fields ...string) string {
		t.Helper()
		form := h.get(access.Admin, all+"/"+group).form()
		for i := 0; i < len(fields); i += 2 {
			form.Set(fields[i]+"."+key, fields[i+1])
		}
		if a := h.send(access.Admin, "POST", all+"/"+group, form); a.status != 303 {
			t.Errorf("%s: %d %.500s", key, a.status, text(a.body))
		}
		return string(h.settings.at(key).Value)
	}
	for _, c := range []struct {
		group, key, want string
		fields           []string
	}{
		{"policy", "policy.quiet_hours", `"22:00-08:00"`, []string{"from", "22:00", "to", "08:00"}},
		{"policy", "policy.quiet_hours", `""`, []string{"from", "", "to", "08:00"}},
		{"policy", "policy.daily_cap", `7`, []string{"text", "7"}},
		{"policy", "policy.daily_cap", `5`, []string{"text", ""}}, // back to the default
		{"webchat", "webchat.enabled", `false`, []string{"text", "false"}},
		{"limits", "limits.mode", `"hard"`, []string{"text", "hard"}},
		{"plugins.welcome", "plugins.welcome.path", `"https://example.org/"`, []string{"text", "https://example.org/"}},
	} {
		if got := save(c.group, c.key, c.fields...); got != c.want {
			t.Errorf("%s with %v is %s, want %s", c.key, c.fields, got, c.want)
		}
	}
	h.get(access.Manager, all+"/plugins.welcome").is(200, "/messages?plugin=welcome")
}

// TestSecret sets a secret, which no answer ever has in it.
func TestSecret(t *testing.T) {
	h := open(t)
	const secret = "xoxb-very-secret"
	group := all + "/slack"
	form := h.get(access.Admin, group).form()
	form.Set("text.slack.bot_token", secret)
	h.settings.refuse["slack.bot_token"] = "is no bot token"
	a := h.send(access.Admin, "POST", group, form)
	a.is(422, "is no bot token", "write it once more")
	a.lacks(secret)
	clear(h.settings.refuse)
	h.send(access.Admin, "POST", group, form).leads(group + "?done=saved")
	if h.settings.secrets["slack.bot_token"] != secret {
		t.Error("the secret is not kept")
	}
	for _, path := range []string{group, all, group + "/slack.bot_token"} {
		b := h.get(access.Admin, path)
		b.is(200, "slack.bot_token")
		b.lacks(secret, "/undo")
	}
	h.get(access.Admin, group+"/slack.bot_token").is(200, "A secret was set or taken away.")
	// Left alone it stays; a manager cannot touch it.
	form = h.get(access.Admin, group).form()
	form.Set("text.slack.bot_token", "")
	h.send(access.Admin, "POST", group, form).leads(group + "?done=same")
	m := h.get(access.Manager, group)
	m.is(200, "You may look at these settings", "For admins to change")
	m.lacks("<input id=\"f-slack")
	form.Set("text.slack.bot_token", "xoxb-mine")
	h.send(access.Manager, "POST", group, form).leads(group + "?done=same")
	if h.settings.secrets["slack.bot_token"] != secret {
		t.Error("a manager has set a secret")
	}
	form = h.get(access.Admin, group).form()
	stale := h.get(access.Admin, group).form()
	form.Set("text.slack.bot_token", "")
	form.Set("default", "slack.bot_token")
	h.send(access.Admin, "POST", group, form).leads(group + "?done=saved")
	if s := h.settings.at("slack.bot_token"); s.Set {
		t.Error("it is not taken away")
	}
	stale.Set("text.slack.bot_token", secret)
	c := h.send(access.Admin, "POST", group, stale)
	c.is(409, "Somebody else was faster")
	c.lacks(secret)
}

func TestSettingsFaults(t *testing.T) {
	h := open(t)
	group := all + "/community"
	for typed, want := range map[string]string{
		"a\u202eb":                  "U&#43;202E",
		"a\x00b":                    "U&#43;0000",
		strings.Repeat("x", 8001):   "8001 characters",
		"<script>alert(1)</script>": "is not allowed",
	} {
		h.settings.refuse["community.name"] = "is not allowed"
		form := h.get(access.Manager, group).form()
		form.Set("text.community.name", typed)
		form.Set("text.community.time_zone", "Asia/Shanghai")
		a := h.send(access.Manager, "POST", group, form)
		a.is(422, want, `id="wrong-community.name"`, `aria-invalid="true"`, `value="Asia/Shanghai"`)
		a.lacks("<script>alert")
	}
	clear(h.settings.refuse)
	h.send(access.Manager, "POST", group, url.Values{"text.community.name": {strings.Repeat("x", 1<<20)}}).is(413)
	h.settings.fail = true
	form := h.get(access.Manager, group).form()
	form.Set("text.community.name", "Gophers")
	h.send(access.Manager, "POST", group, form).is(422, "went back to what was there", "the port is taken", `value="Gophers"`)
	h.settings.fail = false

	theirs := h.get(access.Admin, group).form()
	theirs.Set("text.community.name", "Theirs")
	h.send(access.Admin, "POST", group, theirs).leads(group + "?done=saved")
	a := h.send(access.Manager, "POST", group, form)
	a.is(409, "&lt;admin&gt; was faster", `<li class="del">Theirs`, `<li class="ins">Gophers`, `value="Gophers"`)
	again := a.form()
	again.Set("text.community.name", "Gophers")
	again.Set("theirs", "community.name")
	h.send(access.Manager, "POST", group, again).is(200, `value="Theirs"`)
	again.Del("theirs")
	h.send(access.Manager, "POST", group, again).leads(group + "?done=saved")
	if s := h.settings.at("community.name"); s.Text != "Gophers" {
		t.Errorf("it is %q", s.Text)
	}
}

// upload sends a file, and a text beside it.
func (h *house) upload(file, pasted string) *answer {
	h.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	f, err := m.CreateFormFile("file", "../../etc/passwd")
	if err == nil {
		_, err = f.Write([]byte(file))
	}
	if err == nil {
		err = m.WriteField("text", pasted)
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	r := httptest.NewRequest("POST", all+"/_import", &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Accept-Language", "en")
	return h.do(access.Admin, r)
}

func TestTransfer(t *testing.T) {
	h := open(t)
	a := h.get(access.Admin, all+"/_export")
	a.is(200, `name = "Gophers"`)
	if !strings.Contains(a.header.Get("Content-Disposition"), "hearth-settings.toml") {
		t.Error(a.header)
	}
	h.get(access.Admin, all+"/_import").is(200, "Config file")
	h.send(access.Admin, "POST", all+"/_import/apply", url.Values{}).is(422, "The file is not here any more")
	h.upload("", "").is(422, "There was nothing in it.")
	h.upload("bad", "").is(422, "community.nam: there is no such key &lt;b&gt;")
	h.upload(strings.Repeat("#", 300<<10), "").is(413, "at most 256 KiB")
	h.upload(strings.Repeat("#", 1<<20), "").is(413, "at most 256 KiB")
	h.send(access.Admin, "POST", all+"/_import", url.Values{"text": {"x"}}).is(422, "There was nothing in it.")

	h.settings.doc = []web.SettingDifference{{Key: "community.name", Before: nil, After: quoted("Gophers <b>")}, {Key: "slack.bot_token", Secret: true},
		{Key: "policy.daily_cap", Before: []byte("7")}}
	h.upload("", "[community]").is(200, "What would change", "3 settings", `<li class="ins">Gophers &lt;b&gt;`, "A secret would be set", "back to the default")
	// Somebody changes something meanwhile.
	h.settings.doc = h.settings.doc[:1]
	h.send(access.Admin, "POST", all+"/_import/apply", url.Values{}).is(409, "Somebody changed settings since you looked.")
	h.send(access.Admin, "POST", all+"/_import/apply", url.Values{"why": {"moved"}}).leads(all + "?done=imported")
	if v := h.settings.history["community.name"]; len(v) != 1 || v[0].Why != "moved" {
		t.Errorf("%+v", v)
	}
	h.send(access.Admin, "POST", all+"/_import/apply", url.Values{}).is(422, "not here any more")
	for i := range 250 {
		h.settings.doc = append(h.settings.doc, web.SettingDifference{Key: fmt.Sprintf("plugins.x.k%d", i), After: quoted("v")})
	}
	h.upload("x", "").is(200, "and 51 more")
	h.settings.doc = nil
	h.upload("x", "").is(200, "all is as the file says already")
}
