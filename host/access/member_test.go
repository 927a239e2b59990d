package access_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
)

func TestMemberTokens(t *testing.T) {
	h := open(t)
	k := h.Keeper
	code, err := k.MemberCode(t.Context(), "slack:U1")
	if err != nil {
		t.Fatal(err)
	}
	second, err := k.MemberCode(t.Context(), "slack:U1")
	if err != nil || second == code {
		t.Fatal(second, err)
	}
	if _, _, err := k.RedeemCode(t.Context(), code); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("a code that another has replaced: %v", err)
	}
	for _, wrong := range []string{"", "abcde-fghij-kmnpq", "htm_x"} {
		if _, _, err := k.RedeemCode(t.Context(), wrong); !errors.Is(err, access.ErrUnknown) {
			t.Errorf("code %q: %v", wrong, err)
		}
	}
	secret, member, err := k.RedeemCode(t.Context(), "  "+strings.ToUpper(strings.ReplaceAll(second, "-", " ")))
	if err != nil || member != "slack:U1" {
		t.Fatalf("RedeemCode: %q, %v", member, err)
	}
	if _, _, err := k.RedeemCode(t.Context(), second); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("a code once more: %v", err)
	}
	if got, err := k.MemberByToken(t.Context(), secret); err != nil || got != "slack:U1" {
		t.Errorf("MemberByToken: %q, %v", got, err)
	}
	if _, err := k.ByToken(t.Context(), secret); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("a member's token lets in as somebody with a role: %v", err)
	}
	for _, s := range []string{secret, second, strings.ReplaceAll(second, "-", "")} {
		if rows(t, h, s) {
			t.Errorf("a secret is stored as it is: %s", s)
		}
	}

	late, err := k.MemberCode(t.Context(), "slack:U1")
	if err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(access.CodeTime)
	if _, _, err := k.RedeemCode(t.Context(), late); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("a code that is too old: %v", err)
	}

	// Of more than there may be the oldest ends.
	all := []string{secret}
	for range access.MaxMemberTokens {
		h.now = h.now.Add(time.Second)
		code, err := k.MemberCode(t.Context(), "slack:U1")
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := k.RedeemCode(t.Context(), code)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	for i, s := range all {
		if _, err := k.MemberByToken(t.Context(), s); (err != nil) != (i == 0) {
			t.Errorf("token %d: %v", i, err)
		}
	}
	if err := k.EndMember(t.Context(), all[1]); err != nil {
		t.Fatal(err)
	}
	if err := k.EndMember(t.Context(), all[1]); err != nil {
		t.Errorf("ended twice: %v", err)
	}
	if _, err := k.MemberByToken(t.Context(), all[1]); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("a token that was ended: %v", err)
	}

	if n, err := k.ForgetMember(t.Context(), "slack:U1"); err != nil || n != access.MaxMemberTokens-1 {
		t.Errorf("ForgetMember: %d, %v", n, err)
	}
	if rows(t, h, "slack:U1") || rows(t, h, "U1") {
		t.Error("the member's id is still there")
	}
	if n, err := k.ForgetMember(t.Context(), "slack:U1"); err != nil || n != 0 {
		t.Errorf("ForgetMember once more: %d, %v", n, err)
	}

	code, err = k.MemberCode(t.Context(), "slack:U2")
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err = k.RedeemCode(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(access.MemberTime)
	if _, err := k.MemberByToken(t.Context(), secret); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("a token that is too old: %v", err)
	}
}

// rows says whether anything that is stored has a text.
func rows(t *testing.T, h *door, text string) bool {
	t.Helper()
	snap, err := h.store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	for r, err := range snap.Scan(t.Context(), store.Prefix("")) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(r.Key), text) || bytes.Contains(r.Value, []byte(text)) {
			return true
		}
	}
	return false
}

// someone is a person with this id.
type someone string

func (p someone) In(b []byte) bool { return bytes.Contains(b, []byte(p)) }

func (p someone) Is(s string) bool { return s == string(p) }

func (p someone) Blur(b []byte) []byte {
	return bytes.ReplaceAll(b, []byte(p), bytes.Repeat([]byte("x"), len(p)))
}

// TestForgetNames takes a member's id out of what others' tokens, links and
// sessions are called, all of which go on.
func TestForgetNames(t *testing.T) {
	h := open(t)
	const id = "slack:U77"
	named := audit.Who{ID: "admin", Name: "for " + id, Role: "admin", Via: "page"}
	secret, _, err := h.Create(t.Context(), named, "laptop of "+id, access.Viewer, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	link, err := h.Link(t.Context(), boss, "for "+id, access.Manager)
	if err != nil {
		t.Fatal(err)
	}
	cookie, _, err := h.SignInAs(t.Context(), access.Person{ID: "oidc/" + id, Name: "as " + id, Role: access.Viewer}, access.Client{Agent: "of " + id})
	if err != nil {
		t.Fatal(err)
	}
	other, _ := h.token("another", access.Viewer, time.Time{})
	if n, err := h.Forget(t.Context(), someone(id)); err != nil || n != 3 {
		t.Errorf("%d were changed, %v, want 3", n, err)
	}
	if n, err := h.Forget(t.Context(), someone(id)); err != nil || n != 0 {
		t.Errorf("a second time %d were changed, %v", n, err)
	}
	if _, err := h.audit.Forget(t.Context(), someone(id)); err != nil {
		t.Fatal(err)
	}
	if rows(t, h, id) {
		t.Error("it still stands somewhere")
	}
	for secret, want := range map[string]string{secret: "laptop of xxxxxxxxx", other: "another"} {
		if p, err := h.ByToken(t.Context(), secret); err != nil || p.Name != want {
			t.Errorf("a token is called %q, %v, want %q", p.Name, err, want)
		}
	}
	if s, err := h.Session(t.Context(), cookie); err != nil || s.Person.Name != "as xxxxxxxxx" {
		t.Errorf("the session is %+v, %v", s, err)
	}
	if _, s, err := h.Redeem(t.Context(), link, access.Client{}); err != nil || s.Person.Name != "for xxxxxxxxx" {
		t.Errorf("the link opens %+v, %v", s, err)
	}
}

// meanwhile is a store in which something happens just before a commit.
type meanwhile struct {
	store.Store
	do func()
}

func (m *meanwhile) Commit(ctx context.Context, b *store.Batch) (store.Rev, error) {
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
	return m.Store.Commit(ctx, b)
}

// TestCodeTwiceAtOnce: of two who use a code at once the second finds that it opens
// nothing, as whoever comes later does.
func TestCodeTwiceAtOnce(t *testing.T) {
	h := open(t)
	code, err := h.MemberCode(t.Context(), "slack:U1")
	if err != nil {
		t.Fatal(err)
	}
	m := &meanwhile{Store: h.store}
	m.do = func() {
		if _, _, err := h.RedeemCode(t.Context(), code); err != nil {
			t.Errorf("the first: %v", err)
		}
	}
	k := access.New(access.Options{Store: m, Audit: h.audit, Admin: func() string { return h.admin }, Now: func() time.Time { return h.now }})
	if secret, _, err := k.RedeemCode(t.Context(), code); !errors.Is(err, access.ErrUnknown) || secret != "" {
		t.Errorf("the second: %q, %v", secret, err)
	}
}
