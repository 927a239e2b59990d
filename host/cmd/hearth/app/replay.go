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
	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
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
// hearth uses (ErrRunning otherwise): it opens it as New does, takes up what is
// live, and connects to nothing. The directory has to be there.
func Replay(ctx context.Context, o Options, q web.ReplayRequest, progress func(done, total int)) (_ *replay.Report, err error) {
	a := &App{o: o, log: o.Logger, begun: time.Now()}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	dir := o.Config.Server.Data
	if there, globErr := filepath.Glob(filepath.Join(dir, "*.db")); globErr != nil || len(there) == 0 {
		if _, statErr := os.Stat(dir); statErr != nil && !errors.Is(statErr, fs.ErrNotExist) {
			return nil, fmt.Errorf("look into the data directory: %w", statErr)
		}
		return nil, fmt.Errorf("there is no data of a hearth in %s; --data says where it is", dir)
	}
	for _, step := range []func(context.Context) error{a.openData, a.openSettings, a.openEngine} {
		if err := step(ctx); errors.Is(err, store.ErrLocked) {
			return nil, fmt.Errorf("%w: %s; ask it with --server URL, or stop it", ErrRunning, dir)
		} else if err != nil {
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
