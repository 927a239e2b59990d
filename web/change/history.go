package change

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// perHistory is how many changes a page lists.
const perHistory = 15

// history are the changes of a value, the newest first. What has no value has its
// default.
func (p *pages) history(ctx context.Context, s *web.Setting, before uint64, limit int) ([]version, error) {
	list, err := p.o.Settings.History(ctx, s.Key, before, limit)
	if err != nil {
		return nil, err
	}
	value := func(v []byte) string {
		if none(v) {
			v = s.Default
		}
		if none(v) {
			return ""
		}
		return shownJSON(v)
	}
	out := make([]version, len(list))
	for i, e := range list {
		out[i] = version{SettingVersion: e, Base: s.Base, Secret: e.Secret, Newest: before == 0 && i == 0}
		if !e.Secret {
			out[i].Diff = page.Diff(value(e.Before), value(e.After))
		}
	}
	return out, nil
}

// textHistory adds what was changed of a text in any language.
func (p *pages) textHistory(r *page.Request, v *textView, t *text, before uint64) error {
	for i := range t.Sides {
		s := &t.Sides[i]
		list, err := p.history(r.Context(), s, before, perHistory+1)
		if err != nil {
			return err
		}
		for _, e := range list {
			e.Label, e.Name = v.Sides[i].Label, locale(s)
			switch {
			case !v.Sides[i].Editable:
			case e.Newest:
				e.Back = "history.undo"
			default:
				e.Back = "history.restore"
			}
			v.History = append(v.History, e)
		}
	}
	slices.SortFunc(v.History, func(a, b version) int {
		if a.Number > b.Number {
			return -1
		}
		return 1
	})
	if len(v.History) > perHistory {
		v.History = v.History[:perHistory]
		v.Older = v.Path + "?" + page.Query("before", strconv.FormatUint(v.History[perHistory-1].Number, 10)) + "#history"
	}
	return nil
}

// restoreText brings a former wording back: the one from before the newest
// change, the one that an earlier change made, or hearth's own.
func (p *pages) restoreText(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	t, _, err := p.find(r.Context(), r.PathValue("plugin"), r.PathValue("key"))
	if err != nil {
		return err
	}
	s := t.side(form.Get("in"))
	base, berr := strconv.ParseUint(form.Get("base"), 10, 64)
	number, nerr := strconv.ParseUint(form.Get("number"), 10, 64)
	how := form.Get("how")
	if s == nil || berr != nil || how != "own" && nerr != nil {
		return page.Sorry(http.StatusBadRequest, "error.form")
	}
	switch why := reason(form.Get("why")); how {
	case "own":
		err = p.o.Settings.Change(r.Context(), r.Who(), why, []web.SettingChange{{Key: s.Key, Base: base}})
	case "undo":
		err = p.o.Settings.Undo(r.Context(), r.Who(), why, s.Key, number, base)
	default:
		err = p.restore(r, why, s.Key, number, base)
	}
	switch {
	case errors.Is(err, web.ErrNotFound):
		return p.Sorry(http.StatusNotFound, t.Path(), "history.gone")
	case err != nil:
		return p.sorryText(w, r, err)
	}
	done := "restored"
	if how == "own" {
		done = "own"
	}
	return p.to(w, r, t.Path()+"?done="+done)
}

// restore makes a value what a change of before made it.
func (p *pages) restore(r *page.Request, why, key string, number, base uint64) error {
	list, err := p.o.Settings.History(r.Context(), key, number+1, 1)
	if err != nil {
		return err
	}
	if len(list) == 0 || list[0].Number != number || list[0].Secret {
		return fmt.Errorf("change %d of %s: %w", number, key, web.ErrNotFound)
	}
	c := web.SettingChange{Key: key, Base: base}
	if !none(list[0].After) {
		c.Value = list[0].After
	}
	return p.o.Settings.Change(r.Context(), r.Who(), why, []web.SettingChange{c})
}

// sorryText shows a text with why it was not brought back.
func (p *pages) sorryText(w http.ResponseWriter, r *page.Request, err error) error {
	l := p.Texts(r)
	tr, err := p.read(l, err, nil)
	if err != nil {
		return err
	}
	if len(tr.conflicts) > 0 {
		tr.whole, tr.conflicts = append(tr.whole, l.Say("conflict.restore")), nil
	}
	return p.showText(w, r, tr.status, &textView{}, nil, tr)
}
