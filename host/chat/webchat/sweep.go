package webchat

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/store"
)

const (
	sweepEvery = time.Hour
	sweepStep  = 100
	keepDone   = 30 * 24 * time.Hour // what may still be delivered or sent again is younger
	keepOrphan = time.Hour           // a file's parts without a row: its message may be on its way
)

// sweepHourly drops what nobody needs any more, until ctx ends.
func (a *Adapter) sweepHourly(ctx context.Context) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		if err := a.sweep(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("webchat: sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// sweep drops old "done" rows and parts of files that no row names.
func (a *Adapter) sweep(ctx context.Context) error {
	var old []store.Key
	orphans := make(map[string][]store.Key)
	if err := a.read(ctx, func(v *view) error {
		before := a.now().Add(-keepDone).UnixMilli()
		for row, err := range v.snap.Scan(ctx, store.Prefix(root.Join("done").Prefix())) {
			if err != nil {
				return err
			}
			var d doneRow
			if err := json.Unmarshal(row.Value, &d); err != nil {
				return fmt.Errorf("read %s: %w", row.Key, err)
			}
			if d.Time < before {
				old = append(old, row.Key)
			}
		}
		for row, err := range v.snap.Scan(ctx, store.Prefix(root.Join("blob").Prefix())) {
			if err != nil {
				return err
			}
			id := row.Key.Segments()[2]
			if named, err := v.has(fileKey(id)); err != nil {
				return err
			} else if !named {
				orphans[id] = append(orphans[id], row.Key)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	old = append(old, a.orphans.ripe(orphans, a.now())...)
	for len(old) > 0 {
		n := min(len(old), sweepStep)
		var b store.Batch
		for _, k := range old[:n] {
			b.Delete(k)
		}
		if _, err := a.st.Commit(ctx, &b); err != nil {
			return err
		}
		old = old[n:]
	}
	return nil
}

// watched are files without a row, and when each was first found so: a file's
// parts are there before its row is.
type watched map[string]time.Time

func (w *watched) ripe(orphans map[string][]store.Key, now time.Time) (out []store.Key) {
	next := make(watched, len(orphans))
	for id, keys := range orphans {
		since, known := (*w)[id]
		switch {
		case !known:
			next[id] = now
		case now.Sub(since) < keepOrphan:
			next[id] = since
		default:
			out = append(out, keys...)
		}
	}
	*w = next
	return out
}
