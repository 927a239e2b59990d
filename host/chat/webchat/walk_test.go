package webchat

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Plain words to the bot, where nobody else listens, are commands; sentences are
// what was said.
func TestPlainCommands(t *testing.T) {
	p := open(t, Options{})
	ada, bob := p.member("Ada"), p.member("Bob")
	own := botConv(ada.id)
	n := len(p.sink.events(abi.CommandInvoked))
	for text, want := range map[string]abi.Command{
		"help": {Name: "help"}, "Help!": {Name: "help"}, "digest。": {Name: "digest"}, "task easy": {Name: "task", Args: "easy"},
	} {
		ada.say(own, text)
		n++
		e := p.sink.last(t, abi.CommandInvoked)
		if *e.Command != want || e.Private || !e.Addressed || e.Message.Text != text {
			t.Errorf("%q: %+v of %+v", text, e.Command, e.Message)
		}
	}
	for _, text := range []string{"digest this for me", "helpful, are you?", "task\none line more", "what can you do?", "`help`"} {
		ada.say(own, text)
		if e := p.sink.last(t, abi.MessagePosted); e.Message.Text != text {
			t.Errorf("%q became something else", text)
		}
	}
	ada.say(general, "help")
	if all := p.sink.events(abi.CommandInvoked); len(all) != n {
		t.Errorf("%d commands, want %d: a word to everybody is none", len(all), n)
	}

	// Two members between themselves: the bot does not hear, and that is said.
	pair := ada.post("dm", url.Values{"with": {bob.id}})
	u, _ := url.Parse(pair.Go)
	conv := u.Query().Get("c")
	for text, want := range map[string]string{
		"/help":                     "hearth answers in your messages with it",
		"@hearth help":              "hearth does not hear what you two say",
		"mail me at bob@hearth.dev": "",
		"hello":                     "",
	} {
		if got := ada.post("send", url.Values{"c": {conv}, "text": {text}}).Say; !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q: told %q", text, got)
		}
	}
}

// What one member sees counts in no number that others are shown.
func TestRepliesCounted(t *testing.T) {
	p := open(t, Options{})
	ada, bob := p.member("Ada"), p.member("Bob")
	rootID := ada.say(general, "a question")
	reply := func(b *browser, text string) string {
		return b.post("send", url.Values{"c": {general}, "t": {rootID}, "text": {text}, "nonce": {newNonce()}}).ID
	}
	reply(bob, "/help")
	e := p.sink.last(t, abi.CommandInvoked)
	if e.Message == nil || e.Message.Thread != rootID {
		t.Fatalf("a command in a thread: %+v", e.Message)
	}
	r := p.deliver(chat.Delivery{Conversation: GeneralID, Member: e.Member.ID, Thread: rootID, Ephemeral: true, Content: plainText("for Bob alone")})
	mustContain(t, bob.page("c=general&t="+rootID).body, "for Bob alone")
	mustNotContain(t, ada.page("c=general&t="+rootID).body, "for Bob alone")
	for _, b := range []*browser{ada, bob} {
		mustNotContain(t, b.page("c=general").body, "1 reply")
	}
	one := reply(bob, "an answer")
	mustContain(t, ada.page("c=general").body, "1 reply")
	bob.post("delete", url.Values{"c": {general}, "m": {r.Messages[0]}})
	mustContain(t, ada.page("c=general").body, "1 reply")
	bob.post("delete", url.Values{"c": {general}, "m": {one}})
	mustNotContain(t, ada.page("c=general").body, "1 reply")
}

// Who is mentioned in a thread finds it, wherever they are.
func TestMentionedInAThread(t *testing.T) {
	p := open(t, Options{})
	ada, bob := p.member("Ada"), p.member("Bob")
	rootID := ada.say(general, "a question")
	badge := func() string {
		_, rest, _ := strings.Cut(ada.page("c="+botConv(ada.id)).body, `data-place="general"`)
		_, rest, _ = strings.Cut(rest, "data-count>")
		n, _, _ := strings.Cut(rest, "<")
		return n
	}
	reply := func(text string) string {
		return bob.post("send", url.Values{"c": {general}, "t": {rootID}, "text": {text}, "nonce": {newNonce()}}).ID
	}
	reply("nobody in particular")
	if n := badge(); n != "0" {
		t.Errorf("%s to read, for a reply to nobody", n)
	}
	reply("@Ada, have a look")
	taken := reply("@Ada, once more")
	if n := badge(); n != "2" {
		t.Errorf("%s to read, want 2", n)
	}
	bob.post("delete", url.Values{"c": {general}, "m": {taken}})
	if n := badge(); n != "1" {
		t.Errorf("%s to read after one was deleted, want 1", n)
	}
	mustContain(t, ada.page("c=general").body, "you are mentioned")
	mustNotContain(t, bob.page("c=general").body, "you are mentioned")
	// Having been in the channel is not having read the thread.
	ada.post("read", url.Values{"c": {general}, "m": {taken}})
	if n := badge(); n != "0" {
		t.Errorf("%s to read in a channel that has been read", n)
	}
	mustContain(t, ada.page("c=general").body, "you are mentioned")
	ada.post("read", url.Values{"c": {general}, "m": {taken}, "t": {rootID}})
	mustNotContain(t, ada.page("c=general").body, "you are mentioned")

	p.deliver(chat.Delivery{Conversation: GeneralID, Thread: rootID, Content: plainText("<@" + globalID(ada.id) + ">: it runs")})
	if n := badge(); n != "1" {
		t.Errorf("%s to read after the bot's mention, want 1", n)
	}
}

// Pages without script: what is told is told once, what was typed is there again.
func TestTypedWithoutScript(t *testing.T) {
	p := open(t, Options{})
	ada := p.member("Ada")
	own := botConv(ada.id)
	m := p.deliver(chat.Delivery{Member: globalID(ada.id), Content: abi.Content{Blocks: []abi.Block{{Form: &abi.Form{Name: "about", Token: "tok", Often: abi.AnyTimes,
		Inputs: []abi.Input{{Name: "github", Label: "GitHub", Max: 39}, {Name: "aim", Label: "Aim", Optional: true}}}}}}}).Messages[0]
	send := func(github string) result {
		req, _ := http.NewRequest("POST", ada.url("press"), strings.NewReader(url.Values{"c": {own}, "m": {m}, "token": {"tok"}, "f.github": {github}}.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Referer", ada.url("")+"?c="+own)
		return ada.do(withAccept(req, "text/html"))
	}
	page := send("octo cat")
	mustContain(t, page.body, `<p class="toast">Sent.</p>`)
	mustContain(t, page.body, `value="octo cat"`)
	again := ada.page("c=" + own)
	mustNotContain(t, again.body, `class="toast"`)
	mustNotContain(t, again.body, `value="octo cat"`)

	sorry := send(strings.Repeat("x", 40))
	if sorry.status != 422 {
		t.Errorf("too long: %d", sorry.status)
	}
	mustContain(t, sorry.body, `href="/chat?c=`+own)
	mustContain(t, ada.page("c="+own).body, strings.Repeat("x", 40))

	id := ada.say(general, "to be changed")
	mustContain(t, ada.page("c=general").body, "edit="+id+"#m-"+id)
}

// Addresses that lead nowhere say so, to people and to programs.
func TestNowhere(t *testing.T) {
	p := open(t, Options{})
	wei := p.member("王伟", "zh-CN")
	for path, status := range map[string]int{"send": 405, "join": 405, "nosuch": 404, "assets/x": 404} {
		req, _ := http.NewRequest("GET", wei.url(path), nil)
		res := wei.do(withAccept(req, "text/html"))
		if res.status != status || (status == 405) != (res.header.Get("Allow") == "POST") {
			t.Errorf("%s: %d, allowed %q", path, res.status, res.header.Get("Allow"))
		}
		mustContain(t, res.body, "这个地址没有内容")
		mustContain(t, res.body, "回到聊天")
	}
	if res := wei.get("send"); res.status != 405 || res.Tone != "sorry" {
		t.Errorf("a program: %d %+v", res.status, res.answer)
	}
	if res := p.browser().page("lang=zh-CN"); res.status != 200 {
		t.Errorf("the way in: %d", res.status)
	}
}

// Who has left cannot be written to, and that is to be seen.
func TestWithSomebodyGone(t *testing.T) {
	p := open(t, Options{})
	ada, bob := p.member("Ada"), p.member("Bob")
	u, _ := url.Parse(ada.post("dm", url.Values{"with": {bob.id}}).Go)
	conv := u.Query().Get("c")
	id := ada.say(conv, "are you there?")
	bob.post("depart", nil)
	page := ada.page("c=" + conv + "&t=" + id).body
	mustContain(t, page, "Bob has left the community")
	mustNotContain(t, page, "data-composer")
}

func TestPreviews(t *testing.T) {
	for _, c := range []struct {
		text, shown string
		rest        int
	}{
		{"one\ntwo\n", "one\ntwo", 0},
		{strings.Repeat("x\n", 12), strings.TrimSpace(strings.Repeat("x\n", 12)), 0},
		{strings.Repeat("x\n", 13), strings.TrimSpace(strings.Repeat("x\n", 12)), 1},
		{strings.Repeat("x", 2000) + "\ny", strings.Repeat("x", 1024), 2},
	} {
		if shown, rest := head(c.text); shown != c.shown || rest != c.rest {
			t.Errorf("of %d bytes: %d bytes and %d lines more, want %d", len(c.text), len(shown), rest, c.rest)
		}
	}
	webp := func(kind, rest string) []byte { return []byte("RIFF....WEBP" + kind + "...." + rest) }
	var drawn bytes.Buffer
	if err := png.Encode(&drawn, image.NewGray(image.Rect(0, 0, 704, 100))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind string
		data []byte
		w, h int
	}{
		{"image/png", drawn.Bytes(), 704, 100},
		{"image/webp", webp("VP8 ", "123\x9d\x01\x2a\x40\x01\xf0\x00"), 320, 240},
		{"image/webp", webp("VP8L", "\x2f\x3f\xc1\x3b\x00....."), 320, 240},
		{"image/webp", webp("VP8X", "....\x3f\x01\x00\xef\x00\x00"), 320, 240},
		{"image/webp", webp("VP8X", ""), 0, 0},
		{"image/png", []byte("none"), 0, 0},
		{"text/plain", drawn.Bytes(), 0, 0},
	} {
		if w, h := pictureSize(c.kind, c.data); w != c.w || h != c.h {
			t.Errorf("%s %q: %d × %d, want %d × %d", c.kind, c.data[:min(30, len(c.data))], w, h, c.w, c.h)
		}
	}
	if w, h := shownSize(704, 100); w != 352 || h != 50 {
		t.Errorf("shown as %d × %d", w, h)
	}
	if w, h := shownSize(20, 4000); w != 1 || h != 288 {
		t.Errorf("shown as %d × %d", w, h)
	}

	p := open(t, Options{})
	ada := p.member("Ada")
	ada.sendFiles(general, "", map[string][]byte{"x.txt": []byte(strings.Repeat("line\n", 40)), "x.png": drawn.Bytes()})
	page := ada.page("c=general").body
	mustContain(t, page, "… and 28 more lines")
	mustContain(t, page, `width="352" height="50"`)
}
