package app

import (
	"context"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
	"github.com/hearthbot/hearth/web/plug"
)

// pluginPages registers /admin/plugins.
func (a *App) pluginPages(f *page.Frame) error {
	k := &keeping{a}
	return plug.Register(plug.Options{Frame: f, Plugins: k, Replay: k.replay, Recent: k.recent})
}

// replay runs events of the journal through a version that was uploaded.
func (k *keeping) replay(ctx context.Context, _ audit.Who, name, sha string, last int, progress func(done, total int)) (*replay.Report, error) {
	r, err := k.app.engine.Replay(ctx, host.ReplayOptions{Plugin: name, SHA: sha, Last: last, Progress: progress})
	return r, known(err)
}

// Bounds of what is looked at for what a plugin logged lately.
const (
	recentEvents = 200
	recentLogs   = 50
)

// recent is what a plugin logged lately, and where it failed, the newest first.
func (k *keeping) recent(ctx context.Context, name string) ([]web.PluginLog, error) {
	list, err := k.app.engine.Events(ctx, host.EventFilter{Plugin: name, Limit: recentEvents})
	if err != nil {
		return nil, err
	}
	var out []web.PluginLog
	for i := range list {
		if l, ok := logOf(&list[i]); ok && len(out) < recentLogs {
			out = append(out, l)
		}
	}
	return out, nil
}

// logOf is what was logged at an event; false if there is nothing to say of it.
func logOf(h *host.Handled) (web.PluginLog, bool) {
	l := web.PluginLog{At: h.Now.UTC(), Version: h.Version, Event: h.Number, Kind: string(h.Event.Kind), Error: h.Error, Lines: h.Log}
	if l.Lines == nil {
		l.Lines = []string{}
	}
	return l, len(l.Lines) > 0 || l.Error != ""
}

// Logs implements web.Plugins.
func (k *keeping) Logs(ctx context.Context, name string) (<-chan web.PluginLog, error) {
	if _, err := k.Plugin(ctx, name); err != nil {
		return nil, err
	}
	handled := k.app.engine.Follow(ctx, host.EventFilter{Plugin: name}) // listens from here on
	out := make(chan web.PluginLog)
	go func() {
		defer close(out)
		for h, err := range handled {
			if err != nil {
				k.app.log.Warn("a follower of a plugin's log was too slow and is let go", "plugin", name, "err", err)
				return
			}
			l, ok := logOf(&h)
			if !ok {
				continue
			}
			select {
			case out <- l:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}
