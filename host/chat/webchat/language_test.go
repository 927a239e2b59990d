package webchat

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// jar keeps a language in a cookie, as the server's other pages do.
type jar struct{}

func (jar) Chosen(r *http.Request) string {
	c, err := r.Cookie("chosen")
	if err != nil {
		return ""
	}
	return c.Value
}

func (jar) Choose(w http.ResponseWriter, _ *http.Request, language string) {
	http.SetCookie(w, &http.Cookie{Name: "chosen", Value: language, Path: "/"})
}

// A language that was chosen elsewhere is that of the way in, and what is chosen
// here is kept for elsewhere. Members are spoken to in their own.
func TestChosenLanguage(t *testing.T) {
	p := open(t, Options{Community: "Gophers", Languages: jar{}})
	b := p.browser()
	kept := func() string {
		u, _ := url.Parse(p.srv.URL)
		for _, c := range b.http.Jar.Cookies(u) {
			if c.Name == "chosen" {
				return c.Value
			}
		}
		return ""
	}
	mustContain(t, b.page("").body, "Welcome to Gophers")
	if got := kept(); got != "" {
		t.Errorf("%q is kept, which nobody chose", got)
	}
	mustContain(t, b.page("lang=zh-CN").body, "欢迎来到 Gophers")
	if got := kept(); got != "zh-CN" {
		t.Errorf("asked for by name, %q is kept", got)
	}
	mustContain(t, b.page("").body, "欢迎来到 Gophers")
	mustContain(t, b.post("nosuch", nil).body, "这个地址没有内容")

	b.post("join", url.Values{"name": {"Ada"}, "locale": {"en"}})
	if got := kept(); got != "en" {
		t.Errorf("Ada came in in English, %q is kept", got)
	}
	mustContain(t, b.page("").body, `<html lang="en"`)
	b.post("me", url.Values{"name": {"Ada"}, "locale": {"zh-CN"}})
	if got := kept(); got != "zh-CN" {
		t.Errorf("Ada changed to Chinese, %q is kept", got)
	}
	if body := b.page("").body; !strings.Contains(body, `<html lang="zh-CN"`) {
		t.Errorf("Ada's page is %.80s", body)
	}
}
