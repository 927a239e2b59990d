package webchat

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

func TestDeliveredOnce(t *testing.T) {
	p := open(t, Options{})
	ada := p.member("Ada")
	d := chat.Delivery{ID: "outbox/42", Op: chat.OpSend, Member: globalID(ada.id), Content: plainText("hello")}
	var wg sync.WaitGroup
	receipts := make([]chat.Receipt, 16)
	for i := range receipts {
		wg.Go(func() {
			r, err := p.a.Deliver(context.Background(), &d)
			if err != nil {
				t.Error(err)
			}
			receipts[i] = r
		})
	}
	wg.Wait()
	for _, r := range receipts {
		if fmt.Sprint(r) != fmt.Sprint(receipts[0]) || r.Conversation != globalID(botConv(ada.id)) || len(r.Messages) != 1 {
			t.Errorf("receipts %v, %v", r, receipts[0])
		}
	}
	if n := len(p.posts()); n != 1 {
		t.Errorf("%d messages came of it", n)
	}
	if r, ok, err := p.a.Find(t.Context(), &d, time.Time{}); err != nil || !ok || fmt.Sprint(r) != fmt.Sprint(receipts[0]) {
		t.Errorf("find: %v, %v, %v", r, ok, err)
	}
	d.ID = "outbox/43"
	if _, ok, err := p.a.Find(t.Context(), &d, time.Time{}); err != nil || ok {
		t.Errorf("found what was never sent: %v, %v", ok, err)
	}
}

func TestDeliveries(t *testing.T) {
	p := open(t, Options{})
	ada, bob := p.member("Ada"), p.member("Bob")
	rootID := ada.say(general, "a question")
	r := p.deliver(chat.Delivery{Conversation: GeneralID, Thread: rootID, Content: plainText("an **answer**")})
	mustContain(t, bob.page("t="+rootID).body, "an <strong>answer</strong>")
	p.deliver(chat.Delivery{Op: chat.OpEdit, Conversation: GeneralID, Messages: r.Messages, Content: plainText("a better one")})
	mustContain(t, bob.page("t="+rootID).body, "a better one")
	p.deliver(chat.Delivery{Op: chat.OpReact, Conversation: GeneralID, Messages: []string{rootID}, Reaction: "eyes"})
	p.deliver(chat.Delivery{Op: chat.OpReact, Conversation: GeneralID, Messages: []string{rootID}, Reaction: "party_gopher"})
	mustContain(t, bob.page("").body, "👀 1")
	mustContain(t, bob.page("").body, ":party_gopher: 1")
	p.deliver(chat.Delivery{Op: chat.OpDelete, Conversation: GeneralID, Messages: r.Messages})
	mustNotContain(t, bob.page("t="+rootID).body, "a better one")

	r = p.deliver(chat.Delivery{Conversation: GeneralID, Member: globalID(ada.id), Ephemeral: true, Content: plainText("psst")})
	mustContain(t, ada.page("").body, "psst")
	mustNotContain(t, bob.page("").body, "psst")
	if res := bob.get("message?c=general&m=" + r.Messages[0]); res.status != 404 {
		t.Errorf("another's ephemeral message: %d", res.status)
	}
	if res := bob.post("delete", url.Values{"c": {general}, "m": {r.Messages[0]}}); res.status != 404 {
		t.Errorf("dismissed by another: %d", res.status)
	}
	n := len(p.sink.events(abi.MessageDeleted))
	if res := ada.post("delete", url.Values{"c": {general}, "m": {r.Messages[0]}}); res.status != 200 {
		t.Errorf("dismiss: %d", res.status)
	}
	if len(p.sink.events(abi.MessageDeleted)) != n {
		t.Error("dismissing is an event")
	}
	p.deliver(chat.Delivery{Conversation: GeneralID, Member: globalID(ada.id), Mention: true, Content: plainText("for you")})
	mustContain(t, bob.page("").body, `<span class="mention">@Ada</span> for you`)

	pair := pairConv(ada.id, bob.id)
	ada.post("dm", url.Values{"with": {bob.id}})
	ada.say(pair, "between us")
	for name, d := range map[string]chat.Delivery{
		"unknown channel":  {Op: chat.OpSend, Conversation: "webchat:nowhere"},
		"two members' own": {Op: chat.OpSend, Conversation: globalID(pair)},
		"unknown member":   {Op: chat.OpSend, Member: "webchat:nobody"},
		"for whom":         {Op: chat.OpSend, Conversation: GeneralID, Ephemeral: true},
		"deleted thread":   {Op: chat.OpSend, Conversation: GeneralID, Thread: "0000000000000001"},
		"odd thread":       {Op: chat.OpSend, Conversation: GeneralID, Thread: "x"},
		"a member's":       {Op: chat.OpEdit, Conversation: GeneralID, Messages: []string{rootID}},
		"deleting it":      {Op: chat.OpDelete, Conversation: GeneralID, Messages: []string{rootID}},
		"gone":             {Op: chat.OpEdit, Conversation: GeneralID, Messages: r.Messages},
		"too large":        {Op: chat.OpSend, Conversation: GeneralID, Content: plainText(strings.Repeat("x", maxContent+1))},
	} {
		d.ID = name
		if len(d.Content.Blocks) == 0 {
			d.Content = plainText("x")
		}
		_, err := p.a.Deliver(t.Context(), &d)
		var de *chat.DeliveryError
		if !errors.As(err, &de) || de.Retry || de.Code == "" || de.Advice == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A deletion goes through even when its member has left, as greetings do that
// delete themselves.
func TestDeleteAfterLeaving(t *testing.T) {
	p := open(t, Options{})
	ada := p.member("Ada")
	r := p.deliver(chat.Delivery{Member: globalID(ada.id), Content: plainText("welcome")})
	ada.post("depart", nil)
	p.deliver(chat.Delivery{Op: chat.OpDelete, Member: globalID(ada.id), Conversation: r.Conversation, Messages: r.Messages})
	if n := len(p.posts()); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}

func TestPressing(t *testing.T) {
	p := open(t, Options{})
	ada, bob := p.member("Ada"), p.member("Bob")
	content := abi.Content{Blocks: []abi.Block{
		{Buttons: []abi.Button{{Label: "Go", Action: "secret-action", Value: "secret-value", Note: []byte("secret-note"), Token: "tok-go"},
			{Label: "Any", Token: "tok-any", Often: abi.AnyTimes}, {Label: "First", Token: "tok-first", Often: abi.OnceForAll}}},
		{Form: &abi.Form{Name: "about", Title: "You", Note: []byte("secret-note"), Token: "tok-form", Inputs: []abi.Input{
			{Name: "handle", Label: "Handle", Max: 5}, {Name: "level", Label: "Level", Options: []abi.Option{{Value: "a", Label: "A"}, {Value: "b", Label: "B"}}},
			{Name: "more", Label: "More", Optional: true, Long: true}}}},
	}}
	m := p.deliver(chat.Delivery{Conversation: GeneralID, Content: content}).Messages[0]
	page := ada.page("").body
	for _, secret := range []string{"secret-action", "secret-value", "secret-note"} {
		mustNotContain(t, page, secret)
	}
	press := func(b *browser, token string, more ...string) result {
		form := url.Values{"c": {general}, "m": {m}, "token": {token}, "nonce": {newNonce()}}
		for i := 0; i < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		return b.post("press", form)
	}
	p.sink.setDecide(func(in chat.Incoming) (chat.Outcome, error) {
		switch in.Token {
		case "tok-first":
			if in.Event.Member.Name == "Bob" {
				return chat.Used, nil
			}
		case "tok-gone":
			return chat.Gone, nil
		}
		return chat.Accepted, nil
	})

	res := press(ada, "tok-go")
	if res.status != 200 || !res.Used || res.Tone != "" {
		t.Errorf("press: %d %+v", res.status, res.answer)
	}
	mustContain(t, res.HTML, "used")
	in := p.sink.all[len(p.sink.all)-1]
	if e := in.Event; in.Token != "tok-go" || e.Kind != abi.ButtonClicked || e.Click != nil || e.Conversation.ID != GeneralID || e.Member.ID != globalID(ada.id) || e.Private {
		t.Errorf("handed over: %+v", in)
	}
	mustContain(t, ada.page("").body, "btn  used")
	mustNotContain(t, bob.page("").body, "btn  used")
	if res := press(ada, "tok-any"); res.Used {
		t.Error("a button for any number of times is used up")
	}
	if res := press(bob, "tok-first"); res.status != 200 || !strings.Contains(res.Say, "already") {
		t.Errorf("used by another: %d %q", res.status, res.Say)
	}
	mustContain(t, ada.page("").body, "btn  used\" name=\"token\" value=\"tok-first\"") // for all

	// The form's answers are checked here, and kindly.
	for _, c := range []struct {
		handle, level, more, say string
	}{
		{"", "a", "", "“Handle” still needs"},
		{"toolong", "a", "", "5 characters"},
		{"ada", "", "", "“Level” still needs"},
		{"ada", "z", "", "choose one"},
		{"a\x00a", "a", "", "cannot be sent"},
		{"ada", "b", "", ""},
	} {
		res := press(ada, "tok-form", "f.handle", c.handle, "f.level", c.level, "f.more", c.more)
		if c.say == "" && res.status != 200 || c.say != "" && (res.status != 422 || !strings.Contains(res.Say, c.say)) {
			t.Errorf("%+v: %d %q", c, res.status, res.Say)
		}
	}
	f := p.sink.last(t, abi.FormSubmitted).Form
	if fmt.Sprint(f.Values) != "[{handle ada} {level b} {more }]" {
		t.Errorf("the form has %+v", f)
	}

	// Tokens of messages a member cannot see, or that are nowhere, are refused.
	hidden := p.deliver(chat.Delivery{Conversation: GeneralID, Member: globalID(ada.id), Ephemeral: true,
		Content: abi.Content{Blocks: []abi.Block{{Buttons: []abi.Button{{Label: "x", Token: "tok-hidden"}, {Label: "y", Token: "tok-gone"}}}}}}).Messages[0]
	if res := press(bob, "tok-nowhere"); res.status != 404 {
		t.Errorf("an invented token: %d", res.status)
	}
	if res := bob.post("press", url.Values{"c": {general}, "m": {hidden}, "token": {"tok-hidden"}}); res.status != 404 {
		t.Errorf("a token of another's message: %d", res.status)
	}
	m = hidden
	if res := press(ada, "tok-hidden"); res.status != 200 || !p.sink.last(t, abi.ButtonClicked).Private {
		t.Errorf("in an ephemeral message: %d", res.status)
	}
	if res := press(ada, "tok-gone"); res.status != 200 || !strings.Contains(res.Say, "had its day") {
		t.Errorf("gone: %d %q", res.status, res.Say)
	}

	// The same press twice is one; a busy sink asks to try again.
	n := len(p.sink.events(abi.ButtonClicked))
	for range 2 {
		ada.post("press", url.Values{"c": {general}, "m": {m}, "token": {"tok-hidden"}, "nonce": {"samesame1"}})
	}
	if got := len(p.sink.events(abi.ButtonClicked)); got != n+1 {
		t.Errorf("%d clicks, want one", got-n)
	}
	p.sink.setDecide(func(chat.Incoming) (chat.Outcome, error) { return 0, chat.ErrBusy })
	if res := press(ada, "tok-hidden"); res.status != 503 || res.header.Get("Retry-After") == "" {
		t.Errorf("busy: %d %q", res.status, res.Say)
	}
}
