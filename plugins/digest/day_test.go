package main

import (
	"maps"
	"testing"
	"time"

	"github.com/hearthbot/hearth/plugins/digest/view"
	"github.com/hearthbot/hearth/sdk/sdktest"
)

// TestEachDayHasItsOwn has each day's digest tell of what was asked on that day,
// where days begin at whatever hour of UTC, and where one begins an hour late, as
// clocks go forward at midnight.
func TestEachDayHasItsOwn(t *testing.T) {
	const config = `{"public": ["*"], "answers": "off", "post": ["test:general"], "weekly": "sunday"}`
	for _, name := range []string{"UTC", "Asia/Shanghai", "America/New_York", "America/Santiago", "Pacific/Kiritimati"} {
		t.Run(name, func(t *testing.T) {
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Skip("no time zones here: ", err)
			}
			// In Santiago 6 September 2026 begins at one.
			b := sdktest.New(t, sdktest.Options{Config: config, TimeZone: name, Start: time.Date(2026, time.September, 2, 15, 0, 0, 0, zone)})
			want := map[string]int{"week:2026-08-30": 1 + 2 + 3 + 4} // up to Saturday, the 5th
			for n := 1; n <= 7; n++ {
				now := b.Now().In(zone)
				want["day:"+now.Format(time.DateOnly)] = n
				for range n {
					b.Member("ann").Says("#general", "How do I write to a nil map in Go?")
				}
				b.Advance(time.Minute)
				for b.Now().In(zone).Day() == now.Day() { // each hour, as the schedule has it
					b.Advance(time.Hour - time.Duration(b.Now().Minute())*time.Minute)
					b.Schedule("hour")
					b.Advance(time.Minute)
				}
				b.Configure(config)
				b.Advance(15 * time.Hour)
			}
			got := map[string]int{}
			for after := ""; ; {
				e := ask[view.Editions](t, b, "/editions", "manager", "after", after)
				for _, x := range e.Editions {
					got[x.Key] = x.Questions
				}
				if after = e.Next; after == "" {
					break
				}
			}
			if !maps.Equal(got, want) {
				t.Errorf("the digests tell of %v questions, and %v were asked", got, want)
			}
		})
	}
}
