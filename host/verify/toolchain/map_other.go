//go:build !unix

package toolchain

import "os"

// mapFile reads a file: where it cannot be mapped it takes as much memory.
func mapFile(path string) (b []byte, unmap func() error, err error) {
	b, err = os.ReadFile(path)
	return b, func() error { return nil }, err
}
