package host

import (
	"sync"

	"github.com/hearthbot/hearth/host/measure"
)

// maxMeasured is of how many members a copy of what is measured is kept.
const maxMeasured = 16 << 10

// measuredRows are copies of members' measured rows, so that most events need no
// read: rows only learn, so a copy of any age that holds a fact already settles it.
// Only what was read or committed is put here, and a forgotten member's copy goes
// before it could stand for somebody new.
type measuredRows struct {
	mu    sync.Mutex
	rows  map[string]*measuredCopy
	ring  []*measuredCopy // of all in rows; the next to go is found from hand on
	hand  int
	epoch uint64 // counts forgettings
}

type measuredCopy struct {
	member string
	row    *measure.Row // never changed
	used   bool         // since the hand came by
}

// get is a member's copy, nil if there is none, and the epoch that put wants back.
func (c *measuredRows) get(member string) (*measure.Row, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.rows[member]
	if m == nil {
		return nil, c.epoch
	}
	m.used = true
	return m.row, c.epoch
}

// put keeps a copy of what was read, or committed, in an epoch. If somebody was
// forgotten since it is dropped: it might be theirs.
func (c *measuredRows) put(member string, row *measure.Row, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch != c.epoch {
		return
	}
	if m := c.rows[member]; m != nil {
		m.row, m.used = row, true
		return
	}
	m := &measuredCopy{member: member, row: row}
	if c.rows == nil {
		c.rows = map[string]*measuredCopy{}
	}
	c.rows[member] = m
	if len(c.ring) < maxMeasured {
		c.ring = append(c.ring, m)
		return
	}
	for c.ring[c.hand].used {
		c.ring[c.hand].used = false
		c.hand = (c.hand + 1) % len(c.ring)
	}
	delete(c.rows, c.ring[c.hand].member)
	c.ring[c.hand] = m
	c.hand = (c.hand + 1) % len(c.ring)
}

// drop forgets a member's copy, and keeps those out that are on their way.
func (c *measuredRows) drop(member string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	if m := c.rows[member]; m != nil {
		m.row, m.used = &measure.Row{}, false // knows nothing, and goes when its turn comes
	}
}
