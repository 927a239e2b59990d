package settings_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/settings"
	"github.com/hearthbot/hearth/store"
)

var (
	anna = audit.Who{ID: "token/1", Name: "Anna", Role: "manager", Via: "page"}
	ben  = audit.Who{ID: "token/2", Name: "Ben", Role: "admin", Via: "api"}
)

const hidden = "xoxb-do-not-show-me-4711"

type room struct {
	*settings.Settings
	t     *testing.T
	store *store.Mem
	audit *audit.Log
	dir   string
}

func newRoom(t *testing.T) *room {
	t.Helper()
	s := new(store.Mem)
	t.Cleanup(func() { _ = s.Close() })
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now } // stands still: numbers have to rise by themselves
	r := &room{t: t, store: s, audit: audit.New(s, clock), dir: t.TempDir()}
	r.Settings = settings.New(s, r.audit, settings.NewKey(r.dir, ""), clock)
	return r
}

func (r *room) set(who audit.Who, changes ...settings.Change) uint64 {
	r.t.Helper()
	rev, err := r.Set(r.t.Context(), who, "because", changes)
	if err != nil {
		r.t.Fatal(err)
	}
	return rev
}

func (r *room) get(key string) settings.Value {
	r.t.Helper()
	all, err := r.All(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, v := range all {
		if v.Key == key {
			return v
		}
	}
	return settings.Value{}
}

func text(s string) json.RawMessage { return json.RawMessage(fmt.Sprintf("%q", s)) }

func TestSetAndUndo(t *testing.T) {
	r := newRoom(t)
	const key = "plugins.welcome.texts.help.title.zh-CN"
	first := r.set(anna, settings.Change{Key: key, Value: text("炉边")}, settings.Change{Key: "policy.daily_cap", Value: json.RawMessage(" 3 ")})
	if v := r.get(key); string(v.JSON) != `"炉边"` || v.Rev != first || v.By != anna || v.At.Hour() != 9 {
		t.Errorf("stored is %+v", v)
	}
	if v := r.get("policy.daily_cap"); string(v.JSON) != "3" {
		t.Errorf("stored is %+v", v)
	}
	second := r.set(ben, settings.Change{Key: key, Value: text("问我"), Base: first})
	r.set(ben, settings.Change{Key: key, Base: second})
	if v := r.get(key); v.Rev != 0 {
		t.Errorf("a value that was taken away is %+v", v)
	}

	list, err := r.History(t.Context(), key, 0, 0)
	if err != nil || len(list) != 3 {
		t.Fatalf("its history: %+v, %v", list, err)
	}
	got := ""
	for _, e := range list {
		got += fmt.Sprintf("%s: %s → %s; ", e.By.Name, e.Before, e.After)
	}
	if want := `Ben: "问我" → ; Ben: "炉边" → "问我"; Anna:  → "炉边"; `; got != want || list[2].Why != "because" {
		t.Errorf("its history is %s, want %s", got, want)
	}
	if e, err := r.audit.List(t.Context(), audit.Filter{On: "text/welcome/help.title/zh-CN"}); err != nil || len(e) != 3 || e[0].Did != "setting.remove" {
		t.Errorf("the audit has %+v, %v", e, err)
	}

	// Undone from the last to the first.
	base := uint64(0)
	for i, want := range []string{`"问我"`, `"炉边"`, ""} {
		c, err := r.Former(t.Context(), key, list[i].Number, base)
		if err != nil {
			t.Fatal(err)
		}
		base = r.set(anna, c)
		if v := r.get(key); string(v.JSON) != want {
			t.Errorf("undone %d times it is %s, want %s", i+1, v.JSON, want)
		}
	}
	for _, number := range []uint64{0, list[0].Number + 1000, list[0].Number - 1} {
		if _, err := r.Former(t.Context(), "policy.daily_cap", number, 0); !errors.Is(err, settings.ErrUnknown) {
			t.Errorf("undoing %d, which there is not: %v", number, err)
		}
	}
}

func TestConflict(t *testing.T) {
	r := newRoom(t)
	base := r.set(anna, settings.Change{Key: "community.name", Value: text("one")})
	r.set(ben, settings.Change{Key: "community.name", Value: text("two"), Base: base})
	_, err := r.Set(t.Context(), anna, "", []settings.Change{
		{Key: "community.locale", Value: text("zh-CN")},
		{Key: "community.name", Value: text("three"), Base: base},
		{Key: "policy.expiry", Base: 99}})
	var conflict *settings.Conflict
	if !errors.As(err, &conflict) || len(conflict.Now) != 2 {
		t.Fatalf("a change of what has changed: %v", err)
	}
	if v := conflict.Now[0]; v.Key != "community.name" || string(v.JSON) != `"two"` || v.By != ben || v.Rev <= base {
		t.Errorf("it says that there is %+v", v)
	}
	if v := conflict.Now[1]; v.Key != "policy.expiry" || v.Rev != 0 {
		t.Errorf("it says that there is %+v", v)
	}
	if !strings.Contains(err.Error(), "community.name (by Ben, 2026-11-26T09:00:00Z)") || !strings.Contains(err.Error(), "policy.expiry (is back") {
		t.Errorf("in words: %v", err)
	}
	if r.get("community.locale").Rev != 0 || string(r.get("community.name").JSON) != `"two"` {
		t.Error("something was changed in spite of it")
	}
}

// TestOneWins has many set the same value from the same revision.
func TestOneWins(t *testing.T) {
	r := newRoom(t)
	var wins, losses int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			_, err := r.Set(context.Background(), anna, "", []settings.Change{{Key: "community.name", Value: text(fmt.Sprint(i))}, {Key: fmt.Sprint("other.", i), Value: text("x")}})
			mu.Lock()
			defer mu.Unlock()
			var conflict *settings.Conflict
			switch {
			case err == nil:
				wins++
			case errors.As(err, &conflict):
				losses++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	stored, err := r.All(t.Context())
	if wins != 1 || losses != 19 || err != nil || len(stored) != 2 {
		t.Errorf("%d won and %d lost; stored are %d values, %v", wins, losses, len(stored), err)
	}
}

func TestInvalid(t *testing.T) {
	r := newRoom(t)
	many := make([]settings.Change, settings.MaxChanges+1)
	for i := range many {
		many[i] = settings.Change{Key: fmt.Sprint("k", i), Value: text("x")}
	}
	for name, changes := range map[string][]settings.Change{
		"no key":          {{Value: text("x")}},
		"a long key":      {{Key: strings.Repeat("k", 300), Value: text("x")}},
		"twice":           {{Key: "a", Value: text("x")}, {Key: "a", Value: text("y")}},
		"no JSON":         {{Key: "a", Value: json.RawMessage("{")}},
		"too large":       {{Key: "a", Value: text(strings.Repeat("x", settings.MaxValue))}},
		"too many":        many,
		"secret, a table": {{Key: "a", Value: json.RawMessage(`{}`), Secret: true}},
		"secret, empty":   {{Key: "a", Value: text(""), Secret: true}},
	} {
		if _, err := r.Set(t.Context(), anna, "", changes); !errors.Is(err, settings.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.set(anna, many[1:]...) // as many as go together, with their entries
	if all, err := r.All(t.Context()); err != nil || len(all) != settings.MaxChanges {
		t.Errorf("%d values are stored, %v", len(all), err)
	}
	if rev, err := r.Set(t.Context(), anna, "", nil); err != nil || rev != 0 {
		t.Errorf("nothing at all: %d, %v", rev, err)
	}
}

func TestSecret(t *testing.T) {
	r := newRoom(t)
	base := r.set(anna, settings.Change{Key: "slack.bot_token", Value: text(hidden), Secret: true})
	v := r.get("slack.bot_token")
	if got, err := r.Reveal(v); err != nil || got != hidden || !v.Secret || v.JSON != nil {
		t.Fatalf("%q, %v of %+v", got, err, v)
	}
	if info, err := os.Stat(filepath.Join(r.dir, settings.KeyFile)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	if files, err := os.ReadDir(r.dir); err != nil || len(files) != 1 {
		t.Errorf("beside it lie %v, %v", files, err)
	}
	r.set(anna, settings.Change{Key: "slack.bot_token", Value: text(hidden + "2"), Secret: true, Base: base})
	list, err := r.History(t.Context(), "slack.bot_token", 0, 0)
	if err != nil || len(list) != 2 || !list[0].Secret || list[0].Before != nil || list[0].After != nil {
		t.Errorf("its history: %+v, %v", list, err)
	}
	if _, err := r.Former(t.Context(), "slack.bot_token", list[0].Number, base); !errors.Is(err, settings.ErrSecret) {
		t.Errorf("undoing it: %v", err)
	}
	snap, err := r.store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	for row, err := range snap.Scan(t.Context(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, as := range []string{hidden, base64.StdEncoding.EncodeToString([]byte(hidden))} {
			if bytes.Contains(row.Value, []byte(as)) {
				t.Errorf("the row %s shows it", row.Key)
			}
		}
	}
	if shown := fmt.Sprintf("%v %+v %#v", v, v, v); strings.Contains(shown, hidden) {
		t.Error("the value shows it")
	}
}

// TestKey: whatever is wrong with the key is an error of the secrets that need
// it, and says what to do.
func TestKey(t *testing.T) {
	r := newRoom(t)
	r.set(anna, settings.Change{Key: "slack.bot_token", Value: text(hidden), Secret: true})
	r.set(anna, settings.Change{Key: "slack.app_token", Value: text("other"), Secret: true})
	v := r.get("slack.bot_token")
	file := filepath.Join(r.dir, settings.KeyFile)
	key, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	urls := strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(string(key))
	elsewhere := t.TempDir()
	for name, c := range map[string]struct {
		key  *settings.Key
		want string
	}{
		"the same file":         {settings.NewKey(r.dir, ""), ""},
		"from the environment":  {settings.NewKey(elsewhere, string(key)), ""},
		"in URL's base64":       {settings.NewKey(elsewhere, urls), ""},
		"another one":           {settings.NewKey(r.dir, base64.StdEncoding.EncodeToString(make([]byte, 32))), "slack.bot_token cannot be read: it was sealed with another key than the environment variable HEARTH_SECRET_KEY has; put that key back, or set slack.bot_token anew"},
		"too short":             {settings.NewKey(r.dir, "c2hvcnQ="), "the environment variable HEARTH_SECRET_KEY does not hold the base64 of 32 bytes: write there what `openssl rand -base64 32` makes"},
		"no base64":             {settings.NewKey(r.dir, "§"), "does not hold the base64 of 32 bytes"},
		"the file is not there": {settings.NewKey(elsewhere, ""), "settings.key is not there: put it back from a backup, or set the secrets anew"},
	} {
		s := settings.New(r.store, r.audit, c.key, nil)
		got, err := s.Reveal(v)
		switch {
		case c.want == "" && (err != nil || got != hidden):
			t.Errorf("%s: %q, %v", name, got, err)
		case c.want != "" && (!errors.Is(err, settings.ErrKey) || !strings.Contains(err.Error(), c.want) || got != ""):
			t.Errorf("%s: %q, %v, want %s", name, got, err, c.want)
		}
	}

	// A sealed value opens in no other's place.
	snap, err := r.store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	row, err := snap.Get(t.Context(), store.Join("setting", "slack.app_token"))
	if err != nil {
		t.Fatal(err)
	}
	b := new(store.Batch)
	b.Put(store.Join("setting", "slack.bot_token"), row.Value)
	if _, err := r.store.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Reveal(r.get("slack.bot_token")); !errors.Is(err, settings.ErrKey) || got != "" {
		t.Errorf("a secret of another name: %q, %v", got, err)
	}
}
