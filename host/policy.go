package host

import (
	"fmt"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/store"
)

// policy holds a row against the rules that no plugin gets round. decided says
// that the row is not to be sent now, and t what happens instead.
func (d *dispatch) policy(snap store.Snapshot) (t turn, decided bool, err error) {
	o, now := &d.out, d.now
	if o.Expires != 0 && now.UnixMilli() > o.Expires {
		t, err = d.finish(statusExpired, fmt.Sprintf("its time ended %s", time.UnixMilli(o.Expires).UTC().Format(time.RFC3339)), chat.Receipt{})
		return t, true, err
	}
	if o.To.Member == "" {
		return done, false, nil
	}
	m, _, err := members.Get(d.e.ctx, snap, o.To.Member)
	if err != nil {
		return done, true, err
	}
	d.lang, d.zone = m.Locale, d.e.zone(&m)
	if !o.direct() || o.Asked {
		return done, false, nil
	}
	if m.Stopped {
		t, err = d.finish(statusWithheld, "the member said stop", chat.Receipt{})
		return t, true, err
	}
	if m.Left != 0 {
		t, err = d.finish(statusWithheld, "the member has left", chat.Receipt{})
		return t, true, err
	}
	local := now.In(d.zone)
	if until := quietUntil(d.e.o.Policy, local); !until.IsZero() {
		return d.postpone(until)
	}
	if limit := int64(d.e.o.Policy.DailyCap); limit >= 0 {
		row, err := snap.Get(d.e.ctx, capKey(local, o.To.Member))
		if err != nil {
			return done, true, err
		}
		n, err := store.Counter(row)
		if err != nil {
			return done, true, err
		}
		if n >= limit {
			t, err = d.finish(statusWithheld, fmt.Sprintf("the member has had %d messages today that they did not ask for", n), chat.Receipt{})
			return t, true, err
		}
	}
	return done, false, nil
}

// quietLane is where a member's messages wait for the morning, so that answers
// to what they do at night are not held up.
const quietLane = "~quiet"

// postpone makes the row wait in the member's quiet lane.
func (d *dispatch) postpone(until time.Time) (turn, bool, error) {
	d.out.NotBefore = until.UnixMilli()
	if strings.HasSuffix(d.lane, quietLane) {
		return turn{again: true, after: until.Sub(d.now)}, true, nil
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
	return time.Date(local.Year(), local.Month(), day, p.QuietTo, 0, 0, 0, local.Location())
}

// zone is a member's time zone, the community's if they have none.
func (e *Engine) zone(m *members.Profile) *time.Location {
	if m.TimeZone != "" {
		if z, err := time.LoadLocation(m.TimeZone); err == nil {
			return z
		}
	}
	return e.o.Community.TimeZone
}

// capped says whether the row counts against its member's daily cap.
func (d *dispatch) capped() bool { return d.out.direct() && !d.out.Asked }

func (d *dispatch) capKey() store.Key {
	return capKey(d.now.In(d.zone), d.out.To.Member)
}

func capKey(local time.Time, member string) store.Key {
	return kCap.Join(local.Format(time.DateOnly), member)
}
