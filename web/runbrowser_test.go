package web

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/verify"
	"github.com/hearthbot/hearth/host/verify/source"
)

// direct is the real verifier without a queue: what the page asks for is run at
// once.
type direct struct{ v *verify.Verifier }

func (d direct) VerifyStatus() VerifyStatus {
	s := d.v.Status()
	return VerifyStatus{Ready: s.Ready, Step: s.Step, GoVersion: s.GoVersion}
}

func (d direct) Verify(ctx context.Context, s Submission, _ Submitter) (VerifyResult, error) {
	sub := verify.Submission{Stdin: s.Stdin, Args: s.Args}
	for name, text := range s.Files {
		sub.Files = append(sub.Files, source.File{Name: name, Text: text})
	}
	r, err := d.v.Verify(ctx, sub)
	if err != nil {
		return VerifyResult{}, err
	}
	r = r.In(s.Locale)
	out := VerifyResult{Verdict: string(r.Verdict), ExitCode: r.ExitCode, Stdout: r.Stdout, Stderr: r.Stderr, Truncated: r.Truncated,
		Fuel: r.Fuel, PeakMemory: r.PeakMemory, DurationMS: r.DurationMS, VirtualMS: r.VirtualMS, GoVersion: r.GoVersion, Cached: r.Cached}
	for _, d := range r.Diagnostics {
		out.Diagnostics = append(out.Diagnostics, Diagnostic{Severity: string(d.Severity), File: d.File, Line: d.Line, Column: d.Column, Code: d.Code,
			Message: d.Message, Excerpt: d.Excerpt, Hint: d.Hint})
	}
	for _, t := range r.Tests {
		out.Tests = append(out.Tests, TestResult{Name: t.Name, Passed: t.Passed, Output: t.Output})
	}
	return out, nil
}

// shown waits until an element has a text, for as long as compiling may take on
// a machine that has much else to do.
func shown(t *testing.T, tab *tabtest.Tab, sel, text string) {
	t.Helper()
	wait := fmt.Sprintf(`new Promise((done) => {
		const until = Date.now() + 15000, look = () => {
			const there = [...document.querySelectorAll(%q)].some((e) => e.textContent.includes(%q))
			there || Date.now() > until ? done(there) : setTimeout(look, 30)
		}
		look()
	})`, sel, text)
	for range 8 {
		if tabtest.Eval[bool](tab, wait) {
			return
		}
	}
	tab.UntilText(sel, text)
}

// TestRunInBrowser writes a broken program, hears what is wrong with it, mends
// it, runs and shares it, as somebody at a desk and on a phone.
func TestRunInBrowser(t *testing.T) {
	browser := tabtest.Start(t)
	s, _ := server(t, Options{Run: &RunOptions{Shares: &shelf{}}, Community: named("Gophers"), Verifier: direct{realVerifier(t)}})
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)

	for _, tc := range []struct {
		locale              string
		broken, hint, works string
		width, height       int64
		dark                bool
	}{
		{"en", "It does not compile yet.", "every variable to be used", "It works.", 1280, 800, false},
		{"zh-CN", "还不能编译。", "每个变量都被用到", "运行成功。", 320, 640, false},
		{"en", "It does not compile yet.", "every variable to be used", "It works.", 320, 640, true},
		{"zh-CN", "还不能编译。", "每个变量都被用到", "运行成功。", 1280, 800, true},
	} {
		look := fmt.Sprintf("%s-%d-light", tc.locale, tc.width)
		if tc.dark {
			look = fmt.Sprintf("%s-%d-dark", tc.locale, tc.width)
		}
		ok := t.Run(look, func(t *testing.T) {
			tab := tabtest.New(t, browser, h.URL)
			tab.Look(tc.width, tc.height, tc.dark)
			keep := func(what string) {
				t.Helper()
				tab.Rest()
				tab.Fits(what)
				tab.Keep("run-" + what + "-" + look)
			}
			ready := func() { t.Helper(); tab.Until("document.body.dataset.ready === 'yes'") }
			tab.Run("open the page", chromedp.Navigate(h.URL+"/run?lang="+tc.locale))
			ready()
			keep("open")

			const code = "#code"
			tab.Run("write a broken program", chromedp.Evaluate[chromedp.Void](`document.querySelector("#code").select()`), chromedp.SendKeys(chromedp.CSS(code),
				"package main\n\nimport \"fmt\"\n\nfunc main() {\ngreeting, unused := \"你好, Gopher\", 1\nfmt.Println(greeting)\n}\n"))
			// The editor indents by itself, and takes the tab away before the brace.
			const body = "func main() {\\n\\tgreeting, unused := \\\"你好, Gopher\\\", 1\\n\\tfmt.Println(greeting)\\n}\\n"
			tab.Until(`document.querySelector("#code").value.endsWith("` + body + `")`)
			tab.Until(`[...document.querySelectorAll(".paint .k")].map(e => e.textContent).join() === "package,import,func"`)
			tab.Run("press Ctrl+Enter", chromedp.KeyEvent("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
			shown(t, tab, "#shown .title", tc.broken)
			tab.UntilText("#shown .found a", "main.go:6:12")
			tab.UntilText("#shown .excerpt", "\t          ^")
			tab.UntilText("#shown .tip", tc.hint)
			tab.UntilText("#aloud", tc.broken)
			keep("broken")

			tab.Click("#shown .found a")
			tab.Until(`document.activeElement.id === "code" && document.activeElement.selectionStart === document.activeElement.value.indexOf("unused")`)
			tab.Until(`document.querySelectorAll(".paint .bad").length === 1 && document.querySelector(".lines b").textContent === "6"`)
			tab.Run("mend it", chromedp.SendKeys(chromedp.CSS(code), strings.Repeat(kb.Delete, len("unused"))+"_"))
			tab.Click("#run")
			shown(t, tab, "#shown .title", tc.works)
			tab.UntilText("#shown .out", "你好, Gopher")
			tab.Until(`!document.querySelector(".bad") && !document.querySelector(".lines b")`)
			keep("works")

			tab.Click("#share")
			tab.Until(`document.querySelector("#link")`)
			keep("shared")
			link := tabtest.Eval[string](tab, `document.querySelector("#link").value`)
			other := tabtest.New(t, browser, h.URL)
			other.Look(tc.width, tc.height, tc.dark)
			other.Run("open the link", chromedp.Navigate(link+"?lang="+tc.locale))
			other.Until("document.body.dataset.ready === 'yes'")
			other.Until(`document.querySelector("#code").value.includes("greeting, _ := ") && document.querySelector(".empty")`)
			other.Rest()
			other.Fits("opened")
			other.Keep("run-opened-" + look)
		})
		if !ok {
			return // the others would wait as long, to say the same
		}
	}

	t.Run("without script", func(t *testing.T) {
		tab := tabtest.New(t, browser, h.URL)
		tab.Look(1280, 800, false)
		if _, err := chromedp.Call(tab.Ctx(), emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
			t.Fatal(err)
		}
		// Nothing in the page can wait for anything: the browser's own tree is asked.
		has := func(sel, text string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(tab.Ctx(), 2*time.Minute)
			defer cancel()
			if err := chromedp.Do(ctx, chromedp.WaitReady(chromedp.CSS(sel))); err != nil {
				t.Fatalf("wait for %s: %v", sel, err)
			}
			if got := tabtest.Eval[string](tab, fmt.Sprintf("document.querySelector(%q).textContent", sel)); !strings.Contains(got, text) {
				t.Errorf("%s is %q, without %q", sel, got, text)
			}
		}
		tab.Run("open an example", chromedp.Navigate(h.URL+"/run?lang=en&example=leak"))
		tab.Click("#run")
		has("#shown .goroutine_leak .title", "left a goroutine behind")
		has("#shown .out", "hello from Berlin")
		has("html:not(.js)", "")
		tab.Fits("without script")
		tab.Keep("run-without-script")
		tab.Click("#language")
		has("html[lang=zh-CN] #code", "最先到的回答")
	})
}

// TestRunProgressInBrowser waits in a queue, which is told and can be left; then
// it runs what would like to be more than text. The page's policy, and what its
// scripts complain of, fail the test.
func TestRunProgressInBrowser(t *testing.T) {
	browser := tabtest.Start(t)
	left := make(chan struct{})
	const evil = "<img src=x onerror=\"document.title='evil'\"></pre><script>document.title='evil'</script>\u202e\x1b[2J\x00"
	v := &runner{status: VerifyStatus{Ready: true}}
	v.verify = func(ctx context.Context, s Submission, by Submitter) (VerifyResult, error) {
		if strings.Contains(s.Files["main.go"], "queue") {
			by.Queued(3)
			<-ctx.Done()
			close(left)
			return VerifyResult{}, ctx.Err()
		}
		return VerifyResult{Verdict: "runtime_error", Fuel: 1, ExitCode: 2, Stdout: evil, Stderr: evil, Tests: []TestResult{{Name: evil, Output: evil}},
			Diagnostics: []Diagnostic{{Severity: "error", File: evil, Line: 1, Column: 1, Message: evil, Excerpt: evil, Hint: "`" + evil + "`"}}}, nil
	}
	s, _ := server(t, Options{Run: &RunOptions{Shares: &shelf{}}, Verifier: v})
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	tab := tabtest.New(t, browser, h.URL)
	tab.Look(2560, 1300, false)
	tab.Run("open the page", chromedp.Navigate(h.URL+"/run?lang=en"))
	tab.Until("document.body.dataset.ready === 'yes'")
	write := func(text string) {
		t.Helper()
		tab.Run("write", chromedp.Evaluate[chromedp.Void](`document.querySelector("#code").select()`), chromedp.SendKeys(chromedp.CSS("#code"), text))
	}

	write("package main // queue")
	tab.Click("#run")
	tab.UntilText("#doing", "number 3 in the queue")
	tab.UntilText("#aloud", "number 3 in the queue")
	tab.UntilText("#since", "1 s")
	tab.Keep("run-waiting")
	tab.Click("#cancel")
	tab.UntilText("#shown", "Cancelled.")
	select {
	case <-left:
	case <-time.After(tabtest.Patience):
		t.Fatal("what was cancelled goes on")
	}
	tab.Until(`document.querySelector("#progress").hidden && document.activeElement.id === "code"`)

	write("package main // </textarea>" + evil[:len(evil)-5])
	tab.Click("#run")
	tab.UntilText("#shown .title", "It started, and then failed.")
	tab.Until(`[...document.querySelectorAll("#shown .odd")].some(e => e.textContent === "\\u202e\\x1b")`)
	tab.Click("#share")
	tab.Until(`document.querySelector("#link")`)
	tab.Run("open the link", chromedp.Navigate(tabtest.Eval[string](tab, `document.querySelector("#link").value`)))
	tab.Until(`document.body.dataset.ready === "yes" && document.querySelector(".paint").textContent.includes("</textarea><img")`)
	tab.Until(`document.title.startsWith("Run Go") && !document.querySelector("main img, main script")`)
	tab.Fits("shared")

	// As large as a program may be, it is still written without a halt: a key
	// pressed in it costs a small part of painting it all.
	took := tabtest.Eval[[]float64](tab, `(() => {
		const area = document.querySelector("#code"), times = []
		const paint = (text) => {
			area.value = text
			const from = performance.now()
			area.dispatchEvent(new Event("input"))
			document.querySelector(".paint").getBoundingClientRect()
			times.push(performance.now() - from)
		}
		const line = "\tif x := compute(\"text\", 42, 'r'); x > 1 { return nil } // why\n"
		const text = line.repeat(1000)
		paint(text)
		for (let i = 0; i < 5; i++) paint(text.slice(0, 30000 + i * line.length) + "x" + text.slice(30000 + i * line.length))
		return times
	})()`)
	t.Logf("painting 64 KiB took %.0f ms, then a key %.0f ms", took[0], took[1:])
	if rest := slices.Sorted(slices.Values(took[1:])); rest[2] > took[0]/2 {
		t.Errorf("a key takes %.0f ms, painting all %.0f ms", rest[2], took[0])
	}
	tab.Until(`document.querySelectorAll(".paint > div").length === document.querySelector("#code").value.split("\n").length`)
	tab.Until(`document.querySelector(".paint").innerText.trimEnd() === document.querySelector("#code").value.trimEnd()`)
}
