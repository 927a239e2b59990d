package replay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Latency is by how much answers are late: half of them by up to P50, most by
// up to P95, none by more than Max. Between those it is even. The zero value is
// not at all; a Max or P95 that is less than what comes before counts as that.
type Latency struct{ P50, P95, Max time.Duration }

// Fixed is a latency that is the same for each answer.
func Fixed(d time.Duration) Latency { return Latency{d, d, d} }

// at is the latency of which a part u of all are less.
func (l Latency) at(u float64) time.Duration {
	p95 := max(l.P50, l.P95)
	most := max(p95, l.Max)
	between := func(a, b time.Duration, part float64) time.Duration { return a + time.Duration(float64(b-a)*part) }
	if l.P50 == p95 && p95 == most {
		return most // Fixed is not 0 for some
	}
	switch {
	case u < 0.5:
		return between(0, l.P50, u/0.5)
	case u < 0.95:
		return between(l.P50, p95, (u-0.5)/0.45)
	}
	return between(p95, most, (u-0.95)/0.05)
}

// Trouble is how reads go wrong. The zero value leaves them alone.
type Trouble struct {
	Latency   Latency
	FailEvery int // each so many-th read of an event fails, from one that differs from event to event; 0: none
}

// ErrInjected says that a read failed because a Trouble wanted it to.
var ErrInjected = errors.New("this read was made to fail, to see what comes of it")

// Reader answers what a plugin reads: a wasm.Host.
type Reader interface {
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	Scan(ctx context.Context, s *abi.Scan) ([]byte, error)
	Log(level int, line string)
}

// Troubled is a Reader whose answers are late or fail. Its clock is virtual: it
// sleeps for nothing, but adds up what it would have slept, so that a thousand
// events with slow reads take no longer than without, and the same each time. It
// serves one event, in all its tries: one call after the other.
type Troubled struct {
	Reader
	trouble Trouble
	wall    time.Duration
	chance  *rand.Rand
	count   uint64
	begun   time.Duration // what Waited was when this try began

	Waited time.Duration // in all
	Failed int           // reads that were made to fail
}

// Over puts t over r for the event of a seed, whose tries may take wall each.
func (t Trouble) Over(r Reader, seed uint64, wall time.Duration) *Troubled {
	x := &Troubled{Reader: r, trouble: t, wall: wall, chance: rand.New(rand.NewPCG(seed, 0))}
	if t.FailEvery > 0 {
		x.count = seed % uint64(t.FailEvery)
	}
	return x
}

// Again begins another try, which reads from r.
func (x *Troubled) Again(r Reader) { x.Reader, x.begun = r, x.Waited }

// Get implements wasm.Host.
func (x *Troubled) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if err := x.meet(); err != nil {
		return nil, false, err
	}
	return x.Reader.Get(ctx, key)
}

// Scan implements wasm.Host.
func (x *Troubled) Scan(ctx context.Context, s *abi.Scan) ([]byte, error) {
	if err := x.meet(); err != nil {
		return nil, err
	}
	return x.Reader.Scan(ctx, s)
}

func (x *Troubled) meet() error {
	if x.trouble.Latency != (Latency{}) {
		x.Waited += x.trouble.Latency.at(x.chance.Float64())
		if took := x.Waited - x.begun; x.wall > 0 && took > x.wall {
			return fmt.Errorf("%w: its reads alone were answered after %v, a call may take %v", context.DeadlineExceeded, took, x.wall)
		}
	}
	if n := x.trouble.FailEvery; n > 0 {
		if x.count++; x.count%uint64(n) == 0 {
			x.Failed++
			return ErrInjected
		}
	}
	return nil
}
