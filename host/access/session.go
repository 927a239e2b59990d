package access

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
)

// sessionRow is a session as it is stored. Times are Unix milliseconds.
type sessionRow struct {
	ID    string `json:"i"` // of the person
	Name  string `json:"n"`
	Role  Role   `json:"r"`
	Of    string `json:"o,omitempty"` // digest of the token that began it: it ends with that
	Began int64  `json:"b"`
	Ends  int64  `json:"e"`
	Used  int64  `json:"u"`
	From  string `json:"f,omitempty"`
	Agent string `json:"a,omitempty"`
}

// Client is from where somebody signs in, for the list of sessions.
type Client struct {
	Address string // of the network
	Agent   string // what the browser calls itself
}

// Session is somebody who is signed in.
type Session struct {
	ID                string
	Person            Person
	Began, Ends, Used time.Time
	Client            Client
}

func (s *sessionRow) session(sum string) Session {
	return Session{ID: sum[:idLen], Person: Person{s.ID, s.Name, s.Role}, Began: time.UnixMilli(s.Began).UTC(), Ends: time.UnixMilli(s.Ends).UTC(),
		Used: time.UnixMilli(s.Used).UTC(), Client: Client{s.From, s.Agent}}
}

// SignIn begins a session of who shows a token, and returns what the browser is
// to keep; ErrUnknown if it is nobody's token.
func (k *Keeper) SignIn(ctx context.Context, token string, from Client) (string, Session, error) {
	p, err := k.ByToken(ctx, token)
	if err != nil {
		return "", Session{}, err
	}
	return k.begin(ctx, new(store.Batch), p, digest(token), from)
}

// SignInAs begins a session of somebody whom another has made sure of: a
// provider of identities.
func (k *Keeper) SignInAs(ctx context.Context, p Person, from Client) (string, Session, error) {
	return k.begin(ctx, new(store.Batch), p, "", from)
}

func (k *Keeper) begin(ctx context.Context, b *store.Batch, p Person, of string, from Client) (string, Session, error) {
	if err := k.makeRoom(ctx); err != nil {
		return "", Session{}, err
	}
	now := k.o.Now()
	const mostClient = 200
	s := sessionRow{ID: p.ID, Name: p.Name, Role: p.Role, Of: of, Began: now.UnixMilli(), Ends: now.Add(k.o.Session).UnixMilli(), Used: now.UnixMilli(),
		From: from.Address[:min(len(from.Address), mostClient)], Agent: from.Agent[:min(len(from.Agent), mostClient)]}
	cookie := newSecret()
	sum := digest(cookie)
	err := put(b, kSession.Join(sum), &s)
	if err == nil {
		err = k.o.Audit.Put(b, audit.Entry{Who: p.Who("page"), Did: "session.begin", On: "session/" + sum[:idLen]})
	}
	if err == nil {
		_, err = k.o.Store.Commit(ctx, b)
	}
	if err != nil {
		return "", Session{}, fmt.Errorf("access: begin a session: %w", err)
	}
	return cookie, s.session(sum), nil
}

// makeRoom deletes the sessions that are over, and those that were used least
// lately if there are too many.
func (k *Keeper) makeRoom(ctx context.Context) error {
	type old struct {
		sum  string
		used int64
	}
	now := k.o.Now().UnixMilli()
	b := new(store.Batch)
	var all []old
	err := k.each(ctx, kSession, func(sum string, at store.Row) error {
		var s sessionRow
		if err := json.Unmarshal(at.Value, &s); err != nil {
			return err
		}
		if now < s.Ends {
			all = append(all, old{sum, s.Used})
		} else if len(b.Writes()) < store.MaxOps {
			b.Delete(kSession.Join(sum))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n := len(all) - MaxSessions + 1; n > 0 {
		slices.SortFunc(all, func(a, b old) int { return int(a.used - b.used) })
		for _, s := range all[:min(n, store.MaxOps-len(b.Writes()))] {
			b.Delete(kSession.Join(s.sum))
		}
	}
	if len(b.Writes()) == 0 {
		return nil
	}
	if _, err := k.o.Store.Commit(ctx, b); err != nil {
		return fmt.Errorf("access: %w", err)
	}
	return nil
}

// Session is the session of what a browser kept; ErrUnknown if it is none, or
// none any more.
func (k *Keeper) Session(ctx context.Context, cookie string) (Session, error) {
	var s sessionRow
	sum := digest(cookie)
	key := kSession.Join(sum)
	rev, err := k.get(ctx, key, &s)
	if err != nil {
		return Session{}, err
	}
	now := k.o.Now()
	if rev == 0 || now.UnixMilli() >= s.Ends {
		return Session{}, ErrUnknown
	}
	if s.Of != "" && s.Of != digest(k.o.Admin()) {
		var t tokenRow
		at, err := k.get(ctx, kToken.Join(s.Of), &t)
		if err != nil {
			return Session{}, err
		}
		if at == 0 || t.over(now) {
			return Session{}, ErrUnknown
		}
	}
	if now.Sub(time.UnixMilli(s.Used)) >= usedEvery {
		s.Used = now.UnixMilli()
		if err := k.touch(ctx, key, rev, &s); err != nil {
			return Session{}, err
		}
	}
	return s.session(sum), nil
}

// Sessions lists those who are signed in, who was there last first.
func (k *Keeper) Sessions(ctx context.Context) ([]Session, error) {
	now := k.o.Now().UnixMilli()
	out := []Session{}
	err := k.each(ctx, kSession, func(sum string, at store.Row) error {
		var s sessionRow
		if err := json.Unmarshal(at.Value, &s); err != nil {
			return err
		}
		if now < s.Ends {
			out = append(out, s.session(sum))
		}
		return nil
	})
	slices.SortFunc(out, func(a, b Session) int { return b.Used.Compare(a.Used) })
	return out, err
}

// SignOut ends a session by what its browser kept. That there is none is as good.
func (k *Keeper) SignOut(ctx context.Context, cookie string) error {
	b := new(store.Batch)
	b.Delete(kSession.Join(digest(cookie)))
	if _, err := k.o.Store.Commit(ctx, b); err != nil {
		return fmt.Errorf("access: sign out: %w", err)
	}
	return nil
}

// End ends a session by its ID, on somebody's behalf; ErrNotFound if there is
// none.
func (k *Keeper) End(ctx context.Context, by audit.Who, id string) error {
	var s sessionRow
	sum, err := k.find(ctx, kSession, id, &s)
	if err != nil {
		return err
	}
	b := new(store.Batch)
	b.Delete(kSession.Join(sum))
	err = k.o.Audit.Put(b, audit.Entry{Who: by, Did: "session.end", On: "session/" + id, Before: s.Name + " · " + string(s.Role)})
	if err == nil {
		_, err = k.o.Store.Commit(ctx, b)
	}
	if err != nil {
		return fmt.Errorf("access: end a session: %w", err)
	}
	return nil
}
