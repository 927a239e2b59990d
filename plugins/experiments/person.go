package main

import (
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/plugins/experiments/plan"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

// maxDid is how many tracked names are kept of a member: the first.
const maxDid = 32

// person is what is kept of a member: what targets ask for and the next event, or
// a query, may not tell, and what they were given. Times are Unix milliseconds.
type person struct {
	Since    int64    `json:"s"` // first seen
	Joined   int64    `json:"j,omitempty"`
	Locale   string   `json:"l,omitempty"`
	TimeZone string   `json:"z,omitempty"`
	Guest    bool     `json:"g,omitempty"`
	NoDM     bool     `json:"n,omitempty"`
	Did      []string `json:"d,omitempty"` // tracked names, sorted
	Given    []given  `json:"x,omitempty"` // by key
}

// given is the variation of an experiment that a member was given first, and when.
type given struct {
	Key       string `json:"k"`
	Variation string `json:"v"`
	At        int64  `json:"t"`
}

var persons = sdk.PerMember[person]("person")

// assign says of an event what its member gets, and keeps what they are given for
// the first time. Nobody and bots get nothing.
func assign(c *ctx) error {
	if c.Member.ID == "" || c.Member.Bot {
		return nil
	}
	p, old := persons.Lookup(c)
	if !old {
		p.Since = c.Now().UnixMilli()
	}
	changed := p.learn(&c.Member, c.Event) || !old
	k := p.known(c.Member.ID, &c.Base)
	for _, r := range live {
		a := r.Assign(&k, p.given(r.Key), c.Now())
		switch {
		case !a.In():
			continue
		case a.Counted:
			c.Assign(a.Key, a.Name)
		default:
			c.Annotate(a.Key, a.Name)
		}
		if a.First {
			p.give(given{a.Key, a.Name, c.Now().UnixMilli()})
			changed = true
		}
	}
	if changed {
		persons.Set(c, p)
	}
	return nil
}

// learn takes in what an event tells of the member, and says whether that is new.
func (p *person) learn(m *abi.Member, ev *abi.Event) (changed bool) {
	if p.Joined != m.JoinedAt || p.Locale != m.Locale || p.TimeZone != m.TimeZone || p.Guest != m.Guest || p.NoDM != m.NoDM {
		p.Joined, p.Locale, p.TimeZone, p.Guest, p.NoDM = m.JoinedAt, m.Locale, m.TimeZone, m.Guest, m.NoDM
		changed = true
	}
	name := ""
	switch ev.Kind {
	case abi.CustomTracked:
		name = ev.Custom.Name
	case abi.PROpened, abi.PRMerged:
		name = string(ev.Kind)
	}
	if name == "" || len(p.Did) >= maxDid {
		return changed
	}
	if i, did := slices.BinarySearch(p.Did, name); !did {
		p.Did = slices.Insert(p.Did, i, name)
		changed = true
	}
	return changed
}

// known is what targets ask for.
func (p *person) known(id string, b *sdk.Base) plan.Known {
	m := abi.Member{ID: id, Locale: p.Locale, TimeZone: p.TimeZone, Guest: p.Guest, NoDM: p.NoDM, JoinedAt: p.Joined}
	var since time.Time
	if p.Since != 0 {
		since = time.UnixMilli(p.Since)
	}
	community := b.Community()
	return plan.Of(&m, community.Locale, community.TimeZone, since, p.Did, b.Now())
}

// given is what the member was given first of an experiment, nil if nothing.
func (p *person) given(key string) *plan.Given {
	i, ok := p.find(key)
	if !ok {
		return nil
	}
	g := &p.Given[i]
	return &plan.Given{Key: g.Key, Variation: g.Variation, At: time.UnixMilli(g.At)}
}

// give keeps what was given, and drops what was of experiments that are no more.
func (p *person) give(g given) {
	p.Given = slices.DeleteFunc(slices.Clone(p.Given), func(o given) bool { return o.Key == g.Key || known[o.Key] == nil })
	i, _ := p.find(g.Key)
	p.Given = slices.Insert(p.Given, i, g)
}

func (p *person) find(key string) (int, bool) {
	return slices.BinarySearchFunc(p.Given, key, func(g given, key string) int { return strings.Compare(g.Key, key) })
}
