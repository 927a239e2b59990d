package webchat

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

func TestWhatMembersSay(t *testing.T) {
	p := open(t, Options{})
	ada, bob := p.member("Ada"), p.member("Bob Ross")
	bobID, adaDM := globalID(bob.id), botConv(ada.id)
	for _, c := range []struct {
		conv, text string
		kind       abi.Kind
		want       string // the event's text
		addressed  bool
		mentions   []string
		cmd        *abi.Command
		private    bool
	}{
		{general, "hello **you**", abi.MessagePosted, "hello **you**", false, nil, nil, false},
		{general, "hello @hearth!", abi.MessagePosted, "hello <@" + BotID + ">!", true, []string{BotID}, nil, false},
		{general, "你好@hearth你好", abi.MessagePosted, "你好<@" + BotID + ">你好", true, []string{BotID}, nil, false},
		{general, "mail me@hearth.org", abi.MessagePosted, "mail me@hearth.org", false, nil, nil, false},
		{general, "`@hearth` and\n```\n@hearth\n```", abi.MessagePosted, "`@hearth` and\n```\n@hearth\n```", false, nil, nil, false},
		{general, "@bob ross: and @Bob? @hearthy @nobody", abi.MessagePosted, "<@" + bobID + ">: and @Bob? @hearthy @nobody", false, []string{bobID}, nil, false},
		{general, "@hearth #go", abi.MessagePosted, "<@" + BotID + "> #go", true, []string{BotID}, nil, false},
		{general, "<@" + bobID + "> <@webchat:nobody>", abi.MessagePosted, "<@" + bobID + "> <@webchat:nobody>", false, []string{bobID}, nil, false},
		{adaDM, "are you there?", abi.MessagePosted, "are you there?", true, nil, nil, false},
		{general, "/help  about\ttasks ", abi.CommandInvoked, "/help  about\ttasks", false, nil, &abi.Command{Name: "help", Args: "about\ttasks"}, true},
		{general, "/TASK", abi.CommandInvoked, "/TASK", false, nil, &abi.Command{Name: "task"}, true},
		{adaDM, "/hidden x", abi.CommandInvoked, "/hidden x", true, nil, &abi.Command{Name: "hidden", Args: "x"}, true},
		{general, "@hearth task 3", abi.CommandInvoked, "<@" + BotID + "> task 3", true, []string{BotID}, &abi.Command{Name: "task", Args: "3"}, false},
		{general, "@hearth：　task　3", abi.CommandInvoked, "<@" + BotID + ">：　task　3", true, []string{BotID}, &abi.Command{Name: "task", Args: "3"}, false},
		{general, "@hearth, tell me", abi.MessagePosted, "<@" + BotID + ">, tell me", true, []string{BotID}, nil, false},
		{general, "// 你好\npackage main", abi.MessagePosted, "// 你好\npackage main", false, nil, nil, false},
		{general, "//etc/hosts", abi.MessagePosted, "/etc/hosts", false, nil, nil, false},
	} {
		id := ada.say(c.conv, c.text)
		e := p.sink.last(t, c.kind)
		if e.Message == nil || e.Message.ID != id {
			t.Errorf("%q: the last %s event is about %+v", c.text, c.kind, e.Message)
			continue
		}
		if e.Message.Text != c.want || e.Addressed != c.addressed || e.Private != c.private || fmt.Sprint(e.Message.Mentions) != fmt.Sprint(c.mentions) {
			t.Errorf("%q: %+v, addressed %v, private %v", c.text, e.Message, e.Addressed, e.Private)
		}
		if (e.Command == nil) != (c.cmd == nil) || c.cmd != nil && *e.Command != *c.cmd {
			t.Errorf("%q: command %+v, want %+v", c.text, e.Command, c.cmd)
		}
		if e.Conversation.ID != globalID(c.conv) || e.Member.ID != globalID(ada.id) || e.Source != Name || e.Time == 0 {
			t.Errorf("%q: %+v", c.text, e)
		}
	}
	mustContain(t, ada.page("").body, "/TASK")
	mustNotContain(t, bob.page("").body, "/TASK")
	if p.rows("hand") != 0 {
		t.Errorf("%d hand-offs are left", p.rows("hand"))
	}
}

func TestRefusedPosts(t *testing.T) {
	p := open(t, Options{})
	ada := p.member("Ada")
	before := len(p.posts())
	for _, c := range []struct {
		name   string
		form   url.Values
		status int
		say    string
	}{
		{"empty", url.Values{"c": {general}, "text": {" \n "}}, 422, "nothing to send"},
		{"NUL", url.Values{"c": {general}, "text": {"a\x00b"}}, 400, "cannot be sent"},
		{"no UTF-8", url.Values{"c": {general}, "text": {"a\xffb"}}, 400, "cannot be sent"},
		{"too long", url.Values{"c": {general}, "text": {strings.Repeat("a", maxText+1)}}, 413, "16 KB"},
		{"far too long", url.Values{"c": {general}, "text": {strings.Repeat("a", maxUpload+1)}}, 413, "more than"},
		{"nowhere", url.Values{"c": {"nowhere"}, "text": {"x"}}, 404, "not here"},
		{"no command", url.Values{"c": {general}, "text": {"/frobnicate now"}}, 422, "/frobnicate"},
		{"no thread", url.Values{"c": {general}, "text": {"x"}, "t": {"0000000000000001"}}, 404, "not here"},
		{"odd thread", url.Values{"c": {general}, "text": {"x"}, "t": {"../x"}}, 404, "not here"},
	} {
		if res := ada.post("send", c.form); res.status != c.status || !strings.Contains(res.Say, c.say) || res.Tone != "sorry" {
			t.Errorf("%s: %d %q", c.name, res.status, res.Say)
		}
	}
	if n := len(p.posts()); n != before {
		t.Errorf("%d messages came of it", n-before)
	}
	if res := ada.post("send", url.Values{"c": {general}, "text": {strings.Repeat("字", maxText/3)}}); res.status != 200 {
		t.Errorf("16 KiB: %d %s", res.status, res.Say)
	}
}

// A form that the network sends twice makes one message.
func TestSentTwice(t *testing.T) {
	p := open(t, Options{})
	ada := p.member("Ada")
	form := url.Values{"c": {general}, "text": {"once"}, "nonce": {"abcdefgh12345678"}}
	first, again := ada.post("send", form), ada.post("send", form)
	if first.ID == "" || first.ID != again.ID {
		t.Errorf("ids %q, %q", first.ID, again.ID)
	}
	if n := len(p.sink.events(abi.MessagePosted)); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestThreadsEditsReactions(t *testing.T) {
	p := open(t, Options{})
	ada, bob := p.member("Ada"), p.member("Bob")
	rootID := ada.say(general, "a question")
	res := bob.post("send", url.Values{"c": {general}, "t": {rootID}, "text": {"an answer for @Ada"}})
	reply := res.ID
	if res.status != 200 || !strings.HasPrefix(reply, rootID+"-") {
		t.Fatalf("reply: %d %q", res.status, reply)
	}
	if m := p.sink.last(t, abi.MessagePosted).Message; m.Thread != rootID || m.ID != reply {
		t.Errorf("the reply is %+v", m)
	}
	// An answer to the answer hangs on the same root.
	if res := ada.post("send", url.Values{"c": {general}, "t": {reply}, "text": {"thanks"}}); !strings.HasPrefix(res.ID, rootID+"-") {
		t.Errorf("answer to the answer: %q", res.ID)
	}
	mustContain(t, ada.page("").body, "2 replies")
	mustNotContain(t, ada.page("").body, "an answer for")
	mustContain(t, ada.page("t="+rootID).body, "an answer for")

	// Edits.
	source := bob.get("message?edit=1&c=general&m=" + reply)
	mustContain(t, source.HTML, "an answer for @Ada</textarea>")
	if res := bob.post("edit", url.Values{"c": {general}, "m": {reply}, "text": {"a better answer, @hearth"}}); res.status != 200 {
		t.Fatalf("edit: %d %s", res.status, res.Say)
	}
	e := p.sink.last(t, abi.MessageEdited)
	if e.Message.Text != "a better answer, <@"+BotID+">" || e.Message.OldText != "an answer for <@"+globalID(ada.id)+">" || e.Message.Thread != rootID || !e.Addressed {
		t.Errorf("edited: %+v", e.Message)
	}
	n := len(p.sink.events(abi.MessageEdited))
	bob.post("edit", url.Values{"c": {general}, "m": {reply}, "text": {"a better answer, @hearth"}})
	if len(p.sink.events(abi.MessageEdited)) != n {
		t.Error("an edit that changes nothing is an event")
	}
	for what, form := range map[string]url.Values{
		"edit":   {"c": {general}, "m": {reply}, "text": {"x"}},
		"delete": {"c": {general}, "m": {reply}},
	} {
		if res := ada.post(what, form); res.status != http.StatusForbidden {
			t.Errorf("%s of another's: %d", what, res.status)
		}
	}

	// Reactions.
	for i, want := range []bool{false, true, false} {
		if res := bob.post("react", url.Values{"c": {general}, "m": {rootID}, "name": {"runner"}}); res.status != 200 {
			t.Fatalf("react: %d", res.status)
		}
		e := p.sink.last(t, abi.ReactionAdded)
		if e.Reaction.Name != "runner" || e.Reaction.Removed != want || e.Message.Author != globalID(ada.id) || e.Message.ID != rootID {
			t.Errorf("reaction %d: %+v on %+v", i, e.Reaction, e.Message)
		}
	}
	mustContain(t, ada.page("").body, "🏃 1, Bob")
	mustContain(t, ada.page("").body, `value="runner" aria-label="React with runner" title="runner">🏃</button>`)
	if res := ada.post("react", url.Values{"c": {general}, "m": {rootID}, "name": {"<b>"}}); res.status != 422 {
		t.Errorf("an unknown reaction: %d", res.status)
	}

	// Deletions: a root with replies leaves a mark, one without is gone.
	if res := ada.post("delete", url.Values{"c": {general}, "m": {rootID}}); res.status != 200 {
		t.Fatalf("delete: %d", res.status)
	}
	if e := p.sink.last(t, abi.MessageDeleted); e.Message.ID != rootID || e.Message.Text != "a question" {
		t.Errorf("deleted: %+v", e.Message)
	}
	page := bob.page("").body
	mustContain(t, page, "This message was deleted.")
	mustNotContain(t, page, "a question")
	if res := bob.post("delete", url.Values{"c": {general}, "m": {reply}}); res.status != 200 {
		t.Fatalf("delete a reply: %d", res.status)
	}
	mustContain(t, bob.page("").body, "1 reply")
	if res := bob.post("delete", url.Values{"c": {general}, "m": {reply}}); res.status != 404 {
		t.Errorf("deleted twice: %d", res.status)
	}
}

func TestHostileTexts(t *testing.T) {
	p := open(t, Options{Community: `<script>alert("c")</script>`})
	ada, bob := p.member("Ada"), p.member("Bob")
	evil := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `[x](javascript:alert(1))`, `[a](https://e.example/"onmouseover="alert(1))`,
		"```\n</code></pre><script>alert(2)</script>\n```", "</textarea><script>alert(3)</script>", "**<b onclick=x>**", "\u202egnp.exe", "{{.U}}",
	}
	for _, s := range evil {
		ada.say(general, s)
	}
	p.deliver(chat.Delivery{Conversation: GeneralID, Content: abi.Content{Blocks: []abi.Block{
		{Heading: evil[0]}, {Context: evil[1]}, {Code: evil[0], Lang: `go" onload="x`}, {Fields: []abi.Field{{Label: evil[1], Value: evil[0]}}},
		{Table: &abi.Table{Header: []string{evil[0]}, Rows: [][]string{{evil[1]}}}},
		{Buttons: []abi.Button{{Label: evil[0], Token: evil[1], Style: `"><script>`}, {Label: "u", URL: "javascript:alert(1)"}}},
		{Form: &abi.Form{Title: evil[0], Submit: evil[1], Token: evil[1], Inputs: []abi.Input{{Name: evil[1], Label: evil[0], Hint: evil[0], Value: evil[1]},
			{Name: "o", Label: "o", Options: []abi.Option{{Value: evil[1], Label: evil[0]}}}}}},
	}}})
	if res := ada.post("channel", url.Values{"name": {"quiet"}, "topic": {evil[0]}}); res.status != 200 {
		t.Fatal(res.Say)
	}
	for _, q := range []string{"", "c=" + url.QueryEscape(evil[0]), "show=" + url.QueryEscape(evil[1]), "show=channels", "show=people&q=" + url.QueryEscape(evil[1]),
		"c=quiet", "t=" + url.QueryEscape(evil[1]), "say=" + url.QueryEscape(evil[0]), "before=%00&edit=" + url.QueryEscape(evil[1])} {
		page := bob.page(q).body
		for _, bad := range []string{"<script>", "<img src=x", " onmouseover=", `href="javascript`, "<b onclick", "\u202e", `" onload="x`} {
			if strings.Contains(page, bad) {
				i := strings.Index(page, bad)
				t.Errorf("%s: %q in …%s…", q, bad, page[max(0, i-80):min(len(page), i+80)])
			}
		}
	}
}

func TestFiles(t *testing.T) {
	p := open(t, Options{PublicURL: "http://chat.test"})
	ada, bob := p.member("Ada"), p.member("Bob")
	program := "package main\n\nfunc main() {}\n"
	png := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 700<<10)...)
	res := ada.sendFiles(general, "look", map[string][]byte{`C:\tmp\..\main.go`: []byte(program)})
	if res.status != 200 {
		t.Fatalf("send: %d %s", res.status, res.Say)
	}
	f := p.sink.last(t, abi.MessagePosted).Message.Files[0]
	if f.Name != "main.go" || f.Type != "text/x-go" || f.Size != int64(len(program)) || f.Body != program || !strings.HasPrefix(f.URL, "http://chat.test/chat/files/") {
		t.Errorf("the event has %+v", f)
	}
	mustContain(t, bob.page("").body, "func main() {}")
	path := strings.TrimPrefix(f.URL, "http://chat.test/chat/")
	got := bob.get(path)
	if got.body != program || got.header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("download: %q, %v", got.body, got.header)
	}
	mustContain(t, got.header.Get("Content-Security-Policy"), "sandbox")
	if res := p.browser().get(path); res.status != http.StatusUnauthorized {
		t.Errorf("a stranger's download: %d", res.status)
	}

	if res := ada.sendFiles(general, "", map[string][]byte{"a.png": png, "evil.svg": []byte("<svg onload=alert(1)>"), "b.html": []byte("<script>x</script>")}); res.status != 200 {
		t.Fatalf("send: %d %s", res.status, res.Say)
	}
	for _, f := range p.sink.last(t, abi.MessagePosted).Message.Files {
		got := bob.get(strings.TrimPrefix(f.URL, "http://chat.test/chat/"))
		switch {
		case f.Name == "a.png":
			if f.Type != "image/png" || f.Body != "" || got.body != string(png) || got.header.Get("Content-Type") != "image/png" {
				t.Errorf("%s: %+v, %d bytes as %s", f.Name, f.Type, len(got.body), got.header.Get("Content-Type"))
			}
		case strings.Contains(got.header.Get("Content-Type"), "html") || strings.Contains(got.header.Get("Content-Type"), "svg"):
			t.Errorf("%s comes as %s", f.Name, got.header.Get("Content-Type"))
		}
	}

	// Bounds.
	if res := ada.sendFiles(general, "", map[string][]byte{"big.bin": make([]byte, maxFile+1)}); res.status != 413 {
		t.Errorf("a large file: %d %s", res.status, res.Say)
	}
	if res := ada.sendFiles(general, "", map[string][]byte{"1": {1}, "2": {1}, "3": {1}, "4": {1}, "5": {1}}); res.status != 413 {
		t.Errorf("five files: %d %s", res.status, res.Say)
	}
	ada.sendFiles(general, "", map[string][]byte{"long.txt": []byte(strings.Repeat("x", maxBody+1))})
	if f := p.sink.last(t, abi.MessagePosted).Message.Files[0]; f.Body != "" || f.Size != maxBody+1 {
		t.Errorf("a long text: %d bytes in the event", len(f.Body))
	}
}

// A file goes with its message, and its bytes with a later sweep: a file's
// bytes are there before its message is.
func TestFilesGo(t *testing.T) {
	clock := newWatch()
	p := still(t, Options{Clock: clock.now})
	ada := p.member("Ada")
	id := ada.sendFiles(general, "", map[string][]byte{"gone.txt": []byte("soon gone")}).ID
	ada.sendFiles(general, "", map[string][]byte{"stays.txt": []byte("stays")})
	path := strings.TrimPrefix(p.sink.events(abi.MessagePosted)[0].Message.Files[0].URL, "/chat/")
	if res := ada.get(path); res.status != 200 {
		t.Fatalf("before: %d", res.status)
	}
	ada.post("delete", url.Values{"c": {general}, "m": {id}})
	if res := ada.get(path); res.status != 404 {
		t.Errorf("after its message: %d", res.status)
	}
	var unnamed orphans
	for i, want := range []int{2, 2, 1, 1} {
		if err := p.a.sweep(t.Context(), &unnamed); err != nil {
			t.Fatal(err)
		}
		if n := p.rows("blob"); n != want {
			t.Errorf("%d parts after sweep %d, want %d", n, i, want)
		}
		if i > 0 {
			clock.advance(keepOrphan)
		}
	}
	// What was done long ago is forgotten too.
	if p.rows("done") == 0 {
		t.Error("nothing is noted as done")
	}
	clock.advance(keepDone)
	if err := p.a.sweep(t.Context(), &unnamed); err != nil {
		t.Fatal(err)
	}
	if n := p.rows("done"); n != 0 {
		t.Errorf("%d done rows are kept for ever", n)
	}
}

// A conversation keeps its newest messages, and what hangs on them.
func TestHistory(t *testing.T) {
	limits := wide
	limits.History = 5
	p := still(t, Options{Limits: limits})
	ada := p.member("Ada") // her coming in is a message too
	old := ada.sendFiles(general, "old", map[string][]byte{"old.txt": []byte("old")}).ID
	for range 3 {
		ada.post("send", url.Values{"c": {general}, "t": {old}, "text": {"an old reply"}})
	}
	for i := range 120 {
		ada.say(botConv(ada.id), fmt.Sprint("private ", i))
	}
	for i := range 5 {
		ada.say(general, fmt.Sprint("new ", i))
	}
	var unnamed orphans
	if err := p.a.sweep(t.Context(), &unnamed); err != nil {
		t.Fatal(err)
	}
	if m, r, f, n := p.rows("msg"), p.rows("reply"), p.rows("file"), p.rows("replies"); m != 10 || r != 0 || f != 0 || n != 0 {
		t.Errorf("%d messages, %d replies, %d files, %d counters are left", m, r, f, n)
	}
	page := ada.page("").body
	mustContain(t, page, "new 0")
	mustNotContain(t, page, "an old reply")
	mustNotContain(t, page, "old.txt")
	if err := p.a.read(t.Context(), func(v *view) error {
		n, err := v.counter(bytesKey)
		if n != 0 {
			t.Errorf("%d bytes are counted", n)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// What waits in a conversation is counted, and reading it is remembered.
func TestUnread(t *testing.T) {
	p := open(t, Options{})
	ada, bob := p.member("Ada"), p.member("Bob")
	badge := func() string {
		page := bob.page("c=" + botConv(bob.id)).body
		i := strings.Index(page, `data-place="general"`)
		part := page[i : i+strings.Index(page[i:], "</a>")]
		if strings.Contains(part, "data-badge hidden") {
			return ""
		}
		_, n, _ := strings.Cut(part, "data-count>")
		n, _, _ = strings.Cut(n, "<")
		return n
	}
	if n := badge(); n != "" {
		t.Errorf("a newcomer has %q to read", n)
	}
	var last string
	for i := range 3 {
		last = ada.say(general, fmt.Sprint("number ", i))
	}
	ada.say(general, "/help") // seen by Ada alone
	if n := badge(); n != "3" {
		t.Errorf("%q to read, want 3", n)
	}
	mustContain(t, bob.page("").body, `class="unread"`)
	if res := bob.post("read", url.Values{"c": {general}, "m": {last}}); res.status != http.StatusNoContent {
		t.Errorf("read: %d", res.status)
	}
	if n := badge(); n != "" {
		t.Errorf("%q to read after reading", n)
	}
	bob.post("read", url.Values{"c": {general}, "m": {"0000000000000001"}}) // the mark does not go back
	if n := badge(); n != "" {
		t.Errorf("%q to read after reading backwards", n)
	}
	for i := range 120 {
		ada.say(general, fmt.Sprint("more ", i))
	}
	if n := badge(); n != "99+" {
		t.Errorf("%q to read, want 99+", n)
	}
	// Older messages come page by page.
	page := bob.page("").body
	mustContain(t, page, "more 119")
	mustNotContain(t, page, "more 12<")
	_, before, _ := strings.Cut(page, "before=")
	before, _, _ = strings.Cut(before, "&")
	mustContain(t, bob.page("before="+strings.TrimSuffix(before, "\"")[:16]).body, "more 30")
}

// What was deleted before it was read leaves nothing to be read behind.
func TestDeletedIsNotNew(t *testing.T) {
	p := still(t, Options{})
	ada, bob := p.member("Ada"), p.member("Bob")
	first := ada.say(general, "one")
	fresh := func() bool {
		return strings.Contains(bob.page("show=people").body, `<a class="place fresh" data-nav data-place="general"`)
	}
	bob.post("read", url.Values{"c": {general}, "m": {first}})
	if fresh() {
		t.Error("all is read, and #general says that there is more")
	}
	for _, thread := range []string{"", first} {
		res := ada.post("send", url.Values{"c": {general}, "t": {thread}, "text": {"oops"}})
		if !fresh() {
			t.Errorf("in thread %q: nothing says that there is something new", thread)
		}
		ada.post("delete", url.Values{"c": {general}, "m": {res.ID}})
		if fresh() {
			t.Errorf("in thread %q: what was deleted is said to be new", thread)
		}
	}
}
