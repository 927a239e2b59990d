package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/verify/verifytest"
)

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"hearth": main})
}

// tests cleans up behind all of them.
type tests struct{ *testing.M }

func (t tests) Run() int {
	code := t.M.Run()
	if plugins.dir != "" {
		_ = os.RemoveAll(plugins.dir) // a temporary directory anyway
	}
	return code
}

// plugins are built once, for every script and test of the package.
var plugins struct {
	once sync.Once
	dir  string
	err  error
}

// nextWorkshop is a file with another version of workshop. Its name keeps it from
// being taken for one more plugin.
const nextWorkshop = "workshop.next"

// builtPlugins is a directory with the real plugins of the scripts: welcome,
// and workshop from testdata.
func builtPlugins(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build plugins with")
	}
	p := &plugins
	p.once.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "hearth-plugins-"); p.err != nil { // outlives the test that needs it first
			return
		}
		for _, b := range []struct{ file, pkg, flags string }{
			{"welcome.wasm", "../../../plugins/welcome", ""}, {"workshop.wasm", "./testdata/plugins/workshop", ""},
			{nextWorkshop, "./testdata/plugins/workshop", " -X 'main.sign=the workshop is closed'"}} {
			cmd := exec.Command("go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w"+b.flags, "-o", filepath.Join(p.dir, b.file), b.pkg) // as make builds them
			cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
			if out, err := cmd.CombinedOutput(); err != nil {
				p.err = errors.Join(p.err, fmt.Errorf("build %s: %w\n%s", b.file, err, out))
			}
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.dir
}

// TestScripts runs hearth as its users do. Each script has a directory of its
// own, and in it
//
//	$PLUGINS             the built plugins
//	$NEXT                another version of workshop
//	data/cache           their compiled code: it makes starts quick
//	serving DIR          waits until the hearth that uses DIR is ready; sets $URL
//	listening DIR        waits until it answers at all; sets $URL
//	http METHOD URL …    asks, as one browser; then Name: Value, or a body or @FILE; stdout is "STATUS\n" and the answer
//	until REGEXP …       runs hearth with … until its output matches
//	capture VAR REGEXP   sets VAR to the group in the last command's stdout
//	fingerprint DIR FILE writes of all that is below DIR its name, mode, size, time and digest
//	terminate            sends SIGTERM to what runs in the background
//	vacant VAR           is an address where nobody listens while the script runs
//	occupy VAR           is one where something does, that is no hearth
//	[embedded]           whether plugins are built in; $HEARTH is the binary then
func TestScripts(t *testing.T) {
	dir, built := builtPlugins(t), binary(t)
	if _, err := app.Manifests(t.Context(), os.DirFS(dir), config.Default(), verifytest.Plugins()); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PLUGINS", dir)
			e.Setenv("NEXT", filepath.Join(dir, nextWorkshop))
			e.Setenv("HEARTH", built)
			e.Setenv("GOCACHE", goCache(t)) // what every package needs is compiled already
			jar, err := cookiejar.New(nil)
			if err != nil {
				return err
			}
			e.Values[browser{}] = &http.Client{Jar: jar, Timeout: 30 * time.Second,
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			verifytest.Link(t, verifytest.Plugins(), filepath.Join(e.WorkDir, "data", app.CacheDir))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serving": serving, "listening": listening, "http": ask, "until": until, "capture": capture, "fingerprint": fingerprint, "terminate": terminate, "vacant": vacant, "occupy": occupy,
		},
		Condition: func(cond string) (bool, error) {
			if cond != "embedded" {
				return false, fmt.Errorf("there is no condition %q", cond)
			}
			if built == "" && os.Getenv("HEARTH_CI") != "" {
				return false, errors.New("no plugins are built in, and in CI they have to be: make wasm")
			}
			return built != "", nil
		},
	})
}

// binary builds hearth as make does, if plugins are there to be built in; else
// it returns "".
func binary(t *testing.T) string {
	t.Helper()
	files, err := bundled()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat(files, "welcome.wasm"); err != nil {
		return ""
	}
	path := filepath.Join(t.TempDir(), "hearth")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build hearth: %v\n%s", err, out)
	}
	return path
}

// goCache is where the go command keeps what it compiled.
func goCache(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

type browser struct{}

// patience is how long a condition is waited for: long enough for a machine
// that does very much else. Only what fails takes as long.
const patience = 3 * time.Minute

// wait asks until ok, or fails with the last reason.
func wait(ts *testscript.TestScript, what string, ok func() (bool, string)) {
	end := time.Now().Add(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		good, why := ok()
		if good {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("waited in vain for %s: %s", what, why)
		}
		<-tick.C
	}
}

func serving(ts *testscript.TestScript, _ bool, args []string) { answers(ts, args[0], "/readyz") }

func listening(ts *testscript.TestScript, _ bool, args []string) { answers(ts, args[0], "/healthz") }

func answers(ts *testscript.TestScript, dir, path string) {
	dir = ts.MkAbs(dir)
	wait(ts, "a hearth whose "+path+" is well", func() (bool, string) {
		at := app.ReadURL(dir)
		if at == "" {
			return false, "no server.url in " + dir
		}
		resp, err := http.Get(at + path)
		if err != nil {
			return false, err.Error()
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		ts.Setenv("URL", at)
		return resp.StatusCode == http.StatusOK, string(body)
	})
}

func ask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: http METHOD URL [NAME: VALUE]… [BODY | @FILE]")
	}
	var body io.Reader
	header := http.Header{}
	for _, a := range args[2:] {
		if name, value, ok := strings.Cut(a, ": "); ok && !strings.ContainsAny(name, "{&= ") {
			header.Set(name, value)
			continue
		}
		if file, ok := strings.CutPrefix(a, "@"); ok {
			a = ts.ReadFile(file)
		} else if header.Get("Content-Type") == "" {
			header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		body = strings.NewReader(a)
	}
	req, err := http.NewRequest(args[0], args[1], body)
	ts.Check(err)
	req.Header = header
	resp, err := ts.Value(browser{}).(*http.Client).Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", resp.StatusCode, answer)
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP ARG…")
	}
	re, err := regexp.Compile(args[0])
	ts.Check(err)
	var out string
	wait(ts, args[0], func() (bool, string) {
		_ = ts.Exec("hearth", args[1:]...) // what it says is what counts
		out = ts.ReadFile("stdout") + ts.ReadFile("stderr")
		return re.MatchString(out), out
	})
	fmt.Fprint(ts.Stdout(), out)
}

func capture(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("stdout does not match %s", args[1])
	}
	ts.Setenv(args[0], m[1])
}

func fingerprint(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	var b strings.Builder
	ts.Check(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v %d %v", strings.TrimPrefix(path, dir), info.Mode(), info.Size(), info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			body, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %x", sha256.Sum256(body))
		}
		b.WriteByte('\n')
		return nil
	}))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o600))
}

func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Signal(syscall.SIGTERM) // one that has ended shows at the wait
		}
	}
}

// vacant takes a port by calling from it: nobody can listen there until the
// connection ends, and who dials it is refused.
func vacant(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	conn, err := net.Dial("tcp", l.Addr().String())
	ts.Check(err)
	ts.Defer(func() { _, _ = conn.Close(), l.Close() })
	ts.Setenv(args[0], conn.LocalAddr().String())
}

func occupy(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	srv := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go srv.Serve(l)
	ts.Defer(func() { _ = srv.Close() })
	ts.Setenv(args[0], l.Addr().String())
}
