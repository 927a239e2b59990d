package webchat

import (
	"html/template"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
)

// docHTML is a parsed text as HTML. Everything that is not a tag of ours is
// escaped here, and nowhere is a tag taken from a text.
func (l *looker) docHTML(d chat.Doc) template.HTML {
	var b strings.Builder
	for i := range d {
		l.node(&b, &d[i])
	}
	return template.HTML(b.String())
}

func (l *looker) node(b *strings.Builder, n *chat.Node) {
	switch n.Kind {
	case chat.Fence:
		b.WriteString(`<pre dir="ltr" tabindex="0"`)
		if n.Lang != "" {
			b.WriteString(` data-lang="` + esc(n.Lang) + `"`)
		}
		b.WriteString(`><code>` + esc(n.Code) + `</code></pre>`)
	case chat.Bullets, chat.Numbers:
		tag := "ul"
		b.WriteString("<")
		if n.Kind == chat.Numbers {
			tag = "ol"
			b.WriteString(`ol start="` + strconv.Itoa(n.First) + `"`)
		} else {
			b.WriteString("ul")
		}
		b.WriteString(` dir="auto">`)
		for _, line := range n.Lines {
			b.WriteString("<li>")
			l.line(b, line)
			b.WriteString("</li>")
		}
		b.WriteString("</" + tag + ">")
	case chat.Quote:
		b.WriteString(`<blockquote dir="auto">`)
		l.lines(b, n.Lines)
		b.WriteString("</blockquote>")
	default:
		b.WriteString(`<p dir="auto">`)
		l.lines(b, n.Lines)
		b.WriteString("</p>")
	}
}

func (l *looker) lines(b *strings.Builder, lines []chat.Line) {
	for i, line := range lines {
		if i > 0 {
			b.WriteString("<br>")
		}
		l.line(b, line)
	}
}

func (l *looker) line(b *strings.Builder, line chat.Line) {
	for i, s := range line {
		switch {
		case s.Member != "":
			l.mention(b, s.Member)
		case s.Conversation != "":
			l.channel(b, s.Conversation)
		case s.URL != "":
			// One link may be several spans, of different styles.
			if i == 0 || line[i-1].URL != s.URL {
				b.WriteString(`<a href="` + esc(s.URL) + `" target="_blank" rel="noopener noreferrer nofollow">`)
			}
			styled(b, s)
			if i+1 == len(line) || line[i+1].URL != s.URL {
				b.WriteString("</a>")
			}
		default:
			styled(b, s)
		}
	}
}

var styleTags = []struct {
	style chat.Style
	tag   string
}{{chat.Bold, "strong"}, {chat.Italic, "em"}, {chat.Struck, "s"}, {chat.Mono, "code"}}

func styled(b *strings.Builder, s chat.Span) {
	for _, t := range styleTags {
		if s.Style&t.style != 0 {
			b.WriteString("<" + t.tag + ">")
		}
	}
	b.WriteString(strings.ReplaceAll(esc(s.Text), "\n", "<br>"))
	for i := len(styleTags) - 1; i >= 0; i-- {
		if t := styleTags[i]; s.Style&t.style != 0 {
			b.WriteString("</" + t.tag + ">")
		}
	}
}

func (l *looker) mention(b *strings.Builder, id string) {
	name := id
	if local := localID(id); local != "" {
		name = l.person(local).Name
	}
	class := "mention"
	if id == globalID(l.me.id) {
		class += " me"
	}
	b.WriteString(`<span class="` + class + `">@` + esc(chat.Clean(name)) + `</span>`)
}

func (l *looker) channel(b *strings.Builder, id string) {
	local := localID(id)
	if c, err := l.conv(local); err == nil && c.Kind == kindChannel {
		b.WriteString(`<a class="mention" data-nav href="` + esc(l.me.ui.Link(local, "")) + `">#` + esc(c.Name) + `</a>`)
		return
	}
	b.WriteString(esc("#" + local))
}

func esc(s string) string { return template.HTMLEscapeString(s) }
