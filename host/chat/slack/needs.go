package slack

import (
	"cmp"
	"slices"

	"github.com/hearthbot/hearth/sdk/abi"
)

// need is a permission that hearth asks for, or an event that it subscribes to,
// and what for. What hearth itself needs is little: it keeps a directory of
// members and channels, asks what became of its own messages, and sends what is
// queued. All else follows from the enabled plugins, so that the app has no
// permission that nothing uses.
type need struct {
	name, why string
	when      func(all) bool // nil: hearth itself needs it, whichever plugins there are
}

// botScopes are the permissions.
var botScopes = []need{
	{"app_mentions:read", "be spoken to", all.listen},
	{"channels:history", "ask whether a message of which nothing was heard did arrive; read what is posted in channels it is in", nil},
	{"channels:read", "know channels by name and age, and who joins", nil},
	{"chat:write", "write messages, also what a plugin left behind that was switched off since", nil},
	{"commands", "answer slash commands", all.command},
	{"groups:history", "the same as channels:history in private channels it was invited to", nil},
	{"groups:read", "the same as channels:read for private channels", nil},
	{"im:history", "the same as channels:history in direct messages to it", nil},
	{"im:write", "begin direct messages, also with what cannot be shown to one member in a channel", all.write},
	{"reactions:read", "see reactions", all.seeReactions},
	{"reactions:write", "react", all.react},
	{"users:read", "know members' names, languages, time zones, and who joins", nil},
}

// botEvents are the events.
var botEvents = []need{
	{"app_home_opened", "show what is there to who looks", all.seeHome},
	{"app_mention", "be spoken to", all.listen},
	{"app_uninstalled", "say that access was taken away", nil},
	{"channel_created", "know a channel that is being made: who is put there has not joined", nil},
	{"channel_rename", "know channels by name", nil},
	{"member_joined_channel", "know since when members are here", nil},
	{"member_left_channel", "write to nobody who has left", nil},
	{"message.channels", "read what is posted", all.read},
	{"message.groups", "read what is posted", all.read},
	{"message.im", "be spoken to directly", all.listen},
	{"reaction_added", "see reactions", all.seeReactions},
	{"reaction_removed", "see reactions", all.seeReactions},
	{"team_join", "know since when members are here", nil},
	{"tokens_revoked", "say that access was taken away", nil},
	{"user_change", "keep names right, and write to nobody whose account was closed", nil},
}

// names are those of list that hearth needs with these plugins.
func names(list []need, plugins all) []string {
	var out []string
	for _, n := range list {
		if n.when == nil || n.when(plugins) {
			out = append(out, n.name)
		}
	}
	return out
}

// all are the enabled plugins.
type all []abi.Manifest

func (p all) wants(kinds ...abi.Kind) bool {
	return slices.ContainsFunc(p, func(m abi.Manifest) bool {
		return slices.ContainsFunc(m.Events, func(k abi.Kind) bool { return slices.Contains(kinds, k) })
	})
}

func (p all) asks(capabilities ...string) bool {
	return slices.ContainsFunc(p, func(m abi.Manifest) bool {
		return slices.ContainsFunc(m.Needs, func(n abi.Need) bool { return slices.Contains(capabilities, n.Cap) })
	})
}

func (p all) command() bool { called, _ := slashes(p.commands()); return len(called) > 0 }
func (p all) listen() bool  { return len(p.commands()) > 0 || p.read() }
func (p all) read() bool {
	return p.wants(abi.MessagePosted, abi.MessageEdited, abi.MessageDeleted, abi.FileShared)
}
func (p all) write() bool        { return p.asks(abi.CapDM, abi.CapSend) }
func (p all) react() bool        { return p.asks(abi.CapReact) }
func (p all) seeReactions() bool { return p.wants(abi.ReactionAdded) }
func (p all) seeHome() bool      { return p.wants(abi.HomeOpened) }

// commands are those of all plugins, by name.
func (p all) commands() []abi.CommandDef {
	var out []abi.CommandDef
	for i := range p {
		out = append(out, p[i].Commands...)
	}
	slices.SortFunc(out, func(a, b abi.CommandDef) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
