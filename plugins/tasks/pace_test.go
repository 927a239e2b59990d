package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/sdktest"
)

// TestSlowerIsSlower: who asks for a slower pace is brought to mind by it, wherever
// they asked: in their own conversation, while the timer belongs to the channel that
// they joined.
func TestSlowerIsSlower(t *testing.T) {
	for _, where := range []string{"dm", "#general"} {
		b := sdktest.New(t, sdktest.Options{Config: `{"first_after": "1m", "reminders": "high"}`})
		ann := b.Member("ann")
		ann.Joins("#general")
		b.Advance(2 * time.Minute)
		shown := b.Now()
		reminders := func() int {
			n := 0
			for _, p := range ann.Sees("dm") {
				if strings.Contains(fmt.Sprint(p.Text()), "waiting for you") {
					n++
				}
			}
			return n
		}
		ann.Runs(where, "/pace slow")
		b.Advance(20 * time.Hour)
		if n := reminders(); n != 0 {
			t.Errorf("%s: %d reminders within 20 hours, at a pace of one a day", where, n)
		}
		b.Advance(5 * time.Hour)
		if n := reminders(); n != 1 {
			t.Errorf("%s: %d reminders in the day since %v", where, n, shown)
		}
	}
}

// TestWhoLeftIsShownNothing: who joined a channel and left the community before their
// first task is not shown it, and who comes back is.
func TestWhoLeftIsShownNothing(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{Config: `{"first_after": "1d"}`})
	ann := b.Member("ann")
	ann.Joins("#general")
	ann.Leaves("")
	b.Advance(48 * time.Hour)
	if posts := append(ann.Sees("dm"), ann.Sees("#general")...); len(posts) > 0 {
		t.Errorf("who left is shown %s", posts[0].Text())
	}
	ann.Joins("#general")
	b.Advance(48 * time.Hour)
	if posts := ann.Sees("dm"); len(posts) == 0 {
		t.Error("who came back is shown nothing")
	}
}
