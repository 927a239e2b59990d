package wasm

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapCode maps file from at into the place of p, to be read and run: the pages are
// those that the system holds of the file. It returns false if that cannot be,
// such as where nothing may be run from that file system; p is as it was then.
func mapCode(p []byte, file *os.File, at int64) (bool, error) {
	page := int64(os.Getpagesize())
	if len(p) == 0 || at%page != 0 || int64(uintptr(unsafe.Pointer(&p[0])))%page != 0 {
		return false, nil
	}
	code, err := unix.MmapPtr(int(file.Fd()), at, nil, uintptr(len(p)), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE)
	if err != nil {
		return false, nil
	}
	_, err = unix.MremapPtr(code, uintptr(len(p)), unsafe.Pointer(&p[0]), uintptr(len(p)), unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED)
	if err != nil { // and who knows what is left of p
		_ = unix.MunmapPtr(code, uintptr(len(p)))
		return false, fmt.Errorf("wasm: map machine code: %w", err)
	}
	return true, nil
}
