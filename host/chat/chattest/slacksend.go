package chattest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// SignSlack is the X-Slack-Signature of a body at a time.
func SignSlack(secret string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%d:", at.Unix())
	mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// Request is a request as Slack would send it to base+path now, signed. base is
// the address of the server under test, or "" for a handler.
func (s *Slack) Request(base, path string, body []byte) *http.Request {
	r, err := http.NewRequest(http.MethodPost, base+path, bytes.NewReader(body))
	if err != nil {
		panic(err) // a path that is no path: a mistake in the test
	}
	kind := "application/json"
	if path != "/slack/events" {
		kind = "application/x-www-form-urlencoded"
	}
	now := s.o.Clock()
	r.Header.Set("Content-Type", kind)
	r.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
	r.Header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(now.Unix(), 10))
	r.Header.Set("X-Slack-Signature", SignSlack(s.o.SigningSecret, now, body))
	return r
}

// Post sends a signed request and returns the status and the answer.
func (s *Slack) Post(c *http.Client, base, path string, body []byte) (int, string, error) {
	resp, err := c.Do(s.Request(base, path, body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// Event is the body of an Events API request that tells of inner. A new
// event_id is made if eventID is "".
func (s *Slack) Event(eventID string, inner map[string]any) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if eventID == "" {
		eventID = s.id("Ev")
	}
	now := s.o.Clock()
	if inner["event_ts"] == nil {
		inner["event_ts"] = s.ts()
	}
	return mustJSON(map[string]any{
		"token": "a verification token", "team_id": s.o.Team, "api_app_id": "A0HEARTH", "type": "event_callback",
		"event_id": eventID, "event_time": now.Unix(), "event": inner,
		"authorizations": []any{map[string]any{"team_id": s.o.Team, "user_id": s.o.BotUser, "is_bot": true}},
	})
}

// TeamJoin is a new account's event.
func (s *Slack) TeamJoin(eventID string, u SlackUser) []byte {
	s.AddUser(u)
	return s.Event(eventID, map[string]any{"type": "team_join", "user": u.json(true)})
}

// ChannelJoin is the event of a member coming to a channel.
func (s *Slack) ChannelJoin(eventID, user, channel string) []byte {
	s.update(func() {
		if c := s.channels[channel]; c != nil {
			c.Members = append(c.Members, user)
		}
	})
	return s.Event(eventID, map[string]any{"type": "member_joined_channel", "user": user, "channel": channel, "channel_type": "C", "team": s.o.Team})
}

// Say puts a member's message into a channel and returns its event and its ts.
func (s *Slack) Say(user, channel, text string) (body []byte, ts string) {
	s.mu.Lock()
	ts = s.ts()
	s.msgs = append(s.msgs, &SlackMessage{Channel: channel, TS: ts, User: user, Text: text})
	s.wake()
	s.mu.Unlock()
	kind := "channel"
	if strings.HasPrefix(channel, "D") {
		kind = "im"
	}
	return s.Event("", map[string]any{"type": "message", "user": user, "channel": channel, "channel_type": kind, "text": text, "ts": ts, "event_ts": ts}), ts
}

// Command is the body of a slash command request.
func (s *Slack) Command(user, channel, command, text string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := "directmessage"
	if c := s.channels[channel]; c != nil && c.Name != "" {
		name = c.Name
	}
	return []byte(url.Values{
		"token": {"a verification token"}, "team_id": {s.o.Team}, "team_domain": {"gophers"}, "channel_id": {channel}, "channel_name": {name},
		"user_id": {user}, "user_name": {strings.ToLower(s.users[user].Name)}, "command": {command}, "text": {text},
		"api_app_id": {"A0HEARTH"}, "response_url": {s.responseURL(channel, user, "")}, "trigger_id": {s.trigger(user)},
	}.Encode())
}

// Interaction is the body of the request with a payload.
func Interaction(payload []byte) []byte {
	return []byte(url.Values{"payload": {string(payload)}}.Encode())
}

// Press is the payload of a member pressing the button with a label in a
// message; nil if there is none.
func (s *Slack) Press(user string, m SlackMessage, label string) []byte {
	var button map[string]any
	for _, b := range m.Blocks {
		elements, _ := b["elements"].([]any)
		for _, e := range elements {
			el, _ := e.(map[string]any)
			if t, _ := el["text"].(map[string]any); el["type"] == "button" && t["text"] == label {
				button = el
			}
		}
	}
	if button == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return mustJSON(map[string]any{
		"type": "block_actions", "api_app_id": "A0HEARTH", "trigger_id": s.trigger(user),
		"user":         map[string]any{"id": user, "name": strings.ToLower(s.users[user].Name), "team_id": s.o.Team},
		"team":         map[string]any{"id": s.o.Team},
		"container":    map[string]any{"type": "message", "message_ts": m.TS, "channel_id": m.Channel, "is_ephemeral": m.To != ""},
		"channel":      map[string]any{"id": m.Channel},
		"response_url": s.responseURL(m.Channel, user, m.TS),
		"actions": []any{map[string]any{
			"type": "button", "action_id": button["action_id"], "block_id": "b", "value": button["value"], "action_ts": s.ts(), "text": button["text"],
		}},
	})
}

// Fill is the payload of a member sending a form, values by label. A select is
// given by its option's value.
func (s *Slack) Fill(user string, v SlackView, values map[string]string) []byte {
	state := map[string]any{}
	blocks, _ := v.View["blocks"].([]any)
	for _, b := range blocks {
		in, _ := b.(map[string]any)
		label, _ := in["label"].(map[string]any)
		el, _ := in["element"].(map[string]any)
		if in["type"] != "input" {
			continue
		}
		text, given := values[fmt.Sprint(label["text"])]
		val := map[string]any{"type": el["type"]}
		switch {
		case el["type"] == "static_select" && given:
			val["selected_option"] = map[string]any{"value": text}
		case el["type"] == "static_select":
			val["selected_option"] = nil
		case given:
			val["value"] = text
		default:
			val["value"] = nil
		}
		state[fmt.Sprint(in["block_id"])] = map[string]any{fmt.Sprint(el["action_id"]): val}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return mustJSON(map[string]any{
		"type": "view_submission", "api_app_id": "A0HEARTH", "trigger_id": s.trigger(user),
		"user": map[string]any{"id": user, "team_id": s.o.Team},
		"view": map[string]any{
			"id": v.ID, "type": "modal", "callback_id": v.View["callback_id"], "private_metadata": v.View["private_metadata"],
			"state": map[string]any{"values": state},
		},
	})
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // values are maps and strings
	}
	return b
}
