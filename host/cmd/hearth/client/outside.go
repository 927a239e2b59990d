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
	var last web.BackfillLine
	err := readLines(ctx, c, "/api/v1/analytics/backfill?"+url.Values{"repository": {repository}}.Encode(), "What was read counts; begin it again", func(l web.BackfillLine) (bool, json.RawMessage) {
		if last = l; !l.Done && l.Problem == nil && progress != nil {
			progress(l.BackfillProgress)
		}
		return l.Done, l.Problem
	})
	return last.Backfilled, err
}

// RebuildAnalytics has the server count what is measured anew, and tells progress
// how far that is.
func (c *Client) RebuildAnalytics(ctx context.Context, progress func(web.RebuildProgress)) (web.Rebuilt, error) {
	var last web.RebuildLine
	err := readLines(ctx, c, "/api/v1/analytics/rebuild", "What was counted is right; begin it again", func(l web.RebuildLine) (bool, json.RawMessage) {
		if last = l; !l.Done && l.Problem == nil && l.All > 0 {
			progress(l.RebuildProgress)
		}
		return l.Done, l.Problem
	})
	return last.Rebuilt, err
}

// readLines has the server do something that takes long, and reads its answer line
// by line: read says of each whether it is the last, or what is wrong.
func readLines[L any](ctx context.Context, c *Client, path, after string, read func(L) (done bool, problem json.RawMessage)) error {
	resp, err := c.do(ctx, http.MethodPost, path, "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var l L
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("%w: the answer of %s cannot be read: %w", ErrNotHearth, c.URL, err)
		}
		switch done, problem := read(l); {
		case done:
			return nil
		case problem != nil:
			var p struct {
				Detail string `json:"detail"`
			}
			if json.Unmarshal(problem, &p) != nil || p.Detail == "" {
				return fmt.Errorf("%w: the answer of %s cannot be read", ErrNotHearth, c.URL)
			}
			return errors.New(p.Detail)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(fmt.Errorf("%s broke off its answer: does it stop? %s", c.URL, after), lines.Err())
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
