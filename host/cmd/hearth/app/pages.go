package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/door"
	knownpages "github.com/hearthbot/hearth/web/known"
	"github.com/hearthbot/hearth/web/page"
	peoplepages "github.com/hearthbot/hearth/web/people"
	"github.com/hearthbot/hearth/web/setup"
	trialpages "github.com/hearthbot/hearth/web/trials"
)

// openPages makes the frame of the pages and registers all of them.
func (a *App) openPages() (*page.Frame, error) {
	c := a.o.Config
	f, err := page.New(page.Options{Access: a.access, Community: func() string { return a.conf().Community.Name }, Locale: func() string { return a.conf().Community.Locale },
		PublicURL: c.Server.PublicURL, Proxies: c.Server.Proxies, NotReady: a.state.notReady, Logger: a.log})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(a.frontPage(f), a.eventPages(f), a.pluginPages(f), a.changePages(f)); err != nil {
		return nil, err
	}
	if err := door.Register(door.Options{Frame: f, Access: a.access, URL: func() string { return c.Server.PublicURL }, Provider: a.provider}); err != nil {
		return nil, err
	}
	if err := setup.Register(setup.Options{Frame: f, Settings: a.settings, Status: (&joined{engine: a.engine}).Status, Say: a.say,
		PublicURL: func() string { return c.Server.PublicURL }}); err != nil {
		return nil, err
	}
	if err := peoplepages.Register(peoplepages.Options{Frame: f, Members: &people{a.engine}, Link: (&people{a.engine}).link}); err != nil {
		return nil, err
	}
	if err := knownpages.Register(knownpages.Options{Frame: f, Knowledge: a.knowledge(), Open: a.archive,
		URL: a.URL, Community: func() string { return a.conf().Community.Name }}); err != nil {
		return nil, err
	}
	if err := trialpages.Register(trialpages.Options{Frame: f, Experiments: a.trials}); err != nil {
		return nil, err
	}
	f.Parts()
	a.pages = f
	return f, nil
}

// say writes into a conversation for somebody on a page.
func (a *App) say(ctx context.Context, who audit.Who, conversation, text string) (status, why string, err error) {
	m, err := a.engine.SayIn(ctx, who, conversation, abi.Content{Blocks: []abi.Block{{Text: text}}})
	if errors.Is(err, host.ErrUnknown) {
		err = fmt.Errorf("%w: %w", web.ErrNotFound, err)
	}
	return m.Status, m.Why, err
}

// Routes are the addresses of the pages, and who may come there.
func (a *App) Routes() []page.Route { return a.pages.Routes() }

// provider is who vouches for people, as the config has it at present.
func (a *App) provider() door.Provider {
	c := a.conf().Access
	if !c.Enabled() {
		return door.Provider{}
	}
	return door.Provider{Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), GroupsClaim: c.GroupsClaim,
		Admins: c.Admins, Managers: c.Managers, Viewers: c.Viewers}
}

// SignInLink makes an address that signs an admin in once, within an hour, and
// leads on to a path of the server.
func (a *App) SignInLink(ctx context.Context, next string) (string, error) {
	key, err := a.access.Link(ctx, audit.Host, "terminal", access.Admin)
	if err != nil {
		return "", fmt.Errorf("make a sign-in link: %w", err)
	}
	return a.URL() + "/login/once?" + url.Values{"key": {key}, "next": {next}}.Encode(), nil
}
