package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/hearthbot/hearth/store"
)

// Copy copies the store in dir, which no process may have open, to another
// directory, which has to be there and empty. Of dir nothing is changed: no file
// is made, written, renamed or removed, and nobody can open the store until the
// copy is made. It returns store.ErrLocked if the store is open, and
// os.ErrNotExist if there is none.
func Copy(ctx context.Context, dir, to string) (err error) {
	path := filepath.Join(dir, lockFile)
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY)) // it makes none: where there is none, nobody has opened anything
	wait, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	switch ok, lockErr := lock.TryRLockContext(wait, 20*time.Millisecond); {
	case ok:
		defer func() { err = errors.Join(err, lock.Close()) }()
	case errors.Is(lockErr, os.ErrNotExist):
	case ctx.Err() != nil:
		return ctx.Err()
	case wait.Err() != nil:
		return fmt.Errorf("%w: %s is held", store.ErrLocked, path)
	default:
		return fmt.Errorf("store: lock the data directory: %w", lockErr)
	}
	from, err := os.Open(filepath.Join(dir, dataFile))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer from.Close()
	file, err := os.OpenFile(filepath.Join(to, dataFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	_, err = io.Copy(file, &interruptible{ctx, from})
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("store: copy %s to %s: %w", from.Name(), file.Name(), err)
	}
	return nil
}

// interruptible reads until ctx ends.
type interruptible struct {
	ctx  context.Context
	from io.Reader
}

func (r *interruptible) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(b)
}
