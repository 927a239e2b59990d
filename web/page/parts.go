package page

import (
	"net/http"

	"github.com/hearthbot/hearth/host/access"
)

// Parts registers the page that shows all components, for who writes pages.
func (f *Frame) Parts() {
	f.Get("/admin/parts", access.Admin, func(w http.ResponseWriter, r *Request) error {
		return f.own.Show(w, r, http.StatusOK, "parts", &partsView{Head: Head{Title: r.T.Say("parts")},
			Diff: Diff("Hello {name}!\nLook around.", "Hello {name}, welcome!\nLook around.")})
	})
}

type partsView struct {
	Head
	Diff []DiffLine
}
