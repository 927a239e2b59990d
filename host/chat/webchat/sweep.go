package webchat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearthbot/hearth/store"
)

const (
	sweepEvery = time.Hour
	sweepStep  = 100                 // writes in one batch
	keepDone   = 30 * 24 * time.Hour // what may still be delivered, sent or pressed again is younger
	keepOrphan = time.Hour           // a file's parts without a row: its message may be on its way
)

// sweepHourly drops what nobody needs any more, until ctx ends.
func (a *Adapter) sweepHourly(ctx context.Context) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	var unnamed orphans
	for {
		if err := a.sweep(ctx, &unnamed); err != nil && ctx.Err() == nil {
			a.log.Warn("webchat: sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// sweep drops what was done long ago, the oldest messages of conversations that
// have too many, and parts of files that no row has named for a while.
func (a *Adapter) sweep(ctx context.Context, unnamed *orphans) error {
	var d dropper
	if err := a.read(ctx, func(v *view) error {
		before := a.now().Add(-keepDone).UnixMilli()
		for _, what := range []string{"done", "used", "called"} {
			if err := d.old(v, what, before); err != nil {
				return err
			}
		}
		if err := d.history(v, a.limits.History); err != nil {
			return err
		}
		return d.blobs(v, unnamed, a.now())
	}); err != nil {
		return err
	}
	return d.commit(ctx, a.st)
}

// dropper collects rows to delete.
type dropper struct{ list []dropped }

type dropped struct {
	key   store.Key
	bytes int64     // that are counted for it: it is a file's
	rev   store.Rev // of a file's row, which a member may delete as well
}

func (d *dropper) key(k store.Key) { d.list = append(d.list, dropped{key: k}) }

func (d *dropper) old(v *view, what string, before int64) error {
	for row, err := range v.snap.Scan(v.ctx, store.Prefix(root.Join(what).Prefix())) {
		if err != nil {
			return err
		}
		var done doneRow
		if err := json.Unmarshal(row.Value, &done); err != nil {
			return fmt.Errorf("read %s: %w", row.Key, err)
		}
		if done.Time < before {
			d.key(row.Key)
		}
	}
	return nil
}

// history drops the oldest messages of each conversation beyond keep, and the
// replies to them.
func (d *dropper) history(v *view, keep int) error {
	var list []store.Key
	conv := ""
	drop := func() error {
		for ; len(list) > keep; list = list[1:] {
			if err := d.message(v, conv, list[0]); err != nil {
				return err
			}
		}
		list = list[:0]
		return nil
	}
	for row, err := range v.snap.Scan(v.ctx, store.Prefix(root.Join("msg").Prefix())) {
		if err != nil {
			return err
		}
		if c := row.Key.Segments()[2]; c != conv {
			if err := drop(); err != nil {
				return err
			}
			conv = c
		}
		list = append(list, row.Key)
	}
	return drop()
}

func (d *dropper) message(v *view, conv string, k store.Key) error {
	id := last(k)
	if err := d.files(v, k); err != nil {
		return err
	}
	for row, err := range v.snap.Scan(v.ctx, store.Prefix(root.Join("reply", conv, id).Prefix())) {
		if err != nil {
			return err
		}
		if err := d.files(v, row.Key); err != nil {
			return err
		}
	}
	d.key(repliesKey(conv, id))
	return nil
}

// files drops a message and the rows of its files.
func (d *dropper) files(v *view, k store.Key) error {
	var m messageRow
	if _, err := v.get(k, &m); err != nil {
		return err
	}
	for _, f := range m.Files {
		var row fileRow
		rev, err := v.get(fileKey(f.ID), &row)
		if err != nil {
			return err
		}
		if rev != 0 { // else a sweep that did not come to its end has dropped it
			d.list = append(d.list, dropped{fileKey(f.ID), row.Size, rev})
		}
	}
	d.key(k)
	return nil
}

// orphans are files without a row, and when each was first found so: the parts
// of a file are there before its row is.
type orphans map[string]time.Time

func (d *dropper) blobs(v *view, unnamed *orphans, now time.Time) error {
	next := make(orphans)
	for row, err := range v.snap.Scan(v.ctx, store.Prefix(root.Join("blob").Prefix())) {
		if err != nil {
			return err
		}
		id := row.Key.Segments()[2]
		if named, err := v.has(fileKey(id)); err != nil {
			return err
		} else if named {
			continue
		}
		since, known := (*unnamed)[id]
		switch {
		case !known:
			next[id] = now
		case now.Sub(since) < keepOrphan:
			next[id] = since
		default:
			d.key(row.Key)
		}
	}
	*unnamed = next
	return nil
}

// commit deletes the rows, a batch at a time, and takes what a batch deletes off
// what is counted.
func (d *dropper) commit(ctx context.Context, st store.Store) error {
	for part := range slices.Chunk(d.list, sweepStep) {
		var b store.Batch
		bytes := int64(0)
		for _, x := range part {
			if x.rev != 0 {
				b.Check(x.key, x.rev)
			}
			b.Delete(x.key)
			bytes += x.bytes
		}
		if bytes != 0 {
			b.Add(bytesKey, -bytes)
		}
		switch _, err := st.Commit(ctx, &b); {
		case errors.Is(err, store.ErrConflict): // a member deleted one of its files: until the next sweep
		case err != nil:
			return fmt.Errorf("drop %d rows: %w", len(part), err)
		}
	}
	return nil
}
