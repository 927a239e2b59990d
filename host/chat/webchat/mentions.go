package webchat

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

const maxMentions = 20

// link replaces @name and #channel outside code by what events carry,
// <@webchat:id> and <#webchat:id>, and lists the members mentioned.
func (v *view) link(text string) (string, []string, error) {
	var out strings.Builder
	var mentions []string
	prev, tries := rune(0), 0
	for i := 0; i < len(text); {
		if text[i] == '`' {
			n := codeSpan(text[i:])
			out.WriteString(text[i : i+n])
			i, prev = i+n, '`'
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if (r == '@' || r == '#') && (!wordy(prev) || han(prev)) && tries < maxMentions {
			tries++
			id, n, err := v.named(text[i+1:], r == '@')
			if err != nil {
				return "", nil, err
			}
			if n > 0 {
				out.WriteString("<" + string(r) + globalID(id) + ">")
				if m := globalID(id); r == '@' && !slices.Contains(mentions, m) {
					mentions = append(mentions, m)
				}
				i, prev = i+1+n, 'x'
				continue
			}
		}
		// What a member writes in the form of a link to an id is one.
		if r == '<' && strings.HasPrefix(text[i:], "<@"+Name+":") && len(mentions) < maxMentions {
			if end := strings.IndexByte(text[i:], '>'); end > 0 {
				if id := text[i+2 : i+end]; localID(id) == bot || v.known(localID(id)) {
					mentions = append(slices.DeleteFunc(mentions, func(m string) bool { return m == id }), id)
				}
			}
		}
		out.WriteRune(r)
		i, prev = i+size, r
	}
	return out.String(), mentions, nil
}

func (v *view) known(member string) bool {
	if member == "" {
		return false
	}
	ok, err := v.has(memberKey(member))
	return ok && err == nil
}

// named finds the longest name that s begins with.
func (v *view) named(s string, member bool) (id string, n int, err error) {
	var ends []int // where a name may end
	prev, runes := rune(0), 0
	for i, r := range s {
		if runes > maxName || r == '\n' {
			break
		}
		runes++
		if i > 0 && (!wordy(prev) || !wordy(r) || han(prev) || han(r)) {
			ends = append(ends, i)
		}
		prev = r
		if i+utf8.RuneLen(r) == len(s) {
			ends = append(ends, len(s))
		}
	}
	for _, end := range slices.Backward(ends) {
		name := s[:end]
		if name != strings.TrimSpace(name) || strings.HasSuffix(name, ".") {
			continue
		}
		if member {
			if id, err := v.called(name); err != nil || id != "" {
				return id, end, err
			}
			continue
		}
		if c, problem := channelName(name); problem == "" && c == strings.ToLower(name) {
			id := channelID(c)
			if ok, err := v.has(convKey(id)); err != nil || ok {
				return id, end, err
			}
		}
	}
	return "", 0, nil
}

// called is the id of the member with this very name, but for its case.
func (v *view) called(name string) (string, error) {
	if sameName(name, bot) {
		return bot, nil
	}
	id, err := v.text(nameKey(fold(name)))
	if err != nil || id == "" {
		return "", err
	}
	if m, err := v.member(id); err != nil || !sameName(m.Name, name) {
		return "", err
	}
	return id, nil
}

func sameName(x, y string) bool { return strings.EqualFold(norm.NFKC.String(x), norm.NFKC.String(y)) }

func wordy(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || r == '_' }

func han(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// codeSpan is the length of the code that s, which begins with a backquote,
// begins with; of the backquotes alone if nothing ends it.
func codeSpan(s string) int {
	n := len(s) - len(strings.TrimLeft(s, "`"))
	if end := strings.Index(s[n:], s[:n]); end >= 0 {
		return n + end + n
	}
	return n
}

// unlink is the inverse of link, for a member who edits what they wrote.
func (v *view) unlink(text string) string {
	return eachLink(text, func(sign byte, id string) string {
		if sign == '#' {
			if c, err := v.conv(localID(id)); err == nil && c.Kind == kindChannel {
				return "#" + c.Name
			}
			return "<#" + id + ">"
		}
		return "@" + v.nameOf(localID(id))
	})
}

// eachLink replaces every <@webchat:id> and <#webchat:id> of text.
func eachLink(text string, f func(sign byte, id string) string) string {
	var out strings.Builder
	for {
		i := strings.Index(text, "<")
		if i < 0 || i+2 >= len(text) {
			break
		}
		end := strings.IndexByte(text[i:], '>')
		sign := text[i+1]
		if end < 0 || sign != '@' && sign != '#' || localID(text[i+2:i+end]) == "" {
			out.WriteString(text[:i+1])
			text = text[i+1:]
			continue
		}
		out.WriteString(text[:i])
		out.WriteString(f(sign, text[i+2:i+end]))
		text = text[i+end+1:]
	}
	return out.String() + text
}

// nameOf is what to call a member; an id that nobody has stands for itself.
func (v *view) nameOf(id string) string {
	if id == bot {
		return bot
	}
	m, err := v.member(id)
	if err != nil {
		return id
	}
	return m.Name
}

// findCommand is the command that is called name.
func findCommand(s chat.Sink, name string) (abi.CommandDef, bool) {
	name = strings.ToLower(name)
	for _, c := range s.Commands() {
		if c.Name == name {
			return c, true
		}
	}
	return abi.CommandDef{}, false
}

// addressedCommand reads "@hearth NAME args" from a linked text.
func addressedCommand(s chat.Sink, text string) *abi.Command {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "<@"+BotID+">")
	if !ok {
		return nil
	}
	return command(s, strings.TrimLeftFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",:，：", r) }))
}

// plainCommand reads a line said to the bot alone: a command's name, or, if the
// command takes something, "NAME args". Any other sentence is no command.
func plainCommand(s chat.Sink, text string) *abi.Command {
	text = strings.TrimRight(strings.TrimSpace(text), ".!。！")
	c := command(s, text)
	if c == nil || strings.Contains(text, "\n") {
		return nil
	}
	if def, _ := findCommand(s, c.Name); c.Args != "" && def.Args.In("en") == "" {
		return nil
	}
	return c
}

// command reads "NAME args".
func command(s chat.Sink, text string) *abi.Command {
	name, args := text, ""
	if i := strings.IndexFunc(text, unicode.IsSpace); i >= 0 {
		name, args = text[:i], text[i:]
	}
	c, ok := findCommand(s, strings.TrimPrefix(name, "/"))
	if !ok {
		return nil
	}
	return &abi.Command{Name: c.Name, Args: strings.TrimSpace(args)}
}
