package webchat

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// holding lists the rows in which a word is found, base64 included.
func (p *place) holding(word string) (list []string) {
	p.t.Helper()
	snap, err := p.st.Snapshot(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	defer snap.Close()
	for row, err := range snap.Scan(context.Background(), store.Range{}) {
		if err != nil {
			p.t.Fatal(err)
		}
		value := row.Value
		if _, rest, ok := bytes.Cut(value, []byte(`"content":"`)); ok {
			inner, _, _ := bytes.Cut(rest, []byte(`"`))
			if plain, err := base64.StdEncoding.DecodeString(string(inner)); err == nil {
				value = append(bytes.Clone(value), plain...)
			}
		}
		if strings.Contains(string(row.Key), word) || bytes.Contains(value, []byte(word)) {
			list = append(list, string(row.Key))
		}
	}
	return list
}

func TestForget(t *testing.T) {
	p := open(t, Options{Channels: []string{"go-help"}})
	ctx := t.Context()
	ada, bob := p.member("Ada"), p.member("Bob")
	say := func(b *browser, conv, thread, text string, files ...upload) string {
		t.Helper()
		id, _, err := p.a.post(ctx, b.id, postForm{conv: conv, thread: thread, text: text, nonce: newNonce(), files: files})
		if err != nil {
			t.Fatal(err)
		}
		return id.String()
	}
	bot := func(d chat.Delivery) {
		t.Helper()
		d.Op = chat.OpSend
		if _, err := p.a.Deliver(ctx, &d); err != nil {
			t.Fatal(err)
		}
	}
	text := func(s string) abi.Content { return abi.Content{Blocks: []abi.Block{{Text: s}}} }

	file := upload{id: newMemberID() + newMemberID(), name: "swordfish.go", kind: "text/x-go", data: []byte("package swordfish")}
	lonely := say(ada, general, "", "swordfish, and a file", file)
	asked := say(ada, general, "", "swordfish?")
	say(bob, general, asked, "an answer")
	theirs := say(bob, general, "", "what does @Ada think?")
	say(ada, general, theirs, "swordfish!")
	say(ada, botConv(ada.id), "", "between us: swordfish")
	pair, err := p.a.beginDM(ctx, ada.id, bob.id)
	if err != nil {
		t.Fatal(err)
	}
	say(ada, pair, "", "between the two of us: swordfish")
	if err := p.a.react(ctx, ada.id, general, theirs, "+1"); err != nil {
		t.Fatal(err)
	}
	if err := p.a.react(ctx, bob.id, general, theirs, "+1"); err != nil {
		t.Fatal(err)
	}
	bot(chat.Delivery{ID: "1", Member: globalID(ada.id), Content: text("Hello Ada")})
	bot(chat.Delivery{ID: "2", Conversation: globalID(general), Content: text("welcome <@" + globalID(ada.id) + "> and <@" + globalID(bob.id) + ">")})
	bot(chat.Delivery{ID: "3", Conversation: globalID(general), Member: globalID(ada.id), Ephemeral: true, Content: text("for Ada alone")})
	if n := len(p.holding(ada.id)); n < 15 {
		t.Fatalf("control: %d rows name her", n)
	}

	counts, err := p.a.Forget(ctx, globalID(ada.id))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("erased: %v", counts)
	if counts["profile"] != 1 || counts["posts"] < 7 || counts["files"] != 1 {
		t.Errorf("erased %v", counts)
	}
	for _, word := range []string{ada.id, "swordfish", "Ada"} {
		if left := p.holding(word); len(left) > 0 {
			t.Errorf("%q is still in %q", word, left)
		}
	}
	err = p.a.read(ctx, func(v *view) error {
		if n, err := v.counter(bytesKey); err != nil || n != 0 {
			t.Errorf("%d bytes of files are left, %v", n, err)
		}
		if ok, err := v.has(messageKey(general, messageID{root: lonely})); err != nil || ok {
			t.Errorf("what nobody answered is still there, %v", err)
		}
		mark, err := v.message(general, messageID{root: asked})
		if err != nil || !mark.Deleted || mark.Author != "" {
			t.Errorf("what was answered is %+v, %v", mark, err)
		}
		m, err := v.message(general, messageID{root: theirs})
		if err != nil || m.Text != "what does @… think?" || len(m.Reactions) != 1 || len(m.Reactions[0].Members) != 1 {
			t.Errorf("what bob wrote is %+v, %v", m, err)
		}
		if n, err := v.counter(repliesKey(general, theirs)); err != nil || n != 0 {
			t.Errorf("%d replies to what bob wrote, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if page := bob.page("c=general").body; !strings.Contains(page, "somebody") || !strings.Contains(page, "@…") {
		t.Error("bob's page does not show what is left")
	}

	// A page that asks before the last words are said waits for them.
	if page := ada.page("").body; !strings.Contains(page, "nothing of you is kept here") || !strings.Contains(page, "data-awaited") {
		t.Errorf("before the last words the way in says %.2000s", page)
	}
	// They are said at the way in, once, and kept nowhere.
	bot(chat.Delivery{ID: "4", Member: globalID(ada.id), Content: text("You are forgotten, 42 rows")})
	if left := p.holding("42 rows"); len(left) > 0 {
		t.Errorf("the last words are kept in %q", left)
	}
	if page := ada.page("").body; !strings.Contains(page, "You are forgotten, 42 rows") || strings.Contains(page, `value="Ada"`) || strings.Contains(page, "data-awaited") {
		t.Errorf("the way in says %.2000s", page)
	}
	if page := ada.page("").body; strings.Contains(page, "42 rows") {
		t.Error("the last words are said twice")
	}
	// Her name is free, and forgetting her again does nothing.
	again := p.member("Ada")
	if again.id == ada.id {
		t.Error("she came back as who she was")
	}
	if counts, err := p.a.Forget(ctx, globalID(ada.id)); err != nil || len(counts) != 0 {
		t.Errorf("forgotten again: %v, %v", counts, err)
	}
	if err := p.a.read(ctx, func(v *view) error { _, err := v.present(again.id); return err }); err != nil {
		t.Errorf("the new Ada: %v", err)
	}
}

func TestExport(t *testing.T) {
	p := open(t, Options{})
	ada, bob := p.member("Ada"), p.member("Bob")
	ada.say(general, "mine, for @Bob")
	bob.say(general, "not hers, for @Ada")
	var got []string
	if err := p.a.Export(t.Context(), globalID(ada.id), func(kind string, v any) error {
		switch l := v.(type) {
		case memberLine:
			got = append(got, kind+" "+l.Name)
		case postLine:
			got = append(got, kind+" "+l.Where+" "+l.Text)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := "chat Ada, post general mine, for @Bob"; strings.Join(got, ", ") != want {
		t.Errorf("exported %q, want %q", got, want)
	}
}

func TestLastWordsAreAwaitedForAWhile(t *testing.T) {
	var g gone
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	g.add("ada", at)
	for _, tc := range []struct {
		after       time.Duration
		awaited, is bool
	}{{0, true, true}, {wordsTime - 1, true, true}, {wordsTime, false, true}, {goneTime, false, true}, {goneTime + 1, false, false}} {
		if _, awaited, is := g.words("ada", at.Add(tc.after)); awaited != tc.awaited || is != tc.is {
			t.Errorf("%v after she was forgotten: awaited %v, gone %v; want %v, %v", tc.after, awaited, is, tc.awaited, tc.is)
		}
	}
	if _, awaited, is := g.words("bob", at); awaited || is {
		t.Error("somebody who was never forgotten is gone")
	}
	g.say("ada", abi.Content{Blocks: []abi.Block{{Text: "farewell"}}})
	if words, awaited, _ := g.words("ada", at); words == "" || awaited {
		t.Errorf("words that were said are %q, and awaited: %v", words, awaited)
	}
}
