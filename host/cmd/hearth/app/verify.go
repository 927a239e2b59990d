package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/verify"
	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/host/verify/toolchain"
	"github.com/hearthbot/hearth/host/wasm"
)

// ToolchainDir is the directory below the data directory into which the pack of
// Go's compiler is unpacked.
const ToolchainDir = "toolchain"

// packWait is how often a pack is looked for that is not there: `make run` makes
// one while hearth serves.
const packWait = 3 * time.Second

// Packs are the directories in which a pack is looked for: beside the binary, and
// in toolchain beside that.
func Packs() []string {
	exe, err := os.Executable()
	if err != nil {
		return nil
	}
	dir := filepath.Dir(exe)
	return []string{filepath.Join(dir, "toolchain"), dir}
}

// Verifier joins package verify to the engine, the API and the command line: it
// prepares it, and repairs what chats do to code.
type Verifier struct {
	verify *verify.Verifier
	data   string
	log    *slog.Logger

	figures verifyFigures

	ctx  context.Context // of the preparation
	stop context.CancelFunc
	done sync.WaitGroup
}

// NewVerifier returns a verifier that has to be prepared. Its tools are compiled
// into the engine's cache, and unpacked below data. Options have a Logger.
func NewVerifier(ctx context.Context, o verify.Options, data string) (*Verifier, error) {
	v, err := verify.New(o)
	if err != nil {
		return nil, err
	}
	x := &Verifier{verify: v, data: data, log: o.Logger}
	x.ctx, x.stop = context.WithCancel(context.WithoutCancel(ctx))
	return x, nil
}

// verifyOptions are what [verify] says.
func verifyOptions(c *config.Verify, e *wasm.Engine, data string, log *slog.Logger) verify.Options {
	return verify.Options{Engine: e, Native: c.Compiler == "native", Dir: data, Logger: log, Fuel: int64(c.Fuel), Wall: c.Wall, Memory: int64(c.Memory), Output: c.Output, Sleep: c.Sleep,
		Workers: c.Workers, Queue: c.Queue, Share: c.Share, Every: c.PerMember.Every, Burst: c.PerMember.Burst, Cache: uint64(c.Cache), Imports: c.Imports}
}

// PrepareFrom begins to look for a pack in dirs, and prepares the newest when
// there is one. It does not wait for that.
func (x *Verifier) PrepareFrom(dirs []string) {
	x.done.Go(func() {
		for said := false; ; said = true {
			pack, err := toolchain.Find(dirs...)
			if err == nil {
				if err := x.Prepare(x.ctx, pack); err != nil && x.ctx.Err() == nil {
					x.log.Error("code cannot be compiled", "err", err)
				}
				return
			}
			if !said {
				x.log.Info("there is no compiler yet; code that members post waits for it", "looking_in", dirs, "make", "make toolchain")
			}
			select {
			case <-time.After(packWait):
			case <-x.ctx.Done():
				return
			}
		}
	})
}

// Prepare makes a pack's tools ready: half a minute the first time.
func (x *Verifier) Prepare(ctx context.Context, pack string) error {
	start := time.Now()
	x.log.Info("preparing the compiler; the first time this takes half a minute", "pack", pack)
	t, err := toolchain.Open(pack, filepath.Join(x.data, ToolchainDir))
	if err != nil {
		return err
	}
	if err := x.verify.Prepare(ctx, t); err != nil {
		return err
	}
	debug.FreeOSMemory() // hundreds of megabytes of modules and machine code were read, and are not read again
	x.log.Info("code is compiled and run", "go", x.verify.Status().GoVersion, "took", time.Since(start).Round(time.Millisecond).String())
	return nil
}

// Status says how far the preparation is.
func (x *Verifier) Status() verify.Status { return x.verify.Status() }

// Close ends the preparation, and the verifier when what runs has ended.
func (x *Verifier) Close() error {
	x.stop()
	x.done.Wait()
	return x.verify.Close()
}

// Submit verifies a submission as it was posted: what chats and keyboards do to
// code is repaired first, with a note for each repair.
func (x *Verifier) Submit(ctx context.Context, s verify.Submission, locale string) (verify.Result, error) {
	var notes []source.Diagnostic
	for i, f := range s.Files {
		if !strings.HasSuffix(f.Name, ".go") {
			continue
		}
		text, repairs := source.Repair(f.Text)
		for _, d := range append(repairs, source.Bidi(f)...) {
			d.File = f.Name
			notes = append(notes, d)
		}
		s.Files[i].Text = text
	}
	start := time.Now()
	r, err := x.verify.Verify(ctx, s)
	if err != nil {
		return r, err
	}
	x.figures.count(&r, time.Since(start))
	r.Diagnostics = append(r.Diagnostics[:len(r.Diagnostics):len(r.Diagnostics)], notes...)
	return r.In(locale), nil
}
