package bolt

import (
	"fmt"
	"runtime/debug"
	"unsafe"

	"github.com/hearthbot/hearth/store"
)

// bbolt trusts its file: where a page is not what it should be it panics, and
// where the file ends before the map does, the system raises a fault. A file
// that was whole when it was opened gives neither, but a disk may fail and a
// person may truncate a file that is in use. So every step into bbolt is
// guarded, and both come out as store.ErrCorrupt.

// guard is deferred by a step into bbolt, and makes its panic or fault an error
// in *err. Faults are panics from the moment the defer is reached:
//
//	defer s.guard("get", &err, debug.SetPanicOnFault(true))
func (s *Store) guard(doing string, err *error, before bool) {
	debug.SetPanicOnFault(before)
	if r := recover(); r != nil {
		*err = s.corrupt(doing, r)
	}
}

// guarded runs f, which begins or ends a transaction, under the guard. bbolt
// holds locks then, and keeps them when it panics: it is not touched again.
func (s *Store) guarded(doing string, f func() error) (err error) {
	defer s.guard(doing, &err, debug.SetPanicOnFault(true))
	returned := false
	defer func() {
		if !returned {
			s.wedged.Store(true)
		}
	}()
	err = f()
	returned = true
	return err
}

func (s *Store) corrupt(doing string, panicked any) error {
	if fault, ok := panicked.(interface{ Addr() uintptr }); ok && s.db.Load() != nil {
		return fmt.Errorf("%w: %s: %s: unreadable at %s", store.ErrCorrupt, s.path, doing, s.place(fault.Addr()))
	}
	return fmt.Errorf("%w: %s: %s: %v", store.ErrCorrupt, s.path, doing, panicked)
}

// corruptAt is cause found in b, which lies in the map.
func (s *Store) corruptAt(b []byte, cause error) error {
	return fmt.Errorf("%w: %s: %s: %w", store.ErrCorrupt, s.path, s.place(uintptr(unsafe.Pointer(unsafe.SliceData(b)))), cause)
}

// place says where in the file addr is mapped from.
func (s *Store) place(addr uintptr) string {
	info := s.db.Load().Info()
	if addr < info.Data || info.PageSize == 0 {
		return "an unknown place"
	}
	at := int64(addr - info.Data)
	return fmt.Sprintf("page %d, offset %d", at/int64(info.PageSize), at)
}
