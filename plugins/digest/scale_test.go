package main

import (
	"fmt"
	"math/rand"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/plugins/digest/view"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/sdktest"
)

// talk makes messages of a channel: a question, and what is said under it.
type talk struct {
	r     *rand.Rand
	words *rand.Zipf
	n     int
	root  string
}

func newTalk(seed int64) *talk {
	r := rand.New(rand.NewSource(seed))
	return &talk{r: r, words: rand.NewZipf(r, 1.2, 20, 20_000)}
}

func (k *talk) sentence(n int) string {
	var b strings.Builder
	for range n {
		for w := k.words.Uint64() + 30; w > 0; w /= 26 {
			b.WriteByte('a' + byte(w%26))
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// next is a message in one of 20 channels; every fourth is a question.
func (k *talk) next() abi.Event {
	k.n++
	m := &abi.Message{ID: fmt.Sprint("m", k.n), Text: k.sentence(8)}
	if k.n%4 == 1 {
		k.root, m.Text = m.ID, "how do I "+k.sentence(5+k.r.Intn(8))+"?"
	} else {
		m.Thread = k.root
	}
	place := fmt.Sprint("c", k.n/4%20)
	if k.n%4 == 0 {
		place = fmt.Sprint("c", (k.n-1)/4%20)
	}
	return abi.Event{Kind: abi.MessagePosted, Conversation: channel(place), Member: who(fmt.Sprint("m", k.r.Intn(400))), Message: m}
}

// TestManyMessages has thousands of messages come in and the digest of their day
// be posted: within what an invocation may have, which the test's bot holds it
// to, and each step no dearer than before.
func TestManyMessages(t *testing.T) {
	messages := 2000
	if os.Getenv("HEARTH_LONG") != "" {
		messages = 10_000
	}
	b := sdktest.New(t, sdktest.Options{Config: `{"post": ["test:c0"], "public": ["*"], "answers": "off"}`})
	k := newTalk(3)
	for i := range messages {
		b.Do(k.next())
		if i%500 == 499 {
			b.Advance(30 * time.Second)
		}
	}
	b.Advance(time.Minute)
	b.Advance(15 * time.Hour)
	begun := time.Now()
	b.Schedule("hour")
	b.Advance(time.Second)
	took := time.Since(begun)
	posts := b.Member("m1").Sees("#c0")
	if len(posts) == 0 || !strings.Contains(posts[len(posts)-1].Text(), fmt.Sprint(messages/4, " questions")) {
		t.Fatalf("the digest of %d questions is not there: %v", messages/4, posts)
	}
	b.Configure(`{"public": ["*"], "answers": "off"}`)
	all := ask[view.Knowledge](t, b, "/knowledge", "manager")
	if all.Asked != messages/4 {
		t.Errorf("%d questions are known, of %d", all.Asked, messages/4)
	}
	largest := 0
	for _, row := range b.Rows() {
		largest = max(largest, len(row.Value))
	}
	t.Logf("%d messages, %d topics; the digest took %v, each step loading all anew as this test does; the largest row has %d bytes", messages, all.Total, took, largest)
	if largest > abi.MaxValue {
		t.Errorf("a row has %d bytes", largest)
	}
}

// TestHostile has people say what is no text, and too much of it.
func TestHostile(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{Config: `{"post": ["test:general"], "public": ["*"], "answers": "off"}`})
	evil := []string{
		"how do I \u202egnp.exe\u2066 run **this** [x](javascript:alert(1)) <b>now</b> @everyone <@test:ann> <!channel>?",
		"how do I " + strings.Repeat("very ", 4000) + "long?", "```\n```?", "?", "\x00\xff how do I read \xfe bytes?", strings.Repeat("？", 3000),
		"怎么" + strings.Repeat("很", 5000) + "长？", "panic: " + strings.Repeat("a", 9000), "how do I \u2028 break a\nline in | a | table?", "<@test:zed> how do I ask <#test:secret> something?",
	}
	for i, s := range evil {
		b.Do(abi.Event{Kind: abi.MessagePosted, Conversation: channel("#general"), Member: who("ann"), Message: &abi.Message{ID: fmt.Sprint("q", i), Text: s}})
		for j, a := range evil {
			b.Do(abi.Event{Kind: abi.MessagePosted, Conversation: channel("#general"), Member: who(fmt.Sprint("m", j)), Message: &abi.Message{ID: fmt.Sprint("q", i, "a", j), Thread: fmt.Sprint("q", i), Text: a}})
			b.Do(abi.Event{Kind: abi.ReactionAdded, Conversation: channel("#general"), Member: who("ann"), Message: &abi.Message{ID: fmt.Sprint("q", i, "a", j)}, Reaction: &abi.Reaction{Name: strings.Repeat("white_check_mark", 1+j*9)}})
		}
		b.Advance(time.Minute)
	}
	b.Advance(20 * time.Hour)
	b.Schedule("hour")
	b.Advance(time.Second)
	posts := b.Member("zed").Sees("#general")
	if len(posts) != 1 {
		t.Fatalf("%d posts", len(posts))
	}
	text := posts[0].Text()
	for _, bad := range []string{"\u202e", "\u2066", "<@test", "<b>", "@everyone", "[x](java", "<!channel>", "\x00", "**this**"} {
		if strings.Contains(text, bad) {
			t.Errorf("in the digest stands %q:\n%s", bad, text)
		}
	}
	for _, block := range posts[0].Content.Blocks {
		if block.Table == nil {
			continue
		}
		for _, r := range slices.Concat(block.Table.Rows...) {
			if len(r) > 1200 || strings.Contains(r, "\n") {
				t.Errorf("a cell of %d bytes: %q", len(r), r)
			}
		}
	}
	if len(text) > 20<<10 {
		t.Errorf("the digest has %d bytes", len(text))
	}
}
