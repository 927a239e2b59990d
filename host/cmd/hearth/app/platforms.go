package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/slack"
	"github.com/hearthbot/hearth/host/chat/webchat"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
)

// platformNames are those that there may be; what comes in by the API cannot
// pose as theirs, whether they are connected or not.
var platformNames = []string{webchat.Name, slack.Name}

// detachTime is how long deliveries under way may take when a platform is
// disconnected; then they are broken off.
const detachTime = 5 * time.Second

// platforms are the chat platforms that are connected. They come and go while
// hearth runs.
type platforms struct {
	makers []maker
	engine *host.Engine

	mu   sync.Mutex // held while they change, which may take a while
	made map[string]connected

	standing atomic.Pointer[standing]
}

// standing is how the platforms stand: never changed, only replaced.
type standing struct {
	adapters map[string]chat.Adapter
	routes   map[string]http.Handler // of all of them
}

// maker makes the adapter of a platform.
type maker struct {
	name string
	on   func(c *config.Config) bool
	from func(c *config.Config) string // all that goes into it; another text wants another adapter
	make func(c *config.Config) (chat.Adapter, error)
}

type connected struct {
	adapter  chat.Adapter
	from     string
	attached bool
}

// newPlatforms makes the adapters that the config switches on. They serve their
// paths, and are attached to the engine by follow.
func newPlatforms(e *host.Engine, makers []maker, c *config.Config) (*platforms, error) {
	p := &platforms{makers: makers, engine: e, made: map[string]connected{}}
	news, err := p.make(c)
	if err != nil {
		return nil, err
	}
	p.made = news
	p.stand()
	return p, nil
}

// make makes the adapters that the config wants and that there are not.
func (p *platforms) make(c *config.Config) (map[string]connected, error) {
	news := map[string]connected{}
	for _, m := range p.makers {
		if !m.on(c) {
			continue
		}
		from := m.from(c)
		if now, there := p.made[m.name]; there && now.from == from {
			continue
		}
		a, err := m.make(c)
		if err != nil {
			return nil, err
		}
		news[m.name] = connected{adapter: a, from: from}
	}
	return news, nil
}

// follow makes the platforms what the config says: new ones are connected, those
// that are made of something else connected anew, others disconnected. Nothing
// is changed if an adapter cannot be made.
func (p *platforms) follow(ctx context.Context, c *config.Config) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	news, err := p.make(c)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range p.makers {
		now, there := p.made[m.name]
		fresh, other := news[m.name]
		if there && (other || !m.on(c)) {
			errs = append(errs, p.detach(ctx, m.name))
		}
		if !other && there && !now.attached && m.on(c) {
			fresh, other = now, true
		}
		if other {
			errs = append(errs, p.attach(ctx, m.name, fresh))
		}
		p.stand()
	}
	return errors.Join(errs...)
}

func (p *platforms) detach(ctx context.Context, name string) error {
	if p.made[name].attached {
		wait, cancel := context.WithTimeout(ctx, detachTime)
		defer cancel()
		if err := p.engine.Detach(wait, name); err != nil && !errors.Is(err, host.ErrUnknown) {
			return err
		}
	}
	delete(p.made, name)
	return nil
}

func (p *platforms) attach(ctx context.Context, name string, c connected) error {
	if err := p.engine.Attach(ctx, c.adapter); err != nil {
		return err
	}
	c.attached = true
	p.made[name] = c
	return nil
}

// stand shows what there is now. p.mu is held.
func (p *platforms) stand() {
	s := &standing{map[string]chat.Adapter{}, map[string]http.Handler{}}
	for name, c := range p.made {
		s.adapters[name] = c.adapter
		if server, ok := c.adapter.(chat.Server); ok {
			maps.Copy(s.routes, server.Routes())
		}
	}
	p.standing.Store(s)
}

// get is the adapter of a platform, nil if it is not connected.
func (p *platforms) get(name string) chat.Adapter { return p.standing.Load().adapters[name] }

// mounts are where platforms may serve something, all by the same handler, which
// looks up who does so now.
func (p *platforms) mounts() map[string]http.Handler {
	return map[string]http.Handler{"/chat": p, "/chat/": p, "/slack/": p}
}

// ServeHTTP hands a request to the platform that has its path, or the longest
// one that is above it.
func (p *platforms) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	routes := p.standing.Load().routes
	if h, ok := routes[r.URL.Path]; ok {
		h.ServeHTTP(w, r)
		return
	}
	for above := r.URL.Path; above != ""; {
		above = above[:strings.LastIndexByte(above, '/')+1]
		if h, ok := routes[above]; ok {
			h.ServeHTTP(w, r)
			return
		}
		above = strings.TrimSuffix(above, "/")
	}
	http.Error(w, "there is nothing at this address: the platform that would answer is not connected", http.StatusNotFound)
}

// parts is one text of several, none of which can pose as another.
func parts(list ...string) string { return fmt.Sprintf("%q", list) }

// makers are those of all platforms. What works at the next start is that of
// the config that hearth was started with.
func (a *App) makers() []maker {
	public := a.o.Config.Server.PublicURL
	return []maker{{
		name: webchat.Name,
		on:   func(c *config.Config) bool { return c.Webchat.Enabled },
		from: func(c *config.Config) string {
			return parts(slices.Concat([]string{c.Webchat.Secret.Reveal(), c.Community.Name, c.Community.Locale}, c.Webchat.Channels)...)
		},
		make: func(c *config.Config) (chat.Adapter, error) { return a.newWebchat(c, public) },
	}, {
		name: slack.Name,
		on:   a.wantsSlack,
		from: func(c *config.Config) string {
			return parts(c.Slack.SigningSecret.Reveal(), c.Slack.BotToken.Reveal(), c.Slack.AppToken.Reveal(), c.Slack.APIURL, c.Community.Locale)
		},
		make: func(c *config.Config) (chat.Adapter, error) { return NewSlack(c, a.gate, a.manifests, a.log) },
	}}
}

// wantsSlack says whether Slack is to be connected. Where the file alone says
// anything of it and a secret is missing, hearth does not start, and making the
// adapter says why. Where people set one after the other, or one of theirs
// cannot be read, it is off.
func (a *App) wantsSlack(c *config.Config) bool {
	if c.Slack.Complete() || !c.Slack.Enabled() || !a.state.is(starting) {
		return c.Slack.Complete()
	}
	for key := range a.settings.now.Load().values {
		if strings.HasPrefix(key, "slack.") {
			return false
		}
	}
	return true
}
