// Package tabtest opens the web chat in a real browser, for the tests of the
// chat and of the whole house. It knows the page and nothing of the module. Each
// wait has an end; what the page's own scripts or its policy complain about
// fails the test.
package tabtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Patience is how long a step or a wait may take, on a machine that has much
// else to do.
const Patience = time.Minute

// shared is the browser of a package's tests: each tab has cookies of its own, and
// to start one takes seconds of a processor.
var shared struct {
	sync.Mutex
	ctx     context.Context
	end     func()
	forward bool // see Tests
}

// Start starts a Chromium that ends with the tests of the package, whose TestMain
// runs them as [Tests], or skips the test where there is none. With HEARTH_CI set
// there has to be one.
func Start(t testing.TB) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped with -short: it starts a real browser")
	}
	bin := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			bin = p
			break
		}
	}
	if bin == "" {
		if os.Getenv("HEARTH_CI") != "" {
			t.Fatal("no Chromium found, and HEARTH_CI asks for one")
		}
		t.Skip("no Chromium found: install chromium to see the pages tested in a real browser")
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.ctx != nil {
		if lives(shared.ctx) {
			return shared.ctx
		}
		t.Log("the browser of the tests before has ended: there is a new one")
		shared.end()
	}
	ctx, end, err := start(bin, shared.forward)
	if err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	shared.ctx, shared.end = ctx, end
	return ctx
}

func start(bin string, forward bool) (ctx context.Context, end func(), err error) {
	dir, err := os.MkdirTemp("", "hearth-browser-")
	if err != nil {
		return nil, nil, err
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(bin), chromedp.UserDataDir(dir)}
	for _, flag := range []string{"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars", "mute-audio"} {
		opts = append(opts, chromedp.Flag(flag, true))
	}
	if forward {
		opts = append(opts, chromedp.Flag("disable-features", "BackForwardCache"))
	}
	// A mouse that hovers, as at a desk; tabs that emulate a phone have none.
	opts = append(opts, chromedp.Flag("blink-settings", "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, stop := chromedp.NewContext(ctx)
	end = func() {
		stop()
		cancel()
		_ = os.RemoveAll(dir) // a temporary directory anyway
	}
	if err := chromedp.Do(ctx); err != nil {
		end()
		return nil, nil, err
	}
	return ctx, end, nil
}

func lives(browser context.Context) bool {
	ctx, cancel := context.WithTimeout(browser, Patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("true"))
	return err == nil
}

// Tests are those of a package that opens pages: its TestMain runs them so, and
// the browser ends with them.
type Tests struct {
	*testing.M

	// Forward says that no test goes back to a page that it has left: such pages are
	// not kept then, which costs a third of each opening of another.
	Forward bool
}

// Run runs the tests and returns the code to exit with.
func (t Tests) Run() int {
	defer func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.end != nil {
			shared.end()
		}
		shared.ctx, shared.end = nil, nil
	}()
	shared.forward = t.Forward
	return t.M.Run()
}

// Tab is a page in the browser.
type Tab struct {
	t   testing.TB
	ctx context.Context
	url string
}

// New opens a tab with cookies of its own, for the chat that is served at url.
func New(t testing.TB, browser context.Context, url string) *Tab {
	t.Helper()
	return open(t, browser, url, chromedp.WithNewBrowserContext())
}

// Beside opens another tab with the same cookies.
func (b *Tab) Beside() *Tab {
	b.t.Helper()
	return open(b.t, b.ctx, b.url)
}

func open(t testing.TB, parent context.Context, url string, opts ...chromedp.ContextOption) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, opts...)
	t.Cleanup(cancel)
	b := &Tab{t: t, ctx: ctx, url: url}
	// Not within a time: the tab would end with it.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	b.Begin(hear)
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if s := m.String(); m.IsException() || strings.Contains(s, "Content Security Policy") {
				t.Errorf("the browser says: %s", s)
			}
		}
	}()
	return b
}

// Begin has every page that the tab opens from now on begin with a script.
func (b *Tab) Begin(script string) {
	b.t.Helper()
	ctx, cancel := b.within()
	defer cancel()
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		b.t.Fatalf("have pages begin with a script: %v", err)
	}
}

// hear keeps what the page tells in passing: it may be gone before a test looks.
const hear = `addEventListener("DOMContentLoaded", () => {
	const box = document.querySelector("#toasts");
	if (!box) return;
	const told = window.told = [...box.children].map((p) => p.textContent);
	new MutationObserver((all) => { for (const m of all) for (const p of m.addedNodes) told.push(p.textContent); }).observe(box, { childList: true });
})`

// Told waits until the page tells something in passing, or has since the last
// Told.
func (b *Tab) Told(text string) {
	b.t.Helper()
	b.Until(fmt.Sprintf("((i) => i >= 0 && told.splice(0, i + 1))(told.findIndex((s) => s.includes(%q)))", text))
}

func (b *Tab) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, Patience)
}

// Run takes steps; what says what they are for.
func (b *Tab) Run(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := b.within()
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.Keep("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
		b.t.Fatalf("%s: %v", what, err)
	}
}

// Eval is the value of a JavaScript expression in the page; it waits for what
// is promised.
func Eval[T any](b *Tab, expr string) T {
	b.t.Helper()
	ctx, cancel := b.within()
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T]("Promise.resolve("+expr+")", chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("evaluate %s: %v", expr, err)
	}
	return v
}

// Until waits for a condition in the page.
func (b *Tab) Until(cond string) {
	b.t.Helper()
	ctx, cancel := b.within()
	defer cancel()
	wait := fmt.Sprintf("new Promise(done => { const look = () => { try { if (%s) return done(true) } catch {} setTimeout(look, 15) }; look() })", cond)
	for {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise))
		if err == nil {
			return
		}
		// Going to another page ends what waits on this one: wait there.
		if ctx.Err() != nil || !strings.Contains(err.Error(), "navigated") && !strings.Contains(err.Error(), "context") {
			b.Keep("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
			b.t.Fatalf("waited for %s: %v", cond, err)
		}
	}
}

// UntilText waits until an element that sel selects has a text.
func (b *Tab) UntilText(sel, text string) {
	b.t.Helper()
	b.Until(fmt.Sprintf("[...document.querySelectorAll(%q)].some(e => e.textContent.includes(%q))", sel, text))
}

// Rest waits until everything stands where it will stay. What glows for ever is
// not waited for.
func (b *Tab) Rest() {
	b.t.Helper()
	b.Until("document.getAnimations().every(a => a.playState === 'finished' || a.effect.getComputedTiming().endTime === Infinity)")
}

// Keep writes a picture of the page to artifacts/NAME.png at the root of the
// repository.
func (b *Tab) Keep(name string) {
	b.t.Helper()
	ctx, cancel := b.within()
	defer cancel()
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{FromSurface: new(true), OptimizeForSpeed: new(true)})
	if err != nil {
		b.t.Errorf("take a picture of %s: %v", name, err)
		return
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		b.t.Fatal(err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	dir = filepath.Join(dir, "artifacts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), shot.Data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// Look sets the size of the window in CSS pixels and the system's colours. A
// narrow window is a phone's: touched, not pointed at. Nothing moves more than
// it must.
func (b *Tab) Look(width, height int64, dark bool) {
	b.t.Helper()
	scheme, touch := "light", []chromedp.EmulateViewportOption{}
	if dark {
		scheme = "dark"
	}
	if width < 600 {
		touch = append(touch, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulateScale(2))
	}
	b.Run("set the window", chromedp.EmulateViewport(width, height, touch...))
	ctx, cancel := b.within()
	defer cancel()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	if err != nil {
		b.t.Fatalf("set the colours: %v", err)
	}
	b.Until(fmt.Sprintf("innerWidth === %d || screen.width === %[1]d", width))
}

// Fits says that nothing is wider than the window, and no text wider than the
// conversation it stands in.
func (b *Tab) Fits(where string) {
	b.t.Helper()
	if over := Eval[int](b, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
		b.t.Errorf("%s: the page is %d px wider than the window", where, over)
	}
	if over := Eval[int](b, "Math.max(0, ...[...document.querySelectorAll('.scroll')].map(s => s.scrollWidth - s.clientWidth))"); over > 0 {
		b.t.Errorf("%s: what is said is %d px wider than its place", where, over)
	}
}

// ComeIn joins as name. The tab is then where the bot greets.
func (b *Tab) ComeIn(name, locale string) {
	b.t.Helper()
	b.Run("open the way in", chromedp.Navigate(b.url+"/chat"))
	b.ComeInHere(name, locale)
}

// ComeInHere is ComeIn for a tab that shows the way in already.
func (b *Tab) ComeInHere(name, locale string) {
	b.t.Helper()
	b.Run("choose a language", chromedp.Click(chromedp.CSS(`[name=locale][value="`+locale+`"]`)))
	b.Run("come in", chromedp.SendKeys(chromedp.CSS("#name"), name), chromedp.Click(chromedp.CSS("form .primary")))
	b.Live()
	b.Until("document.querySelector('#list').dataset.conv.startsWith('dm.')")
}

// Go loads the page at a query of the chat's.
func (b *Tab) Go(query string) {
	b.t.Helper()
	b.Run("go to "+query, chromedp.Navigate(b.url+"/chat"+query))
	b.Live()
}

// Live waits until the page's script runs and hears of what happens.
func (b *Tab) Live() {
	b.t.Helper()
	b.Until("document.body.dataset.ready === 'yes' && document.body.dataset.live === 'yes'")
}

// Write types into the composer of a part of the page, and sends.
func (b *Tab) Write(where, text string) {
	b.t.Helper()
	sel := chromedp.CSS(where + " [data-composer] textarea")
	b.Run("write "+text, chromedp.SetValue(sel, text), chromedp.SendKeys(sel, "\r"))
	b.Until(fmt.Sprintf("document.querySelector(%q).value === ''", where+" [data-composer] textarea"))
}

// Click presses the first element that sel selects. One that is drawn anew while
// it is looked at is looked for again.
func (b *Tab) Click(sel string) {
	b.t.Helper()
	ctx, cancel := b.within()
	defer cancel()
	for {
		err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(sel)))
		if err == nil {
			return
		}
		if ctx.Err() != nil || !strings.Contains(err.Error(), "node with given id") {
			b.Keep("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
			b.t.Fatalf("click %s: %v", sel, err)
		}
	}
}

// For is the tab as a subtest uses it: what fails, fails that one.
func (b *Tab) For(t testing.TB) *Tab {
	c := *b
	c.t = t
	return &c
}

// Ctx is the tab for what needs more than steps.
func (b *Tab) Ctx() context.Context { return b.ctx }
