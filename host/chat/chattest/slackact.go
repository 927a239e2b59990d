package chattest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// Trigger is a fresh trigger_id of a member's act, good for three seconds and
// one form.
func (s *Slack) Trigger(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trigger(user)
}

func (s *Slack) trigger(user string) string {
	id := s.id("trigger.")
	s.triggers[id] = trigger{user: user, at: s.o.Clock()}
	return id
}

// ResponseURL is a fresh response_url for what a member did in a channel: five
// uses in thirty minutes. With ts it belongs to that message.
func (s *Slack) ResponseURL(channel, user, ts string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.responseURL(channel, user, ts)
}

func (s *Slack) responseURL(channel, user, ts string) string {
	id := s.id("hook")
	s.hooks[id] = &responseHook{channel: channel, user: user, ts: ts, at: s.o.Clock()}
	return s.srv.URL + "/hooks/" + id
}

func (s *Slack) serveHook(w http.ResponseWriter, r *http.Request, id string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, "no body", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.failing("response_url"); f != nil && f.Status != 0 {
		http.Error(w, f.name(), f.Status)
		return
	}
	h := s.hooks[id]
	switch {
	case h == nil:
		http.Error(w, "no_service", http.StatusNotFound)
		return
	case s.o.Clock().Sub(h.at) > 30*time.Minute:
		http.Error(w, "expired_url", http.StatusNotFound)
		return
	case h.uses >= 5:
		http.Error(w, "used_url", http.StatusNotFound)
		return
	}
	var p struct {
		Text    string          `json:"text"`
		Type    string          `json:"response_type"`
		Replace bool            `json:"replace_original"`
		Delete  bool            `json:"delete_original"`
		Thread  string          `json:"thread_ts"`
		Blocks  json.RawMessage `json:"blocks"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	h.uses++
	s.record("response_url", args{"text": p.Text, "channel": h.channel, "user": h.user, "type": p.Type}, "")
	original := s.any(h.channel, h.ts)
	if p.Delete {
		if original != nil {
			original.Deleted = true
		}
		_, _ = io.WriteString(w, "ok")
		return
	}
	m := &SlackMessage{Channel: h.channel, User: s.o.BotUser, ThreadTS: p.Thread, Hook: true}
	if p.Type != "in_channel" {
		m.To = h.user
	}
	a := args{"text": p.Text}
	if len(p.Blocks) > 0 && string(p.Blocks) != "null" {
		a["blocks"] = string(p.Blocks)
	}
	if bad := content(a, m); bad != nil {
		http.Error(w, bad["error"].(string), http.StatusBadRequest)
		return
	}
	if p.Replace && original != nil {
		original.Text, original.Blocks = m.Text, m.Blocks
		original.Edits++
	} else {
		m.TS = s.ts()
		s.msgs = append(s.msgs, m)
	}
	_, _ = io.WriteString(w, "ok")
}

// any finds a message, ephemeral or not; the lock is held.
func (s *Slack) any(channel, ts string) *SlackMessage {
	for _, m := range s.msgs {
		if m.Channel == channel && m.TS == ts && !m.Deleted {
			return m
		}
	}
	return nil
}

func (s *Slack) openView(a args) answer {
	id := a["trigger_id"]
	t, ok := s.triggers[id]
	switch {
	case !ok:
		return no("invalid_trigger_id")
	case t.used:
		return no("exchanged_trigger_id")
	case s.o.Clock().Sub(t.at) > 3*time.Second:
		return no("expired_trigger_id")
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(a["view"]), &v); err != nil {
		return no("invalid_arguments")
	}
	if bad := CheckSlackView(v); bad != nil {
		return no("invalid_arguments", bad.Why)
	}
	t.used = true
	s.triggers[id] = t
	view := SlackView{ID: s.id("V"), User: t.user, View: v}
	s.views = append(s.views, view)
	return yes(answer{"view": answer{"id": view.ID, "type": "modal"}})
}

// CheckSlackView holds a form against Slack's documented bounds.
func CheckSlackView(v map[string]any) *SlackBad {
	c := &blockCheck{view: true}
	if v["type"] != "modal" {
		c.no("/type: %v", v["type"])
	}
	c.text("/title", v["title"], 24, true)
	for _, k := range []string{"submit", "close"} {
		if v[k] != nil {
			c.text("/"+k, v[k], 24, true)
		}
	}
	c.short("/private_metadata", v["private_metadata"], 0, 3000)
	c.short("/callback_id", v["callback_id"], 0, 255)
	blocks, _ := v["blocks"].([]any)
	if len(blocks) == 0 {
		c.no("/blocks: must have an item")
	}
	data, _ := json.Marshal(v["blocks"])
	if _, bad := checkBlocks(data, 100, true); bad != nil {
		return bad
	}
	hasInput := strings.Contains(string(data), `"type":"input"`)
	if hasInput && v["submit"] == nil {
		c.no("/submit: needed with inputs")
	}
	return c.bad
}
