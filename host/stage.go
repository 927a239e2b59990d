package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// The life of a version, and who may end it:
//
//	upload ─► signature ─► meter, compile ─► describe ─► manifest, config ─► image, self-test
//	                                                                              │ one batch
//	   rolled back ◄── live ◄── promoted ◄──────────────────────────────────── staged
//	        │            │          permissions, gate, rows moved                 │
//	        └────────────┴──── dropped: more than Keep.Versions of those that do not run
//
// Up to "one batch" nothing is written but code that nothing leads to. Every
// step after that is one batch, with the record of who did it; memory follows.

// changes is what is being changed of plugins, and what is kept ready for it.
type changes struct {
	mu      sync.Mutex
	names   map[string]bool     // under change
	kept    map[string]*version // what was live last, ready to be so again
	staging sync.Mutex          // uploads are looked at one after the other: their memory is bounded by one

	// Of the tests.
	step  func(at string)                                  // called where a crash would be awkward
	guest func(v *registry.Version, m *abi.Manifest) guest // a Go function for a version; nil is none
}

// begin begins a change of a plugin. It returns ErrChanging while another one is
// under way.
func (c *changes) begin(name string) (end func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.names[name] {
		return nil, ErrChanging
	}
	if c.names == nil {
		c.names = map[string]bool{}
	}
	c.names[name] = true
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.names, name)
	}, nil
}

func (c *changes) at(step string) {
	if c.step != nil {
		c.step(step)
	}
}

// keep has v ready in the place of what was kept of its plugin, which it
// returns; nil is nothing.
func (c *changes) keep(name string, v *version) (old *version) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old = c.kept[name]; old == v {
		old = nil
	}
	if c.kept == nil {
		c.kept = map[string]*version{}
	}
	if v == nil {
		delete(c.kept, name)
	} else {
		c.kept[name] = v
	}
	return old
}

// readyNow is the version of that name and code that is kept, if there is one.
func (c *changes) readyNow(name, sha string) *version {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.kept[name]; v != nil && v.sha == sha {
		return v
	}
	return nil
}

// closeKept closes what is kept ready.
func (e *Engine) closeKept(ctx context.Context) error {
	e.changes.mu.Lock()
	kept := e.changes.kept
	e.changes.kept = nil
	e.changes.mu.Unlock()
	var err error
	for _, v := range kept {
		err = errors.Join(err, v.close(ctx))
	}
	return err
}

// maxTurns is how often a change is made anew because rows changed meanwhile.
const maxTurns = 8

// Stage takes code in as a version that is not live: it is held against the
// policy about signatures, metered, compiled, asked for its manifest, and tried
// with the config that its plugin has, its self-test and its own examples. What
// runs is not touched. Code that is there already is left as it is. The error is
// one line, and wraps ErrTooLarge, ErrSignature, wasm.ErrABI, ErrManifest,
// ErrConfig or ErrSelfTest if it is the upload's fault.
func (e *Engine) Stage(ctx context.Context, u Upload) (VersionInfo, error) {
	e.changes.staging.Lock()
	defer e.changes.staging.Unlock()
	v, err := e.stage(ctx, &u)
	if err != nil {
		err = fmt.Errorf("host: taking in a plugin: %w", oneLine(err))
		e.o.Logger.Warn("an upload was refused; what runs goes on", "by", u.Who.ID, "bytes", len(u.Code), "err", err)
		return VersionInfo{}, err
	}
	return e.Version(ctx, v.Name, v.SHA256)
}

// oneLine is an error whose text is one line.
func oneLine(err error) error {
	if !strings.Contains(err.Error(), "\n") {
		return err
	}
	return lined{err}
}

type lined struct{ error }

func (l lined) Error() string { return strings.Join(strings.Fields(l.error.Error()), " ") }
func (l lined) Unwrap() error { return l.error }

var wasmMagic = []byte("\x00asm")

// checkCode refuses what need not be looked into.
func checkCode(code []byte) error {
	if len(code) > MaxPlugin {
		return fmt.Errorf("%w: it has %d bytes, at most %d", ErrTooLarge, len(code), MaxPlugin)
	}
	if !bytes.HasPrefix(code, wasmMagic) {
		return fmt.Errorf("%w: it is no WebAssembly module: it begins with %q", wasm.ErrABI, code[:min(len(code), 8)])
	}
	return nil
}

func (e *Engine) stage(ctx context.Context, u *Upload) (*registry.Version, error) {
	if err := checkCode(u.Code); err != nil {
		return nil, err
	}
	signature := registry.Signature{Status: registry.SignedNot}
	if !u.Bundled {
		var err error
		if signature, err = e.o.Signatures.Check(u.Code, u.Signature); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(u.Code)
	n, err := e.compile(ctx, sum, given(u.Code))
	if err != nil {
		return nil, err
	}
	defer func() { _ = n.compiled.Close(context.WithoutCancel(ctx)) }() // its calls have ended
	if u.Name != "" && n.manifest.Name != u.Name {
		return nil, fmt.Errorf("%w: it calls itself %q, and not %q", ErrManifest, n.manifest.Name, u.Name)
	}
	v := &registry.Version{Name: n.manifest.Name, SHA256: hex.EncodeToString(sum[:]), Version: n.manifest.Version, StateVersion: n.manifest.State(),
		Manifest: n.compiled.Manifest(), Size: int64(len(u.Code)), By: u.Who, Why: u.Why, Bundled: u.Bundled, Signature: signature}
	if known, err := e.known(ctx, v, u); err != nil || known {
		return v, err
	}
	if n.options, err = e.optionsOf(&n.manifest); err != nil {
		return nil, err
	}
	tried, err := e.image(ctx, n.compiled, &n.manifest, n.options, nil)
	if err != nil {
		return nil, err
	}
	defer tried.guest.Close()
	if v.SelfTest, err = tryExamples(ctx, tried.guest, &n.manifest, e.clock.Now()); err != nil {
		return nil, err
	}
	return v, e.putVersion(ctx, v, u.Code, nil)
}

// known says whether a version is in the registry already. What an upload says
// anew about it, that a trusted key has signed it, is added.
func (e *Engine) known(ctx context.Context, v *registry.Version, u *Upload) (bool, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return false, err
	}
	defer snap.Close()
	old, err := registry.VersionOf(ctx, snap, v.Name, v.SHA256)
	if errors.Is(err, registry.ErrUnknown) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if v.Signature.Status != registry.SignedWell || old.Signature == v.Signature {
		return true, nil
	}
	was := old.Signature
	old.Signature = v.Signature
	return true, e.putVersion(ctx, &old, u.Code, &was)
}

// putVersion brings a version into the registry, with its code, or writes that
// it is signed better than it was. Versions that are too many by it go.
func (e *Engine) putVersion(ctx context.Context, v *registry.Version, code []byte, was *registry.Signature) error {
	entry := audit.Entry{Who: v.By, Did: "plugin.stage", On: pluginObject(v.Name), After: versionText(v.Version, v.SHA256), Why: v.Why}
	if was != nil {
		entry.Did, entry.Before, entry.After = "plugin.sign", was.String(), v.Signature.String()+" "+versionText(v.Version, v.SHA256)
	}
	for turn := 0; ; turn++ {
		e.changes.at("stage: tried")
		stored, err := registry.PutCode(ctx, e.store, v.SHA256, code)
		if err != nil {
			return err
		}
		e.changes.at("stage: code")
		b := new(store.Batch)
		if was == nil {
			v.Uploaded, v.Order = e.clock.Now(), e.nextSeq()
		}
		if err = v.Put(b, stored); err == nil && was == nil {
			err = e.prune(ctx, b, v.Name, v)
		}
		if err == nil {
			err = e.audit.Put(b, entry)
		}
		if err == nil {
			_, err = e.store.Commit(ctx, b)
		}
		if errors.Is(err, store.ErrConflict) && turn < maxTurns {
			continue // its code was swept, or its plugin changed
		}
		if err != nil {
			return fmt.Errorf("plugin %s: %w", v.Name, err)
		}
		e.changes.at("stage: done")
		e.o.Logger.Info("a version of a plugin is staged", "plugin", v.Name, "version", v.Version, "sha256", v.SHA256, "by", v.By.ID)
		return nil
	}
}

// prune adds to b that versions go which are too many when v has come.
func (e *Engine) prune(ctx context.Context, b *store.Batch, name string, v *registry.Version) error {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	row, err := registry.PluginOf(ctx, snap, name)
	if err != nil {
		return err
	}
	list, err := registry.Versions(ctx, snap, name)
	if err != nil {
		return err
	}
	old := registry.Old(&row, append(list, *v), e.tuned().Keep.Versions)
	if len(old) == 0 {
		return nil
	}
	registry.Drop(b, old...)
	row.Forgo(old...)
	return row.Put(b)
}

// tryExamples has a version handle its own examples, and says in one line what was
// tried. Its self-test came before, with the image.
func tryExamples(ctx context.Context, g guest, m *abi.Manifest, now time.Time) (string, error) {
	begun := time.Now()
	for i := range m.Examples {
		x := &m.Examples[i]
		ev := x.Event
		def(&ev.ID, fmt.Sprint("example-", i+1))
		def(&ev.Source, "hearth")
		if err := try(ctx, g, &abi.Call{Event: ev, Now: now.UnixMilli(), Seed: uint64(i) + 1}); err != nil {
			return "", fmt.Errorf("%w: example %.80q: %w", ErrSelfTest, x.Name, err)
		}
	}
	if len(m.Examples) == 0 {
		return "passed", nil
	}
	return fmt.Sprintf("passed; examples of its own: %d, in %.1f ms", len(m.Examples), float64(time.Since(begun).Microseconds())/1000), nil
}

// try has a guest handle a call whose effects are thrown away.
func try(ctx context.Context, g guest, call *abi.Call) error {
	in, err := call.MarshalMsg(nil)
	if err != nil {
		return err
	}
	res, err := g.Call(ctx, wasm.Call{Export: abi.ExportHandle, Input: in, Now: time.UnixMilli(call.Now), Seed: call.Seed})
	if err != nil {
		return err
	}
	var ef abi.Effects
	if _, err := ef.UnmarshalMsg(res.Output); err != nil {
		return fmt.Errorf("what it returned cannot be read: %w", err)
	}
	if ef.Error != "" {
		return errors.New(ef.Error)
	}
	return nil
}

// optionsOf is what is set of a plugin now: what its live version has, or what
// Options.Settings says.
func (e *Engine) optionsOf(m *abi.Manifest) (PluginOptions, error) {
	if e.o.Settings != nil {
		return e.o.Settings(m)
	}
	if p := e.plugin(m.Name); p != nil {
		if v := p.version(); v != nil {
			return v.options, nil
		}
	}
	return PluginOptions{}, nil
}

// pluginObject is what the record of changes calls a plugin.
func pluginObject(name string) string { return "plugin/" + name }

// versionText names a version for people.
func versionText(version, sha string) string { return version + " (" + sha[:min(len(sha), 12)] + ")" }
