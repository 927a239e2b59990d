package slack

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/slack-go/slack"
)

// maxAnswer is the size in bytes of the largest answer that is read.
const maxAnswer = 8 << 20

// newClient is for the Web API: it waits for no answer for ever and follows no
// redirect, which would take the token along.
func newClient() *http.Client {
	return &http.Client{
		Timeout: 20 * time.Second,
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 15 * time.Second,
			MaxIdleConnsPerHost:   8,
			IdleConnTimeout:       90 * time.Second,
			ForceAttemptHTTP2:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// boundedClient gives slack-go, which decodes whatever comes, answers of
// bounded size.
type boundedClient struct{ c *http.Client }

func (b *boundedClient) Do(r *http.Request) (*http.Response, error) {
	resp, err := b.c.Do(r)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// errNoAnswer is for an answer that says neither yes nor no.
var errNoAnswer = errors.New("slack: the answer says neither ok nor an error")

// call asks Slack's API, unless it said not to before a certain time. scope is
// the channel if the method is throttled by channel.
func call[T any](ctx context.Context, a *Adapter, method, scope string, f func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil { // nothing has been sent, so nothing is unknown
		return zero, &chat.DeliveryError{Code: "canceled", Retry: true, Err: err}
	}
	if wait := a.gate.wait(method, scope); wait > 0 {
		return zero, &slack.RateLimitedError{RetryAfter: wait}
	}
	v, err := f(ctx)
	var limited *slack.RateLimitedError
	var status slack.StatusCodeError
	switch {
	case errors.As(err, &limited):
		a.gate.close(method, scope, limited.RetryAfter)
		a.stats.throttled.Add(1)
	case errors.As(err, &status) && status.Code == http.StatusTooManyRequests:
		err = &slack.RateLimitedError{RetryAfter: defaultRetryAfter}
		a.gate.close(method, scope, defaultRetryAfter)
		a.stats.throttled.Add(1)
	}
	return v, err
}

// defaultRetryAfter is for a 429 that does not say how long, and longestRetryAfter
// for one that says what cannot be meant: Slack's limits are by the minute.
const (
	defaultRetryAfter = time.Second
	longestRetryAfter = 15 * time.Minute
)

func bounded(retryAfter time.Duration) time.Duration {
	return min(max(retryAfter, defaultRetryAfter), longestRetryAfter)
}

// gate keeps calls back that Slack said would be in vain. Slack does not say
// whether a 429 is about one channel or about the whole method; the first is
// taken to be about its channel, another while that holds about the method.
type gate struct {
	now func() time.Time
	mu  sync.Mutex
	m   map[string]time.Time // method, or method/scope → not before
}

func newGate(now func() time.Time) *gate { return &gate{now: now, m: map[string]time.Time{}} }

// wait is how long method on scope is not to be called, 0 if it may.
func (g *gate) wait(method, scope string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.m) == 0 {
		return 0
	}
	now := g.now()
	wait := g.m[method].Sub(now)
	if scope != "" {
		wait = max(wait, g.m[method+"/"+scope].Sub(now))
	}
	return max(wait, 0)
}

func (g *gate) close(method, scope string, d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	key, others := method, false
	for k, until := range g.m {
		if !until.After(now) {
			delete(g.m, k)
			continue
		}
		others = others || len(k) > len(method) && k[:len(method)] == method && k != method+"/"+scope
	}
	if scope != "" && !others {
		key = method + "/" + scope
	}
	g.m[key] = now.Add(bounded(d))
}
