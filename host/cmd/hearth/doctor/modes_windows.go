package doctor

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

// readable cannot be told on Windows, where modes say nothing of access.
func readable(fs.FileInfo) bool { return false }

func writableByOthers(fs.FileInfo) bool { return false }

// freeBytes is how much we may still write to the disk of dir.
func freeBytes(dir string) (uint64, bool) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, false
	}
	var free uint64
	if windows.GetDiskFreeSpaceEx(path, &free, nil, nil) != nil {
		return 0, false
	}
	return free, true
}
