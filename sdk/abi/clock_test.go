package abi

import (
	"testing"
	"time"
)

// TestOnClocks asks for times that there are once, twice and never, on both sides of
// Greenwich.
func TestOnClocks(t *testing.T) {
	for _, c := range []struct {
		zone              string
		month             time.Month
		day, hour, minute int
		want              string
	}{
		{"UTC", 3, 8, 2, 30, "2026-03-08T02:30:00Z"},
		{"America/New_York", 3, 8, 2, 30, "2026-03-08T03:30:00-04:00"},
		{"America/New_York", 3, 8, 3, 0, "2026-03-08T03:00:00-04:00"},
		{"Europe/Berlin", 3, 29, 2, 30, "2026-03-29T03:30:00+02:00"},
		{"America/Santiago", 9, 6, 0, 0, "2026-09-06T01:00:00-03:00"},
		{"Africa/Cairo", 4, 24, 0, 0, "2026-04-24T01:00:00+03:00"},
		{"Australia/Lord_Howe", 10, 4, 2, 0, "2026-10-04T02:30:00+11:00"}, // by half an hour
		{"America/New_York", 11, 1, 1, 30, "2026-11-01T01:30:00-04:00"},   // the first of two
		{"Asia/Shanghai", 2, 29, 0, 0, "2026-03-01T00:00:00+08:00"},       // the day after the 28th
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Skip("no time zones here: ", err)
		}
		if got := OnClocks(2026, c.month, c.day, c.hour, c.minute, zone).Format(time.RFC3339); got != c.want {
			t.Errorf("%s: %d %v %02d:%02d is %s, want %s", c.zone, c.day, c.month, c.hour, c.minute, got, c.want)
		}
	}
}
