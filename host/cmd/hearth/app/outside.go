package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/github"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/web"
)

// outside is what members have and do elsewhere: on GitHub, and on machines of
// their own. It is both the engine's and the web's; neither knows the other.
type outside struct {
	app *App

	mu     sync.Mutex // held while the source changes
	from   string     // what it is made of
	source *github.Source

	filling sync.Mutex // one back-fill at a time: they share GitHub's rate limit
}

var (
	_ host.Outside = (*outside)(nil)
	_ web.Outside  = (*outside)(nil)
)

// hub is GitHub as the config has it at present. It is made anew when that
// changes; what goes on with the one before ends with that.
func (o *outside) hub() (*github.Source, error) {
	c := o.app.conf().GitHub
	from := parts(c.WebhookSecret.Reveal(), c.Token.Reveal(), c.APIURL)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.source != nil && o.from == from {
		return o.source, nil
	}
	s, err := github.New(github.Options{Sink: o.app.gate, Secret: c.WebhookSecret.Reveal(), Token: c.Token.Reveal(), APIURL: c.APIURL,
		Member: o.app.engine.MemberByHandle, Logger: o.app.log})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", config.ErrConfig, o.app.o.Config.Where("github"), err)
	}
	o.source, o.from = s, from
	return s, nil
}

// ServeHTTP is where GitHub calls.
func (o *outside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, err := o.hub()
	if err == nil {
		if h, ok := s.Routes()[r.URL.Path]; ok {
			h.ServeHTTP(w, r)
			return
		}
	} else {
		o.app.log.Error("GitHub is not connected", "err", err)
	}
	http.Error(w, "there is nothing at this address: github.webhook_secret is not set", http.StatusNotFound)
}

// Shows implements host.Outside.
func (o *outside) Shows(ctx context.Context, account, text string) (bool, error) {
	if !o.app.conf().GitHub.Enabled() {
		return false, host.ErrOff
	}
	s, err := o.hub()
	if err != nil {
		return false, err
	}
	ok, err := s.Shows(ctx, account, text)
	switch {
	case errors.Is(err, github.ErrAccount):
		return false, fmt.Errorf("%w: %w", host.ErrUnknown, err)
	case errors.Is(err, github.ErrToken):
		o.app.log.Error("GitHub does not take hearth's token; members cannot link their accounts", "setting", "github.token", "err", err)
		return false, host.ErrOff
	}
	return ok, err
}

// Linking implements host.Outside.
func (o *outside) Linking() bool { return o.app.conf().GitHub.Enabled() }

// Code implements host.Outside.
func (o *outside) Code(ctx context.Context, member string) (string, string, time.Duration, error) {
	code, err := o.app.access.MemberCode(ctx, member)
	return code, o.app.URL(), access.CodeTime, err
}

// Forget implements host.Outside.
func (o *outside) Forget(ctx context.Context, member string, p audit.Person) (map[string]int, error) {
	tokens, err := o.app.access.ForgetMember(ctx, member)
	if err != nil {
		return nil, err
	}
	names, err := o.app.access.Forget(ctx, p)
	if err != nil {
		return nil, err
	}
	set, err := o.app.settings.forget(ctx, p)
	return map[string]int{"tokens": tokens, "settings": names + set}, err
}

// Named implements host.Outside.
func (o *outside) Named(p audit.Person) []string { return o.app.settings.named(p) }

// Knows implements web.Outside.
func (o *outside) Knows(ctx context.Context, member string) (bool, error) {
	return o.app.engine.KnowsMember(ctx, member)
}

// Name implements web.Outside.
func (o *outside) Name(event string) string { return o.app.conf().Analytics.EventName(event) }

// Backfill implements web.Outside.
func (o *outside) Backfill(ctx context.Context, who audit.Who, repository string, progress func(web.BackfillProgress)) (web.Backfilled, error) {
	if !o.filling.TryLock() {
		return web.Backfilled{}, fmt.Errorf("%w: another repository is being read", chat.ErrBusy)
	}
	defer o.filling.Unlock()
	s, err := o.hub()
	if err != nil {
		return web.Backfilled{}, err
	}
	o.app.log.Info("reading what became of pull requests", "repository", repository, "by", who.Name)
	got, err := s.Backfill(ctx, repository, func(p github.Progress) {
		if progress != nil {
			progress(web.BackfillProgress{Page: p.Page, Pages: p.Pages, Until: moment(p.Until), Backfilled: web.Backfilled(p.Filled)})
		}
	})
	switch {
	case errors.Is(err, github.ErrRepository):
		err = fmt.Errorf("%w: %w", web.ErrNotFound, err)
	case errors.Is(err, github.ErrToken):
		err = fmt.Errorf("%w: %w; set github.token anew", chat.ErrRefused, err)
	case err != nil && ctx.Err() == nil:
		err = fmt.Errorf("%w: %w", web.ErrElsewhere, err)
	}
	return web.Backfilled(got), err
}
