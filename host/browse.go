package host

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hearthbot/hearth/store"
)

// EventPage is a part of the journal, the newest first.
type EventPage struct {
	Events []Handled

	// Next is where to go on, "" at the journal's end: an event of that number is
	// not on this page, those above it are. A search looks at so many rows at most,
	// so its page may be short, or empty, and still have a next.
	Next string

	// Looked says that the page ended because so many rows were looked at, and
	// Back how far back that was.
	Looked bool
	Back   time.Time
}

// browseLook is how many rows of the journal one page looks at.
const browseLook = 10_000

// Browse lists a page of the journal from the newest event below a number on,
// from the newest of all if that is "". What several plugins did with one event
// stays together, so a page may be a little longer than f.Limit; f.After is
// ignored. However long the journal is, a page costs no more than a look at
// 10,000 rows.
func (e *Engine) Browse(ctx context.Context, f EventFilter, before string) (EventPage, error) {
	p, err := e.browse(ctx, f, before, browseLook)
	if err != nil {
		return EventPage{}, fmt.Errorf("host: browsing events: %w", err)
	}
	return p, nil
}

func (e *Engine) browse(ctx context.Context, f EventFilter, before string, look int) (EventPage, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 1000)
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return EventPage{}, err
	}
	defer snap.Close()
	span := store.Prefix(kJournal.Prefix())
	span.Reverse = true
	if before != "" {
		span.To = kJournal.Join(before)
	}
	may := f.needles()
	var page EventPage
	looked, last := 0, "" // last number of which all rows were looked at, or are
	for row, err := range snap.Scan(ctx, span) {
		if err != nil {
			return EventPage{}, err
		}
		number, plugin, _ := strings.Cut(string(row.Key[len(kJournal)+1:]), "/") // neither has what a key escapes
		if number != last && (looked >= look || len(page.Events) >= f.Limit) {
			page.Next, page.Looked = last, len(page.Events) < f.Limit
			n, err := store.ParseSeq(last)
			if err != nil {
				return EventPage{}, fmt.Errorf("row %s: %w", row.Key, err)
			}
			page.Back = time.Unix(0, int64(n))
			break
		}
		looked, last = looked+1, number
		if f.Plugin != "" && plugin != f.Plugin || !may(row.Value) {
			continue
		}
		h, err := readHandled(row)
		if err != nil {
			return EventPage{}, err
		}
		if f.matches(&h) {
			page.Events = append(page.Events, h)
		}
	}
	return page, nil
}

// needles says of a row's bytes whether it may be what f chooses: MessagePack
// has texts as they are. It saves reading the many that are not.
func (f *EventFilter) needles() func([]byte) bool {
	var all [][]byte
	for _, s := range []string{f.Member, f.Conversation, string(f.Kind)} {
		if s != "" {
			all = append(all, []byte(s))
		}
	}
	if f.FailedOnly {
		all = append(all, []byte("\xa3err")) // the name of journalRow.Error, which is not there without one
	}
	return func(row []byte) bool {
		for _, n := range all {
			if !bytes.Contains(row, n) {
				return false
			}
		}
		return true
	}
}
