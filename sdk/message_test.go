package sdk

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// does runs do on an event and returns what came out.
func does(t *testing.T, ev abi.Event, do func(*Ctx[struct{}])) []abi.Effect {
	t.Helper()
	p := New[struct{}]("does", "1.0.0").OnEvent(ev.Kind, func(c *Ctx[struct{}]) error { do(c); return nil })
	e := p.p.Handle(&abi.Call{Event: ev, Now: 1_000_000}, rowsHost{})
	if e.Error != "" {
		t.Fatal(e.Error)
	}
	if err := e.Check(); err != nil {
		t.Errorf("the host would refuse it: %v", err)
	}
	return e.Out
}

var (
	ann     = abi.Member{ID: "web:1", Name: "Ann"}
	general = abi.Conversation{ID: "web:general", Kind: abi.Channel}
	direct  = abi.Conversation{ID: "web:dm-1", Kind: abi.Direct}
)

func TestWhereRepliesGo(t *testing.T) {
	for _, c := range []struct {
		name string
		ev   abi.Event
		want abi.Target
	}{
		{"a message", abi.Event{Kind: abi.MessagePosted, Conversation: general, Message: &abi.Message{ID: "7"}}, abi.Target{Conversation: "web:general"}},
		{"in a thread", abi.Event{Kind: abi.MessagePosted, Conversation: general, Message: &abi.Message{ID: "7", Thread: "5"}}, abi.Target{Conversation: "web:general", Thread: "5"}},
		{"a slash command", abi.Event{Kind: abi.CommandInvoked, Conversation: general, Command: &abi.Command{Name: "x"}, Private: true}, abi.Target{Conversation: "web:general", Member: "web:1", Ephemeral: true}},
		{"a slash command in a thread", abi.Event{Kind: abi.CommandInvoked, Conversation: general, Command: &abi.Command{Name: "x"}, Message: &abi.Message{ID: "7", Thread: "5"}, Private: true}, abi.Target{Conversation: "web:general", Member: "web:1", Thread: "5", Ephemeral: true}},
		{"a spoken command", abi.Event{Kind: abi.CommandInvoked, Conversation: general, Command: &abi.Command{Name: "x"}}, abi.Target{Conversation: "web:general"}},
		{"a press", abi.Event{Kind: abi.ButtonClicked, Conversation: general, Click: &abi.Click{}}, abi.Target{Conversation: "web:general", Member: "web:1", Ephemeral: true}},
		{"a press in private", abi.Event{Kind: abi.ButtonClicked, Conversation: direct, Click: &abi.Click{}}, abi.Target{Conversation: "web:dm-1"}},
		{"nowhere", abi.Event{Kind: abi.TimerFired, Timer: &abi.TimerData{}}, abi.Target{Member: "web:1"}},
	} {
		c.ev.Member = ann
		out := does(t, c.ev, func(x *Ctx[struct{}]) { x.Reply("hi") })
		if got := out[0].Send.To; got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestMessage(t *testing.T) {
	join := abi.Event{Kind: abi.MemberJoined, Conversation: general, Member: ann}
	out := does(t, join, func(c *Ctx[struct{}]) {
		c.DM(Escape("*hi*")).Or("web:general").Key("k").Expires(time.Hour).DeletesAfter(2*time.Second).Thread("9").
			Heading(Escape("[1]")).Text("").
			Field("a", "1").Field("b", Escape("*")).
			Button("go", "go", Primary, AnyTimes, ButtonValue("v"), ButtonNote(Note(7))).LinkButton("docs", "https://go.dev/").
			Divider().
			Table("x", "y").Row("1", "2").Row("3", "4").
			Code("go", "a := `*`").Context("small").
			Form("f", "F", Line("l", "L").Hint("h").Starting("s").Max(5), Lines("m", "M").Optional(), Choice("c", "C", Answer("1", "one"))).
			Submit("ok").FormOften(abi.OnceForAll).FormNote(Note("n"))
	})
	want := &abi.Send{To: abi.Target{Member: "web:1", Conversation: "web:general", Thread: "9"}, Key: "k", Expires: 3_600_000, After: 2000, Content: abi.Content{Blocks: []abi.Block{
		{Text: `\*hi\*`}, {Heading: "[1]"},
		{Fields: []abi.Field{{Label: "a", Value: "1"}, {Label: "b", Value: `\*`}}},
		{Buttons: []abi.Button{{Label: "go", Action: "go", Value: "v", Note: []byte{7}, Style: "primary", Often: abi.AnyTimes}, {Label: "docs", URL: "https://go.dev/"}}},
		{Divider: true},
		{Table: &abi.Table{Header: []string{"x", "y"}, Rows: [][]string{{"1", "2"}, {"3", "4"}}}},
		{Code: "a := `*`", Lang: "go"}, {Context: "small"},
		{Form: &abi.Form{Name: "f", Title: "F", Submit: "ok", Often: abi.OnceForAll, Note: []byte("\xa1n"), Inputs: []abi.Input{
			{Name: "l", Label: "L", Hint: "h", Value: "s", Max: 5}, {Name: "m", Label: "M", Long: true, Optional: true},
			{Name: "c", Label: "C", Options: []abi.Option{{Value: "1", Label: "one"}}}}}},
	}}}
	if got := out[0].Send; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEditsAndDeletions(t *testing.T) {
	out := does(t, abi.Event{Kind: abi.MemberLeft, Conversation: general, Member: ann}, func(c *Ctx[struct{}]) {
		c.Edit("k", "new").Key("ignored").Button("b", "b")
		c.DeleteIn("web:other", "k2")
	})
	if e := out[0].Edit; e.Ref != (abi.Ref{Key: "k", Member: "web:1", Conversation: "web:general"}) || len(e.Content.Blocks) != 2 {
		t.Errorf("%+v", e)
	}
	if d := out[1].Delete; d.Ref != (abi.Ref{Key: "k2", Member: "web:1", Conversation: "web:other"}) {
		t.Errorf("%+v", d)
	}
}

func TestTimersActionsAndTheRest(t *testing.T) {
	bob := abi.Member{ID: "web:2"}
	out := does(t, abi.Event{Kind: abi.MessagePosted, Conversation: general, Member: ann, Message: &abi.Message{ID: "m7"}, Note: Note("from")}, func(c *Ctx[struct{}]) {
		c.After(time.Second, "a").Note(Note(NoteOf[string](c)))
		c.At(time.UnixMilli(5), "b").Key("").In("web:x")
		c.After(0, "c").For(bob)
		c.Cancel("a").Key("k").In("web:x")
		c.HTTP("h", abi.HTTP{URL: "https://x/"}).Note(Note(1))
		c.Verify("v", abi.Verify{Files: []abi.SourceFile{{Name: "main.go"}}})
		c.Verify("v", abi.Verify{Files: []abi.SourceFile{{Name: "main.go"}}}).Key("m7")
		c.Abort("v", "m7")
		c.React("tada")
		c.Track("t", "k", "v")
		c.Emit("e")
		c.Profile(abi.Profile{Stop: true})
		c.Continue([]byte("next"))
	})
	want := []abi.Effect{
		{Timer: &abi.Timer{Name: "a", Key: "web:1", Due: 1_001_000, Note: []byte("\xa4from")}},
		{Timer: &abi.Timer{Name: "b", Due: 5, Conversation: "web:x"}},
		{Timer: &abi.Timer{Name: "c", Key: "web:2", Due: 1_000_000, Member: bob}},
		{Cancel: &abi.Cancel{Name: "a", Key: "k", Conversation: "web:x"}},
		{Action: &abi.Action{Name: "h", HTTP: &abi.HTTP{URL: "https://x/"}, Note: []byte{1}}},
		{Action: &abi.Action{Name: "v", Verify: &abi.Verify{Files: []abi.SourceFile{{Name: "main.go"}}}}},
		{Action: &abi.Action{Name: "v", Key: "m7", Verify: &abi.Verify{Files: []abi.SourceFile{{Name: "main.go"}}}}},
		{Abort: &abi.Abort{Name: "v", Key: "m7"}},
		{React: &abi.React{Conversation: "web:general", Message: "m7", Name: "tada"}},
		{Track: &abi.Track{Name: "t", Props: []abi.Annotation{{Name: "k", Value: "v"}}}},
		{Emit: &abi.Emit{Name: "e"}},
		{Profile: &abi.Profile{Stop: true}},
		{Continue: &abi.Continue{Cursor: []byte("next")}},
	}
	if !reflect.DeepEqual(out, want) {
		t.Errorf("got  %+v\nwant %+v", out, want)
	}
}

func TestMessageMisuse(t *testing.T) {
	for want, do := range map[string]func(*Ctx[struct{}]){
		"a row of 1 cells has no table": func(c *Ctx[struct{}]) { c.DM("x").Row("1") },
		"the message has no form":       func(c *Ctx[struct{}]) { c.DM("x").Submit("ok") },
	} {
		if e := within(t, rowsHost{}, do); !strings.Contains(e.Error, want) {
			t.Errorf("%q, want %q", e.Error, want)
		}
	}
}
