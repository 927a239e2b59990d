package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/plugins/welcome/ask"
	"github.com/hearthbot/hearth/sdk/sdktest"
)

// TestIceIsBrokenOnce lets newcomers and others write at random: each is answered
// at most once, only who is new and in a group, with a program only who is in that
// group and named a package in much demand; and of those every one is in the
// results, whatever their group, and nobody else.
func TestIceIsBrokenOnce(t *testing.T) {
	words := []string{"hi", "good morning, I am new here", "what is net/http for?", "the plugin package", "`time`", "```go\nfmt.Println()\n```",
		"我想学 json", "大家好", "请问这里可以提问题吗", "https://go.dev/pkg/net/http"}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		b := sdktest.New(t, sdktest.Options{NoDM: r.IntN(4) == 0})
		joined, group, answered := map[string]time.Time{}, map[string]string{}, map[string]bool{}
		for range 150 {
			name := fmt.Sprintf("p%d", r.IntN(9))
			m := b.Member(name)
			switch r.IntN(8) {
			case 0:
				if group[name] == "" && joined[name].IsZero() {
					group[name] = []string{"", "example", "gentle"}[r.IntN(3)]
					m.Gets(icebreaker, group[name])
				}
				if m.Joins("#general"); joined[name].IsZero() {
					joined[name] = b.Now()
				}
				continue
			case 1:
				b.Advance(time.Duration(r.IntN(900)) * time.Minute)
				continue
			}
			text := words[r.IntN(len(words))]
			m.Says([]string{"dm", "#general"}[r.IntN(2)], text)
			b.Advance(iceWait)
			for _, o := range b.Effects().Out {
				if o.Send == nil || len(o.Send.Content.Blocks) < 2 || !strings.Contains(fmt.Sprint(o.Send.Content.Blocks), "ice") {
					continue
				}
				p, _ := ask.Most(text)
				much, program := p.Demand >= ask.Much, o.Send.Content.Blocks[1].Code != ""
				switch {
				case answered[name]:
					t.Fatalf("%d: %s is answered twice", seed, name)
				case strings.Contains(text, "```"):
					t.Fatalf("%d: %s is answered, who posted code", seed, name)
				case joined[name].IsZero() || b.Now().Sub(joined[name]) >= newFor+iceWait || group[name] == "":
					t.Fatalf("%d: %s is answered, who joined %v and is in group %q", seed, name, joined[name], group[name])
				case program != (much && group[name] == iceShown):
					t.Fatalf("%d: %s of group %q writes %q: a program %v", seed, name, group[name], text, program)
				case much != (len(o.Send.Shown) == 1 && o.Send.Shown[0].Value == group[name]):
					t.Fatalf("%d: %s of group %q writes %q, and is in the results of %v", seed, name, group[name], text, o.Send.Shown)
				}
				answered[name] = true
			}
		}
	}
}
