// Package plug is the pages on which people look after plugins: which run and
// how they do, how a version comes in, what it asks for, what it would do
// otherwise, how it is made live and how it is taken back. It owns how these are
// shown and what each form says. It must not know the engine or a registry: it
// meets them as [web.Plugins], which host/cmd/hearth joins.
//
//	/admin/plugins                           all of them                     list.go
//	/admin/plugins/_upload                   a version comes in              upload.go
//	/admin/plugins/{name}                    one: how it does, its versions  one.go
//	/admin/plugins/{name}/versions/{sha}     permissions ► replay ► live     version.go, rollout.go
//	/admin/plugins/{name}/versions/{sha}/replay   what it does otherwise     replay.go
//	/admin/plugins/{name}/logs               live                            logs.go
//	/admin/plugins/{name}/state              its rows                        rows.go
//
// It stores nothing. Replays that were asked for are in memory, a few of them.
package plug

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// Options say what the pages work with. Frame and Plugins are required.
type Options struct {
	Frame   *page.Frame
	Plugins web.Plugins

	Replay Replayer // nil: there is none

	// Recent is what a plugin logged lately, the newest first; nil: nobody knows.
	Recent func(ctx context.Context, name string) ([]web.PluginLog, error)

	Now func() time.Time // nil is time.Now
}

//go:embed html
var files embed.FS

type pages struct {
	*page.Set
	o       Options
	replays replays
}

// Register registers the pages with the frame.
func Register(o Options) error {
	if o.Frame == nil || o.Plugins == nil {
		return errors.New("plug: Options.Frame or Options.Plugins is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	set, err := o.Frame.NewSet(files, words, "html/*.html")
	if err != nil {
		return fmt.Errorf("plug: %w", err)
	}
	p := &pages{Set: set, o: o}
	set.Menu(page.Item{Path: base, Key: "plugins", Need: access.Viewer, Admin: true})
	f := o.Frame
	const one, version = base + "/{name}", base + "/{name}/versions/{sha}"
	f.Get(base, access.Viewer, p.list)
	f.Get(base+"/_upload", access.Admin, p.uploadForm)
	f.Post(base+"/_upload", access.Admin, p.upload)
	f.Get(one, access.Viewer, p.one)
	f.Get(one+"/logs", access.Viewer, p.logs)
	f.Get(one+"/logs/live", access.Viewer, p.liveLogs)
	f.Get(one+"/state", access.Manager, p.rows)
	f.Get(version, access.Viewer, p.version)
	f.Get(version+"/replay", access.Admin, p.replayed)
	f.Post(version+"/replay", access.Admin, p.replay)
	for form, h := range map[string]page.Handler{"grants": p.grant, "rollback": p.rollback, "disable": p.disable, "enable": p.enable,
		"delete": p.remove, "rollout/end": p.endRollout, "shadow/end": p.endShadow} {
		p.form(one+"/"+form, h)
	}
	for form, h := range map[string]page.Handler{"promote": p.promote, "rollout": p.beginRollout, "shadow": p.beginShadow, "delete": p.removeVersion, "grants": p.grantVersion} {
		p.form(version+"/"+form, h)
	}
	return nil
}

const base = "/admin/plugins"

// form registers what a form does. Who loads the answer again is led to where
// the form was.
func (p *pages) form(pattern string, h page.Handler) {
	p.o.Frame.Post(pattern, access.Admin, h)
	p.o.Frame.Get(pattern, access.Viewer, func(w http.ResponseWriter, r *page.Request) error {
		to := onePath(r.PathValue("name"))
		if sha := r.PathValue("sha"); sha != "" {
			to = versionPath(r.PathValue("name"), sha)
		}
		http.Redirect(w, r.Request, to, http.StatusSeeOther)
		return nil
	})
}

func onePath(name string) string { return base + "/" + url.PathEscape(name) }

func versionPath(name, sha string) string {
	return onePath(name) + "/versions/" + url.PathEscape(sha)
}

const (
	maxForm    = 64 << 10
	maxWhy     = 500             // characters
	changeTime = 5 * time.Minute // for a version to be compiled, migrated or held to a gate
)

// reason is why, as somebody wrote it, for the record.
func reason(form url.Values) string {
	s := []rune(strings.TrimSpace(strings.ToValidUTF8(form.Get("why"), "\ufffd")))
	return string(s[:min(len(s), maxWhy)])
}

// to leads on after a form, and tells what it did.
func (p *pages) to(w http.ResponseWriter, r *page.Request, path, done string) error {
	if done != "" {
		path += "?done=" + done
	}
	http.Redirect(w, r.Request, path, http.StatusSeeOther)
	return nil
}

// exists says whether the frame has a page of that pattern, to lead there.
func (p *pages) exists(pattern string) bool {
	return slices.ContainsFunc(p.o.Frame.Routes(), func(r page.Route) bool { return r.Pattern == pattern })
}

// lacking is an error as a page tells it: that there is no such thing, if so.
func (p *pages) lacking(err error, back, key string) error {
	if errors.Is(err, web.ErrNotFound) {
		return p.Sorry(http.StatusNotFound, back, key)
	}
	return err
}

// sorry is why something was not done, as a page tells it at its top.
type sorry struct {
	Title   string
	Text    []page.Span // the engine's own words, in English
	Missing []grantView
}

// refused makes a sorry of an error; an error that is nobody's on the page is
// returned as it is. The status is the page's.
func (p *pages) refused(t page.Texts, err error) (*sorry, int, error) {
	var e *web.PluginError
	if !errors.As(err, &e) {
		return nil, 0, err
	}
	s := &sorry{Title: t.Say("refused." + e.Code), Text: page.Visible(e.Err.Error()), Missing: grantViews(t, e.Missing)}
	switch e.Code {
	case web.PluginMissing:
		s.Text = nil // Missing says it
	}
	return s, web.StatusOf(e.Code), nil
}

// fit is the beginning of a hash, as pages write it.
func fit(sha string) string { return sha[:min(12, len(sha))] }
