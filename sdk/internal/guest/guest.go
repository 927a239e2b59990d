// Package guest is the seam between a plugin written with the SDK and whoever
// runs it: the exports of a WebAssembly module, or sdktest. It owns the list of
// plugins that this program declares; it knows nothing of how they are written.
package guest

import "github.com/hearthbot/hearth/sdk/abi"

// Host answers a plugin's reads. An error ends the invocation.
type Host interface {
	// Get's value may be overwritten by the next read.
	Get(key string) (value []byte, ok bool, err error)
	Scan(abi.Scan) (abi.Rows, error)
	Log(level int, line string)
}

// Guest is a plugin. Its methods mirror the exports of the ABI; calls are made
// one at a time.
type Guest interface {
	Name() string
	Describe() (abi.Manifest, error)
	Warm(*abi.Setup, Host) error
	Handle(*abi.Call, Host) abi.Effects
	Query(*abi.Query, Host) abi.View
	Migrate(*abi.Migration) abi.Migrated
}

var declared []Guest

// Declare adds a plugin. It is called while package variables are initialised,
// by one goroutine.
func Declare(g Guest) { declared = append(declared, g) }

// Declared lists the plugins of this program in the order of their declaration.
// A WebAssembly module has exactly one; test programs may have more.
func Declared() []Guest { return declared }
