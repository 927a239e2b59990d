package slack

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/hearthbot/hearth/host/chat"
)

// answerTime is how long an event may take to become durable. Slack waits for
// three seconds.
const answerTime = 2500 * time.Millisecond

// retryAfter is what Slack is told to wait if the sink is busy, in seconds.
// (Slack goes by its own plan; others on the way may heed it.)
const retryAfter = "5"

// Routes are the paths that Slack calls: none without a signing secret.
func (a *Adapter) Routes() map[string]http.Handler {
	if len(a.secret) == 0 {
		return nil
	}
	return map[string]http.Handler{
		"/slack/events":       a.verified(a.serveEvent),
		"/slack/commands":     a.verified(a.serveCommand),
		"/slack/interactions": a.verified(a.serveInteraction),
	}
}

// verified calls next with the body of requests that Slack sent.
func (a *Adapter) verified(next func(http.ResponseWriter, *http.Request, []byte)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			a.refuse(w, r, &refusal{http.StatusMethodNotAllowed, "Slack posts here; there is nothing to see"})
			return
		}
		body, err := a.verify(r)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		a.stats.received.Add(1)
		next(w, r, body)
	})
}

func (a *Adapter) serveEvent(w http.ResponseWriter, r *http.Request, body []byte) {
	if n := r.Header.Get("X-Slack-Retry-Num"); n != "" {
		a.stats.retries.Add(1) // it may be the only delivery that gets here: the sink knows what it has
	}
	env, err := parseEnvelope(body)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	if env.Type == "url_verification" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write([]byte(chat.Cut(env.Challenge, 1024)))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	a.answer(w, func() (any, error) { return nil, a.event(ctx, env) })
}

// event hands over what an envelope holds. An error asks Slack to deliver it
// again.
func (a *Adapter) event(ctx context.Context, env *envelope) error {
	switch env.Type {
	case "event_callback":
		in, ok := a.incoming(ctx, env)
		if !ok {
			a.stats.ignored.Add(1)
			return nil
		}
		_, err := a.accept(ctx, in)
		if errors.Is(err, chat.ErrRefused) {
			return nil // it would be refused again
		}
		return err
	case "app_rate_limited":
		a.stats.limited.Add(1)
		a.log.WarnContext(ctx, "slack: more than 30,000 events an hour: Slack withholds some", "minute", env.MinuteLimited)
	}
	return nil
}

// answer writes what Slack is to show, or asks it to deliver again.
func (a *Adapter) answer(w http.ResponseWriter, f func() (any, error)) {
	show, err := f()
	switch {
	case err != nil:
		w.Header().Set("Retry-After", retryAfter)
		http.Error(w, "hearth is busy; please deliver again", http.StatusServiceUnavailable)
	case show == nil:
		w.WriteHeader(http.StatusOK)
	default:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(show)
	}
}
