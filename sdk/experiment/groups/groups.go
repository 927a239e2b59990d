// Package groups tells a service that is no plugin which groups of hearth's
// experiments a request's user is in: a client of GET /api/v1/experiments/assign,
// and middleware that puts the answer into the request's context.
//
//	client := &groups.Client{URL: "https://hearth.example.org", Token: token}
//	mux := groups.Middleware(client, func(r *http.Request) string { return userOf(r) })(mux)
//	…
//	if groups.From(r.Context()).Get("bot-script") == "v2" { … }
//
// An experiment must never break what it is about. A user who is not known, an
// answer that does not come in time and any other error leave the request as it
// was: it goes on, without groups, and a group that is not there reads as "".
//
// It is a package of its own because of net/http: a plugin that imports
// [github.com/hearthbot/hearth/sdk/experiment] would carry an HTTP stack that the
// sandbox cannot use: 1.9 MB of wasm more, to 4.6 without it, and all of its
// package variables to initialise.
package groups

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Groups are the names of variations by the keys of their experiments. A nil map
// is nobody's.
type Groups map[string]string

// Get is the user's variation of an experiment, "" if they are not in it or that
// is not known: the caller's default.
func (g Groups) Get(experiment string) string { return g[experiment] }

// Assigner knows a user's groups. It must be safe for concurrent use. It returns
// no groups, and no error, for a user it does not know.
type Assigner interface {
	Groups(ctx context.Context, user string) (Groups, error)
}

type key struct{}

// From returns the groups in a context, nil if there are none.
func From(ctx context.Context) Groups {
	g, _ := ctx.Value(key{}).(Groups)
	return g
}

// With returns a context with groups, for tests and for other ways in.
func With(ctx context.Context, g Groups) context.Context {
	return context.WithValue(ctx, key{}, g)
}

// Middleware asks a about the user of each request and puts their groups into its
// context. A request whose user is "" is not asked about. Whatever goes wrong,
// the request goes on; errors are a's to report. A panic of user or of a is the
// server's, like any handler's.
func Middleware(a Assigner, user func(*http.Request) string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if id := user(r); id != "" {
				if g, err := a.Groups(r.Context(), id); err == nil && len(g) > 0 {
					r = r.WithContext(With(r.Context(), g))
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Defaults and bounds of a Client.
const (
	DefaultTimeout = 250 * time.Millisecond
	DefaultRest    = time.Second
	maxAnswer      = 64 << 10 // bytes
	maxUser        = 256      // bytes of a user's id
)

// ErrResting says that hearth was not asked, as it failed to answer a moment ago.
var ErrResting = errors.New("groups: hearth did not answer just now; it is asked again in a moment")

// Client asks hearth. It is safe for concurrent use; its fields are not to be
// changed once it is used.
type Client struct {
	URL     string        // of hearth: "https://hearth.example.org"
	Token   string        // an API token; a viewer's will do
	HTTP    *http.Client  // nil for http.DefaultClient
	Timeout time.Duration // for an answer; 0 for DefaultTimeout

	// Rest is how long hearth is not asked after it failed to answer, so that a
	// hearth that is down costs one request in a while its Timeout, and not each;
	// 0 for DefaultRest, negative for none.
	Rest time.Duration

	// Failed, if not nil, is told of every error that kept a user's groups away.
	Failed func(user string, err error)

	until atomic.Int64 // rests until then, Unix nanoseconds
}

// answer is the body of GET /api/v1/experiments/assign.
type answer struct {
	Groups Groups `json:"groups"`
}

// Groups returns a user's groups: none, and no error, if hearth does not know the
// user.
func (c *Client) Groups(ctx context.Context, user string) (Groups, error) {
	g, err := c.ask(ctx, user)
	if err != nil && c.Failed != nil {
		c.Failed(user, err)
	}
	return g, err
}

func (c *Client) ask(ctx context.Context, user string) (Groups, error) {
	if user == "" || len(user) > maxUser {
		return nil, fmt.Errorf("groups: a user's id has 1 to %d bytes, not %d", maxUser, len(user))
	}
	if time.Now().UnixNano() < c.until.Load() {
		return nil, ErrResting
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	asking, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	g, err := c.get(asking, user)
	if err != nil && ctx.Err() == nil { // a caller who went away says nothing of hearth
		rest := c.Rest
		if rest == 0 {
			rest = DefaultRest
		}
		c.until.Store(time.Now().Add(rest).UnixNano())
	}
	return g, err
}

func (c *Client) get(ctx context.Context, user string) (Groups, error) {
	to := strings.TrimSuffix(c.URL, "/") + "/api/v1/experiments/assign?user=" + url.QueryEscape(user)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return nil, fmt.Errorf("groups: %w", err)
	}
	r.Header.Set("Accept", "application/json")
	if c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	h := c.HTTP
	if h == nil {
		h = http.DefaultClient
	}
	resp, err := h.Do(r)
	if err != nil {
		return nil, fmt.Errorf("groups: asking hearth: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, nil
	default:
		return nil, fmt.Errorf("groups: hearth answered %s", resp.Status)
	}
	var a answer
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&a); err != nil {
		return nil, fmt.Errorf("groups: reading hearth's answer: %w", err)
	}
	return a.Groups, nil
}
