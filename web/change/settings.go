package change

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// groupOf is the table that a setting stands in: "community", or "plugins.welcome"
// for all of a plugin's.
func groupOf(s *web.Setting) string {
	if s.Plugin != "" {
		return "plugins." + s.Plugin
	}
	table, _, _ := strings.Cut(s.Key, ".")
	return table
}

func groupPath(group string) string { return "/admin/settings/" + url.PathEscape(group) }

func settingPath(group, key string) string { return groupPath(group) + "/" + url.PathEscape(key) }

// groupTitle is what a group is called.
func groupTitle(l page.Texts, group string) string {
	if name, ok := strings.CutPrefix(group, "plugins."); ok {
		return l.Say("group.plugin", pluginTitle(l, name))
	}
	if key := "group." + group; l.Has(key) {
		return l.Say(key)
	}
	return group
}

// pluginTitle is what a plugin is called.
func pluginTitle(l page.Texts, name string) string {
	if key := "plugin." + name; l.Has(key) {
		return l.Say(key)
	}
	return name
}

// list are the settings of these pages: the texts have pages of their own.
func (p *pages) list(ctx context.Context) ([]web.Setting, error) {
	all, err := p.o.Settings.Settings(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(s web.Setting) bool { return s.Kind == "wording" }), nil
}

// settingsView is the page /admin/settings.
type settingsView struct {
	page.Head
	Search  string
	Set     bool // only what is set
	Done    string
	Waiting []settingRow // for the next start
	Groups  []groupRows
	Count   int
}

type groupRows struct {
	ID, Title, Path string
	Rows            []settingRow
}

// settingRow is a setting in a list.
type settingRow struct {
	Key, Path, Help string
	Value           []page.Span // empty: there is none
	Secret, Set     bool
	Locked, Author  string
	At              *time.Time
	Waiting         bool
	Problem         string
}

func (p *pages) settings(w http.ResponseWriter, r *page.Request) error {
	list, err := p.list(r.Context())
	if err != nil {
		return err
	}
	l, q := p.Texts(r), r.URL.Query()
	v := &settingsView{Head: page.Head{Title: l.Say("settings")}, Search: cut(q.Get("q"), 100), Set: q.Get("set") != "", Done: p.Done(r), Waiting: waiting(l, list)}
	for i := range list {
		s := &list[i]
		row := newRow(l, s)
		if v.Set && !s.Set || !found(v.Search, s.Key, row.Help, s.Text) {
			continue
		}
		g := groupOf(s)
		if k := len(v.Groups); k == 0 || v.Groups[k-1].ID != g {
			v.Groups = append(v.Groups, groupRows{ID: g, Title: groupTitle(l, g), Path: groupPath(g)})
		}
		at := &v.Groups[len(v.Groups)-1]
		at.Rows = append(at.Rows, row)
		v.Count++
	}
	if r.Live() {
		v.T = l
		return p.Part(w, r, http.StatusOK, "settings.list", v)
	}
	return p.Show(w, r, http.StatusOK, "settings", v)
}

// found says whether any of the texts has what is looked for.
func found(search string, texts ...string) bool {
	search = strings.ToLower(search)
	return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(strings.ToLower(t), search) })
}

// cellValue is how many characters of a value a list shows.
const cellValue = 120

func newRow(l page.Texts, s *web.Setting) settingRow {
	g := groupOf(s)
	out := settingRow{Key: s.Key, Path: groupPath(g) + "#" + s.Key, Help: l.In(s.Help), Secret: s.Kind == "secret", Set: s.Set,
		Locked: s.Locked, Author: s.Author, At: s.At, Waiting: s.Waiting}
	text := strings.ReplaceAll(s.Text, "\n", ", ")
	if s.Kind == "boolean" {
		text = l.Say("is." + s.Text)
	}
	if out.Value = page.Visible(cut(text, cellValue)); len([]rune(text)) > cellValue {
		out.Value = append(out.Value, page.Span{Text: "…"})
	}
	if len(s.Problem) > 0 {
		out.Problem = page.Printable(l.In(s.Problem))
	}
	return out
}

// waiting are the settings that hearth works with after the next start.
func waiting(l page.Texts, list []web.Setting) []settingRow {
	var out []settingRow
	for i := range list {
		if list[i].Waiting {
			out = append(out, newRow(l, &list[i]))
		}
	}
	return out
}

// groupView is the form of a group.
type groupView struct {
	page.Head
	ID, Path string
	Done     string
	Sorry    []string
	Waiting  []settingRow
	Fields   []fieldView
	Editable bool
	Texts    string // where the plugin's texts are; "" if it is no plugin
	Why      string
	Zones    []string
}

func (p *pages) group(w http.ResponseWriter, r *page.Request) error {
	return p.showGroup(w, r, http.StatusOK, &groupView{Done: p.Done(r)}, nil, nil)
}

// inGroup are the settings of the group that a request is about.
func (p *pages) inGroup(r *page.Request) ([]web.Setting, error) {
	list, err := p.list(r.Context())
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(s web.Setting) bool { return groupOf(&s) != r.PathValue("group") })
	if len(list) == 0 {
		return nil, p.Sorry(http.StatusNotFound, "/admin/settings", "group.none")
	}
	return list, nil
}

func (p *pages) showGroup(w http.ResponseWriter, r *page.Request, status int, v *groupView, form url.Values, tr *trouble) error {
	list, err := p.inGroup(r)
	if err != nil {
		return err
	}
	l := p.Texts(r)
	v.ID = r.PathValue("group")
	v.Title, v.Path, v.Why = groupTitle(l, v.ID), groupPath(v.ID), form.Get("why")
	if name, ok := strings.CutPrefix(v.ID, "plugins."); ok {
		v.Texts = "/messages?" + page.Query("plugin", name)
	}
	if tr != nil {
		v.Sorry = append(v.Sorry, tr.head(l)...)
	}
	v.Waiting = waiting(l, list)
	for i := range list {
		f := newField(l, &list[i], r.Person.Role, form, tr)
		v.Editable = v.Editable || f.Editable
		v.Fields = append(v.Fields, f)
		if f.Input == "zone" {
			v.Zones = zones
		}
	}
	return p.Show(w, r, status, "group", v)
}

// saveGroup changes what was touched of a group.
func (p *pages) saveGroup(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	list, err := p.inGroup(r)
	if err != nil {
		return err
	}
	if form.Get("theirs") != "" { // nothing is saved by that
		return p.showGroup(w, r, http.StatusOK, &groupView{}, form, nil)
	}
	l := p.Texts(r)
	changes, tr := groupChanges(l, list, r.Person.Role, form)
	if tr != nil {
		return p.showGroup(w, r, tr.status, &groupView{}, form, tr)
	}
	path := groupPath(r.PathValue("group"))
	if len(changes) == 0 {
		return p.to(w, r, path+"?done=same")
	}
	done, keys := "saved", make([]string, len(changes))
	for i, c := range changes {
		keys[i] = c.Key
		if slices.ContainsFunc(list, func(s web.Setting) bool { return s.Key == c.Key && s.When == "start" }) {
			done = "start"
		}
	}
	r.Patience(w, time.Minute) // what is changed is put to use before it is answered
	if err := p.o.Settings.Change(r.Context(), r.Who(), reason(form.Get("why")), changes); err != nil {
		tr, err := p.read(l, err, keys)
		if err != nil {
			return err
		}
		return p.showGroup(w, r, tr.status, &groupView{}, form, tr)
	}
	return p.to(w, r, path+"?done="+done)
}

// editable says whether somebody may change a setting here.
func editable(s *web.Setting, role access.Role) bool {
	need := access.Manager
	if s.Admin {
		need = access.Admin
	}
	return s.Locked == "" && s.When != "file" && role.Covers(need)
}

// maxValue is how many characters a value may have.
const maxValue = 8000

// groupChanges are the changes of a form, or why it cannot be.
func groupChanges(l page.Texts, list []web.Setting, role access.Role, form url.Values) ([]web.SettingChange, *trouble) {
	bad := &trouble{status: http.StatusUnprocessableEntity, faults: map[string]string{}}
	var out []web.SettingChange
	for i := range list {
		s := &list[i]
		in, ok := typedSetting(form, s)
		if !ok || !editable(s, role) {
			continue
		}
		switch faults := unseen(in.text); {
		case slices.Contains(form["default"], s.Key):
			out = append(out, web.SettingChange{Key: s.Key, Base: in.base})
		case digest(in.text) == in.was:
		case len([]rune(in.text)) > maxValue:
			bad.faults[s.Key] = l.Say("fault.long", len([]rune(in.text)), maxValue)
		case len(faults) > 0:
			where := problems(l, in.text, faults[:1])[0]
			bad.faults[s.Key] = l.Say("at", where.Line, where.Column, where.Text)
		case strings.TrimSpace(in.text) == "" && emptied(s):
			out = append(out, web.SettingChange{Key: s.Key, Base: in.base})
		default:
			out = append(out, web.SettingChange{Key: s.Key, Text: &in.text, Base: in.base})
		}
	}
	if len(bad.faults) > 0 {
		return nil, bad
	}
	return out, nil
}

// emptied says whether nothing in a field means the default: nothing is no value
// of its kind.
func emptied(s *web.Setting) bool {
	return !slices.Contains([]string{"text", "list", "hours", "url", "choice"}, s.Kind)
}

// typedSetting reads the fields of a setting; of hours there are two.
func typedSetting(form url.Values, s *web.Setting) (typed, bool) {
	if s.Kind != "hours" || !form.Has("from."+s.Key) {
		return typedIn(form, s.Key)
	}
	span := ""
	if from, to := form.Get("from."+s.Key), form.Get("to."+s.Key); from != "" {
		span = from + "-" + cmp.Or(to, from)
	}
	in, _ := typedIn(url.Values{"text." + s.Key: {span}, "was." + s.Key: form["was."+s.Key], "base." + s.Key: form["base."+s.Key]}, s.Key)
	return in, true
}
