package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"

	"github.com/go-chi/chi/v5"
)

// assets are the style and the scripts of pages.
type assets struct {
	files  embed.FS
	dir    string // of them in files
	digest string // tells them from all they ever were
	base   string // the address that their names are appended to
}

// newAssets are the files below dir, served below at. Their digest stands in
// their addresses, so that a browser keeps them for ever and never mixes versions.
func newAssets(files embed.FS, dir, at string) *assets {
	h := sha256.New()
	_ = fs.WalkDir(files, dir, func(p string, d fs.DirEntry, err error) error { // what is embedded can be read
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(p)
		fmt.Fprintf(h, "%s %d\n%s", p, len(b), b)
		return err
	})
	digest := hex.EncodeToString(h.Sum(nil)[:6])
	return &assets{files, dir, digest, at + digest + "/"}
}

// assetTypes do not depend on what the machine knows of file names.
var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// ServeHTTP answers at base with a file. A page of before asks by an older
// digest, and gets the file as it is now, not to be kept.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := path.Base(chi.URLParam(r, "name"))
	b, err := a.files.ReadFile(a.dir + "/" + name)
	if err != nil {
		problem(w, http.StatusNotFound, "there is no such file")
		return
	}
	w.Header().Set("Content-Type", assetTypes[path.Ext(name)])
	if chi.URLParam(r, "digest") == a.digest {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(b) // an error says that the browser has gone
}
