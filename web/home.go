package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/hearthbot/hearth/web/page"
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
	}, nil
}

// homeText is what the page says, in one language.
type homeText struct{ lang, good, wait, enter, run, asked, manage, nothing, back, other, otherName string }

var homeTexts = [...]homeText{
	{"en", "hearth is running", "hearth is not ready yet", "Come in", "Run Go", "What was asked before", "Sign in to run the community", "There is nothing to see at this address.", "To the front page", "zh-CN", "中文"},
	{"zh-CN", "炉边正在运行", "炉边还没有准备好", "进来坐坐", "运行 Go", "大家问过的问题", "登录管理社区", "这个地址没有内容。", "去首页", "en", "English"},
}

// text is in the language that was chosen on whichever page, or that a browser
// asks for.
func (s *Server) text(w http.ResponseWriter, r *http.Request) homeText {
	lang := page.WishedLanguage(r, "en")
	if s.o.Pages != nil {
		lang = s.o.Pages.Language(w, r)
	}
	t := homeTexts[0]
	if lang == "zh-CN" {
		t = homeTexts[1]
	}
	if s.o.Pages == nil {
		t.other = "" // there is nothing that would keep it
	}
	return t
}

// homeView is what the page shows.
type homeView struct {
	Lang, Community, Version string
	State, Mark              string // what there is to say, and the class it is said in
	Go, Enter                string // where to go from here, and what that is called
	Run, Asked, Manage       string // what the pages /run, /knowledge and /login are called; "" without them
	Other, OtherName         string // the other language, "" if it cannot be chosen
	Style                    template.CSS
}

func (s *Server) home(h *homePage) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := s.text(w, r)
		// Why it is not ready is for those who run it: /readyz says so.
		v := homeView{State: t.good, Mark: "good"}
		if len(s.o.NotReady()) > 0 {
			v.State, v.Mark = t.wait, "wait"
		}
		if s.o.Mounts["/chat"] != nil {
			v.Go, v.Enter = "/chat", t.enter
		}
		if s.o.Run != nil {
			v.Run = t.run
		}
		if s.o.Archive != nil && s.o.Archive() {
			v.Asked = t.asked
		}
		if s.o.Pages != nil {
			v.Manage = t.manage
		}
		v.Other, v.OtherName = t.other, t.otherName
		s.show(w, r, h, http.StatusOK, t, v)
	}
}

// nothing tells people who have come to an address that leads nowhere; programs
// get the problem.
func (s *Server) nothing(h *homePage, status int, detail func(*http.Request) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "text/html") {
			problem(w, status, detail(r))
			return
		}
		t := s.text(w, r)
		s.show(w, r, h, status, t, homeView{State: t.nothing, Go: "/", Enter: t.back})
	}
}

func (s *Server) show(w http.ResponseWriter, r *http.Request, h *homePage, status int, t homeText, v homeView) {
	v.Lang, v.Community, v.Version, v.Style = t.lang, s.o.Community(), s.version(), h.style
	var b bytes.Buffer
	if err := h.page.Execute(&b, v); err != nil {
		s.log.ErrorContext(r.Context(), "a request failed", "doing", "front page", "err", err)
		problem(w, http.StatusInternalServerError, "the front page could not be made")
		return
	}
	hd := w.Header()
	hd.Set("Content-Type", "text/html; charset=utf-8")
	hd.Set("Content-Security-Policy", h.policy)
	hd.Set("Content-Language", v.Lang)
	hd.Set("Vary", "Accept, Accept-Language, Cookie")
	hd.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // an error says that the browser has gone
}
