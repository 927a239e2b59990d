package web

import (
	"strings"
	"testing"

	"github.com/hearthbot/hearth/web/page"
)

// An address that leads nowhere is a page to people, a problem to programs.
func TestNowhere(t *testing.T) {
	s, _ := server(t, Options{Community: named("Gophers")})
	for lang, want := range map[string]string{"en": "There is nothing to see", "zh-CN": "这个地址没有内容"} {
		for _, path := range []string{"/nosuch", "/api/nosuch"} {
			w := do(s, "GET", path, "", "Accept: text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language: "+lang)
			if w.Code != 404 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") || w.Header().Get("Content-Language") != lang ||
				!strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), `href="/"`) {
				t.Errorf("%s in %s: %d %s %s", path, lang, w.Code, w.Header(), w.Body)
			}
		}
	}
	if w := do(s, "POST", "/healthz", "", "Accept: text/html"); w.Code != 405 || !strings.Contains(w.Body.String(), "There is nothing to see") {
		t.Errorf("POST /healthz: %d %s", w.Code, w.Body)
	}
	for _, accept := range []string{"", "*/*", "application/json"} {
		w := do(s, "GET", "/nosuch", "", "Accept: "+accept)
		if w.Code != 404 || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("Accept %q: %d %s", accept, w.Code, w.Header())
		}
	}
}

// The front page leads to what there is, and to nothing else, in the language
// that was chosen.
func TestHomeLeadsToWhatThereIs(t *testing.T) {
	k := keeper(t, func() string { return token }, nil)
	frame, err := page.New(page.Options{Access: k})
	if err != nil {
		t.Fatal(err)
	}
	archive := false
	bare, _ := server(t, Options{})
	full, _ := server(t, Options{Access: k, Run: &RunOptions{}, Pages: frame, Archive: func() bool { return archive }})
	if w := do(full, "GET", "/", ""); strings.Contains(w.Body.String(), "/knowledge") {
		t.Error("the front page leads to /knowledge, which is not for everybody")
	}
	archive = true
	for link, text := range map[string]string{"/run": "运行 Go", "/login": "登录管理社区", "/knowledge": "大家问过的问题"} {
		want := `href="` + link + `">` + text
		if w := do(bare, "GET", "/", "", "Accept-Language: zh-CN"); strings.Contains(w.Body.String(), link) || strings.Contains(w.Body.String(), "?lang=") {
			t.Errorf("the front page leads to %s, which is not there: %s", link, w.Body)
		}
		if w := do(full, "GET", "/", "", "Accept-Language: zh-CN"); !strings.Contains(w.Body.String(), want) {
			t.Errorf("the front page does not lead to %s: %s", link, w.Body)
		}
	}
	w := do(full, "GET", "/?lang=zh-CN", "", "Accept-Language: en")
	kept := w.Result().Cookies()
	if !strings.Contains(w.Body.String(), `href="/?lang=en"`) || len(kept) != 1 {
		t.Fatalf("chosen by name: %v %s", kept, w.Body)
	}
	if w := do(full, "GET", "/", "", "Accept-Language: en", "Cookie: "+kept[0].Name+"="+kept[0].Value); w.Header().Get("Content-Language") != "zh-CN" || !strings.Contains(w.Body.String(), "登录管理社区") ||
		!strings.Contains(w.Body.String(), `href="/chat"`) || !strings.Contains(w.Body.String(), `href="/run"`) {
		t.Errorf("as was chosen before: %v %s", w.Header(), w.Body)
	}
}
