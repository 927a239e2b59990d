package author

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/sdktest/tape"
)

// ErrTests says that go test failed; what it printed has been written.
var ErrTests = errors.New("go test failed")

// Native runs the plugin's tests with go test and returns the tapes of its
// transcripts. What go test prints goes to out; flags are go test's own.
func (p *Project) Native(ctx context.Context, out io.Writer, flags ...string) ([]tape.Tape, error) {
	dir, err := os.MkdirTemp("", "hearth-tapes-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := p.command(ctx, append([]string{"test", "-count=1", "."}, flags...)...)
	cmd.Env = append(os.Environ(), tape.Variable+"="+dir)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", ErrTests, err)
	}
	return tape.Read(dir)
}

// Played is what the sandbox made of a transcript.
type Played struct {
	Transcript string    `json:"transcript"`
	Calls      int       `json:"calls"`
	Differ     []Differs `json:"differ"`
}

// Differs is a call that the sandbox answered otherwise than go test did.
type Differs struct {
	Line  int    `json:"line"`  // of the file
	Input string `json:"input"` // that line

	// What differs: before is native, after is the sandbox.
	Differences []replay.Difference `json:"differences"`
}

// Play plays tapes to the plugin in its sandbox, and compares. each is told of
// every transcript as it is done.
func Play(ctx context.Context, plugin *wasm.Plugin, tapes []tape.Tape, each func(Played)) error {
	p := &player{plugin: plugin}
	defer p.close()
	for i := range tapes {
		done, err := p.compare(ctx, &tapes[i])
		if err != nil {
			return err
		}
		each(done)
	}
	return nil
}

// compare plays one tape.
func (p *player) compare(ctx context.Context, t *tape.Tape) (Played, error) {
	out := Played{Transcript: t.Transcript, Differ: []Differs{}}
	err := p.play(ctx, t, func(s *tape.Step, i *wasm.Image, r *rows) error {
		c, err := callOf(s, r, nil)
		if err != nil {
			return err
		}
		out.Calls++
		res, err := i.Call(ctx, c)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		found, err := differences(s, res.Output, err)
		if err != nil {
			return fmt.Errorf("%s%s: %w", t.Transcript, at(s), err)
		}
		if len(found) > 0 {
			out.Differ = append(out.Differ, Differs{s.Line, s.Input, found})
		}
		return nil
	})
	return out, err
}

// differences holds what the sandbox answered, or how it failed, against what
// is on the tape.
func differences(s *tape.Step, answer []byte, failed error) ([]replay.Difference, error) {
	if s.Call == nil {
		native, what := s.View, "the view"
		if s.Query == nil {
			native, what = s.Migrated, "the migrated rows"
		}
		switch {
		case failed != nil:
			return []replay.Difference{{What: replay.Error, How: replay.Appears, Name: what, After: failed.Error()}}, nil
		case bytes.Equal(native, answer):
			return nil, nil
		}
		return []replay.Difference{{What: replay.Unknown, How: replay.Changes, Name: what, Before: readable(s, native), After: readable(s, answer)}}, nil
	}
	var native, sandbox abi.Effects
	if _, err := native.UnmarshalMsg(s.Effects); err != nil {
		return nil, fmt.Errorf("read what is on the tape: %w", err)
	}
	if failed != nil {
		sandbox.Error = failed.Error()
	} else if _, err := sandbox.UnmarshalMsg(answer); err != nil {
		sandbox.Error = fmt.Sprintf("it returned what are no effects: %v", err)
	} else if err := sandbox.Check(); err != nil && sandbox.Error == "" {
		sandbox.Error = fmt.Sprintf("the host would refuse this: %v", err)
	}
	// The stacks behind a message are of two different programs.
	native.Error, sandbox.Error = firstLine(native.Error), firstLine(sandbox.Error)
	return replay.Compare(&native, &sandbox), nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// readable shows an answer that is no effects.
func readable(s *tape.Step, answer []byte) string {
	if s.Query != nil {
		var v abi.View
		if _, err := v.UnmarshalMsg(answer); err == nil {
			return fmt.Sprintf("%d %s\n%s", max(v.Status, 200), v.Type, v.Body)
		}
		return fmt.Sprintf("%q", answer)
	}
	var m abi.Migrated
	if _, err := m.UnmarshalMsg(answer); err != nil {
		return fmt.Sprintf("%q", answer)
	}
	if m.Error != "" {
		return "error: " + m.Error
	}
	var w strings.Builder
	for i, list := range m.Rows {
		for _, r := range list {
			fmt.Fprintf(&w, "row %d ─► %s = %q\n", i+1, r.Key, r.Value)
		}
	}
	return w.String()
}
