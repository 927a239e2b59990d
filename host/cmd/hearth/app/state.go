package app

import (
	"slices"
	"sync"
)

// state is how far the app has come, for /readyz.
type state struct {
	mu      sync.Mutex
	phase   phase
	missing []string // plugins that could not be installed
}

type phase int

const (
	starting phase = iota
	running
	stopping
)

func (s *state) enter(p phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = max(s.phase, p)
}

func (s *state) is(p phase) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase == p
}

func (s *state) lack(plugin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing = append(s.missing, plugin)
}

func (s *state) lacking() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.missing)
}

// notReady says why events are not handled, or not all of them. It is shown to
// whoever asks, so it says nothing that the log is for.
func (s *state) notReady() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.phase {
	case starting:
		return []string{"plugins are being prepared"}
	case stopping:
		return []string{"hearth is stopping"}
	}
	var out []string
	for _, m := range s.missing {
		out = append(out, "plugin "+m+" could not be installed; the log says why")
	}
	return out
}
