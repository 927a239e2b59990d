package webchat

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/sdk/abi"
)

func TestComingIn(t *testing.T) {
	p := open(t, Options{Community: "Gophers", Channels: []string{"go-help", "闲聊"}})
	b := p.browser()
	mustContain(t, b.page("").body, "Welcome to Gophers")
	mustContain(t, b.page("lang=zh-CN").body, "欢迎来到 Gophers")

	req, _ := http.NewRequest("POST", b.url("join"), strings.NewReader(url.Values{"name": {"  Ada\u200b   Lovelace "}, "locale": {"zh-CN"}, "zone": {"Asia/Shanghai"}}.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "text/html")
	b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res := b.do(req)
	if res.status != http.StatusSeeOther || !strings.HasPrefix(res.header.Get("Location"), "/chat?c=dm.") {
		t.Fatalf("join: %d to %q", res.status, res.header.Get("Location"))
	}
	cookie := res.header.Get("Set-Cookie")
	for _, want := range []string{cookieName + "=", "HttpOnly", "SameSite=Lax", "Path=/chat"} {
		mustContain(t, cookie, want)
	}
	mustNotContain(t, cookie, "Secure")

	e := p.sink.last(t, abi.MemberJoined)
	if e.Source != Name || e.ID == "" || e.Conversation != (abi.Conversation{ID: GeneralID, Kind: abi.Channel, Name: general}) {
		t.Errorf("the event is %+v", e)
	}
	m := e.Member
	if m.Name != "Ada Lovelace" || m.Locale != "zh-CN" || m.TimeZone != "Asia/Shanghai" || m.JoinedAt != e.Time || m.Bot || abi.Platform(m.ID) != Name {
		t.Errorf("the member is %+v", m)
	}
	if got, err := p.a.Profile(t.Context(), m.ID); err != nil || got != m {
		t.Errorf("profile: %+v, %v; want %+v", got, err, m)
	}
	page := b.page("").body
	for _, want := range []string{"Ada Lovelace", "大家都在这里", `lang="zh-CN"`, "来了"} {
		mustContain(t, page, want)
	}
}

func TestSecureCookie(t *testing.T) {
	p := open(t, Options{PublicURL: "https://chat.example.org/"})
	b := p.browser()
	res := b.post("join", url.Values{"name": {"Ada"}})
	mustContain(t, res.header.Get("Set-Cookie"), "Secure")
}

func TestOptions(t *testing.T) {
	p := open(t, Options{})
	for name, o := range map[string]Options{
		"no store":      {Sink: p.sink, Secret: secret},
		"no sink":       {Store: p.st, Secret: secret},
		"short secret":  {Store: p.st, Sink: p.sink, Secret: []byte("short")},
		"bad channel":   {Store: p.st, Sink: p.sink, Secret: secret, Channels: []string{"a b/c"}},
		"bad address":   {Store: p.st, Sink: p.sink, Secret: secret, PublicURL: "chat.example.org"},
		"wrong address": {Store: p.st, Sink: p.sink, Secret: secret, PublicURL: "ftp://chat.example.org"},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "short") && name == "short secret" {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	if h := p.a.Check(t.Context()); !h.OK || h.Account != "hearth in hearth" {
		t.Errorf("health: %+v", h)
	}
}

func TestForgedCookie(t *testing.T) {
	p := open(t, Options{})
	ada := p.member("Ada")
	good, err := p.a.cookie.seal([]seat{{ID: ada.id, Name: "Ada", Locale: "en"}})
	if err != nil {
		t.Fatal(err)
	}
	payload, sig, _ := strings.Cut(good, ".")
	other, _ := newSigner([]byte("another secret, as long")).seal([]seat{{ID: ada.id}})
	for _, v := range []string{"", ".", payload, payload + ".", "." + sig, payload + "x." + sig, other, good + "A", strings.Repeat("a", 5000)} {
		req, _ := http.NewRequest("GET", p.srv.URL+"/chat", nil)
		req.Header.Set("Cookie", cookieName+"="+v)
		b := p.browser()
		mustContain(t, b.do(withAccept(req, "text/html")).body, "Your name")
		req, _ = http.NewRequest("POST", p.srv.URL+"/chat/send", strings.NewReader("c=general&text=x"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Cookie", cookieName+"="+v)
		if res := b.do(req); res.status != http.StatusUnauthorized {
			t.Errorf("cookie %.40q: %d", v, res.status)
		}
	}
	if len(p.sink.events(abi.MessagePosted)) != 0 {
		t.Error("a forged cookie posted")
	}
}

func withAccept(r *http.Request, accept string) *http.Request {
	r.Header.Set("Accept", accept)
	return r
}

// A name in a cookie of ours whose member is gone is offered again.
func TestStoreBegunAnew(t *testing.T) {
	p := open(t, Options{})
	req, _ := http.NewRequest("GET", p.srv.URL+"/chat", nil)
	v, _ := p.a.cookie.seal([]seat{{ID: newMemberID(), Name: "Ada", Locale: "zh-CN"}})
	req.Header.Set("Cookie", cookieName+"="+v)
	page := p.browser().do(withAccept(req, "text/html")).body
	mustContain(t, page, `value="Ada"`)
	mustContain(t, page, "你的名字")
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ in, want, problem string }{
		{"Ada", "Ada", ""},
		{" Ada  L. ", "Ada L.", ""},
		{"王伟", "王伟", ""},
		{"Åsa O'Neil-2_x", "Åsa O'Neil-2_x", ""},
		{"🎈 Bo", "🎈 Bo", ""},
		{"A\u202eda", "Ada", ""},
		{"A\u200bd\u2066a", "Ada", ""},
		{"\x1b[31mAda", "Ada", ""},
		{"", "", "name.empty"},
		{" \u200b ", "", "name.empty"},
		{"🎈", "🎈", ""},
		{"🔥🔥", "🔥🔥", ""},
		{"\u2800", "", "name.chars"}, // a symbol that shows nothing
		{"---", "", "name.chars"},
		{"a\x00b", "", "name.chars"},
		{"a\xffb", "", "name.chars"},
		{"<b>", "", "name.chars"},
		{"@ada", "", "name.chars"},
		{"a`b", "", "name.chars"},
		{"a\u0301\u0301\u0301\u0301", "", "name.chars"},
		{strings.Repeat("a", 33), "", "name.long"},
		{strings.Repeat("王", 32), strings.Repeat("王", 32), ""},
		{"hearth", "", "name.taken"},
		{"HEARTH", "", "name.taken"},
		{"h-e a.r_th", "", "name.taken"},
		{"hеаrth", "", "name.taken"}, // Cyrillic е and а
		{"ｈｅａｒｔｈ", "", "name.taken"},
		{"Admin", "", "name.taken"},
	} {
		if got, problem := memberName(c.in); got != c.want || problem != c.problem {
			t.Errorf("%q: %q, %q; want %q, %q", c.in, got, problem, c.want, c.problem)
		}
	}
	for _, c := range []struct{ in, want, problem string }{
		{"Go Help", "go-help", ""}, {"#tea", "tea", ""}, {"求助", "求助", ""}, {"ｇｏ", "go", ""},
		{"", "", "channel.empty"}, {"--", "", "channel.empty"}, {"a/b", "", "channel.chars"}, {"a.b", "", "channel.chars"},
		{"a\x00", "", "channel.chars"}, {strings.Repeat("a", 33), "", "channel.long"},
	} {
		if got, problem := channelName(c.in); got != c.want || problem != c.problem {
			t.Errorf("channel %q: %q, %q; want %q, %q", c.in, got, problem, c.want, c.problem)
		}
	}
}

func TestOneNameOneMember(t *testing.T) {
	p := open(t, Options{})
	ada := p.member("Ada")
	for _, name := range []string{"Ada", "ada", "A D A", "Аda"} { // the last with a Cyrillic А
		res := p.browser().post("join", url.Values{"name": {name}, "locale": {"en"}})
		if res.status != http.StatusConflict || res.Tone != "sorry" {
			t.Errorf("%q: %d %s", name, res.status, res.Say)
		}
	}
	bob := p.member("Bob")
	if res := bob.post("me", url.Values{"name": {"ADA"}, "locale": {"en"}}); res.status != http.StatusConflict {
		t.Errorf("renamed to a name that is taken: %d", res.status)
	}
	if res := bob.post("me", url.Values{"name": {"Bea"}, "locale": {"zh-CN"}}); res.status != 200 || res.Say != "已保存。" {
		t.Errorf("renamed: %d %s", res.status, res.Say)
	}
	bob.say(general, "hello")
	if m := p.sink.last(t, abi.MessagePosted).Member; m.Name != "Bea" || m.Locale != "zh-CN" {
		t.Errorf("after the change: %+v", m)
	}
	p.member("Bob") // the old name is free

	if res := ada.post("depart", nil); res.status != 200 {
		t.Fatalf("depart: %d", res.status)
	}
	if e := p.sink.last(t, abi.MemberLeft); e.Conversation.ID != GeneralID || e.Member.Name != "Ada" {
		t.Errorf("left: %+v", e)
	}
	mustContain(t, ada.page("").body, "Your name")
	p.member("Ada")
}

// One browser may be several members, each in a tab.
func TestSeveralInOneBrowser(t *testing.T) {
	p := open(t, Options{})
	b := p.member("Ada")
	ada := b.id
	before := b.page("").body
	b.join("Bob", "zh-CN")
	if b.id == ada || b.as == "" {
		t.Fatal("the second member is the first")
	}
	b.say(general, "from Bob")
	b.as = ada
	b.say(general, "from Ada")
	all := p.sink.events(abi.MessagePosted)
	if all[0].Member.Name != "Bob" || all[1].Member.Name != "Ada" {
		t.Errorf("said by %s, %s", all[0].Member.Name, all[1].Member.Name)
	}
	page := b.page("").body
	mustContain(t, page, "as="+ada)
	mustContain(t, page, `lang="en"`)
	// What was open when Ada was alone here stays hers.
	mustContain(t, before, `action="/chat/send?as=`+ada)
	b.as = ""
	mustContain(t, b.page("").body, `data-me="`+ada)
	b.as = p.member("Mallory").id
	if res := b.post("send", url.Values{"c": {general}, "text": {"x"}}); res.status != http.StatusUnauthorized {
		t.Errorf("as a member of another browser: %d", res.status)
	}
}

func TestChannels(t *testing.T) {
	p := open(t, Options{Channels: []string{"go-help"}})
	ada, bob := p.member("Ada"), p.member("Bob")
	if res := ada.post("send", url.Values{"c": {"go-help"}, "text": {"x"}}); res.status != http.StatusForbidden {
		t.Errorf("posted without having joined: %d", res.status)
	}
	mustContain(t, ada.page("c=go-help").body, "Join it to say something")
	joins := len(p.sink.events(abi.MemberJoined))
	for range 2 {
		if res := ada.post("enter", url.Values{"c": {"go-help"}}); res.status != 200 || res.Go != "/chat?c=go-help" {
			t.Fatalf("enter: %d %s", res.status, res.Go)
		}
	}
	if all := p.sink.events(abi.MemberJoined); len(all) != joins+1 || all[joins].Conversation.Name != "go-help" {
		t.Errorf("joined twice: %+v", all[joins:])
	}
	ada.say("go-help", "hello")
	if res := ada.post("leave", url.Values{"c": {"go-help"}}); res.status != 200 {
		t.Errorf("leave: %d", res.status)
	}
	if e := p.sink.last(t, abi.MemberLeft); e.Conversation.ID != "webchat:go-help" {
		t.Errorf("left %+v", e.Conversation)
	}
	if res := ada.post("leave", url.Values{"c": {general}}); res.status != http.StatusConflict {
		t.Errorf("left #general: %d", res.status)
	}

	res := ada.post("channel", url.Values{"name": {"Tee 时间"}, "topic": {"<i>tea</i>"}})
	if res.status != 200 {
		t.Fatalf("make a channel: %d %s", res.status, res.Say)
	}
	e := p.sink.last(t, abi.MemberJoined)
	if e.Conversation.Name != "tee-时间" || strings.ContainsFunc(e.Conversation.ID, func(r rune) bool { return r > 0x7f }) {
		t.Errorf("made %+v", e.Conversation)
	}
	if res := bob.post("channel", url.Values{"name": {"TEE 时间"}}); res.status != http.StatusConflict {
		t.Errorf("made it twice: %d", res.status)
	}
	page := bob.page("show=channels").body
	mustContain(t, page, "tee-时间")
	mustContain(t, page, "&lt;i&gt;tea&lt;/i&gt;")
	id := ada.say(general, "see #tee-时间, not #nowhere")
	if m := p.sink.last(t, abi.MessagePosted).Message; m.ID != id || m.Text != "see <#"+e.Conversation.ID+">, not #nowhere" {
		t.Errorf("said %q", m.Text)
	}
	mustContain(t, bob.page("").body, ">#tee-时间</a>")
}

func TestDirectMessages(t *testing.T) {
	p := open(t, Options{})
	ada, bob, eve := p.member("Ada"), p.member("Bob"), p.member("Eve")
	before := len(p.sink.all)
	res := ada.post("dm", url.Values{"with": {bob.id}})
	if res.status != 200 {
		t.Fatalf("begin: %d %s", res.status, res.Say)
	}
	conv := pairConv(ada.id, bob.id)
	mustNotContain(t, bob.page("").body, conv) // nothing has been said yet
	ada.say(conv, "just between us")
	mustContain(t, bob.page("").body, conv)
	mustContain(t, bob.page("c="+conv).body, "just between us")
	bob.say(conv, "indeed, @hearth cannot hear")
	if n := len(p.sink.all); n != before {
		t.Errorf("the bot heard %+v", p.sink.all[before:])
	}
	for name, res := range map[string]result{
		"page": eve.get("message?c=" + conv + "&m=" + ada.say(conv, "x")),
		"send": eve.post("send", url.Values{"c": {conv}, "text": {"x"}}),
		"read": eve.post("read", url.Values{"c": {conv}, "m": {"0000000000000001"}}),
	} {
		if res.status != http.StatusNotFound {
			t.Errorf("a third one: %s: %d", name, res.status)
		}
	}
	mustNotContain(t, eve.page("c="+conv).body, "just between us")

	// A command there is heard by the bot alone, in its own conversation.
	ada.say(conv, "/help me")
	e := p.sink.last(t, abi.CommandInvoked)
	if e.Conversation.ID != globalID(botConv(ada.id)) || e.Conversation.Kind != abi.Direct || e.Message != nil || !e.Private || *e.Command != (abi.Command{Name: "help", Args: "me"}) {
		t.Errorf("the command is %+v in %+v", e.Command, e.Conversation)
	}
	mustNotContain(t, bob.page("c="+conv).body, "/help me")

	if res := ada.post("dm", url.Values{"with": {bot}}); res.Go != "/chat?c="+url.QueryEscape(botConv(ada.id)) {
		t.Errorf("to the bot: %q", res.Go)
	}
	if res := ada.post("dm", url.Values{"with": {"nobody"}}); res.status != http.StatusNotFound {
		t.Errorf("to nobody: %d", res.status)
	}
	mustContain(t, ada.page("show=people&q=bo").body, "Write to Bob")
	mustNotContain(t, ada.page("show=people&q=bo").body, "Write to Eve")
}

// Names stand in their own order, whatever the order of their keys.
func TestChannelOrder(t *testing.T) {
	p := still(t, Options{Channels: []string{"zeta", "一", "三", "万", "丁", "七", "alpha"}})
	var got []string
	if err := p.a.read(t.Context(), func(v *view) error {
		all, err := v.channels()
		for _, c := range all {
			got = append(got, c.Name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if want := "general alpha zeta 一 丁 七 万 三"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}
