package page

import (
	"fmt"
	"html"
	"html/template"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
)

// Markdown is a text as the members of a chat see it, in what package chat knows
// of Markdown. Its parts are escaped here; the tags are ours alone.
func Markdown(src string) template.HTML {
	var b strings.Builder
	for _, n := range chat.Parse(src) {
		list, open := "", "<p>"
		switch n.Kind {
		case chat.Fence:
			fmt.Fprintf(&b, `<pre class="code" tabindex="0">%s</pre>`, html.EscapeString(n.Code))
			continue
		case chat.Bullets:
			list, open = "ul", "<ul>"
		case chat.Numbers:
			list, open = "ol", fmt.Sprintf(`<ol start="%d">`, n.First)
		case chat.Quote:
			open = "<blockquote>"
		}
		b.WriteString(open)
		for i, line := range n.Lines {
			switch {
			case list != "":
				b.WriteString("<li>")
			case i > 0:
				b.WriteString("<br>")
			}
			writeLine(&b, line)
			if list != "" {
				b.WriteString("</li>")
			}
		}
		switch {
		case list != "":
			b.WriteString("</" + list + ">")
		case n.Kind == chat.Quote:
			b.WriteString("</blockquote>")
		default:
			b.WriteString("</p>")
		}
	}
	return template.HTML(b.String())
}

func writeLine(b *strings.Builder, line chat.Line) {
	for _, s := range line {
		text := s.Text
		if text == "" { // a mention: of whom, only a chat knows
			text = s.Member + s.Conversation
		}
		end := ""
		for _, st := range []struct {
			style chat.Style
			tag   string
		}{{chat.Bold, "strong"}, {chat.Italic, "em"}, {chat.Struck, "s"}, {chat.Mono, "code"}} {
			if s.Style&st.style != 0 {
				b.WriteString("<" + st.tag + ">")
				end = "</" + st.tag + ">" + end
			}
		}
		if s.URL != "" { // chat.Parse lets through http and https alone
			fmt.Fprintf(b, `<a href="%s" rel="noopener noreferrer" target="_blank">%s</a>`, html.EscapeString(s.URL), html.EscapeString(text))
		} else {
			b.WriteString(html.EscapeString(text))
		}
		b.WriteString(end)
	}
}
