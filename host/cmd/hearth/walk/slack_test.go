package walk

import (
	"bytes"
	"context"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/store"
)

// post sends a signed body and fails unless Slack would take the answer for an
// acknowledgement.
func (w *workspace) post(path string, body []byte) string {
	w.t.Helper()
	status, answer, err := w.Slack.Post(http.DefaultClient, w.url, path, body)
	if err != nil || status != http.StatusOK {
		w.t.Fatalf("POST %s: %d %s %v", path, status, answer, err)
	}
	return answer
}

// press presses the button with a label in a message.
func (w *workspace) press(user string, m chattest.SlackMessage, label string) {
	w.t.Helper()
	payload := w.Slack.Press(user, m, label)
	if payload == nil {
		w.t.Fatalf("there is no button %q in %+v", label, m.Blocks)
	}
	w.post("/slack/interactions", chattest.Interaction(payload))
}

// await waits for a condition on the workspace.
func (w *workspace) await(what string, cond func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	if err := w.Slack.Await(ctx, cond); err != nil {
		w.t.Fatalf("waited in vain for %s; delivered is %+v; logs:\n%s", what, w.Slack.All(), w.logs)
	}
}

// greetings are the messages that welcome a member.
func (w *workspace) greetings(name string) []chattest.SlackMessage {
	var out []chattest.SlackMessage
	for _, m := range w.Slack.All() {
		if strings.Contains(m.Text, "Welcome, "+name) || bytes.Contains(blocksText(m), []byte("Welcome, "+name)) {
			out = append(out, m)
		}
	}
	return out
}

func blocksText(m chattest.SlackMessage) []byte {
	var b bytes.Buffer
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			b.WriteString(v + "\n")
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	for _, blk := range m.Blocks {
		walk(blk)
	}
	return b.Bytes()
}

// rows counts what is stored under a prefix.
func (w *workspace) rows(prefix string) int {
	w.t.Helper()
	snap, err := w.store.Snapshot(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	defer snap.Close()
	n := 0
	for _, err := range snap.Scan(context.Background(), store.Prefix(store.Key(prefix))) {
		if err != nil {
			w.t.Fatal(err)
		}
		n++
	}
	return n
}

func TestSlackNewcomer(t *testing.T) {
	w := atSlack(t)
	w.AddUser(chattest.SlackUser{ID: "U1", Name: "Ada", Locale: "en-US", TZ: "Europe/London"})
	w.AddUser(chattest.SlackUser{ID: "U2", Name: "王伟", Locale: "zh-CN", TZ: "Asia/Shanghai"})
	w.AddChannel(chattest.SlackChannel{ID: "C1", Name: "general"})

	// A join that Slack delivers five times at once, and again ten minutes later,
	// is greeted once.
	join := w.ChannelJoin("Ev1", "U1", "C1")
	var five sync.WaitGroup
	for range 5 {
		five.Go(func() { w.post("/slack/events", join) })
	}
	five.Wait()
	w.await("the greeting", func() bool { return len(w.greetings("Ada")) > 0 })
	w.clock.move(10 * time.Minute)
	w.post("/slack/events", join)
	// Neither is the same member in another channel.
	w.AddChannel(chattest.SlackChannel{ID: "C2", Name: "random"})
	w.post("/slack/events", w.ChannelJoin("Ev2", "U1", "C2"))

	w.post("/slack/events", w.ChannelJoin("Ev3", "U2", "C1"))
	w.await("the greeting in Chinese", func() bool {
		for _, m := range w.Slack.All() {
			if bytes.Contains(blocksText(m), []byte("王伟，欢迎来到 Gophers")) {
				return true
			}
		}
		return false
	})
	greeting := w.greetings("Ada")
	if len(greeting) != 1 || greeting[0].Channel != chattest.DM("U1") {
		t.Fatalf("greetings of Ada: %+v, want one, in her direct messages", greeting)
	}

	// She presses the button and is told what there is, fills in the form and is
	// thanked in the same message.
	w.press("U1", greeting[0], "What can you do?")
	w.await("help", func() bool {
		for _, m := range w.Slack.Messages(chattest.DM("U1")) {
			if bytes.Contains(blocksText(m), []byte("I stop writing to you unasked")) {
				return true
			}
		}
		return false
	})
	w.press("U1", greeting[0], "Two questions, so that I can be of use")
	views := w.Views()
	if len(views) != 1 {
		t.Fatalf("%d forms were opened, want 1", len(views))
	}
	w.post("/slack/interactions", chattest.Interaction(w.Fill("U1", views[0], map[string]string{"What brings you here?": "learn", "Your GitHub name": "ada-l"})))
	w.await("the greeting to change", func() bool {
		for _, m := range w.Slack.Messages(chattest.DM("U1")) {
			if m.TS == greeting[0].TS {
				return m.Edits == 1 && bytes.Contains(blocksText(m), []byte("ada-l"))
			}
		}
		return false
	})
	if got := len(w.greetings("Ada")); got > 1 {
		t.Errorf("Ada was greeted %d times", got)
	}
}

// TestSlackFixtures plays what was recorded, each payload from the request to
// what is delivered because of it. A plugin of the test's answers everything.
func TestSlackFixtures(t *testing.T) {
	read := func(name string) []byte { return chattest.Recorded(t, "../../../..", name) }
	read("slack_url_verification.json") // where there are none, nothing need be built
	plugins(t)
	w := atSlack(t, filepath.Join(built.extra, "echo.wasm"))
	for _, u := range []string{"W23456789", "W111", "U111", "U222", "U2CERLKJA"} {
		w.AddUser(chattest.SlackUser{ID: u, Name: "Fixture " + u})
	}
	w.AddChannel(chattest.SlackChannel{ID: "C111", Name: "general", Members: []string{"W111"}})
	w.AddChannel(chattest.SlackChannel{ID: "G8PSS9T3V", Name: "foobar", Private: true, Members: []string{"U2CERLKJA"}})
	if got := w.post("/slack/events", read("slack_url_verification.json")); !strings.Contains(got, "aljdsflaji3jj") {
		t.Errorf("the challenge was answered with %q", got)
	}
	w.post("/slack/events", read("slack_event_member_joined_channel.json"))
	w.await("the recorded member's greeting", func() bool { return len(w.greetings("Fixture W23456789")) == 1 })

	w.post("/slack/events", read("slack_event_message_channel.json"))
	heard := w.stands("C111", "", "heard: Hello World!")

	// Two tests were recorded with one event_id: as it is it has been delivered
	// before, and nothing follows.
	changed := read("slack_event_message_changed.json")
	w.post("/slack/events", changed)
	w.post("/slack/events", bytes.Replace(changed, []byte("Ev111"), []byte("Ev112"), 1))
	w.stands("C111", "", "original message became: updated message")
	edits := 0
	for _, m := range w.Slack.All() {
		if bytes.Contains(blocksText(m), []byte("became: ")) {
			edits++
		}
	}
	if edits != 1 {
		t.Errorf("the edit was told of %d times", edits)
	}

	// The recorded button is none of ours: whoever pressed it is told. With the
	// value of one that is, it is answered. Slack's address for that is the
	// stand-in's here.
	click := bytes.ReplaceAll(read("slack_interactive_block_actions.json"), []byte("https://hooks.slack.com/actions/T111/111/random-value"),
		[]byte(w.Slack.ResponseURL("C111", "W111", "")))
	w.post("/slack/interactions", chattest.Interaction(click))
	w.stands("C111", "W111", "This doesn't work any more")
	again := bytes.Replace(click, []byte("click_me_123"), []byte(buttonValue(t, heard, "Again")), 1)
	w.post("/slack/interactions", chattest.Interaction(bytes.Replace(again, []byte("111.222.valid"), []byte("111.223.valid"), 1)))
	w.stands("C111", "W111", "pressed by Fixture W111")

	// The vector of Slack's documentation, signed in 2018: it verifies, and is
	// stale. At its own time it is taken, and once.
	form := read("slack_slash_command_signed.form")
	send := func() int {
		req, _ := http.NewRequest(http.MethodPost, w.url+"/slack/commands", bytes.NewReader(form))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("X-Slack-Request-Timestamp", "1531420618")
		req.Header.Set("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := send(); got != http.StatusUnauthorized {
		t.Errorf("a request signed years ago: %d, want 401", got)
	}
	if n := len(w.Messages("G8PSS9T3V")); n != 0 {
		t.Errorf("%d messages came of it", n)
	}
	w.clock.move(time.Until(time.Unix(1531420618, 0)))
	for range 2 {
		if got := send(); got != http.StatusOK {
			t.Errorf("the documentation's vector at its time: %d, want 200", got)
		}
	}
	w.stands("G8PSS9T3V", "U2CERLKJA", "collected")
	if n := len(w.Messages("G8PSS9T3V")); n != 1 {
		t.Errorf("%d messages came of one command", n)
	}
}

// stands waits until a text stands in a channel, for one member alone or with ""
// for all, and returns its message.
func (w *workspace) stands(channel, to, text string) (found chattest.SlackMessage) {
	w.t.Helper()
	w.await(strconv.Quote(text)+" in "+channel, func() bool {
		for _, m := range w.Slack.Messages(channel) {
			if m.To == to && (strings.Contains(m.Text, text) || bytes.Contains(blocksText(m), []byte(text))) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// buttonValue is what the button with a label stands for.
func buttonValue(t *testing.T, m chattest.SlackMessage, label string) string {
	t.Helper()
	for _, b := range m.Blocks {
		elements, _ := b["elements"].([]any)
		for _, e := range elements {
			el, _ := e.(map[string]any)
			if text, _ := el["text"].(map[string]any); text["text"] == label {
				value, _ := el["value"].(string)
				return value
			}
		}
	}
	t.Fatalf("there is no button %q in %+v", label, m.Blocks)
	return ""
}

func TestSlackRefusals(t *testing.T) {
	w := atSlack(t)
	join := w.ChannelJoin("Ev1", "U1", "C1")
	now := w.clock.Now()
	sign := func(at time.Time, body []byte) (string, string) {
		return strconv.FormatInt(at.Unix(), 10), chattest.SignSlack(signingSecret, at, body)
	}
	before := w.rows("")
	for name, tc := range map[string]struct {
		body   []byte
		header func() (ts, sig string)
		want   int
	}{
		"unsigned":        {join, func() (string, string) { return "", "" }, http.StatusUnauthorized},
		"wrong signature": {join, func() (string, string) { ts, s := sign(now, join); return ts, s[:len(s)-1] + "0" + "0" }, http.StatusUnauthorized},
		"another body":    {join, func() (string, string) { return sign(now, []byte("{}")) }, http.StatusUnauthorized},
		"stale":           {join, func() (string, string) { return sign(now.Add(-6*time.Minute), join) }, http.StatusUnauthorized},
		"from the future": {join, func() (string, string) { return sign(now.Add(6*time.Minute), join) }, http.StatusUnauthorized},
		"oversized":       {bytes.Repeat([]byte("x"), 3<<20), func() (string, string) { return sign(now, nil) }, http.StatusRequestEntityTooLarge},
		"no JSON":         {[]byte("not json"), func() (string, string) { return sign(now, []byte("not json")) }, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			req, _ := http.NewRequest(http.MethodPost, w.url+"/slack/events", bytes.NewReader(tc.body))
			ts, sig := tc.header()
			req.Header.Set("X-Slack-Request-Timestamp", ts)
			req.Header.Set("X-Slack-Signature", sig)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var answer bytes.Buffer
			answer.ReadFrom(resp.Body)
			reason := strings.TrimSpace(answer.String())
			if resp.StatusCode != tc.want || reason == "" || strings.Contains(reason, "\n") {
				t.Errorf("%d %q, want %d and a line of reason", resp.StatusCode, reason, tc.want)
			}
		})
	}
	if after := w.rows(""); after != before {
		t.Errorf("%d rows were stored for refused requests", after-before)
	}
	for _, secret := range []string{signingSecret, w.Options().BotToken} {
		if strings.Contains(w.logs.String(), secret) {
			t.Errorf("a secret is in the logs:\n%s", w.logs)
		}
	}
}
