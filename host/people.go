package host

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Person is a member as the directory knows them.
type Person struct {
	ID       string    `json:"id"`                  // "slack:U2147483697"
	Name     string    `json:"name,omitempty"`      // "" if not known
	Locale   string    `json:"locale,omitempty"`    // BCP 47; "" for the community's
	TimeZone string    `json:"time_zone,omitempty"` // IANA; "" for the community's
	GitHub   string    `json:"github,omitempty"`    // as they said
	Linked   string    `json:"linked,omitempty"`    // their GitHub account, confirmed
	Joined   time.Time `json:"joined,omitzero"`     // first; zero if it was not seen
	Left     time.Time `json:"left,omitzero"`       // zero while they are here
	Bot      bool      `json:"bot,omitempty"`
	Guest    bool      `json:"guest,omitempty"`
	Stopped  bool      `json:"stopped,omitempty"` // wants nothing they did not ask for
	NoDM     bool      `json:"no_dm,omitempty"`   // cannot be written to directly
	Firsts   uint8     `json:"firsts,omitempty"`  // what they have done for the first time, a bit each as [members.Firsts] has them
}

func person(id string, p *members.Profile) Person {
	return Person{ID: id, Name: p.Name, Locale: p.Locale, TimeZone: p.TimeZone, GitHub: p.GitHub, Linked: p.Linked, Joined: moment(p.Joined), Left: moment(p.Left),
		Bot: p.Bot, Guest: p.Guest, Stopped: p.Stopped, NoDM: p.NoDM, Firsts: p.Firsts}
}

// moment is a time as rows have it; the zero time for 0.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// MemberFilter chooses from the directory.
type MemberFilter struct {
	Query string // in name, id or GitHub name, letters' case aside; "" for all
	After string // ids behind this one
	Limit int    // 0 means 50, at most 1,000
}

// MemberPage is a part of the directory, in the order of ids.
type MemberPage struct {
	Members []Person

	// Next is where to go on, "" at the end. A search looks at so many members at
	// most, so its page may be short, or empty, and still have a next.
	Next string
}

// memberLook is how many members one search looks at.
const memberLook = 20_000

// Members lists the directory a page at a time, or searches it.
func (e *Engine) Members(ctx context.Context, f MemberFilter) (MemberPage, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 1000)
	query := strings.ToLower(strings.TrimSpace(f.Query))
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return MemberPage{}, fmt.Errorf("host: listing members: %w", err)
	}
	defer snap.Close()
	var page MemberPage
	looked, last := 0, ""
	for m, err := range members.Scan(ctx, snap, f.After) {
		if err != nil {
			return MemberPage{}, fmt.Errorf("host: listing members: %w", err)
		}
		if len(page.Members) == f.Limit || looked == memberLook {
			page.Next = last
			break
		}
		looked++
		last = m.ID
		if query == "" || strings.Contains(strings.ToLower(m.Name), query) || strings.Contains(strings.ToLower(m.ID), query) || strings.Contains(strings.ToLower(m.GitHub), query) ||
			strings.Contains(strings.ToLower(m.Linked), query) {
			page.Members = append(page.Members, person(m.ID, &m.Profile))
		}
	}
	return page, nil
}

// Member is what is known of one member, for people who look after the
// community.
type Member struct {
	Person
	Seen     time.Time // of their newest event; zero if none is among those looked at
	Events   []Handled // their newest, newest first
	Messages []Message // the newest to them, newest first; those that wait included
	Says     []Saying  // what plugins know of them

	// Since is how far back events were looked for; zero if all of the journal was.
	Since time.Time
}

// Saying is a plugin's view of a member: of the path /member, with the parameter
// member.
type Saying struct {
	Plugin string
	View   abi.View
}

const (
	eventLook   = 10_000 // newest rows of the journal, and of what was sent, that are looked at
	eventsShown = 50
)

// Person returns the directory's entry of a member, and nothing else of them.
// ErrUnknown says that there is none of that id.
func (e *Engine) Person(ctx context.Context, id string) (Person, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return Person{}, fmt.Errorf("host: looking up a member: %w", err)
	}
	defer snap.Close()
	p, rev, err := members.Get(ctx, snap, id)
	if err == nil && rev == 0 {
		err = fmt.Errorf("%w: member %q", ErrUnknown, id)
	}
	if err != nil {
		return Person{}, fmt.Errorf("host: looking up a member: %w", err)
	}
	return person(id, &p), nil
}

// Member returns what is known of a member, with what plugins say to a viewer of
// that role and locale. ErrUnknown says that the directory has none of that id.
func (e *Engine) Member(ctx context.Context, id, role, locale string) (Member, error) {
	m, err := e.member(ctx, id)
	if err != nil {
		return Member{}, fmt.Errorf("host: looking up a member: %w", err)
	}
	for _, p := range e.Plugins() {
		q := abi.Query{Path: "/member", Params: []abi.Annotation{{Name: "member", Value: id}}, Role: role, Locale: locale}
		v, err := e.Query(ctx, p.Name, q)
		if err != nil {
			e.o.Logger.Warn("plugin does not say what it knows of a member", "plugin", p.Name, "err", err)
			continue
		}
		if (v.Status == 0 || v.Status == 200) && len(v.Body) > 0 {
			m.Says = append(m.Says, Saying{p.Name, v})
		}
	}
	return m, nil
}

func (e *Engine) member(ctx context.Context, id string) (Member, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return Member{}, err
	}
	defer snap.Close()
	p, rev, err := members.Get(ctx, snap, id)
	if err != nil {
		return Member{}, err
	}
	if rev == 0 {
		return Member{}, fmt.Errorf("%w: member %q", ErrUnknown, id)
	}
	m := Member{Person: person(id, &p)}
	places, err := directsOf(ctx, snap, id)
	if err != nil {
		return Member{}, err
	}
	t := newTraces(&forgetRow{ID: id, Places: places})
	theirs := func(to abi.Target) bool { return to.Member == id || slices.Contains(places, to.Conversation) }

	looked, err := newest(ctx, snap, kJournal, func(r store.Row) (bool, error) {
		if !t.in(r.Value) {
			return true, nil
		}
		h, err := readHandled(r)
		if err != nil || h.Event.Member.ID != id {
			return err == nil, err
		}
		if m.Seen.IsZero() && ofTheirs(&h.Event) {
			m.Seen = time.UnixMilli(h.Event.Time)
		}
		m.Events = append(m.Events, h)
		return len(m.Events) < eventsShown, nil
	})
	if err != nil {
		return Member{}, err
	}
	m.Since = looked
	if _, err := newest(ctx, snap, kOutbox, func(r store.Row) (bool, error) {
		var o outRow
		if !t.row(r) {
			return true, nil
		}
		if _, err := o.UnmarshalMsg(r.Value); err != nil {
			return false, fmt.Errorf("row %s: %w", r.Key, err)
		}
		if theirs(o.To) {
			x := message(&o)
			x.Number, x.Status = store.Seq(o.Event), "waiting"
			m.Messages = append(m.Messages, x)
		}
		return len(m.Messages) < eventsShown, nil
	}); err != nil {
		return Member{}, err
	}
	_, err = newest(ctx, snap, kSent, func(r store.Row) (bool, error) {
		var s sentRow
		if len(m.Messages) >= eventsShown {
			return false, nil
		}
		if !t.in(r.Value) {
			return true, nil
		}
		if _, err := s.UnmarshalMsg(r.Value); err != nil {
			return false, fmt.Errorf("row %s: %w", r.Key, err)
		}
		if theirs(s.Out.To) {
			m.Messages = append(m.Messages, sentMessage(r.Key, &s))
		}
		return true, nil
	})
	return m, err
}

// ofTheirs says whether an event is something a member did, and not what a timer
// or a plugin did about them.
func ofTheirs(ev *abi.Event) bool {
	return !slices.Contains(own, ev.Kind) && ev.Kind != abi.CustomTracked
}

// newest calls f with the newest rows of a kind until it returns false, and says
// how far back that was: the zero time if there were no more.
func newest(ctx context.Context, snap store.Snapshot, prefix store.Key, f func(store.Row) (bool, error)) (time.Time, error) {
	r := store.Prefix(prefix.Prefix())
	r.Reverse, r.Limit = true, eventLook
	n := 0
	var last store.Key
	for row, err := range snap.Scan(ctx, r) {
		if err != nil {
			return time.Time{}, err
		}
		n++
		last = row.Key
		more, err := f(row)
		if err != nil || !more {
			return time.Time{}, err
		}
	}
	if n < eventLook {
		return time.Time{}, nil
	}
	at, err := keySeq(last)
	return time.Unix(0, int64(at)), err
}

func sentMessage(key store.Key, s *sentRow) Message {
	m := message(&s.Out)
	m.Number, m.Status, m.Why, m.At, m.Messages = splitKey(key, 2)[0], s.Status, s.Why, time.UnixMilli(s.At), s.Messages
	return m
}
