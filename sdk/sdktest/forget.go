package sdktest

import (
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// erase does to the plugin's rows what the host does when a member is
// forgotten, but that a shared row which still names them is an error.
func (b *Bot) erase(id string) {
	b.t.Helper()
	own := "m/" + abi.KeySegment(id) + "/"
	for key, value := range b.rows {
		switch {
		case strings.HasPrefix(key, own):
			delete(b.rows, key)
		case names(key, id), names(string(value), id):
			b.t.Errorf("%s is forgotten and row %s names them; the host would delete it whole: rewrite it in OnForget", abi.LocalID(id), key)
			delete(b.rows, key)
		}
	}
	b.timers = slices.DeleteFunc(b.timers, func(t abi.Timer) bool {
		own := t.Conversation == "" || b.conversation(t.Conversation).Kind == abi.Direct
		return t.Key == id || own && t.Member.ID == id
	})
	for i := range b.timers { // what a conversation waits for comes without them
		if b.timers[i].Member.ID == id {
			b.timers[i].Member = abi.Member{}
		}
	}
	b.actions = slices.DeleteFunc(b.actions, func(a pending) bool { return a.member == id })
}

// names says whether s holds an id, and not just the beginning of a longer one.
func names(s, id string) bool {
	for {
		i := strings.Index(s, id)
		if i < 0 {
			return false
		}
		if s = s[i+len(id):]; s == "" || !letter(s[0]) {
			return true
		}
	}
}

func letter(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '-'
}
