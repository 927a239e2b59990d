package plug

import (
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// uploadView is the page /admin/plugins/_upload.
type uploadView struct {
	page.Head
	Sorry *sorry
	Wrong string // about the file
	Why   string
	Most  int // MiB
}

func (p *pages) uploadForm(w http.ResponseWriter, r *page.Request) error {
	return p.showUpload(w, r, http.StatusOK, &uploadView{})
}

func (p *pages) showUpload(w http.ResponseWriter, r *page.Request, status int, v *uploadView) error {
	v.Head, v.Most = page.Head{Title: p.Texts(r).Say("upload"), Narrow: true}, web.MaxPlugin>>20
	return p.Show(w, r, status, "upload", v)
}

// upload takes a version in, and leads to its page.
func (p *pages) upload(w http.ResponseWriter, r *page.Request) error {
	r.Patience(w, changeTime)
	up, err := readUpload(w, r)
	t := p.Texts(r)
	if err == nil && len(up.Code) == 0 {
		return p.showUpload(w, r, http.StatusUnprocessableEntity, &uploadView{Wrong: t.Say("upload.empty"), Why: up.Why})
	}
	var v web.PluginVersion
	if err == nil {
		v, err = p.o.Plugins.Upload(r.Context(), r.Who(), up)
	}
	if err != nil {
		why, status, err := p.refused(t, err)
		if err != nil {
			return err
		}
		return p.showUpload(w, r, status, &uploadView{Sorry: why, Why: up.Why})
	}
	return p.to(w, r, versionPath(v.Name, v.SHA256), "staged")
}

// maxSignature is more bytes than a signature file has.
const maxSignature = 4 << 10

// readUpload reads the form part by part: its file is in memory once, and nothing
// of it on a disk.
func readUpload(w http.ResponseWriter, r *page.Request) (up web.PluginUpload, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, web.MaxPlugin+maxSignature+maxForm)
	parts, err := r.MultipartReader()
	if err != nil {
		return up, page.Sorry(http.StatusBadRequest, "error.form")
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return up, nil
		}
		if err != nil {
			return up, unread(err)
		}
		switch part.FormName() {
		case "code":
			up.Code, err = web.ReadPlugin(part)
		case "signature":
			up.Signature, err = io.ReadAll(io.LimitReader(part, maxSignature))
		case "why":
			var why []byte
			why, err = io.ReadAll(io.LimitReader(part, maxForm))
			up.Why = reason(url.Values{"why": {string(why)}})
		}
		if err != nil {
			return up, unread(err)
		}
		if len(up.Signature) == 0 {
			up.Signature = nil // a field for a file that was left empty
		}
	}
}

// unread is an error of reading a form as it is told.
func unread(err error) error {
	var e *web.PluginError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &e):
		return err
	case errors.As(err, &large):
		return web.ErrPluginTooLarge()
	}
	return page.Sorry(http.StatusBadRequest, "error.form")
}
