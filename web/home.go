package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"

	"golang.org/x/text/language"
)

//go:embed home.html
var homeHTML string

//go:embed home.css
var homeCSS string

// homePage is the front page: that hearth is there, and where the chat is.
type homePage struct {
	page   *template.Template
	style  template.CSS
	policy string
	langs  language.Matcher
}

func newHome() (*homePage, error) {
	t, err := template.New("home").Parse(homeHTML)
	if err != nil {
		return nil, fmt.Errorf("web: the front page: %w", err)
	}
	sum := sha256.Sum256([]byte(homeCSS))
	return &homePage{
		page:  t,
		style: template.CSS(homeCSS), // our own file
		// No script, and no style but the one whose hash this is.
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; frame-ancestors 'none'",
		langs:  language.NewMatcher([]language.Tag{language.English, language.SimplifiedChinese}),
	}, nil
}

// homeText is what the page says, in one language.
type homeText struct{ lang, good, wait, enter string }

func (h *homePage) text(r *http.Request) homeText {
	_, i := language.MatchStrings(h.langs, r.Header.Get("Accept-Language"))
	return [...]homeText{
		{"en", "hearth is running", "hearth is not ready yet", "Come in"},
		{"zh-CN", "炉边正在运行", "炉边还没有准备好", "进来坐坐"},
	}[i]
}

func (s *Server) home(h *homePage) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := h.text(r)
		// Why it is not ready is for those who run it: /readyz says so.
		ready := len(s.o.NotReady()) == 0
		state := t.good
		if !ready {
			state = t.wait
		}
		var b bytes.Buffer
		if err := h.page.Execute(&b, struct {
			Lang, Community, State, Enter, Version string
			Style                                  template.CSS
			Ready, Chat                            bool
		}{t.lang, s.o.Community, state, t.enter, s.version(), h.style, ready, s.o.Mounts["/chat"] != nil}); err != nil {
			s.log.ErrorContext(r.Context(), "a request failed", "doing", "front page", "err", err)
			problem(w, http.StatusInternalServerError, "the front page could not be made")
			return
		}
		hd := w.Header()
		hd.Set("Content-Type", "text/html; charset=utf-8")
		hd.Set("Content-Security-Policy", h.policy)
		hd.Set("Content-Language", t.lang)
		hd.Set("Vary", "Accept-Language")
		hd.Set("Cache-Control", "no-store")
		_, _ = w.Write(b.Bytes()) // an error says that the browser has gone
	}
}
