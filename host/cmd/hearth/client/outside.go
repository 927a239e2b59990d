package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/hearthbot/hearth/web"
)

// Backfill has the server read what became of a repository's pull requests, and
// tells progress how far that is, unless it is nil. It takes as long as GitHub's
// rate limits have it.
func (c *Client) Backfill(ctx context.Context, repository string, progress func(web.BackfillProgress)) (web.Backfilled, error) {
	resp, err := c.do(ctx, http.MethodPost, "/api/v1/analytics/backfill?"+url.Values{"repository": {repository}}.Encode(), "", nil)
	if err != nil {
		return web.Backfilled{}, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var l web.BackfillLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return web.Backfilled{}, fmt.Errorf("%w: the answer of %s cannot be read: %w", ErrNotHearth, c.URL, err)
		}
		switch {
		case l.Done:
			return l.Backfilled, nil
		case l.Problem != nil:
			var p struct {
				Detail string `json:"detail"`
			}
			if json.Unmarshal(l.Problem, &p) != nil || p.Detail == "" {
				return l.Backfilled, fmt.Errorf("%w: the answer of %s cannot be read", ErrNotHearth, c.URL)
			}
			return l.Backfilled, errors.New(p.Detail)
		case progress != nil:
			progress(l.BackfillProgress)
		}
	}
	if ctx.Err() != nil {
		return web.Backfilled{}, ctx.Err()
	}
	return web.Backfilled{}, errors.Join(fmt.Errorf("%s broke off its answer: does it stop? What was read counts; begin it again", c.URL), lines.Err())
}

// SignInMember gets a member's own token by the code that the bot gave them.
func (c *Client) SignInMember(ctx context.Context, code string) (t web.MemberToken, err error) {
	body, err := json.Marshal(web.MemberSignIn{Code: code})
	if err != nil {
		return t, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return t, c.read(ctx, http.MethodPost, "/api/v1/track/login", "application/json", body, &t)
}

// SignOutMember ends the member's token that the client has.
func (c *Client) SignOutMember(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := c.do(ctx, http.MethodDelete, "/api/v1/track/login", "", nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Track tells something that a member did.
func (c *Client) Track(ctx context.Context, t web.Track) (out web.Tracked, err error) {
	body, err := json.Marshal(t)
	if err != nil {
		return out, err
	}
	return out, c.read(ctx, http.MethodPost, "/api/v1/track", "application/json", body, &out)
}
