//go:build !windows

package doctor

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// readable says whether others than the owner can read a file or directory.
func readable(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

func writableByOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }

// freeBytes is how much we may still write to the disk of dir.
func freeBytes(dir string) (uint64, bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true
}
