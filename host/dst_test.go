package host

import (
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// zoneOf loads a time zone, or skips the test where there are none.
func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Skip("no time zones here: ", err)
	}
	return zone
}

// TestQuietHoursThatEndInTheHourLeftOut: where clocks go forward at the very hour
// at which the quiet ends, it ends as soon as they have. West of Greenwich the
// library's own answer lies before the change.
func TestQuietHoursThatEndInTheHourLeftOut(t *testing.T) {
	for _, tc := range []struct {
		zone     string
		from, to int
		at, want string
	}{
		{"America/New_York", 22, 2, "2026-03-08T01:30:00-05:00", "2026-03-08T03:00:00-04:00"},
		{"America/Los_Angeles", 22, 2, "2026-03-07T23:30:00-08:00", "2026-03-08T03:00:00-07:00"},
		{"Europe/Berlin", 22, 2, "2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"America/Santiago", 20, 0, "2026-09-05T23:30:00-04:00", "2026-09-06T01:00:00-03:00"},
		{"Africa/Cairo", 20, 0, "2026-04-23T23:30:00+02:00", "2026-04-24T01:00:00+03:00"},
		{"America/New_York", 22, 2, "2026-11-01T01:30:00-04:00", "2026-11-01T02:00:00-05:00"}, // the hour comes twice
	} {
		now, err := time.Parse(time.RFC3339, tc.at)
		if err != nil {
			t.Fatal(err)
		}
		until := quietUntil(Policy{QuietFrom: tc.from, QuietTo: tc.to}, now.In(zoneOf(t, tc.zone)))
		if got := until.Format(time.RFC3339); got != tc.want {
			t.Errorf("%s: quiet from %d to %d is over at %s, asked at %s; want %s", tc.zone, tc.from, tc.to, got, tc.at, tc.want)
		}
	}
}

// TestAQuietNightCostsNothing has a message wait through the night on which clocks
// go forward: its lane sleeps, and does not look again and again.
func TestAQuietNightCostsNothing(t *testing.T) {
	zoneOf(t, "America/New_York")
	in(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, time.March, 8, 6, 30, 0, 0, time.UTC))) // 01:30 there
		b := newBot(t, Options{Policy: Policy{QuietFrom: 22, QuietTo: 2}})
		teller(b)
		b.start()
		join := b.event(abi.MemberJoined)
		join.Member.TimeZone = "America/New_York"
		b.accept(join, chat.Accepted)
		later(29 * time.Minute) // a lane that ran in circles would let no time pass
		wantTexts(t, b.platform)
		later(2 * time.Minute)
		wantTexts(t, b.platform, "send @fake:ada e1")
	})
}

// TestSchedulesInTheHourLeftOut: what is set for an hour that the change to
// daylight saving time leaves out comes an hour later, everywhere.
func TestSchedulesInTheHourLeftOut(t *testing.T) {
	for _, tc := range []struct{ zone, cron, from, want, back string }{
		{"America/New_York", "30 2 * * *", "2026-03-07T12:00:00-05:00", "2026-03-08T03:30:00-04:00", "2026-03-07T02:30:00-05:00"},
		{"Europe/Berlin", "30 2 * * *", "2026-03-28T12:00:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-28T02:30:00+01:00"},
		{"America/Santiago", "0 0 * * *", "2026-09-05T12:00:00-04:00", "2026-09-06T01:00:00-03:00", "2026-09-05T00:00:00-04:00"},
	} {
		zone := zoneOf(t, tc.zone)
		from, err := time.Parse(time.RFC3339, tc.from)
		if err != nil {
			t.Fatal(err)
		}
		next, err := nextTick(tc.cron, from.In(zone))
		if got := next.Format(time.RFC3339); err != nil || got != tc.want {
			t.Errorf("%s: %q comes after %s at %s, %v; want %s", tc.zone, tc.cron, tc.from, got, err, tc.want)
		}
		if next, err = nextTick(tc.cron, next); err != nil || next.Sub(from) < 24*time.Hour {
			t.Errorf("%s: %q comes twice on one day: at %v, %v", tc.zone, tc.cron, next, err)
		}
		last, err := lastTick(tc.cron, from.In(zone))
		if got := last.Format(time.RFC3339); err != nil || got != tc.back {
			t.Errorf("%s: %q came before %s at %s, %v; want %s", tc.zone, tc.cron, tc.from, got, err, tc.back)
		}
		after := next.Add(-time.Minute)
		if last, err = lastTick(tc.cron, after.In(zone)); err != nil || last.Format(time.RFC3339) != tc.want {
			t.Errorf("%s: %q came before %v at %v, %v; want %s", tc.zone, tc.cron, after, last, err, tc.want)
		}
	}
}

// TestAWeekWithoutAMidnight counts each of its days once, where clocks go forward
// at midnight and a day begins at one.
func TestAWeekWithoutAMidnight(t *testing.T) {
	zone := zoneOf(t, "America/Santiago")
	in(t, func(t *testing.T) {
		b := newBot(t, Options{House: true, Community: Community{TimeZone: zone}})
		b.plugin(abi.Manifest{Name: "welcome"}, nil)
		batch := new(store.Batch)
		for day := 28; day <= 40; day++ { // 28 August to 9 September
			batch.Add(kTrack.Join("welcome", "welcome.greeted", time.Date(2026, time.August, day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)), int64(day))
		}
		if _, err := b.store.Commit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			now      time.Time
			from, to string
			greeted  int
			began    int // hour at which the day began
		}{
			{time.Date(2026, time.September, 6, 9, 0, 0, 0, zone), "2026-08-30", "2026-09-05", 30 + 31 + 32 + 33 + 34 + 35 + 36, 1},
			{time.Date(2026, time.September, 7, 9, 0, 0, 0, zone), "2026-08-31", "2026-09-06", 31 + 32 + 33 + 34 + 35 + 36 + 37, 0},
		} {
			time.Sleep(time.Until(tc.now))
			w, err := b.week(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if w.From != tc.from || w.To != tc.to || *w.Greeted != tc.greeted {
				t.Errorf("the week before %v is from %s to %s with %d greeted, want %s to %s with %d", tc.now, w.From, w.To, *w.Greeted, tc.from, tc.to, tc.greeted)
			}
			today, err := b.Today(t.Context())
			if err != nil || today.Began.Day() != tc.now.Day() || today.Began.Hour() != tc.began {
				t.Errorf("the day of %v began at %v, %v", tc.now, today.Began, err)
			}
		}
	})
}
