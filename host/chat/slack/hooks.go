package slack

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/slack-go/slack"
)

const (
	hookLife = 30 * time.Minute // Slack's
	hookUses = 5                // Slack's
)

// hooks remembers the response_urls of commands and buttons. By them hearth may
// answer where it is no member, and change a message that one member sees. They
// are a way out, never the first choice: they do not outlive a restart.
type hooks struct{ c *cache[hook] }

type hook struct {
	url  string
	left int
	born time.Time
}

func newHooks(now func() time.Time) *hooks { return &hooks{newCache[hook](now, hookLife, 4096)} }

func hookCommand(channel, user string) string { return "c/" + channel + "/" + user }
func hookMessage(channel, ts string) string   { return "m/" + channel + "/" + ts }

func (h *hooks) keep(key, addr string, now time.Time) {
	if u, err := url.Parse(addr); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return
	}
	h.c.put(key, hook{addr, hookUses, now})
}

// take uses up one use of the address under key; "" if there is none left.
func (h *hooks) take(key string, now time.Time) (addr string) {
	h.c.update(key, func(k *hook) bool {
		if k.left == 0 || now.Sub(k.born) > hookLife-time.Minute {
			return false
		}
		addr = k.url
		k.left--
		return true
	})
	return addr
}

// respond posts to a response_url. Its errors do not name the address: whoever
// has it may post.
func (a *Adapter) respond(ctx context.Context, addr string, m *slack.WebhookMessage) error {
	err := slack.PostWebhookCustomHTTPContext(ctx, addr, a.http, m)
	var ue *url.Error
	if errors.As(err, &ue) {
		return &url.Error{Op: ue.Op, URL: "response_url", Err: ue.Err}
	}
	return err
}

// tell shows a member a text that they alone see, in answer to what they did.
// It is a courtesy: if it fails, that is noted and nothing more.
func (a *Adapter) tell(ctx context.Context, responseURL, text string) {
	if responseURL == "" {
		return
	}
	err := a.respond(ctx, responseURL, &slack.WebhookMessage{ResponseType: slack.ResponseTypeEphemeral, Text: escape(text)})
	if err != nil {
		a.log.InfoContext(ctx, "slack: a member could not be answered", "error", err)
	}
}
