package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/host/settings"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
	"github.com/hearthbot/hearth/web"
)

// replayer is the engine's replays as the web sees them.
type replayer struct{ engine *host.Engine }

var _ web.Replayer = replayer{}

func (r replayer) Replay(ctx context.Context, q web.ReplayRequest, progress func(done, total int)) (*replay.Report, error) {
	if q.Code == nil && q.SHA != "" {
		sha, err := r.whole(ctx, q.Plugin, q.SHA)
		if err != nil {
			return nil, known(err)
		}
		q.SHA = sha
	}
	report, err := r.engine.Replay(ctx, host.ReplayOptions{Plugin: q.Plugin, Code: q.Code, SHA: q.SHA, Last: q.Last, Since: q.Since, Until: q.Until,
		Kind: abi.Kind(q.Kind), FailedOnly: q.Failed, Event: q.Event, Progress: progress})
	return report, refused(err)
}

// whole is the hash that begins so, of a version that is kept or runs.
func (r replayer) whole(ctx context.Context, name, sha string) (string, error) {
	found := map[string]bool{}
	list, err := r.engine.Versions(ctx, name)
	if err != nil && !errors.Is(err, host.ErrUnknown) { // one that only runs is in no registry
		return "", err
	}
	for i := range list {
		found[list[i].SHA256] = strings.HasPrefix(list[i].SHA256, sha)
	}
	for _, p := range r.engine.Plugins() {
		if p.Name == name {
			found[p.SHA256] = strings.HasPrefix(p.SHA256, sha)
		}
	}
	out := ""
	for s, is := range found {
		switch {
		case is && out != "":
			return "", &web.PluginError{Code: web.PluginInvalid, Err: fmt.Errorf("several versions of %s begin with %s: write more of it", name, sha)}
		case is:
			out = s
		}
	}
	if out == "" {
		return "", fmt.Errorf("%w: version %s of plugin %s", host.ErrUnknown, sha, name)
	}
	return out, nil
}

// ErrRunning says that a hearth that runs has the data directory open.
var ErrRunning = errors.New("a hearth that runs has the data directory open, and no other can look into it")

// Replay runs recorded events through a version on a data directory that no
// hearth uses (ErrRunning otherwise). It works on a copy of what lies there, opens
// that as New does, takes up what is live, and connects to nothing: of the
// directory, which has to be there, nothing is changed.
func Replay(ctx context.Context, o Options, q web.ReplayRequest, progress func(done, total int)) (_ *replay.Report, err error) {
	dir, err := filepath.Abs(o.Config.Server.Data)
	if err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	if there, globErr := filepath.Glob(filepath.Join(dir, "*.db")); globErr != nil || len(there) == 0 {
		if _, statErr := os.Stat(dir); statErr != nil && !errors.Is(statErr, fs.ErrNotExist) {
			return nil, fmt.Errorf("look into the data directory: %w", statErr)
		}
		return nil, fmt.Errorf("there is no data of a hearth in %s; --data says where it is", dir)
	}
	copied, err := os.MkdirTemp("", "hearth-replay-") // the owner's alone
	if err != nil {
		return nil, fmt.Errorf("where to copy the data directory: %w", err)
	}
	defer func() {
		if rmErr := os.RemoveAll(copied); rmErr != nil {
			err = errors.Join(err, fmt.Errorf("remove the copy of the data directory: %w", rmErr))
		}
	}()
	if err := copyData(ctx, dir, copied); errors.Is(err, store.ErrLocked) {
		return nil, fmt.Errorf("%w: %s; ask it with --server URL, or stop it", ErrRunning, dir)
	} else if err != nil {
		return nil, fmt.Errorf("copy the data directory, of which a replay changes nothing; TMPDIR says where to: %w", err)
	}
	defer func() {
		if err != nil {
			err = &movedError{err, copied, dir}
		}
	}()
	c := *o.Config
	c.Server.Data = copied
	o.Config = &c
	if !o.Token.Set() {
		o.Token = config.NewSecret(newSecret()) // nobody signs in
	}
	a := &App{o: o, log: o.Logger, begun: time.Now()}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	for _, step := range []func(context.Context) error{a.openData, a.openSettings, a.openEngine} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	list, err := a.engine.Restore(ctx, host.Start{Known: a.settings.learn, Skip: func(name string) bool { return !a.o.Config.Plugin(name).Enabled }})
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Err != nil {
			a.lack(list[i].Name, list[i].Err)
		}
	}
	return replayer{a.engine}.Replay(ctx, q, progress)
}

// movedError is an error about a copy of the data directory, told of the directory.
type movedError struct {
	err      error
	from, to string
}

func (e *movedError) Error() string { return strings.ReplaceAll(e.err.Error(), e.from, e.to) }

func (e *movedError) Unwrap() error { return e.err }

// copyData puts into a directory what a replay needs of another's: the store, the
// key of what is sealed in it, and links to what is compiled.
func copyData(ctx context.Context, dir, to string) error {
	if err := bolt.Copy(ctx, dir, to); err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(dir, settings.KeyFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, settings.KeyFile), key, 0o600)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// What cannot be linked is compiled anew.
	cache := filepath.Join(dir, CacheDir)
	_ = filepath.WalkDir(cache, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		rel, err := filepath.Rel(cache, path)
		if err != nil {
			return nil
		}
		if at := filepath.Join(to, CacheDir, rel); d.IsDir() {
			_ = os.MkdirAll(at, 0o700)
		} else {
			_ = os.Symlink(path, at)
		}
		return nil
	})
	return nil
}
