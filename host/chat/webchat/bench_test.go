package webchat

import (
	"context"
	"fmt"
	"testing"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/store"
)

// benchPlace is an adapter with one member, without a server.
func benchPlace(b *testing.B) (*Adapter, *visitor) {
	b.Helper()
	a, err := New(Options{Store: &store.Mem{}, Sink: newRecorder(), Secret: secret})
	if err != nil {
		b.Fatal(err)
	}
	id, row, err := a.enter(context.Background(), "Ada", "en", "")
	if err != nil {
		b.Fatal(err)
	}
	return a, &visitor{id: id, row: row, ui: &ui{Lang: "en", now: a.now(), zone: a.now().Location()}}
}

// BenchmarkDeliver is a message of the bot, from the engine to the log.
func BenchmarkDeliver(b *testing.B) {
	a, me := benchPlace(b)
	d := chat.Delivery{Op: chat.OpSend, Member: globalID(me.id), Content: plainText("hello **you**")}
	for i := 0; b.Loop(); i++ {
		d.ID = fmt.Sprint(i)
		if _, err := a.Deliver(context.Background(), &d); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPost is a message of a member, handed over and all.
func BenchmarkPost(b *testing.B) {
	a, me := benchPlace(b)
	for b.Loop() {
		if _, _, err := a.post(context.Background(), me.id, postForm{conv: general, text: "hello **you**, @hearth", nonce: newNonce()}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLive is what each open page costs for each message.
func BenchmarkLive(b *testing.B) {
	a, me := benchPlace(b)
	id, _, err := a.post(context.Background(), me.id, postForm{conv: general, text: "hello **you**, `code`", nonce: newNonce()})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := a.liveEvent(context.Background(), me, logRow{What: logPosted, Conv: general, Msg: id.String()}); err != nil {
			b.Fatal(err)
		}
	}
}
