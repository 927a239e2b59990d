package chattest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Fault is a way for a platform to fail.
type Fault string

// The faults. Each befalls the next message that is sent.
const (
	Limited Fault = "limited" // too fast: the platform says how long to wait
	Broken  Fault = "broken"  // a server error: nobody knows whether it was carried out
	Lost    Fault = "lost"    // it is carried out, but the answer is lost
	Locked  Fault = "locked"  // the platform does not know the bot any more
)

// Post is a message as people on the platform see it.
type Post struct {
	ID           string // as in receipts
	Conversation string // with prefix
	Thread       string
	To           string // with prefix: who alone sees it
	Text         string // without marks, entities undone
}

// Stage is an adapter before a stand-in of its platform, both new.
type Stage struct {
	Adapter chat.Adapter
	Channel string                   // a channel that the bot and Member are in
	Member  string                   // somebody the bot may write to
	Posts   func() []Post            // what stands there now, oldest first
	Say     func(text string) string // Member posts in Channel; the message's id

	Faults map[Fault]func() // what the stand-in can be made to do
	Gone   string           // a conversation that does not exist; "" leaves that out
	Closed string           // a member who cannot be written to; "" leaves that out
}

// Adapter holds an adapter against what the engine relies on. stage makes a new
// one for each test.
func Adapter(t *testing.T, stage func(t *testing.T) *Stage) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s *Stage)
	}{
		{"Check", testCheck},
		{"Send", testSend},
		{"Direct", testDirect},
		{"Thread", testThread},
		{"Ephemeral", testEphemeral},
		{"Mention", testMention},
		{"EveryBlock", testEveryBlock},
		{"Hostile", testHostile},
		{"Long", testLong},
		{"Resume", testResume},
		{"Edit", testEdit},
		{"EditLength", testEditLength},
		{"Delete", testDelete},
		{"React", testReact},
		{"Repeat", testRepeat},
		{"Empty", testEmpty},
		{"WrongIDs", testWrongIDs},
		{"Limited", testLimited},
		{"Unknown", testUnknown},
		{"Locked", testLocked},
		{"Nowhere", testNowhere},
		{"Cancelled", testCancelled},
		{"Concurrent", testConcurrent},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, stage(t)) })
	}
}

func text(s string) abi.Content { return abi.Content{Blocks: []abi.Block{{Text: s}}} }

var deliveries = struct {
	sync.Mutex
	n int
}{}

// deliveryID is an id that no other delivery has.
func deliveryID() string {
	deliveries.Lock()
	defer deliveries.Unlock()
	deliveries.n++
	return fmt.Sprintf("suite-%d", deliveries.n)
}

func (s *Stage) deliver(t *testing.T, d chat.Delivery) chat.Receipt {
	t.Helper()
	r, err := s.try(d)
	if err != nil {
		t.Fatalf("%s: %v", d.Op, err)
	}
	if len(r.Messages) == 0 || abi.Platform(r.Conversation) != s.Adapter.Name() {
		t.Fatalf("%s: a receipt without a message or conversation: %+v", d.Op, r)
	}
	return r
}

func (s *Stage) try(d chat.Delivery) (chat.Receipt, error) {
	if d.ID == "" {
		d.ID = deliveryID()
	}
	d.Attempt = max(d.Attempt, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return s.Adapter.Deliver(ctx, &d)
}

// fails makes sure that an attempt fails with a *chat.DeliveryError.
func (s *Stage) fails(t *testing.T, d chat.Delivery) *chat.DeliveryError {
	t.Helper()
	_, err := s.try(d)
	var de *chat.DeliveryError
	if !errors.As(err, &de) {
		t.Fatalf("%s: got %v (%T), want a *chat.DeliveryError", d.Op, err, err)
	}
	if de.Code == "" {
		t.Errorf("an error without a code: %v", de)
	}
	if de.Hold && de.Advice == "" {
		t.Errorf("the queue is to be held, and nobody is told what to do: %v", de)
	}
	return de
}

func (s *Stage) post(t *testing.T, id string) Post {
	t.Helper()
	for _, p := range s.Posts() {
		if p.ID == id {
			return p
		}
	}
	t.Fatalf("no message %q stands there", id)
	return Post{}
}

func testCheck(t *testing.T, s *Stage) {
	name := s.Adapter.Name()
	if name == "" || strings.ContainsAny(name, ":/ ") {
		t.Errorf("name %q", name)
	}
	if h := s.Adapter.Check(t.Context()); !h.OK || h.Account == "" || h.Code != "" {
		t.Errorf("health %+v", h)
	}
	if p, ok := s.Adapter.(chat.Profiler); ok {
		m, err := p.Profile(t.Context(), s.Member)
		if err != nil || m.ID != s.Member || m.Name == "" {
			t.Errorf("profile %+v, %v", m, err)
		}
	}
}

func testSend(t *testing.T, s *Stage) {
	r := s.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Content: text("hello **there**")})
	if r.Conversation != s.Channel || len(r.Messages) != 1 {
		t.Errorf("receipt %+v", r)
	}
	if p := s.post(t, r.Messages[0]); p.Text != "hello there" || p.Conversation != s.Channel || p.To != "" || p.Thread != "" {
		t.Errorf("there stands %+v", p)
	}
}

func testDirect(t *testing.T, s *Stage) {
	if !s.Adapter.Features().DM {
		t.Skip("the platform has no direct messages")
	}
	first := s.deliver(t, chat.Delivery{Op: chat.OpSend, Member: s.Member, Content: text("one")})
	again := s.deliver(t, chat.Delivery{Op: chat.OpSend, Member: s.Member, Content: text("two")})
	if first.Conversation == s.Channel || first.Conversation != again.Conversation {
		t.Errorf("receipts %+v, %+v", first, again)
	}
	if p := s.post(t, again.Messages[0]); p.Conversation != again.Conversation || p.Text != "two" {
		t.Errorf("there stands %+v", p)
	}
	if s.Closed != "" {
		if e := s.fails(t, chat.Delivery{Op: chat.OpSend, Member: s.Closed, Content: text("x")}); !e.NoDM || e.Retry || e.Hold {
			t.Errorf("to a member who cannot be written to: %+v", e)
		}
	}
}

func testThread(t *testing.T, s *Stage) {
	if !s.Adapter.Features().Threads {
		t.Skip("the platform has no threads")
	}
	root := s.Say("a question")
	r := s.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Thread: root, Content: text("an answer")})
	if p := s.post(t, r.Messages[0]); p.Thread != root {
		t.Errorf("there stands %+v, not in thread %s", p, root)
	}
}

func testEphemeral(t *testing.T, s *Stage) {
	if !s.Adapter.Features().Ephemeral {
		t.Skip("the platform has no ephemeral messages")
	}
	r := s.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Member: s.Member, Ephemeral: true, Content: text("psst")})
	if p := s.post(t, r.Messages[0]); p.To != s.Member || p.Conversation != s.Channel {
		t.Errorf("there stands %+v", p)
	}
}

func testMention(t *testing.T, s *Stage) {
	r := s.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Member: s.Member, Mention: true, Content: text("welcome")})
	if p := s.post(t, r.Messages[0]); p.To != "" || !strings.Contains(p.Text, "welcome") || strings.TrimSpace(strings.Replace(p.Text, "welcome", "", 1)) == "" {
		t.Errorf("there stands %+v, which is for nobody", p)
	}
}

// everyBlock has one of each, and each mark.
func everyBlock() abi.Content {
	return abi.Content{Blocks: []abi.Block{
		{Heading: "A heading"},
		{Text: "**b** *i* ~~s~~ `c` [link](https://go.dev/) https://go.dev/tour/\n\n- one\n- two\n\n3. three\n\n> said\n\n```go\nx := 1\n```"},
		{Fields: []abi.Field{{Label: "Level", Value: "one"}, {Label: "File", Value: "a_b_c.go"}, {Label: "Empty"}}},
		{Buttons: []abi.Button{{Label: "Go", Action: "go", Token: "t1", Style: "primary"}, {Label: "Read", URL: "https://go.dev/doc/"}, {Label: "Stop", Action: "stop", Token: "t2", Style: "danger"}}},
		{Form: &abi.Form{Name: "f", Title: "About you", Token: "t3", Inputs: []abi.Input{{Name: "a", Label: "A"}}}},
		{Context: "small *print*"},
		{Code: "fmt.Println(\"<&>\")", Lang: "go"},
		{Table: &abi.Table{Header: []string{"who", "what"}, Rows: [][]string{{"Ann", "tour"}}}},
		{Divider: true},
	}}
}

func testEveryBlock(t *testing.T, s *Stage) {
	r := s.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Content: everyBlock()})
	var all strings.Builder
	for _, id := range r.Messages {
		all.WriteString(s.post(t, id).Text + "\n")
	}
	for _, want := range []string{"A heading", "one", "three", "said", "x := 1", "Level", "a_b_c.go", "Go", "https://go.dev/doc/", "About you", "small", `fmt.Println("<&>")`, "Ann"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("%q does not stand in\n%s", want, all.String())
		}
	}
}

func testHostile(t *testing.T, s *Stage) {
	for _, in := range []string{
		"\x00\x1b[31mred\x1b[0m \u202eevil\u202c \ufeff", "@everyone @channel @here <!channel> <!here|x>", "```\n```\n`````\n```", "<@slack:U1> <@" + s.Adapter.Name() + ":nobody here>",
		"[x](javascript:alert(1)) [y](https://a@b.example)", strings.Repeat("*", 500), "&lt;&amp;<script>alert(1)</script>", "a\u0301\u0301\u0301\u0301", "\xff\xfe",
		strings.Repeat("👩‍💻", 300), "\\", "||spoiler|| ~x~ _y_",
	} {
		r := s.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Content: abi.Content{Blocks: []abi.Block{
			{Text: "> " + in}, {Code: "x" + in}, {Context: "x" + in}, {Heading: "x" + in}, {Fields: []abi.Field{{Label: "x" + in, Value: in}}}, {Buttons: []abi.Button{{Label: "x" + in, Token: "t"}}},
		}}})
		for _, id := range r.Messages {
			for _, c := range s.post(t, id).Text {
				if unicode.IsControl(c) && c != '\n' && c != '\t' || c >= 0x202a && c <= 0x202e {
					t.Errorf("%q let %U through", in, c)
				}
			}
		}
	}
}

// long is a content that no platform takes in one message.
func long() abi.Content {
	var list, code strings.Builder
	for i := range 300 {
		fmt.Fprintf(&list, "- item %d with [a link](https://go.dev/doc/%d) and **weight**\n", i, i)
		fmt.Fprintf(&code, "\tx[%d] = f(%d) // line\n", i, i)
	}
	return abi.Content{Blocks: []abi.Block{{Heading: "Long"}, {Text: list.String()}, {Code: code.String(), Lang: "go"}, {Text: "the end"}}}
}

func testLong(t *testing.T, s *Stage) {
	r := s.deliver(t, chat.Delivery{Op: chat.OpSend, Conversation: s.Channel, Content: long()})
	if len(r.Messages) < 2 {
		t.Skip("the platform takes it in one message")
	}
	var all strings.Builder
	for _, id := range r.Messages {
		all.WriteString(s.post(t, id).Text + "\n")
	}
	last := -1
	for i := range 300 {
		for _, want := range []string{fmt.Sprintf("item %d with a link", i), fmt.Sprintf("x[%d] = f(%d) // line", i, i)} {
			if strings.Count(all.String(), want) != 1 {
				t.Fatalf("%q stands there %d times", want, strings.Count(all.String(), want))
			}
		}
		if at := strings.Index(all.String(), fmt.Sprintf("item %d with", i)); at < last {
			t.Fatalf("item %d stands before the one before it", i)
		} else {
			last = at
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(all.String()), "the end") {
		t.Error("the end is not at the end")
	}
}

func testResume(t *testing.T, s *Stage) {
	d := chat.Delivery{ID: deliveryID(), Op: chat.OpSend, Conversation: s.Channel, Content: long()}
	whole := s.deliver(t, d)
	if len(whole.Messages) < 2 {
		t.Skip("the platform takes it in one message")
	}
	before := len(s.Posts())
	d.ID, d.Attempt, d.Parts = deliveryID(), 2, whole.Messages[:1]
	r := s.deliver(t, d)
	if r.Messages[0] != whole.Messages[0] || len(r.Messages) != len(whole.Messages) {
		t.Errorf("receipt %v after %v", r.Messages, d.Parts)
	}
	if n := len(s.Posts()) - before; n != len(whole.Messages)-1 {
		t.Errorf("%d messages were sent, want the missing %d", n, len(whole.Messages)-1)
	}
}
