package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hearthbot/hearth/web"
)

// applyTime is for a change of settings to be put to use, and taken back.
const applyTime = 90 * time.Second

// Settings lists all that can be set, with what holds.
func (c *Client) Settings(ctx context.Context) ([]web.Setting, error) {
	var list web.SettingList
	err := c.ask(ctx, http.MethodGet, "/api/v1/settings", &list)
	return list.Settings, err
}

// ChangeSettings changes settings, all of them or none. Its error is a
// *[web.SettingsProblem] if the server says why not.
func (c *Client) ChangeSettings(ctx context.Context, why string, changes ...web.SettingChange) error {
	body, err := json.Marshal(web.SettingChanges{Changes: changes, Why: why})
	if err != nil {
		return fmt.Errorf("write the changes: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, applyTime)
	defer cancel()
	resp, err := c.do(ctx, http.MethodPut, "/api/v1/settings", "application/json", body)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// SettingHistory lists the changes of a setting, the newest first.
func (c *Client) SettingHistory(ctx context.Context, key string) ([]web.SettingVersion, error) {
	var list web.SettingHistory
	err := c.ask(ctx, http.MethodGet, "/api/v1/settings/"+url.PathEscape(key)+"/history", &list)
	return list.Versions, err
}

// ExportConfig returns all that is set beside the config's file, as a config
// file without secrets.
func (c *Client) ExportConfig(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := c.do(ctx, http.MethodGet, "/api/v1/config", "", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}

// ImportConfig makes what is set beside the config's file what the document
// says; with dry it only says what that would change.
func (c *Client) ImportConfig(ctx context.Context, document []byte, why string, dry bool) (d web.ConfigDifference, err error) {
	ctx, cancel := context.WithTimeout(ctx, applyTime)
	defer cancel()
	q := url.Values{"dry_run": {strconv.FormatBool(dry)}}
	if why != "" {
		q.Set("why", why)
	}
	if document == nil {
		document = []byte{}
	}
	return d, c.read(ctx, http.MethodPost, "/api/v1/config?"+q.Encode(), "application/toml", document, &d)
}

// settingsProblem is what the server says of a change that was not made, nil if
// it says nothing of that kind.
func settingsProblem(body []byte) error {
	var p web.SettingsProblem
	if err := json.Unmarshal(body, &p); err != nil || len(p.Faults)+len(p.Now) == 0 {
		return nil
	}
	return &p
}

// IsConflict says whether an error is that somebody else was faster.
func IsConflict(err error) bool {
	var p *web.SettingsProblem
	return errors.As(err, &p) && p.Status == http.StatusConflict
}
