package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Assets are the style and the scripts of pages. They are safe for concurrent
// use.
type Assets struct {
	files  map[string]asset
	digest string // tells them from all they ever were
	base   string // the address that their names are appended to
}

type asset struct {
	plain []byte
	gzip  func() []byte // made when it is first asked for: all at once they would hold up a start
}

// NewAssets are the files below dir, whatever the folders, served at AT/DIGEST/NAME.
// The digest is theirs, so that a browser keeps them for ever and never mixes
// versions.
func NewAssets(files fs.FS, dir, at string) *Assets {
	a := &Assets{files: map[string]asset{}}
	h := sha256.New()
	_ = fs.WalkDir(files, dir, func(p string, d fs.DirEntry, err error) error { // what is embedded can be read
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, p)
		fmt.Fprintf(h, "%s %d\n%s", p, len(b), b)
		if assetTypes[path.Ext(p)] != "" {
			a.files[path.Base(p)] = asset{b, sync.OnceValue(func() []byte { return compressed(b) })}
		}
		return err
	})
	a.digest = hex.EncodeToString(h.Sum(nil)[:6])
	a.base = at + a.digest + "/"
	return a
}

// Base is the beginning of the addresses; a file's name follows.
func (a *Assets) Base() string { return a.base }

func compressed(b []byte) []byte {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // there is this level
	_, _ = z.Write(b)                                       // memory takes all
	_ = z.Close()
	return out.Bytes()
}

// assetTypes do not depend on what the machine knows of file names.
var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// ServeHTTP answers with a file, of the path value "name". A page of before asks
// by an older digest, and gets the file as it is now, not to be kept.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	f, ok := a.files[name]
	if !ok {
		http.Error(w, "there is no such file", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", assetTypes[path.Ext(name)])
	h.Set("Vary", "Accept-Encoding")
	if r.PathValue("digest") == a.digest {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	b := f.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		b = f.gzip()
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b) // an error says that the browser has gone
}
