package change

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// maxDocument is how many bytes an imported config may have.
const maxDocument = 256 << 10

// uploads are the documents that were looked at and not imported yet, one a
// session. They may have secrets in them, so they are not in the page.
type uploads struct {
	mu    sync.Mutex
	docs  map[string]document
	order []string // of the sessions, the oldest first
}

type document struct {
	text   []byte
	change []byte // what it would change, as it was shown
}

// maxUploads is how many documents wait; of more the oldest is forgotten.
const maxUploads = 16

func (u *uploads) keep(session string, d document) {
	u.drop(session)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.docs == nil {
		u.docs = map[string]document{}
	}
	if len(u.order) == maxUploads {
		delete(u.docs, u.order[0])
		u.order = u.order[1:]
	}
	u.docs[session] = d
	u.order = append(u.order, session)
}

func (u *uploads) of(session string) (document, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	d, ok := u.docs[session]
	return d, ok
}

func (u *uploads) drop(session string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.docs, session)
	u.order = slices.DeleteFunc(u.order, func(s string) bool { return s == session })
}

// export answers with all that is stored, as a config file.
func (p *pages) export(w http.ResponseWriter, r *page.Request) error {
	doc, err := p.o.Settings.Export(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/toml")
	w.Header().Set("Content-Disposition", `attachment; filename="hearth-settings.toml"`)
	_, _ = w.Write(doc) // an error says that the browser has gone
	return nil
}

// importView is the page on which a config is imported.
type importView struct {
	page.Head
	Sorry    []string
	Again    bool // something was changed since it was looked at
	Reviewed bool
	Changes  []importRow
	Count    int
	More     int
}

// importRow is what an import would change of one setting.
type importRow struct {
	Key    string
	Secret bool
	Away   bool // it goes back to its default
	Diff   []page.DiffLine
}

// mostRows is how many changes are shown.
const mostRows = 200

func (p *pages) importForm(w http.ResponseWriter, r *page.Request) error {
	return p.showImport(w, r, http.StatusOK, &importView{})
}

func (p *pages) showImport(w http.ResponseWriter, r *page.Request, status int, v *importView) error {
	v.Title = p.Texts(r).Say("import")
	return p.Show(w, r, status, "import", v)
}

// importPreview keeps a document with the session, and shows what it would
// change.
func (p *pages) importPreview(w http.ResponseWriter, r *page.Request) error {
	l := p.Texts(r)
	text, err := uploaded(w, r)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return p.showImport(w, r, http.StatusRequestEntityTooLarge, &importView{Sorry: []string{l.Say("import.large", maxDocument>>10)}})
	case err != nil || len(bytes.TrimSpace(text)) == 0:
		return p.showImport(w, r, http.StatusUnprocessableEntity, &importView{Sorry: []string{l.Say("import.none")}})
	}
	list, err := p.o.Settings.Import(r.Context(), r.Who(), "", text, true)
	if err != nil {
		return p.refuseImport(w, r, err)
	}
	return p.showPreview(w, r, text, list, false)
}

func (p *pages) showPreview(w http.ResponseWriter, r *page.Request, text []byte, list []web.SettingDifference, again bool) error {
	p.uploads.keep(r.Session.ID, document{text, fingerprint(list)})
	v := &importView{Reviewed: true, Again: again, Count: len(list), More: max(0, len(list)-mostRows)}
	status := http.StatusOK
	if again {
		status = http.StatusConflict
	}
	for _, d := range list[:len(list)-v.More] {
		row := importRow{Key: d.Key, Secret: d.Secret, Away: none(d.After) && !d.Secret}
		if !d.Secret {
			row.Diff = page.Diff(textOf(d.Before), textOf(d.After))
		}
		v.Changes = append(v.Changes, row)
	}
	return p.showImport(w, r, status, v)
}

func textOf(v json.RawMessage) string {
	if none(v) {
		return ""
	}
	return shownJSON(v)
}

// fingerprint is what an import would change, to be compared.
func fingerprint(list []web.SettingDifference) []byte {
	b, err := json.Marshal(list)
	if err != nil {
		return nil // values are JSON, or Import would have refused them
	}
	return b
}

// importApply imports what was looked at, unless it would change something else
// by now.
func (p *pages) importApply(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	l := p.Texts(r)
	doc, ok := p.uploads.of(r.Session.ID)
	if !ok {
		return p.showImport(w, r, http.StatusUnprocessableEntity, &importView{Sorry: []string{l.Say("import.gone")}})
	}
	r.Patience(w, 2*time.Minute) // all of it is put to use before it is answered
	list, err := p.o.Settings.Import(r.Context(), r.Who(), "", doc.text, true)
	if err != nil {
		return p.refuseImport(w, r, err)
	}
	if !bytes.Equal(fingerprint(list), doc.change) {
		return p.showPreview(w, r, doc.text, list, true)
	}
	if _, err := p.o.Settings.Import(r.Context(), r.Who(), reason(form.Get("why")), doc.text, false); err != nil {
		return p.refuseImport(w, r, err)
	}
	p.uploads.drop(r.Session.ID)
	return p.to(w, r, "/admin/settings?done=imported")
}

// refuseImport says what is wrong with a document.
func (p *pages) refuseImport(w http.ResponseWriter, r *page.Request, err error) error {
	l := p.Texts(r)
	tr, err := p.read(l, err, nil)
	if err != nil {
		return err
	}
	if len(tr.conflicts) > 0 {
		tr.whole = append(tr.whole, l.Say("conflict.restore"))
	}
	if len(tr.whole) > mostRows {
		tr.whole = tr.whole[:mostRows]
	}
	return p.showImport(w, r, tr.status, &importView{Sorry: tr.whole})
}

// uploaded is the file of a form, or else the text that was pasted into it.
func uploaded(w http.ResponseWriter, r *page.Request) ([]byte, error) {
	r.Body = http.MaxBytesReader(w, r.Body, 2*maxDocument+64<<10)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	var pasted []byte
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return pasted, nil
		}
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(io.LimitReader(part, maxDocument+1))
		switch {
		case err != nil:
			return nil, err
		case len(b) > maxDocument:
			return nil, &http.MaxBytesError{Limit: maxDocument}
		case part.FormName() == "file" && len(b) > 0:
			return b, nil
		case part.FormName() == "text":
			pasted = []byte(strings.ReplaceAll(string(b), "\r\n", "\n"))
		}
	}
}
