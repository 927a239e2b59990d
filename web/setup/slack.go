package setup

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// newApp is where Slack begins an app from a manifest. Its address may be this
// long; where the manifest makes it longer, it is pasted.
const (
	newApp    = "https://api.slack.com/apps?new_app=1"
	maxNewApp = 8000
)

// secrets are those of the way that Slack is connected, in the order in which
// they are found on the app's pages.
func secrets(socket bool) []string {
	if socket {
		return []string{bot, app}
	}
	return []string{bot, signing}
}

// fillSlack fills in the step at Slack.
func (p *pages) fillSlack(r *page.Request, v *view, all map[string]web.Setting) error {
	// Slack can call only who can be reached by https. Who cannot calls Slack.
	v.Socket = v.Slack.Socket || !strings.HasPrefix(v.Public, "https://")
	switch r.URL.Query().Get("way") + r.PostForm.Get("way") {
	case "socket":
		v.Socket = true
	case "http":
		v.Socket = false
	}
	if v.Socket || v.Public != "" {
		doc, notes, err := p.o.Settings.SlackManifest(r.Context(), v.Socket)
		if err != nil {
			return fmt.Errorf("make Slack's manifest: %w", err)
		}
		v.Manifest, v.Notes, v.NewApp = string(doc), notes, newApp
		if direct := newApp + "&manifest_json=" + url.QueryEscape(v.Manifest); len(direct) <= maxNewApp {
			v.NewApp = direct
		}
	}
	if v.Secrets == nil {
		for _, key := range secrets(v.Socket) {
			v.Secrets = append(v.Secrets, secret{ID: strings.TrimPrefix(key, "slack.")})
		}
	}
	for i := range v.Secrets {
		v.Secrets[i].Setting = all["slack."+v.Secrets[i].ID]
	}
	return nil
}

// slack keeps the secrets that were entered, once Slack has said that they are
// good, and with that connects.
func (p *pages) slack(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	v := &view{Step: "slack"}
	var changes []web.SettingChange
	bad := false
	for _, key := range secrets(form.Get("way") == "socket") {
		id := strings.TrimPrefix(key, "slack.")
		s := secret{ID: id}
		if value := strings.TrimSpace(form.Get(id)); value != "" {
			s.Check = p.checked(r, id, value)
			bad = bad || !s.Check.OK
			changes = append(changes, web.SettingChange{Key: key, Text: &value, Base: base(form.Get(key + ".base"))})
		}
		v.Secrets = append(v.Secrets, s)
	}
	switch {
	case bad:
		v.Sorry = p.Texts(r).Say("slack.bad")
		return p.show(w, r, http.StatusUnprocessableEntity, v)
	case len(changes) == 0:
		v.Sorry = p.Texts(r).Say("slack.none")
		return p.show(w, r, http.StatusUnprocessableEntity, v)
	}
	if done, err := p.change(w, r, v, changes); !done {
		return err
	}
	http.Redirect(w, r.Request, "/setup?"+page.Query("step", "slack", "way", form.Get("way"), "done", "slack")+"#heard", http.StatusSeeOther)
	return nil
}

// checked asks Slack about a secret.
func (p *pages) checked(r *page.Request, id, value string) *checkView {
	l := p.Texts(r)
	c := p.o.Settings.CheckSlack(r.Context(), id, value)
	v := &checkView{OK: c.OK, ID: id, Account: page.Printable(c.Account), Advice: c.Advice.In(l.String()), T: l}
	for _, m := range c.Missing {
		v.Missing = append(v.Missing, page.Printable(m))
	}
	return v
}

// check is that while it is entered.
func (p *pages) check(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	id := form.Get("field")
	value := strings.TrimSpace(form.Get(id))
	if value == "" || id != "bot_token" && id != "app_token" && id != "signing_secret" {
		return p.Part(w, r, http.StatusOK, "setup.check", (*checkView)(nil))
	}
	return p.Part(w, r, http.StatusOK, "setup.check", p.checked(r, id, value))
}

// state is whether Slack was heard of yet.
func (p *pages) state(w http.ResponseWriter, r *page.Request) error {
	s := p.o.Settings.Slack(r.Context())
	l := p.Texts(r)
	v := &view{Slack: s, Problem: s.Problem.In(l.String()), Public: p.o.PublicURL(), Socket: s.Socket}
	v.T = l
	return p.Part(w, r, http.StatusOK, "setup.heard", v)
}

// channelID finds the id of a channel in what somebody pastes: the id itself, or
// the channel's link.
var channelID = regexp.MustCompile(`^(?:https://[a-z0-9.-]+\.slack\.com/archives/)?([CGD][A-Z0-9]{6,20})(?:/.*)?$`)

const maxTest = 500 // characters of a test

// test sends something into a channel.
func (p *pages) test(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	l := p.Texts(r)
	v := &view{Step: "slack", Channel: strings.TrimSpace(form.Get("channel"))}
	text := strings.TrimSpace(form.Get("text"))
	if text == "" {
		text = l.Say("test.text")
	}
	m := channelID.FindStringSubmatch(v.Channel)
	switch {
	case m == nil:
		v.Sent = &sent{Text: l.Say("test.channel")}
		return p.show(w, r, http.StatusUnprocessableEntity, v)
	case utf8.RuneCountInString(text) > maxTest:
		v.Sent = &sent{Text: l.Say("test.long", maxTest)}
		return p.show(w, r, http.StatusUnprocessableEntity, v)
	}
	status, why, err := p.o.Say(r.Context(), r.Who(), "slack:"+m[1], page.Printable(text))
	switch {
	case errors.Is(err, web.ErrNotFound):
		v.Sent = &sent{Text: l.Say("test.off")}
	case err != nil:
		return err
	case status == "sent":
		v.Sent = &sent{OK: true, Text: l.Say("test.sent")}
	case status == "waiting":
		v.Sent = &sent{Text: l.Say("test.waiting")}
	default:
		v.Sent = &sent{Text: l.Say("test.failed", page.Printable(why))}
	}
	return p.show(w, r, http.StatusOK, v)
}

// base is the revision that a form names.
func base(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
