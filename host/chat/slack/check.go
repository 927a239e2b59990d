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
// the manifest asks for are missing.
func (a *Adapter) Check(ctx context.Context) chat.Health {
	resp, scopes, err := a.authTest(ctx)
	if err != nil {
		d := deliveryError(err)
		h := chat.Health{Code: d.Code, Advice: d.Advice}
		if h.Advice == "" {
			h.Advice = "Slack could not be asked (" + d.Code + "): check the network and slack.api_url"
		}
		return h
	}
	h := chat.Health{
		OK:      true,
		Account: fmt.Sprintf("%s in %s (%s)", oneLine(resp.User), oneLine(resp.Team), oneLine(resp.TeamID)),
		Hidden:  []string{"private channels that hearth was not invited to", "channels that hearth is not in: what is posted there, who joins and who leaves"},
	}
	if len(scopes) == 0 {
		return h // a stand-in, or a proxy that takes the header away
	}
	for _, s := range botScopes {
		if !slices.Contains(scopes, s.scope) {
			h.Missing = append(h.Missing, s.scope)
		}
	}
	if len(h.Missing) > 0 {
		h.OK = false
		h.Code = "missing_scope"
		h.Advice = "the app lacks permissions (" + strings.Join(h.Missing, ", ") + "): update it from `hearth slack manifest` and install it again"
	}
	return h
}

func oneLine(s string) string { return chat.Cut(strings.Join(strings.Fields(chat.Clean(s)), " "), 80) }
