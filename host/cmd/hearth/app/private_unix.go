//go:build !windows

package app

import "io/fs"

// private says whether only the owner can look into a directory or file.
func private(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 == 0 }
