package main

import (
	"slices"

	"github.com/hearthbot/hearth/sdk"
)

// forgotten takes somebody out of all threads: what they asked goes with all that
// was said under it, what they said elsewhere goes, and what others said stays.
func forgotten(c *ctx) error { return forget(c, "") }

// forget goes on with it behind a key: some threads an event.
func forget(c *ctx, after string) error {
	const writes = 40 // of an invocation, at most abi.MaxWrites
	list, more := in.Scan(c, sdk.Range{After: after, Limit: 20})
	n := 0
	for i, e := range list {
		place, id := cutKey(e.Key)
		t, ok := threads.Lookup(c, e.Key)
		if ok {
			cost := 4
			own := len(t.People) > 0 && t.People[0].ID == c.Member.ID
			if cost += len(t.Replies); own {
				cost += len(t.People)
			}
			if n += cost; n > writes && i > 0 {
				more = true
				break
			}
			if own {
				if t.Auto != 0 {
					c.DeleteIn(place, answerKey(id))
				}
				drop(c, place, id, &t)
				tell(c, place, line{Op: opForget, ID: id})
			} else {
				for _, gone := range t.without(c.Member.ID) {
					replies.Delete(c, at(place, gone))
				}
				threads.Set(c, e.Key, t)
				tell(c, place, line{Op: opChanged, ID: id})
			}
		}
		after = e.Key
	}
	if more {
		c.Continue(sdk.Note(goingOn{What: "forget", From: after}))
	}
	return nil
}

// without takes a member out of a thread of another's, and returns which of their
// messages are gone.
func (t *thread) without(member string) (gone []string) {
	i := slices.IndexFunc(t.People, func(p person) bool { return p.ID == member })
	if i < 0 {
		return nil
	}
	t.People[i] = person{}
	t.Replies = slices.DeleteFunc(t.Replies, func(r reply) bool {
		if r.By == i {
			gone = append(gone, r.ID)
		}
		return r.By == i
	})
	for j := range t.Replies {
		r := &t.Replies[j]
		r.Reacts = slices.DeleteFunc(r.Reacts, func(e react) bool { return e.By == i })
	}
	return gone
}
