package change

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// text is one of a plugin's texts, in all its languages.
type text struct {
	Plugin, Key string
	Sides       []web.Setting // a wording each, in the order of the settings
}

// locale is the language of a wording, the last part of its key.
func locale(s *web.Setting) string { return s.Key[strings.LastIndexByte(s.Key, '.')+1:] }

// own says whether a wording is the community's.
func own(s *web.Setting) bool { return s.Base != 0 || s.Locked != "" }

// Path is where the text's page is.
func (t *text) Path() string { return textPath(t.Plugin, t.Key) }

func textPath(plugin, key string) string {
	return "/messages/" + url.PathEscape(plugin) + "/" + url.PathEscape(key)
}

// side is the wording in a language, nil if there is none.
func (t *text) side(l string) *web.Setting {
	for i := range t.Sides {
		if locale(&t.Sides[i]) == l {
			return &t.Sides[i]
		}
	}
	return nil
}

// readable puts the wording in the reader's language first.
func (t *text) readable(l page.Texts) {
	slices.SortStableFunc(t.Sides, func(a, b web.Setting) int {
		switch first := l.String(); {
		case locale(&a) == first && locale(&b) != first:
			return -1
		case locale(&b) == first && locale(&a) != first:
			return 1
		}
		return 0
	})
}

// all are the texts of all plugins, and the community's name, which stands in
// many of them.
func (p *pages) all(ctx context.Context) (list []*text, community string, err error) {
	settings, err := p.o.Settings.Settings(ctx)
	if err != nil {
		return nil, "", err
	}
	at := map[string]*text{}
	for _, s := range settings {
		if s.Key == "community.name" {
			community = s.Text
		}
		rest, ok := strings.CutPrefix(s.Key, "plugins."+s.Plugin+".texts.")
		i := strings.LastIndexByte(rest, '.')
		if !ok || i < 1 || s.Kind != "wording" {
			continue
		}
		id := s.Plugin + " " + rest[:i]
		if at[id] == nil {
			at[id] = &text{Plugin: s.Plugin, Key: rest[:i]}
			list = append(list, at[id])
		}
		at[id].Sides = append(at[id].Sides, s)
	}
	return list, community, nil
}

// textsView is the page /messages.
type textsView struct {
	page.Head
	Search, Plugin string
	Own            bool // only the community's own
	Plugins        []pluginTab
	Count          int
	Languages      []string // of the columns
	Groups         []textGroup
	Newer, Older   string // where there are more; "" if not
}

// pluginTab leads to the texts of one plugin.
type pluginTab struct {
	Name, Title, Path string
	Count             int
	Here              bool
}

type textGroup struct {
	Plugin, Title string
	Rows          []textRow
}

type textRow struct {
	*text
	Wordings []wordingCell // in hearth's languages, the reader's first
	Also     []string      // other languages that there is a wording in
	Own      []string      // languages in which it is the community's own
	Locked   bool
	Author   string
	At       *time.Time
}

// wordingCell is a wording in the list.
type wordingCell struct {
	Locale, Label string
	Text          []page.Span
}

// perPage is how many texts a page lists.
const perPage = 60

// texts is the page of all texts.
func (p *pages) texts(w http.ResponseWriter, r *page.Request) error {
	list, _, err := p.all(r.Context())
	if err != nil {
		return err
	}
	l, q := p.Texts(r), r.URL.Query()
	v := &textsView{Head: page.Head{Title: l.Say("messages")}, Search: cut(q.Get("q"), 100), Plugin: q.Get("plugin"), Own: q.Get("own") != "",
		Languages: []string{l.String(), l.Other()}}
	v.Plugins = append(v.Plugins, pluginTab{Title: l.Say("messages.all"), Path: "/messages?" + v.query("", 0)})
	for _, t := range list {
		if !matches(t, v.Search, v.Own) {
			continue
		}
		i := slices.IndexFunc(v.Plugins, func(pt pluginTab) bool { return pt.Name == t.Plugin })
		if i < 0 {
			i = len(v.Plugins)
			v.Plugins = append(v.Plugins, pluginTab{Name: t.Plugin, Title: pluginTitle(l, t.Plugin), Path: "/messages?" + v.query(t.Plugin, 0), Here: t.Plugin == v.Plugin})
		}
		v.Plugins[i].Count++
		v.Plugins[0].Count++
	}
	v.Plugins[0].Here = !slices.ContainsFunc(v.Plugins[1:], func(pt pluginTab) bool { return pt.Here })
	list = slices.DeleteFunc(list, func(t *text) bool {
		return !matches(t, v.Search, v.Own) || !v.Plugins[0].Here && t.Plugin != v.Plugin
	})
	v.Count = len(list)
	n, _ := strconv.Atoi(q.Get("page")) // nothing that can be read is the first
	n = max(0, min(n, (len(list)-1)/perPage))
	if n > 0 {
		v.Newer = "/messages?" + v.query(v.Plugin, n-1)
	}
	if (n+1)*perPage < len(list) {
		v.Older = "/messages?" + v.query(v.Plugin, n+1)
	}
	for _, t := range list[n*perPage : min(len(list), (n+1)*perPage)] {
		if k := len(v.Groups); k == 0 || v.Groups[k-1].Plugin != t.Plugin {
			v.Groups = append(v.Groups, textGroup{Plugin: t.Plugin, Title: pluginTitle(l, t.Plugin)})
		}
		g := &v.Groups[len(v.Groups)-1]
		g.Rows = append(g.Rows, row(l, t))
	}
	if r.Live() {
		return p.Part(w, r, http.StatusOK, "texts.list", v.with(l))
	}
	return p.Show(w, r, http.StatusOK, "texts", v)
}

// with gives a part of the page its texts, which the frame gives a whole one.
func (v *textsView) with(l page.Texts) *textsView {
	v.T = l
	return v
}

func (v *textsView) query(plugin string, n int) string {
	own, number := "", ""
	if v.Own {
		own = "1"
	}
	if n > 0 {
		number = strconv.Itoa(n)
	}
	return page.Query("plugin", plugin, "q", v.Search, "own", own, "page", number)
}

// cut is a text of at most so many characters.
func cut(s string, most int) string {
	r := []rune(strings.TrimSpace(s))
	return string(r[:min(len(r), most)])
}

// matches says whether a text has what is looked for, in its name or in any
// language.
func matches(t *text, search string, onlyOwn bool) bool {
	if onlyOwn && !slices.ContainsFunc(t.Sides, func(s web.Setting) bool { return own(&s) }) {
		return false
	}
	search = strings.ToLower(search)
	if strings.Contains(strings.ToLower(t.Plugin+" "+t.Key), search) {
		return true
	}
	return slices.ContainsFunc(t.Sides, func(s web.Setting) bool { return strings.Contains(strings.ToLower(s.Text), search) })
}

// cellText is how many characters of a wording the list shows.
const cellText = 180

func row(l page.Texts, t *text) textRow {
	out := textRow{text: t}
	for _, lang := range []string{l.String(), l.Other()} {
		c := wordingCell{Locale: lang, Label: l.Say("lang." + lang)}
		if s := t.side(lang); s != nil {
			if c.Text = page.Visible(cut(s.Text, cellText)); len([]rune(s.Text)) > cellText {
				c.Text = append(c.Text, page.Span{Text: "…"})
			}
		}
		out.Wordings = append(out.Wordings, c)
	}
	for i := range t.Sides {
		s := &t.Sides[i]
		if lang := locale(s); lang != "en" && lang != "zh-CN" && s.Text != "" {
			out.Also = append(out.Also, lang)
		}
		out.Locked = out.Locked || s.Locked != ""
		if own(s) {
			out.Own = append(out.Own, locale(s))
		}
		if s.At != nil && (out.At == nil || s.At.After(*out.At)) {
			out.Author, out.At = s.Author, s.At
		}
	}
	return out
}
