package chattest

import (
	"context"
	"slices"
	"sync"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Sink is a chat.Sink that keeps what it accepts, each event once. Its zero
// value is ready; the fields are set before use.
type Sink struct {
	Forms map[string]abi.Form // by token
	Cmds  []abi.CommandDef

	// Decide, if set, says what becomes of an event before it is kept; it is kept
	// if the answer is Accepted and no error.
	Decide func(chat.Incoming) (chat.Outcome, error)

	mu   sync.Mutex
	seen map[string]bool
	got  []chat.Incoming
}

var _ chat.Sink = (*Sink)(nil)

// Accept keeps an event that it has not had before.
func (s *Sink) Accept(_ context.Context, in chat.Incoming) (chat.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := in.Event.Source + "/" + in.Event.ID
	if s.seen[key] {
		return chat.Duplicate, nil
	}
	if s.Decide != nil {
		if out, err := s.Decide(in); err != nil || out != chat.Accepted {
			return out, err
		}
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[key] = true
	s.got = append(s.got, in)
	return chat.Accepted, nil
}

// Form returns the form behind a token.
func (s *Sink) Form(_ context.Context, token string) (abi.Form, error) {
	f, ok := s.Forms[token]
	if !ok {
		return abi.Form{}, chat.ErrGone
	}
	return f, nil
}

// Commands lists Cmds.
func (s *Sink) Commands() []abi.CommandDef { return s.Cmds }

// Got is what was accepted so far.
func (s *Sink) Got() []chat.Incoming {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// Take is what was accepted since the last Take.
func (s *Sink) Take() []chat.Incoming {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.got
	s.got = nil
	return out
}
