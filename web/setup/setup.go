// Package setup is the page on which hearth is set up, by clicking alone: whom
// it serves, where those people talk, and whether it hears them. It owns the
// order of the steps and what each of them asks. It must not know how a setting
// is kept or a platform connected: it changes settings, and looks how things
// stand, so it can be left at any step and taken up again.
//
//	/setup ─► community ─► platform ─► slack: manifest → secrets → first event → test ─► done
//	                            └────► web chat ───────────────────────────────────────┘
//
// It stores nothing.
package setup

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

//go:embed html
var files embed.FS

// Options say what the pages work with. All are required.
type Options struct {
	Frame    *page.Frame
	Settings web.Settings
	Status   func(ctx context.Context) (web.Status, error)

	// PublicURL is how Slack reaches hearth; "" if nobody said so yet.
	PublicURL func() string

	// Say sends a text into a conversation, and returns what became of it: "sent",
	// or another word and why. web.ErrNotFound says that its platform is not
	// connected.
	Say func(ctx context.Context, who audit.Who, conversation, text string) (status, why string, err error)
}

type pages struct {
	*page.Set
	o Options
}

const (
	maxForm = 32 << 10
	name    = "community.name"
	zone    = "community.time_zone"
	locale  = "community.locale"
	webchat = "webchat.enabled"
	bot     = "slack.bot_token"
	app     = "slack.app_token"
	signing = "slack.signing_secret"
)

// Register registers the pages with the frame.
func Register(o Options) error {
	if o.Frame == nil || o.Settings == nil || o.Say == nil || o.Status == nil || o.PublicURL == nil {
		return errors.New("setup: an option is missing")
	}
	set, err := o.Frame.NewSet(files, words, "html/*.html")
	if err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	p := &pages{set, o}
	set.Menu(page.Item{Path: "/setup", Key: "setup", Need: access.Admin, Admin: true})
	f := o.Frame
	f.Get("/setup", access.Admin, p.open)
	f.Post("/setup/community", access.Admin, p.community)
	f.Post("/setup/webchat", access.Admin, p.webchat)
	f.Post("/setup/slack", access.Admin, p.slack)
	f.Post("/setup/slack/check", access.Admin, p.check)
	f.Get("/setup/slack/state", access.Admin, p.state)
	f.Post("/setup/slack/test", access.Admin, p.test)
	for _, form := range []string{"community", "webchat", "slack", "slack/check", "slack/test"} { // who loads the answer to a form again
		f.Get("/setup/"+form, access.Admin, func(w http.ResponseWriter, r *page.Request) error {
			http.Redirect(w, r.Request, "/setup", http.StatusSeeOther)
			return nil
		})
	}
	return nil
}

// view is the page, at one of its steps.
type view struct {
	page.Head
	Step  string // community, platform, slack or done
	Steps []step
	Done  string
	Sorry string

	Name, Zone, Locale field
	Zones              []string
	Why                string

	Chat      field
	ChatOn    bool
	Slack     web.SlackState
	Problem   string
	Socket    bool
	Public    string
	Manifest  string
	NewApp    string // Slack's page that begins an app from the manifest
	Notes     []string
	Secrets   []secret
	Channel   string
	Sent      *sent
	Platforms []web.Platform
	Next      []next
}

// step is a step as it is shown.
type step struct {
	ID        string
	Good, Now bool
}

// field is a setting in a form.
type field struct {
	web.Setting
	Sorry string
	Typed *string // in place of what holds
}

// Text is what stands in the field.
func (f field) Text() string {
	if f.Typed != nil {
		return *f.Typed
	}
	return f.Setting.Text
}

// secret is a secret in the form; what was typed is not shown again.
type secret struct {
	field
	ID    string // "bot_token"
	Check *checkView
}

type checkView struct {
	OK      bool
	ID      string
	Account string
	Missing []string
	Advice  string
	T       page.Texts
}

// Lacks are the permissions that are missing, on one line.
func (v *checkView) Lacks() string { return strings.Join(v.Missing, ", ") }

type sent struct {
	OK   bool
	Text string
}

// next is what can be done after the set-up.
type next struct{ Path, Key string }

// settings are those that are set up here, by their keys.
func (p *pages) settings(ctx context.Context) (map[string]web.Setting, error) {
	list, err := p.o.Settings.Settings(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]web.Setting{}
	for _, s := range list {
		out[s.Key] = s
	}
	for _, key := range []string{name, zone, locale, webchat, bot, app, signing} {
		if _, ok := out[key]; !ok {
			return nil, fmt.Errorf("there is no setting %s", key)
		}
	}
	return out, nil
}

// open shows the step that is asked for, or the first that is not done.
func (p *pages) open(w http.ResponseWriter, r *page.Request) error {
	v := &view{Step: r.URL.Query().Get("step")}
	if key := "done." + r.URL.Query().Get("done"); p.Texts(r).Has(key) {
		v.Done = p.Texts(r).Say(key)
	}
	return p.show(w, r, http.StatusOK, v)
}

// show fills in what the view does not have.
func (p *pages) show(w http.ResponseWriter, r *page.Request, status int, v *view) error {
	l := p.Texts(r)
	all, err := p.settings(r.Context())
	if err != nil {
		return err
	}
	fill := func(f *field, key string) { f.Setting = all[key] }
	fill(&v.Name, name)
	fill(&v.Zone, zone)
	fill(&v.Locale, locale)
	fill(&v.Chat, webchat)
	v.Zones = zones
	v.ChatOn = string(all[webchat].Value) == "true"
	v.Slack = p.o.Settings.Slack(r.Context())
	v.Problem = v.Slack.Problem.In(l.String())
	v.Public = p.o.PublicURL()
	st, err := p.o.Status(r.Context())
	if err != nil {
		return err
	}
	v.Platforms = st.Platforms

	named := all[name].Set
	heard := v.Slack.Connected && v.Slack.Events > 0
	v.Steps = []step{{ID: "community", Good: named}, {ID: "platform", Good: v.Slack.Connected || v.ChatOn && named}, {ID: "slack", Good: heard}, {ID: "done"}}
	if !slices.ContainsFunc(v.Steps, func(s step) bool { return s.ID == v.Step }) {
		switch { // where one left off
		case !named:
			v.Step = "community"
		case v.Slack.Connected && !heard || v.Problem != "":
			v.Step = "slack"
		case heard:
			v.Step = "done"
		default:
			v.Step = "platform"
		}
	}
	for i := range v.Steps {
		v.Steps[i].Now = v.Steps[i].ID == v.Step
	}
	if v.Step == "slack" {
		if err := p.fillSlack(r, v, all); err != nil {
			return err
		}
	}
	v.Next = []next{{"/messages", "next.messages"}, {"/tasks", "next.tasks"}, {"/admin/tokens", "next.tokens"}, {"/", "next.today"}}
	v.Title = l.Say("setup")
	return p.Show(w, r, status, "setup", v)
}

// community keeps whom hearth serves.
func (p *pages) community(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	v := &view{Step: "community", Why: form.Get("why")}
	var changes []web.SettingChange
	for key, f := range map[string]*field{name: &v.Name, zone: &v.Zone, locale: &v.Locale} {
		if _, sent := form[key]; !sent {
			continue // it is locked
		}
		typed := strings.TrimSpace(form.Get(key))
		f.Typed = &typed
		changes = append(changes, web.SettingChange{Key: key, Text: &typed, Base: base(form.Get(key + ".base"))})
	}
	slices.SortFunc(changes, func(a, b web.SettingChange) int { return strings.Compare(a.Key, b.Key) })
	if done, err := p.change(w, r, v, changes); !done {
		return err
	}
	http.Redirect(w, r.Request, "/setup?"+page.Query("step", "platform", "done", "community"), http.StatusSeeOther)
	return nil
}

// webchat switches the web chat on or off.
func (p *pages) webchat(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	on := "false"
	if form.Get("on") == "yes" {
		on = "true"
	}
	v := &view{Step: "platform"}
	if done, err := p.change(w, r, v, []web.SettingChange{{Key: webchat, Text: &on, Base: base(form.Get(webchat + ".base"))}}); !done {
		return err
	}
	http.Redirect(w, r.Request, "/setup?"+page.Query("step", map[string]string{"true": "done", "false": "platform"}[on], "done", "webchat."+on), http.StatusSeeOther)
	return nil
}

// change makes changes; done says that it did. Otherwise the answer has been
// given, or is the error.
func (p *pages) change(w http.ResponseWriter, r *page.Request, v *view, changes []web.SettingChange) (done bool, err error) {
	err = p.o.Settings.Change(r.Context(), r.Who(), v.Why, changes)
	var refused *web.SettingsRefused
	var failed *web.SettingsFailed
	var conflict *web.SettingsConflict
	l := p.Texts(r)
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &conflict):
		v.Sorry = l.Say("conflict")
		return false, p.show(w, r, http.StatusConflict, v)
	case errors.As(err, &failed):
		v.fault(l, failed.Faults)
		return false, p.show(w, r, http.StatusUnprocessableEntity, v)
	case errors.As(err, &refused):
		v.fault(l, refused.Faults)
		return false, p.show(w, r, http.StatusUnprocessableEntity, v)
	}
	return false, err
}

// fault puts what is wrong beside its field.
func (v *view) fault(l page.Texts, faults []web.SettingFault) {
	for _, f := range faults {
		text := f.Text.In(l.String())
		switch f.Key {
		case name:
			v.Name.Sorry = text
		case zone:
			v.Zone.Sorry = text
		case locale:
			v.Locale.Sorry = text
		default:
			if i := slices.IndexFunc(v.Secrets, func(s secret) bool { return s.Key == f.Key }); i >= 0 {
				v.Secrets[i].Sorry = text
				continue
			}
			v.Sorry = strings.TrimSpace(v.Sorry + " " + text)
		}
	}
	if v.Sorry == "" {
		v.Sorry = l.Say("refused")
	}
}
