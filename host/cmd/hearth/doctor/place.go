package doctor

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/client"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
)

// data looks at the data directory: that it can be written to, by us alone,
// and that what lies there is whole.
func (e *exam) data(ctx context.Context) {
	dir := e.c.Server.Data
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.absent(dir)
		return
	case err != nil:
		e.fail("data", "run this as the user that runs hearth, or choose another directory with --data", "%v", err)
		return
	case !info.IsDir():
		e.fail("data", "choose another with --data or server.data", "%s is no directory", dir)
		return
	case readable(info):
		e.note("data", "chmod 700 "+dir, "others can look into %s (mode %v)", dir, info.Mode().Perm())
	}
	if err := writable(dir); err != nil {
		e.fail("data", "run this as the user that runs hearth, or give that user the directory", "%s cannot be written to: %v", dir, err)
		return
	}
	e.room(dir)
	if info, err := os.Stat(filepath.Join(dir, app.CacheDir)); err == nil && writableByOthers(info) {
		e.fail("data", "remove it; hearth makes it anew", "others can write to %s, and so run code as hearth", filepath.Join(dir, app.CacheDir))
	}
	e.store(ctx, dir)
}

// absent looks whether a directory that is not there can be made.
func (e *exam) absent(dir string) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		e.fail("data", "choose another with --data or server.data", "%v", err)
		return
	}
	above := filepath.Dir(abs)
	for {
		if _, err := os.Stat(above); err == nil || filepath.Dir(above) == above {
			break
		}
		above = filepath.Dir(above)
	}
	if err := writable(above); err != nil {
		e.fail("data", "choose another with --data or server.data, or make it for the user that runs hearth", "%s is not there and cannot be made: %v", dir, err)
		return
	}
	e.ok("data", "%s is made at the first start", dir)
	e.room(above)
}

// writable tries it: modes do not tell of read-only and full disks.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".hearth-doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func (e *exam) room(dir string) {
	const mib = 1 << 20
	switch free, ok := freeBytes(dir); {
	case !ok:
	case free < 64*mib:
		e.fail("data", "make room, or move the data directory", "the disk of %s has %d MiB left", dir, free/mib)
	case free < 1024*mib:
		e.note("data", "make room before it is full", "the disk of %s has %d MiB left", dir, free/mib)
	}
}

func (e *exam) store(ctx context.Context, dir string) {
	if _, err := os.Stat(filepath.Join(dir, "store.db")); errors.Is(err, fs.ErrNotExist) {
		e.ok("data", "%s can be written to, and holds nothing yet", dir)
		return
	}
	begun := time.Now()
	s, err := bolt.Open(ctx, dir, bolt.Options{LockTimeout: 200 * time.Millisecond})
	switch {
	case errors.Is(err, store.ErrLocked):
		e.inUse = true
		e.ok("data", "%s is in use by a hearth that runs; stop it to have the data read through", dir)
	case errors.Is(err, store.ErrFormat):
		e.fail("data", "start the hearth that wrote it, or give this one another directory", "%v", err)
	case errors.Is(err, store.ErrCorrupt):
		e.fail("data", "keep the directory as it is, and start with a backup or an empty one", "%v", err)
	case err != nil:
		e.fail("data", "the error says what is in the way", "%v", err)
	default:
		if err := s.Close(); err != nil {
			e.fail("data", "look after the disk", "%v", err)
			return
		}
		e.ok("data", "%s is whole (read in %s)", dir, time.Since(begun).Round(time.Millisecond))
	}
}

// address looks whether the server could listen, or does.
func (e *exam) address(ctx context.Context) {
	at := e.c.Server.Listen
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", at)
	running := app.LocalURL(at)
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	switch {
	case err == nil:
		_ = l.Close() // nothing came in
		e.ok("address", "%s is free", at)
	case (&client.Client{URL: running}).Healthy(ctx) != nil:
		e.fail("address", "stop the program that has the address, or choose another with --listen or server.listen", "hearth cannot listen on %s: %v", at, err)
	case e.inUse:
		e.ok("address", "a hearth answers at %s", running)
	default:
		e.fail("address", "stop it, or choose another address with --listen or server.listen",
			"a hearth answers at %s, and it does not use %s", running, e.c.Server.Data)
	}
	if host, _, err := net.SplitHostPort(at); err == nil && e.c.Server.PublicURL == "" {
		if ip := net.ParseIP(host); host == "" || ip != nil && !ip.IsLoopback() {
			e.note("address", "put a proxy with TLS before it and set server.public_url", "hearth listens on %s, for other machines too, and without TLS", at)
		}
	}
}
