package members

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/hearthbot/hearth/store"
)

// Claim is a GitHub account that a member says is theirs. It is theirs once the
// account has shown the code in public, before the claim is over.
type Claim struct {
	Handle string `msg:"h"`
	Code   string `msg:"c"` // no secret: the account is to show it to everybody
	Until  int64  `msg:"u"` // Unix milliseconds
}

var (
	// ErrHandle says that no GitHub account can be called that.
	ErrHandle = errors.New("members: no GitHub account can have that name")

	// ErrTaken says that an account is another member's.
	ErrTaken = errors.New("members: that GitHub account is another member's")
)

// handle is what a GitHub account may be called.
var handle = regexp.MustCompile(`^[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}$`)

// CheckHandle takes what people write for a GitHub account, "@ada" or
// "https://github.com/ada/" too, and returns its name; ErrHandle if it is none.
func CheckHandle(text string) (string, error) {
	name := strings.TrimSpace(text)
	name = strings.TrimPrefix(strings.TrimPrefix(name, "https://"), "http://")
	name = strings.TrimPrefix(strings.TrimPrefix(name, "github.com/"), "@")
	name = strings.TrimSuffix(name, "/")
	if !handle.MatchString(name) {
		return "", fmt.Errorf("%w: %.60q", ErrHandle, text)
	}
	return name, nil
}

func handleKey(name string) store.Key { return store.Join("handle", strings.ToLower(name)) }

func claimKey(id string) store.Key { return store.Join("claim", id) }

// ByHandle is whose GitHub account that is, "" if nobody's. Accounts do not
// differ by case alone.
func ByHandle(ctx context.Context, snap store.Snapshot, name string) (string, error) {
	row, err := snap.Get(ctx, handleKey(name))
	if err != nil {
		return "", err
	}
	return string(row.Value), nil
}

// Claimed is what a member claims at present, and the revision that stands at; 0
// if they claim nothing.
func Claimed(ctx context.Context, snap store.Snapshot, id string) (Claim, store.Rev, error) {
	var c Claim
	row, err := snap.Get(ctx, claimKey(id))
	if err != nil || !row.Exists() {
		return c, 0, err
	}
	if _, err := c.UnmarshalMsg(row.Value); err != nil {
		return c, 0, fmt.Errorf("members: claim of %s: %w", id, err)
	}
	return c, row.Rev, nil
}

// PutClaim adds the write of a claim to b, in the place of the one that was read
// at rev.
func PutClaim(b *store.Batch, id string, c *Claim, rev store.Rev) error {
	v, err := c.MarshalMsg(nil)
	if err != nil {
		return fmt.Errorf("members: claim of %s: %w", id, err)
	}
	b.Check(claimKey(id), rev)
	b.Put(claimKey(id), v)
	return nil
}

// Link adds to b that a GitHub account is a member's, and that the one they had
// is not any more; "" only takes theirs away. What they claim is settled by it.
// An account that is another's is taken from them if that is proved, and else
// ErrTaken. The batch fails if any of that has changed meanwhile.
func Link(ctx context.Context, snap store.Snapshot, b *store.Batch, id, name string, proved bool) error {
	p, rev, err := Get(ctx, snap, id)
	if err != nil {
		return err
	}
	if p.Linked != "" && !strings.EqualFold(p.Linked, name) {
		b.Delete(handleKey(p.Linked))
	}
	if name != "" {
		row, err := snap.Get(ctx, handleKey(name))
		if err != nil {
			return err
		}
		if other := string(row.Value); row.Exists() && other != id {
			if !proved {
				return fmt.Errorf("%w: %s", ErrTaken, other)
			}
			if err := unlink(ctx, snap, b, other); err != nil {
				return err
			}
		}
		b.Check(handleKey(name), row.Rev)
		b.Put(handleKey(name), []byte(id))
		p.GitHub = name
	}
	p.Linked = name
	b.Delete(claimKey(id))
	return Put(b, id, &p, rev)
}

// unlink takes the account away from somebody whose handle's row the caller
// writes.
func unlink(ctx context.Context, snap store.Snapshot, b *store.Batch, id string) error {
	p, rev, err := Get(ctx, snap, id)
	if err != nil || rev == 0 {
		return err
	}
	p.Linked = ""
	return Put(b, id, &p, rev)
}

// Unlink adds to b that nothing is kept of the account of somebody who is being
// forgotten, whose profile the caller deletes.
func Unlink(b *store.Batch, id string, p *Profile) {
	b.Delete(claimKey(id))
	if p.Linked != "" {
		b.Delete(handleKey(p.Linked))
	}
}
