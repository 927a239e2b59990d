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

// TestWhateverHappens lets members come and go at random, and looks at what
// stands: nobody is greeted twice, in a message of their own and in one they
// share; nobody is named who is a bot, said stop before they came, or has left
// for longer than a crowd lasts.
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
		name   string
		in     bool      // the channel
		left   time.Time // it
		hushed bool      // before they first came
		bot    bool
	}
	var people []*person
	for i := range 12 {
		p := &person{name: fmt.Sprintf("p%d", i), bot: i == 0, hushed: i == 1}
		p.Member = b.Member(p.name).As(abi.Member{Bot: p.bot})
		if p.hushed {
			p.Runs("dm", "stop")
		}
		people = append(people, p)
	}
	for range 80 {
		p := people[r.IntN(len(people))]
		switch r.IntN(6) {
		case 0, 1, 2:
			p.Joins("#general")
			p.in = true
		case 3:
			p.Leaves("#general")
			p.in, p.left = false, b.Now()
		case 4:
			p.Says("#general", "hello")
		case 5:
			b.Advance(time.Duration(r.IntN(45)) * time.Second)
		}
		for _, p := range people {
			own := len(greetings(p.Sees("dm"), "Good to have you"))
			named := 0
			for _, text := range greetings(p.Sees("#general"), "Good to have you", "wonderful to have you") {
				named += strings.Count(text, "<@test:"+p.name+">")
			}
			gone := !p.in && !p.left.IsZero() && b.Now().Sub(p.left) > 2*time.Minute
			switch {
			case own+named > 1:
				t.Fatalf("%s is greeted %d times in private and %d in the channel", p.name, own, named)
			case own+named > 0 && (p.bot || p.hushed):
				t.Fatalf("%s is greeted", p.name)
			case named > 0 && gone:
				t.Fatalf("%s left at %v and is named at %v", p.name, p.left, b.Now())
			}
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
