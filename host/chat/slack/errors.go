package slack

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/slack-go/slack"
)

// verdict is what follows from one of Slack's error codes.
type verdict struct {
	retry, hold, unknown, noDM bool
	advice                     string
}

// verdicts are Slack's error codes that mean more than "this cannot be done".
// A code that is not here is permanent.
var verdicts = map[string]verdict{
	// Nobody gets anything until a person has acted.
	"invalid_auth":              {hold: true, advice: "the bot token is not valid: copy it anew from OAuth & Permissions of the app's page"},
	"not_authed":                {hold: true, advice: "no bot token was sent: set slack.bot_token"},
	"account_inactive":          {hold: true, advice: "the bot's account was removed: install the app in the workspace again and copy the new bot token"},
	"token_revoked":             {hold: true, advice: "the bot token was revoked: install the app in the workspace again and copy the new bot token"},
	"token_expired":             {hold: true, advice: "the bot token has expired: switch token rotation off for the app, or copy the new token"},
	"missing_scope":             {hold: true, advice: "the app lacks a permission: update it from `hearth slack manifest` and install it again"},
	"no_permission":             {hold: true, advice: "the token may not do this: update the app from `hearth slack manifest` and install it again"},
	"not_allowed_token_type":    {hold: true, advice: "slack.bot_token is a token of another kind: the bot's begins with xoxb-"},
	"access_denied":             {hold: true, advice: "the workspace denies the app access: ask a workspace admin"},
	"org_login_required":        {hold: true, advice: "the workspace is being moved by Slack: deliveries go on when that is done"},
	"ekm_access_denied":         {hold: true, advice: "the workspace's admins have suspended access to messages: ask them"},
	"team_access_not_granted":   {hold: true, advice: "the app is not approved for this workspace: ask a workspace admin"},
	"enterprise_is_restricted":  {hold: true, advice: "the method is closed to the enterprise: ask an org admin"},
	"two_factor_setup_required": {hold: true, advice: "the workspace demands two-factor sign-in: ask a workspace admin"},

	// Later it may go.
	"ratelimited":                {retry: true},
	"rate_limited":               {retry: true},
	"message_limit_exceeded":     {retry: true, advice: "the workspace has reached its limit of messages for now"},
	"team_added_to_org":          {retry: true},
	"internal_error":             {retry: true, unknown: true},
	"fatal_error":                {retry: true, unknown: true},
	"request_timeout":            {retry: true, unknown: true},
	"service_unavailable":        {retry: true, unknown: true},
	"accesslimited":              {retry: true},
	"external_channel_migrating": {retry: true},

	// This member cannot be written to.
	"cannot_dm_bot":         {noDM: true},
	"user_disabled":         {noDM: true, advice: "the member's account is deactivated"},
	"user_not_found":        {noDM: true},
	"users_not_found":       {noDM: true},
	"user_not_visible":      {noDM: true},
	"user_is_restricted":    {noDM: true, advice: "the member is a guest who may not have direct messages"},
	"messages_tab_disabled": {noDM: true, advice: "direct messages to the app are switched off: switch on App Home, Messages Tab, of the app's page"},
	"messaging_not_allowed": {noDM: true},

	// Something about this one place or message.
	"channel_not_found":                        {advice: "the channel does not exist, or it is private and hearth is not in it: /invite hearth there"},
	"not_in_channel":                           {advice: "hearth is not in the channel: /invite hearth there"},
	"is_archived":                              {advice: "the channel is archived: unarchive it, or choose another in the settings"},
	"restricted_action":                        {advice: "the workspace lets only some people post in this channel: add hearth to them"},
	"restricted_action_read_only_channel":      {advice: "nobody may post in this channel: choose another in the settings"},
	"restricted_action_thread_only_channel":    {advice: "only replies are allowed in this channel: choose another in the settings"},
	"restricted_action_non_threadable_channel": {advice: "replies are not allowed in this channel"},
	"user_not_in_channel":                      {advice: "the member is not in the channel, so nobody could be shown the message"},
	"edit_window_closed":                       {advice: "the workspace does not allow editing messages this old"},
	"cant_update_message":                      {advice: "the message is not hearth's own, or the workspace does not allow editing"},
	"cant_delete_message":                      {advice: "the message is not hearth's own, or the workspace does not allow deleting"},
	"message_not_found":                        {advice: "the message is no longer there"},
	"invalid_name":                             {advice: "the workspace has no such emoji"},
	"msg_blocks_too_long":                      {advice: "the message is longer than Slack takes; this is hearth's mistake, please report it"},
	"invalid_blocks":                           {advice: "Slack does not take the message's form; this is hearth's mistake, please report it"},
	"no_text":                                  {advice: "the message shows nothing"},
	"too_many_reactions":                       {advice: "the message has as many reactions as Slack allows"},
	"method_not_supported_for_channel_type":    {advice: "Slack does not allow this in a conversation of this kind"},
}

// deliveryError is err, of a call to Slack, as the engine understands it.
func deliveryError(err error) *chat.DeliveryError {
	var done *chat.DeliveryError
	var limited *slack.RateLimitedError
	var said slack.SlackErrorResponse
	var status slack.StatusCodeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &done):
		return done
	case errors.As(err, &limited):
		return &chat.DeliveryError{Code: "ratelimited", Retry: true, After: bounded(limited.RetryAfter)}
	case errors.As(err, &said):
		v := verdicts[said.Err]
		advice := v.advice
		if said.Err == "missing_scope" && said.Needed != "" {
			advice = fmt.Sprintf("the app lacks the permission %s: update it from `hearth slack manifest` and install it again", chat.Cut(chat.Clean(said.Needed), 200))
		}
		return &chat.DeliveryError{Code: chat.Cut(chat.Clean(said.Err), 100), Retry: v.retry, Hold: v.hold, Unknown: v.unknown, NoDM: v.noDM, Advice: advice}
	case errors.As(err, &status):
		d := &chat.DeliveryError{Code: fmt.Sprint("http_", status.Code), Err: err}
		if status.Code >= http.StatusInternalServerError {
			d.Retry, d.Unknown = true, true
		} else {
			d.Advice = "whatever answers at slack.api_url is not Slack's Web API"
		}
		return d
	case errors.Is(err, errNoAnswer), errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF):
		return &chat.DeliveryError{Code: "bad_answer", Retry: true, Unknown: true, Err: err}
	case errors.Is(err, context.Canceled):
		return &chat.DeliveryError{Code: "canceled", Retry: true, Unknown: true, Err: err}
	case notSent(err):
		return &chat.DeliveryError{Code: "unreachable", Retry: true, Err: err}
	}
	return &chat.DeliveryError{Code: "no_answer", Retry: true, Unknown: true, Err: err}
}

// appAdvice is what to do about an app token that Slack refuses.
func appAdvice(code string) string {
	const where = "on the app's page, Basic Information, App-Level Tokens, with the scope connections:write, and set slack.app_token to it"
	switch code {
	case "missing_scope", "no_permission":
		return "slack.app_token lacks the scope connections:write: make a token " + where
	case "not_allowed_token_type":
		return "slack.app_token is a token of another kind: make one " + where + " (it begins with xapp-)"
	}
	return "slack.app_token is not good for a socket (any more): make a token " + where
}

// code is the error Slack gave, "" if it gave none.
func code(err error) string {
	var said slack.SlackErrorResponse
	if errors.As(err, &said) {
		return said.Err
	}
	return ""
}

func badID(what, id string) *chat.DeliveryError {
	return &chat.DeliveryError{Code: "bad_" + what, Err: fmt.Errorf("slack: %q is no %s of Slack's", chat.Cut(chat.Clean(id), 60), what)}
}

// notSent says whether a request failed before it can have reached Slack: the
// name was not found, the connection not made, or not to Slack.
func notSent(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial" || errors.As(err, &cert) || errors.As(err, &plain)
}
