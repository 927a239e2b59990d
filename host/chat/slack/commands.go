package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// reserved are the slash commands that Slack, or an app most workspaces have,
// keeps for itself. An app may not take them, or would be hidden by them.
var reserved = setOf(`active agent apps archive away call calls canvas caption close collapse dark darkmode desktop
	developer dm dnd expand feed feedback files giphy group help hide huddle invite invite_people join keys kick leave
	list lists me mention msg mute open part people poll prefs purpose question remind reminder remove rename saved
	search sections shortcuts shrug star stars status tableflip text theme todo topic trigger unarchive unmute
	usergroup who workflow`)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

// prefix stands before a command whose own name is not to be had.
const prefix = "hearth-"

// maxSlash is the length of the longest slash command, with its slash.
const maxSlash = 32

// SlashName is the slash command by which a member calls the command name on
// Slack: "/run" for "run", "/hearth-help" for "help", which Slack reserves. A
// name that fits neither way is "", and is called as "@hearth name" only.
func SlashName(name string) string {
	slash := "/" + name
	if reserved[name] || strings.HasPrefix(name, prefix) {
		slash = "/" + prefix + name
	}
	if len(slash) > maxSlash {
		return ""
	}
	return slash
}

// commandName finds the command that is called by word, with or without a
// slash and by its own name or the one it has on Slack.
func commandName(word string, defs []abi.CommandDef) (name string, ok bool) {
	bare := strings.TrimPrefix(word, "/")
	if bare == "" {
		return "", false
	}
	for i := range defs {
		if defs[i].Name == bare || SlashName(defs[i].Name) == "/"+bare {
			return defs[i].Name, true
		}
	}
	return strings.TrimPrefix(bare, prefix), false
}

// slash is a slash command as Slack sends it.
type slash struct {
	Command, Text, User, Channel, ChannelName, Trigger, ResponseURL string
}

func parseSlash(body []byte) (*slash, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errNoPayload
	}
	s := &slash{
		Command: form.Get("command"), Text: form.Get("text"), User: form.Get("user_id"), Channel: form.Get("channel_id"),
		ChannelName: form.Get("channel_name"), Trigger: form.Get("trigger_id"), ResponseURL: form.Get("response_url"),
	}
	if form.Get("ssl_check") == "1" {
		return nil, nil
	}
	if !s.whole() {
		return nil, errNoPayload
	}
	return s, nil
}

func (s *slash) whole() bool {
	return s.Command != "" && s.Trigger != "" && isID(s.User) && isID(s.Channel)
}

// command hands a slash command over and returns what Slack is to show, nil for
// nothing.
func (a *Adapter) command(ctx context.Context, s *slash) (any, error) {
	name, known := commandName(strings.ToLower(s.Command), a.sink.Commands())
	text, _ := fromSlack(s.Text)
	in := chat.Incoming{Event: abi.Event{
		ID:           "command/" + s.Trigger,
		Source:       Name,
		Kind:         abi.CommandInvoked,
		Time:         a.now().UnixMilli(), // Slack names no time
		Conversation: a.named(s.Channel, s.ChannelName),
		Member:       abi.Member{ID: Name + ":" + s.User},
		Command:      &abi.Command{Name: name, Args: strings.TrimSpace(text)},
		Private:      true,
	}}
	a.hooks.keep(hookCommand(s.Channel, s.User), s.ResponseURL, a.now())
	locale := a.dir.locale(s.User)
	if !known {
		a.stats.ignored.Add(1)
		return a.unknown(s.Command, locale), nil
	}
	out, err := a.accept(ctx, in)
	switch {
	case errors.Is(err, chat.ErrRefused):
		return ephemeral(sayRefused.In(locale)), nil
	case err != nil:
		return nil, err
	case out == chat.Unwanted:
		return a.unknown(s.Command, locale), nil
	}
	return nil, nil
}

func (a *Adapter) unknown(typed, locale string) any {
	all := SlashName("help")
	return ephemeral(fmt.Sprintf(sayUnknown.In(locale), "`"+escape(chat.Cut(chat.Tame(strings.ReplaceAll(typed, "`", "")), maxSlash))+"`", "`"+all+"`"))
}

// ephemeral is an answer that the asker alone sees.
func ephemeral(text string) any {
	return struct {
		Type string `json:"response_type"`
		Text string `json:"text"`
	}{"ephemeral", text}
}

func (a *Adapter) serveCommand(w http.ResponseWriter, r *http.Request, body []byte) {
	s, err := parseSlash(body)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	if s == nil { // Slack looks whether the certificate is good
		w.WriteHeader(http.StatusOK)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	a.answer(w, func() (any, error) { return a.command(ctx, s) })
}
