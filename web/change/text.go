package change

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// textView is the page of one text.
type textView struct {
	page.Head
	Plugin, PluginTitle string
	Key, Path, Help     string
	Sides               []sideView
	Editable            bool // somebody who may, and a wording that no file sets
	Done                string
	Sorry               []string
	Why                 string
	Member              string   // to whom it is tried out
	Members             []string // who may be meant
	Tried               *tried
	History             []version
	Older               string
}

// sideView is a text in one language.
type sideView struct {
	Locale, Label, Path string
	Text                string // what stands in the editor
	Was                 string // digest of what stood in it when it was read
	Base                uint64
	Own, Missing        bool // Missing: there is no wording, so the English one is used
	Unused              string
	Locked              string
	Author              string
	At                  *time.Time
	Placeholders        []string
	Faults              []problem
	Refused             string
	Conflict            *conflict
	Renderings          []rendering
	Rows                int
	Editable            bool
}

// tried is what became of a message that was tried out.
type tried struct {
	Good bool
	Text string
}

// typed is what came in a form for a value.
type typed struct {
	text, was string
	base      uint64
}

// typedIn reads the fields of a value: NAME under text, was and base.
func typedIn(form url.Values, name string) (t typed, ok bool) {
	if !form.Has("text." + name) {
		return t, false
	}
	t = typed{text: lines(form.Get("text." + name)), was: form.Get("was." + name)}
	t.base, _ = strconv.ParseUint(form.Get("base."+name), 10, 64) // what is none meets no revision
	return t, true
}

// find is a text, and the community's name.
func (p *pages) find(ctx context.Context, plugin, key string) (*text, string, error) {
	list, community, err := p.all(ctx)
	if err != nil {
		return nil, "", err
	}
	i := slices.IndexFunc(list, func(t *text) bool { return t.Plugin == plugin && t.Key == key })
	if i < 0 {
		return nil, "", p.Sorry(http.StatusNotFound, "/messages", "text.none")
	}
	return list[i], community, nil
}

// text is the page of one text.
func (p *pages) text(w http.ResponseWriter, r *page.Request) error {
	return p.showText(w, r, http.StatusOK, &textView{Done: p.Done(r)}, nil, nil)
}

// showText shows a text, with what was typed in the place of what there is and
// what is wrong with it.
func (p *pages) showText(w http.ResponseWriter, r *page.Request, status int, v *textView, form url.Values, tr *trouble) error {
	t, community, err := p.find(r.Context(), r.PathValue("plugin"), r.PathValue("key"))
	if err != nil {
		return err
	}
	l := p.Texts(r)
	t.readable(l)
	v.PluginTitle = pluginTitle(l, t.Plugin)
	v.Title, v.Plugin, v.Key, v.Path = t.Key, t.Plugin, t.Key, t.Path()
	for i := range t.Sides {
		s := p.side(l, t, &t.Sides[i], community, r.Person.Role.Covers(access.Manager), form, tr)
		v.Editable = v.Editable || s.Editable
		v.Sides = append(v.Sides, s)
	}
	v.Help = l.In(t.Sides[0].Help)
	if tr != nil {
		v.Sorry = append(v.Sorry, tr.head(l)...)
	}
	v.Why = form.Get("why")
	if v.Member = form.Get("member"); !form.Has("member") {
		v.Member = r.Kept(memberCookie)
	}
	if v.Editable {
		v.Members = p.managers(r.Context())
	}
	before, _ := strconv.ParseUint(r.URL.Query().Get("before"), 10, 64) // nothing that can be read is the newest
	if err := p.textHistory(r, v, t, before); err != nil {
		return err
	}
	return p.Show(w, r, status, "text", v)
}

// side is one language of a text.
func (p *pages) side(l page.Texts, t *text, s *web.Setting, community string, may bool, form url.Values, tr *trouble) sideView {
	lang := locale(s)
	v := sideView{Locale: lang, Label: lang, Path: t.Path(), Text: s.Text, Was: digest(s.Text), Base: s.Base, Own: own(s), Missing: none(s.Value),
		Locked: s.Locked, Author: s.Author, At: s.At, Placeholders: s.Placeholders, Editable: may && s.Locked == ""}
	if l.Has("lang." + lang) {
		v.Label = l.Say("lang." + lang)
	}
	if len(s.Problem) > 0 {
		v.Unused = page.Printable(l.In(s.Problem))
	}
	if in, ok := typedIn(form, lang); ok && v.Editable {
		v.Text, v.Was, v.Base = in.text, in.was, in.base
		if form.Get("theirs") == lang {
			v.Text, v.Was, v.Base = s.Text, digest(s.Text), s.Base
		}
	}
	if tr != nil {
		v.Refused = tr.faults[s.Key]
		if now, ok := tr.conflicts[s.Key]; ok {
			v.Conflict = newConflict(&now, v.Text)
			v.Was, v.Base = digest(now.Text), now.Base
		}
	}
	v.look(l, community)
	v.Rows = min(20, max(4, strings.Count(v.Text, "\n")+len([]rune(v.Text))/50+2))
	return v
}

// look fills in what is wrong with the text and what members see of it.
func (v *sideView) look(l page.Texts, community string) {
	pieces, _ := takeApart(v.Text, v.Placeholders)
	if v.Text != "" {
		v.Faults = problems(l, v.Text, check(v.Text, v.Placeholders))
	}
	if len(v.Text) <= maxText*4 {
		v.Renderings = render(l, pieces, v.Locale, community)
	}
}

// saveText changes a text in the languages that were touched.
func (p *pages) saveText(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	t, _, err := p.find(r.Context(), r.PathValue("plugin"), r.PathValue("key"))
	if err != nil {
		return err
	}
	l := p.Texts(r)
	changes, keys, tr := textChanges(l, t, form)
	switch {
	case tr != nil:
		return p.showText(w, r, tr.status, &textView{}, form, tr)
	case len(changes) == 0:
		return p.to(w, r, t.Path()+"?done=same")
	}
	if err := p.o.Settings.Change(r.Context(), r.Who(), reason(form.Get("why")), changes); err != nil {
		tr, err := p.read(l, err, keys)
		if err != nil {
			return err
		}
		return p.showText(w, r, tr.status, &textView{}, form, tr)
	}
	return p.to(w, r, t.Path()+"?done=saved")
}

// textChanges are the changes of a form, or why it cannot be.
func textChanges(l page.Texts, t *text, form url.Values) (changes []web.SettingChange, keys []string, tr *trouble) {
	bad := &trouble{status: http.StatusUnprocessableEntity, faults: map[string]string{}}
	for i := range t.Sides {
		s := &t.Sides[i]
		in, ok := typedIn(form, locale(s))
		if !ok || digest(in.text) == in.was {
			continue
		}
		switch empty := strings.TrimSpace(in.text) == ""; {
		case s.Locked != "":
			bad.whole = append(bad.whole, l.Say("locked.by", s.Locked))
		case empty && !none(s.Default):
			bad.faults[s.Key] = l.Say("fault.empty")
		case empty:
			changes = append(changes, web.SettingChange{Key: s.Key, Base: in.base})
		case len(check(in.text, s.Placeholders)) > 0:
			bad.faults[s.Key] = "" // it is told with its place
		default:
			changes = append(changes, web.SettingChange{Key: s.Key, Text: &in.text, Base: in.base})
		}
		keys = append(keys, s.Key)
	}
	if len(bad.faults)+len(bad.whole) > 0 {
		return nil, nil, bad
	}
	return changes, keys, nil
}

// previewText shows what members would see of what was typed: of one language,
// as a part of the page that is there, or of all of it.
func (p *pages) previewText(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	if !r.Live() {
		return p.showText(w, r, http.StatusOK, &textView{}, form, nil)
	}
	t, community, err := p.find(r.Context(), r.PathValue("plugin"), r.PathValue("key"))
	if err != nil {
		return err
	}
	s := t.side(r.URL.Query().Get("in"))
	if s == nil {
		return page.Sorry(http.StatusBadRequest, "error.form")
	}
	l := p.Texts(r)
	side := p.side(l, t, s, community, true, form, nil)
	return p.Part(w, r, http.StatusOK, "text.preview", &part{l, side})
}

// managers are the members who manage the community in chat: likely one of them
// is trying out a text.
func (p *pages) managers(ctx context.Context) []string {
	list, err := p.o.Settings.Settings(ctx)
	if err != nil {
		return nil // it is a help, and no more
	}
	for _, s := range list {
		if s.Key == "community.managers" && s.Text != "" {
			return strings.Split(s.Text, "\n")
		}
	}
	return nil
}
