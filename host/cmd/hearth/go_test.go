package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/cmd/hearth/gocmd"
)

// TestGoLogin logs a member in and out at a server that writes down what it is
// asked. That a whole hearth answers so, package walk shows.
func TestGoLogin(t *testing.T) {
	var asked []string
	ended := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is missing shows below
		text := string(body)
		if i := strings.Index(text, `,"time"`); i > 0 {
			text = text[:i]
		}
		asked = append(asked, strings.TrimSpace(fmt.Sprintln(r.Method, r.URL.Path, r.Header.Get("Authorization"), text)))
		switch {
		case r.URL.Path == "/api/v1/track" && ended:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"detail":"no"}`)
		case r.URL.Path == "/api/v1/track":
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{"id":"x","outcome":"accepted"}`)
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		default:
			_, _ = io.WriteString(w, `{"token":"htm_1","member":"slack:U1","expires":"2027-01-02T00:00:00Z"}`)
		}
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "hearth", "go.json")
	do := func(want string, args ...string) {
		t.Helper()
		var out strings.Builder
		err := goLogin(args, file, &out)
		if got := fmt.Sprint(out.String(), err); !strings.Contains(got, want) {
			t.Errorf("hearth go %s: %s; want %s", args, got, want)
		}
	}
	do("nobody is logged in", "login")
	do("write `hearth go login URL CODE`", "login", "x")
	do("is no address", "login", "hearth.example.org", "code")
	do("logged in as slack:U1", "login", server.URL+"/", "abcde-fghij-kmnpq")
	do("slack:U1, at "+server.URL+", until 2027-01-02", "login")
	l, err := gocmd.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	told := gocmd.Told{Name: gocmd.RunFirstTime, Props: map[string]any{"go": "go1.26"}}
	if err := (teller{}).Tell(t.Context(), l, told); err != nil {
		t.Error(err)
	}
	ended = true
	if err := (teller{}).Tell(t.Context(), l, told); !errors.Is(err, gocmd.ErrEnded) || !strings.Contains(err.Error(), "link go") {
		t.Errorf("a token that is over: %v", err)
	}
	do("logged out", "logout")
	do("<nil>", "logout")
	want := []string{
		`POST /api/v1/track/login  {"code":"abcde-fghij-kmnpq"}`,
		`POST /api/v1/track Bearer htm_1 {"name":"go_run_first_time","props":{"go":"go1.26"}`,
		`POST /api/v1/track Bearer htm_1 {"name":"go_run_first_time","props":{"go":"go1.26"}`,
		`DELETE /api/v1/track/login Bearer htm_1`,
	}
	if strings.Join(asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(asked, "\n"), strings.Join(want, "\n"))
	}
	http.DefaultClient.CloseIdleConnections()
}
