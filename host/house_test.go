package host

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// orders hands over a member's command, given in their conversation with the bot.
func (b *bot) orders(member, locale, line string) {
	b.t.Helper()
	name, args, _ := strings.Cut(line, " ")
	e := b.event(abi.CommandInvoked)
	e.Member, e.Command = abi.Member{ID: member, Name: "N" + member, Locale: locale}, &abi.Command{Name: name, Args: args}
	e.Conversation = abi.Conversation{ID: "fake:dm-" + abi.LocalID(member), Kind: abi.Direct}
	b.accept(e, chat.Accepted)
}

// press presses the newest button of that label that was delivered.
func (b *bot) press(member, label string) (chat.Outcome, error) {
	b.t.Helper()
	token := ""
	for _, d := range b.platform.sent() {
		for _, bl := range d.Content.Blocks {
			for _, btn := range bl.Buttons {
				if btn.Label == label {
					token = btn.Token
				}
			}
		}
	}
	if token == "" {
		b.t.Fatalf("there is no button %q", label)
	}
	e := b.event(abi.ButtonClicked)
	e.Member = abi.Member{ID: member}
	e.Conversation = abi.Conversation{ID: "fake:dm-" + abi.LocalID(member), Kind: abi.Direct}
	return b.Accept(b.t.Context(), chat.Incoming{Event: e, Token: token})
}

// says looks for a delivery that has all of the words, soon.
func (b *bot) says(words ...string) {
	b.t.Helper()
	later(2 * time.Second)
	var all []string
	for _, d := range b.platform.sent() {
		text := fmt.Sprintf("@%s %s", d.Member, chat.PlainText(d.Content))
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			return
		}
		all = append(all, text)
	}
	b.t.Errorf("nothing that was said has all of %q:\n%s", words, strings.Join(all, "\n"))
}

func TestForgetInChat(t *testing.T) {
	for _, c := range []struct{ locale, question, yes, gone string }{
		{"en", "Shall I forget you?", "Yes, forget me", "You are forgotten"},
		{"zh-CN", "要我忘掉你吗？", "是的，忘掉我", "我已经忘掉你了"},
	} {
		t.Run(c.locale, func(t *testing.T) {
			in(t, func(t *testing.T) {
				b := newBot(t, Options{House: true})
				gossip(b)
				b.start()
				b.accept(b.event(abi.MessagePosted), chat.Accepted)
				b.orders("fake:ada", c.locale, "forget")
				b.says("@fake:ada", c.question)
				if out, err := b.press("fake:bob", c.yes); err != nil || out != chat.Accepted {
					t.Fatalf("bob presses: %v, %v", out, err)
				}
				later(time.Second)
				if len(b.rows(kForget)) > 0 || len(b.remembered("fake:ada")) == 0 {
					t.Fatal("bob had ada be forgotten")
				}
				if out, err := b.press("fake:ada", c.yes); err != nil || out != chat.Accepted {
					t.Fatalf("ada presses: %v, %v", out, err)
				}
				b.says("@fake:ada", c.gone)
				tr := newTraces(&forgetRow{ID: "fake:ada", Names: []string{"Nfake:ada"}, Places: []string{"fake:dm-ada"}})
				for _, r := range b.rows("") {
					if tr.row(r) || tr.called(r.Value) {
						t.Errorf("still there: %s = %q", r.Key, r.Value)
					}
				}
				if out, err := b.press("fake:ada", c.yes); err != nil || out != chat.Gone {
					t.Errorf("pressed again: %v, %v", out, err)
				}
				list, err := b.audit.List(t.Context(), audit.Filter{Did: "member.forget"})
				if err != nil || len(list) != 1 || list[0].Who.ID != "member" || list[0].Who.Via != "chat" || !strings.Contains(list[0].After, "rows") {
					t.Errorf("on record is %+v, %v", list, err)
				}
			})
		})
	}
}

func TestMyData(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{House: true})
		b.start()
		b.orders("fake:ada", "en", "privacy")
		b.says("What I keep of you", "For 30 days", "For 365 days")
		if out, err := b.press("fake:ada", "Hand it to me"); err != nil || out != chat.Accepted {
			t.Fatal(out, err)
		}
		b.says("@fake:ada", "All that I keep of you", `"kind":"profile","id":"fake:ada","name":"Nfake:ada"`, `"command":"privacy"`, `"kind":"message"`)
	})
}

func TestHearthInChat(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{House: true, Community: Community{Name: "Gophers", Managers: []string{"fake:boss"}}})
		b.plugin(abi.Manifest{Name: "echo", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{say("fake:general", "echo")}}, nil
		})
		b.start()
		b.orders("fake:ada", "en", "hearth pause")
		b.says("That is for managers", "fake:ada")
		if b.Paused() {
			t.Fatal("a member has paused hearth")
		}
		b.orders("fake:boss", "zh-CN", "hearth status")
		b.says("我很好", "插件: 2")
		b.orders("fake:boss", "en", "hearth pause")
		b.says("Pausing: from now on I send nothing")
		if !b.Paused() {
			t.Error("it is not paused")
		}
		n := len(b.platform.texts())
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		if got := b.platform.texts(); len(got) != n {
			t.Errorf("while it was paused it said %q", got[n:])
		}
		b.orders("fake:boss", "en", "hearth resume")
		b.says("I am back")
		if texts := b.platform.texts(); b.Paused() || !slices.Contains(texts[n:], "send fake:general echo") {
			t.Errorf("after resuming it said %q", texts[n:])
		}
		list, err := b.audit.List(t.Context(), audit.Filter{On: "host"})
		if err != nil || len(list) != 2 || list[0].Did != "host.resume" || list[1].Who != (audit.Who{ID: "fake:boss", Name: "Nfake:boss", Role: "manager", Via: "chat"}) {
			t.Errorf("on record is %+v, %v", list, err)
		}
	})
}

func TestWeeklyReport(t *testing.T) {
	in(t, func(t *testing.T) { // it begins on Saturday, 1 January 2000
		zone, err := time.LoadLocation("Asia/Shanghai")
		if err != nil {
			t.Fatal(err)
		}
		b := newBot(t, Options{House: true, Community: Community{Name: "Gophers", TimeZone: zone, Managers: []string{"fake:boss", "fake:li"}}})
		b.plugin(abi.Manifest{Name: "welcome", Events: []abi.Kind{abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{{Track: &abi.Track{Name: "welcome.greeted"}}}}, nil
		})
		b.start()
		for i := range 3 {
			e := b.event(abi.MemberJoined)
			e.Member.ID = fmt.Sprint("fake:new", i)
			b.accept(e, chat.Accepted)
		}
		b.orders("fake:li", "zh-CN", "hearth status")
		later(time.Hour)
		n := len(b.platform.texts())
		monday := time.Date(2000, 1, 3, 9, 0, 0, 0, zone)
		later(time.Until(monday) - time.Second)
		if got := b.platform.texts(); len(got) != n {
			t.Fatalf("before Monday it said %q", got[n:])
		}
		later(10 * time.Second)
		if got := b.platform.texts(); len(got) != n+2 {
			t.Fatalf("on Monday it said %q", got[n:])
		}
		b.says("@fake:li", "Gophers：这一周", "新成员: 3", "已欢迎: 3", "完成第一个任务: –", "1999-12-27", "2000-01-02")
		later(7 * 24 * time.Hour)
		if got := b.platform.texts(); len(got) != n+4 {
			t.Errorf("after two weeks it had said %q", got[n:])
		}
		b.says("@fake:li", "新成员: 0", "已欢迎: 0")
	})
}

// TestOnlyTheHouseAsksTheHost has another plugin ask for what the house may.
func TestOnlyTheHouseAsksTheHost(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{House: true})
		b.plugin(abi.Manifest{Name: "bad", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{{Action: &abi.Action{Name: "x", Host: "forget"}}}}, nil
		})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Second)
		events, err := b.Events(t.Context(), EventFilter{Plugin: "bad"})
		if err != nil || len(events) != 1 || !strings.Contains(events[0].Error, "for its own plugin alone") {
			t.Errorf("it came to %+v, %v", events, err)
		}
		if m := (abi.Manifest{Name: "taker", Commands: []abi.CommandDef{{Name: "forget"}}}); b.claimCommands(&m) == nil {
			t.Error("another plugin may take the house's command")
		}
	})
}
