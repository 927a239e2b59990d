package author

import (
	"context"
	"crypto/sha256"
	"time"
)

// Step is how far a version is on its way from the source to what runs.
type Step string

// The steps, in their order.
const (
	Building Step = "building" // go build
	Loading  Step = "loading"  // into the hearth that runs
	Live     Step = "live"
	Same     Step = "same"   // what was saved makes no difference
	Failed   Step = "failed" // the version before goes on
)

// Progress is a step of a version.
type Progress struct {
	Step    Step
	Built   time.Duration // Loading, Live: what go build took
	Loaded  time.Duration // Live: what it took from there
	Version string        // Live: as Load named it
	Err     error         // Failed: a *GoError of the compiler, or what Load said
}

// Run builds the plugin and has it loaded, and again whenever what it is made of
// is saved, until ctx ends. What fails is told, and the version that was loaded
// before goes on. load returns when events go to the new version.
func (p *Project) Run(ctx context.Context, load func(ctx context.Context, code []byte) (version string, err error), tell func(Progress)) error {
	now, err := p.state()
	if err != nil {
		return err
	}
	var last [sha256.Size]byte // of what was loaded
	for {
		p.turn(ctx, &last, load, tell)
		if now, err = p.changed(ctx, now); err != nil {
			return err
		}
	}
}

// turn is one way from the source to what runs.
func (p *Project) turn(ctx context.Context, last *[sha256.Size]byte, load func(context.Context, []byte) (string, error), tell func(Progress)) {
	begun := time.Now()
	tell(Progress{Step: Building})
	code, err := p.Build(ctx)
	built := time.Since(begun)
	if err == nil {
		sum := sha256.Sum256(code)
		if sum == *last {
			tell(Progress{Step: Same, Built: built})
			return
		}
		tell(Progress{Step: Loading, Built: built})
		var version string
		if version, err = load(ctx, code); err == nil {
			*last = sum
			tell(Progress{Step: Live, Built: built, Loaded: time.Since(begun) - built, Version: version})
			return
		}
	}
	if ctx.Err() == nil {
		tell(Progress{Step: Failed, Built: built, Err: err})
	}
}
