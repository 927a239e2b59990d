package plug

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// logsView is the page of what a plugin logs.
type logsView struct {
	page.Head
	Name, Path string
	Live       string // the address of the stream
	Rows       []logRow
}

type logRow struct {
	ID, Event, Kind string
	At              page.Stamp
	Version         string
	Error           []page.Span
	Lines           []page.Span
	More            int
}

const (
	maxLogRows  = 50
	maxLogLines = 40 // of an event
	logsEvery   = 300 * time.Millisecond
)

func (p *pages) logs(w http.ResponseWriter, r *page.Request) error {
	name := r.PathValue("name")
	if _, err := p.o.Plugins.Plugin(r.Context(), name); err != nil {
		return p.lacking(err, base, "error.plugin")
	}
	t := p.Texts(r)
	list, err := p.recent(r.Context(), name)
	if err != nil {
		return err
	}
	v := &logsView{Head: page.Head{Title: t.Say("logs.title", name)}, Name: name, Path: onePath(name), Live: onePath(name) + "/logs/live"}
	v.Rows = logRows(t, list)
	return p.Show(w, r, http.StatusOK, "logs", v)
}

func (p *pages) recent(ctx context.Context, name string) ([]web.PluginLog, error) {
	if p.o.Recent == nil {
		return nil, nil
	}
	return p.o.Recent(ctx, name)
}

func logRows(t page.Texts, list []web.PluginLog) []logRow {
	var out []logRow
	for i := range list[:min(len(list), maxLogRows)] {
		l := &list[i]
		row := logRow{ID: "l-" + l.Event + "-" + l.At.UTC().Format("150405.000000000"), Event: "/admin/events/" + url.PathEscape(l.Event), Kind: kind(t, l.Kind), At: page.At(l.At), Version: fit(l.Version), Error: page.Visible(l.Error)}
		lines := l.Lines
		if len(lines) > maxLogLines {
			row.More, lines = len(lines)-maxLogLines, lines[:maxLogLines]
		}
		text := ""
		for _, s := range lines {
			text += s + "\n"
		}
		if text != "" {
			row.Lines = page.Visible(text[:len(text)-1])
		}
		out = append(out, row)
	}
	return out
}

// liveLogs streams the list whenever something is added.
func (p *pages) liveLogs(w http.ResponseWriter, r *page.Request) error {
	name, t := r.PathValue("name"), p.Texts(r)
	return r.Stream(w, func(ctx context.Context) (<-chan string, error) {
		// First listened, then read: nothing is missed between.
		logged, err := p.o.Plugins.Logs(ctx, name)
		if err != nil {
			return nil, p.lacking(err, base, "error.plugin")
		}
		list, err := p.recent(ctx, name)
		if err != nil {
			return nil, err
		}
		out := make(chan string)
		go p.followLogs(ctx, logsView{Head: page.Head{T: t}}, list, logged, out)
		return out, nil
	})
}

func (p *pages) followLogs(ctx context.Context, v logsView, list []web.PluginLog, logged <-chan web.PluginLog, out chan<- string) {
	defer close(out)
	wait := time.NewTimer(0)
	defer wait.Stop()
	due := true
	for {
		select {
		case <-ctx.Done():
			return
		case l, ok := <-logged:
			if !ok {
				return
			}
			list = append([]web.PluginLog{l}, list[:min(len(list), maxLogRows-1)]...)
			if !due {
				due = true
				wait.Reset(logsEvery)
			}
		case <-wait.C:
			due = false
			v.Rows = logRows(v.T, list)
			text, err := p.Render("logs.rows", &v)
			if err != nil {
				return
			}
			select {
			case out <- text:
			case <-ctx.Done():
				return
			}
		}
	}
}
