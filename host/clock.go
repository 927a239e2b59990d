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
