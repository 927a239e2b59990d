// Package gocmd is `hearth go …`: the go command, unchanged, and a word to hearth
// when a newcomer does something with it for the first time. It owns what is
// told and where the member's token lies. It must not know a server but as
// [Teller].
//
// What go is given (arguments, directory, environment, standard streams) and what
// comes of it (output, exit code, the signal that ended it) is as without hearth.
// Without a login nothing else happens. With one, and until all has been told, go
// is asked for its version beside the work; and when it has ended, and something
// is to be told, that is told, or given up after [Patience]. Three things are told,
// once each: that a program was run, that a module was made, that an imported
// package was not found; with go's version and the system, and nothing of the
// code.
//
// # The login
//
//	CONFIG/hearth/go.json    0600: server, member, token, what was told; CONFIG is os.UserConfigDir
package gocmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Patience is for how long go's end is held up at most, to tell something.
const Patience = 2 * time.Second

// notFound is the exit code of a command that there is not, as shells have it.
const notFound = 127

// Told is what is told of the one who is logged in.
type Told struct {
	Name  string // one of the names below
	Props map[string]any
}

// What is told, by the names that hearth has for it.
const (
	RunFirstTime      = "go_run_first_time"
	ModInitSuccess    = "go_mod_init_success"
	ImportResolveFail = "go_import_resolve_fail"
)

// ErrEnded is a Teller's that the login is over.
var ErrEnded = errors.New("the login is over")

// Teller tells a server something.
type Teller interface {
	Tell(ctx context.Context, l *Login, t Told) error
}

// Command is one call of go.
type Command struct {
	Args           []string // behind go
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Teller         Teller
	File           string // where the login lies; "" is [File]
}

// Run runs go and returns its exit code. If a signal ended go, so it does this
// process.
func (c *Command) Run() int {
	path, err := exec.LookPath("go")
	if err != nil {
		fmt.Fprintln(c.Stderr, "hearth: there is no go command in the PATH; see https://go.dev/doc/install")
		return notFound
	}
	cmd := exec.Command(path, c.Args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	signals := make(chan os.Signal, 8)
	// What whoever started this has ignored go is to ignore too, so it stays so.
	signal.Notify(signals, slices.DeleteFunc(slices.Clone(forwarded), signal.Ignored)...)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(c.Stderr, "hearth: go cannot be started:", err)
		return notFound - 1
	}
	w := c.watch(path)
	ended := make(chan struct{})
	forwards := make(chan bool)
	go func() {
		interrupted := false
		for {
			select {
			case s := <-signals:
				interrupted = true
				_ = cmd.Process.Signal(s) // one that has ended needs none
			case <-ended:
				forwards <- interrupted
				return
			}
		}
	}()
	err = cmd.Wait()
	close(ended)
	interrupted := <-forwards
	code := cmd.ProcessState.ExitCode()
	w.ended(code, interrupted)
	if code < 0 {
		return dieLike(cmd.ProcessState)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(c.Stderr, "hearth:", err) // of the streams: what they are here to carry was cut
		return max(code, 1)
	}
	return code
}

// watcher looks for what is to be told of one call. nil looks for nothing.
type watcher struct {
	c     *Command
	login *Login
	kind  kind
	path  string
	about chan map[string]any // go's version and system
}

// watch begins to look, if anything may be to be told.
func (c *Command) watch(path string) *watcher {
	k := kindOf(c.Args)
	if k == other || c.Teller == nil {
		return nil
	}
	file := c.File
	if file == "" {
		var err error
		if file, err = File(); err != nil {
			return nil
		}
	}
	l, err := Load(file)
	if err != nil || l.Ended || !slices.ContainsFunc(k.tells(), func(name string) bool { return !l.has(name) }) {
		return nil
	}
	w := &watcher{c: c, login: l, kind: k, path: path, about: make(chan map[string]any, 1)}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		w.about <- about(ctx, path)
	}()
	return w
}

// about is go's version and system, as far as it says.
func about(ctx context.Context, path string) map[string]any {
	p := map[string]any{"via": "go", "os": runtime.GOOS, "arch": runtime.GOARCH}
	out, err := exec.CommandContext(ctx, path, "env", "GOVERSION", "GOOS", "GOARCH").Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err == nil && len(lines) == 3 {
		p["go"], p["os"], p["arch"] = strings.TrimSpace(lines[0]), strings.TrimSpace(lines[1]), strings.TrimSpace(lines[2])
	}
	return p
}

// ended tells what there is to be told, within Patience.
func (w *watcher) ended(code int, interrupted bool) {
	if w == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	name := ""
	switch {
	case w.kind == run && (code == 0 || interrupted):
		name = RunFirstTime
	case w.kind == modInit && code == 0:
		name = ModInitSuccess
	case code == 0 || interrupted || w.kind == modInit || w.login.has(ImportResolveFail):
		return
	case missing(ctx, w.path, w.c.Args):
		name = ImportResolveFail
	}
	if name == "" || w.login.has(name) {
		return
	}
	var props map[string]any
	select {
	case props = <-w.about:
	case <-ctx.Done():
		return
	}
	err := w.c.Teller.Tell(ctx, w.login, Told{name, props})
	w.login.note(name, err)
}
