package host

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// teller writes to the event's member whatever they do: unasked if they joined,
// asked if they used a command.
func teller(b *bot) {
	b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined, abi.MessagePosted},
		Commands: []abi.CommandDef{{Name: "help", Help: abi.Localized{{Locale: "en", Text: "Help"}, {Locale: "zh-CN", Text: "帮助"}}},
			{Name: "stop", Help: abi.Localized{{Locale: "en", Text: "Stop"}, {Locale: "zh-CN", Text: "停止"}}}}},
		func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			ef := abi.Effects{Out: []abi.Effect{tell(c.Event.Member.ID, c.Event.ID)}}
			if c.Event.Kind == abi.CommandInvoked && c.Event.Command.Name == "stop" {
				ef.Out = append(ef.Out, abi.Effect{Profile: &abi.Profile{Stop: true}})
			}
			return ef, nil
		})
}

func (b *bot) command(name string) abi.Event {
	e := b.event(abi.CommandInvoked)
	e.Command.Name = name
	return e
}

// status is what became of the message with the given text.
func (b *bot) status(text string) string {
	b.t.Helper()
	for _, r := range b.rows(kSent) {
		var s sentRow
		if _, err := s.UnmarshalMsg(r.Value); err != nil {
			b.t.Fatal(err)
		}
		if len(s.Out.Content.Blocks) > 0 && s.Out.Content.Blocks[0].Text == text {
			return s.Status
		}
	}
	return "waiting"
}

func TestStopHoldsWhatNobodyAskedFor(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		teller(b)
		b.start()
		b.accept(b.command("stop"), chat.Accepted) // e1
		later(time.Second)
		b.accept(b.event(abi.MemberJoined), chat.Accepted) // e2: unasked
		b.accept(b.command("help"), chat.Accepted)         // e3: asked
		later(time.Minute)
		wantTexts(t, b.platform, "send @fake:ada e1", "send @fake:ada e3")
		if s := b.status("e2"); s != statusWithheld {
			t.Errorf("the unasked message is %s, want withheld", s)
		}
	})
}

func TestDailyCapIsAcrossPluginsAndEndsAtTheMembersMidnight(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Policy: Policy{DailyCap: 3}})
		teller(b)
		b.start()
		join := b.event(abi.MemberJoined)
		join.Member.TimeZone = "Asia/Shanghai" // the bubble's clock starts at midnight UTC: 08:00 there
		b.accept(join, chat.Accepted)
		for range 4 {
			b.accept(b.event(abi.MessagePosted), chat.Accepted)
		}
		later(time.Hour)
		if got := b.platform.texts(); len(got) != 3 {
			t.Errorf("delivered %q, want the first three", got)
		}
		later(15*time.Hour + time.Minute - time.Hour) // 23:01 there
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		if got := b.platform.texts(); len(got) != 3 {
			t.Errorf("delivered %q before midnight, want no more", got)
		}
		later(time.Hour)
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		if got := b.platform.texts(); len(got) != 4 {
			t.Errorf("delivered %q, want one more on the new day", got)
		}
	})
}

func TestQuietHoursWaitForTheMembersMorning(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Policy: Policy{QuietFrom: 22, QuietTo: 8}})
		teller(b)
		b.start()
		join := b.event(abi.MemberJoined)
		join.Member.TimeZone = "America/New_York" // 19:00 there
		b.accept(join, chat.Accepted)
		later(4 * time.Hour) // 23:00
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		b.accept(b.command("help"), chat.Accepted) // overtakes what waits
		later(time.Hour)
		wantTexts(t, b.platform, "send @fake:ada e1", "send @fake:ada e3")
		later(8*time.Hour - time.Minute) // 07:59
		wantTexts(t, b.platform, "send @fake:ada e1", "send @fake:ada e3")
		later(2 * time.Minute)
		wantTexts(t, b.platform, "send @fake:ada e1", "send @fake:ada e3", "send @fake:ada e2")
	})
}

func TestQuietUntilOverDaylightSaving(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here: ", err)
	}
	p := Policy{QuietFrom: 22, QuietTo: 8}
	for at, want := range map[string]string{
		"2026-03-28T23:30:00+01:00": "2026-03-29T08:00:00+02:00", // the night is an hour shorter
		"2026-10-24T23:30:00+02:00": "2026-10-25T08:00:00+01:00", // and longer
		"2026-06-01T03:00:00+02:00": "2026-06-01T08:00:00+02:00",
		"2026-06-01T08:00:00+02:00": "",
		"2026-06-01T21:59:59+02:00": "",
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if u := quietUntil(p, now.In(zone)); !u.IsZero() {
			got = u.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("quiet at %s until %q, want %q", at, got, want)
		}
	}
}

func TestWhatNobodyAskedForExpires(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		teller(b)
		if err := b.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		b.accept(b.command("help"), chat.Accepted)
		later(25 * time.Hour)
		wantTexts(t, b.platform)
		if err := b.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		later(time.Second)
		wantTexts(t, b.platform, "send @fake:ada e2")
		if s := b.status("e1"); s != statusExpired {
			t.Errorf("the greeting is %s, want expired", s)
		}
	})
}

func TestPauseHoldsWithinASecondAndOverARestart(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		teller(b)
		b.platform.features.PerConversation = 100 * time.Millisecond
		b.start()
		for range 50 {
			b.accept(b.command("help"), chat.Accepted)
		}
		later(time.Second)
		if err := b.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := len(b.platform.texts())
		b.accept(b.command("help"), chat.Accepted) // is accepted all the same
		later(time.Hour)
		if after := len(b.platform.texts()); after != before || before == 0 {
			t.Errorf("%d messages before the pause and %d after", before, after)
		}
		b.halt()

		again := newBot(t, Options{Store: b.store})
		again.platform = b.platform
		teller(again)
		again.start()
		later(time.Hour)
		if after := len(b.platform.texts()); after != before || !again.Paused() {
			t.Errorf("the pause did not survive the restart: %d messages, then %d", before, after)
		}
		if err := again.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		later(time.Minute)
		if after := len(b.platform.texts()); after != 51 {
			t.Errorf("%d messages after resume, want 51", after)
		}
	})
}

func TestOneAnswerToOneMessage(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		for i := range 5 {
			b.plugin(abi.Manifest{Name: fmt.Sprint("p", i), Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				return abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}}, Out: []abi.Effect{
					say(c.Event.Conversation.ID, "answer"), say(c.Event.Conversation.ID, "its second part"), say("fake:log", "elsewhere")}}, nil
			})
		}
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		var here, there int
		for _, s := range b.platform.texts() {
			switch s {
			case "send fake:general answer", "send fake:general its second part":
				here++
			case "send fake:log elsewhere":
				there++
			}
		}
		if here != 2 || there != 5 {
			t.Errorf("%d messages in answer and %d elsewhere, want 2 and 5", here, there)
		}
		for i := range 5 {
			if n := b.counter(fmt.Sprint("p", i), "c/n"); n != 1 {
				t.Errorf("plugin %d handled the message %d times", i, n)
			}
		}
	})
}

func TestAPlatformThatRefusesHearthIsHeld(t *testing.T) {
	in(t, func(t *testing.T) {
		log, told := newLog()
		b := newBot(t, Options{Logger: log})
		teller(b)
		// All ten are on their way when the first is refused.
		if err := b.Attach(t.Context(), slow{b.platform, time.Second}); err != nil {
			t.Fatal(err)
		}
		bad := true
		b.platform.health = chat.Health{Code: "invalid_auth"}
		b.platform.fail = func(*chat.Delivery) error {
			if bad {
				return &chat.DeliveryError{Code: "invalid_auth", Hold: true, Advice: "set a new bot token"}
			}
			return nil
		}
		b.start()
		for i := range 10 {
			e := b.command("help")
			e.Member.ID = fmt.Sprint("fake:m", i)
			b.accept(e, chat.Accepted)
		}
		later(time.Hour)
		if all := told.lines("platform is held"); len(all) != 1 || len(told.lines("level=ERROR", "platform=fake", "code=invalid_auth", `"what to do"="set a new bot token"`)) != 1 {
			t.Errorf("the admins were told %q, want once, with what to do", all)
		}
		s, err := b.Status(t.Context())
		if err != nil || s.Platforms[0].Held != "invalid_auth" || s.Platforms[0].Advice != "set a new bot token" || s.Platforms[0].Waiting != 10 {
			t.Fatalf("Status = %+v, %v, want the platform held with ten waiting", s, err)
		}
		bad = false
		b.platform.mu.Lock()
		b.platform.health = chat.Health{OK: true}
		b.platform.mu.Unlock()
		later(2 * time.Minute)
		if got := b.platform.texts(); len(got) != 10 {
			t.Errorf("%d messages after the release, want 10", len(got))
		}
	})
}

func TestDeliveryBackoffAndOrder(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		teller(b)
		began := time.Now()
		b.platform.fail = func(d *chat.Delivery) error {
			switch {
			case d.Member == "fake:bob":
				return &chat.DeliveryError{Code: "user_gone"}
			case time.Since(began) < 90*time.Second:
				return &chat.DeliveryError{Code: "ratelimited", Retry: true, After: 45 * time.Second}
			}
			return nil
		}
		b.start()
		for range 3 {
			b.accept(b.command("help"), chat.Accepted)
		}
		bob := b.command("help")
		bob.Member.ID = "fake:bob"
		b.accept(bob, chat.Accepted)
		later(80 * time.Second)
		wantTexts(t, b.platform)
		later(time.Minute)
		wantTexts(t, b.platform, "send @fake:ada e1", "send @fake:ada e2", "send @fake:ada e3")
		if s := b.status("e4"); s != statusFailed {
			t.Errorf("what can never arrive is %s, want failed", s)
		}
	})
}

func TestADirectMessageFallsBackToTheConversation(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{
				{Send: &abi.Send{To: abi.Target{Member: "fake:ada", Conversation: "fake:general"}, Content: text1("hello"), Key: "k"}},
				{Edit: &abi.Edit{Ref: abi.Ref{Key: "k", Member: "fake:ada"}, Content: text1("hello again")}}}}, nil
		})
		b.platform.fail = func(d *chat.Delivery) error {
			if d.Op == chat.OpSend && d.Conversation == "" {
				return &chat.DeliveryError{Code: "cannot_dm", NoDM: true}
			}
			return nil
		}
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Minute)
		wantTexts(t, b.platform, "send fake:general hello", "edit fake:general hello again")
		if !b.platform.sent()[0].Mention {
			t.Error("the public message does not say whom it is for")
		}
	})
}

func TestKeyedMessages(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined, abi.MessagePosted, abi.MessageDeleted, abi.MemberLeft}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			ref := abi.Ref{Key: "hello", Member: c.Event.Member.ID, Conversation: c.Event.Conversation.ID}
			switch c.Event.Kind {
			case abi.MemberJoined:
				return abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Member: c.Event.Member.ID}, Content: text1("hello"), Key: "hello"}},
					{Send: &abi.Send{To: abi.Target{Conversation: "fake:general"}, Content: text1("brief"), After: time.Hour.Milliseconds()}}}}, nil
			case abi.MessagePosted:
				return abi.Effects{Out: []abi.Effect{{Edit: &abi.Edit{Ref: ref, Content: text1("edited")}}}}, nil
			case abi.MessageDeleted:
				return abi.Effects{Out: []abi.Effect{{Delete: &abi.Delete{Ref: ref}}}}, nil
			}
			return abi.Effects{Out: []abi.Effect{{Edit: &abi.Edit{Ref: abi.Ref{Key: "nothing", Member: "fake:ada"}, Content: text1("x")}}}}, nil
		})
		// The edit and the deletion are committed before the message has its receipt.
		if err := b.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		del := b.event(abi.MessageDeleted)
		del.Message = &abi.Message{ID: "m"}
		later(time.Second)
		b.Resume(context.Background())
		later(time.Second)
		b.accept(del, chat.Accepted)
		left := b.event(abi.MemberLeft)
		b.accept(left, chat.Accepted)
		later(time.Second)
		got := map[string]bool{}
		for _, s := range b.platform.texts() {
			got[s] = true
		}
		for _, want := range []string{"send @fake:ada hello", "edit fake:dm-ada edited", "delete fake:dm-ada", "send fake:general brief"} {
			if !got[want] {
				t.Errorf("%q is not among %q", want, b.platform.texts())
			}
		}
		later(2 * time.Hour)
		if texts := b.platform.texts(); texts[len(texts)-1] != "delete fake:general" {
			t.Errorf("the brief message did not delete itself: %q", texts)
		}
		if rows := b.rows(kRef); len(rows) != 0 {
			t.Errorf("refs of deleted messages remain: %v", rows[0].Key)
		}
	})
}

func TestButtonsAndForms(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		form := abi.Form{Name: "f", Title: "About you", Note: []byte("form note"), Inputs: []abi.Input{{Name: "handle", Label: "Handle", Max: 5},
			{Name: "aim", Label: "Aim", Optional: true, Options: []abi.Option{{Value: "learn", Label: "Learn"}}}}}
		var seen []string
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			switch c.Event.Kind {
			case abi.ButtonClicked:
				seen = append(seen, fmt.Sprintf("%s clicked %s=%s note %s in %s", c.Event.Member.ID, c.Event.Click.Action, c.Event.Click.Value, c.Event.Note, c.Event.Click.Message))
			case abi.FormSubmitted:
				seen = append(seen, fmt.Sprintf("form %s: %v note %s", c.Event.Form.Name, c.Event.Form.Values, c.Event.Note))
			default:
				return abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Conversation: "fake:general"}, Key: "k", Content: abi.Content{Blocks: []abi.Block{
					{Buttons: []abi.Button{{Label: "Once", Action: "once", Value: "v", Note: []byte("secret")}, {Label: "Any", Action: "any", Often: abi.AnyTimes}}},
					{Form: &form}}}}}}}, nil
			}
			return abi.Effects{}, nil
		})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Second)
		d := b.platform.sent()[0]
		once, any, sent := d.Content.Blocks[0].Buttons[0], d.Content.Blocks[0].Buttons[1], d.Content.Blocks[1].Form
		if len(once.Note)+len(sent.Note) > 0 {
			t.Error("a note went to the platform")
		}
		press := func(e abi.Event, token string) chat.Outcome {
			t.Helper()
			out, err := b.Accept(t.Context(), chat.Incoming{Event: e, Token: token})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		click := b.event(abi.ButtonClicked)
		if out := press(click, once.Token); out != chat.Accepted {
			t.Errorf("first click: %v", out)
		}
		if out := press(click, once.Token); out != chat.Duplicate {
			t.Errorf("the same click delivered again: %v", out)
		}
		if out := press(b.event(abi.ButtonClicked), once.Token); out != chat.Used {
			t.Errorf("second click: %v", out)
		}
		bob := b.event(abi.ButtonClicked)
		bob.Member = abi.Member{ID: "fake:bob"}
		if out := press(bob, once.Token); out != chat.Accepted {
			t.Errorf("another member's click: %v", out)
		}
		for range 2 {
			if out := press(b.event(abi.ButtonClicked), any.Token); out != chat.Accepted {
				t.Errorf("a button for any times: %v", out)
			}
		}
		for _, forged := range []string{"x", "x.b0", once.Token[:len(once.Token)-1] + "9", sent.Token, "", once.Token + ".b0"} {
			if forged == "" {
				continue
			}
			if out := press(b.event(abi.ButtonClicked), forged); out != chat.Gone {
				t.Errorf("token %q: %v, want Gone", forged, out)
			}
		}
		f, err := b.Form(t.Context(), sent.Token)
		if err != nil || f.Title != "About you" || len(f.Note) > 0 {
			t.Errorf("Form = %+v, %v", f, err)
		}
		submit := b.event(abi.FormSubmitted)
		submit.Form = &abi.FormData{Values: []abi.Value{{Name: "handle", Value: "too long"}}}
		if _, err := b.Accept(t.Context(), chat.Incoming{Event: submit, Token: sent.Token}); err == nil {
			t.Error("a value beyond its bound was accepted")
		}
		submit.Form = &abi.FormData{Values: []abi.Value{{Name: "handle", Value: " ada "}, {Name: "evil", Value: "x"}}}
		if out := press(submit, sent.Token); out != chat.Accepted {
			t.Errorf("form: %v", out)
		}
		later(time.Second)
		want := []string{"fake:ada clicked once=v note secret in k", "fake:bob clicked once=v note secret in k", "fake:ada clicked any= note  in k", "fake:ada clicked any= note  in k",
			"form f: [{handle ada} {aim }] note form note"}
		if fmt.Sprint(seen) != fmt.Sprint(want) {
			t.Errorf("the plugin saw\n%q\nwant\n%q", seen, want)
		}
	})
}

func TestSweep(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Journal: Journal{MaxRows: 5, MaxAge: 10 * 24 * time.Hour}})
		teller(b)
		b.start()
		for range 20 {
			b.accept(b.command("help"), chat.Accepted)
		}
		later(2 * time.Hour)
		if n := len(b.rows(kJournal)); n != 5 {
			t.Errorf("%d rows in the journal, want 5", n)
		}
		later(8 * 24 * time.Hour)
		if n := len(b.rows(kSeen)); n != 0 {
			t.Errorf("%d seen rows after a week, want none", n)
		}
		later(4 * 24 * time.Hour)
		for _, k := range []store.Key{kJournal, kSent, kCap} {
			if n := len(b.rows(k)); n != 0 {
				t.Errorf("%d rows of %s after their time", n, k)
			}
		}
	})
}
