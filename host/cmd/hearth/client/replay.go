package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/web"
)

// Replay has recorded events run through a version of a plugin, and tells
// progress how far that is, unless it is nil. It takes as long as it takes.
func (c *Client) Replay(ctx context.Context, r web.ReplayRequest, progress func(done, total int)) (*replay.Report, error) {
	name := r.Plugin
	if name == "" {
		name = "-"
	}
	q := url.Values{"progress": {"true"}}
	for key, v := range map[string]string{"sha": r.SHA, "kind": r.Kind, "event": r.Event} {
		if v != "" {
			q.Set(key, v)
		}
	}
	for key, at := range map[string]time.Time{"since": r.Since, "until": r.Until} {
		if !at.IsZero() {
			q.Set(key, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if r.Last != 0 {
		q.Set("last", strconv.Itoa(r.Last))
	}
	if r.Failed {
		q.Set("failed", "true")
	}
	resp, err := c.do(ctx, http.MethodPost, "/api/v1/plugins/"+url.PathEscape(name)+"/replay?"+q.Encode(), "application/wasm", r.Code)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		var l web.ReplayLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%w: the answer of %s cannot be read: %w", ErrNotHearth, c.URL, err)
		}
		switch {
		case l.Report != nil:
			return l.Report, nil
		case l.Problem != nil:
			var p struct {
				Detail string `json:"detail"`
			}
			if json.Unmarshal(l.Problem, &p) != nil || p.Detail == "" {
				return nil, fmt.Errorf("%w: the answer of %s cannot be read", ErrNotHearth, c.URL)
			}
			return nil, errors.New(p.Detail)
		case progress != nil:
			progress(l.Done, l.Total)
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, errors.Join(fmt.Errorf("%s broke off its answer: does it stop?", c.URL), lines.Err())
}
