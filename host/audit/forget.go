package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hearthbot/hearth/store"
)

// Forgotten is whom an entry names that was made by, or about, somebody who has
// been forgotten since.
const Forgotten = "forgotten"

// forgetScan is how many entries are looked at from one snapshot, and forgetStep
// how many are written anew with one batch, of at most three rows each.
const (
	forgetScan = 10_000
	forgetStep = store.MaxOps / 3
)

// Forget takes a person out of the record: names says whether bytes hold one of
// their ids. What was done stays, with its time, its role and its verb; who it
// was, and any text that names them, goes. It returns how many entries it has
// changed, and may be called again after an error.
func (l *Log) Forget(ctx context.Context, names func([]byte) bool) (int, error) {
	changed := 0
	from := kAudit.Prefix()
	for from != "" {
		n, next, err := l.forget(ctx, from, names)
		if err != nil {
			return changed, fmt.Errorf("audit: forget somebody: %w", err)
		}
		changed, from = changed+n, next
	}
	return changed, nil
}

// forget goes over some entries from a key on, and says where to go on; "" at
// the end.
func (l *Log) forget(ctx context.Context, from store.Key, names func([]byte) bool) (n int, next store.Key, err error) {
	snap, err := l.store.Snapshot(ctx)
	if err != nil {
		return 0, "", err
	}
	defer snap.Close()
	b := new(store.Batch)
	r := store.Prefix(kAudit.Prefix())
	r.From, r.Limit = from, forgetScan
	seen := 0
	for at, err := range snap.Scan(ctx, r) {
		if err != nil {
			return 0, "", err
		}
		seen, next = seen+1, at.Key+"\x00"
		if !names(at.Value) {
			continue
		}
		if err := rewrite(b, at, names); err != nil {
			return 0, "", err
		}
		if n++; n == forgetStep || b.Size() > store.MaxBatch/4 {
			seen = forgetScan
			break
		}
	}
	if seen < forgetScan {
		next = ""
	}
	if n > 0 {
		_, err = l.store.Commit(ctx, b)
	}
	return n, next, err
}

// rewrite adds to b what is left of an entry.
func rewrite(b *store.Batch, at store.Row, names func([]byte) bool) error {
	var r row
	if err := json.Unmarshal(at.Value, &r); err != nil {
		return fmt.Errorf("the entry %s: %w", at.Key, err)
	}
	if names([]byte(r.ID)) {
		r.ID, r.Name = Forgotten, Forgotten
	}
	for _, s := range []*string{&r.Name, &r.Before, &r.After, &r.Why} {
		if names([]byte(*s)) {
			*s = ""
		}
	}
	name := at.Key.Segments()
	n := name[len(name)-1]
	if names([]byte(r.On)) {
		b.Delete(kOn.Join(r.On, n))
		kind, _, _ := strings.Cut(r.On, "/")
		r.On = kind + "/" + Forgotten
		b.Put(kOn.Join(r.On, n), nil)
	}
	v, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if names(v) {
		return fmt.Errorf("the entry %s still names them", at.Key)
	}
	key := store.Key(strings.Clone(string(at.Key)))
	b.Check(key, at.Rev)
	b.Put(key, v)
	return nil
}
