package chattest

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// answer is the body of an API answer.
type answer map[string]any

func no(code string, why ...string) answer {
	a := answer{"ok": false, "error": code}
	if len(why) > 0 {
		a["response_metadata"] = map[string]any{"messages": why}
	}
	return a
}

func yes(kv answer) answer {
	if kv == nil {
		kv = answer{}
	}
	kv["ok"] = true
	return kv
}

// method is one of the API's: the scopes of which one is needed, and what it
// does with the lock held.
type method struct {
	scopes string
	do     func(s *Slack, a args) answer
}

// args are a call's arguments; values that were JSON objects are JSON texts.
type args map[string]string

var methods = map[string]method{
	"auth.test":             {"", (*Slack).authTest},
	"chat.postMessage":      {"chat:write", (*Slack).postMessage},
	"chat.postEphemeral":    {"chat:write", (*Slack).postEphemeral},
	"chat.update":           {"chat:write", (*Slack).updateMessage},
	"chat.delete":           {"chat:write", (*Slack).deleteMessage},
	"conversations.open":    {"im:write", (*Slack).openConversation},
	"conversations.info":    {"channels:read", (*Slack).conversationInfo},
	"conversations.history": {"channels:history", (*Slack).history},
	"conversations.replies": {"channels:history", (*Slack).replies},
	"reactions.add":         {"reactions:write", (*Slack).addReaction},
	"users.info":            {"users:read", (*Slack).userInfo},
	"views.open":            {"", (*Slack).openView},
	"apps.connections.open": {"", (*Slack).openConnection},
}

func (s *Slack) serveAPI(w http.ResponseWriter, r *http.Request, name string) {
	m, known := methods[name]
	a, token, err := readArgs(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	f := s.failing(name)
	if f != nil && !f.Drop && !f.Garbage {
		s.record(name, a, f.name())
		s.mu.Unlock()
		s.fail(w, r, f)
		return
	}
	var out answer
	want := s.o.BotToken
	if name == "apps.connections.open" {
		want = s.o.AppToken
	}
	wait := 0
	switch {
	case !known:
		out = no("unknown_method")
	case token == "":
		out = no("not_authed")
	case token != want:
		out = no("invalid_auth")
	case m.scopes != "" && !slices.Contains(s.scopes, m.scopes):
		out = no("missing_scope")
		out["needed"], out["provided"] = m.scopes, strings.Join(s.scopes, ",")
	default:
		if wait = s.throttle(name, a); wait == 0 {
			out = m.do(s, a)
		}
	}
	scopes := strings.Join(s.scopes, ",")
	if wait > 0 {
		s.record(name, a, "ratelimited")
		s.mu.Unlock()
		s.fail(w, r, &Failure{Status: http.StatusTooManyRequests, RetryAfter: wait})
		return
	}
	code, _ := out["error"].(string)
	s.record(name, a, code)
	s.mu.Unlock()
	if f != nil {
		s.fail(w, r, f)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-OAuth-Scopes", scopes)
	_ = json.NewEncoder(w).Encode(out)
}

// record notes a call; the lock is held.
func (s *Slack) record(name string, a args, code string) {
	kept := args{}
	for k, v := range a {
		if k != "token" {
			kept[k] = v
		}
	}
	s.calls = append(s.calls, SlackCall{name, kept, code})
	s.wake()
}

func (f *Failure) name() string {
	switch {
	case f.Code != "":
		return f.Code
	case f.Status != 0:
		return "http_" + strconv.Itoa(f.Status)
	}
	return "no_answer"
}

func (s *Slack) fail(w http.ResponseWriter, r *http.Request, f *Failure) {
	switch {
	case f.Hang:
		select {
		case <-r.Context().Done():
		case <-s.closing:
		}
		panic(http.ErrAbortHandler)
	case f.Drop, f.Refuse:
		panic(http.ErrAbortHandler)
	case f.Garbage:
		_, _ = w.Write([]byte("<html>a proxy was here"))
	case f.Status != 0:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		}
		http.Error(w, "<html>"+http.StatusText(f.Status), f.Status)
	default:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(no(f.Code))
	}
}

// throttle is how many seconds a message has to wait; the lock is held.
func (s *Slack) throttle(name string, a args) int {
	if !s.limited || name != "chat.postMessage" && name != "chat.postEphemeral" {
		return 0
	}
	now := s.o.Clock()
	if last, ok := s.last[a["channel"]]; ok && now.Sub(last) < time.Second {
		return 1
	}
	s.last[a["channel"]] = now
	return 0
}

// readArgs reads a call's arguments, from the form or JSON body and the query,
// and its token.
func readArgs(r *http.Request) (args, string, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return nil, "", err
	}
	a := args{}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/json" && len(body) > 0 {
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil {
			return nil, "", err
		}
		for k, v := range m {
			if str, ok := v.(string); ok {
				a[k] = str
				continue
			}
			b, _ := json.Marshal(v)
			a[k] = string(b)
		}
	}
	forms := []url.Values{r.URL.Query()}
	if kind == "application/x-www-form-urlencoded" {
		f, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, "", err
		}
		forms = append(forms, f)
	}
	for _, f := range forms {
		for k := range f {
			a[k] = f.Get(k)
		}
	}
	token := a["token"]
	if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		token = t
	}
	return a, token, nil
}

func (s *Slack) authTest(args) answer {
	return yes(answer{"url": s.URL, "team": "Gophers", "team_id": s.o.Team, "user": "hearth", "user_id": s.o.BotUser, "bot_id": "B0HEARTH"})
}

// writable finds the channel of a message to be written, or says why not.
func (s *Slack) writable(id string) (*SlackChannel, answer) {
	c := s.channels[id]
	switch {
	case c == nil, c.Private && c.Outside:
		return nil, no("channel_not_found")
	case c.Archived:
		return nil, no("is_archived")
	case c.Outside:
		return nil, no("not_in_channel")
	}
	return c, nil
}

// content reads text, blocks and metadata of a message and holds them against
// Slack's bounds.
func content(a args, m *SlackMessage) answer {
	m.Text = a["text"]
	if len(utf16.Encode([]rune(m.Text))) > 40000 {
		return no("msg_too_long")
	}
	m.Blocks = nil
	if b := a["blocks"]; b != "" {
		blocks, bad := CheckSlackBlocks([]byte(b))
		if bad != nil {
			return no(bad.Code, bad.Why)
		}
		m.Blocks = blocks
	}
	if strings.TrimSpace(m.Text) == "" && len(m.Blocks) == 0 {
		return no("no_text")
	}
	if md := a["metadata"]; md != "" {
		if json.Unmarshal([]byte(md), &m.Metadata) != nil || m.Metadata["event_type"] == "" {
			return no("invalid_metadata_format")
		}
	}
	return nil
}

func (s *Slack) postMessage(a args) answer {
	c, bad := s.writable(a["channel"])
	if bad != nil {
		return bad
	}
	m := &SlackMessage{Channel: c.ID, User: s.o.BotUser, ThreadTS: a["thread_ts"]}
	if bad := content(a, m); bad != nil {
		return bad
	}
	if m.ThreadTS != "" && s.find(c.ID, m.ThreadTS) == nil {
		m.ThreadTS = "" // as Slack does: the message stands in the channel
	}
	m.TS = s.ts()
	s.msgs = append(s.msgs, m)
	return yes(answer{"channel": c.ID, "ts": m.TS, "message": m.json(false)})
}

func (s *Slack) postEphemeral(a args) answer {
	c, bad := s.writable(a["channel"])
	if bad != nil {
		return bad
	}
	if !slices.Contains(c.Members, a["user"]) {
		return no("user_not_in_channel")
	}
	m := &SlackMessage{Channel: c.ID, User: s.o.BotUser, To: a["user"], ThreadTS: a["thread_ts"]}
	if bad := content(a, m); bad != nil {
		return bad
	}
	m.TS = s.ts()
	s.msgs = append(s.msgs, m)
	return yes(answer{"message_ts": m.TS})
}

// find finds a message that Slack's API shows; the lock is held.
func (s *Slack) find(channel, ts string) *SlackMessage {
	for _, m := range s.msgs {
		if m.Channel == channel && m.TS == ts && !m.Deleted && m.To == "" {
			return m
		}
	}
	return nil
}

func (s *Slack) own(a args, refused string) (*SlackMessage, answer) {
	if _, bad := s.writable(a["channel"]); bad != nil {
		return nil, bad
	}
	m := s.find(a["channel"], a["ts"])
	switch {
	case m == nil:
		return nil, no("message_not_found")
	case m.User != s.o.BotUser:
		return nil, no(refused)
	}
	return m, nil
}

func (s *Slack) updateMessage(a args) answer {
	m, bad := s.own(a, "cant_update_message")
	if bad != nil {
		return bad
	}
	next := *m
	if bad := content(a, &next); bad != nil {
		return bad
	}
	next.Edits++
	*m = next
	return yes(answer{"channel": m.Channel, "ts": m.TS, "text": m.Text})
}

func (s *Slack) deleteMessage(a args) answer {
	m, bad := s.own(a, "cant_delete_message")
	if bad != nil {
		return bad
	}
	m.Deleted = true
	return yes(answer{"channel": m.Channel, "ts": m.TS})
}

func (s *Slack) openConversation(a args) answer {
	u, ok := s.users[a["users"]]
	switch {
	case !ok:
		return no("user_not_found")
	case u.Bot:
		return no("cannot_dm_bot")
	case u.Deleted:
		return no("user_disabled")
	}
	id := DM(u.ID)
	if s.channels[id] == nil {
		s.channels[id] = &SlackChannel{ID: id, Created: s.o.Clock(), Members: []string{u.ID}}
	}
	return yes(answer{"channel": answer{"id": id}})
}

func (s *Slack) conversationInfo(a args) answer {
	c := s.channels[a["channel"]]
	if c == nil || c.Private && c.Outside {
		return no("channel_not_found")
	}
	return yes(answer{"channel": answer{
		"id": c.ID, "name": c.Name, "created": c.Created.Unix(), "is_im": strings.HasPrefix(c.ID, "D"),
		"is_private": c.Private, "is_archived": c.Archived, "is_member": !c.Outside, "is_channel": true,
	}})
}

func (s *Slack) addReaction(a args) answer {
	m := s.find(a["channel"], a["timestamp"])
	switch name := a["name"]; {
	case m == nil:
		return no("message_not_found")
	case name == "" || strings.ContainsAny(name, ": "):
		return no("invalid_name")
	case slices.Contains(m.Reactions, name):
		return no("already_reacted")
	default:
		m.Reactions = append(m.Reactions, name)
	}
	return yes(nil)
}

func (s *Slack) userInfo(a args) answer {
	u, ok := s.users[a["user"]]
	if !ok {
		return no("user_not_found")
	}
	return yes(answer{"user": u.json(a["include_locale"] == "true")})
}

func (u *SlackUser) json(locale bool) map[string]any {
	out := map[string]any{
		"id": u.ID, "name": strings.ToLower(u.Name), "real_name": u.Name, "deleted": u.Deleted, "tz": u.TZ, "is_bot": u.Bot,
		"is_restricted": u.Guest, "is_ultra_restricted": false,
		"profile": map[string]any{"display_name": u.Name, "real_name": u.Name},
	}
	if locale {
		out["locale"] = u.Locale
	}
	return out
}
