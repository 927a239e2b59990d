package host

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// policy holds a row against the rules that no plugin gets round. decided says
// that the row is not to be sent now, and t what happens instead.
func (d *dispatch) policy() (t turn, decided bool, err error) {
	o, now := &d.out, d.now
	if d.expired() {
		t, err = d.finish(statusExpired, fmt.Sprintf("its time ended %s", time.UnixMilli(o.Expires).UTC().Format(time.RFC3339)), chat.Receipt{})
		return t, true, err
	}
	if !o.direct() || o.Asked {
		return done, false, nil
	}
	if d.member.Stopped {
		t, err = d.finish(statusWithheld, "the member said stop", chat.Receipt{})
		return t, true, err
	}
	if d.member.Left != 0 {
		t, err = d.finish(statusWithheld, "the member has left", chat.Receipt{})
		return t, true, err
	}
	if until := quietUntil(d.e.tuned().Policy, now.In(d.zone)); !until.IsZero() {
		return d.postpone(until)
	}
	return done, false, nil
}

func (d *dispatch) expired() bool {
	return d.out.Expires != 0 && d.now.UnixMilli() > d.out.Expires
}

// budget reserves one of the messages that a member may get today without
// having asked; decided says that there is none. Whoever gets one calls
// unreserve.
//
// Several lanes lead to one member. What they have under way is not counted in
// the store yet, so it is reserved in memory, and the store read after that: a
// message is seen in one or the other, or for a moment in both. Hence a row for
// which only a reservation leaves no room waits, and is not withheld.
func (d *dispatch) budget() (t turn, decided bool, err error) {
	limit := int64(d.e.tuned().Policy.DailyCap)
	if limit < 0 || !d.capped() {
		return done, false, nil
	}
	key := d.capKey()
	underWay := d.p.reserve(key, 1)
	n, err := d.e.countNow(d.ctx, key)
	if err == nil && n+underWay <= limit {
		d.reserved = key
		return done, false, nil
	}
	d.p.reserve(key, -1)
	switch {
	case err != nil:
		return done, true, err
	case n < limit:
		return waiting(time.Second), true, nil
	}
	t, err = d.finish(statusWithheld, fmt.Sprintf("the member has had %d messages today that they did not ask for", n), chat.Receipt{})
	return t, true, err
}

func (d *dispatch) unreserve() {
	if d.reserved != "" {
		d.p.reserve(d.reserved, -1)
	}
}

// countNow reads a counter as it is now.
func (e *Engine) countNow(ctx context.Context, key store.Key) (int64, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	row, err := snap.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	return store.Counter(row)
}

// quietLane is where a member's messages wait for the morning, so that answers
// to what they do at night are not held up.
const quietLane = "~quiet"

// postpone makes the row wait in the member's quiet lane.
func (d *dispatch) postpone(until time.Time) (turn, bool, error) {
	d.out.NotBefore = until.UnixMilli()
	if strings.HasSuffix(d.lane, quietLane) {
		return waiting(until.Sub(d.now)), true, nil
	}
	return d.move(d.lane + quietLane)
}

// quietUntil is when the quiet hours around local end, the zero time outside
// of them. It steps along the member's calendar, so a change of daylight
// saving time neither skips nor doubles an hour.
func quietUntil(p Policy, local time.Time) time.Time {
	if p.QuietFrom == p.QuietTo {
		return time.Time{}
	}
	h := local.Hour()
	var quiet bool
	if p.QuietFrom < p.QuietTo {
		quiet = h >= p.QuietFrom && h < p.QuietTo
	} else {
		quiet = h >= p.QuietFrom || h < p.QuietTo
	}
	if !quiet {
		return time.Time{}
	}
	day := local.Day()
	if h >= p.QuietTo {
		day++
	}
	return abi.OnClocks(local.Year(), local.Month(), day, p.QuietTo, 0, local.Location())
}

// zone is a member's time zone, the community's if they have none.
func (e *Engine) zone(m *members.Profile) *time.Location {
	if m.TimeZone != "" {
		if z, err := time.LoadLocation(m.TimeZone); err == nil {
			return z
		}
	}
	return e.tuned().Community.TimeZone
}

// capped says whether the row counts against its member's daily cap.
func (d *dispatch) capped() bool { return d.out.direct() && !d.out.Asked }

func (d *dispatch) capKey() store.Key {
	return capKey(d.now.In(d.zone), d.out.To.Member)
}

func capKey(local time.Time, member string) store.Key {
	return kCap.Join(local.Format(time.DateOnly), member)
}
