package host

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// stopped writes into the directory that a member said stop.
func (b *bot) stopped(id string) {
	b.t.Helper()
	batch := new(store.Batch)
	if err := members.Put(batch, id, &members.Profile{Name: "M", Stopped: true}, 0); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.store.Commit(b.t.Context(), batch); err != nil {
		b.t.Fatal(err)
	}
}

// help is a command that every plugin of these tests may have.
func help(name string) []abi.CommandDef {
	return []abi.CommandDef{{Name: name, Help: abi.Localized{{Locale: "en", Text: "Help"}, {Locale: "zh-CN", Text: "帮助"}}}}
}

func TestWhatOneMemberAskedIsNotAskedByAnother(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Commands: help("help")}, func(*abi.Call, wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{tell("fake:ada", "answer"), tell("fake:bob", "advert")}}, nil
		})
		b.stopped("fake:bob")
		b.start()
		b.accept(b.command("help"), chat.Accepted)
		later(time.Minute)
		wantTexts(t, b.platform, "send @fake:ada answer")
		if s := b.status("advert"); s != statusWithheld {
			t.Errorf("a message to a member who said stop, on another's command, is %s, want withheld", s)
		}
	})
}

func TestATrackedMemberHasAskedForNothing(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Commands: help("help"), Events: []abi.Kind{abi.CustomTracked}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.CustomTracked {
				return abi.Effects{Out: []abi.Effect{tell(c.Event.Member.ID, "advert")}}, nil
			}
			return abi.Effects{Out: []abi.Effect{{Track: &abi.Track{Name: "x", Member: "fake:bob"}}}}, nil
		})
		b.stopped("fake:bob")
		b.start()
		b.accept(b.command("help"), chat.Accepted)
		later(time.Minute)
		wantTexts(t, b.platform)
	})
}

func TestStopCannotBeTakenBackByAPlugin(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.TimerFired {
				return abi.Effects{Out: []abi.Effect{{Profile: &abi.Profile{Resume: true}}, tell(c.Event.Member.ID, "advert")}}, nil
			}
			return abi.Effects{Out: []abi.Effect{{Timer: &abi.Timer{Name: "t", Due: c.Now + 1, Member: abi.Member{ID: "fake:bob"}}}}}, nil
		})
		b.stopped("fake:bob")
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		wantTexts(t, b.platform)
	})
}

func TestADirectConversationByItsIDIsStillDirect(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		// The plugin knows the id of the direct conversation from before and writes
		// there from an event that happened elsewhere.
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted, abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.MemberJoined {
				return abi.Effects{Out: []abi.Effect{say("fake:dm-bob", "advert")}}, nil
			}
			return abi.Effects{}, nil
		})
		b.stopped("fake:bob")
		b.start()
		dm := b.event(abi.MessagePosted)
		dm.Conversation, dm.Member, dm.Addressed = abi.Conversation{ID: "fake:dm-bob", Kind: abi.Direct}, abi.Member{ID: "fake:bob", Name: "Bob"}, true
		b.accept(dm, chat.Accepted)
		later(time.Second)
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Minute)
		wantTexts(t, b.platform)
	})
}

func TestContinuedAnswersAreStillAnswers(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		for _, name := range []string{"p1", "p2"} {
			b.plugin(abi.Manifest{Name: name, Events: []abi.Kind{abi.MessagePosted}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				if c.Event.Kind == abi.Continued {
					return abi.Effects{Out: []abi.Effect{say(c.Event.Conversation.ID, "answer")}}, nil
				}
				return abi.Effects{Out: []abi.Effect{{Continue: &abi.Continue{}}}}, nil
			})
		}
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		wantTexts(t, b.platform, "send fake:general answer")
	})
}

func TestAnAnswerThatTookAVerdictIsStillAnAnswer(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Verifier: verifyFunc(func(context.Context, Verification) ([]byte, error) {
			time.Sleep(time.Second) // somebody else answers first
			return []byte("{}"), nil
		})})
		needs := []abi.Need{{Cap: abi.CapSend, Reason: "test"}, {Cap: abi.CapVerify, Reason: "test"}}
		b.plugin(abi.Manifest{Name: "quick", Events: []abi.Kind{abi.MessagePosted}, Needs: needs}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{say(c.Event.Conversation.ID, "answer")}}, nil
		})
		b.plugin(abi.Manifest{Name: "thorough", Events: []abi.Kind{abi.MessagePosted}, Needs: needs}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.VerifyFinished {
				return abi.Effects{Out: []abi.Effect{say(c.Event.Conversation.ID, "another answer")}}, nil
			}
			return abi.Effects{Out: []abi.Effect{{Action: &abi.Action{Name: "check", Verify: &abi.Verify{Files: []abi.SourceFile{{Name: "main.go", Text: "package main"}}}}}}}, nil
		})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Minute)
		wantTexts(t, b.platform, "send fake:general answer")
	})
}

func TestAButtonForOneUseHasOneToken(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.ButtonClicked {
				return abi.Effects{Adds: []abi.Add{{Key: "c/n", Delta: 1}}}, nil
			}
			return abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Conversation: "fake:general"}, Content: abi.Content{Blocks: []abi.Block{
				{Buttons: []abi.Button{{Label: "Once", Action: "once"}}}}}}}}}, nil
		})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Second)
		token := b.platform.sent()[0].Content.Blocks[0].Buttons[0].Token
		for _, spelling := range []string{token, strings.Replace(token, ".b0", ".b00", 1), strings.Replace(token, ".b0", ".b+0", 1), strings.Replace(token, ".b0", ".b-0", 1)} {
			if _, err := b.Accept(t.Context(), chat.Incoming{Event: b.event(abi.ButtonClicked), Token: spelling}); err != nil {
				t.Fatal(err)
			}
		}
		later(time.Second)
		if n := b.counter("p", "c/n"); n != 1 {
			t.Errorf("a button for one use was used %d times by other spellings of its token", n)
		}
	})
}

func TestEditsNeedTheGrantThatSendingNeeded(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Retries: Retries{Delays: []time.Duration{}}})
		install := func(version string) {
			b.plugin(abi.Manifest{Name: "p", Version: version, Events: []abi.Kind{abi.MemberJoined, abi.MemberLeft}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				if c.Event.Kind == abi.MemberJoined {
					return abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Conversation: "fake:general"}, Key: "k", Content: text1("hello")}}}}, nil
				}
				return abi.Effects{Out: []abi.Effect{{Edit: &abi.Edit{Ref: abi.Ref{Key: "k", Conversation: "fake:general"}, Content: text1("advert")}}}}, nil
			})
		}
		install("1.0.0")
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Second)
		v, err := (&grantRow{}).MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		batch := new(store.Batch)
		batch.Put(kGrant.Join("p"), v) // an admin takes everything back
		if _, err := b.store.Commit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		install("1.0.1")
		b.accept(b.event(abi.MemberLeft), chat.Accepted)
		later(time.Minute)
		wantTexts(t, b.platform, "send fake:general hello")
	})
}

func TestAMessageInADirectConversationIsFoundByIt(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted, abi.MemberLeft}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Message.Text == "first" {
				return abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Conversation: "fake:dm-ada"}, Key: "k", Content: text1("hello")}}}}, nil
			}
			return abi.Effects{Out: []abi.Effect{{Edit: &abi.Edit{Ref: abi.Ref{Key: "k", Conversation: "fake:dm-ada"}, Content: text1("edited")}}}}, nil
		})
		b.start()
		for _, text := range []string{"first", "second"} {
			dm := b.event(abi.MessagePosted)
			dm.Conversation, dm.Addressed, dm.Message.Text = abi.Conversation{ID: "fake:dm-ada", Kind: abi.Direct}, true, text
			b.accept(dm, chat.Accepted)
			later(time.Second)
		}
		wantTexts(t, b.platform, "send @fake:ada hello", "edit fake:dm-ada edited")
	})
}

func TestAPluginCannotMoveAMembersNight(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Policy: Policy{QuietFrom: 22, QuietTo: 8}}) // the bubble's clock starts at midnight UTC
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			return abi.Effects{Out: []abi.Effect{{Profile: &abi.Profile{TimeZone: "America/Los_Angeles"}}, tell(c.Event.Member.ID, "advert")}}, nil
		})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Minute)
		wantTexts(t, b.platform)
	})
}

func TestTheDailyCapHoldsOverSeveralLanes(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{Policy: Policy{DailyCap: 2}})
		if err := b.Attach(t.Context(), slow{b.platform, time.Second}); err != nil {
			t.Fatal(err)
		}
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MemberJoined}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			var ef abi.Effects
			for _, conversation := range []string{"fake:a", "fake:b", "fake:c", "fake:d", "fake:e"} {
				ef.Out = append(ef.Out, abi.Effect{Send: &abi.Send{To: abi.Target{Conversation: conversation, Member: c.Event.Member.ID, Ephemeral: true}, Content: text1("psst")}})
			}
			return ef, nil
		})
		b.start()
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(time.Minute)
		if n := len(b.platform.texts()); n != 2 {
			t.Errorf("%d messages that nobody asked for, the cap is 2: lanes that run at once do not see each other's", n)
		}
	})
}
