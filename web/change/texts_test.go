package change_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/change"
)

const hello = "/messages/welcome/hello"

func TestTextList(t *testing.T) {
	h := open(t)
	h.get(access.Viewer, "/messages").is(200, "<code>hello</code>", "Welcome, {name}!", "欢迎，{name}！", "<code>path.done</code>")
	for path, c := range map[string]struct{ has, lacks string }{
		"/messages?plugin=tasks":         {"path.done", "<code>hello</code>"},
		"/messages?q=what+can":           {"<code>help</code>", "<code>hello</code>"},
		"/messages?q=%E4%BD%A0%E4%BC%9A": {"<code>help</code>", "<code>hello</code>"},
		"/messages?own=1":                {"No text has that in it.", "<code>hello</code>"},
		"/messages?page=99":              {"<code>hello</code>", "xyz"},
		"/messages?page=-3":              {"<code>hello</code>", "xyz"},
	} {
		a := h.get(access.Viewer, path)
		a.is(200, c.has)
		a.lacks(c.lacks)
	}
	live := h.send(access.Viewer, "GET", "/messages?q=hello", nil, "HX-Request: true")
	live.is(200, "<code>hello</code>")
	live.lacks("<html")
}

// TestSaveText changes one language, finds it in the history and takes it back.
func TestSaveText(t *testing.T) {
	h := open(t)
	p := h.get(access.Manager, hello)
	p.is(200, "Welcome, {name}!", "<code>{path}</code>", "Welcome, Ada!", "欢迎，小林！")
	form := p.form()
	form.Set("text.en", "Hi **{name}**!\r\nLook at {path}.")
	form.Set("text.zh-CN", "欢迎，{name}！从[这里]({path})开始，{community}。")
	form.Set("why", " warmer ")
	h.send(access.Manager, "POST", hello, form).leads(hello + "?done=saved")
	if s := h.settings.at("plugins.welcome.texts.hello.zh-CN"); s.Base != 0 {
		t.Error("what was not touched was saved")
	}
	if s := h.settings.at("plugins.welcome.texts.hello.en"); s.Text != "Hi **{name}**!\nLook at {path}." {
		t.Errorf("saved as %q", s.Text)
	}
	p = h.get(access.Manager, hello+"?done=saved")
	p.is(200, "Saved.", "Hi <strong>Ada</strong>!<br>Look at", "our own", "&lt;manager&gt;", "warmer", "Undo this change", `<li class="del">Welcome, {name}!`, `<li class="ins">Hi **{name}**!`)
	h.get(access.Viewer, "/messages?own=1").is(200, "<code>hello</code>")

	form = p.form()
	form.Set("text.en", "Third")
	h.send(access.Manager, "POST", hello, form).leads(hello + "?done=saved")
	first := h.settings.history["plugins.welcome.texts.hello.en"][1]
	restore := func(how string, number, base string) *answer {
		return h.send(access.Manager, "POST", hello+"/restore", url.Values{"in": {"en"}, "how": {how}, "number": {number}, "base": {base}})
	}
	if first.Number != 1 {
		t.Fatal(first.Number)
	}
	restore("version", "1", "2").leads(hello + "?done=restored")
	if s := h.settings.at("plugins.welcome.texts.hello.en"); !strings.HasPrefix(s.Text, "Hi **") {
		t.Errorf("restored to %q", s.Text)
	}
	restore("undo", "3", "3").leads(hello + "?done=restored")
	if s := h.settings.at("plugins.welcome.texts.hello.en"); s.Text != "Third" {
		t.Errorf("undone to %q", s.Text)
	}
	restore("undo", "3", "3").is(409, "so nothing was done")
	restore("undo", "99", "4").is(404, "not on record any more")
	restore("version", "99", "4").is(404, "not on record any more")
	restore("version", "x", "4").is(400)
	h.settings.refuse["plugins.welcome.texts.hello.en"] = "names a placeholder that is gone"
	restore("version", "1", "4").is(422, "names a placeholder that is gone")
	clear(h.settings.refuse)
	restore("own", "", "4").leads(hello + "?done=own")
	if s := h.settings.at("plugins.welcome.texts.hello.en"); s.Base != 0 || !strings.HasPrefix(s.Text, "Welcome") {
		t.Errorf("back to %q", s.Text)
	}
}

func TestTextFaults(t *testing.T) {
	h := open(t)
	for typed, want := range map[string][]string{
		"Hi {nme}!":                         {"Line 1, character 4:", "{nme} is no placeholder of this text. It has {name}, {path}, {community}.", "<mark>{nme}</mark>", "   ^^^^^"},
		"one\ntwo { three":                  {"Line 2, character 5:", "A { without its }. Write {{"},
		"a } b":                             {"Line 1, character 3:", "A } without its {"},
		"你好 {nme}":                          {"Line 1, character 4:", "\u3000\u3000 ^^^^^"},
		"{name|one}":                        {"wants a word for one and a word for more"},
		"a\u202eb":                          {"Line 1, character 2:", "U&#43;202E is a character nobody sees", `<mark>\u202e</mark>`},
		"a\x00b":                            {"U&#43;0000 is a character nobody sees"},
		"a\x1b[31mb":                        {"U&#43;001B"},
		"a\xffb":                            {"This is no text."},
		"":                                  {"An empty text says nothing."},
		"  \n ":                             {"An empty text says nothing."},
		strings.Repeat("水", 4001):           {"It has 4001 characters; at most 4000 are possible."},
		"<script>alert(1)</script> {oops}":  {"&lt;script&gt;alert(1)&lt;/script&gt;"},
		"</textarea><img src=x> {oops}":     {"&lt;/textarea&gt;&lt;img src=x&gt;"},
		"{\"><script>x</script>}":           {"&lt;script&gt;"},
		strings.Repeat("{", 3000) + "{oops": {"A { without its }"},
	} {
		form := h.get(access.Manager, hello).form()
		form.Set("text.en", typed)
		for _, path := range []string{hello, hello + "/preview"} {
			status := 422
			if path != hello {
				if status = 200; strings.TrimSpace(typed) == "" {
					continue
				}
			}
			a := h.send(access.Manager, "POST", path, form)
			a.is(status, want...)
			a.lacks("<script>alert", "<img src=x", "<script>x")
		}
	}
	if s := h.settings.at("plugins.welcome.texts.hello.en"); s.Base != 0 {
		t.Errorf("saved: %q", s.Text)
	}
	form := url.Values{"text.en": {strings.Repeat("x", 1<<20)}}
	h.send(access.Manager, "POST", hello, form).is(413, "at most 256 KiB")
	h.send(access.Manager, "POST", hello+"/preview?in=en", form, "HX-Request: true").is(413)
}

// TestTextHarmless saves what is odd and not wrong, which does nothing where it
// is shown.
func TestTextHarmless(t *testing.T) {
	h := open(t)
	form := h.get(access.Manager, hello).form()
	form.Set("text.en", "<b onclick=x>{{hi}}</b> [x](javascript:alert(1)) <!channel> \"'><svg onload=x>")
	form.Set("why", "<script>y</script>")
	h.send(access.Manager, "POST", hello, form).leads(hello + "?done=saved")
	for _, path := range []string{hello, "/messages"} {
		a := h.get(access.Manager, path)
		a.is(200, "&lt;b onclick=x&gt;")
		a.lacks("<b onclick", "<svg onload", `href="javascript`, "<script>y")
	}
}

// TestTextConflict has two managers change one text: the second sees the first's
// change, loses nothing, and decides.
func TestTextConflict(t *testing.T) {
	h := open(t)
	mine, theirs := h.get(access.Manager, hello).form(), h.get(access.Admin, hello).form()
	theirs.Set("text.en", "Theirs, {name}")
	h.send(access.Admin, "POST", hello, theirs).leads(hello + "?done=saved")
	mine.Set("text.en", "Mine, {name}")
	mine.Set("text.zh-CN", "我的")
	mine.Set("why", "because")
	a := h.send(access.Manager, "POST", hello, mine)
	a.is(409, "&lt;admin&gt; was faster", `<li class="del">Theirs, {name}`, `<li class="ins">Mine, {name}`, "Mine, {name}</textarea>", "我的</textarea>", `value="because"`)
	if h.settings.at("plugins.welcome.texts.hello.zh-CN").Base != 0 {
		t.Error("half of it was saved")
	}
	// They take theirs …
	again := a.form()
	again.Set("text.en", "Mine, {name}")
	again.Set("text.zh-CN", "我的")
	again.Set("theirs", "en")
	h.send(access.Manager, "POST", hello+"/preview", again).is(200, "Theirs, {name}</textarea>", "我的</textarea>")
	// … or save theirs over it.
	again.Del("theirs")
	h.send(access.Manager, "POST", hello, again).leads(hello + "?done=saved")
	if s := h.settings.at("plugins.welcome.texts.hello.en"); s.Text != "Mine, {name}" {
		t.Errorf("it says %q", s.Text)
	}
	// Who changes the other language meets nobody.
	b := h.get(access.Manager, hello).form()
	c := h.get(access.Admin, hello).form()
	b.Set("text.en", "B")
	b.Set("text.zh-CN", "我的")
	c.Set("text.en", "Mine, {name}")
	c.Set("text.zh-CN", "丙")
	h.send(access.Manager, "POST", hello, b).leads(hello + "?done=saved")
	h.send(access.Admin, "POST", hello, c).leads(hello + "?done=saved")
	h.send(access.Admin, "POST", hello, h.get(access.Admin, hello).form()).leads(hello + "?done=same")
}

func TestTextElse(t *testing.T) {
	h := open(t)
	h.get(access.Viewer, "/messages/welcome/nothing").is(404, "There is no such text.")
	h.get(access.Viewer, "/messages/..%2f..%2fetc/passwd").is(404)
	v := h.get(access.Viewer, hello)
	v.is(200, "Welcome, Ada!")
	v.lacks("<textarea", "/try", "/restore")

	// Numbers: one and more.
	h.get(access.Manager, "/messages/tasks/path.done").is(200, "with the number 1", "1 of 1 task done", "5 of 5 tasks done", "There is no wording in this language yet")

	// What could not be put to use is said, and nothing of it is lost.
	h.settings.fail = true
	form := h.get(access.Manager, hello).form()
	form.Set("text.en", "Unlucky")
	h.send(access.Manager, "POST", hello, form).is(422, "went back to what was there before", "the port is taken", "Unlucky</textarea>")
	h.settings.fail = false

	h.settings.at("plugins.welcome.texts.hello.en").Locked = "hearth.toml:7"
	a := h.get(access.Manager, hello)
	a.is(200, "Set in hearth.toml:7", `name="text.zh-CN"`)
	a.lacks(`name="text.en"`)
	form = url.Values{"text.en": {"x"}, "was.en": {""}, "base.en": {"0"}}
	h.send(access.Manager, "POST", hello, form).is(422, "Set in hearth.toml:7")

	live := h.send(access.Manager, "POST", hello+"/preview?in=zh-CN", url.Values{"text.zh-CN": {"**好**"}}, "HX-Request: true")
	live.is(200, "<strong>好</strong>")
	live.lacks("<html", "Welcome")
	h.send(access.Manager, "POST", hello+"/preview?in=fr", url.Values{}, "HX-Request: true").is(400)
}

func TestTry(t *testing.T) {
	h := open(t)
	form := h.get(access.Manager, hello).form()
	form.Set("text.en", "Hi {name} of {community}: {path}")
	try := func(in, member string) *answer {
		form.Set("member", member)
		return h.send(access.Manager, "POST", hello+"/try?in="+in, form)
	}
	try("en", "").is(422, "That is no member id.")
	try("en", "U1").is(422, "That is no member id.")
	try("en", "slack:<b>").is(422, "That is no member id.")
	if len(h.said) > 0 || h.member != "" {
		t.Error(h.said, h.member)
	}
	try("en", " slack:U1 ").is(200, "Sent to slack:U1.", "Hi {name} of {community}: {path}</textarea>")
	if len(h.said) != 1 || h.said[0] != "test/manager to slack:U1 in en: Hi Ada of hearth: https://go.dev/tour/" {
		t.Errorf("said: %q", h.said)
	}
	h.get(access.Manager, hello).is(200, `value="slack:U1"`) // remembered
	if h.settings.at("plugins.welcome.texts.hello.en").Base != 0 {
		t.Error("trying it out has saved it")
	}
	for _, c := range []struct {
		said   change.Said
		err    error
		status int
		text   string
	}{
		{change.Said{Status: "waiting"}, nil, 200, "It waits:"},
		{change.Said{Status: "failed", Why: "cannot_dm_bot <b>"}, nil, 502, "It was not sent: cannot_dm_bot &lt;b&gt;"},
		{change.Said{}, web.ErrNotFound, 422, "There is nobody called slack:U1"},
		{change.Said{}, chat.ErrBusy, 503, "Too many messages wait"},
		{change.Said{}, http.ErrHijacked, 500, "its log says why"},
	} {
		h.saying = func() (change.Said, error) { return c.said, c.err }
		try("en", "slack:U1").is(c.status, c.text)
	}
	h.saying = nil
	for range 50 {
		if a := try("en", "slack:U1"); a.status != 200 {
			a.is(429, "That was too often.")
			break
		}
	}
	form.Set("text.en", "{oops}")
	if n := len(h.said); n > 40 {
		t.Errorf("said %d times", n)
	}
	try("en", "slack:U1").is(422, "First mend what is wrong with the text.")
}
