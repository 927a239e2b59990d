package host

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// capabilities are all that can be granted.
var capabilities = []string{abi.CapSend, abi.CapDM, abi.CapReact, abi.CapTimers, abi.CapState, abi.CapMembers, abi.CapHTTP,
	abi.CapVerify, abi.CapAnnotate, abi.CapEmit}

// grants are the capabilities an admin gave a plugin. The zero value is none.
type grants []abi.Need

func (g grants) has(capability string) bool {
	return slices.ContainsFunc(g, func(n abi.Need) bool { return n.Cap == capability })
}

// host says whether requests to a host name were granted.
func (g grants) host(name string) bool {
	return slices.ContainsFunc(g, func(n abi.Need) bool { return n.Cap == abi.CapHTTP && strings.EqualFold(n.Param, name) })
}

// freeState is how many bytes of rows a plugin may keep without asking.
const freeState = 1 << 20

// quota is how many bytes of rows the plugin may keep.
func (g grants) quota() int64 {
	q := int64(freeState)
	for _, n := range g {
		if mib, err := strconv.ParseInt(n.Param, 10, 32); n.Cap == abi.CapState && err == nil {
			q = max(q, mib<<20)
		}
	}
	return q
}

// missing are the needs that were not granted.
func (g grants) missing(needs []abi.Need) []abi.Need {
	var out []abi.Need
	for _, n := range needs {
		if !slices.ContainsFunc(g, func(h abi.Need) bool { return h.Cap == n.Cap && h.Param == n.Param }) {
			out = append(out, n)
		}
	}
	return out
}

// loadGrants reads what was granted to a plugin. With all, a plugin that was
// never granted or refused anything is granted what its manifest asks for, for
// good: a later version that asks for more waits for an admin.
func (e *Engine) loadGrants(ctx context.Context, m *abi.Manifest, all bool) (grants, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the grants of %s: %w", m.Name, err)
	}
	defer snap.Close()
	row, err := snap.Get(ctx, kGrant.Join(m.Name))
	if err != nil {
		return nil, fmt.Errorf("reading the grants of %s: %w", m.Name, err)
	}
	if row.Exists() {
		var g grantRow
		if _, err := g.UnmarshalMsg(row.Value); err != nil {
			return nil, fmt.Errorf("reading the grants of %s: %w", m.Name, err)
		}
		return g.Needs, nil
	}
	if !all {
		return nil, nil
	}
	v, err := (&grantRow{Needs: m.Needs}).MarshalMsg(nil)
	if err != nil {
		return nil, fmt.Errorf("granting to %s: %w", m.Name, err)
	}
	b := new(store.Batch)
	b.Check(kGrant.Join(m.Name), 0)
	b.Put(kGrant.Join(m.Name), v)
	if _, err := e.store.Commit(ctx, b); err != nil {
		return nil, fmt.Errorf("granting to %s: %w", m.Name, err)
	}
	return m.Needs, nil
}
