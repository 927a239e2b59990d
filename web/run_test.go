package web

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hearthbot/hearth/web/page"
)

// runner is a Verifier that does as a test says.
type runner struct {
	status VerifyStatus
	verify func(ctx context.Context, s Submission, by Submitter) (VerifyResult, error)
}

func (r *runner) VerifyStatus() VerifyStatus { return r.status }

func (r *runner) Verify(ctx context.Context, s Submission, by Submitter) (VerifyResult, error) {
	return r.verify(ctx, s, by)
}

// answers is a runner that is ready, and has one result.
func answers(res VerifyResult, err error) *runner {
	return &runner{VerifyStatus{Ready: true, Step: "ready"}, func(context.Context, Submission, Submitter) (VerifyResult, error) { return res, err }}
}

// fill is a form of the page.
func fill(pairs ...string) string {
	q := url.Values{"lang": {"en"}}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q.Encode()
}

const (
	formType = "Content-Type: application/x-www-form-urlencoded"
	hi       = "package main\n\nfunc main() { println(\"hi\") }\n"
)

// openIt is everybody's request: no token, from some address.
func openIt(h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRunPage(t *testing.T) {
	s, _ := server(t, Options{Run: &RunOptions{Shares: &shelf{}, Locale: "zh-CN"}, Community: named("<b>Gophers</b>"), Verifier: answers(VerifyResult{}, nil)})
	for _, tc := range []struct {
		name, path, accept string
		status             int
		lang               string
		has                []string
	}{
		{"as the browser asks", "/run", "en", 200, "en", []string{"Hello, 世界!", "Every program begins in package main", "&lt;b&gt;Gophers&lt;/b&gt;", `aria-current="page"`}},
		{"in Chinese", "/run", "zh", 200, "zh-CN", []string{"每个程序都从 main 包开始", "格式化"}},
		{"as the community speaks", "/run", "fr", 200, "zh-CN", nil},
		{"as one has chosen", "/run?lang=en", "zh", 200, "en", nil},
		{"an example", "/run?example=errors", "en", 200, "en", []string{"ErrNegative", `value="42 -1 &#34;forty two&#34;"`}},
		{"no such example", "/run?example=nosuch", "en", 303, "", nil},
		{"a form that is loaded again", "/run/format", "en", 303, "", nil},
		{"a link that leads nowhere", "/run/s/0123456789012345678901", "en", 404, "en", []string{"leads nowhere any more"}},
		{"what is no link", "/run/s/x", "zh", 404, "zh-CN", []string{"这个链接已经失效"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := openIt(s, "GET", tc.path, "", "Accept: text/html", "Accept-Language: "+tc.accept)
			if w.Code != tc.status || w.Header().Get("Content-Language") != tc.lang {
				t.Fatalf("%d %s", w.Code, w.Header())
			}
			for _, want := range tc.has {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("there is no %s", want)
				}
			}
			if csp := w.Header().Get("Content-Security-Policy"); csp != runPolicy || strings.Contains(csp, "unsafe") {
				t.Errorf("the policy is %s", csp)
			}
			if w.Header().Get("X-Robots-Tag") != "noindex" || w.Header().Get("Set-Cookie") != "" {
				t.Errorf("%s", w.Header())
			}
		})
	}
	if w := openIt(s, "GET", "/", "", "Accept: text/html", "Accept-Language: zh"); !strings.Contains(w.Body.String(), `href="/run">运行 Go`) {
		t.Errorf("the front page: %s", w.Body)
	}
	off, _ := server(t, Options{})
	if w := openIt(off, "GET", "/run", ""); w.Code != 404 {
		t.Errorf("switched off, it answers %d", w.Code)
	}
}

// A language that was chosen on any page is that of /run, and the other way round:
// before what the browser wishes for, and what the community speaks.
func TestRunInTheChosenLanguage(t *testing.T) {
	k := keeper(t, func() string { return token }, nil)
	frame, err := page.New(page.Options{Access: k, Locale: func() string { return "zh-CN" }})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := server(t, Options{Access: k, Pages: frame, Run: &RunOptions{Shares: &shelf{}}})
	chosen := func(w *httptest.ResponseRecorder) string {
		t.Helper()
		for _, c := range w.Result().Cookies() {
			return "Cookie: " + c.Name + "=" + c.Value
		}
		t.Fatalf("nothing is kept: %d %s", w.Code, w.Header())
		return ""
	}
	zh := chosen(openIt(s, "GET", "/login?lang=zh-CN", "", "Accept-Language: en"))
	for name, tc := range map[string]struct{ path, accept, cookie, lang string }{
		"chosen on a page":               {"/run", "Accept-Language: en", zh, "zh-CN"},
		"a link of somebody's":           {"/run/s/x", "Accept-Language: en", zh, "zh-CN"},
		"asked for by name all the same": {"/run?lang=en", "Accept-Language: zh", zh, "en"},
		"wished for":                     {"/run", "Accept-Language: en", "X: y", "en"},
		"the community's":                {"/run", "Accept-Language: fr", "X: y", "zh-CN"},
	} {
		if w := openIt(s, "GET", tc.path, "", "Accept: text/html", tc.accept, tc.cookie); w.Header().Get("Content-Language") != tc.lang {
			t.Errorf("%s: %d in %s", name, w.Code, w.Header().Get("Content-Language"))
		}
	}
	// A form is answered in the language of the page it stands on.
	if w := openIt(s, "POST", "/run/format", fill("code", hi), formType, zh); w.Header().Get("Content-Language") != "en" {
		t.Errorf("an English page's form is answered in %s", w.Header().Get("Content-Language"))
	}
	en := chosen(openIt(s, "POST", "/run/language", fill("code", hi, "lang", "zh-CN", "to", "en"), formType, zh))
	if w := openIt(s, "GET", "/login", "", "Accept-Language: zh", en); w.Header().Get("Content-Language") != "en" {
		t.Errorf("chosen on /run, the sign-in is in %s", w.Header().Get("Content-Language"))
	}
	if w := openIt(s, "GET", "/run", "", "Accept-Language: zh"); len(w.Result().Cookies()) > 0 || strings.Contains(w.Body.String(), "lang=zh-CN") {
		t.Errorf("what nobody chose is kept: %s", w.Header())
	}
}

// All that the page refers to is there, and nothing of it comes from elsewhere.
func TestRunAssets(t *testing.T) {
	s, _ := server(t, Options{Run: &RunOptions{}})
	page := openIt(s, "GET", "/run", "").Body.String()
	n := 0
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"#?]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "/") {
			t.Errorf("the page wants %s", m[1])
		}
		if strings.HasPrefix(m[1], "/run/assets/") {
			n++
			if w := openIt(s, "GET", m[1], ""); w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("Content-Type") == "" {
				t.Errorf("%s: %d %s", m[1], w.Code, w.Header())
			}
		}
	}
	if n != 3 {
		t.Errorf("%d assets", n)
	}
	for _, path := range []string{"/run/assets/x/nosuch.js", "/run/assets/x/..%2fpage.html", "/run/assets/x/"} {
		if w := openIt(s, "GET", path, ""); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if strings.Contains(page, "<style") || regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(page) || regexp.MustCompile(`\s(on[a-z]+|style)="`).MatchString(page) {
		t.Error("the page has something inline, which its policy forbids")
	}
}

func TestRunTexts(t *testing.T) {
	for key, text := range runText {
		if text.en == "" || text.zh == "" {
			t.Errorf("%s lacks a language", key)
		}
		if strings.Count(text.en, "%s") != strings.Count(text.zh, "%s") || strings.Count(text.en, "%") != strings.Count(text.zh, "%") {
			t.Errorf("%s: %q and %q want other values", key, text.en, text.zh)
		}
	}
	used := regexp.MustCompile(`\.(?:Say|Spans) "([^"]+)"`)
	html, err := runFiles.ReadFile("run/page.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range used.FindAllStringSubmatch(string(html), -1) {
		if _, ok := runText[m[1]]; !ok {
			t.Errorf("there is no text %s", m[1])
		}
	}
	for _, verdict := range strings.Split("accepted,wrong_answer,compile_error,vet_error,runtime_error,deadlock,goroutine_leak,time_limit_exceeded,memory_limit_exceeded,output_limit_exceeded,rejected,internal_error", ",") {
		for _, key := range []string{"verdict." + verdict, "verdict." + verdict + ".more"} {
			if _, ok := runText[key]; !ok {
				t.Errorf("there is no text %s", key)
			}
		}
	}
}

// The page's script hears how it goes while it goes.
func TestRunStream(t *testing.T) {
	gate := make(chan string)
	v := &runner{status: VerifyStatus{Ready: true}}
	v.verify = func(ctx context.Context, _ Submission, by Submitter) (VerifyResult, error) {
		if by.Source != "page" || by.Who != "page:127.0.0.1/32" {
			t.Errorf("it was submitted by %+v", by)
		}
		for {
			select {
			case what := <-gate:
				switch what {
				case "wait":
					by.Queued(3)
				case "turn":
					by.Queued(0)
				default:
					return VerifyResult{Verdict: "accepted", Stdout: what}, nil
				}
			case <-ctx.Done():
				return VerifyResult{}, ctx.Err()
			}
		}
	}
	s, _ := server(t, Options{Run: &RunOptions{}, Verifier: v})
	h := httptest.NewServer(s)
	defer h.Close()
	defer h.Client().CloseIdleConnections()
	ask := func(ctx context.Context) *http.Response {
		r, err := http.NewRequestWithContext(ctx, "POST", h.URL+"/run", strings.NewReader(fill("code", hi)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", streamType)
		res, err := h.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	res := ask(t.Context())
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	until := func(ok func(scriptAnswer) bool) {
		t.Helper()
		for lines.Scan() {
			var a scriptAnswer
			if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
				t.Fatal(err)
			}
			if ok(a) {
				return
			}
		}
		t.Fatal("it ended too early: ", lines.Err())
	}
	until(func(a scriptAnswer) bool { return a.Say == "Compiling and running" }) // nobody had to wait yet
	gate <- "wait"
	until(func(a scriptAnswer) bool { return strings.Contains(a.Say, "number 3") })
	gate <- "turn"
	until(func(a scriptAnswer) bool { return a.Say == "Compiling and running" })
	gate <- "done<b>"
	until(func(a scriptAnswer) bool {
		return strings.Contains(a.HTML, "done&lt;b&gt;") && strings.HasPrefix(a.Say, "It works.")
	})

	// Who goes away stops the run.
	ctx, cancel := context.WithCancel(t.Context())
	res = ask(ctx)
	cancel()
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
}

// A program that is sent while the compiler is prepared runs when it is ready.
func TestRunPrepared(t *testing.T) {
	var mu sync.Mutex
	looks := 0
	v := answers(VerifyResult{Verdict: "accepted"}, nil)
	steps := []VerifyStatus{{Step: "compile"}, {Step: "link"}, {Step: "ready", Ready: true}}
	s, _ := server(t, Options{Run: &RunOptions{}, Verifier: &growing{v, func() VerifyStatus {
		mu.Lock()
		defer mu.Unlock()
		looks++
		return steps[min(looks/2, 2)]
	}}})
	w := openIt(s, "POST", "/run", fill("code", hi), formType, "Accept: "+streamType)
	if w.Code != 200 || !strings.Contains(w.Body.String(), "2 of 3, the linker") || !strings.Contains(w.Body.String(), "It works.") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

type growing struct {
	*runner
	now func() VerifyStatus
}

func (g *growing) VerifyStatus() VerifyStatus { return g.now() }

// A form on another site does nothing here.
func TestRunCrossSite(t *testing.T) {
	keep := &shelf{}
	s, _ := server(t, Options{Run: &RunOptions{Shares: keep, PublicURL: "https://gophers.example"}, Verifier: answers(VerifyResult{Verdict: "accepted"}, nil)})
	for _, tc := range []struct {
		headers []string
		status  int
	}{
		{nil, 200},
		{[]string{"Sec-Fetch-Site: same-origin"}, 200},
		{[]string{"Sec-Fetch-Site: cross-site"}, 403},
		{[]string{"Sec-Fetch-Site: same-site"}, 403},
		{[]string{"Origin: https://evil.example"}, 403},
		{[]string{"Origin: null"}, 403},
		{[]string{"Origin: https://gophers.example"}, 200},
		{[]string{"Origin: http://example.com"}, 200}, // httptest's host
	} {
		for _, path := range []string{"/run", "/run/format", "/run/share", "/run/language"} {
			w := openIt(s, "POST", path, fill("code", hi, "to", "en"), append(tc.headers, formType, "Accept: text/html")...)
			if w.Code != tc.status {
				t.Errorf("%s with %s: %d", path, tc.headers, w.Code)
			}
		}
	}
	if len(keep.all) != 4 {
		t.Errorf("%d programs are kept", len(keep.all))
	}
}
