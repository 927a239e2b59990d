package host

import "time"

// Clock is where the engine's time comes from. It is safe for concurrent use.
type Clock interface {
	Now() time.Time

	// AfterFunc calls f in a goroutine of its own once d has passed, unless stop
	// is called before; stop says whether it was in time.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// wall is the machine's own clock.
type wall struct{}

func (wall) Now() time.Time { return time.Now() }

func (wall) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// onClocks is when clocks in a zone show a time of day; what of a day there is not
// is counted on, as time.Date does. A time that a change to daylight saving time
// leaves out is meant to come after the change, later by what is left out:
// time.Date answers so east of Greenwich, and west of it with a time before.
func onClocks(year int, month time.Month, day, hour, minute int, zone *time.Location) time.Time {
	at := time.Date(year, month, day, hour, minute, 0, 0, zone)
	_, offset := at.Zone()
	meant := time.Date(year, month, day, hour, minute, 0, 0, time.UTC).Unix()
	if short := meant - (at.Unix() + int64(offset)); short > 0 {
		at = at.Add(time.Duration(short) * time.Second)
	}
	return at
}
