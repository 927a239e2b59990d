package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/rogpeppe/go-internal/txtar"
	slackapi "github.com/slack-go/slack"
)

// TestRender renders each golden file's content, which stands there as JSON.
func TestRender(t *testing.T) {
	files, err := filepath.Glob("testdata/render/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil || len(ar.Files) < 1 {
				t.Fatal(err)
			}
			var c abi.Content
			if err := json.Unmarshal(ar.Files[0].Data, &c); err != nil {
				t.Fatal(err)
			}
			out := []txtar.File{ar.Files[0]}
			for i, p := range render(c) {
				checkPart(t, &p)
				out = append(out, txtar.File{Name: "text " + strconv.Itoa(i), Data: []byte(p.text + "\n")},
					txtar.File{Name: "blocks " + strconv.Itoa(i), Data: indent(t, p.blocks)})
			}
			got := txtar.Format(&txtar.Archive{Comment: ar.Comment, Files: out})
			if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
				if err := os.WriteFile(name, got, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if want := txtar.Format(ar); !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// Small print may be as long as a text, and none of it is lost.
func TestLongContext(t *testing.T) {
	for _, long := range []string{strings.Repeat("长", 2600) + "尾", strings.Repeat("a_b", 850) + "尾", strings.Repeat("x & y ", 430) + "尾", strings.Repeat("好", 9000) + "尾"} {
		data := ""
		for _, p := range render(abi.Content{Blocks: []abi.Block{{Context: long}}}) {
			checkPart(t, &p)
			data += string(indent(t, p.blocks))
		}
		if !strings.Contains(data, "尾") || strings.Contains(data, "…") {
			t.Errorf("the end of %d characters is missing", chat.Units(long))
		}
	}
}

func indent(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// checkPart holds a message against Slack's bounds.
func checkPart(t testing.TB, p *part) {
	t.Helper()
	data, err := json.Marshal(p.blocks)
	if err != nil {
		t.Fatal(err)
	}
	if _, bad := chattest.CheckSlackBlocks(data); bad != nil {
		t.Errorf("%v\n%s", bad, data)
	}
	if strings.TrimSpace(p.text) == "" || chat.Units(p.text) > 40000 {
		t.Errorf("a text of %d", chat.Units(p.text))
	}
	if strings.ContainsAny(p.text, "\x00\x1b\u202e") || strings.Contains(p.text, "<!") {
		t.Errorf("hostile text came through: %q", p.text)
	}
}

// FuzzRender: whatever the content, Slack takes it.
func FuzzRender(f *testing.F) {
	f.Add("**a** <@slack:U1>", "x := 1\n", "label", uint8(3))
	f.Add(strings.Repeat("- \"/\\\n", 900), strings.Repeat("`", 4000), "*_~`", uint8(60))
	f.Add("<!here> @everyone \x00\x1b[1m\u202e", "", " ", uint8(0))
	f.Add("[l](https://x.example/"+strings.Repeat("y", 1900)+")", "\t", "\xff", uint8(255))
	f.Fuzz(func(t *testing.T, s, code, label string, n uint8) {
		c := abi.Content{Blocks: []abi.Block{
			{Text: s}, {Heading: label}, {Code: code}, {Context: s}, {Context: label},
			{Table: &abi.Table{Header: []string{label, s}, Rows: [][]string{{code}}}}, {Divider: n&1 == 1},
			{Form: &abi.Form{Title: label, Token: label}},
		}}
		for i := range int(n & 15) {
			c.Blocks = append(c.Blocks, abi.Block{Fields: []abi.Field{{Label: label, Value: s}}})
			c.Blocks = append(c.Blocks, abi.Block{Buttons: []abi.Button{{Label: label, Token: strconv.Itoa(i)}, {Label: s, URL: "https://x.example/" + label}}})
			c.Blocks = append(c.Blocks, abi.Block{Divider: true})
		}
		for _, p := range render(c) {
			checkPart(t, &p)
		}
		m := modal(&abi.Form{Name: label, Title: s, Submit: label, Inputs: []abi.Input{
			{Name: s, Label: label, Hint: code, Value: s, Max: int(n)}, {Name: label, Options: []abi.Option{{Value: s, Label: label}}},
		}}, origin{Token: "t"}, "zh-CN")
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		if bad := chattest.CheckSlackView(v); bad != nil {
			t.Errorf("%v\n%s", bad, data)
		}
	})
}

// FuzzPayload: whatever Slack were to sign, it is an event within bounds or
// none.
func FuzzPayload(f *testing.F) {
	files, _ := filepath.Glob("testdata/events/*.txtar")
	for _, name := range files {
		if ar, err := txtar.ParseFile(name); err == nil {
			f.Add(bytes.TrimSpace(ar.Files[0].Data))
		}
	}
	f.Add([]byte(`{"type":"event_callback","event_id":"E","event":{"type":"message","user":"U1","channel":"C1","ts":"1.1","text":"<|x> <> <!> <@|>"}}`))
	sink := &chattest.Sink{Cmds: []abi.CommandDef{{Name: "help"}}}
	a, err := New(Options{Sink: sink, BotToken: "xoxb-x", SigningSecret: "s", APIURL: "http://127.0.0.1:1/", Client: &http.Client{Transport: away{}}})
	if err != nil {
		f.Fatal(err)
	}
	a.dir.me.Store(&identity{user: "U0HEARTH"})
	f.Fuzz(func(t *testing.T, body []byte) {
		sink.Decide = func(in chat.Incoming) (chat.Outcome, error) {
			checkEvent(t, &in.Event)
			return chat.Unwanted, nil
		}
		ctx := context.Background()
		if env, err := parseEnvelope(body); err == nil {
			_ = a.event(ctx, env)
		}
		if in, err := parseInteraction(body); err == nil {
			_, _ = a.interact(ctx, in)
		}
		if s, err := parseSlash(body); err == nil && s != nil {
			_, _ = a.command(ctx, s)
		}
	})
}

// away is a network with nothing behind it.
type away struct{}

func (away) RoundTrip(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }

func checkEvent(t *testing.T, ev *abi.Event) {
	t.Helper()
	if ev.ID == "" || ev.Source != Name || ev.Kind == "" || ev.Time < 0 {
		t.Errorf("event %+v", ev)
	}
	if id := ev.Member.ID; !strings.HasPrefix(id, "slack:") || !isID(abi.LocalID(id)) {
		t.Errorf("member %q", id)
	}
	if id := ev.Conversation.ID; id != "" && !isID(abi.LocalID(id)) {
		t.Errorf("conversation %q", id)
	}
	if ev.Message != nil && (!isTS(ev.Message.ID) || len(ev.Message.Mentions) > maxMentions || len(ev.Message.Files) > maxFiles) {
		t.Errorf("message %+v", ev.Message)
	}
}

// BenchmarkRequest is a signed message from HTTP request to the sink.
func BenchmarkRequest(b *testing.B) {
	now := time.Unix(1772355600, 0)
	sink := &chattest.Sink{Decide: func(chat.Incoming) (chat.Outcome, error) { return chat.Unwanted, nil }}
	a, err := New(Options{Sink: sink, BotToken: "xoxb-x", SigningSecret: "s", Clock: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	a.dir.me.Store(&identity{user: "U0HEARTH"})
	ar, err := txtar.ParseFile("testdata/events/message.txtar")
	if err != nil {
		b.Fatal(err)
	}
	body := bytes.TrimSpace(ar.Files[0].Data)
	sig, ts := chattest.SignSlack("s", now, body), strconv.FormatInt(now.Unix(), 10)
	h := a.Routes()["/slack/events"]
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r, _ := http.NewRequest(http.MethodPost, "/slack/events", bytes.NewReader(body))
		r.Header.Set("X-Slack-Request-Timestamp", ts)
		r.Header.Set("X-Slack-Signature", sig)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != 200 {
			b.Fatal(rec.Code)
		}
	}
}

func welcome() abi.Content {
	return abi.Content{Blocks: []abi.Block{
		{Heading: "Welcome, Ann"},
		{Text: "Good to have you here, <@slack:U0ANN>! Begin with [the tour](https://go.dev/tour/), say hello in <#slack:C1>.\n\n- one `task` a day\n- *no* hurry"},
		{Buttons: []abi.Button{{Label: "Help", Token: "tok-1"}, {Label: "Tour", URL: "https://go.dev/tour/"}}},
		{Context: "Say *stop* and I am quiet."},
	}}
}

func BenchmarkRender(b *testing.B) {
	for _, c := range []struct {
		name string
		c    abi.Content
	}{
		{"welcome", welcome()},
		{"30KB", abi.Content{Blocks: []abi.Block{{Text: strings.Repeat("A line with **weight** and [a link](https://go.dev/).\n", 280)}, {Code: strings.Repeat("x := compute(x)\n", 900)}}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range render(c.c) {
					if _, err := json.Marshal(slackapi.Blocks{BlockSet: p.blocks}); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
