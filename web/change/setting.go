package change

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// settingView is the page of one setting: what was changed of it.
type settingView struct {
	page.Head
	GroupTitle, GroupPath, Path string
	Done                        string
	Sorry                       []string
	Field                       fieldView
	History                     []version
	Older                       string
}

func (p *pages) setting(w http.ResponseWriter, r *page.Request) error {
	return p.showSetting(w, r, http.StatusOK, &settingView{Done: p.Done(r)})
}

// one is the setting that a request is about.
func (p *pages) one(r *page.Request) (*web.Setting, error) {
	list, err := p.inGroup(r)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(s web.Setting) bool { return s.Key == r.PathValue("key") })
	if i < 0 {
		return nil, p.Sorry(http.StatusNotFound, groupPath(r.PathValue("group")), "setting.none")
	}
	return &list[i], nil
}

func (p *pages) showSetting(w http.ResponseWriter, r *page.Request, status int, v *settingView) error {
	s, err := p.one(r)
	if err != nil {
		return err
	}
	l, g := p.Texts(r), groupOf(s)
	v.Title, v.GroupTitle, v.GroupPath, v.Path = s.Key, groupTitle(l, g), groupPath(g), settingPath(g, s.Key)
	v.Field = newField(l, s, r.Person.Role, nil, nil)
	before, _ := strconv.ParseUint(r.URL.Query().Get("before"), 10, 64) // nothing that can be read is the newest
	if v.History, err = p.history(r.Context(), s, before, perHistory+1); err != nil {
		return err
	}
	if len(v.History) > perHistory {
		v.History = v.History[:perHistory]
		v.Older = v.Path + "?" + page.Query("before", strconv.FormatUint(v.History[perHistory-1].Number, 10))
	}
	for i := range v.History {
		if e := &v.History[i]; v.Field.Editable && !e.Secret {
			e.Back = "history.undo"
		}
	}
	return p.Show(w, r, status, "setting", v)
}

// undo sets a setting to what it was before a change.
func (p *pages) undo(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	s, err := p.one(r)
	if err != nil {
		return err
	}
	base, berr := strconv.ParseUint(form.Get("base"), 10, 64)
	number, nerr := strconv.ParseUint(form.Get("number"), 10, 64)
	if berr != nil || nerr != nil {
		return page.Sorry(http.StatusBadRequest, "error.form")
	}
	path := settingPath(groupOf(s), s.Key)
	err = p.o.Settings.Undo(r.Context(), r.Who(), reason(form.Get("why")), s.Key, number, base)
	if errors.Is(err, web.ErrNotFound) {
		return p.Sorry(http.StatusNotFound, path, "history.gone")
	}
	if err == nil {
		return p.to(w, r, path+"?done=restored")
	}
	l := p.Texts(r)
	tr, err := p.read(l, err, nil)
	if err != nil {
		return err
	}
	if len(tr.conflicts) > 0 {
		tr.whole = append(tr.whole, l.Say("conflict.restore"))
	}
	return p.showSetting(w, r, tr.status, &settingView{Sorry: tr.whole})
}
