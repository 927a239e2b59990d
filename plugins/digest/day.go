package main

import (
	"iter"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// where is the community's time zone; it is looked up once for each image, which
// costs more than an event may.
var where = time.UTC

// clock is a time, in Unix seconds, by the community's clocks.
func clock(seconds int64) time.Time { return time.Unix(seconds, 0).In(where) }

// A digest's day begins at an hour of the community's clocks, and is called by the
// date of that: opens is when.
func opens(c *ctx, year int, month time.Month, day int) time.Time {
	return abi.OnClocks(year, month, day, c.Config.Hour, 0, where)
}

// dayStart is when the day began that a time is in.
func dayStart(c *ctx, t time.Time) time.Time {
	t = t.In(where)
	year, month, day := t.Date()
	start := opens(c, year, month, day)
	if start.After(t) {
		start = opens(c, year, month, day-1)
	}
	return start
}

// dayOf is what the day is called that a time is in.
func dayOf(c *ctx, t time.Time) string { return dayStart(c, t).Format(time.DateOnly) }

// daysOn is when the day begins so many days after the one that begins at start.
func daysOn(c *ctx, start time.Time, days int) time.Time {
	year, month, day := start.In(where).Date()
	return opens(c, year, month, day+days)
}

// dates are what the days are called from the beginning of one up to that of
// another.
func dates(from, to time.Time) iter.Seq[string] {
	return func(yield func(string) bool) {
		year, month, day := from.In(where).Date()
		for end := to.In(where).Format(time.DateOnly); ; day++ {
			// On a calendar without a zone: in one, a midnight may be missing.
			date := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
			if date >= end || !yield(date) {
				return
			}
		}
	}
}
