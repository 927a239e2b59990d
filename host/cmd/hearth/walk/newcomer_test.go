package walk

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts a real Chromium, or skips the test where there is none. In CI
// there has to be one.
func browser(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped with -short: it starts a real browser")
	}
	bin := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if p, err := exec.LookPath(name); err == nil {
			bin = p
			break
		}
	}
	if bin == "" {
		if os.Getenv("HEARTH_CI") != "" {
			t.Fatal("no Chromium found, and HEARTH_CI asks for one")
		}
		t.Skip("no Chromium found: install chromium to see a newcomer welcomed in a real browser")
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(bin), chromedp.UserDataDir(t.TempDir())}
	for _, flag := range []string{"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars"} {
		opts = append(opts, chromedp.Flag(flag, true))
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(ctx)
	t.Cleanup(stop)
	ctx, done := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(done)
	return ctx
}

// shot keeps a picture of the page among the artifacts.
func shot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("..", "..", "..", "..", "artifacts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestNewcomer joins the web chat as somebody new, in either language: the
// welcome stands there, its questions can be answered, and help is a press away.
func TestNewcomer(t *testing.T) {
	url := serve(t, nil)
	for _, tc := range []struct {
		locale, name, welcome, thanks string
		width, height                 int64
	}{
		{"en", "Ada", "Welcome, Ada! Good to have you", "Thank you, Ada!", 1280, 800},
		{"zh-CN", "王伟", "王伟，欢迎来到", "王伟", 320, 640},
	} {
		t.Run(tc.locale, func(t *testing.T) {
			ctx := browser(t)
			var touch []chromedp.EmulateViewportOption
			if tc.width < 600 {
				touch = append(touch, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulateScale(2))
			}
			step := func(what string, steps ...chromedp.Action[chromedp.Void]) {
				t.Helper()
				if err := chromedp.Do(ctx, steps...); err != nil {
					shot(t, ctx, "newcomer-failed")
					t.Fatalf("%s: %v", what, err)
				}
			}
			step("open the way in", chromedp.EmulateViewport(tc.width, tc.height, touch...), chromedp.Navigate(url+"/chat"),
				chromedp.Click(chromedp.CSS(`[name=locale][value="`+tc.locale+`"]`)), chromedp.SendKeys(chromedp.CSS("#name"), tc.name))
			step("come in", chromedp.Click(chromedp.CSS("form .primary")))
			joined := time.Now()
			shows(t, ctx, tc.welcome)
			t.Logf("the welcome stood there %v after joining", time.Since(joined).Round(time.Millisecond))
			shot(t, ctx, "newcomer-"+tc.locale)
			step("answer the questions", chromedp.SetValue(chromedp.CSS(".ask select"), "learn"),
				chromedp.SendKeys(chromedp.CSS(".ask input:not([type=hidden])"), "octocat"), chromedp.Click(chromedp.CSS(".ask .primary")))
			shows(t, ctx, tc.thanks)
			shows(t, ctx, "github.com/octocat")
			shot(t, ctx, "newcomer-thanked-"+tc.locale)
		})
	}
}

// shows waits until the page shows a text.
func shows(t *testing.T, ctx context.Context, text string) {
	t.Helper()
	wait := `new Promise(ok => { const look = () => document.body && document.body.innerText.includes(` + strconv.Quote(text) + `) ? ok(true) : setTimeout(look, 20); look() })`
	for end := time.Now().Add(30 * time.Second); ; {
		// A navigation takes the promise with it: ask again.
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise)); err == nil {
			return
		} else if time.Now().After(end) || ctx.Err() != nil {
			shot(t, ctx, "newcomer-failed")
			t.Fatalf("the page does not show %q: %v", text, err)
		}
	}
}
