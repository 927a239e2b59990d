package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/web"
)

// Bounds on what people share.
const (
	maxShares     = 5000
	maxShareBytes = 64 << 20       // of all programs
	shareSafe     = 24 * time.Hour // for which a link works, come what may
	shareSweep    = time.Hour
	shareStep     = 50 // programs deleted with one batch
)

// shares keeps the programs of web's page /run in the store:
//
//	share/program/ID         shareRow
//	share/until/EXPIRES/ID   its size, in decimal; EXPIRES is Unix milliseconds
//
// When there are too many the oldest goes, once it is a day old: a flood can
// neither take away what was shared just now nor keep others from sharing for
// longer than a day.
type shares struct {
	store store.Store
	now   func() time.Time
	log   *slog.Logger

	count int   // that may be kept
	bytes int64 // of all of them

	mu sync.Mutex // Put counts what is there
}

const shareRoot = store.Key("share")

func shareKey(id string) store.Key { return shareRoot.Join("program", id) }

func shareUntilKey(expires time.Time, id string) store.Key {
	return shareRoot.Join("until", store.Seq(uint64(expires.UnixMilli())), id)
}

// shareRow is a program as it is stored.
type shareRow struct {
	Code    string `json:"code"`
	Stdin   string `json:"stdin,omitempty"`
	Args    string `json:"args,omitempty"`
	Made    int64  `json:"made"` // Unix milliseconds
	Expires int64  `json:"expires"`
}

func newShares(s store.Store, log *slog.Logger) *shares {
	return &shares{store: s, now: time.Now, log: log, count: maxShares, bytes: maxShareBytes}
}

// kept is a program that is there: what until says of it.
type kept struct {
	id      string
	expires time.Time
	size    int64
}

// Put implements web.Shares.
func (x *shares) Put(ctx context.Context, id string, s web.Share) error {
	row, err := json.Marshal(shareRow{s.Code, s.Stdin, s.Args, s.Made.UnixMilli(), s.Expires.UnixMilli()})
	if err != nil {
		return fmt.Errorf("write a shared program: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.makeRoom(ctx, int64(s.Size())); err != nil {
		return err
	}
	b := new(store.Batch)
	b.Check(shareKey(id), 0)
	b.Put(shareKey(id), row)
	b.Put(shareUntilKey(s.Expires, id), strconv.AppendInt(nil, int64(s.Size()), 10))
	if _, err := x.store.Commit(ctx, b); err != nil {
		return fmt.Errorf("keep a shared program: %w", err)
	}
	return nil
}

// makeRoom deletes what has expired, and what is oldest if that is not enough.
func (x *shares) makeRoom(ctx context.Context, size int64) error {
	all, err := x.list(ctx)
	if err != nil {
		return err
	}
	now := x.now()
	var bytes int64
	for _, k := range all {
		bytes += k.size
	}
	n := 0
	for ; n < len(all); n++ {
		k := all[n]
		full := len(all)-n >= x.count || bytes+size > x.bytes
		if k.expires.After(now) && !full {
			break
		}
		if made := k.expires.Add(-web.ShareTime); k.expires.After(now) && now.Sub(made) < shareSafe {
			return web.ErrSharesFull
		}
		bytes -= k.size
	}
	if bytes+size > x.bytes {
		return web.ErrSharesFull
	}
	return x.remove(ctx, all[:n])
}

// list is what is there, what expires first before the others.
func (x *shares) list(ctx context.Context) ([]kept, error) {
	snap, err := x.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the shared programs: %w", err)
	}
	defer func() { _ = snap.Close() }() // nothing was written through it
	var out []kept
	for row, err := range snap.Scan(ctx, store.Prefix(shareRoot.Join("until").Prefix())) {
		if err != nil {
			return nil, fmt.Errorf("read the shared programs: %w", err)
		}
		parts := row.Key.Segments()
		ms, err := store.ParseSeq(parts[2])
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", row.Key, err)
		}
		size, err := strconv.ParseInt(string(row.Value), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", row.Key, err)
		}
		out = append(out, kept{strings.Clone(parts[3]), time.UnixMilli(int64(ms)), size})
	}
	return out, nil
}

func (x *shares) remove(ctx context.Context, list []kept) error {
	for len(list) > 0 {
		n := min(len(list), shareStep)
		b := new(store.Batch)
		for _, k := range list[:n] {
			b.Delete(shareKey(k.id))
			b.Delete(shareUntilKey(k.expires, k.id))
		}
		if _, err := x.store.Commit(ctx, b); err != nil {
			return fmt.Errorf("delete shared programs: %w", err)
		}
		list = list[n:]
	}
	return nil
}

// get returns a row, expired or not; web.ErrNotFound if there is none.
func (x *shares) get(ctx context.Context, id string) (shareRow, error) {
	var out shareRow
	snap, err := x.store.Snapshot(ctx)
	if err != nil {
		return out, fmt.Errorf("read a shared program: %w", err)
	}
	defer func() { _ = snap.Close() }() // nothing was written through it
	row, err := snap.Get(ctx, shareKey(id))
	if err != nil {
		return out, fmt.Errorf("read a shared program: %w", err)
	}
	if !row.Exists() {
		return out, fmt.Errorf("%w: a shared program", web.ErrNotFound)
	}
	if err := json.Unmarshal(row.Value, &out); err != nil {
		return out, fmt.Errorf("read a shared program: %w", err)
	}
	return out, nil
}

// Get implements web.Shares.
func (x *shares) Get(ctx context.Context, id string) (web.Share, error) {
	r, err := x.get(ctx, id)
	if err != nil {
		return web.Share{}, err
	}
	s := web.Share{Code: r.Code, Stdin: r.Stdin, Args: r.Args, Made: time.UnixMilli(r.Made).UTC(), Expires: time.UnixMilli(r.Expires).UTC()}
	if !s.Expires.After(x.now()) {
		return web.Share{}, fmt.Errorf("%w: a shared program", web.ErrNotFound)
	}
	return s, nil
}

// Delete implements web.Shares.
func (x *shares) Delete(ctx context.Context, id string) error {
	r, err := x.get(ctx, id)
	if errors.Is(err, web.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return x.remove(ctx, []kept{{id: id, expires: time.UnixMilli(r.Expires)}})
}

// sweep deletes what has expired, now and every hour, until ctx ends.
func (x *shares) sweep(ctx context.Context) {
	t := time.NewTicker(shareSweep)
	defer t.Stop()
	for {
		if err := x.expire(ctx); err != nil && ctx.Err() == nil {
			x.log.Warn("shared programs could not be deleted; this is tried again in an hour", "err", err)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

func (x *shares) expire(ctx context.Context) error {
	all, err := x.list(ctx)
	if err != nil {
		return err
	}
	n, now := 0, x.now()
	for n < len(all) && !all[n].expires.After(now) {
		n++
	}
	return x.remove(ctx, all[:n])
}
