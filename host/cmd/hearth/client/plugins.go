package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hearthbot/hearth/web"
)

// changeTime is for what compiles, tests or migrates before it answers.
const changeTime = 6 * time.Minute

// Missing says that a version asks for what its plugin may not do, so that it is
// not made live.
type Missing struct {
	Detail string
	Grants []web.Grant
}

func (e *Missing) Error() string { return e.Detail }

// Upload brings a version of a plugin in. signature is the text of a minisign
// file, "" without.
func (c *Client) Upload(ctx context.Context, code []byte, signature, why string) (v web.PluginVersion, err error) {
	q := url.Values{}
	for name, value := range map[string]string{"signature": signature, "why": why} {
		if value != "" {
			q.Set(name, value)
		}
	}
	path := "/api/v1/plugins"
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return v, c.change(ctx, http.MethodPost, path, "application/wasm", code, &v)
}

// Plugin is a plugin as it runs.
func (c *Client) Plugin(ctx context.Context, name string) (p web.Plugin, err error) {
	return p, c.ask(ctx, http.MethodGet, onPlugin(name), &p)
}

// Plugins lists the plugins.
func (c *Client) Plugins(ctx context.Context) ([]web.Plugin, error) {
	var list web.PluginList
	err := c.ask(ctx, http.MethodGet, "/api/v1/plugins", &list)
	return list.Plugins, err
}

// Versions lists what is kept of a plugin, the newest upload first.
func (c *Client) Versions(ctx context.Context, name string) ([]web.PluginVersion, error) {
	var list web.PluginVersions
	err := c.ask(ctx, http.MethodGet, onPlugin(name)+"/versions", &list)
	return list.Versions, err
}

// Grant permits a plugin these and nothing else.
func (c *Client) Grant(ctx context.Context, name string, wanted web.GrantsWanted) (p web.Plugin, err error) {
	return p, c.post(ctx, onPlugin(name)+"/grants", wanted, &p)
}

// Promote makes a version live; sha may be the beginning of its hash.
func (c *Client) Promote(ctx context.Context, name, sha string, o web.PluginPromotion) (v web.PluginVersion, err error) {
	return v, c.post(ctx, onPlugin(name)+"/versions/"+url.PathEscape(sha)+"/promote", o, &v)
}

// Rollback makes the version live that was before.
func (c *Client) Rollback(ctx context.Context, name, why string) (v web.PluginVersion, err error) {
	return v, c.post(ctx, onPlugin(name)+"/rollback", web.Reason{Why: why}, &v)
}

// Disable has nothing of a plugin run; Enable takes that back.
func (c *Client) Disable(ctx context.Context, name, why string) (p web.Plugin, err error) {
	return p, c.post(ctx, onPlugin(name)+"/disable", web.Reason{Why: why}, &p)
}

// Enable has a plugin run again.
func (c *Client) Enable(ctx context.Context, name, why string) (p web.Plugin, err error) {
	return p, c.post(ctx, onPlugin(name)+"/enable", web.Reason{Why: why}, &p)
}

// Rollout is the gradual release of a plugin that is under way, or the last one.
func (c *Client) Rollout(ctx context.Context, name string) (r web.Rollout, err error) {
	return r, c.ask(ctx, http.MethodGet, onPlugin(name)+"/rollout", &r)
}

// BeginRollout gives a version to some of the members.
func (c *Client) BeginRollout(ctx context.Context, name string, s web.RolloutSpec, why string) (r web.Rollout, err error) {
	return r, c.post(ctx, onPlugin(name)+"/rollout"+becauseOf(why, nil), s, &r)
}

// EndRollout takes the version back that is rolled out; with promote it makes it
// live.
func (c *Client) EndRollout(ctx context.Context, name string, promote bool, why string) (p web.Plugin, err error) {
	q := url.Values{}
	if promote {
		q.Set("promote", "true")
	}
	return p, c.change(ctx, http.MethodDelete, onPlugin(name)+"/rollout"+becauseOf(why, q), "", nil, &p)
}

// Shadow begins the silent trial of a version; sha "" ends the one under way.
func (c *Client) Shadow(ctx context.Context, name, sha, why string) (p web.Plugin, err error) {
	body := struct {
		SHA256 string `json:"sha256"`
		Why    string `json:"why,omitempty"`
	}{sha, why}
	return p, c.post(ctx, onPlugin(name)+"/shadow", body, &p)
}

// ShadowReport is what the version on silent trial would have done otherwise.
func (c *Client) ShadowReport(ctx context.Context, name string) (r web.ShadowReport, err error) {
	return r, c.ask(ctx, http.MethodGet, onPlugin(name)+"/shadow", &r)
}

// becauseOf is the query of a change: its reason beside q.
func becauseOf(why string, q url.Values) string {
	if why != "" {
		if q == nil {
			q = url.Values{}
		}
		q.Set("why", why)
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// Remove deletes a version that does not run; with sha "" the plugin, which has
// to be disabled, and all its versions.
func (c *Client) Remove(ctx context.Context, name, sha, why string) (r web.Removed, err error) {
	path := onPlugin(name)
	if sha != "" {
		path += "/versions/" + url.PathEscape(sha)
	}
	return r, c.change(ctx, http.MethodDelete, path+becauseOf(why, nil), "", nil, &r)
}

// Logs calls each with all that a plugin logs from now on, until ctx or the
// server ends, or each fails.
func (c *Client) Logs(ctx context.Context, name string, each func(web.PluginLog) error) error {
	resp, err := c.do(ctx, http.MethodGet, onPlugin(name)+"/logs", "", nil)
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
		var l web.PluginLog
		if err := json.Unmarshal([]byte(data), &l); err != nil {
			return fmt.Errorf("read the plugin's log: %w", err)
		}
		if err := each(l); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the plugin's log: %w", err)
	}
	return fmt.Errorf("%w any more: the server has stopped", ErrNobody)
}

func onPlugin(name string) string { return "/api/v1/plugins/" + url.PathEscape(name) }

func (c *Client) post(ctx context.Context, path string, body, answer any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.change(ctx, http.MethodPost, path, "application/json", raw, answer)
}

func (c *Client) change(ctx context.Context, method, path, kind string, body []byte, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	return c.read(ctx, method, path, kind, body, answer)
}

// pluginProblem finds in a refusal what a plugin may not do; nil if it is about
// something else.
func pluginProblem(body []byte) error {
	var p web.PluginProblem
	if json.Unmarshal(body, &p) != nil || p.Code != web.PluginMissing {
		return nil
	}
	return &Missing{p.Detail, p.Missing}
}
