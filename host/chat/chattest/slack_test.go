package chattest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// ask calls a method of the stand-in as a client would.
func ask(t *testing.T, s *Slack, token, method string, kv ...string) (string, map[string]any) {
	t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		form.Set(kv[i], kv[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, s.APIURL()+method, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Sprint(resp.StatusCode, " after ", resp.Header.Get("Retry-After")), nil
	}
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	code, _ := m["error"].(string)
	return code, m
}

func section(n int) string {
	return fmt.Sprintf(`{"type":"section","text":{"type":"plain_text","text":%q}}`, strings.Repeat("x", n))
}

// TestSlackRules: what Slack would not do, the stand-in does not do.
func TestSlackRules(t *testing.T) {
	now := time.Unix(1772355600, 0)
	s := NewSlack(SlackOptions{Clock: func() time.Time { return now }})
	defer s.Close()
	s.AddChannel(SlackChannel{ID: "C0OLD", Archived: true})
	s.AddChannel(SlackChannel{ID: "C0FAR", Outside: true})
	s.AddUser(SlackUser{ID: "U0GONE", Deleted: true})
	_, others := s.Say("U0ANN", "C0GENERAL", "mine")
	const bot = "xoxb-hearth"
	view := `{"type":"modal","title":{"type":"plain_text","text":"T"},"blocks":[` + section(1) + `]}`
	late := s.Trigger("U0ANN")
	now = now.Add(4 * time.Second)
	once := s.Trigger("U0ANN")
	many := strings.Repeat(section(1)+",", 50) + section(1)
	for i, c := range []struct {
		token, method string
		kv            []string
		want          string
	}{
		{"", "auth.test", nil, "not_authed"},
		{"xoxb-other", "auth.test", nil, "invalid_auth"},
		{bot, "auth.test", nil, ""},
		{bot, "apps.connections.open", nil, "invalid_auth"},
		{bot, "no.such", nil, "unknown_method"},
		{bot, "chat.postMessage", []string{"channel", "C0GENERAL"}, "no_text"},
		{bot, "chat.postMessage", []string{"channel", "C0NOWHERE", "text", "x"}, "channel_not_found"},
		{bot, "chat.postMessage", []string{"channel", "C0OLD", "text", "x"}, "is_archived"},
		{bot, "chat.postMessage", []string{"channel", "C0FAR", "text", "x"}, "not_in_channel"},
		{bot, "chat.postMessage", []string{"channel", "C0GENERAL", "text", strings.Repeat("x", 40001)}, "msg_too_long"},
		{bot, "chat.postMessage", []string{"channel", "C0GENERAL", "blocks", "[" + section(3000) + "]"}, ""},
		{bot, "chat.postMessage", []string{"channel", "C0GENERAL", "blocks", "[" + section(3001) + "]"}, "invalid_blocks"},
		{bot, "chat.postMessage", []string{"channel", "C0GENERAL", "blocks", "[" + many + "]"}, "invalid_blocks"},
		{bot, "chat.postMessage", []string{"channel", "C0GENERAL", "blocks", "[" + strings.Repeat(section(2900)+",", 4) + section(2000) + "]"}, "msg_blocks_too_long"},
		{bot, "chat.postMessage", []string{"channel", "C0GENERAL", "blocks", `[{"type":"actions","elements":[]}]`}, "invalid_blocks"},
		{bot, "chat.postMessage", []string{"channel", "C0GENERAL", "blocks", `[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":""}]}]}]`}, "invalid_blocks"},
		{bot, "chat.postMessage", []string{"channel", "C0GENERAL", "text", "x", "metadata", `{"event_type":""}`}, "invalid_metadata_format"},
		{bot, "chat.postEphemeral", []string{"channel", "C0GENERAL", "text", "x", "user", "U0BOB"}, "user_not_in_channel"},
		{bot, "chat.update", []string{"channel", "C0GENERAL", "text", "x", "ts", others}, "cant_update_message"},
		{bot, "chat.delete", []string{"channel", "C0GENERAL", "ts", others}, "cant_delete_message"},
		{bot, "chat.delete", []string{"channel", "C0GENERAL", "ts", "1.2"}, "message_not_found"},
		{bot, "conversations.open", []string{"users", "U0GONE"}, "user_disabled"},
		{bot, "conversations.open", []string{"users", "U0HEARTH"}, "cannot_dm_bot"},
		{bot, "conversations.open", []string{"users", "U0ANN"}, ""},
		{bot, "reactions.add", []string{"channel", "C0GENERAL", "timestamp", others, "name", ":wave:"}, "invalid_name"},
		{bot, "reactions.add", []string{"channel", "C0GENERAL", "timestamp", others, "name", "wave"}, ""},
		{bot, "reactions.add", []string{"channel", "C0GENERAL", "timestamp", others, "name", "wave"}, "already_reacted"},
		{bot, "users.info", []string{"user", "U0NOBODY"}, "user_not_found"},
		{bot, "views.open", []string{"trigger_id", "made up", "view", view}, "invalid_trigger_id"},
		{bot, "views.open", []string{"trigger_id", late, "view", view}, "expired_trigger_id"},
		{bot, "views.open", []string{"trigger_id", once, "view", strings.Replace(view, `"T"`, `"`+strings.Repeat("T", 25)+`"`, 1)}, "invalid_arguments"},
		{bot, "views.open", []string{"trigger_id", once, "view", view}, ""},
		{bot, "views.open", []string{"trigger_id", once, "view", view}, "exchanged_trigger_id"},
	} {
		if got, _ := ask(t, s, c.token, c.method, c.kv...); got != c.want {
			t.Errorf("%d: %s %.80v: %q, want %q", i, c.method, c.kv, got, c.want)
		}
	}
	s.SetScopes(nil)
	if got, m := ask(t, s, bot, "chat.postMessage", "channel", "C0GENERAL", "text", "x"); got != "missing_scope" || m["needed"] != "chat:write" {
		t.Errorf("without scopes: %q, %v", got, m)
	}
}

func TestSlackRate(t *testing.T) {
	now := time.Unix(1772355600, 0)
	s := NewSlack(SlackOptions{Clock: func() time.Time { return now }, RateLimit: true})
	defer s.Close()
	send := func() string {
		got, _ := ask(t, s, "xoxb-hearth", "chat.postMessage", "channel", "C0GENERAL", "text", "x")
		return got
	}
	if a, b := send(), send(); a != "" || b != "429 after 1" {
		t.Errorf("%q, %q", a, b)
	}
	now = now.Add(time.Second)
	if a := send(); a != "" {
		t.Errorf("a second later: %q", a)
	}
	s.SetRateLimit(false)
	if a := send(); a != "" {
		t.Errorf("without the limit: %q", a)
	}
}

// A response_url is good for five uses, or half an hour.
func TestSlackResponseURL(t *testing.T) {
	now := time.Unix(1772355600, 0)
	s := NewSlack(SlackOptions{Clock: func() time.Time { return now }})
	defer s.Close()
	post := func(addr string) int {
		resp, err := http.Post(addr, "application/json", strings.NewReader(`{"text":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	addr := s.ResponseURL("C0GENERAL", "U0ANN", "")
	for i := range 6 {
		if got, want := post(addr), map[bool]int{true: 200, false: 404}[i < 5]; got != want {
			t.Errorf("use %d: status %d, want %d", i+1, got, want)
		}
	}
	old := s.ResponseURL("C0GENERAL", "U0ANN", "")
	now = now.Add(31 * time.Minute)
	if got := post(old); got != 404 {
		t.Errorf("after half an hour: status %d", got)
	}
}
