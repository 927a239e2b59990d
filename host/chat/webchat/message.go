package webchat

import (
	"context"
	"net/http"
)

// messageHTML is one message as the member sees it now; errNotFound if they
// cannot.
func (a *Adapter) messageHTML(ctx context.Context, me *visitor, conv string, id messageID) (html string, err error) {
	err = a.read(ctx, func(v *view) error {
		m, err := a.looker(v, me).one(conv, id)
		if err != nil {
			return err
		}
		html, err = a.fragment("message", m)
		return err
	})
	return html, err
}

// one is a message as it stands by itself.
func (l *looker) one(conv string, id messageID) (*messageView, error) {
	if _, err := l.place(conv, l.me.id); err != nil {
		return nil, err
	}
	row, err := l.message(conv, id)
	if err != nil {
		return nil, err
	}
	if !row.visible(l.me.id) {
		return nil, errNotFound
	}
	return l.messageView(conv, id, &row)
}

// oneMessage is a message for the script, as a form if edit is set.
func (a *Adapter) oneMessage(w http.ResponseWriter, r *http.Request, me *visitor) error {
	q := r.URL.Query()
	id, ok := parseID(q.Get("m"))
	if !ok {
		return errNotFound
	}
	ans := answer{ID: id.String(), Conv: q.Get("c")}
	if err := a.read(r.Context(), func(v *view) error {
		l := a.looker(v, me)
		m, err := l.one(ans.Conv, id)
		if err != nil {
			return err
		}
		if q.Has("edit") {
			if err := l.openEditor([]*messageView{m}, ans.Conv, m.ID); err != nil {
				return err
			}
		}
		ans.HTML, err = a.fragment("message", m)
		return err
	}); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, ans)
	return nil
}
