package plug

import (
	"net/http"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// rowsView is the page of the rows that a plugin keeps.
type rowsView struct {
	page.Head
	Name, Path string
	Prefix     string
	Rows       []rowOf
	First      string // the beginning again; "" there
	Next       string
}

type rowOf struct {
	Scope, Key, Value []page.Span
	Size              string
	Cut               bool
}

const rowsPerPage = 50

func (p *pages) rows(w http.ResponseWriter, r *page.Request) error {
	name, q := r.PathValue("name"), r.URL.Query()
	if _, err := p.o.Plugins.Plugin(r.Context(), name); err != nil {
		return p.lacking(err, base, "error.plugin")
	}
	prefix := q.Get("prefix")
	prefix = prefix[:min(len(prefix), 512)]
	after := q.Get("after")
	got, err := p.o.Plugins.State(r.Context(), name, web.StateFilter{Prefix: prefix, After: after, Limit: rowsPerPage})
	if err != nil {
		return p.lacking(err, onePath(name), "error.plugin")
	}
	t := p.Texts(r)
	v := &rowsView{Head: page.Head{Title: t.Say("rows.title", name)}, Name: name, Path: onePath(name), Prefix: prefix}
	for _, row := range got.Rows {
		v.Rows = append(v.Rows, rowOf{page.Visible(row.Scope), page.Visible(row.Key), page.Visible(row.Value), size(t, int64(row.Size)), row.Cut})
	}
	if after != "" {
		v.First = "?" + page.Query("prefix", prefix)
	}
	if got.Next != "" {
		v.Next = "?" + page.Query("prefix", prefix, "after", got.Next)
	}
	return p.Show(w, r, http.StatusOK, "rows", v)
}
