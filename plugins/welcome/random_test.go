package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/sdktest"
)

// TestWhateverHappens lets members come, go and say stop at random, and looks
// at what stands: nobody is greeted twice, in a message of their own and in one
// they share; no bot is greeted, and nobody from when they say stop until they
// say resume; nobody is named who has left, or said stop, for longer than a
// crowd lasts.
func TestWhateverHappens(t *testing.T) {
	runs := 100
	if testing.Short() {
		runs = 15
	}
	for seed := range uint64(runs) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { whatever(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func whatever(t *testing.T, r *rand.Rand) {
	where := []string{"direct", "channel"}[r.IntN(2)]
	b := sdktest.New(t, sdktest.Options{
		Config: fmt.Sprintf(`{"where": %q, "crowd": %d, "crowd_window": "1m"}`, where, 1+r.IntN(4)),
		NoDM:   r.IntN(3) == 0,
	})
	type person struct {
		*sdktest.Member
		name    string
		in      bool      // the channel
		left    time.Time // it
		hushed  time.Time // when they said stop; zero if they may be written to
		greeted int       // times, when last looked at
		bot     bool
	}
	var people []*person
	for i := range 12 {
		p := &person{name: fmt.Sprintf("p%d", i), bot: i == 0}
		p.Member = b.Member(p.name).As(abi.Member{Bot: p.bot})
		people = append(people, p)
	}
	for range 120 {
		p := people[r.IntN(len(people))]
		switch r.IntN(10) {
		case 0, 1, 2:
			p.Joins("#general")
			p.in = true
		case 3:
			p.Joins("") // the community: if nobody can be written to, their first words are waited for
		case 4:
			p.Leaves("#general")
			p.in, p.left = false, b.Now()
		case 5, 6:
			p.Says("#general", "hello")
			p.in = true // who speaks there is there
		case 7:
			p.Runs([]string{"dm", "#general"}[r.IntN(2)], "stop")
			if p.hushed.IsZero() {
				p.hushed = b.Now()
			}
		case 8:
			if r.IntN(3) == 0 { // seldom: who says stop mostly means it
				p.Runs("dm", "resume")
				p.hushed = time.Time{}
			}
		case 9:
			b.Advance(time.Duration(r.IntN(45)) * time.Second)
		}
		for _, p := range people {
			own := len(greetings(p.Sees("dm"), "Good to have you"))
			named := 0
			for _, text := range greetings(p.Sees("#general"), "Good to have you", "wonderful to have you") {
				named += strings.Count(text, "<@test:"+p.name+">")
			}
			long := func(since time.Time) bool { return !since.IsZero() && b.Now().Sub(since) > 2*time.Minute }
			switch {
			case own+named > 1:
				t.Fatalf("%s is greeted %d times in private and %d in the channel", p.name, own, named)
			case own+named > 0 && p.bot:
				t.Fatalf("%s is greeted", p.name)
			case own+named > p.greeted && !p.hushed.IsZero():
				t.Fatalf("%s said stop at %v and is greeted at %v", p.name, p.hushed, b.Now())
			case named > 0 && (!p.in && long(p.left) || long(p.hushed)):
				t.Fatalf("%s left at %v, said stop at %v, and is named at %v", p.name, p.left, p.hushed, b.Now())
			}
			p.greeted = own + named
		}
	}
}

// greetings are the texts that contain one of the words.
func greetings(posts []*sdktest.Post, words ...string) (texts []string) {
	for _, p := range posts {
		for _, w := range words {
			if strings.Contains(p.Text(), w) {
				texts = append(texts, p.Text())
				break
			}
		}
	}
	return texts
}
