package measure

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	x, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestBounds has days on which clocks did what they did; from the tz database.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		zone, day, start string
		length           time.Duration
		exists           bool
	}{
		{"UTC", "2026-03-01", "2026-03-01T00:00:00Z", 24 * time.Hour, true},
		{"UTC", "1969-12-31", "1969-12-31T00:00:00Z", 24 * time.Hour, true},
		{"Asia/Shanghai", "2026-03-01", "2026-02-28T16:00:00Z", 24 * time.Hour, true},
		{"America/New_York", "2026-03-08", "2026-03-08T05:00:00Z", 23 * time.Hour, true},
		{"America/New_York", "2026-11-01", "2026-11-01T04:00:00Z", 25 * time.Hour, true},
		{"Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00Z", 24*time.Hour + 30*time.Minute, true},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", 23 * time.Hour, true}, // has no midnight
		{"America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00:00Z", 25 * time.Hour, true}, // its last hour comes twice
		{"Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z", 24 * time.Hour, true},
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", 0, false}, // there was none
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", 24 * time.Hour, true},
		// A minute of the 29th, then back to 23:01 of the 28th.
		{"America/St_Johns", "2006-10-29", "2006-10-29T02:30:00Z", 25 * time.Hour, true},
	} {
		cal := NewCalendar(Zone{Loc: zone(t, c.zone)})
		d, err := ParseDay(c.day)
		if err != nil || d.String() != c.day {
			t.Fatalf("day %s: %v, %v", c.day, d, err)
		}
		start, end, exists := cal.Bounds(d)
		if !start.Equal(at(t, c.start)) || end.Sub(start) != c.length || exists != c.exists {
			t.Errorf("%s in %s: from %v for %v, %v; want from %s for %v", c.day, c.zone, start, end.Sub(start), exists, c.start, c.length)
		}
		if !exists {
			if cal.Over(d, start.Add(-1)) || !cal.Over(d, start) {
				t.Errorf("%s in %s is over at %v, and not before", c.day, c.zone, start)
			}
			continue
		}
		if cal.Of(start) != d || cal.Of(end.Add(-1)) != d || cal.Of(end) <= d && c.zone != "America/St_Johns" {
			t.Errorf("%s in %s: first and last moments fall on %v and %v, the next on %v", c.day, c.zone, cal.Of(start), cal.Of(end.Add(-1)), cal.Of(end))
		}
		if cal.Over(d, end.Add(-1)) || !cal.Over(d, end) {
			t.Errorf("%s in %s is not over at its end, or before", c.day, c.zone)
		}
	}
}

// TestMovedCommunity has a community that goes from Berlin to Auckland and later to
// Honolulu: the past stays on its days.
func TestMovedCommunity(t *testing.T) {
	first, second := at(t, "2026-03-10T12:00:00Z"), at(t, "2026-06-10T12:00:00Z")
	cal := NewCalendar(Zone{second, zone(t, "Pacific/Honolulu")}, Zone{Loc: zone(t, "Europe/Berlin")}, Zone{first, zone(t, "Pacific/Auckland")})
	for _, c := range []struct{ at, day string }{
		{"2026-03-09T22:59:59Z", "2026-03-09"}, {"2026-03-09T23:00:00Z", "2026-03-10"},
		{"2026-03-10T11:59:59Z", "2026-03-10"}, {"2026-03-10T12:00:00Z", "2026-03-11"}, // a day of 13 hours
		{"2026-06-10T11:59:59Z", "2026-06-10"}, {"2026-06-10T12:00:00Z", "2026-06-10"}, {"2026-06-11T09:59:59Z", "2026-06-10"}, // one of 46
	} {
		if got := cal.Of(at(t, c.at)).String(); got != c.day {
			t.Errorf("%s falls on %s, want %s", c.at, got, c.day)
		}
	}
	for day, length := range map[string]time.Duration{"2026-03-10": 13 * time.Hour, "2026-03-11": 23 * time.Hour, "2026-06-10": 46 * time.Hour, "2026-03-09": 24 * time.Hour} {
		d, _ := ParseDay(day)
		if start, end, ok := cal.Bounds(d); !ok || end.Sub(start) != length {
			t.Errorf("%s lasts from %v to %v, want %v", day, start, end, length)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		u           Unit
		day         string
		name        string
		first, last string
	}{
		{Days, "2026-03-01", "2026-03-01", "2026-03-01", "2026-03-01"},
		{Weeks, "2026-03-01", "2026-W09", "2026-02-23", "2026-03-01"}, // a Sunday
		{Weeks, "2026-03-02", "2026-W10", "2026-03-02", "2026-03-08"},
		{Weeks, "2021-01-03", "2020-W53", "2020-12-28", "2021-01-03"},
		{Weeks, "1969-12-28", "1969-W52", "1969-12-22", "1969-12-28"},
		{Months, "2024-02-29", "2024-02", "2024-02-01", "2024-02-29"},
		{Months, "2026-12-31", "2026-12", "2026-12-01", "2026-12-31"},
		{Months, "2027-01-01", "2027-01", "2027-01-01", "2027-01-31"},
	} {
		d, err := ParseDay(c.day)
		if err != nil {
			t.Fatal(err)
		}
		i := c.u.Index(d)
		if c.u.Name(i) != c.name || c.u.First(i).String() != c.first || c.u.Last(i).String() != c.last {
			t.Errorf("%s: %s from %v to %v", c.day, c.u.Name(i), c.u.First(i), c.u.Last(i))
		}
	}
	if _, err := ParseDay("yesterday"); err == nil {
		t.Error("yesterday is a day")
	}
}

// TestCalendarProperties holds days to be what clocks show, in every kind of zone.
func TestCalendarProperties(t *testing.T) {
	var zones []*time.Location
	for _, name := range []string{"UTC", "Asia/Shanghai", "America/Sao_Paulo", "Pacific/Apia", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Kiritimati"} {
		zones = append(zones, zone(t, name))
	}
	rapid.Check(t, func(t *rapid.T) {
		cal := NewCalendar(Zone{Loc: rapid.SampledFrom(zones).Draw(t, "zone")},
			Zone{time.Unix(rapid.Int64Range(1e9, 2e9).Draw(t, "moved"), 0), rapid.SampledFrom(zones).Draw(t, "to")})
		x := time.Unix(rapid.Int64Range(3e8, 2.2e9).Draw(t, "t"), 0)
		d := cal.Of(x)
		if got := cal.local(x).Format(time.DateOnly); got != d.String() {
			t.Fatalf("%v falls on %v, clocks show %s", x, d, got)
		}
		start, end, exists := cal.Bounds(d)
		if !exists || x.Before(start) || !x.Before(end) {
			t.Fatalf("%v lies outside its day, %v to %v", x, start, end)
		}
		if cal.Over(d, x) {
			t.Fatalf("%v is over at %v", d, x)
		}
		for _, u := range units {
			i := u.Index(d)
			if d < u.First(i) || d > u.Last(i) || u.Index(u.First(i)) != i || u.Index(u.Last(i)+1) != i+1 {
				t.Fatalf("%v is not in period %s", d, u.Name(i))
			}
		}
	})
}
