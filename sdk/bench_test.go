package sdk

import (
	"testing"

	"github.com/hearthbot/hearth/sdk/abi"
)

// BenchmarkHandle is an event with two reads, one write and one message, from
// the call's bytes to the effects' bytes, natively. What the sandbox adds is
// measured beside it.
func BenchmarkHandle(b *testing.B) {
	name, count := PerMember[string]("name"), PerMember[int]("count")
	p := New[testConfig]("bench", "1.0.0", Texts(testTexts)).OnMessage(func(c *Ctx[testConfig]) error {
		n := count.Get(c) + 1
		count.Set(c, n)
		c.Reply(c.T("hello", name.Get(c), c.Config.Path))
		return nil
	})
	ann, err := Encode("Ann")
	if err != nil {
		b.Fatal(err)
	}
	rows := rowsHost{"m/web:1/name": ann}
	wire, err := (&abi.Call{Now: 1_717_405_200_000, Seed: 3, Event: abi.Event{ID: "1", Source: "web", Kind: abi.MessagePosted,
		Conversation: abi.Conversation{ID: "web:general", Kind: abi.Channel}, Member: abi.Member{ID: "web:1", Name: "Ann"},
		Message: &abi.Message{ID: "7", Text: "hello there"}}}).MarshalMsg(nil)
	if err != nil {
		b.Fatal(err)
	}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		var call abi.Call
		if _, err := call.UnmarshalMsg(wire); err != nil {
			b.Fatal(err)
		}
		e := p.p.Handle(&call, rows)
		if e.Error != "" {
			b.Fatal(e.Error)
		}
		if out, err = e.MarshalMsg(out[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
