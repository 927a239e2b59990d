// Package registry keeps the versions of plugins: which there are, by whom they
// came and what was found of them, their code, and which one of a plugin is
// live. It owns those rows, what a signature proves, and which old versions go.
// It must not know how a version runs, or what its manifest says: that is bytes.
//
//	plugin/NAME         Plugin, JSON: what is live; changed with a check of its revision
//	version/NAME/SHA    Version, JSON: one version, named by the SHA-256 of its code
//	blob/SHA            the code, as store.PutBlob keeps it, committed before
//	                    the version's row that leads to it
//
// Everything that changes is written into a batch of the caller's, so that it
// stands or falls with the rest of the change: the record of who did it, the
// grants, a state that moved. Code that no version leads to is what a crash or
// an upload that was refused has left; [Sweep] removes it.
package registry

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/store"
)

const (
	kPlugin  = store.Key("plugin")
	kVersion = store.Key("version")
	kBlob    = store.Key("blob")
)

// MaxCode is how many bytes a plugin's code may have: 32 MiB.
const MaxCode = store.MaxBlob

// Errors that callers tell apart.
var (
	// ErrUnknown says that there is no such version, or that its code is gone.
	ErrUnknown = errors.New("registry: unknown version")

	// ErrTooLarge says that code has more than MaxCode bytes.
	ErrTooLarge = errors.New("registry: too large")

	// ErrInvalid says that a row cannot be written as it stands, or was not
	// written by this package.
	ErrInvalid = errors.New("registry: invalid")
)

// Plugin is what is decided about one name. The zero Plugin but for its Name
// is one of which nothing was ever decided.
type Plugin struct {
	Name     string
	Rev      store.Rev // of its row as it was read; 0: there is none
	Live     string    // SHA-256 of the version that is live, hex; "" is none
	Previous []string  // what was live before, the last one first; a roll back takes it
	Disabled bool      // Live does not run until it is enabled
	Removed  bool      // on purpose: what is bundled does not bring it back
	Rollout  []byte    // of whoever rolls a version out, beside Live; nil is none
	Shadow   string    // SHA-256 of the version that is tried silently; "" is none

	// RolloutOf is the version that Rollout is about, so that it is not dropped.
	RolloutOf string

	// Bundled is the version that last came with hearth and was made live, so that
	// it is not again after somebody has rolled it back; "" is none.
	Bundled string
}

// Version is one version of a plugin.
type Version struct {
	Name         string
	SHA256       string    // of its code, hex
	Rev          store.Rev // of its row as it was read; 0: there is none
	Version      string    // as its author calls it
	StateVersion int
	Manifest     []byte // as describe returned it
	Size         int64  // of its code
	Uploaded     time.Time
	By           audit.Who
	Why          string
	Bundled      bool // it came with hearth
	Signature    Signature
	SelfTest     string // what was tried, and took how long
	Order        uint64 // rises with each upload; 0 of none
}

// pluginRow and versionRow are those as they are stored.
type pluginRow struct {
	Live      string   `json:"live,omitempty"`
	Previous  []string `json:"previous,omitempty"`
	Disabled  bool     `json:"disabled,omitempty"`
	Removed   bool     `json:"removed,omitempty"`
	Rollout   []byte   `json:"rollout,omitempty"`
	RolloutOf string   `json:"rollout_of,omitempty"`
	Shadow    string   `json:"shadow,omitempty"`
	Bundled   string   `json:"bundled,omitempty"`
}

type versionRow struct {
	Version   string `json:"version"`
	State     int    `json:"state,omitempty"`
	Manifest  []byte `json:"manifest"`
	Size      int64  `json:"size"`
	Uploaded  int64  `json:"uploaded"` // Unix milliseconds
	ID        string `json:"by,omitempty"`
	Who       string `json:"by_name,omitempty"`
	Role      string `json:"by_role,omitempty"`
	Via       string `json:"via,omitempty"`
	Why       string `json:"why,omitempty"`
	Bundled   bool   `json:"bundled,omitempty"`
	Signature string `json:"signature,omitempty"`
	Key       string `json:"key,omitempty"`
	Comment   string `json:"comment,omitempty"`
	SelfTest  string `json:"self_test,omitempty"`
	Order     uint64 `json:"order,omitempty"`
}

// Runs names the versions that must stay: live, before it, rolled out, tried.
func (p *Plugin) Runs() []string {
	return slices.DeleteFunc([]string{p.Live, p.RolloutOf, p.Shadow}, func(s string) bool { return s == "" })
}

// Promote makes sha what is live, and what was live the one before.
func (p *Plugin) Promote(sha string) {
	if p.Live == sha {
		return
	}
	before := slices.DeleteFunc(slices.Clone(p.Previous), func(s string) bool { return s == sha || s == p.Live })
	if p.Live != "" {
		before = append([]string{p.Live}, before...)
	}
	p.Live, p.Previous = sha, before[:min(len(before), maxPrevious)]
	p.Removed = false
}

// RollBack makes live what was live before. It returns false if nothing was.
// What is rolled back from is not what another roll back would come to.
func (p *Plugin) RollBack() bool {
	if len(p.Previous) == 0 {
		return false
	}
	p.Live, p.Previous = p.Previous[0], slices.Clone(p.Previous[1:])
	return true
}

// maxPrevious is how far roll backs can go: each is a row that has to be kept.
const maxPrevious = 20

// SHA says whether s is the name of code: 64 lower-case hexadecimal digits.
func SHA(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && s == strings.ToLower(s)
}

func pluginKey(name string) store.Key       { return kPlugin.Join(name) }
func versionKey(name, sha string) store.Key { return kVersion.Join(name, sha) }

// PluginOf reads what is decided about a name; the zero Plugin with that name
// if nothing is.
func PluginOf(ctx context.Context, snap store.Snapshot, name string) (Plugin, error) {
	row, err := snap.Get(ctx, pluginKey(name))
	if err != nil {
		return Plugin{}, fmt.Errorf("registry: plugin %s: %w", name, err)
	}
	if !row.Exists() {
		return Plugin{Name: name}, nil
	}
	return readPlugin(row)
}

// Plugins reads all that something was decided about, by name.
func Plugins(ctx context.Context, snap store.Snapshot) ([]Plugin, error) {
	var out []Plugin
	for row, err := range snap.Scan(ctx, store.Prefix(kPlugin.Prefix())) {
		if err != nil {
			return nil, fmt.Errorf("registry: plugins: %w", err)
		}
		p, err := readPlugin(row)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func readPlugin(row store.Row) (Plugin, error) {
	s := row.Key.Segments()
	var r pluginRow
	if err := json.Unmarshal(row.Value, &r); err != nil {
		return Plugin{}, fmt.Errorf("%w: row %s: %w", ErrInvalid, row.Key, err)
	}
	return Plugin{Name: s[len(s)-1], Rev: row.Rev, Live: r.Live, Previous: r.Previous, Disabled: r.Disabled, Removed: r.Removed,
		Rollout: r.Rollout, RolloutOf: r.RolloutOf, Shadow: r.Shadow, Bundled: r.Bundled}, nil
}

// Put writes p, if its row is still the one that was read.
func (p *Plugin) Put(b *store.Batch) error {
	for _, sha := range slices.Concat([]string{p.Live, p.RolloutOf, p.Shadow}, p.Previous) {
		if sha != "" && !SHA(sha) {
			return fmt.Errorf("%w: plugin %s leads to %q, which is no SHA-256", ErrInvalid, p.Name, sha)
		}
	}
	v, err := json.Marshal(pluginRow{p.Live, p.Previous, p.Disabled, p.Removed, p.Rollout, p.RolloutOf, p.Shadow, p.Bundled})
	if err != nil {
		return fmt.Errorf("registry: plugin %s: %w", p.Name, err)
	}
	b.Check(pluginKey(p.Name), p.Rev)
	b.Put(pluginKey(p.Name), v)
	return nil
}

// Delete makes p one of which nothing was ever decided, if its row is still the
// one that was read.
func (p *Plugin) Delete(b *store.Batch) {
	b.Check(pluginKey(p.Name), p.Rev)
	b.Delete(pluginKey(p.Name))
}

// VersionOf reads one version; ErrUnknown if there is none.
func VersionOf(ctx context.Context, snap store.Snapshot, name, sha string) (Version, error) {
	row, err := snap.Get(ctx, versionKey(name, sha))
	if err != nil {
		return Version{}, fmt.Errorf("registry: version %s of plugin %s: %w", sha, name, err)
	}
	if !row.Exists() {
		return Version{}, fmt.Errorf("%w: plugin %s has no version %.12s", ErrUnknown, name, sha)
	}
	return readVersion(row)
}

// Versions reads the versions of a plugin, or of all with the name "": by name,
// the newest first.
func Versions(ctx context.Context, snap store.Snapshot, name string) ([]Version, error) {
	under := kVersion
	if name != "" {
		under = kVersion.Join(name)
	}
	var out []Version
	for row, err := range snap.Scan(ctx, store.Prefix(under.Prefix())) {
		if err != nil {
			return nil, fmt.Errorf("registry: versions: %w", err)
		}
		v, err := readVersion(row)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b Version) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return -compare(a, b)
	})
	return out, nil
}

// compare orders versions as they came.
func compare(a, b Version) int {
	switch {
	case a.Order != b.Order && a.Order < b.Order:
		return -1
	case a.Order != b.Order:
		return 1
	}
	return a.Uploaded.Compare(b.Uploaded)
}

func readVersion(row store.Row) (Version, error) {
	s := row.Key.Segments()
	var r versionRow
	if err := json.Unmarshal(row.Value, &r); err != nil {
		return Version{}, fmt.Errorf("%w: row %s: %w", ErrInvalid, row.Key, err)
	}
	if len(s) != 3 {
		return Version{}, fmt.Errorf("%w: row %s", ErrInvalid, row.Key)
	}
	return Version{Name: s[1], SHA256: s[2], Rev: row.Rev, Version: r.Version, StateVersion: r.State, Manifest: r.Manifest, Size: r.Size,
		Uploaded: time.UnixMilli(r.Uploaded).UTC(), By: audit.Who{ID: r.ID, Name: r.Who, Role: r.Role, Via: r.Via}, Why: r.Why, Bundled: r.Bundled,
		Signature: Signature{Status: r.Signature, Key: r.Key, Comment: r.Comment}, SelfTest: r.SelfTest, Order: r.Order}, nil
}

// Put writes v, whose code must be there: see [PutCode].
func (v *Version) Put(b *store.Batch, code Code) error {
	if v.SHA256 != code.SHA256 || !SHA(v.SHA256) || v.Name == "" {
		return fmt.Errorf("%w: version %.12s of plugin %q", ErrInvalid, v.SHA256, v.Name)
	}
	row, err := v.encode()
	if err != nil {
		return err
	}
	b.Check(kBlob.Join(v.SHA256), code.Rev) // nobody sweeps it meanwhile
	v.Check(b)
	b.Put(versionKey(v.Name, v.SHA256), row)
	return nil
}

func (v *Version) encode() ([]byte, error) {
	row, err := json.Marshal(versionRow{v.Version, v.StateVersion, v.Manifest, v.Size, v.Uploaded.UnixMilli(), v.By.ID, v.By.Name, v.By.Role, v.By.Via,
		v.Why, v.Bundled, v.Signature.Status, v.Signature.Key, v.Signature.Comment, v.SelfTest, v.Order})
	if err != nil {
		return nil, fmt.Errorf("registry: version %s of plugin %s: %w", v.SHA256, v.Name, err)
	}
	return row, nil
}

// Check makes b conditional on v's row being as it was read.
func (v *Version) Check(b *store.Batch) { b.Check(versionKey(v.Name, v.SHA256), v.Rev) }

// Drop removes versions; their code goes with the next sweep.
func Drop(b *store.Batch, versions ...Version) {
	for _, v := range versions {
		b.Delete(versionKey(v.Name, v.SHA256))
	}
}

// Old are the versions of a plugin that go if keep of those that do not run
// stay, the newest of them. versions are all of its, in any order.
func Old(p *Plugin, versions []Version, keep int) []Version {
	runs := p.Runs()
	rest := slices.DeleteFunc(slices.Clone(versions), func(v Version) bool { return slices.Contains(runs, v.SHA256) })
	// What a roll back leads to next is worth more than what was never live.
	slices.SortStableFunc(rest, func(a, b Version) int {
		if next := p.next(); next != "" && a.SHA256 != b.SHA256 {
			switch next {
			case a.SHA256:
				return -1
			case b.SHA256:
				return 1
			}
		}
		return -compare(a, b)
	})
	return rest[min(keep, len(rest)):]
}

func (p *Plugin) next() string {
	if len(p.Previous) == 0 {
		return ""
	}
	return p.Previous[0]
}

// Forgo takes versions out of what roll backs lead to.
func (p *Plugin) Forgo(versions ...Version) {
	p.Previous = slices.DeleteFunc(slices.Clone(p.Previous), func(sha string) bool {
		return slices.ContainsFunc(versions, func(v Version) bool { return v.SHA256 == sha })
	})
}
