package gocmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKindOf(t *testing.T) {
	for args, want := range map[string]kind{
		"": other, "version": other, "run main.go": run, "run -h": other, "mod init example.org/x": modInit, "mod tidy": other, "mod": other,
		"build ./...": builds, "test": builds, "vet .": builds, "install x@latest": builds, "help run": other, "env": other,
	} {
		if got := kindOf(strings.Fields(args)); got != want {
			t.Errorf("go %s is %d, want %d", args, got, want)
		}
	}
}

func TestPackages(t *testing.T) {
	for _, c := range []struct{ args, flags, list string }{
		{"run main.go", "", "main.go"},
		{"run main.go util.go a b.txt", "", "main.go util.go"},
		{"run . -tags x", "", "."},
		{"run -race -tags x . y", "-race -tags x", "."},
		{"run -ldflags -s -exec time -tags=x ./cmd/a arg", "-tags=x", "./cmd/a"},
		{"build -C dir -o out ./... ./more", "-C dir", "./... ./more"},
		{"test -run TestX -v ./a -args -tags y", "", "./a"},
		{"build", "", ""},
	} {
		flags, list := packages(strings.Fields(c.args))
		if got := strings.Join(flags, " ") + "|" + strings.Join(list, " "); got != c.flags+"|"+c.list {
			t.Errorf("go %s: %s, want %s|%s", c.args, got, c.flags, c.list)
		}
	}
}

// listener is a server in memory.
type listener struct {
	told []Told
	err  error
	slow bool
}

func (l *listener) Tell(ctx context.Context, _ *Login, t Told) error {
	if l.slow {
		<-ctx.Done()
		return ctx.Err()
	}
	l.told = append(l.told, t)
	return l.err
}

// place is a module with programs, and a login.
func place(t *testing.T) (dir, file string) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command")
	}
	dir = t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module example.org/x\n\ngo 1.21\n",
		"ok/main.go":     "package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nfunc main() { fmt.Println(\"hello\", os.Args[1:]); fmt.Fprintln(os.Stderr, \"aside\") }\n",
		"fails/main.go":  "package main\n\nimport \"os\"\n\nfunc main() { os.Exit(3) }\n",
		"std/main.go":    "package main\n\nimport _ \"telepathy\"\n\nfunc main() {}\n",
		"module/main.go": "package main\n\nimport _ \"example.org/not/here\"\n\nfunc main() {}\n",
		"broken/main.go": "package main\n\nfunc main() { undefined() }\n",
		"empty/.keep":    "",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "off")
	t.Setenv("GOPROXY", "off")
	return dir, filepath.Join(dir, "config", "hearth", "go.json")
}

// TestAsGo holds what comes out to being what comes out of go.
func TestAsGo(t *testing.T) {
	_, file := place(t)
	if err := (&Login{Server: "http://x", Token: "t"}).Save(file); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", "./ok", "a", "-b"}, {"run", "./fails"}, {"run", "./std"}, {"run", "./module"}, {"run", "./broken"},
		{"vet", "./ok"}, {"env", "GOVERSION"}, {"nonsense"}, {"run", "-h"}, {}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			var wantOut, wantErr, out, errs bytes.Buffer
			cmd := exec.Command("go", args...)
			cmd.Stdout, cmd.Stderr = &wantOut, &wantErr
			_ = cmd.Run() // its exit code is what counts
			c := Command{Args: args, Stdout: &out, Stderr: &errs, Teller: &listener{}, File: file}
			if code := c.Run(); code != cmd.ProcessState.ExitCode() {
				t.Errorf("exit code %d, want %d", code, cmd.ProcessState.ExitCode())
			}
			if out.String() != wantOut.String() || errs.String() != wantErr.String() {
				t.Errorf("wrote\n%s%s\nwant\n%s%s", &out, &errs, &wantOut, &wantErr)
			}
		})
	}
}

func TestTells(t *testing.T) {
	dir, file := place(t)
	teller := &listener{}
	do := func(args ...string) {
		t.Helper()
		c := Command{Args: args, Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer), Teller: teller, File: file}
		c.Run()
	}
	names := func() (list []string) {
		for _, x := range teller.told {
			list = append(list, x.Name)
		}
		return list
	}
	do("run", "./ok")
	if len(teller.told) > 0 {
		t.Fatalf("without a login it told %v", teller.told)
	}
	if err := (&Login{Server: "http://x", Member: "m", Token: "t"}).Save(file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the login: %v, %v", info.Mode(), err)
	}
	do("version")
	do("vet", "./ok")
	do("run", "./fails")
	do("run", "./broken")
	do("build", "-o", os.DevNull, "./broken")
	if len(teller.told) > 0 {
		t.Fatalf("told %v", names())
	}
	teller.err = errors.New("the network is away")
	do("run", "./ok")
	teller.err = nil
	do("run", "./ok", "x")
	do("run", "./ok")
	do("build", "-o", os.DevNull, "./module")
	do("run", "./std")
	t.Chdir(filepath.Join(dir, "empty"))
	do("mod", "init", "example.org/y")
	do("mod", "init", "example.org/y") // it is there
	if got, want := names(), []string{RunFirstTime, RunFirstTime, ImportResolveFail, ModInitSuccess}; !slices.Equal(got, want) {
		t.Fatalf("told %v, want %v", got, want)
	}
	version, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range teller.told {
		if want := map[string]any{"via": "go", "go": strings.TrimSpace(string(version)), "os": runtime.GOOS, "arch": runtime.GOARCH}; fmt.Sprint(x.Props) != fmt.Sprint(want) {
			t.Errorf("%s with %v, want %v", x.Name, x.Props, want)
		}
	}
	l, err := Load(file)
	if err != nil || !slices.Equal(l.Told, []string{RunFirstTime, ImportResolveFail, ModInitSuccess}) || l.Problem != "" {
		t.Errorf("the login is %+v, %v", l, err)
	}
}

// TestPatience has a server that does not answer hold go up for so long, and no
// longer; and a login that is over be asked for nothing more.
func TestPatience(t *testing.T) {
	_, file := place(t)
	save := func() {
		t.Helper()
		if err := (&Login{Server: "http://x", Token: "t"}).Save(file); err != nil {
			t.Fatal(err)
		}
	}
	save()
	base := time.Now()
	_ = exec.Command("go", "run", "./ok").Run() // how long this takes here
	alone := time.Since(base)
	c := Command{Args: []string{"run", "./ok"}, Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer), Teller: &listener{slow: true}, File: file}
	begun := time.Now()
	if code := c.Run(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(begun); took < Patience || took > Patience+10*alone+5*time.Second {
		t.Errorf("it took %v, alone %v", took, alone)
	}
	if l, err := Load(file); err != nil || l.Problem == "" || l.Ended {
		t.Errorf("the login is %+v, %v", l, err)
	}
	over := &listener{err: fmt.Errorf("%w: log in anew", ErrEnded)}
	c.Teller = over
	c.Run()
	c.Run()
	if l, err := Load(file); err != nil || !l.Ended || len(over.told) != 1 {
		t.Errorf("the login is %+v, %v, asked %d times", l, err, len(over.told))
	}
	// A file that is none, or of a later hearth, keeps go from nothing.
	for _, text := range []string{"{", `{"server":1}`, "", strings.Repeat(" ", maxLogin+1)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code := c.Run(); code != 0 {
			t.Errorf("with %.20q as login: exit code %d", text, code)
		}
	}
	if err := Delete(file); err != nil {
		t.Fatal(err)
	}
	if err := Delete(file); err != nil {
		t.Error(err)
	}
}

// TestNote has what was told be kept with the login that stands, and not with one
// that has been replaced.
func TestNote(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a", "go.json")
	old := &Login{Server: "http://x", Token: "old"}
	if err := old.Save(file); err != nil {
		t.Fatal(err)
	}
	if err := (&Login{Server: "http://x", Token: "new"}).Save(file); err != nil {
		t.Fatal(err)
	}
	old.note(RunFirstTime, nil)
	data, err := os.ReadFile(file)
	var now Login
	if err == nil {
		err = json.Unmarshal(data, &now)
	}
	if err != nil || now.Token != "new" || len(now.Told) > 0 {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestNoGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var errs bytes.Buffer
	c := Command{Args: []string{"version"}, Stderr: &errs}
	if code := c.Run(); code != 127 || !strings.Contains(errs.String(), "there is no go command") {
		t.Errorf("%d %s", code, &errs)
	}
}
