package doctor

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
)

// patient is a house in good order, but for the plugins: none is built.
func patient(t *testing.T, file string) Options {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "hearth.toml")
	if err := os.WriteFile(path, []byte("[server]\nlisten = \"127.0.0.1:0\"\n"+file), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	return Options{ConfigFile: path, Data: data, Plugins: fstest.MapFS{}, Env: config.Env{}}
}

// about are the findings on one subject.
func about(found []Finding, subject string) []Finding {
	return slices.DeleteFunc(slices.Clone(found), func(f Finding) bool { return f.About != subject })
}

func want(t *testing.T, found []Finding, subject string, level Level, text string) {
	t.Helper()
	for _, f := range about(found, subject) {
		if f.Level == level && strings.Contains(f.Text, text) {
			if (f.Level == OK) != (f.Advice == "") {
				t.Errorf("%s %s: advice %q", f.Level, f.Text, f.Advice)
			}
			return
		}
	}
	t.Errorf("no %s about %s says %q: %+v", level, subject, text, about(found, subject))
}

func TestConfig(t *testing.T) {
	o := patient(t, "[slack]\nsigning_secret = \"abc\"\nbot_token = \"xoxb-1\"\napi_url = \"http://127.0.0.1:1/\"\n")
	want(t, Examine(t.Context(), o), "config", OK, "is well")
	if runtime.GOOS != "windows" {
		if err := os.Chmod(o.ConfigFile, 0o644); err != nil {
			t.Fatal(err)
		}
		found := Examine(t.Context(), o)
		want(t, found, "config", Note, "others can read slack.bot_token, slack.signing_secret in ")
		want(t, found, "slack", Fail, "it has no public address")
	}
	o.ConfigFile = filepath.Join(t.TempDir(), "nope.toml")
	found := Examine(t.Context(), o)
	want(t, found, "config", Fail, "nope.toml")
	if len(about(found, "data")) > 0 || len(about(found, "clock")) == 0 {
		t.Errorf("without a config it looked at %+v", found)
	}
	o = patient(t, "[log]\nlevel = \"loud\"\n")
	want(t, Examine(t.Context(), o), "config", Fail, ":4: log.level: is \"loud\"")
}

func TestData(t *testing.T) {
	o := patient(t, "")
	want(t, Examine(t.Context(), o), "data", OK, "is made at the first start")
	if _, err := os.Stat(o.Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it made the directory: %v", err)
	}

	s, err := bolt.Open(t.Context(), o.Data, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	b.Put("a/key", []byte("a value that is looked for below"))
	if _, err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	want(t, Examine(t.Context(), o), "data", OK, "in use by a hearth that runs")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, Examine(t.Context(), o), "data", OK, "is whole")
	if left, err := filepath.Glob(filepath.Join(o.Data, ".hearth-doctor-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}

	file := filepath.Join(o.Data, "store.db")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(good), "a value that is looked for below")
	if at < 0 {
		t.Fatal("the value is not in the file")
	}
	bad := slices.Clone(good)
	bad[at] ^= 1
	for name, content := range map[string][]byte{"a flipped bit": bad, "half of it": good[:len(good)/2/4096*4096], "rubbish": []byte("rubbish")} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		found := Examine(t.Context(), o)
		if !slices.ContainsFunc(about(found, "data"), func(f Finding) bool { return f.Level == Fail && strings.Contains(f.Text, "store.db") }) {
			t.Errorf("%s: %+v", name, about(found, "data"))
		}
		if now, err := os.ReadFile(file); err != nil || !slices.Equal(now, content) {
			t.Errorf("%s: the file was changed (%v)", name, err)
		}
	}

	o.Data = o.ConfigFile
	want(t, Examine(t.Context(), o), "data", Fail, "is no directory")
}

func TestAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answer := `{"service":"something"}`
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(answer)) }))
	e := &exam{o: Options{}, c: config.Default()}
	e.c.Server.Listen = l.Addr().String()
	e.address(t.Context())
	want(t, e.found, "address", Fail, "hearth cannot listen on")
	answer = `{"service":"hearth"}`
	e.found = nil
	e.address(t.Context())
	want(t, e.found, "address", Fail, "and it does not use")
	e.found, e.inUse = nil, true
	e.address(t.Context())
	want(t, e.found, "address", OK, "a hearth answers at")
	e.found, e.c.Server.Listen = nil, "0.0.0.0:0"
	e.address(t.Context())
	want(t, e.found, "address", Note, "for other machines too")
}

func TestPluginsAndToken(t *testing.T) {
	o := patient(t, "")
	found := Examine(t.Context(), o)
	want(t, found, "plugins", Fail, "no plugins are built")
	want(t, found, "token", OK, "made at the first start")
	o.Plugins = fstest.MapFS{"broken.wasm": {Data: []byte("no wasm")}}
	o.Token = "short"
	found = Examine(t.Context(), o)
	want(t, found, "plugins", Fail, "plugin broken")
	want(t, found, "token", Fail, "has 5 bytes, at least 16 are safe")
	o.Token = strings.Repeat("x", 40)
	want(t, Examine(t.Context(), o), "token", OK, app.TokenVariable+" sets the admin token")
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	off := time.Duration(0)
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", now.Add(off).Format(http.TimeFormat))
	}))
	defer slack.Close()
	c := config.Default()
	c.Server.Data = t.TempDir()
	e := &exam{o: Options{Now: func() time.Time { return now }}, c: c}
	look := func() []Finding { e.found = nil; e.clock(t.Context()); return e.found }

	want(t, look(), "clock", OK, "behind all that has happened here")
	e.o.Built = now.Add(time.Hour)
	want(t, look(), "clock", Fail, "before this hearth was made")
	e.o.Built = now.Add(-time.Hour)
	file := filepath.Join(c.Server.Data, "store.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, now.Add(time.Hour), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	want(t, look(), "clock", Fail, "the data were written to at")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}

	c.Slack.BotToken, c.Slack.APIURL = config.NewSecret("xoxb-1"), slack.URL
	want(t, look(), "clock", OK, "agrees with Slack's")
	off = 90 * time.Second
	want(t, look(), "clock", Note, "1m30s off Slack's")
	off = -10 * time.Minute
	want(t, look(), "clock", Fail, "10m0s off Slack's: signatures are refused")
	slack.Close()
	want(t, look(), "clock", Note, "could not be asked")
}
