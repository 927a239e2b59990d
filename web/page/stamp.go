package page

import "time"

// Stamp is a moment as templates write it: <time datetime="{{.ISO}}">{{.Text}}</time>.
// The pages' script turns Text, which is UTC, into the reader's own time.
type Stamp struct{ ISO, Text string }

// At is the stamp of a moment.
func At(t time.Time) Stamp {
	t = t.UTC()
	return Stamp{t.Format(time.RFC3339Nano), t.Format("2006-01-02 15:04:05 UTC")}
}

// Maybe is At for a moment that may not be known; nil if it is not.
func Maybe(t *time.Time) *Stamp {
	if t == nil || t.IsZero() {
		return nil
	}
	s := At(*t)
	return &s
}
