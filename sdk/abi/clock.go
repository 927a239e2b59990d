package abi

import "time"

// OnClocks is when the clocks of a zone show a time of day; what of a day there is
// not is counted on, as time.Date does. A time that a change to daylight saving time
// leaves out comes after the change, later by what is left out: time.Date answers so
// east of Greenwich, and west of it with a time before. Schedules, quiet hours and
// days are meant so, by the host and by plugins.
func OnClocks(year int, month time.Month, day, hour, minute int, zone *time.Location) time.Time {
	at := time.Date(year, month, day, hour, minute, 0, 0, zone)
	_, offset := at.Zone()
	meant := time.Date(year, month, day, hour, minute, 0, 0, time.UTC).Unix()
	if short := meant - (at.Unix() + int64(offset)); short > 0 {
		at = at.Add(time.Duration(short) * time.Second)
	}
	return at
}
