package slack

import (
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// fromSlack turns a message's text into the neutral form: mentions as
// <@slack:U1>, channels as <#slack:C1>, links as their address (or
// [text](address)), entities as the characters they stand for. Of the members
// mentioned it returns the ids, each once, at most maxMentions.
func fromSlack(s string) (text string, mentions []string) {
	if !strings.ContainsAny(s, "<&") {
		return s, nil
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for s != "" {
		i := strings.IndexAny(s, "<&")
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		s = s[i:]
		if s[0] == '&' {
			s = s[entity(&b, s):]
			continue
		}
		end := strings.IndexByte(s, '>')
		if end < 0 { // Slack escapes a "<" that is one
			b.WriteString(s)
			break
		}
		if id := reference(&b, s[1:end]); id != "" && len(mentions) < maxMentions && !contains(mentions, id) {
			mentions = append(mentions, id)
		}
		s = s[end+1:]
	}
	return b.String(), mentions
}

const maxMentions = 50

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// entity writes the character that an entity at the start of s stands for and
// returns its length.
func entity(b *strings.Builder, s string) int {
	for _, e := range [...]struct {
		name string
		char byte
	}{{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}} {
		if strings.HasPrefix(s, e.name) {
			b.WriteByte(e.char)
			return len(e.name)
		}
	}
	b.WriteByte('&')
	return 1
}

// reference writes what stands for <ref>, and returns the member's id if it is
// a mention of one.
func reference(b *strings.Builder, ref string) (member string) {
	target, label, labelled := strings.Cut(ref, "|")
	switch {
	case target == "":
		b.WriteString("<" + ref + ">")
	case target[0] == '@' && isID(target[1:]):
		member = Name + ":" + target[1:]
		b.WriteString("<@" + member + ">")
	case target[0] == '#' && isID(target[1:]):
		b.WriteString("<#" + Name + ":" + target[1:] + ">")
	case target[0] == '!':
		special(b, target[1:], label)
	case !strings.Contains(target, ":"): // no address: Slack did not make it
		b.WriteString("<" + unescape(ref) + ">")
	case !labelled:
		b.WriteString(unescape(target))
	default:
		addr, text := unescape(target), unescape(label)
		bare := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(addr, "mailto:"), "https://"), "http://")
		switch _, web := chat.WebURL(addr); {
		case text == addr || text == bare: // Slack made the link of what was written
			b.WriteString(text)
		case web:
			b.WriteString("[" + text + "](" + addr + ")")
		default:
			b.WriteString(text + " (" + addr + ")")
		}
	}
	return member
}

// special writes what a "<!…>" shows: a call to a group, a date.
func special(b *strings.Builder, target, label string) {
	name, _, _ := strings.Cut(target, "^")
	switch {
	case label != "":
		b.WriteString(unescape(label))
	case name == "here" || name == "channel" || name == "everyone":
		b.WriteString("@" + name)
	case name == "subteam":
		b.WriteString("@group")
	default:
		b.WriteString(name)
	}
}

func unescape(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	return entities.Replace(s)
}

var (
	entities = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")
	escapes  = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
)

// escape makes s literal in Slack's own markup.
func escape(s string) string { return escapes.Replace(s) }

// isID says whether s can be one of Slack's ids.
func isID(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z') {
			return false
		}
	}
	return true
}

// mentionable says whether an id of hearth's is one that Slack lets a message
// mention, of a kind that begins with one of letters; local is Slack's part.
func mentionable(id, letters string) (local string, ok bool) {
	local = abi.LocalID(id)
	return local, abi.Platform(id) == Name && isID(local) && len(local) > 1 && strings.IndexByte(letters, local[0]) >= 0 &&
		local == strings.ToUpper(local)
}

const (
	memberLetters  = "UW"
	channelLetters = "CGD"
)

// isTS says whether s can be the ts of a message.
func isTS(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
