package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
)

// tokenRow is a token as it is stored. Times are Unix milliseconds.
type tokenRow struct {
	Name    string `json:"n"`
	Role    Role   `json:"r"`
	Made    int64  `json:"m"`
	By      string `json:"b"` // name of who made it
	Expires int64  `json:"x,omitempty"`
	Used    int64  `json:"u,omitempty"`
}

func (t *tokenRow) over(now time.Time) bool { return t.Expires != 0 && now.UnixMilli() >= t.Expires }

func (t *tokenRow) person(sum string) Person {
	return Person{ID: "token/" + sum[:idLen], Name: t.Name, Role: t.Role}
}

// Token is a token as it is shown: all but the secret.
type Token struct {
	ID            string
	Name          string
	Role          Role
	Made          time.Time
	By            string    // name of who made it
	Expires, Used time.Time // zero for never
}

func (t *tokenRow) token(sum string) Token {
	out := Token{ID: sum[:idLen], Name: t.Name, Role: t.Role, Made: time.UnixMilli(t.Made).UTC(), By: t.By}
	if t.Expires != 0 {
		out.Expires = time.UnixMilli(t.Expires).UTC()
	}
	if t.Used != 0 {
		out.Used = time.UnixMilli(t.Used).UTC()
	}
	return out
}

// Create makes a token and returns its secret, which cannot be had again. A zero
// expires is never. It returns ErrInvalid for a name or a role that cannot be,
// and ErrFull.
func (k *Keeper) Create(ctx context.Context, by audit.Who, name string, role Role, expires time.Time) (string, Token, error) {
	name = strings.TrimSpace(name)
	if err := checkName(name); err != nil {
		return "", Token{}, err
	}
	if !slices.Contains(Roles, role) {
		return "", Token{}, fmt.Errorf("%w: there is no role %q; there are viewer, manager and admin", ErrInvalid, role)
	}
	now := k.o.Now()
	if !expires.IsZero() && !expires.After(now) {
		return "", Token{}, fmt.Errorf("%w: it would have expired already", ErrInvalid)
	}
	n := 0
	if err := k.each(ctx, kToken, func(string, store.Row) error { n++; return nil }); err != nil {
		return "", Token{}, err
	}
	if n >= MaxTokens {
		return "", Token{}, ErrFull
	}
	t := tokenRow{Name: name, Role: role, Made: now.UnixMilli(), By: by.Name}
	if !expires.IsZero() {
		t.Expires = expires.UnixMilli()
	}
	secret := prefix + newSecret()
	sum := digest(secret)
	b := new(store.Batch)
	err := put(b, kToken.Join(sum), &t)
	if err == nil {
		err = k.o.Audit.Put(b, audit.Entry{Who: by, Did: "token.create", On: "token/" + sum[:idLen], After: name + " · " + string(role)})
	}
	if err == nil {
		_, err = k.o.Store.Commit(ctx, b)
	}
	if err != nil {
		return "", Token{}, fmt.Errorf("access: make a token: %w", err)
	}
	return secret, t.token(sum), nil
}

// Tokens lists the tokens, the newest first; the admin token is not among them.
func (k *Keeper) Tokens(ctx context.Context) ([]Token, error) {
	out := []Token{}
	err := k.each(ctx, kToken, func(sum string, at store.Row) error {
		var t tokenRow
		if err := json.Unmarshal(at.Value, &t); err != nil {
			return err
		}
		out = append(out, t.token(sum))
		return nil
	})
	slices.SortFunc(out, func(a, b Token) int { return b.Made.Compare(a.Made) })
	return out, err
}

// Revoke takes a token away, and with it the sessions that it began; ErrNotFound
// if there is none of that ID.
func (k *Keeper) Revoke(ctx context.Context, by audit.Who, id string) error {
	var t tokenRow
	sum, err := k.find(ctx, kToken, id, &t)
	if err != nil {
		return err
	}
	b := new(store.Batch)
	b.Delete(kToken.Join(sum))
	// The sessions end by themselves: they ask for their token each time.
	err = k.o.Audit.Put(b, audit.Entry{Who: by, Did: "token.revoke", On: "token/" + id, Before: t.Name + " · " + string(t.Role)})
	if err == nil {
		_, err = k.o.Store.Commit(ctx, b)
	}
	if err != nil {
		return fmt.Errorf("access: revoke a token: %w", err)
	}
	return nil
}

// linkRow is a one-time link as it is stored.
type linkRow struct {
	Name    string `json:"n"`
	Role    Role   `json:"r"`
	Expires int64  `json:"x"` // Unix milliseconds
}

// Link makes a secret that signs somebody in once, within LinkTime.
func (k *Keeper) Link(ctx context.Context, by audit.Who, name string, role Role) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	if !slices.Contains(Roles, role) {
		return "", fmt.Errorf("%w: there is no role %q", ErrInvalid, role)
	}
	secret := newSecret()
	sum := digest(secret)
	now := k.o.Now().UnixMilli()
	b := new(store.Batch)
	err := k.each(ctx, kLink, func(sum string, at store.Row) error { // those that were never used
		var l linkRow
		err := json.Unmarshal(at.Value, &l)
		if err == nil && now >= l.Expires && len(b.Writes()) < store.MaxOps/2 {
			b.Delete(kLink.Join(sum))
		}
		return err
	})
	if err != nil {
		return "", err
	}
	err = put(b, kLink.Join(sum), &linkRow{name, role, k.o.Now().Add(LinkTime).UnixMilli()})
	if err == nil {
		err = k.o.Audit.Put(b, audit.Entry{Who: by, Did: "link.create", On: "link/" + sum[:idLen], After: name + " · " + string(role)})
	}
	if err == nil {
		_, err = k.o.Store.Commit(ctx, b)
	}
	if err != nil {
		return "", fmt.Errorf("access: make a sign-in link: %w", err)
	}
	return secret, nil
}

// Redeem begins a session by a link, which works no more after it; ErrUnknown if
// it does not work.
func (k *Keeper) Redeem(ctx context.Context, secret string, from Client) (string, Session, error) {
	var l linkRow
	sum := digest(secret)
	rev, err := k.get(ctx, kLink.Join(sum), &l)
	if err != nil {
		return "", Session{}, err
	}
	if rev == 0 || k.o.Now().UnixMilli() >= l.Expires {
		return "", Session{}, ErrUnknown
	}
	b := new(store.Batch)
	b.Check(kLink.Join(sum), rev) // of two at once the second comes too late
	b.Delete(kLink.Join(sum))
	cookie, s, err := k.begin(ctx, b, Person{"link/" + sum[:idLen], l.Name, l.Role}, "", from)
	if errors.Is(err, store.ErrConflict) {
		return "", Session{}, ErrUnknown
	}
	return cookie, s, err
}
