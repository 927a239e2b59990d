package author

import (
	"context"
	"errors"
	"hash/fnv"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// How a directory is watched: by looking. A plugin has some dozen files, which
// takes a millisecond; a notification is another thing on every system, and
// editors that write by renaming lose it.
const (
	lookEvery = 100 * time.Millisecond
	settle    = 100 * time.Millisecond // saving several files takes a moment
)

// maxWatched bounds the files that are looked at.
const maxWatched = 10_000

// errMany says that a directory is no plugin's.
var errMany = errors.New("there are more than 10,000 files below the plugin's directory; run it in a directory of its own")

// state sums up the files that a build reads: other names, sizes or times are
// another state.
func (p *Project) state() (uint64, error) {
	sum := fnv.New64a()
	n := 0
	err := filepath.WalkDir(p.Dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was there a moment ago
		}
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != p.Dir && (strings.HasPrefix(name, ".") || name == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".wasm") || strings.HasSuffix(name, "~") {
			return nil
		}
		if n++; n > maxWatched {
			return errMany
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		var b [16]byte
		for i := range 8 {
			b[i] = byte(info.Size() >> (8 * i))
			b[8+i] = byte(info.ModTime().UnixNano() >> (8 * i))
		}
		_, _ = sum.Write([]byte(path)) // a hash takes everything
		_, _ = sum.Write(b[:])
		return nil
	})
	return sum.Sum64(), err
}

// changed waits until the files are in another state than old, and no longer on
// their way to it.
func (p *Project) changed(ctx context.Context, old uint64) (uint64, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last, since := old, time.Time{}
	for {
		select {
		case <-ctx.Done():
			return old, ctx.Err()
		case <-tick.C:
		}
		now, err := p.state()
		switch {
		case err != nil:
			return old, err
		case now == old:
			last = old
		case now != last:
			last, since = now, time.Now()
		case time.Since(since) >= settle:
			return now, nil
		}
	}
}
