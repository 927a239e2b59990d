package webchat

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

//go:embed ui
var uiFiles embed.FS

// assetBase is where the page finds its style and scripts. A digest of them
// all stands in it, so that a browser keeps them for ever and a new hearth
// never meets old ones.
var assetBase = "/chat/assets/" + assetDigest() + "/"

func assetDigest() string {
	h := sha256.New()
	_ = fs.WalkDir(uiFiles, "ui/assets", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := uiFiles.ReadFile(p)
		fmt.Fprintf(h, "%s %d\n%s", p, len(b), b)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// assets serves the files below ui/assets.
type assets struct {
	base  string
	files map[string][]byte
}

func newAssets() (*assets, error) {
	a := &assets{base: assetBase, files: make(map[string][]byte)}
	all, err := uiFiles.ReadDir("ui/assets")
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if a.files[f.Name()], err = uiFiles.ReadFile("ui/assets/" + f.Name()); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// assetTypes do not depend on what the machine knows of file names.
var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, ok := a.files[strings.TrimPrefix(r.URL.Path, a.base)]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	t := assetTypes[path.Ext(r.URL.Path)]
	if t == "" {
		t = mime.TypeByExtension(path.Ext(r.URL.Path))
	}
	h.Set("Content-Type", t)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(b)
}

func parsePages() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"clean": chat.Clean,
		"kind":  func(k chat.BlockKind) string { return blockKinds[k] },
		"on":    func(u *ui, p placeView) placeOn { return placeOn{u, p} },
		"asked": func(m *messageView, b blockView) askView { return askView{m, b.Form, b.Used[b.Form.Token]} },
		"style": func(s string) string { return buttonStyles[s] },
		"most":  func(in abi.Input) int { return cmp.Or(in.Max, mostInput) },
		"compose": func(u *ui, conv, thread, nonce, placeholder string) composerView {
			return composerView{u, conv, thread, nonce, placeholder}
		},
		"placeholder": func(u *ui, c *convView) string {
			switch {
			case c.Kind == kindBot:
				return u.T("write.bot")
			case c.Person != nil:
				return u.T("write.person", c.Label)
			}
			return u.T("write.channel", c.Label)
		},
	}).ParseFS(uiFiles, "ui/*.html"))
}

// blockKinds are the names by which templates know kinds of block.
var blockKinds = map[chat.BlockKind]string{
	chat.TextBlock: "text", chat.HeadingBlock: "heading", chat.FieldsBlock: "fields", chat.ButtonsBlock: "buttons",
	chat.FormBlock: "form", chat.ContextBlock: "context", chat.TableBlock: "table", chat.DividerBlock: "divider",
}

// buttonStyles are the classes of the styles a button may have.
var buttonStyles = map[string]string{"primary": "primary", "danger": "danger"}

// What templates within templates are given.
type (
	placeOn struct {
		U  *ui
		On placeView
	}
	askView struct {
		M    *messageView
		Form *abi.Form
		Used bool
	}
	composerView struct {
		U                                *ui
		Conv, Thread, Nonce, Placeholder string
	}
)
