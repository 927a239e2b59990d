package walk

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/verify/verifytest"
)

// apart is what a process of its own serves, from its environment.
type apart struct {
	Data, Listen, Plugins string
	Packs                 []string
}

const apartEnv = "HEARTH_WALK_APART"

// beApart is a hearth in the place of the tests, one that can be killed, where the
// environment says so.
func beApart() {
	text := os.Getenv(apartEnv)
	if text == "" {
		return
	}
	var p apart
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		panic(err)
	}
	c := config.Default()
	c.Community.Name = "Gophers"
	c.Server.Data, c.Server.Listen = p.Data, p.Listen
	c.Verify.Wall = time.Minute
	a, err := app.New(context.Background(), app.Options{Config: c, Plugins: os.DirFS(p.Plugins), Packs: p.Packs, GrantAll: true,
		Ready: func(r app.Ready) { fmt.Println("ready at", r.URL) }})
	if err == nil {
		err = a.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, "it ended:", err)
	os.Exit(1)
}

// begin starts the process and waits until it is ready; kill ends it at once, as
// when the machine fails.
func (p *apart) begin(t *testing.T) (kill func()) {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), apartEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // it says that it was killed
	}
	t.Cleanup(kill)
	lines := bufio.NewScanner(out)
	late := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "ready at ") {
			return kill
		}
	}
	t.Fatal("hearth was not ready within two minutes, or ended")
	return nil
}

// TestRestartUnderOpenPages kills hearth under a chat, the figures of the day, the
// list of events, a plugin's log and a program that runs. Each page says that it
// tries again, is live again by itself once hearth is, and keeps what was typed.
// Whoever was signed out meanwhile is told so, and led back.
func TestRestartUnderOpenPages(t *testing.T) {
	browser := tabtest.Start(t)
	axe := barriers(t)
	pack := verifytest.Pack(t)
	dir, _ := plugins(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &apart{Data: t.TempDir(), Listen: free.Addr().String(), Plugins: dir, Packs: []string{filepath.Dir(pack)}}
	_ = free.Close() // it is the process's now
	verifytest.Reuse(t, filepath.Join(p.Data, app.CacheDir), filepath.Join(p.Data, app.ToolchainDir))
	kill := p.begin(t)
	h := &community{t: t, url: "http://" + p.Listen, data: p.Data, tokens: map[access.Role]string{}}
	if h.tokens[access.Admin], err = app.ReadToken(p.Data); err != nil {
		t.Fatal(err)
	}

	tab := tabtest.New(t, browser, h.url)
	tab.Look(1440, 900, false)
	today := h.manage(tab, access.Admin, "en")
	beside := func(path string) *manager {
		m := &manager{tab.Beside(), t, h.url}
		m.Look(1440, 900, false)
		m.open(path)
		return m
	}
	events, logs := beside("/admin/events"), beside("/admin/plugins/welcome/logs")
	other := tabtest.New(t, browser, h.url)
	other.Look(320, 740, true)
	leaving := h.manage(other, access.Admin, "zh-CN")
	leaving.open("/admin/events")
	ada := tabtest.New(t, browser, h.url)
	ada.Look(1280, 800, false)
	ada.ComeIn("Ada", "en")
	pages := map[string]*manager{"today": today, "events": events, "logs": logs}
	for _, m := range pages {
		tabtest.Eval[bool](m.Tab, "window.same = true")
	}
	tabtest.Eval[bool](ada, "window.same = true")
	events.UntilText("#rows tr", "Joined")
	leaving.UntilText("#rows tr", "加入")
	hasten := func() { tabtest.Eval[string](tab, "document.getElementById('numbers').dataset.every = '1'") }
	hasten()

	ada.Run("begin to write", chromedp.SendKeys(chromedp.CSS("#main [data-composer] textarea"), "half a sentence"))
	events.Run("begin to filter", chromedp.Evaluate[chromedp.Void](`document.querySelector("details.fold").open = true`), chromedp.SendKeys(chromedp.CSS("#f-member"), "Ad"))
	run := tabtest.New(t, browser, h.url)
	run.Look(1280, 800, false)
	run.Run("open /run", chromedp.Navigate(h.url+"/run?lang=en"))
	run.Until("document.body.dataset.ready === 'yes'")
	run.Run("write a program", chromedp.Evaluate[chromedp.Void](`document.querySelector("#code").select()`),
		chromedp.SendKeys(chromedp.CSS("#code"), "package main\n\nfunc main() {\nprintln(\"it\" + \" came back\")\n"),
		chromedp.KeyEvent("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	run.Until("!document.querySelector('#progress').hidden")

	kill()
	ada.Until("document.body.classList.contains('lost')")
	ada.UntilText("#lost", "Trying again")
	for name, m := range pages {
		m.UntilText("#live-off", "Trying again; what you typed stays.")
		m.clean("the page "+name+" that is cut off", axe)
		m.Keep("restart-lost-" + name + "-en-1440-light")
	}
	leaving.UntilText("#live-off", "正在重试")
	leaving.clean("the events, cut off", axe)
	leaving.Keep("restart-lost-events-zh-CN-320-dark")
	run.UntilText("#doing", "Trying again; your program is still here")
	run.Keep("restart-lost-run-en")
	ada.Run("send what cannot be sent", chromedp.KeyEvent(kb.Enter))
	ada.Told("What you wrote is still here")

	kill = p.begin(t)
	ada.Live()
	ada.Until("!document.body.classList.contains('lost')")
	if got := tabtest.Eval[string](ada, "document.querySelector('#main [data-composer] textarea').value"); got != "half a sentence" {
		t.Errorf("of what Ada wrote there is %q", got)
	}
	for name, m := range pages {
		m.Until("document.querySelector('#live-off').textContent === ''")
		if !tabtest.Eval[bool](m.Tab, "window.same === true") {
			t.Errorf("the page %s was loaded anew", name)
		}
	}
	// It is sent once more by itself, and runs, or waits for the compiler.
	run.Until("document.querySelector('#progress').hidden || !document.querySelector('#doing').textContent.includes('Trying again')")
	if said := tabtest.Eval[string](run, "document.querySelector('#shown .sorry')?.textContent ?? ''"); said != "" {
		t.Errorf("/run says %q", said)
	}
	if code := tabtest.Eval[string](run, "document.querySelector('#code').value"); !strings.Contains(code, "came back") {
		t.Errorf("of the program there is %q", code)
	}
	ada.Run("send it", chromedp.KeyEvent(kb.Enter))
	events.UntilText("#rows tr", "half a sentence")
	if got := tabtest.Eval[string](events.Tab, "document.querySelector('#f-member').value"); got != "Ad" {
		t.Errorf("of the filter there is %q", got)
	}

	// Signed out while hearth is away, one is told at the next try; while it is there,
	// at the stream's next sign of life.
	hasten()
	tabtest.Eval[bool](tab, `fetch("/logout", {method: "POST"}).then(() => true)`)
	for name, m := range pages {
		m.UntilText("#live-off", "You are signed out")
		m.clean("the page "+name+" whose session has ended", axe)
		m.Keep("ended-" + name + "-en-1440-light")
	}
	tabtest.Eval[bool](other, `fetch("/logout", {method: "POST"}).then(() => true)`)
	kill()
	p.begin(t)
	leaving.UntilText("#live-off", "登录已失效")
	leaving.clean("the events of a session that has ended", axe)
	leaving.Keep("ended-events-zh-CN-320-dark")
	leaving.Click("#live-off a")
	leaving.UntilText("h1", "登录")
	leaving.set("token", h.tokens[access.Admin])
	leaving.Click("main .primary")
	leaving.Until("location.pathname === '/admin/events'")

	// What is asked for as one types is not answered with a page for signing in.
	leaving.open("/admin/settings")
	tabtest.Eval[bool](other, `fetch("/logout", {method: "POST"}).then(() => true)`)
	leaving.Run("look for a setting", chromedp.SendKeys(chromedp.CSS("#q"), "quiet"))
	leaving.UntilText("#live-off", "登录已失效")
	if got := tabtest.Eval[string](other, "document.querySelector('#q').value + document.querySelectorAll('#token').length"); got != "quiet0" {
		t.Errorf("of what was looked for there is %q", got)
	}
}
