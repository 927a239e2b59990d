package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/store"
)

// Members have tokens too, for programs of their own to tell hearth something of
// them. Such a token is for nothing else: it has no role, [Keeper.ByToken] does not
// know it, and it can be had in chat alone, by a code that works once.

// Bounds of what members have.
const (
	CodeTime        = 10 * time.Minute
	MemberTime      = 180 * 24 * time.Hour // that a member's token works
	MaxMemberTokens = 5                    // of one member; of more the oldest ends
	memberPrefix    = "htm_"
)

const (
	kCode   = store.Key("access/code")
	kMember = store.Key("access/member")
	kOwn    = store.Key("access/own")
)

// memberRow is a code or a token of a member. Times are Unix milliseconds.
type memberRow struct {
	Member  string `json:"i"`
	Made    int64  `json:"m"`
	Expires int64  `json:"x"`
}

// codeLetters are those of codes: none looks like another, and there are 31.
const codeLetters = "abcdefghjkmnpqrstuvwxyz23456789"

// newCode is 15 letters in three groups, 74 bits: nobody guesses one in the
// minutes for which it works.
func newCode() string {
	var b strings.Builder
	var one [1]byte
	for n := 0; n < 15; {
		_, _ = rand.Read(one[:]) // never fails
		if int(one[0]) >= 256/len(codeLetters)*len(codeLetters) {
			continue // or the first letters would come more often
		}
		if n > 0 && n%5 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(codeLetters[int(one[0])%len(codeLetters)])
		n++
	}
	return b.String()
}

// MemberCode makes a code by which a program comes to a token of a member, once
// and within CodeTime. One that they had before ends.
func (k *Keeper) MemberCode(ctx context.Context, member string) (string, error) {
	code := newCode()
	b := new(store.Batch)
	if _, err := k.dropOwn(ctx, b, member, func(kind string) bool { return kind == "code" }); err != nil {
		return "", err
	}
	now := k.o.Now()
	row := memberRow{member, now.UnixMilli(), now.Add(CodeTime).UnixMilli()}
	if err := k.own(b, kCode, "code", digest(plainCode(code)), &row); err != nil {
		return "", err
	}
	if _, err := k.o.Store.Commit(ctx, b); err != nil {
		return "", fmt.Errorf("access: make a code: %w", err)
	}
	return code, nil
}

// plainCode is a code as it is kept, however somebody has typed it.
func plainCode(code string) string {
	return strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(strings.TrimSpace(code)))
}

// own adds to b a row of a member's, and that it is theirs.
func (k *Keeper) own(b *store.Batch, under store.Key, kind, sum string, row *memberRow) error {
	b.Check(under.Join(sum), 0)
	b.Put(kOwn.Join(row.Member, sum), []byte(kind))
	return put(b, under.Join(sum), row)
}

// RedeemCode makes of a code a token of its member, and uses the code up. ErrUnknown
// says that it opens nothing.
func (k *Keeper) RedeemCode(ctx context.Context, code string) (secret, member string, err error) {
	var c memberRow
	at := kCode.Join(digest(plainCode(code)))
	rev, err := k.get(ctx, at, &c)
	if err != nil {
		return "", "", err
	}
	now := k.o.Now()
	if rev == 0 || now.UnixMilli() >= c.Expires {
		return "", "", ErrUnknown
	}
	secret = memberPrefix + newSecret()
	b := new(store.Batch)
	b.Check(at, rev)
	tokens := 0
	if _, err := k.dropOwn(ctx, b, c.Member, func(kind string) bool {
		if kind == "token" {
			tokens++
		}
		return kind == "code" || tokens >= MaxMemberTokens
	}); err != nil {
		return "", "", err
	}
	row := memberRow{c.Member, now.UnixMilli(), now.Add(MemberTime).UnixMilli()}
	if err := k.own(b, kMember, "token", digest(secret), &row); err != nil {
		return "", "", err
	}
	_, err = k.o.Store.Commit(ctx, b)
	if errors.Is(err, store.ErrConflict) {
		return "", "", ErrUnknown // of two at once the second comes too late
	}
	if err != nil {
		return "", "", fmt.Errorf("access: use a code: %w", err)
	}
	return secret, c.Member, nil
}

// MemberByToken is the member whose token a secret is; ErrUnknown if nobody's.
func (k *Keeper) MemberByToken(ctx context.Context, secret string) (string, error) {
	if !strings.HasPrefix(secret, memberPrefix) {
		return "", ErrUnknown
	}
	var t memberRow
	rev, err := k.get(ctx, kMember.Join(digest(secret)), &t)
	if err != nil {
		return "", err
	}
	if rev == 0 || k.o.Now().UnixMilli() >= t.Expires {
		return "", ErrUnknown
	}
	return t.Member, nil
}

// EndMember ends a member's token. One that opens nothing is no error.
func (k *Keeper) EndMember(ctx context.Context, secret string) error {
	member, err := k.MemberByToken(ctx, secret)
	if errors.Is(err, ErrUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	sum := digest(secret)
	b := new(store.Batch)
	b.Delete(kMember.Join(sum))
	b.Delete(kOwn.Join(member, sum))
	if _, err := k.o.Store.Commit(ctx, b); err != nil {
		return fmt.Errorf("access: end a member's token: %w", err)
	}
	return nil
}

// ForgetMember ends all tokens and codes of a member, and returns how many that
// were.
func (k *Keeper) ForgetMember(ctx context.Context, member string) (int, error) {
	b := new(store.Batch)
	n, err := k.dropOwn(ctx, b, member, func(string) bool { return true })
	if err != nil || n == 0 {
		return 0, err
	}
	if _, err := k.o.Store.Commit(ctx, b); err != nil {
		return 0, fmt.Errorf("access: forget a member: %w", err)
	}
	return n, nil
}

// dropOwn adds to b the end of what drop chooses of a member's, asked from the
// newest to the oldest.
func (k *Keeper) dropOwn(ctx context.Context, b *store.Batch, member string, drop func(kind string) bool) (int, error) {
	snap, err := k.o.Store.Snapshot(ctx)
	if err != nil {
		return 0, fmt.Errorf("access: %w", err)
	}
	defer snap.Close()
	type owned struct {
		kind, sum string
		row       memberRow
	}
	var list []owned
	for at, err := range snap.Scan(ctx, store.Prefix(kOwn.Join(member).Prefix())) {
		if err != nil {
			return 0, fmt.Errorf("access: %w", err)
		}
		name := at.Key.Segments()
		o := owned{kind: string(at.Value), sum: strings.Clone(name[len(name)-1])}
		under := kMember
		if o.kind == "code" {
			under = kCode
		}
		row, err := snap.Get(ctx, under.Join(o.sum))
		if err == nil && row.Exists() {
			err = json.Unmarshal(row.Value, &o.row)
		}
		if err != nil {
			return 0, fmt.Errorf("access: %w", err)
		}
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b owned) int { return cmp.Compare(b.row.Made, a.row.Made) })
	n := 0
	for _, o := range list {
		if !drop(o.kind) {
			continue
		}
		n++
		under := kMember
		if o.kind == "code" {
			under = kCode
		}
		b.Delete(under.Join(o.sum))
		b.Delete(kOwn.Join(member, o.sum))
	}
	return n, nil
}
