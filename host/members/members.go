// Package members is the directory of people: who somebody is on a platform,
// what they want to be called, in which language and time zone, whether they
// are here, and whether they asked hearth to be quiet.
//
// It knows people, not what they do: plugins keep that in rows of their own.
//
// Whose GitHub account is whose is kept with a handle's own row, so that what
// GitHub tells of an account finds its member at once (see handle.go).
//
// # Stored rows
//
//	member/<member id>    Profile, MessagePack
//	handle/<handle>       id of the member whose GitHub account that is, confirmed; in lower case
//	claim/<member id>     Claim, MessagePack: an account that is not confirmed yet    until confirmed, or replaced
package members

//go:generate go tool msgp -io=false -tests=false -file members.go -o members_gen.go
//go:generate go tool msgp -io=false -tests=false -file handle.go -o handle_gen.go

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Profile is what the directory holds of one member. The zero Profile is a
// stranger.
type Profile struct {
	Name         string `msg:"n,omitempty"`
	Locale       string `msg:"l,omitempty"`  // BCP 47, "" for the community's
	TimeZone     string `msg:"tz,omitempty"` // IANA, "" for the community's
	GitHub       string `msg:"gh,omitempty"` // as they said; not confirmed
	Linked       string `msg:"gl,omitempty"` // their GitHub account, confirmed; it has a row under handle/
	Firsts       uint8  `msg:"f,omitempty"`  // a bit for each of Firsts that they have done
	Joined       int64  `msg:"j,omitempty"`  // first join that was seen, Unix milliseconds; 0: none was
	Left         int64  `msg:"lf,omitempty"` // when they left, if they are gone
	Bot          bool   `msg:"b,omitempty"`
	Guest        bool   `msg:"g,omitempty"`
	Stopped      bool   `msg:"s,omitempty"`  // wants nothing they did not ask for
	NoDM         bool   `msg:"nd,omitempty"` // the bot cannot write to them directly
	ChosenLocale bool   `msg:"cl,omitempty"` // they chose Locale themselves: what the platform says no longer counts
}

// Key is where the profile of a member lies.
func Key(id string) store.Key { return store.Join("member", id) }

// Get reads a profile and the revision it stands at, 0 for a stranger.
func Get(ctx context.Context, snap store.Snapshot, id string) (Profile, store.Rev, error) {
	var p Profile
	row, err := snap.Get(ctx, Key(id))
	if err != nil || !row.Exists() {
		return p, 0, err
	}
	if _, err := p.UnmarshalMsg(row.Value); err != nil {
		return p, 0, fmt.Errorf("members: profile of %s: %w", id, err)
	}
	return p, row.Rev, nil
}

// Put adds the write of p to b, conditional on the profile being unchanged
// since it was read at rev.
func Put(b *store.Batch, id string, p *Profile, rev store.Rev) error {
	v, err := p.MarshalMsg(nil)
	if err != nil {
		return fmt.Errorf("members: profile of %s: %w", id, err)
	}
	b.Check(Key(id), rev)
	b.Put(Key(id), v)
	return nil
}

// Learn takes in what an event tells of a member, and says whether that
// changed the profile. A second join keeps the date of the first.
func (p *Profile) Learn(e *abi.Event) bool {
	was := *p
	m := e.Member
	if m.Name != "" {
		p.Name = m.Name
	}
	if m.Locale != "" && !p.ChosenLocale {
		p.Locale = m.Locale
	}
	if ValidTimeZone(m.TimeZone) {
		p.TimeZone = m.TimeZone
	}
	if e.Conversation.Kind == abi.Direct {
		p.NoDM = false // they wrote first
	}
	// Only who joins or leaves tells it all; other events leave flags out.
	switch e.Kind {
	case abi.MemberJoined:
		p.Bot, p.Guest = m.Bot, m.Guest
		if p.Joined == 0 {
			p.Joined = e.Time
		}
		p.Left = 0
	case abi.CustomTracked:
		p.Firsts |= First(e)
	case abi.MemberLeft:
		// Leaving one channel is not leaving the community.
		if e.Conversation.ID == "" {
			p.Left = e.Time
		}
	}
	return *p != was
}

// Apply carries out what a plugin was told by the member, and says whether
// that changed the profile.
func (p *Profile) Apply(c *abi.Profile) (bool, error) {
	was := *p
	if c.Locale != "" {
		p.Locale, p.ChosenLocale = c.Locale, true
	}
	if c.TimeZone != "" {
		if !ValidTimeZone(c.TimeZone) {
			return false, fmt.Errorf("members: no time zone %q; use an IANA name such as Asia/Shanghai", c.TimeZone)
		}
		p.TimeZone = c.TimeZone
	}
	if c.GitHub != "" {
		p.GitHub = strings.TrimPrefix(c.GitHub, "@")
	}
	switch {
	case c.Stop:
		p.Stopped = true
	case c.Resume:
		p.Stopped = false
	}
	return *p != was, nil
}

// Member is the profile as an event carries it.
func (p *Profile) Member(id string) abi.Member {
	return abi.Member{ID: id, Name: p.Name, Locale: p.Locale, TimeZone: p.TimeZone, Bot: p.Bot, Guest: p.Guest, NoDM: p.NoDM, JoinedAt: p.Joined, Stopped: p.Stopped}
}

// ValidTimeZone says whether name is a time zone that can be computed with.
func ValidTimeZone(name string) bool {
	if name == "" || name == "Local" {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}
