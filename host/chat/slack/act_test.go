package slack_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/slack"
	"github.com/hearthbot/hearth/sdk/abi"
)

func (w *world) deliver(t *testing.T, d chat.Delivery) (chat.Receipt, error) {
	t.Helper()
	if d.ID == "" {
		d.ID = "d1"
	}
	d.Attempt = max(1, d.Attempt)
	return w.a.Deliver(t.Context(), &d)
}

func (w *world) must(t *testing.T, d chat.Delivery) chat.Receipt {
	t.Helper()
	r, err := w.deliver(t, d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(s string) abi.Content { return abi.Content{Blocks: []abi.Block{{Text: s}}} }

var aboutYou = abi.Form{
	Name: "about", Title: "A little about you, so that I can help", Submit: "Save", Token: "tok-form",
	Inputs: []abi.Input{
		{Name: "github", Label: "GitHub handle", Hint: "without @", Max: 39},
		{Name: "aims", Label: "What for?", Options: []abi.Option{{Value: "job", Label: "A job"}, {Value: "fun", Label: strings.Repeat("Fun ", 40)}}, Value: "fun"},
		{Name: "more", Label: "Anything else", Long: true, Optional: true, Value: "\x1b[1mbold"},
		{Name: "", Label: ""},
	},
}

// A form's button opens it; what is filled in comes back with its token.
func TestForm(t *testing.T) {
	w := newWorld(t)
	w.sink.Forms = map[string]abi.Form{"tok-form": aboutYou}
	r := w.must(t, chat.Delivery{Op: chat.OpSend, Conversation: "slack:C0GENERAL", Content: abi.Content{Blocks: []abi.Block{{Text: "Who are you?"}, {Form: &aboutYou}}}})
	msg := w.Messages("C0GENERAL")[0]
	press := w.Press("U0ANN", msg, chat.Cut(aboutYou.Title, 75))
	if press == nil {
		t.Fatalf("no button in %v", msg.Blocks)
	}
	if rec := w.send("interactions", chattest.Interaction(press)); rec.Code != 200 || rec.Body.Len() > 0 {
		t.Fatalf("status %d %q", rec.Code, rec.Body)
	}
	views := w.Views()
	if len(views) != 1 || len(w.sink.Got()) != 0 {
		t.Fatalf("%d views, %d events", len(views), len(w.sink.Got()))
	}
	fill := w.Fill("U0ANN", views[0], map[string]string{"GitHub handle": "ann-gopher", "What for?": "fun"})
	if rec := w.send("interactions", chattest.Interaction(fill)); rec.Code != 200 || rec.Body.Len() > 0 {
		t.Fatalf("status %d %q", rec.Code, rec.Body)
	}
	got := w.sink.Got()
	if len(got) != 1 || got[0].Token != "tok-form" || got[0].Event.Kind != abi.FormSubmitted || got[0].Event.Conversation.ID != r.Conversation {
		t.Fatalf("got %+v", got)
	}
	want := []abi.Value{{Name: "github", Value: "ann-gopher"}, {Name: "aims", Value: "fun"}, {Name: "more"}, {}}
	if fmt.Sprint(got[0].Event.Form.Values) != fmt.Sprint(want) {
		t.Errorf("values %+v, want %+v", got[0].Event.Form.Values, want)
	}
}

// A member whose press leads nowhere is told so, in their language.
func TestSpent(t *testing.T) {
	w := newWorld(t)
	w.AddUser(chattest.SlackUser{ID: "U0MING", Name: "小明", Locale: "zh-CN"})
	w.must(t, chat.Delivery{Op: chat.OpSend, Conversation: "slack:C0GENERAL", Content: abi.Content{Blocks: []abi.Block{
		{Buttons: []abi.Button{{Label: "Once", Token: "tok-once"}}}, {Form: &abi.Form{Title: "Old", Token: "tok-old"}},
	}}})
	msg := w.Messages("C0GENERAL")[0]
	w.sink.Decide = func(chat.Incoming) (chat.Outcome, error) { return chat.Used, nil }
	if _, err := w.a.Profile(t.Context(), "slack:U0MING"); err != nil { // their language is known from then on
		t.Fatal(err)
	}
	for _, c := range []struct{ user, label, want string }{
		{"U0ANN", "Once", "already done"},
		{"U0MING", "Once", "已经做过"},
		{"U0ANN", "Old", "any more"},
		{"U0MING", "Old", "失效"},
	} {
		if rec := w.send("interactions", chattest.Interaction(w.Press(c.user, msg, c.label))); rec.Code != 200 {
			t.Fatal(rec.Code)
		}
		all := w.All()
		last := all[len(all)-1]
		if last.To != c.user || !strings.Contains(last.Text, c.want) {
			t.Errorf("%s pressed %s: %+v", c.user, c.label, last)
		}
	}
	// A form that was used meanwhile says so in its place.
	w.sink.Forms = map[string]abi.Form{"tok-old": {Name: "f", Title: "Old", Inputs: []abi.Input{{Name: "a", Label: "A"}}}}
	w.send("interactions", chattest.Interaction(w.Press("U0ANN", msg, "Old")))
	rec := w.send("interactions", chattest.Interaction(w.Fill("U0ANN", w.Views()[0], nil)))
	var resp struct {
		Action string         `json:"response_action"`
		View   map[string]any `json:"view"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &resp); err != nil || resp.Action != "update" || !strings.Contains(rec.Body.String(), "already done") {
		t.Fatalf("answer %q, %v", rec.Body, err)
	}
	if bad := chattest.CheckSlackView(resp.View); bad != nil {
		t.Error(bad)
	}
}

// A trigger is good for three seconds; a member who comes too late is told.
func TestFormTooLate(t *testing.T) {
	w := newWorld(t)
	w.sink.Forms = map[string]abi.Form{"tok-form": aboutYou}
	w.must(t, chat.Delivery{Op: chat.OpSend, Conversation: "slack:C0GENERAL", Content: abi.Content{Blocks: []abi.Block{{Form: &abi.Form{Title: "Open", Token: "tok-form"}}}}})
	press := w.Press("U0ANN", w.Messages("C0GENERAL")[0], "Open")
	w.clock.Add(4 * time.Second)
	if rec := w.send("interactions", chattest.Interaction(press)); rec.Code != 200 {
		t.Fatal(rec.Code)
	}
	all := w.All()
	if last := all[len(all)-1]; len(w.Views()) != 0 || last.To != "U0ANN" || !strings.Contains(last.Text, "once more") {
		t.Errorf("views %v, last message %+v", w.Views(), last)
	}
}

// Where hearth may not write it answers a command by its response_url: five
// times in half an hour.
func TestResponseURL(t *testing.T) {
	w := newWorld(t).people()
	w.AddChannel(chattest.SlackChannel{ID: "C0PRIV", Name: "privategroup", Private: true, Outside: true, Members: []string{"U0ANN"}})
	if rec := w.send("commands", w.Command("U0ANN", "C0PRIV", "/run", "x")); rec.Code != 200 {
		t.Fatal(rec.Code)
	}
	answer := chat.Delivery{Op: chat.OpSend, Conversation: "slack:C0PRIV", Member: "slack:U0ANN", Ephemeral: true, Content: text("here")}
	for range 5 {
		w.must(t, answer)
	}
	if got := w.Messages("C0PRIV"); len(got) != 5 || !got[0].Hook || got[0].To != "U0ANN" {
		t.Fatalf("messages %+v", got)
	}
	r := w.must(t, answer) // used up: what only they may see goes to them directly
	if r.Conversation != "slack:"+chattest.DM("U0ANN") || len(w.Messages("C0PRIV")) != 5 {
		t.Errorf("receipt %+v", r)
	}
	// One that Slack takes no more is no dead end either.
	w.send("commands", w.Command("U0ANN", "C0PRIV", "/run", "y"))
	w.Fail("response_url", 1, chattest.Failure{Status: 404})
	if r := w.must(t, answer); r.Conversation != "slack:"+chattest.DM("U0ANN") {
		t.Errorf("receipt %+v", r)
	}
	if _, err := w.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: "slack:C0PRIV", Content: text("for all")}); err == nil {
		t.Error("what is for all went somewhere")
	}
}

// An ephemeral message can be changed by whoever pressed a button in it.
func TestEphemeralEdit(t *testing.T) {
	w := newWorld(t)
	r := w.must(t, chat.Delivery{Op: chat.OpSend, Conversation: "slack:C0GENERAL", Member: "slack:U0ANN", Ephemeral: true,
		Content: abi.Content{Blocks: []abi.Block{{Text: "ready?"}, {Buttons: []abi.Button{{Label: "Yes", Token: "tok-yes"}}}}}})
	edit := chat.Delivery{Op: chat.OpEdit, Conversation: r.Conversation, Messages: r.Messages, Content: text("good")}
	if _, err := w.deliver(t, edit); err == nil {
		t.Fatal("an ephemeral message was edited without an address to do so")
	}
	w.send("interactions", chattest.Interaction(w.Press("U0ANN", w.Messages("C0GENERAL")[0], "Yes")))
	w.must(t, edit)
	if m := w.Messages("C0GENERAL")[0]; m.Text != "good" || m.Edits != 1 {
		t.Errorf("there stands %+v", m)
	}
	w.must(t, chat.Delivery{Op: chat.OpDelete, Conversation: r.Conversation, Messages: r.Messages})
	if n := len(w.Messages("C0GENERAL")); n != 0 {
		t.Errorf("%d messages still stand there", n)
	}
}

// @hearth NAME where there is no such command is a message, and /NAME an answer.
func TestUnknownCommand(t *testing.T) {
	w := newWorld(t).people()
	rec := w.send("commands", w.Command("U0ANN", "C0GENERAL", "/<b>`*", ""))
	if !strings.Contains(rec.Body.String(), "hearth-help") || strings.Contains(rec.Body.String(), "<b>") || len(w.sink.Got()) != 0 {
		t.Errorf("answer %q", rec.Body)
	}
}

func TestSlashName(t *testing.T) {
	for name, want := range map[string]string{
		"run": "/run", "help": "/hearth-help", "hearth-help": "/hearth-hearth-help", "search": "/hearth-search",
		"a-command-with-a-name-of-31-char": "", "a-command-of-just-31-characters": "/a-command-of-just-31-characters",
	} {
		if got := slack.SlashName(name); got != want {
			t.Errorf("SlashName(%q) = %q, want %q", name, got, want)
		}
	}
}
