package walk

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/store/bolt"
)

// guest is somebody at the web chat, without a browser.
type guest struct {
	t    *testing.T
	url  string
	http *http.Client
	id   string
}

func comeIn(t *testing.T, at, name, locale string) *guest {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{t: t, url: at, http: &http.Client{Jar: jar, Timeout: 30 * time.Second}}
	var joined struct{ Go string }
	g.post("join", &joined, "name", name, "locale", locale, "zone", "UTC")
	u, err := url.Parse(joined.Go)
	if err != nil {
		t.Fatal(err)
	}
	g.id = strings.TrimPrefix(u.Query().Get("c"), "dm.")
	return g
}

// post sends a form as the page's script does, and reads what comes back.
func (g *guest) post(what string, answer any, pairs ...string) {
	g.t.Helper()
	form := url.Values{"nonce": {rand.Text()}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequest(http.MethodPost, g.url+"/chat/"+what, strings.NewReader(form.Encode()))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	res, err := g.http.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		g.t.Fatalf("%s: %d, %v, %s", what, res.StatusCode, err, body)
	}
	if answer != nil {
		if err := json.Unmarshal(body, answer); err != nil {
			g.t.Fatalf("%s: %v in %s", what, err, body)
		}
	}
}

func (g *guest) says(conv, text string) { g.t.Helper(); g.post("send", nil, "c", conv, "text", text) }

func (g *guest) page(conv string) string {
	g.t.Helper()
	res, err := g.http.Get(g.url + "/chat?c=" + url.QueryEscape(conv))
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return string(body)
}

// sees waits until all of the words stand in a conversation.
func (g *guest) sees(conv string, words ...string) string {
	g.t.Helper()
	var page string
	until(g.t, func() (missing string) {
		page = g.page(conv)
		for _, w := range words {
			if !strings.Contains(page, w) {
				return w
			}
		}
		return ""
	})
	return page
}

// until asks again and again what is missing.
func until(t *testing.T, missing func() string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		what := missing()
		if what == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after two minutes there is no %q", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// presses presses the button of a label.
func (g *guest) presses(conv, label string) {
	g.t.Helper()
	page := g.sees(conv, ">"+label+"<")
	i := strings.LastIndex(page[:strings.LastIndex(page, ">"+label+"<")], "<form")
	form := page[i:]
	value := func(name string) string {
		m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(form)
		return m[1]
	}
	button := regexp.MustCompile(`name="token" value="([^"]*)"[^>]*>` + regexp.QuoteMeta(label) + `<`).FindStringSubmatch(form)
	g.post("press", nil, "c", value("c"), "m", value("m"), "token", button[1])
}

// kept are the names of the files below dir that have one of the words in them,
// each with the first of those.
func kept(t *testing.T, dir string, words ...string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, w := range words {
			if bytes.Contains(b, []byte(w)) {
				found = append(found, filepath.Base(path)+": "+w)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestForgottenToTheLastByte has somebody leave traces everywhere that a member
// can, forgets them, and reads every file of the data directory byte for byte.
func TestForgottenToTheLastByte(t *testing.T) {
	const name, text = "Adelgundis", "swordfish"
	_, cache := plugins(t)
	all := t.TempDir()
	for _, file := range []string{built.path + "/welcome.wasm", built.path + "/tasks.wasm", built.extra + "/echo.wasm", built.extra + "/stumble.wasm"} {
		code, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(all, filepath.Base(file)), code, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := config.Default()
	c.Server.Data = t.TempDir()
	c.Retries.Delays = []time.Duration{time.Millisecond}
	// It is night: what she did not ask for waits.
	now := time.Now().UTC().Hour()
	c.Policy.QuietFrom, c.Policy.QuietTo = now, (now+3)%24
	logs := new(lockedBuffer)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(logs)
		}
	})
	run, end := runFrom(t, app.Options{Config: c, Plugins: os.DirFS(all), Cache: cache, Logger: app.NewLogger(logs, slog.LevelInfo, true)})

	bob := comeIn(t, run, "Bob", "en")
	ada := comeIn(t, run, name, "en")
	own := "dm." + ada.id
	ada.says("general", text+" for all of you")
	ada.sees("general", "heard: "+text)
	ada.says("general", text+" makes me stumble")
	ada.says(own, "/start")
	ada.says(own, "/task")
	ada.sees(own, "Say hello")
	ada.says(own, "/mydata")
	ada.sees(own, "All that I keep of you", "for all of you", "Adelgundis")
	bob.says("general", "@"+name+" are you there?")
	bob.sees("general", "heard: ", "are you there?")
	until(t, func() string {
		if len(kept(t, c.Server.Data, "that was too much")) == 0 {
			return "failed event"
		}
		return ""
	})
	words := []string{ada.id, name, text}
	if found := kept(t, c.Server.Data, words...); len(found) < len(words) {
		t.Fatalf("control: before, there is only %q", found)
	}

	ada.says(own, "/forget")
	ada.presses(own, "Yes, forget me")
	page := ada.sees("", "You are forgotten", "pieces of data were erased")
	if strings.Contains(page, name) {
		t.Error("the last page still has her name")
	}
	bob.sees("general", "@…")
	if page := bob.page("general"); strings.Contains(page, text) || strings.Contains(page, name) {
		t.Error("in #general there is still something of hers")
	}
	bob.says("general", "life goes on")
	bob.sees("general", "heard: life goes on")
	end()

	s, err := bolt.Open(t.Context(), c.Server.Data, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if found := kept(t, c.Server.Data, words...); len(found) > 0 {
		t.Errorf("after she was forgotten there is still %q", found)
	}
	if found := kept(t, c.Server.Data, "life goes on", bob.id); len(found) != 2 {
		t.Errorf("of bob there is %q", found)
	}
}

// runFrom is serveFrom that a test ends by itself.
func runFrom(t *testing.T, o app.Options) (at string, end func()) {
	t.Helper()
	ready := make(chan app.Ready, 1)
	o.GrantAll, o.Ready = true, func(r app.Ready) { ready <- r }
	o.Config.Server.Listen = "127.0.0.1:0"
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	over := false
	end = func() {
		if over {
			return
		}
		over = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(end)
	select {
	case r := <-ready:
		return r.URL, end
	case err := <-ended:
		over = true
		t.Fatal("hearth ended: ", err)
	case <-time.After(2 * time.Minute):
		t.Fatal("hearth was not ready within two minutes")
	}
	return "", end
}

// TestForgetInTheBrowser has a member ask, change their mind, ask again and be
// forgotten, in either language.
func TestForgetInTheBrowser(t *testing.T) {
	browser := tabtest.Start(t)
	at := serve(t, nil)
	for _, tc := range []struct {
		locale, name, privacy, question, no, kept, yes, gone string
		width, height                                        int64
		dark                                                 bool
	}{
		{"en", "Adelgundis", "What I keep of you", "Shall I forget you?", "No, keep it", "All right, I keep", "Yes, forget me", "You are forgotten", 1280, 800, false},
		{"zh-CN", "阿德尔贡迪斯", "我保存了你的什么", "要我忘掉你吗？", "不，都留着", "好的，都留着", "是的，忘掉我", "我已经忘掉你了", 320, 640, true},
	} {
		t.Run(tc.locale, func(t *testing.T) {
			tab := tabtest.New(t, browser, at)
			tab.Look(tc.width, tc.height, tc.dark)
			tab.ComeIn(tc.name, tc.locale)
			press := func(label string) {
				t.Helper()
				tab.Run("press "+label, chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll("#list .buttons .btn")].filter(b => b.textContent === "`+label+`").at(-1).click()`))
			}
			tab.Write("#main", "/privacy")
			tab.UntilText("#list", tc.privacy)
			tab.Fits("privacy")
			tab.Keep("privacy-" + tc.locale)
			tab.Write("#main", "/forget")
			tab.UntilText("#list", tc.question)
			tab.Keep("forget-" + tc.locale)
			press(tc.no)
			tab.UntilText("#list", tc.kept)
			tab.Write("#main", "/forget")
			tab.Until(`[...document.querySelectorAll("#list .buttons .btn")].filter(b => b.textContent === "` + tc.yes + `").length === 2`)
			press(tc.yes)
			tab.UntilText(".parting", tc.gone)
			tab.Fits("forgotten")
			tab.Keep("forgotten-" + tc.locale)
			if tabtest.Eval[bool](tab, `document.body.textContent.includes("`+tc.name+`") || document.querySelector("#name").value !== ""`) {
				t.Error("the way in still knows the name")
			}
		})
	}
}
