package host

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/house"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Outside is what members have elsewhere, as far as hearth's own commands need
// it. It is safe for concurrent use.
type Outside interface {
	// Linking says whether GitHub is connected.
	Linking() bool

	// Shows says whether a GitHub account shows a text in public. ErrOff says that
	// nobody can be asked, ErrUnknown that there is no such account of a person,
	// [chat.ErrBusy] to ask again later.
	Shows(ctx context.Context, account, text string) (bool, error)

	// Code makes a code by which a member's own machine comes to a token of theirs,
	// once, within the time that is returned, and says at which address.
	Code(ctx context.Context, member string) (code, url string, valid time.Duration, err error)

	// Forget erases what there is of a member, whom p finds: their tokens and codes,
	// and their ids in what was set and named by others. It returns how much of what
	// kind that was, and may be called again. [chat.ErrBusy] says to do so later.
	Forget(ctx context.Context, member string, p audit.Person) (map[string]int, error)

	// Named are the places in files of the operator's that name somebody, which
	// hearth does not change.
	Named(p audit.Person) []string
}

// ErrOff says that something is not connected.
var ErrOff = errors.New("host: it is not connected")

// claimTime is for how long an account can show the code of a claim.
const claimTime = time.Hour

// codeLetters are those of codes: none looks like another.
const codeLetters = "abcdefghjkmnpqrstuvwxyz23456789"

// newClaimCode is what an account is to show: 10 letters, drawn evenly.
func newClaimCode() string {
	var b strings.Builder
	b.WriteString("hearth-")
	var one [1]byte
	for n := 0; n < 10; {
		_, _ = rand.Read(one[:]) // never fails
		if int(one[0]) < 256/len(codeLetters)*len(codeLetters) {
			if b.WriteByte(codeLetters[int(one[0])%len(codeLetters)]); n == 4 {
				b.WriteByte('-')
			}
			n++
		}
	}
	return b.String()
}

// linkFor has a member claim a GitHub account; without a name it says how they
// stand.
func (e *Engine) linkFor(ctx context.Context, row *actionRow) (*house.Account, error) {
	var asked house.Account
	if err := json.Unmarshal(row.Action.Note, &asked); err != nil {
		return nil, err
	}
	if e.o.Outside == nil || !e.o.Outside.Linking() {
		return &house.Account{State: house.AccountOff}, nil
	}
	if asked.Handle == "" {
		return e.account(ctx, row.Member)
	}
	name, err := members.CheckHandle(asked.Handle)
	if err != nil {
		return &house.Account{State: house.AccountUnknown, Handle: asked.Handle}, nil
	}
	c := members.Claim{Handle: name, Code: newClaimCode(), Until: e.now() + claimTime.Milliseconds()}
	err = e.linking(ctx, row.Member, func(snap store.Snapshot, b *store.Batch) error {
		p, _, err := members.Get(ctx, snap, row.Member)
		if err != nil {
			return err
		}
		if strings.EqualFold(p.Linked, name) {
			return errLinked
		}
		old, rev, err := members.Claimed(ctx, snap, row.Member)
		if err != nil {
			return err
		}
		if rev != 0 && strings.EqualFold(old.Handle, name) && old.Until > e.now() {
			c.Code = old.Code // which may be on show already
		}
		return members.PutClaim(b, row.Member, &c, rev)
	})
	if errors.Is(err, errLinked) {
		return e.account(ctx, row.Member)
	}
	if err != nil {
		return nil, err
	}
	return &house.Account{State: house.AccountClaimed, Handle: name, Code: c.Code, Minutes: int(claimTime / time.Minute)}, nil
}

// errLinked says that there is nothing to be done.
var errLinked = errors.New("host: it is linked already")

// account is how a member stands.
func (e *Engine) account(ctx context.Context, id string) (*house.Account, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	p, _, err := members.Get(ctx, snap, id)
	if err != nil {
		return nil, err
	}
	if p.Linked == "" {
		return &house.Account{State: house.AccountNone}, nil
	}
	return &house.Account{State: house.AccountLinked, Handle: p.Linked}, nil
}

// linkedFor confirms what a member claims, if their account shows the code.
func (e *Engine) linkedFor(ctx context.Context, row *actionRow) (*house.Account, error) {
	if e.o.Outside == nil {
		return &house.Account{State: house.AccountOff}, nil
	}
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	c, rev, err := members.Claimed(ctx, snap, row.Member)
	snap.Close()
	if err != nil {
		return nil, err
	}
	if rev == 0 {
		return e.account(ctx, row.Member)
	}
	out := &house.Account{Handle: c.Handle, Code: c.Code}
	if e.now() > c.Until {
		out.State = house.AccountLate
		return out, nil
	}
	shows, err := e.o.Outside.Shows(ctx, c.Handle, c.Code)
	switch {
	case errors.Is(err, ErrOff):
		out.State = house.AccountOff
		return out, nil
	case errors.Is(err, ErrUnknown):
		out.State = house.AccountUnknown
		return out, nil
	case errors.Is(err, chat.ErrBusy):
		out.State = house.AccountBusy
		return out, nil
	case err != nil:
		return nil, err
	case !shows:
		out.State = house.AccountMissing
		return out, nil
	}
	who := audit.Who{ID: row.Member, Name: "a member", Role: "member", Via: "chat"}
	err = e.linking(ctx, row.Member, func(snap store.Snapshot, b *store.Batch) error {
		now, _, err := members.Claimed(ctx, snap, row.Member)
		if err != nil {
			return err
		}
		if now.Code != c.Code || now.Handle != c.Handle {
			return errLinked // settled, or replaced, meanwhile
		}
		if err := members.Link(ctx, snap, b, row.Member, c.Handle, true); err != nil {
			return err
		}
		return e.audit.Put(b, audit.Entry{Who: who, Did: "member.link", On: "member/" + row.Member})
	})
	if err != nil && !errors.Is(err, errLinked) {
		return nil, err
	}
	e.sayLinked(ctx, row.Member)
	return e.account(ctx, row.Member)
}

// unlinkFor takes a member's account away at their word.
func (e *Engine) unlinkFor(ctx context.Context, row *actionRow) (*house.Account, error) {
	who := audit.Who{ID: row.Member, Name: "a member", Role: "member", Via: "chat"}
	if err := e.LinkBy(ctx, who, row.Member, "", false, ""); err != nil && !errors.Is(err, ErrUnknown) {
		return nil, err
	}
	return &house.Account{State: house.AccountGone}, nil
}

// codeFor makes a code for a member's own machine.
func (e *Engine) codeFor(ctx context.Context, row *actionRow) (*house.Login, error) {
	if e.o.Outside == nil {
		return nil, errors.New("this hearth gives no tokens to members")
	}
	code, url, valid, err := e.o.Outside.Code(ctx, row.Member)
	if err != nil {
		return nil, err
	}
	return &house.Login{Code: code, URL: url, Minutes: int(valid / time.Minute)}, nil
}

// LinkBy says for somebody whose GitHub account is whose: handle is the member's
// from now on, confirmed by who says so; "" takes theirs away. It is on record,
// without the account's name. One that is another member's is refused with
// [members.ErrTaken], unless move is set; a name that GitHub cannot have with
// [members.ErrHandle]; a member that the directory has not with ErrUnknown.
func (e *Engine) LinkBy(ctx context.Context, who audit.Who, id, handle string, move bool, why string) error {
	did := "member.unlink"
	if handle != "" {
		var err error
		if handle, err = members.CheckHandle(handle); err != nil {
			return err
		}
		did = "member.link"
	}
	err := e.linking(ctx, id, func(snap store.Snapshot, b *store.Batch) error {
		p, rev, err := members.Get(ctx, snap, id)
		if err != nil {
			return err
		}
		if rev == 0 {
			return fmt.Errorf("%w: member %q", ErrUnknown, id)
		}
		if p.Linked == handle {
			return nil
		}
		if err := members.Link(ctx, snap, b, id, handle, move); err != nil {
			return err
		}
		return e.audit.Put(b, audit.Entry{Who: who, Did: did, On: "member/" + id, Why: why})
	})
	if err == nil && handle != "" {
		e.sayLinked(ctx, id)
	}
	return err
}

// linkedName is the name of the event by which plugins hear that a member has
// linked an account. It does not say which.
const linkedName = "github.linked"

// sayLinked has plugins hear of it. It is told, and not relied on: one that is lost
// with a crash comes again with the member's next pull request.
func (e *Engine) sayLinked(ctx context.Context, id string) {
	ev := abi.Event{ID: store.Seq(e.nextSeq()), Source: "hearth", Kind: abi.CustomTracked, Time: e.now(),
		Member: abi.Member{ID: id}, Custom: &abi.Custom{Name: linkedName}}
	if _, err := e.take(ctx, chat.Incoming{Event: ev}); err != nil {
		e.o.Logger.Warn("plugins were not told of a linked account", "member", id, "err", err)
	}
}

// linking commits what change adds to a batch, again if something came between,
// and never of somebody who is being forgotten.
func (e *Engine) linking(ctx context.Context, id string, change func(store.Snapshot, *store.Batch) error) error {
	if !e.forgets.enter(id) {
		return fmt.Errorf("%w: the member is being forgotten", ErrUnknown)
	}
	defer e.forgets.leave()
	for range maxConflicts {
		snap, err := e.store.Snapshot(ctx)
		if err != nil {
			return fmt.Errorf("host: linking an account: %w", err)
		}
		b := new(store.Batch)
		err = change(snap, b)
		snap.Close()
		if err == nil && len(b.Writes()) > 0 {
			_, err = e.store.Commit(ctx, b)
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return chat.ErrBusy
}

// MemberByHandle is whose confirmed GitHub account that is, "" if nobody's.
func (e *Engine) MemberByHandle(ctx context.Context, handle string) (string, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return "", fmt.Errorf("host: looking up whose account that is: %w", err)
	}
	defer snap.Close()
	id, err := members.ByHandle(ctx, snap, handle)
	if err != nil {
		return "", fmt.Errorf("host: looking up whose account that is: %w", err)
	}
	return id, nil
}

// KnowsMember says whether the directory has a member of that id.
func (e *Engine) KnowsMember(ctx context.Context, id string) (bool, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return false, fmt.Errorf("host: looking up a member: %w", err)
	}
	defer snap.Close()
	_, rev, err := members.Get(ctx, snap, id)
	return rev != 0, err
}
