package author

import (
	"context"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/sdktest/tape"
)

// player plays tapes to a plugin in its sandbox.
type player struct {
	plugin *wasm.Plugin
	images map[string]*wasm.Image // by their setups
}

// maxImages is how many images are kept: transcripts have few setups.
const maxImages = 8

// image is the plugin's image under a setup.
func (p *player) image(ctx context.Context, setup []byte) (*wasm.Image, error) {
	if i := p.images[string(setup)]; i != nil {
		return i, nil
	}
	if len(p.images) >= maxImages {
		p.close()
	}
	i, err := p.plugin.Image(ctx, setup, warmups())
	if err != nil {
		return nil, err
	}
	if p.images == nil {
		p.images = map[string]*wasm.Image{}
	}
	p.images[string(setup)] = i
	return i, nil
}

func (p *player) close() {
	for _, i := range p.images {
		_ = i.Close() // no call is under way
	}
	p.images = nil
}

// warmups are the events that the engine has an image handle before it is kept.
func warmups() [][]byte {
	call := abi.Call{Event: abi.Event{ID: "warm-up", Source: "hearth", Kind: abi.SelfTest}, Seed: 1}
	in, err := call.MarshalMsg(nil)
	if err != nil {
		panic(err) // it is always the same
	}
	return [][]byte{in, in}
}

// visit is told of every step of a tape that is a call, with the image and the
// rows that it finds. An error ends the playing.
type visit func(s *tape.Step, i *wasm.Image, r *rows) error

// play goes through a tape.
func (p *player) play(ctx context.Context, t *tape.Tape, each visit) error {
	var image *wasm.Image
	var r rows
	for n := range t.Steps {
		s := &t.Steps[n]
		r.change(s.Rows)
		if s.Setup != nil {
			var err error
			if image, err = p.image(ctx, s.Setup); err != nil {
				return fmt.Errorf("%s%s: the plugin cannot be made ready: %w", t.Transcript, at(s), err)
			}
			continue
		}
		if image == nil {
			return fmt.Errorf("%s: the tape has no setup before its first call; is the plugin's sdk older than this hearth? `hearth plugin sdk` renews it", t.Transcript)
		}
		if err := each(s, image, &r); err != nil {
			return err
		}
	}
	return nil
}

// at is where in a transcript a step is.
func at(s *tape.Step) string {
	if s.Line == 0 {
		return ""
	}
	return fmt.Sprintf(", line %d", s.Line)
}

// callOf is the step as the sandbox is called.
func callOf(s *tape.Step, r *rows, buf []byte) (wasm.Call, error) {
	c := wasm.Call{Host: &reading{rows: r}, Seed: 1, Buf: buf}
	switch {
	case s.Call != nil:
		var call abi.Call
		if _, err := call.UnmarshalMsg(s.Call); err != nil {
			return c, fmt.Errorf("read a call of the tape: %w", err)
		}
		c.Export, c.Input, c.Now, c.Seed = abi.ExportHandle, s.Call, time.UnixMilli(call.Now), call.Seed
	case s.Query != nil:
		var q abi.Query
		if _, err := q.UnmarshalMsg(s.Query); err != nil {
			return c, fmt.Errorf("read a query of the tape: %w", err)
		}
		c.Export, c.Input, c.Now = abi.ExportQuery, s.Query, time.UnixMilli(q.Now)
	default:
		c.Export, c.Input = abi.ExportMigrate, s.Migration
	}
	return c, nil
}
