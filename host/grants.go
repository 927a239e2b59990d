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
		if n.Cap != abi.CapState {
			continue
		}
		if mib, err := strconv.ParseInt(n.Param, 10, 32); err == nil {
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

// needsText names capabilities for people: "dm, http api.github.com".
func needsText(needs []abi.Need) string {
	var out []string
	for _, n := range needs {
		out = append(out, strings.TrimSpace(n.Cap+" "+n.Param))
	}
	return strings.Join(out, ", ")
}

// grantsOf reads what was granted to a plugin, and the revision of that: 0 if it
// was never granted or refused anything.
func (e *Engine) grantsOf(ctx context.Context, snap store.Snapshot, name string) (grants, store.Rev, error) {
	row, err := snap.Get(ctx, kGrant.Join(name))
	if err != nil {
		return nil, 0, fmt.Errorf("reading the grants of %s: %w", name, err)
	}
	if !row.Exists() {
		return nil, 0, nil
	}
	var g grantRow
	if _, err := g.UnmarshalMsg(row.Value); err != nil {
		return nil, 0, fmt.Errorf("reading the grants of %s: %w", name, err)
	}
	return g.Needs, row.Rev, nil
}

// putGrants adds to b that a plugin is granted needs and nothing else, if its
// grants are still at rev.
func putGrants(b *store.Batch, name string, needs []abi.Need, rev store.Rev) error {
	v, err := (&grantRow{Needs: needs}).MarshalMsg(nil)
	if err != nil {
		return fmt.Errorf("granting to %s: %w", name, err)
	}
	b.Check(kGrant.Join(name), rev)
	b.Put(kGrant.Join(name), v)
	return nil
}

// with is v with other grants: the same module and image.
func (v *version) with(g grants) *version {
	if slices.Equal(v.grants, g) {
		return v
	}
	w := &version{manifest: v.manifest, sha: v.sha, config: v.config, grants: g, guest: v.guest, compiled: v.compiled, options: v.options}
	w.age.Store(v.age.Load())
	return w
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
	have, rev, err := e.grantsOf(ctx, snap, m.Name)
	if err != nil || rev != 0 || !all {
		return have, err
	}
	b := new(store.Batch)
	if err := putGrants(b, m.Name, m.Needs, 0); err != nil {
		return nil, err
	}
	if _, err := e.store.Commit(ctx, b); err != nil {
		return nil, fmt.Errorf("granting to %s: %w", m.Name, err)
	}
	return m.Needs, nil
}

// Granted is what was granted to a plugin, whether it asks for it or not.
func (e *Engine) Granted(ctx context.Context, name string) ([]abi.Need, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("host: grants of %s: %w", name, err)
	}
	defer snap.Close()
	g, _, err := e.grantsOf(ctx, snap, name)
	if err != nil {
		return nil, fmt.Errorf("host: grants of %s: %w", name, err)
	}
	return g, nil
}
