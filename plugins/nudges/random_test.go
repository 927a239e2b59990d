package main

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/sdktest"
)

// TestWhateverHappens lets members come, go, act, say stop and be reminded by
// others at random, and looks at each word that they are sent: it is behind a day
// of silence, away from the one before and from every reminder, within the first
// three days, and no more often than their group has it; it comes to nobody who
// left, said stop, is a bot, or was back after an earlier word.
func TestWhateverHappens(t *testing.T) {
	runs := 300
	if testing.Short() {
		runs = 40
	}
	words := 0
	for seed := range uint64(runs) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { words += whatever(t, rand.New(rand.NewPCG(seed, 6))) })
	}
	if words < runs { // else the test sees nothing
		t.Errorf("%d words in %d runs", words, runs)
	}
}

type person struct {
	*sdktest.Member
	name                  string
	place                 string
	joined, acted, remind time.Time // acted is the join if they did nothing else
	gone, bot, stop       bool
	group                 string
	words                 []time.Time
}

func whatever(t *testing.T, r *rand.Rand) (words int) {
	after, apart := time.Duration(1+r.IntN(40))*time.Hour, time.Duration(1+r.IntN(30))*time.Hour
	often := []string{"high", "medium", "low", "none"}[r.IntN(4)]
	b := sdktest.New(t, sdktest.Options{NoDM: r.IntN(6) == 0, Config: fmt.Sprintf(`{"after": "%v", "apart": "%v", "often": %q}`, after, apart, often)})
	var people []*person
	for i := range 8 {
		p := &person{name: fmt.Sprintf("p%d", i), bot: i == 0, group: often}
		p.Member = b.Member(p.name).As(abi.Member{Bot: p.bot})
		if i%3 == 1 {
			p.group = []string{"high", "medium", "low"}[r.IntN(3)]
			p.Gets(frequency, p.group)
		}
		people = append(people, p)
	}
	for range 160 {
		p := people[r.IntN(len(people))]
		switch r.IntN(12) {
		case 0, 1:
			place := []string{"", "#general", "#random"}[r.IntN(3)]
			if p.Joins(place); p.joined.IsZero() {
				p.joined, p.acted, p.place = b.Now(), b.Now(), place
			} else if p.gone {
				p.place = place
			}
			p.gone = false
		case 2:
			if r.IntN(3) > 0 || p.joined.IsZero() {
				continue
			}
			place := []string{"", "#general"}[r.IntN(2)]
			p.Leaves(place)
			p.gone = p.gone || place == "" || place == p.place
		case 3:
			if r.IntN(2) == 0 {
				p.Says([]string{"dm", "#general"}[r.IntN(2)], "hello")
				p.acted = b.Now()
			}
		case 4:
			if r.IntN(4) == 0 {
				p.Reacts("#general", "wave", "m1")
				p.acted = b.Now()
			}
		case 5:
			if len(p.words) > 0 && r.IntN(3) == 0 {
				p.Presses("step")
				p.acted = b.Now()
			}
		case 6:
			if r.IntN(3) == 0 && !p.stop {
				p.stop = true
				p.As(abi.Member{Bot: p.bot, Stopped: true, JoinedAt: milli(p.joined)})
			}
		case 7:
			if p.joined.IsZero() {
				continue
			}
			next := ""
			if r.IntN(2) == 0 {
				next = b.Now().Add(time.Duration(r.IntN(30)) * time.Hour).Format(time.RFC3339)
			}
			p.Tracks("task.reminded", "next", next)
			p.remind = b.Now()
		default:
			b.Advance(time.Duration(1+r.IntN(300)) * time.Minute)
		}
		for _, p := range people {
			words += p.check(t, after, apart)
		}
	}
	return words
}

// check holds the words that are new against what was so when they were sent.
func (p *person) check(t *testing.T, after, apart time.Duration) int {
	t.Helper()
	n, before := 0, len(p.words)
	for _, post := range append(p.Sees("#general"), p.Sees("dm")...) {
		if len(post.Content.Blocks) < 2 || len(post.Content.Blocks[1].Buttons) != 2 { // an answer
			continue
		}
		if n++; n <= len(p.words) {
			continue
		}
		at := post.Sent
		fail := func(why string, args ...any) {
			t.Fatalf("%s is written to at %v: %s (joined %v, acted %v, words %v)", p.name, at, fmt.Sprintf(why, args...), p.joined, p.acted, p.words)
		}
		switch {
		case post.Conversation != "":
			fail("in public")
		case p.gone || p.stop || p.bot:
			fail("left %v, stopped %v, a bot %v", p.gone, p.stop, p.bot)
		case at.Sub(p.acted) < after:
			fail("silent for %v, it takes %v", at.Sub(p.acted), after)
		case at.Sub(p.remind) < apart:
			fail("%v after a reminder", at.Sub(p.remind))
		case at.Sub(p.joined) > firstDays:
			fail("%v after the join", at.Sub(p.joined))
		case n > most[p.group]:
			fail("%d times, and their group is %s", n, p.group)
		case n > 1 && at.Sub(p.words[n-2]) < apart:
			fail("%v after the last one", at.Sub(p.words[n-2]))
		case n > 1 && p.acted.After(p.words[n-2]):
			fail("they were back after the last one")
		}
		p.words = append(p.words, at)
	}
	return len(p.words) - before
}

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
