// Package admin is the pages on which people see what hearth did: the events
// and the way of each one at /admin/events, the platforms at /admin/platforms,
// and who changed what at /admin/audit. It owns how these are shown, drawn and
// exported. It must not know the engine or a store: it meets the one as [Host],
// which host/cmd/hearth joins, and reads the record through package audit.
//
//	/admin/events             the journal, live; failed ones that wait      events.go, live.go
//	/admin/events/{number}    one event's way, drawn and told               event.go, way.go, draw.go, advice.go
//	/admin/platforms          how each is, and pause                        platforms.go
//	/admin/audit              who changed what, and its export              audit.go, export.go
//
// It stores nothing. No page reads without a bound, however long the journal or
// the record is.
package admin

import (
	"context"
	"embed"
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

// Host is what the pages show and steer. It is safe for concurrent use. What it
// does not know is web.ErrNotFound.
type Host interface {
	Status(ctx context.Context) (web.Status, error)

	// Browse returns a page of the journal below a number, the newest first; from
	// the newest on if that is "". It looks at so many events at most.
	Browse(ctx context.Context, f web.EventFilter, before string) (Page, error)

	// Event returns all that is known of one event.
	Event(ctx context.Context, number string) (Event, error)

	// Follow returns the events that are handled from now on, as web.Host has it.
	Follow(ctx context.Context, f web.EventFilter) (<-chan web.Event, error)

	// Failures lists events that were given up, oldest first.
	Failures(ctx context.Context, f web.FailureFilter) ([]web.Failure, error)

	// Retry, Pause and Resume are on record when they return.
	Retry(ctx context.Context, who audit.Who, number, plugin string) error
	Pause(ctx context.Context, who audit.Who, why string) error
	Resume(ctx context.Context, who audit.Who, why string) error

	// Check asks a platform how it is, which takes some seconds at most; Status
	// then knows.
	Check(ctx context.Context, platform string) error
}

// Page is a part of the journal.
type Page struct {
	Events []web.Event
	Next   string // where to go on; "" at the end

	// Looked says that the page is short because no more were looked at, and Back
	// how far back that was.
	Looked bool
	Back   time.Time
}

// Event is all that is known of one event.
type Event struct {
	Number   string
	Handled  []Handled // one for each plugin
	Messages []Message // in the order in which they were made
}

// Handled is what one plugin made of it.
type Handled struct {
	web.Event
	Effects []Effect // beside messages
}

// Effect is something a plugin did that is no message.
type Effect struct {
	Kind string // timer, cancel, verify, http, host, abort, emit, track, profile or continue
	Text string // which, in the plugin's own words; "" if there is nothing to say
}

// Message is a message and what it shows.
type Message struct {
	web.Message
	Content []Block
}

// Block is a part of a message. One field is set; Small and Text are Markdown.
type Block struct {
	Text, Heading, Code, Small string

	Fields  [][2]string // label and Markdown
	Buttons []string
	Header  []string // of a table
	Rows    [][]string
	Divider bool
}

// Options say what the pages work with. Frame, Host and Audit are required.
type Options struct {
	Frame *page.Frame
	Host  Host
	Audit *audit.Log
	Now   func() time.Time // nil is time.Now
}

//go:embed html
var files embed.FS

type pages struct {
	*page.Set
	o Options
}

// Register registers the pages with the frame.
func Register(o Options) error {
	if o.Frame == nil || o.Host == nil || o.Audit == nil {
		return errors.New("admin: Options.Frame, Host or Audit is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	set, err := o.Frame.NewSet(files, words, "html/*.html")
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	p := &pages{set, o}
	set.Menu(page.Item{Path: "/admin/events", Key: "events", Need: access.Viewer, Admin: true},
		page.Item{Path: "/admin/platforms", Key: "platforms", Need: access.Viewer, Admin: true},
		page.Item{Path: "/admin/audit", Key: "audit", Need: access.Admin, Admin: true})
	f := o.Frame
	f.Get("/admin/events", access.Viewer, p.events)
	f.Get("/admin/events/live", access.Viewer, p.live)
	f.Get("/admin/events/{number}", access.Viewer, p.event)
	f.Post("/admin/events/{number}/retry", access.Manager, p.retry)
	f.Get("/admin/platforms", access.Viewer, p.platforms)
	f.Post("/admin/platforms/pause", access.Manager, p.pause)
	f.Post("/admin/platforms/resume", access.Manager, p.resume)
	f.Post("/admin/platforms/{name}/check", access.Manager, p.check)
	f.Get("/admin/audit", access.Admin, p.audit)
	f.Get("/admin/audit/export.csv", access.Admin, p.exportCSV)
	f.Get("/admin/audit/export.jsonl", access.Admin, p.exportLines)
	back := func(to string) page.Handler {
		return func(w http.ResponseWriter, r *page.Request) error {
			http.Redirect(w, r.Request, to, http.StatusSeeOther)
			return nil
		}
	}
	// Who loads the answer to a form again.
	f.Get("/admin/platforms/pause", access.Viewer, back("/admin/platforms"))
	f.Get("/admin/platforms/resume", access.Viewer, back("/admin/platforms"))
	f.Get("/admin/platforms/{name}/check", access.Viewer, back("/admin/platforms"))
	f.Get("/admin/events/{number}/retry", access.Viewer, func(w http.ResponseWriter, r *page.Request) error {
		return back("/admin/events/"+r.PathValue("number"))(w, r)
	})
	return nil
}

// maxForm is more than any form here has.
const maxForm = 8 << 10

// to leads on after a form, to a path of ours, and tells what it did.
func (p *pages) to(w http.ResponseWriter, r *page.Request, path, done string) error {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	http.Redirect(w, r.Request, path+sep+"done="+done, http.StatusSeeOther)
	return nil
}

// exists says whether the frame has a page of that pattern, to lead there.
func (p *pages) exists(pattern string) bool {
	return slices.ContainsFunc(p.o.Frame.Routes(), func(r page.Route) bool { return r.Pattern == pattern })
}

// people says whether somebody of a role can look at the pages of members.
func (p *pages) people(role access.Role) bool {
	return p.exists("/members/{id}") && role.Covers(access.Manager)
}

// cutTo is the beginning of what somebody typed, trimmed.
func cutTo(s string, most int) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}
