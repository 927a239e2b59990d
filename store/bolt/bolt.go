// Package bolt keeps a [store.Store] in one bbolt file. It is the only importer
// of go.etcd.io/bbolt, and knows rows and batches, never what they mean.
//
// # What lies on disk
//
//	DIR/store.lock   held (flock) for as long as the store is open
//	DIR/store.db     the bbolt file
//	DIR/store.db.compact   what is becoming the next one; removed when the store is opened
//
//	bucket  key         value
//	hearth  "format"    "hearth store 1"
//	hearth  "state"     revision u64 │ rows u64 │ sum u64 │ crc32c u32
//	rows    a row's key crc32c u32 │ revision u64 │ the row's value
//
// Numbers are big-endian. A row's checksum covers its key, its revision and its
// value. The state record is that of the last commit: its revision, how many
// rows there are, and the sum (modulo 2⁶⁴) of all their checksums. bbolt itself
// checks nothing but its two meta pages; with these, a page that was torn,
// rotten, swapped or lost is found, when the store is opened or at the latest
// when the row is read, and never taken for data.
//
// # How a batch gets there
//
//	Commit ─┐           ┌ check, fold ┐   rows in the order
//	Commit ─┼─► queue ─►│  in memory, │─► of their keys: one ─► one fsync ─► all answered
//	Commit ─┘           └ one by one  ┘   bbolt transaction
//
// The committer takes what has queued up while the last group was being
// written, without waiting for more. Each batch of a group is checked against
// the ones before it and has its own revision; one that conflicts is refused by
// itself. A row that many batches of a group write, a counter say, is written
// once.
//
// Snapshots share one read-only transaction per group, begun when the group is
// durable: what a snapshot shows is never lost.
package bolt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/hearthbot/hearth/store"
)

const (
	dataFile = "store.db"
	lockFile = "store.lock"
)

// Options are how a Store is opened. The zero Options are good.
type Options struct {
	// LockTimeout is how long Open waits for another process to let go of the
	// data; 1 s if zero, which is enough for one that is just ending.
	LockTimeout time.Duration

	// MapSize is how many bytes of address space are set aside for the file, so
	// that it can grow without waiting for its readers. It costs no memory. 0 is
	// 64 GiB; on 32-bit systems 512 MiB; on Windows, where the file takes this
	// size at once, 64 MiB. A file of more than half of it may have to be mapped
	// anew, which waits until all open snapshots are closed.
	MapSize int

	// MaxSize is how many bytes of the file may be in use; 0 is no bound. A batch
	// that would add to more is refused with store.ErrFull, one that takes no more
	// room than it gives never is. The file may be larger, by pages that are free.
	MaxSize int64

	// VerifyLimit is up to how many bytes a file is read through when it is
	// opened; 0 is 1 GiB, which takes about a second, negative is none. Of a
	// larger file the branch pages are checked then, and rows as they are read.
	VerifyLimit int64

	// Compacting, if set, is told how far a Compact has come: rows that are in the
	// new file, and rows there are. It is called by Compact's caller.
	Compacting func(done, rows int64)

	// Observe, if set, is told of every group that was committed: how many
	// batches it held (conflicting ones among them) and how long its write took.
	// It is called by the committer, which waits for it.
	Observe func(batches int, took time.Duration)
}

func (o Options) withDefaults() Options {
	mapSize := int64(64 << 30)
	switch {
	case runtime.GOOS == "windows":
		mapSize = 64 << 20
	case strconv.IntSize == 32:
		mapSize = 512 << 20
	}
	o.LockTimeout = cmp.Or(o.LockTimeout, time.Second)
	o.MapSize = cmp.Or(o.MapSize, int(mapSize))
	o.VerifyLimit = cmp.Or(o.VerifyLimit, 1<<30)
	return o
}

// Store is a store.Store in a directory.
type Store struct {
	path  string
	lock  *flock.Flock
	db    atomic.Pointer[bbolt.DB] // the file's; put by the committer once it runs
	limit int64                    // Options.MaxSize
	size  int64                    // bytes mapped; the committer's once it runs
	watch store.Watchers

	wedged atomic.Bool // bbolt has panicked with its locks held

	options    Options
	observe    func(batches int, took time.Duration)
	compacting chan struct{} // one may compact at a time
	changed    changes

	queue    queue
	finished chan struct{} // closed when the committer has ended

	mu     sync.Mutex
	remap  *sync.Cond        // view has come back after the file was mapped anew
	view   *view             // the last durable state; nil while the file is mapped anew, and once closed
	failed error             // why there is no view, if no snapshot can be had
	open   int               // views not yet released
	held   map[*bbolt.DB]int // views not yet released, by whose they are
	closed bool
}

var _ store.Store = (*Store)(nil)

// Open opens the store in dir, and makes both if they are not there (0700 and
// 0600). Before anything is read the file is checked; see Options.VerifyLimit.
//
// It returns store.ErrLocked if the store is open already, store.ErrFormat if
// this hearth does not know its format, and store.ErrCorrupt, naming file and
// page, if the file is damaged; nothing is changed then. ctx bounds opening
// only.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	s, err := newStore(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	go s.run()
	return s, nil
}

// newStore does all of Open but start the committer.
func newStore(ctx context.Context, dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: make the data directory: %w", err)
	}
	s := &Store{
		path:    filepath.Join(dir, dataFile),
		lock:    flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600)),
		limit:   o.MaxSize,
		options: o,
		observe: o.Observe,
		held:    map[*bbolt.DB]int{},

		compacting: make(chan struct{}, 1),
		finished:   make(chan struct{}),
	}
	s.remap = sync.NewCond(&s.mu)
	s.queue.init()
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// start does what Open does once there is something to release again.
func (s *Store) start(ctx context.Context, o Options) error {
	if err := s.takeLock(ctx, o.LockTimeout); err != nil {
		return err
	}
	if err := os.Remove(s.path + compactSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("store: remove what a compaction left: %w", err)
	}
	if err := s.createIfMissing(); err != nil {
		return fmt.Errorf("store: create %s: %w", s.path, err)
	}
	if err := verify(ctx, s.path, o.VerifyLimit); err != nil {
		return err
	}
	err := s.guarded("open", func() error {
		db, err := bbolt.Open(s.path, 0o600, o.bbolt())
		if err == nil {
			s.db.Store(db)
		}
		return err
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return s.lockedError(s.path)
	}
	if err != nil {
		return fmt.Errorf("store: open %s: %w", s.path, err)
	}
	s.size = mapped(int64(o.MapSize))
	v, err := s.newView()
	if err != nil {
		return err
	}
	s.view = v
	s.watch.Notify(v.state.rev, nil)
	return nil
}

func (o Options) bbolt() *bbolt.Options {
	return &bbolt.Options{
		Timeout:         100 * time.Millisecond, // for other programs; ours wait at the lock file
		InitialMmapSize: o.MapSize,
		FreelistType:    bbolt.FreelistMapType,
	}
}

func (s *Store) takeLock(ctx context.Context, timeout time.Duration) error {
	wait, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ok, err := s.lock.TryLockContext(wait, 20*time.Millisecond)
	switch {
	case ok:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case wait.Err() != nil:
		return s.lockedError(s.lock.Path())
	default:
		return fmt.Errorf("store: lock the data directory: %w", err)
	}
}

func (s *Store) lockedError(path string) error {
	return fmt.Errorf("%w: %s is held: stop the hearth that uses this data directory, or give this one another",
		store.ErrLocked, path)
}

// createIfMissing makes an empty store. It has another name until it is whole,
// so that a crash on the way leaves nothing that looks like a damaged store.
func (s *Store) createIfMissing() error {
	if _, err := os.Stat(s.path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fresh := s.path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := bbolt.Open(fresh, 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(createBuckets)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, s.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(s.path))
}

// createBuckets makes of an empty file a store without rows.
func createBuckets(tx *bbolt.Tx) error {
	if _, err := tx.CreateBucket(rowsBucket); err != nil {
		return err
	}
	b, err := tx.CreateBucket(metaBucket)
	if err != nil {
		return err
	}
	return cmp.Or(b.Put(formatKey, []byte(format)), b.Put(stateKey, state{}.encode(nil)))
}

// syncDir makes a rename in dir durable, where a directory can be synced.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close waits for the commits under way. If a snapshot is still open, the file
// stays open, and locked, until that is closed too.
func (s *Store) Close() error {
	s.queue.close()
	<-s.finished
	s.watch.Close()

	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	v := s.view
	s.view = nil
	s.remap.Broadcast()
	s.mu.Unlock()
	return s.drop(v)
}

// release closes the file and gives up the lock. If bbolt is wedged, the file
// stays open until the process ends.
func (s *Store) release() error {
	var err error
	if db := s.db.Load(); db != nil && !s.wedged.Load() {
		err = db.Close()
	}
	if err := errors.Join(err, s.lock.Close()); err != nil {
		return fmt.Errorf("store: close %s: %w", s.path, err)
	}
	return nil
}
