package access_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
)

// door is a keeper over a store, with a clock and an admin token that the test
// changes.
type door struct {
	*access.Keeper
	t     *testing.T
	store store.Store
	audit *audit.Log
	now   time.Time
	admin string
}

func open(t *testing.T) *door {
	d := &door{t: t, store: new(store.Mem), now: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC), admin: "the secret of the admin"}
	t.Cleanup(func() { _ = d.store.Close() })
	now := func() time.Time { return d.now }
	d.audit = audit.New(d.store, now)
	d.Keeper = access.New(access.Options{Store: d.store, Audit: d.audit, Admin: func() string { return d.admin }, Now: now})
	return d
}

var boss = audit.Who{ID: "admin", Name: "admin token", Role: "admin", Via: "page"}

func (d *door) token(name string, role access.Role, expires time.Time) (string, access.Token) {
	d.t.Helper()
	secret, token, err := d.Create(d.t.Context(), boss, name, role, expires)
	if err != nil {
		d.t.Fatal(err)
	}
	return secret, token
}

func (d *door) signIn(token string) string {
	d.t.Helper()
	cookie, _, err := d.SignIn(d.t.Context(), token, access.Client{Address: "192.0.2.1", Agent: "a browser"})
	if err != nil {
		d.t.Fatal(err)
	}
	return cookie
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		have, need access.Role
		want       bool
	}{
		{access.Admin, access.Viewer, true}, {access.Admin, access.Admin, true}, {access.Manager, access.Viewer, true},
		{access.Manager, access.Admin, false}, {access.Viewer, access.Manager, false}, {access.Viewer, access.Viewer, true},
		{"", access.Viewer, false}, {"root", access.Viewer, false}, {access.Admin, "", false}, {access.Admin, "root", false}, {"", "", false},
	} {
		if got := c.have.Covers(c.need); got != c.want {
			t.Errorf("%q covers %q: %v", c.have, c.need, got)
		}
	}
}

func TestTokens(t *testing.T) {
	d := open(t)
	if p, err := d.ByToken(t.Context(), "the secret of the admin"); err != nil || p.Role != access.Admin || p.ID != "admin" {
		t.Errorf("the admin token is %+v, %v", p, err)
	}
	secret, token := d.token("  Anna's laptop ", access.Manager, d.now.Add(time.Hour))
	if !strings.HasPrefix(secret, "hth_") || len(secret) < 40 || token.Name != "Anna's laptop" || token.By != "admin token" || !token.Used.IsZero() {
		t.Errorf("made %d characters, %+v", len(secret), token)
	}
	p, err := d.ByToken(t.Context(), secret)
	if want := (access.Person{ID: "token/" + token.ID, Name: "Anna's laptop", Role: access.Manager}); err != nil || p != want {
		t.Errorf("it is %+v, %v, want %+v", p, err, want)
	}
	list, err := d.Tokens(t.Context())
	if err != nil || len(list) != 1 || !list[0].Used.Equal(d.now) {
		t.Errorf("listed as %+v, %v", list, err)
	}
	for _, wrong := range []string{"", "hth_", secret + "x", secret[:len(secret)-1], strings.ToUpper(secret), token.ID, "the secret of the admin "} {
		if p, err := d.ByToken(t.Context(), wrong); !errors.Is(err, access.ErrUnknown) {
			t.Errorf("%q is %+v, %v", wrong, p, err)
		}
	}
	d.now = d.now.Add(time.Hour)
	if _, err := d.ByToken(t.Context(), secret); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("an hour later: %v", err)
	}
	d.admin = ""
	for _, none := range []string{"", "the secret of the admin"} {
		if _, err := d.ByToken(t.Context(), none); !errors.Is(err, access.ErrUnknown) {
			t.Errorf("without an admin token %q is somebody: %v", none, err)
		}
	}
}

func TestNoSuchToken(t *testing.T) {
	d := open(t)
	for _, c := range []struct {
		name    string
		role    access.Role
		expires time.Time
		says    string
	}{
		{"", access.Viewer, time.Time{}, "a name is missing"},
		{" \t", access.Viewer, time.Time{}, "a name is missing"},
		{strings.Repeat("炉", 61), access.Viewer, time.Time{}, "61 characters, at most 60"},
		{"a\u202eb", access.Viewer, time.Time{}, "cannot be seen"},
		{"a\x00b", access.Viewer, time.Time{}, "cannot be seen"},
		{"a\xffb", access.Viewer, time.Time{}, "cannot be seen"},
		{"Anna", "root", time.Time{}, `no role "root"`},
		{"Anna", access.Viewer, d.now, "expired already"},
	} {
		if _, _, err := d.Create(t.Context(), boss, c.name, c.role, c.expires); !errors.Is(err, access.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.20q as %s: %v, want %q", c.name, c.role, err, c.says)
		}
	}
	for i := range access.MaxTokens {
		d.token(fmt.Sprint("token ", i), access.Viewer, time.Time{})
	}
	if _, _, err := d.Create(t.Context(), boss, "one more", access.Viewer, time.Time{}); !errors.Is(err, access.ErrFull) {
		t.Errorf("one more: %v", err)
	}
	for _, id := range []string{"", "x", "0123456789ab", "%2e%2e", strings.Repeat("0", 64)} {
		if err := d.Revoke(t.Context(), boss, id); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("revoke %q: %v", id, err)
		}
		if err := d.End(t.Context(), boss, id); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("end %q: %v", id, err)
		}
	}
}

// TestSessionsEnd is about all that ends a session.
func TestSessionsEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(d *door, cookie string, s access.Session, token access.Token)
	}{
		{"time", func(d *door, _ string, _ access.Session, _ access.Token) { d.now = d.now.Add(12 * time.Hour) }},
		{"signing out", func(d *door, cookie string, _ access.Session, _ access.Token) {
			if err := d.SignOut(d.t.Context(), cookie); err != nil {
				d.t.Error(err)
			}
		}},
		{"an admin", func(d *door, _ string, s access.Session, _ access.Token) {
			if err := d.End(d.t.Context(), boss, s.ID); err != nil {
				d.t.Error(err)
			}
		}},
		{"its token is revoked", func(d *door, _ string, _ access.Session, token access.Token) {
			if err := d.Revoke(d.t.Context(), boss, token.ID); err != nil {
				d.t.Error(err)
			}
		}},
		{"its token expires", func(d *door, _ string, _ access.Session, _ access.Token) { d.now = d.now.Add(time.Hour) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t)
			secret, token := d.token("Anna", access.Manager, d.now.Add(time.Hour))
			cookie := d.signIn(secret)
			s, err := d.Session(t.Context(), cookie)
			if err != nil || s.Person.Name != "Anna" || s.Person.Role != access.Manager || s.Client.Agent != "a browser" {
				t.Fatalf("%+v, %v", s, err)
			}
			c.end(d, cookie, s, token)
			if s, err := d.Session(t.Context(), cookie); !errors.Is(err, access.ErrUnknown) {
				t.Errorf("it goes on: %+v, %v", s, err)
			}
		})
	}
	t.Run("the admin token changes", func(t *testing.T) {
		d := open(t)
		cookie := d.signIn("the secret of the admin")
		if _, err := d.Session(t.Context(), cookie); err != nil {
			t.Fatal(err)
		}
		d.admin = "another"
		if s, err := d.Session(t.Context(), cookie); !errors.Is(err, access.ErrUnknown) {
			t.Errorf("it goes on: %+v, %v", s, err)
		}
	})
	t.Run("too many", func(t *testing.T) {
		d := open(t)
		first := d.signIn("the secret of the admin")
		for range access.MaxSessions {
			d.now = d.now.Add(time.Second)
			d.signIn("the secret of the admin")
		}
		list, err := d.Sessions(t.Context())
		if err != nil || len(list) != access.MaxSessions {
			t.Errorf("%d sessions, %v", len(list), err)
		}
		if _, err := d.Session(t.Context(), first); !errors.Is(err, access.ErrUnknown) {
			t.Errorf("the one that was used least lately: %v", err)
		}
	})
}

func TestLinks(t *testing.T) {
	d := open(t)
	secret, err := d.Link(t.Context(), audit.Host, "first start", access.Admin)
	if err != nil {
		t.Fatal(err)
	}
	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			cookie, _, err := d.Redeem(context.Background(), secret, access.Client{})
			switch {
			case err == nil:
				won.Add(1)
				if s, err := d.Session(context.Background(), cookie); err != nil || s.Person.Role != access.Admin {
					t.Errorf("%+v, %v", s, err)
				}
			case !errors.Is(err, access.ErrUnknown):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d came in by a link that works once", won.Load())
	}
	late, err := d.Link(t.Context(), audit.Host, "first start", access.Admin)
	if err != nil {
		t.Fatal(err)
	}
	d.now = d.now.Add(access.LinkTime)
	for _, wrong := range []string{late, "", "x"} {
		if _, _, err := d.Redeem(t.Context(), wrong, access.Client{}); !errors.Is(err, access.ErrUnknown) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// TestNothingToSteal looks for secrets in all that is stored.
func TestNothingToSteal(t *testing.T) {
	d := open(t)
	secret, _ := d.token("Anna", access.Manager, time.Time{})
	link, err := d.Link(t.Context(), boss, "Ben", access.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{secret, link, d.signIn(secret), d.signIn("the secret of the admin"), d.admin}
	snap, err := d.store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	for at, err := range snap.Scan(t.Context(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			if bytes.Contains([]byte(at.Key), []byte(s)) || bytes.Contains(at.Value, []byte(s)) {
				t.Errorf("the row %s has a secret", at.Key)
			}
		}
	}
	list, err := d.audit.List(t.Context(), audit.Filter{})
	var did []string
	for _, e := range list {
		did = append(did, e.Did+" by "+e.Who.Name)
	}
	if want := []string{"session.begin by admin token", "session.begin by Anna", "link.create by admin token", "token.create by admin token"}; err != nil || !slices.Equal(did, want) {
		t.Errorf("the record has %q, %v, want %q", did, err, want)
	}
}
