//go:build !linux || hearth_portable

package wasm

import "testing"

// holds is pristine: all is in memory.
func (s *space) holds(testing.TB) bool { return s.pristine() }
