// Package client asks a running hearth by its API, for the command line. It
// knows the API's types and where an answer that is none comes from; it must
// not know the engine.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/web"
)

var (
	// ErrNobody says that no hearth listens there.
	ErrNobody = errors.New("no hearth is running")

	// ErrToken says that the server refused the admin token.
	ErrToken = errors.New("the server refuses the admin token")

	// ErrNotHearth says that something else listens there.
	ErrNotHearth = errors.New("this is no hearth")
)

// Client asks the hearth at URL. It is safe for concurrent use.
type Client struct {
	URL   string // without a slash at the end
	Token string // the admin token
	HTTP  *http.Client
}

// maxAnswer bounds an answer: a thousand events of the longest kind fit.
const maxAnswer = 64 << 20

// timeout is for an answer that is not a stream.
const timeout = 30 * time.Second

// Status is how the server is.
func (c *Client) Status(ctx context.Context) (s web.Status, err error) {
	return s, c.ask(ctx, http.MethodGet, "/api/v1/status", &s)
}

// Pause stops sending.
func (c *Client) Pause(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, "/api/v1/pause", &web.Paused{})
}

// Resume sends again.
func (c *Client) Resume(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, "/api/v1/resume", &web.Paused{})
}

// Events lists events, as f says.
func (c *Client) Events(ctx context.Context, f web.EventFilter) ([]web.Event, error) {
	var list web.EventList
	err := c.ask(ctx, http.MethodGet, "/api/v1/events"+query(f), &list)
	return list.Events, err
}

// Event returns all that is known of an event.
func (c *Client) Event(ctx context.Context, number string) (e web.EventDetail, err error) {
	return e, c.ask(ctx, http.MethodGet, "/api/v1/events/"+url.PathEscape(number), &e)
}

// Failures lists a page of the events that were given up.
func (c *Client) Failures(ctx context.Context, f web.FailureFilter) ([]web.Failure, error) {
	var list web.FailureList
	err := c.ask(ctx, http.MethodGet, "/api/v1/dead-letters"+query(web.EventFilter{Plugin: f.Plugin, After: f.After, Limit: f.Limit}), &list)
	return list.Failures, err
}

// Retry hands a failed event to its plugin again.
func (c *Client) Retry(ctx context.Context, number, plugin string) error {
	return c.ask(ctx, http.MethodPost, "/api/v1/dead-letters/"+url.PathEscape(number)+"/"+url.PathEscape(plugin)+"/retry", &web.Retried{})
}

// packTime is for the solutions of a whole pack to be run.
const packTime = 6 * time.Minute

// LoadTasks makes the pack in a zip the learning path; with dry it only says
// what that would change, and what is wrong.
func (c *Client) LoadTasks(ctx context.Context, zip []byte, dry bool) (r web.TaskReview, err error) {
	ctx, cancel := context.WithTimeout(ctx, packTime)
	defer cancel()
	return r, c.read(ctx, http.MethodPost, "/api/v1/tasks/pack?dry_run="+strconv.FormatBool(dry), "application/zip", zip, &r)
}

// Tasks is the learning path as a zip.
func (c *Client) Tasks(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := c.do(ctx, http.MethodGet, "/api/v1/tasks/pack", "", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}

// Healthy is nil if a hearth answers at URL.
func (c *Client) Healthy(ctx context.Context) error {
	var h struct{ Service string }
	if err := c.ask(ctx, http.MethodGet, "/healthz", &h); err != nil {
		return err
	}
	if h.Service != "hearth" {
		return fmt.Errorf("%w: %s answers, but as something else", ErrNotHearth, c.URL)
	}
	return nil
}

// Follow calls each with every event that is handled from now on, until ctx or
// the server ends, or each fails.
func (c *Client) Follow(ctx context.Context, f web.EventFilter, each func(web.Event) error) error {
	resp, err := c.do(ctx, http.MethodGet, "/api/v1/events/follow"+query(f), "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e web.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return fmt.Errorf("read the server's events: %w", err)
		}
		if err := each(e); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the server's events: %w", err)
	}
	return fmt.Errorf("%w any more: the server has stopped", ErrNobody)
}

func query(f web.EventFilter) string {
	q := url.Values{}
	for name, v := range map[string]string{"plugin": f.Plugin, "member": f.Member, "conversation": f.Conversation, "kind": f.Kind, "after": f.After} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if f.Failed {
		q.Set("failed", "true")
	}
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

func (c *Client) ask(ctx context.Context, method, path string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return c.read(ctx, method, path, "", nil, answer)
}

func (c *Client) read(ctx context.Context, method, path, kind string, body []byte, answer any) error {
	resp, err := c.do(ctx, method, path, kind, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(answer); err != nil {
		return fmt.Errorf("%w: the answer of %s cannot be read: %w", ErrNotHearth, c.URL, err)
	}
	return nil
}

// do returns a response with a good status, or what the server says is wrong.
// kind is the media type of a body.
func (c *Client) do(ctx context.Context, method, path, kind string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%q is no address of a server: %w", c.URL, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	h := c.HTTP
	if h == nil {
		h = http.DefaultClient
	}
	resp, err := h.Do(req)
	if err != nil {
		var op *net.OpError
		if ctx.Err() == nil && errors.As(err, &op) && op.Op == "dial" {
			return nil, fmt.Errorf("%w at %s: start it with `hearth serve`, or say where it is with --server URL or --data DIR", ErrNobody, c.URL)
		}
		return nil, fmt.Errorf("ask %s: %w", c.URL, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, c.refusal(resp)
}

func (c *Client) refusal(resp *http.Response) error {
	var p struct {
		Detail string `json:"detail"`
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what is missing shows below
	if json.Unmarshal(body, &p) != nil || p.Detail == "" {
		return fmt.Errorf("%w: %s answers %s", ErrNotHearth, c.URL, resp.Status)
	}
	if resp.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("%w: set HEARTH_ADMIN_TOKEN, or say with --data where the server's data directory is; `hearth admin token reset` makes a new one", ErrToken)
	}
	if err := settingsProblem(body); err != nil {
		return err
	}
	if err := pluginProblem(body); err != nil {
		return err
	}
	for _, e := range p.Errors {
		p.Detail += "; " + strings.TrimPrefix(strings.TrimPrefix(e.Location, "query."), "path.") + ": " + e.Message
	}
	return errors.New(p.Detail)
}
