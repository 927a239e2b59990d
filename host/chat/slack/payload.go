package slack

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What Slack sends, as far as hearth reads it. The types are our own and not
// slackevents': those decode a message four times over, blocks and all, which
// takes four times as long, and have an error for an inner type they do not know.

// envelope is the body of an Events API request.
type envelope struct {
	Type           string     `json:"type"`
	Challenge      string     `json:"challenge"`
	TeamID         string     `json:"team_id"`
	EventID        string     `json:"event_id"`
	EventTime      int64      `json:"event_time"`
	Event          innerEvent `json:"event"`
	MinuteLimited  int64      `json:"minute_rate_limited"`
	Authorizations []struct {
		UserID string `json:"user_id"`
		IsBot  bool   `json:"is_bot"`
	} `json:"authorizations"`
}

// innerEvent is what happened. User and Channel are strings in some events and
// objects in others.
type innerEvent struct {
	Type        string     `json:"type"`
	Subtype     string     `json:"subtype"`
	User        userRef    `json:"user"`
	Channel     channelRef `json:"channel"`
	ChannelType string     `json:"channel_type"`
	TS          string     `json:"ts"`
	EventTS     string     `json:"event_ts"`
	UserTeam    string     `json:"user_team"`

	message                // of a message event, at the top level
	Current  *nested       `json:"message"`          // message_changed: as it is now
	Previous *nested       `json:"previous_message"` // message_changed, message_deleted
	Deleted  string        `json:"deleted_ts"`       // message_deleted
	Reaction string        `json:"reaction"`         //
	Item     reactedItem   `json:"item"`             //
	ItemUser string        `json:"item_user"`        //
	Tokens   revokedTokens `json:"tokens"`           // tokens_revoked
}

type message struct {
	Text     string `json:"text"`
	BotID    string `json:"bot_id"`
	ThreadTS string `json:"thread_ts"`
	Files    []file `json:"files"`
	Edited   struct {
		User string `json:"user"`
	} `json:"edited"`
}

// nested is a message below an event.
type nested struct {
	message
	User    userRef `json:"user"`
	TS      string  `json:"ts"`
	Subtype string  `json:"subtype"`
}

type file struct {
	Name      string `json:"name"`
	Title     string `json:"title"`
	Mimetype  string `json:"mimetype"`
	Size      int64  `json:"size"`
	URL       string `json:"url_private"`
	Preview   string `json:"preview"`
	Truncated bool   `json:"preview_is_truncated"`
	LinesMore int    `json:"lines_more"`
}

type reactedItem struct {
	Type    string `json:"type"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

type revokedTokens struct {
	Bot []string `json:"bot"`
}

// userRef is a user as an id or as an object.
type userRef struct {
	ID   string
	Full *user
}

func (u *userRef) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		u.Full = new(user)
		if err := json.Unmarshal(b, u.Full); err != nil {
			return err
		}
		u.ID = u.Full.ID
		return nil
	}
	return lenientString(b, &u.ID)
}

// user is a member of the workspace.
type user struct {
	ID         string      `json:"id"`
	TeamID     string      `json:"team_id"`
	Name       string      `json:"name"`
	RealName   string      `json:"real_name"`
	Deleted    bool        `json:"deleted"`
	TZ         string      `json:"tz"`
	Locale     string      `json:"locale"`
	IsBot      bool        `json:"is_bot"`
	IsWorkflow bool        `json:"is_workflow_bot"`
	Restricted bool        `json:"is_restricted"`
	Ultra      bool        `json:"is_ultra_restricted"`
	Stranger   bool        `json:"is_stranger"`
	Profile    userProfile `json:"profile"`
}

type userProfile struct {
	DisplayName string `json:"display_name"`
	RealName    string `json:"real_name"`
}

// channelRef is a channel as an id or as an object.
type channelRef struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Created int64  `json:"created"`
}

func (c *channelRef) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		type plain channelRef
		return json.Unmarshal(b, (*plain)(c))
	}
	return lenientString(b, &c.ID)
}

// lenientString reads a string; anything else is none.
func lenientString(b []byte, s *string) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, s)
	}
	return nil
}

var (
	errNotJSON   = &refusal{http.StatusBadRequest, "the body is no JSON of the form Slack sends"}
	errNoPayload = &refusal{http.StatusBadRequest, "the body is no form with a payload"}
)

// parseEnvelope reads the body of an Events API request.
func parseEnvelope(body []byte) (*envelope, error) {
	e := new(envelope)
	if err := json.Unmarshal(body, e); err != nil {
		return nil, errNotJSON
	}
	if e.Type == "" {
		return nil, errNotJSON
	}
	return e, nil
}

// interaction is the payload of a button pressed or a form sent.
type interaction struct {
	Type string `json:"type"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	Channel   channelRef `json:"channel"`
	Container struct {
		Type      string `json:"type"`
		MessageTS string `json:"message_ts"`
		ChannelID string `json:"channel_id"`
		ThreadTS  string `json:"thread_ts"`
		Ephemeral bool   `json:"is_ephemeral"`
	} `json:"container"`
	TriggerID   string   `json:"trigger_id"`
	ResponseURL string   `json:"response_url"`
	Actions     []action `json:"actions"`
	View        view     `json:"view"`
}

type action struct {
	ActionID string `json:"action_id"`
	ActionTS string `json:"action_ts"`
	Value    string `json:"value"`
}

type view struct {
	ID         string `json:"id"`
	CallbackID string `json:"callback_id"`
	Private    string `json:"private_metadata"`
	State      struct {
		Values map[string]map[string]struct {
			Value    *string `json:"value"`
			Selected *struct {
				Value string `json:"value"`
			} `json:"selected_option"`
		} `json:"values"`
	} `json:"state"`
}

func parseInteraction(payload []byte) (*interaction, error) {
	in := new(interaction)
	if len(bytes.TrimSpace(payload)) == 0 {
		return nil, errNoPayload
	}
	if err := json.Unmarshal(payload, in); err != nil || in.Type == "" {
		return nil, errNotJSON
	}
	return in, nil
}

// millis turns a Slack time, "1596183880.004200", into Unix milliseconds; 0 if
// it is none.
func millis(ts string) int64 {
	sec, frac, _ := strings.Cut(ts, ".")
	s, err := strconv.ParseInt(sec, 10, 64)
	if err != nil || s < 0 || s > 1<<40 {
		return 0
	}
	ms := s * 1000
	if len(frac) >= 3 {
		if f, err := strconv.ParseUint(frac[:3], 10, 16); err == nil {
			ms += int64(f)
		}
	}
	return ms
}

// slackTime is t as Slack writes it.
func slackTime(t time.Time) string {
	return strconv.FormatInt(t.Unix(), 10) + "." + leftPad(strconv.Itoa(t.Nanosecond()/1000), 6)
}

func leftPad(s string, n int) string { return strings.Repeat("0", max(0, n-len(s))) + s }
