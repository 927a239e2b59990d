// Package access says who may come in, and what they may do. It owns the roles,
// the tokens, the sessions and the one-time links, and how they are kept. It
// must not know HTTP, cookies or pages, or what a role is let do where.
//
// Whoever comes in shows a secret of 256 random bits: the admin token, which
// lies outside of the store so that access can be recovered; a token that an
// admin gave a name and a role; a session, which a browser has; or a link, which
// works once. Of all but the first only SHA-256 is kept. That is enough for
// secrets nobody chose, and makes finding one a single look-up that tells by its
// time nothing of what would be right.
//
//	access/token/SHA256     tokenRow
//	access/session/SHA256   sessionRow
//	access/link/SHA256      linkRow
//	access/code/SHA256      memberRow of a code by which a member's program comes to a token
//	access/member/SHA256    memberRow of such a token, which is for nothing but to tell something of them
//	access/own/MEMBER/SHA256  "code" or "token": of a member
//
// What is shown and named on pages and in the record is an ID, the beginning of
// such a digest. Nothing can be done with it but to revoke.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
)

// Role is what somebody may do. Each may do all that those before it may.
type Role string

// The roles.
const (
	Viewer  Role = "viewer"  // looks
	Manager Role = "manager" // runs the community: texts, tasks, members
	Admin   Role = "admin"   // installs, connects, lets others in
)

// Roles are all roles, the least first.
var Roles = []Role{Viewer, Manager, Admin}

// Covers says whether r may do what need may. What is no role may do nothing,
// and nobody may what is for no role.
func (r Role) Covers(need Role) bool {
	have, want := slices.Index(Roles, r), slices.Index(Roles, need)
	return want >= 0 && have >= want
}

// Person is somebody who has come in.
type Person struct {
	ID   string // "admin", "token/ID", "link/ID" or "oidc/…"
	Name string // for people; never ""
	Role Role
}

// Who is the person as the record has it.
func (p Person) Who(via string) audit.Who {
	return audit.Who{ID: p.ID, Name: p.Name, Role: string(p.Role), Via: via}
}

// root is who shows the admin token.
var root = Person{ID: "admin", Name: "admin token", Role: Admin}

var (
	// ErrUnknown says that a secret opens nothing: it is wrong, revoked, used up
	// or too old. Which of them is nobody's business.
	ErrUnknown = errors.New("access: unknown")

	// ErrNotFound says that there is nothing of that ID to be revoked or ended.
	ErrNotFound = errors.New("access: there is no such thing")

	// ErrInvalid says what is wrong with what somebody wants to make.
	ErrInvalid = errors.New("access: invalid")

	// ErrFull says that there are as many tokens as there may be.
	ErrFull = fmt.Errorf("access: there are %d tokens already; revoke one that nobody needs", MaxTokens)
)

// Bounds.
const (
	MaxTokens   = 200
	MaxSessions = 1000 // of more those that were used least lately end
	MaxName     = 60   // characters of a token's name
	LinkTime    = time.Hour
	usedEvery   = time.Minute // how exact the time of the last use is
	prefix      = "hth_"      // of tokens, so that scanners for leaked secrets know one
)

// Options are what a Keeper works with. Store, Audit and Admin are required.
type Options struct {
	Store store.Store
	Audit *audit.Log

	// Admin is the admin token as it is at present; while it is "" it lets nobody
	// in.
	Admin func() string

	Session time.Duration    // how long a session lasts, whatever is done in it; 0 means 12 hours
	Now     func() time.Time // nil is time.Now
}

// Keeper lets people in. It is safe for concurrent use.
type Keeper struct{ o Options }

// New returns a keeper of what a store holds.
func New(o Options) *Keeper {
	if o.Session <= 0 {
		o.Session = 12 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Keeper{o}
}

const (
	kToken   = store.Key("access/token")
	kSession = store.Key("access/session")
	kLink    = store.Key("access/link")
)

// digest is what is kept of a secret.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

const idLen = 12 // digits of a digest that are shown

func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// isAdmin says whether a secret is the admin token.
func (k *Keeper) isAdmin(secret string) bool {
	want := k.o.Admin()
	a, b := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && want != ""
}

// ByToken is whose token a secret is; ErrUnknown if nobody's. The admin token
// comes last: where it stands in a file, looking at it is the dearest of all.
func (k *Keeper) ByToken(ctx context.Context, secret string) (Person, error) {
	if strings.HasPrefix(secret, prefix) {
		if p, err := k.byToken(ctx, secret); !errors.Is(err, ErrUnknown) {
			return p, err
		}
	}
	if k.isAdmin(secret) {
		return root, nil
	}
	return Person{}, ErrUnknown
}

// byToken is ByToken for those that are kept.
func (k *Keeper) byToken(ctx context.Context, secret string) (Person, error) {
	var t tokenRow
	sum := digest(secret)
	rev, err := k.get(ctx, kToken.Join(sum), &t)
	if err != nil {
		return Person{}, err
	}
	now := k.o.Now()
	if rev == 0 || t.over(now) {
		return Person{}, ErrUnknown
	}
	if now.Sub(time.UnixMilli(t.Used)) >= usedEvery {
		t.Used = now.UnixMilli()
		if err := k.touch(ctx, kToken.Join(sum), rev, &t); err != nil {
			return Person{}, err
		}
	}
	return t.person(sum), nil
}

// touch notes when something was used last. Who came between knows as well.
func (k *Keeper) touch(ctx context.Context, key store.Key, rev store.Rev, row any) error {
	b := new(store.Batch)
	b.Check(key, rev)
	if err := put(b, key, row); err != nil {
		return err
	}
	if _, err := k.o.Store.Commit(ctx, b); err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("access: %w", err)
	}
	return nil
}

// get reads a row into v, and the revision it is at; 0 if there is none.
func (k *Keeper) get(ctx context.Context, key store.Key, v any) (store.Rev, error) {
	snap, err := k.o.Store.Snapshot(ctx)
	if err != nil {
		return 0, fmt.Errorf("access: %w", err)
	}
	defer snap.Close()
	at, err := snap.Get(ctx, key)
	if err == nil && at.Exists() {
		err = json.Unmarshal(at.Value, v)
	}
	if err != nil {
		return 0, fmt.Errorf("access: %w", err)
	}
	return at.Rev, nil
}

func put(b *store.Batch, key store.Key, row any) error {
	v, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	b.Put(key, v)
	return nil
}

// each calls f with the rows under a key, by digest, until it says enough.
func (k *Keeper) each(ctx context.Context, under store.Key, f func(sum string, at store.Row) error) error {
	snap, err := k.o.Store.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	defer snap.Close()
	for at, err := range snap.Scan(ctx, store.Prefix(under.Prefix())) {
		if err == nil {
			name := at.Key.Segments()
			err = f(name[len(name)-1], at)
		}
		if err != nil {
			return fmt.Errorf("access: %w", err)
		}
	}
	return nil
}

// find is the one digest under a key that begins with an ID.
func (k *Keeper) find(ctx context.Context, under store.Key, id string, row any) (sum string, err error) {
	if _, bad := hex.DecodeString(id); bad != nil || len(id) != idLen {
		return "", fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	err = k.each(ctx, under, func(s string, at store.Row) error {
		if sum == "" && strings.HasPrefix(s, id) {
			sum = s
			return json.Unmarshal(at.Value, row)
		}
		return nil
	})
	if err == nil && sum == "" {
		err = fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return sum, err
}

// checkName says what is wrong with the name that somebody gives a token.
func checkName(name string) error {
	switch n := utf8.RuneCountInString(name); {
	case strings.TrimSpace(name) == "":
		return fmt.Errorf("%w: a name is missing: say whose it is, or what for", ErrInvalid)
	case n > MaxName:
		return fmt.Errorf("%w: the name has %d characters, at most %d", ErrInvalid, n, MaxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return fmt.Errorf("%w: the name has a character that cannot be seen", ErrInvalid)
	}
	return nil
}
