package slack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/slack-go/slack"
)

// authTest asks Slack who hearth is and what it may do.
func (a *Adapter) authTest(ctx context.Context) (*slack.AuthTestResponse, []string, error) {
	resp, err := call(ctx, a, "auth.test", "", a.api.AuthTestContext)
	if err != nil {
		return nil, nil, err
	}
	if !isID(resp.UserID) {
		return nil, nil, errNoAnswer
	}
	a.dir.me.Store(&identity{user: resp.UserID, name: resp.User, teamID: resp.TeamID, team: resp.Team})
	var scopes []string
	for s := range strings.SplitSeq(resp.Header.Get("X-OAuth-Scopes"), ",") {
		if s = strings.TrimSpace(s); s != "" {
			scopes = append(scopes, s)
		}
	}
	return resp, scopes, nil
}

// Check asks Slack whether the tokens are good, and which of the permissions
// are missing that the manifest asks for.
func (a *Adapter) Check(ctx context.Context) chat.Health {
	h := a.checkBot(ctx)
	if !h.OK || a.app == "" {
		return h
	}
	if err := a.checkApp(ctx); err != nil {
		return unwell(h, err)
	}
	return h
}

func (a *Adapter) checkBot(ctx context.Context) chat.Health {
	resp, scopes, err := a.authTest(ctx)
	if err != nil {
		return unwell(chat.Health{}, err)
	}
	h := chat.Health{
		OK:      true,
		Account: fmt.Sprintf("%s in %s (%s)", oneLine(resp.User), oneLine(resp.Team), oneLine(resp.TeamID)),
		Hidden:  []string{"private channels that hearth was not invited to", "channels that hearth is not in: what is posted there, who joins and who leaves"},
	}
	if len(scopes) == 0 {
		return h // a stand-in, or a proxy that takes the header away
	}
	for _, s := range names(botScopes, a.plugins()) {
		if !slices.Contains(scopes, s) {
			h.Missing = append(h.Missing, s)
		}
	}
	if len(h.Missing) > 0 {
		h.OK = false
		h.Code = "missing_scope"
		h.Advice = "the app lacks permissions (" + strings.Join(h.Missing, ", ") + "): update it from `hearth slack manifest` and install it again"
	}
	return h
}

// checkApp says whether the app token opens sockets. Slack allows to ask that
// about once a minute, so what Run was told last counts while it runs.
func (a *Adapter) checkApp(ctx context.Context) error {
	if d := a.dialled.Load(); d != nil {
		return d.err
	}
	_, err := a.ticket(ctx)
	if err != nil && deliveryError(err).Code == "ratelimited" {
		return nil // asked too often, which says nothing of the token
	}
	return err
}

// CheckApp asks Slack whether the app token opens sockets, and nothing else.
func (a *Adapter) CheckApp(ctx context.Context) chat.Health {
	if err := a.checkApp(ctx); err != nil {
		return unwell(chat.Health{}, err)
	}
	return chat.Health{OK: true}
}

// unwell is h with what Slack had to say instead of yes.
func unwell(h chat.Health, err error) chat.Health {
	d := deliveryError(err)
	h.OK, h.Code, h.Advice = false, d.Code, d.Advice
	if h.Advice == "" {
		h.Advice = "Slack could not be asked (" + d.Code + "): check the network and slack.api_url"
	}
	return h
}

func oneLine(s string) string { return chat.Cut(strings.Join(strings.Fields(chat.Clean(s)), " "), 80) }
