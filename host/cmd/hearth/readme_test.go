package main

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestTenMinutes does what sdk/README.md says, line by line and from an empty
// directory, with no network and nothing fetched before: makes a plugin, tests
// it, talks to it, changes it, brings it into a hearth that runs, swaps it and
// takes it back. It prints what each step took.
//
//	```sh            is run; what the text before says stays, in the background
//	```diff FILE     is done to the file
//	<!-- chat: TEXT → ANSWER -->   TEXT is written in the chat of what runs, until ANSWER stands there
//	<!-- end -->     is Ctrl-C there
func TestTenMinutes(t *testing.T) {
	built := binary(t)
	if built == "" {
		if os.Getenv("HEARTH_CI") != "" {
			t.Fatal("no plugins are built in, and in CI they have to be: make wasm")
		}
		t.Skip("no plugins are built in: make wasm")
	}
	guide, err := os.ReadFile("../../../sdk/README.md")
	if err != nil {
		t.Fatal(err)
	}
	steps, _, _ := strings.Cut(string(guide), "\n---\n")
	r := newReader(t, built)
	begun := time.Now()
	for _, s := range parseGuide(t, steps) {
		t.Logf("%s", s.what)
		took := time.Now()
		s.do(r)
		t.Logf("figure: README of the SDK: %s: %.1f s", s.what, time.Since(took).Seconds())
	}
	t.Logf("figure: README of the SDK: all of it by a reader who takes no time: %.1f s", time.Since(begun).Seconds())
}

// guideStep is something that a reader does.
type guideStep struct {
	what string
	do   func(*reader)
}

var (
	fence  = regexp.MustCompile("^```(sh|diff) ?(.*)$")
	remark = regexp.MustCompile(`^<!-- (chat|end):? ?(.*?) ?-->$`)
)

// parseGuide finds what there is to do in the text.
func parseGuide(t *testing.T, text string) (steps []guideStep) {
	t.Helper()
	lines := strings.Split(text, "\n")
	stays := false // the next command does
	for i := 0; i < len(lines); i++ {
		stays = stays || strings.Contains(lines[i], "that stays") || strings.Contains(lines[i], "which stays")
		if m := remark.FindStringSubmatch(lines[i]); m != nil {
			if m[1] == "end" {
				steps = append(steps, guideStep{"Ctrl-C", (*reader).interrupt})
				continue
			}
			say, answer, ok := strings.Cut(m[2], " → ")
			if !ok {
				t.Fatalf("line %d of the guide: %s", i+1, lines[i])
			}
			steps = append(steps, guideStep{"chat " + say + " → " + answer, func(r *reader) { r.chat(say, answer) }})
			continue
		}
		m := fence.FindStringSubmatch(lines[i])
		if m == nil {
			continue
		}
		var block []string
		for i++; i < len(lines) && lines[i] != "```"; i++ {
			block = append(block, lines[i])
		}
		switch {
		case m[1] == "diff":
			steps = append(steps, guideStep{"edit " + m[2], func(r *reader) { r.edit(m[2], block) }})
		case stays:
			stays = false
			steps = append(steps, guideStep{block[0], func(r *reader) { r.background(block[0]) }})
		default:
			for _, line := range block {
				steps = append(steps, guideStep{line, func(r *reader) { r.run(line) }})
			}
		}
	}
	if len(steps) < 15 {
		t.Fatalf("the guide has %d steps only", len(steps))
	}
	return steps
}

// reader is somebody who follows the guide.
type reader struct {
	t    *testing.T
	env  []string
	dir  string
	runs []*terminal
}

// terminal is one in which something stays.
type terminal struct {
	cmd     *exec.Cmd
	out     output
	ended   chan error
	browser *http.Client // nil before somebody came in
	live    int          // versions that had become live when a file was saved last
	follows bool         // `plugin run`
}

// output is read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// newReader has Go, hearth, and nothing else.
func newReader(t *testing.T, built string) *reader {
	t.Helper()
	dir := t.TempDir()
	env := append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local", "GOMODCACHE="+filepath.Join(dir, "none"),
		"GOCACHE="+goCache(t), "HOME="+filepath.Join(dir, "home"), "XDG_CACHE_HOME="+filepath.Join(dir, "home", ".cache"),
		"HEARTH_ADMIN_TOKEN=", "PATH="+filepath.Dir(built)+string(os.PathListSeparator)+os.Getenv("PATH"))
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, env: env, dir: work}
	t.Cleanup(func() {
		for _, b := range r.runs {
			_ = b.cmd.Process.Kill() // it may have ended
			<-b.ended
		}
	})
	return r
}

func (r *reader) shell(line string) *exec.Cmd {
	cmd := exec.CommandContext(r.t.Context(), "sh", "-ec", line)
	cmd.Dir, cmd.Env = r.dir, r.env
	return cmd
}

// run runs a line, and stays where it led.
func (r *reader) run(line string) {
	r.t.Helper()
	where := filepath.Join(r.t.TempDir(), "pwd")
	out, err := r.shell(line + "\npwd > '" + where + "'").CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	if len(out) > 0 {
		r.t.Logf("%s", bytes.TrimRight(out, "\n"))
	}
	pwd, err := os.ReadFile(where)
	if err != nil {
		r.t.Fatal(err)
	}
	r.dir = strings.TrimSpace(string(pwd))
}

// background runs what stays, on a port that is free.
func (r *reader) background(line string) {
	r.t.Helper()
	follows := strings.HasPrefix(line, "hearth plugin run")
	if !follows {
		line += " --listen 127.0.0.1:0"
	}
	b := &terminal{cmd: r.shell("exec " + line), ended: make(chan error, 1), follows: follows}
	b.cmd.Stdout, b.cmd.Stderr = &b.out, &b.out
	if err := b.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() { b.ended <- b.cmd.Wait(); close(b.ended) }()
	r.runs = append(r.runs, b)
	r.await("it to be ready", func() bool { return r.address() != "" && (!follows || b.versions() > 0) })
}

func (r *reader) last() *terminal {
	if len(r.runs) == 0 {
		r.t.Fatal("nothing runs")
	}
	return r.runs[len(r.runs)-1]
}

var chatAddress = regexp.MustCompile(`(http://127\.0\.0\.1:\d+)/chat`)

// address is where what runs is reached; "" before it says so.
func (r *reader) address() string {
	if m := chatAddress.FindStringSubmatch(r.last().out.String()); m != nil {
		return m[1]
	}
	return ""
}

// versions counts those that `plugin run` has made live.
func (b *terminal) versions() int { return strings.Count(b.out.String(), " is live (") }

// await waits until ok.
func (r *reader) await(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	b := r.last()
	for end := time.Now().Add(patience); !ok(); <-tick.C {
		select {
		case err := <-b.ended:
			r.t.Fatalf("waited for %s, and it ended: %v\n%s", what, err, b.out.String())
		default:
		}
		if time.Now().After(end) {
			r.t.Fatalf("waited in vain for %s:\n%s", what, b.out.String())
		}
	}
}

// interrupt is Ctrl-C in the last terminal.
func (r *reader) interrupt() {
	r.t.Helper()
	b := r.last()
	if err := b.cmd.Process.Signal(os.Interrupt); err != nil {
		r.t.Fatal(err)
	}
	if err := <-b.ended; err != nil {
		r.t.Fatalf("%v\n%s", err, b.out.String())
	}
	r.t.Logf("%s", b.out.String())
	r.runs = r.runs[:len(r.runs)-1]
}

// edit does a difference of whole lines to a file.
func (r *reader) edit(name string, diff []string) {
	r.t.Helper()
	file := filepath.Join(r.dir, filepath.FromSlash(name))
	text, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	var before, after strings.Builder
	for _, l := range diff {
		switch {
		case strings.HasPrefix(l, "-"):
			before.WriteString(l[1:] + "\n")
		case strings.HasPrefix(l, "+"):
			after.WriteString(l[1:] + "\n")
		default:
			r.t.Fatalf("%q is no line of a difference", l)
		}
	}
	if strings.Count(string(text), before.String()) != 1 {
		r.t.Fatalf("%s does not have the lines, once:\n%s\nbut\n%s", name, before.String(), text)
	}
	if len(r.runs) > 0 {
		r.last().live = r.last().versions()
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), before.String(), after.String(), 1)), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// chat comes in, writes, and waits for the answer.
func (r *reader) chat(say, answer string) {
	r.t.Helper()
	b := r.last()
	if b.follows {
		r.await("the version that was saved", func() bool { return b.versions() > b.live })
	}
	post := func(path string, form url.Values) {
		r.t.Helper()
		resp, err := b.browser.PostForm(r.address()+path, form)
		if err != nil {
			r.t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusSeeOther {
			r.t.Fatalf("%s: %s", path, resp.Status)
		}
	}
	if b.browser == nil {
		jar, err := cookiejar.New(nil)
		if err != nil {
			r.t.Fatal(err)
		}
		b.browser = &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		post("/chat/join", url.Values{"name": {"Ada"}, "locale": {"en"}})
	}
	post("/chat/send", url.Values{"c": {"general"}, "text": {say}})
	var page string
	defer func() {
		if r.t.Failed() {
			r.t.Logf("the chat shows\n%s", page)
		}
	}()
	r.await(fmt.Sprintf("%q in the chat", answer), func() bool {
		resp, err := b.browser.Get(r.address() + "/chat?c=general")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		page = html.UnescapeString(string(body))
		return err == nil && strings.Contains(page, answer)
	})
}
