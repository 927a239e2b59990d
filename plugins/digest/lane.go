package main

import (
	"errors"
	"slices"
	"time"

	"github.com/hearthbot/hearth/plugins/digest/book"
	"github.com/hearthbot/hearth/sdk"
)

// The lane is one conversation of the plugin's own, so that its events come one
// after the other. It is woken by a timer when there is something to do, does a
// step an event, and rests when nothing is left. It alone writes the book, topics
// and editions: nobody else's event conflicts with it but for what it reads.
const (
	laneID = "digest:lane"
	every  = 20 * time.Second // between what happens and what the lane makes of it

	maxLines    = 320      // lines of a step,
	maxBatch    = 64       // of which so many questions are put together at once, and then so many more,
	maxWork     = 1.6e6    // until the index has worked as much: that is within an event's fuel
	maxTexts    = 20 << 10 // bytes of text that a step looks at for answers; in which not all is as dear,
	someTexts   = 8 << 10  // less if it has taken in questions
	maxReads    = 92       // rows that a step reads,
	maxWrites   = 46       // and that it writes
	maxChunks   = 36       // rows of what is pending that it takes in,
	someChunks  = 6        // so many at a time,
	someReviews = 66       // until what it has read and what it has to look at are as many
	maxReviews  = 400      // threads that wait to be looked at; more, and nothing new is taken in before
	maxWaiting  = 24 << 10 // bytes of what waits to be looked at, or to be deleted
)

// spent is what a step has used of what it may.
type spent struct {
	reads, writes int // rows
	effects       int // messages
	texts         int // bytes
	worked        int // what the index had before
}

// goingOn is the cursor of what goes on: the lane, or forgetting somebody.
type goingOn struct {
	What string `json:"what"`
	From string `json:"from,omitempty"`
	Most int    `json:"most,omitempty"` // lines of the next step
}

var progress = sdk.PerCommunity[laneRow]("lane")

// waking is when the handler that runs wants the lane to be woken, the earliest
// time that it said; zero for not at all.
var waking time.Time

// wake has the lane look for work at a time.
func wake(_ *ctx, at time.Time) {
	if waking.IsZero() || at.Before(waking) {
		waking = at
	}
}

// alert is a handler after which the lane is woken, once, if it said so.
func alert(h func(*ctx) error) func(*ctx) error {
	return func(c *ctx) error {
		waking = time.Time{}
		err := h(c)
		if !waking.IsZero() {
			c.At(waking, "lane").Key("").In(laneID)
		}
		return err
	}
}

// hour wakes the lane when a digest is due, or something waits that woke nobody.
func hour(c *ctx) error {
	waiting, _ := pending.Scan(c, sdk.Range{Limit: 1, Relaxed: true})
	if due(c) || len(waiting) > 0 {
		wake(c, c.Now())
	}
	return nil
}

// lane is the timer by which it is woken.
func lane(c *ctx) error { return step(c, maxLines, false) }

// goOn goes on with what did not fit into one event.
func goOn(c *ctx) error {
	on := sdk.NoteOf[goingOn](c)
	if on.What == "forget" {
		return forget(c, on.From)
	}
	return step(c, on.Most, on.What == opSweep)
}

// opSweep is a cursor's What for a step that goes on deleting: what it deletes is
// put off as long as there is something else to do, and then all of it goes, as
// steps that need the index are cheaper one after the other.
const opSweep = "sweep"

// step does one step of the lane.
func step(c *ctx, most int, sweeping bool) error {
	l := progress.Get(c)
	if broken {
		mend(c)
		return nil
	}
	// What needs no index comes before that is brought up to date.
	busy := l.busy(c)
	switch {
	case len(l.Trash) > 0 && (!busy || sweeping) || length(l.Trash) > maxWaiting/3:
		sweep(c, &l)
		progress.Set(c, l)
		c.Continue(sdk.Note(goingOn{What: opSweep, Most: maxLines}))
		return nil
	case !busy && !due(c):
		return nil
	}
	defer func(was namesRow) { names = was }(names)
	names = places.Get(c)
	b, err := current(c, &l)
	if errors.Is(err, errOld) { // the new image is under way
		again := 2 * time.Second
		if c.Event.Depth > 8 {
			again = time.Minute
		}
		wake(c, c.Now().Add(again))
		return nil
	}
	if err != nil {
		return err
	}
	if l.Held {
		b.Index.Hold()
	}
	next := goingOn{What: "lane", Most: maxLines}
	l.spent = spent{reads: 4, writes: 1, worked: b.Index.Work()} // this row, and what every step looks at
	switch {
	case l.crowded():
		tidy(c, &l, b)
	case len(l.Review) < someReviews && !l.full() && absorb(c, &l, b, &next, most):
		if l.texts = maxTexts - someTexts; len(l.Review) > 0 && next.Most == maxLines && b.Index.Work()-l.worked < maxWork {
			review(c, &l, b) // what there is room for
		}
	case len(l.Review) > 0:
		review(c, &l, b)
	case len(l.Touched)+len(l.Fresh) > 0:
		freshen(c, &l, b)
	case due(c):
		publish(c, b)
	default:
		return nil
	}
	progress.Set(c, l)
	c.Continue(sdk.Note(next))
	return nil
}

// busy says whether there is something to do for which the index is needed, beside
// a digest that is due.
func (l *laneRow) busy(c *ctx) bool {
	if l.crowded() || len(l.Review)+len(l.Touched)+len(l.Fresh) > 0 {
		return true
	}
	waiting, _ := pending.Scan(c, sdk.Range{Limit: 1})
	return len(waiting) > 0
}

// sweep deletes threads of questions that were given up.
func sweep(c *ctx, l *laneRow) {
	writes, n := 0, 0
	for ; n < len(l.Trash) && n < 20; n++ {
		key := l.Trash[n]
		t, ok := threads.Lookup(c, key)
		if !ok {
			continue
		}
		if writes += 1 + len(t.Replies) + len(t.People); writes > maxWrites && n > 0 {
			break
		}
		place, id := cutKey(key)
		drop(c, place, id, &t)
	}
	l.Trash = behind(l.Trash, n)
}

// behind is what stands behind the first n of a list, nil if nothing does.
func behind(list []string, n int) []string {
	if n == len(list) {
		return nil
	}
	return slices.Clone(list[n:])
}

// touch notes that a topic changed.
func (l *laneRow) touch(topics ...uint32) {
	for _, t := range topics {
		if t != 0 && !slices.Contains(l.Touched, t) && len(l.Touched) < 1000 {
			l.Touched = append(l.Touched, t)
		}
	}
}

// look has something be looked at: a thread by its key, a topic by "#" and its
// number, or topics that became one by "#", both numbers and a blank between.
// What does not fit is looked at when something changes in it again.
func (l *laneRow) look(what string) {
	if !slices.Contains(l.Review, what) && length(l.Review) < maxWaiting {
		l.Review = append(l.Review, what)
	}
}

// full says whether what waits to be looked at should be, before more does.
func (l *laneRow) full() bool {
	return len(l.Review) >= maxReviews || length(l.Review) >= maxWaiting/2
}

func length(all []string) (n int) {
	for _, s := range all {
		n += len(s) + 4
	}
	return n
}

// dropped has threads be deleted that the book has given up.
func (l *laneRow) dropped(all []book.Source) {
	for _, s := range all {
		if key := at(s.Place, s.Message); length(l.Trash) < maxWaiting {
			l.Trash = append(l.Trash, key)
		}
	}
}
