// Package change is the pages on which managers change what the bot says and how
// it works, look at what was changed, and take it back: /messages, the texts of
// all plugins in each language beside what members see of them, and
// /admin/settings, everything that a config file can say. It owns how a form
// becomes a change, what is said of a value that cannot be, and that nobody
// overwrites another's change without having seen it. It must not know what a
// setting means, or how it is put to use: that is [web.Settings]'.
//
//	form ─► touched? ─► readable? ─► Settings.Change ─► 303, "Saved."
//	                       │              ├─ refused: 422, beside the field
//	                       │              └─ somebody was faster: 409, both texts, and what was typed
//	                       └─ no: 422, with line and column
//
// A field names the revision at which it was read and a digest of what stood in
// it. What was not touched is not sent on, so two managers who change different
// things of one page do not meet.
//
// It stores nothing. A config that is to be imported waits in memory between its
// preview and the word to go on.
package change

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// Sender writes to members.
type Sender interface {
	// Say sends a member a text in private, with a line below it, in the language
	// of locale, that says who tries it out. It returns what became of it within a
	// few seconds; web.ErrNotFound if there is no such member or their platform is
	// not connected, and chat.ErrBusy if too much waits. It is on record.
	Say(ctx context.Context, who audit.Who, member, locale, text string) (Said, error)
}

// Said is what became of a message.
type Said struct {
	Status string // "sent"; "waiting"; else it was not sent
	Why    string
}

// Options are what the pages need; all are required.
type Options struct {
	Frame    *page.Frame
	Settings web.Settings
	Sender   Sender
}

// pages are the pages.
type pages struct {
	*page.Set
	o       Options
	limits  *page.Limits
	uploads uploads
}

//go:embed html
var files embed.FS

// Register adds the pages to the frame, and their lines to its menu.
func Register(o Options) error {
	if o.Frame == nil || o.Settings == nil || o.Sender == nil {
		return errors.New("change: Options.Frame, Options.Settings or Options.Sender is missing")
	}
	set, err := o.Frame.NewSet(files, words, "html/*.html")
	if err != nil {
		return fmt.Errorf("change: %w", err)
	}
	p := &pages{Set: set, o: o, limits: page.NewLimits(time.Now)}
	set.Menu(page.Item{Path: "/messages", Key: "messages", Need: access.Viewer},
		page.Item{Path: "/admin/settings", Key: "settings", Need: access.Manager, Admin: true})
	f := o.Frame
	f.Get("/messages", access.Viewer, p.texts)
	f.Get("/messages/{plugin}/{key}", access.Viewer, p.text)
	f.Post("/messages/{plugin}/{key}", access.Manager, p.saveText)
	f.Post("/messages/{plugin}/{key}/preview", access.Manager, p.previewText)
	f.Post("/messages/{plugin}/{key}/try", access.Manager, p.tryText)
	f.Post("/messages/{plugin}/{key}/restore", access.Manager, p.restoreText)
	for _, form := range []string{"preview", "try", "restore"} { // who loads the answer to a form again
		f.Get("/messages/{plugin}/{key}/"+form, access.Viewer, func(w http.ResponseWriter, r *page.Request) error {
			return p.to(w, r, textPath(r.PathValue("plugin"), r.PathValue("key")))
		})
	}

	f.Get("/admin/settings", access.Manager, p.settings)
	f.Get("/admin/settings/_export", access.Admin, p.export)
	f.Get("/admin/settings/_import", access.Admin, p.importForm)
	f.Post("/admin/settings/_import", access.Admin, p.importPreview)
	f.Post("/admin/settings/_import/apply", access.Admin, p.importApply)
	f.Get("/admin/settings/_import/apply", access.Admin, func(w http.ResponseWriter, r *page.Request) error {
		return p.to(w, r, "/admin/settings/_import")
	})
	f.Get("/admin/settings/{group}", access.Manager, p.group)
	f.Post("/admin/settings/{group}", access.Manager, p.saveGroup)
	f.Get("/admin/settings/{group}/{key}", access.Manager, p.setting)
	f.Post("/admin/settings/{group}/{key}/undo", access.Manager, p.undo)
	f.Get("/admin/settings/{group}/{key}/undo", access.Manager, func(w http.ResponseWriter, r *page.Request) error {
		return p.to(w, r, settingPath(r.PathValue("group"), r.PathValue("key")))
	})
	return nil
}

// Bounds of what a form may bring, in bytes and in characters.
const (
	maxForm = 256 << 10
	maxText = 4000 // of a text in one language, as config has it
	maxWhy  = 500
)

// to leads on to another page.
func (p *pages) to(w http.ResponseWriter, r *page.Request, path string) error {
	http.Redirect(w, r.Request, path, http.StatusSeeOther)
	return nil
}

// digest tells a text that was touched from one that was not.
func digest(s string) string {
	sum := sha256.Sum256([]byte(lines(s)))
	return hex.EncodeToString(sum[:9])
}

// lines are a text with the line ends that we have; browsers send others.
func lines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// reason is why, as somebody wrote it, for the record.
func reason(s string) string {
	runes := []rune(strings.TrimSpace(strings.ToValidUTF8(s, "\ufffd")))
	return string(runes[:min(len(runes), maxWhy)])
}

// shownJSON is a value as a person reads it.
func shownJSON(v json.RawMessage) string {
	var text string
	if json.Unmarshal(v, &text) == nil {
		return text
	}
	var list []any
	if json.Unmarshal(v, &list) == nil {
		out := make([]string, len(list))
		for i, e := range list {
			out[i] = fmt.Sprint(e)
		}
		return strings.Join(out, "\n")
	}
	return string(v)
}

// none says whether a value is not there.
func none(v json.RawMessage) bool { return len(v) == 0 || string(v) == "null" }

// trouble is why a change was not made, sorted by whose it is.
type trouble struct {
	status    int
	faults    map[string]string      // by key
	conflicts map[string]web.Setting // by key: as they are now
	whole     []string               // of no field that is here
}

// read makes what Settings.Change returned a trouble; an error that is nobody's
// on the page is returned as it is.
func (p *pages) read(l page.Texts, err error, keys []string) (*trouble, error) {
	t := &trouble{status: http.StatusUnprocessableEntity, faults: map[string]string{}, conflicts: map[string]web.Setting{}}
	var conflict *web.SettingsConflict
	var refused *web.SettingsRefused
	var failed *web.SettingsFailed
	var list []web.SettingFault
	switch {
	case errors.As(err, &conflict):
		t.status = http.StatusConflict
		for _, s := range conflict.Now {
			t.conflicts[s.Key] = s
		}
		return t, nil
	case errors.As(err, &refused):
		list = refused.Faults
	case errors.As(err, &failed):
		list = failed.Faults
		t.whole = append(t.whole, l.Say("failed"))
	default:
		return nil, err
	}
	for _, f := range list {
		text := page.Printable(l.In(f.Text))
		if slices.Contains(keys, f.Key) {
			t.faults[f.Key] = text
		} else if text = strings.TrimPrefix(f.Key+": ", ": ") + text; !slices.Contains(t.whole, text) {
			t.whole = append(t.whole, text)
		}
	}
	return t, nil
}

// head is what is said at the top of a page whose form was not saved.
func (t *trouble) head(l page.Texts) []string {
	switch {
	case len(t.conflicts) > 0:
		return append([]string{l.Say("unsaved.conflict")}, t.whole...)
	case len(t.faults) > 0:
		return append([]string{l.Say("unsaved.fault")}, t.whole...)
	}
	return t.whole
}

// version is one change of a value, as a page shows it.
type version struct {
	web.SettingVersion
	Label  string // of which value, where a page shows several
	Name   string // its name in the form
	Base   uint64
	Diff   []page.DiffLine
	Secret bool
	Newest bool
	Back   string // key of what the button says; "" if there is nothing to go back to
}
