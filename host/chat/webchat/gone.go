package webchat

import (
	"sync"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

const (
	goneTime  = time.Hour        // for which a browser finds out that its member is forgotten
	wordsTime = 30 * time.Second // for which last words are waited for: they come when all rows are gone
	mostGone  = 1000
)

// gone are members who were forgotten a short while ago, and the last that the
// bot said to them. It is in memory alone: of who is forgotten nothing is kept.
// The zero value is ready.
type gone struct {
	mu   sync.Mutex
	list map[string]*parting
}

type parting struct {
	until time.Time
	words string // "" if nothing was said
}

func (g *gone) add(member string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, p := range g.list {
		if now.After(p.until) || len(g.list) >= mostGone {
			delete(g.list, id)
		}
	}
	if g.list == nil {
		g.list = make(map[string]*parting)
	}
	if g.list[member] == nil {
		g.list[member] = &parting{until: now.Add(goneTime)}
	}
}

// say keeps the last words to a member who is gone, and says whether they are.
func (g *gone) say(member string, c abi.Content) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.list[member]
	if p == nil {
		return false
	}
	p.words = chat.PlainText(c)
	return true
}

// words are the last to a member, whether there may be some yet, and whether the
// member is gone.
func (g *gone) words(member string, now time.Time) (words string, awaited, is bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.list[member]
	if p == nil || now.After(p.until) {
		return "", false, false
	}
	return p.words, p.words == "" && now.Before(p.until.Add(wordsTime-goneTime)), true
}
