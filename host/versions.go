package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Why a version is not taken in or not made live. Each is found with errors.Is;
// ErrManifest, ErrConfig and ErrSelfTest may be, too.
var (
	// ErrSignature says that a signature is wrong, or missing where one is required.
	ErrSignature = registry.ErrSignature

	// ErrTooLarge says that code has more than MaxPlugin bytes.
	ErrTooLarge = errors.New("host: the plugin is too large")

	// ErrMissingGrants says that a version asks for what was not granted; see
	// MissingGrants for what that is.
	ErrMissingGrants = errors.New("host: the plugin waits for permissions")

	// ErrStateVersion says that a version cannot read the rows as they are.
	ErrStateVersion = errors.New("host: the plugin's rows are of another state version")

	// ErrGate says that a version did not pass what it had to pass to be made live.
	ErrGate = errors.New("host: the version did not pass its gate")

	// ErrChanging says that another change of that plugin is under way.
	ErrChanging = errors.New("host: the plugin is being changed already; try again when that has ended")

	// ErrInUse says that a version, or a plugin, cannot be removed or tried because
	// it runs.
	ErrInUse = errors.New("host: it is in use")

	// ErrNothingBefore says that there is no version to roll back to.
	ErrNothingBefore = errors.New("host: there is no version to roll back to")
)

// MaxPlugin is how many bytes a plugin's code may have: 32 MiB.
const MaxPlugin = registry.MaxCode

// MissingGrants is the ErrMissingGrants that says what is missing.
type MissingGrants struct {
	Name, Version string
	Missing       []abi.Need
	Reasons       []abi.Localized // of each of Missing, why it is asked for
}

func missingGrants(name string, m *abi.Manifest, missing []abi.Need) *MissingGrants {
	e := &MissingGrants{Name: name, Version: m.Version, Missing: missing}
	for _, n := range missing {
		e.Reasons = append(e.Reasons, m.Reason(n))
	}
	return e
}

func (m *MissingGrants) Error() string {
	return fmt.Sprintf("%v: plugin %s %s asks for %s, which was not granted; grant it or leave the version as it is",
		ErrMissingGrants, m.Name, m.Version, needsText(m.Missing))
}

// Unwrap makes it an ErrMissingGrants.
func (m *MissingGrants) Unwrap() error { return ErrMissingGrants }

// What a version is to its plugin, VersionInfo.Status.
const (
	StatusLive     = "live"     // handles events, unless the plugin is disabled
	StatusStaged   = "staged"   // is there, and was tried
	StatusPrevious = "previous" // was live; a roll back may come to it
	StatusRollout  = "rollout"  // handles some of the events
	StatusShadow   = "shadow"   // is tried silently
)

// Upload is code that is to become a version.
type Upload struct {
	Code      []byte // not to be changed any more
	Signature []byte // in minisign's format; nil for none
	Name      string // that the plugin is expected to have; "" for any
	Who       audit.Who
	Why       string
	Bundled   bool // it comes with hearth, which vouches for it
}

// PromoteOptions say how a version is made live.
type PromoteOptions struct {
	// Grant grants what the version asks for and was not granted, in the same
	// step. Whoever sets it has shown the difference to an admin.
	Grant bool

	// Gate is what the version has to pass first; nil is nothing. One that does not
	// is ErrGate.
	Gate *Gate
}

// VersionInfo describes a version that the registry has.
type VersionInfo struct {
	Name         string
	SHA256       string
	Version      string
	Status       string
	Disabled     bool // the plugin: nothing of it runs
	Manifest     abi.Manifest
	Size         int64 // bytes of code
	Uploaded     time.Time
	By           audit.Who
	Why          string
	Bundled      bool
	Signature    registry.Signature
	SelfTest     string // what was tried
	Missing      []abi.Need
	StateVersion int
	Place        int // among what roll backs come to, from 1; 0 if they do not
}

// Versions lists the versions of a plugin, or of every one with the name "": by
// name, the newest first. A plugin that only Install knows has none.
func (e *Engine) Versions(ctx context.Context, name string) ([]VersionInfo, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("host: listing versions: %w", err)
	}
	defer snap.Close()
	list, err := registry.Versions(ctx, snap, name)
	if err != nil {
		return nil, fmt.Errorf("host: listing versions: %w", err)
	}
	if name != "" && len(list) == 0 {
		return nil, fmt.Errorf("%w: plugin %q", ErrUnknown, name)
	}
	var out []VersionInfo
	var row registry.Plugin
	var have grants
	for _, v := range list {
		if v.Name != row.Name {
			if row, err = registry.PluginOf(ctx, snap, v.Name); err != nil {
				return nil, fmt.Errorf("host: listing versions: %w", err)
			}
			if have, _, err = e.grantsOf(ctx, snap, v.Name); err != nil {
				return nil, fmt.Errorf("host: listing versions: %w", err)
			}
		}
		info, err := versionInfo(&row, &v, have)
		if err != nil {
			return nil, err
		}
		out = append(out, info)
	}
	return out, nil
}

// Version describes one version; ErrUnknown if there is none.
func (e *Engine) Version(ctx context.Context, name, sha string) (VersionInfo, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return VersionInfo{}, fmt.Errorf("host: version of %s: %w", name, err)
	}
	defer snap.Close()
	v, err := registry.VersionOf(ctx, snap, name, sha)
	if err != nil {
		return VersionInfo{}, unknown(err)
	}
	row, err := registry.PluginOf(ctx, snap, name)
	if err != nil {
		return VersionInfo{}, fmt.Errorf("host: version of %s: %w", name, err)
	}
	have, _, err := e.grantsOf(ctx, snap, name)
	if err != nil {
		return VersionInfo{}, fmt.Errorf("host: version of %s: %w", name, err)
	}
	return versionInfo(&row, &v, have)
}

// unknown is an error of the registry in the engine's terms.
func unknown(err error) error {
	if errors.Is(err, registry.ErrUnknown) {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return err
}

func versionInfo(row *registry.Plugin, v *registry.Version, have grants) (VersionInfo, error) {
	info := VersionInfo{Name: v.Name, SHA256: v.SHA256, Version: v.Version, Status: StatusStaged, Disabled: row.Disabled, Size: v.Size, Uploaded: v.Uploaded,
		By: v.By, Why: v.Why, Bundled: v.Bundled, Signature: v.Signature, SelfTest: v.SelfTest, StateVersion: max(v.StateVersion, 1)}
	if _, err := info.Manifest.UnmarshalMsg(v.Manifest); err != nil {
		return info, fmt.Errorf("host: the stored manifest of plugin %s %.12s: %w", v.Name, v.SHA256, err)
	}
	info.Missing = have.missing(info.Manifest.Needs)
	info.Place = slices.Index(row.Previous, v.SHA256) + 1
	switch v.SHA256 {
	case row.Live:
		info.Status = StatusLive
	case row.RolloutOf:
		info.Status = StatusRollout
	case row.Shadow:
		info.Status = StatusShadow
	default:
		if info.Place > 0 {
			info.Status = StatusPrevious
		}
	}
	return info, nil
}
