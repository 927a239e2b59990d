package web

import (
	"strings"
	"testing"
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

// The front page leads to what there is, and to nothing else.
func TestHomeLeadsToWhatThereIs(t *testing.T) {
	type path struct{ Tasks } // nobody asks it anything
	bare, _ := server(t, Options{})
	full, _ := server(t, Options{Run: &RunOptions{}, Tasks: path{}})
	for link, text := range map[string]string{"/run": "运行 Go", "/tasks": "管理任务"} {
		want := `href="` + link + `">` + text
		if w := do(bare, "GET", "/", "", "Accept-Language: zh-CN"); strings.Contains(w.Body.String(), link) {
			t.Errorf("the front page leads to %s, which is not there", link)
		}
		if w := do(full, "GET", "/", "", "Accept-Language: zh-CN"); !strings.Contains(w.Body.String(), want) {
			t.Errorf("the front page does not lead to %s: %s", link, w.Body)
		}
	}
}
