package change

import (
	"html/template"
	"slices"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/web/page"
)

// samples are values for placeholders, by name and language.
var samples = map[string][2]string{
	"name":    {"Ada", "小林"},
	"names":   {"Ada, Grace and Linus", "小林、小陈和小周"},
	"member":  {"Ada", "小林"},
	"user":    {"Ada", "小林"},
	"author":  {"Grace", "小陈"},
	"github":  {"octocat", "octocat"},
	"handle":  {"octocat", "octocat"},
	"path":    {"https://go.dev/tour/", "https://go.dev/tour/"},
	"url":     {"https://go.dev/", "https://go.dev/"},
	"link":    {"https://go.dev/", "https://go.dev/"},
	"title":   {"Say hello", "打个招呼"},
	"task":    {"Say hello", "打个招呼"},
	"command": {"/help", "/help"},
	"plugin":  {"welcome", "welcome"},
	"package": {"net/http", "net/http"},

	"experiment": {"bot-script", "bot-script"},
	"variation":  {"v2", "v2"},
	"version":    {"1.2.0", "1.2.0"},
	"now":        {"12", "12"},
	"most":       {"2", "2"},
	"usage":      {"/task [NUMBER]", "/task [编号]"},
	"help":       {"Shows your next step", "告诉你下一步做什么"},
	"tool":       {"go run", "go run"},
	"file":       {"main.go", "main.go"},
	"line":       {"12", "12"},
	"what":       {"undefined: fmt.Printn", "undefined: fmt.Printn"},
	"code":       {"invalid_auth", "invalid_auth"},
	"advice":     {"Look at this line once more.", "再看看这一行。"},
	"aim":        {"learn Go", "学 Go"},
	"hint":       {"Look at this line once more.", "再看看这一行。"},
	"why":        {"the network is away", "网络不通"},
	"error":      {"the network is away", "网络不通"},
	"word":       {"hello", "你好"},
	"question":   {"How do I begin?", "怎么开始？"},
	"places":     {"community.managers in hearth.toml:12", "hearth.toml:12 里的 community.managers"},
	"platform":   {"Slack", "Slack"},
	"channel":    {"#general", "#general"},
	"id":         {"webchat:ada", "webchat:ada"},
	"size":       {"12 KB", "12 KB"},
	"time":       {"30 days", "30 天"},
	"date":       {"26 November", "11月26日"},
	"from":       {"16 November", "11月16日"},
	"to":         {"22 November", "11月22日"},
	"pace":       {"6 a minute", "每分钟 6 次"},
}

// numbers are the names of placeholders that stand for a number.
var numbers = []string{"n", "all", "count", "done", "days", "good", "hours", "minutes", "number", "points", "seconds", "total", "which"}

// filler puts examples in the place of placeholders.
type filler struct {
	locale, community string
	counted           map[string]bool // placeholders that have a word for one and one for more
}

func newFiller(pieces []piece, locale, community string) *filler {
	f := &filler{locale, community, map[string]bool{}}
	for _, p := range pieces {
		if len(p.forms) > 0 {
			f.counted[p.param] = true
		}
	}
	return f
}

// sample is the example of a placeholder. A name that nobody thought of stands
// for itself.
func (f *filler) sample(name string, n int) string {
	if s, ok := samples[name]; ok && !f.counted[name] {
		if strings.HasPrefix(f.locale, "zh") {
			return s[1]
		}
		return s[0]
	}
	switch {
	case f.counted[name] || slices.Contains(numbers, name):
		return strconv.Itoa(n)
	case name == "community":
		return marks.Replace(f.community)
	}
	return "‹" + name + "›"
}

// marks takes the meaning from what has one in the small Markdown.
var marks = strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "~", "\\~", "[", "\\[", "]", "\\]", "<", "\\<", "{", "\\{")

// fill is a wording with examples, numbers being n.
func (f *filler) fill(pieces []piece, n int) string {
	var b strings.Builder
	for _, p := range pieces {
		switch {
		case p.param == "":
			b.WriteString(p.text)
		case len(p.forms) == 2 && n == 1:
			b.WriteString(p.forms[0])
		case len(p.forms) == 2:
			b.WriteString(p.forms[1])
		default:
			b.WriteString(f.sample(p.param, n))
		}
	}
	return b.String()
}

// rendering is a text as members see it.
type rendering struct {
	Label string // for which number; "" if that makes no difference
	Rich  template.HTML
	Plain string
}

// many is the number of an example.
const many = 5

// render shows a wording as members see it: for one and for several where it
// has a word for each.
func render(l page.Texts, pieces []piece, locale, community string) []rendering {
	f := newFiller(pieces, locale, community)
	counts := []int{many}
	if len(f.counted) > 0 {
		counts = []int{1, many}
	}
	var out []rendering
	for _, n := range counts {
		text := f.fill(pieces, n)
		r := rendering{Rich: page.Markdown(text), Plain: chat.Texter{}.Doc(chat.Parse(text))}
		if len(counts) > 1 {
			r.Label = l.Say("preview.for", n)
		}
		out = append(out, r)
	}
	return out
}
