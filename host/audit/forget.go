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

// Forget takes a person out of the record. What was done stays, with its time, its
// role and its verb; who it was, and any text that names them, goes. Of a value in
// JSON, such as a setting's, the rest stays. It returns how many entries it has
// changed, and may be called again after an error.
func (l *Log) Forget(ctx context.Context, p Person) (int, error) {
	changed := 0
	from := kAudit.Prefix()
	for from != "" {
		n, next, err := l.forget(ctx, from, p)
		if err != nil {
			return changed, fmt.Errorf("audit: forget somebody: %w", err)
		}
		changed, from = changed+n, next
	}
	return changed, nil
}

// forget goes over some entries from a key on, and says where to go on; "" at
// the end.
func (l *Log) forget(ctx context.Context, from store.Key, p Person) (n int, next store.Key, err error) {
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
		if !p.In(at.Value) {
			continue
		}
		if err := rewrite(b, at, p); err != nil {
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
func rewrite(b *store.Batch, at store.Row, p Person) error {
	var r row
	if err := json.Unmarshal(at.Value, &r); err != nil {
		return fmt.Errorf("the entry %s: %w", at.Key, err)
	}
	names := func(s string) bool { return p.In([]byte(s)) }
	if names(r.ID) {
		r.ID, r.Name = Forgotten, Forgotten
	}
	for _, s := range []*string{&r.Before, &r.After} {
		if names(*s) {
			*s = string(Without(p, []byte(*s)))
		}
	}
	for _, s := range []*string{&r.Name, &r.Before, &r.After, &r.Why} {
		if names(*s) {
			*s = ""
		}
	}
	name := at.Key.Segments()
	n := name[len(name)-1]
	if names(r.On) {
		b.Delete(kOn.Join(r.On, n))
		kind, _, _ := strings.Cut(r.On, "/")
		r.On = kind + "/" + Forgotten
		b.Put(kOn.Join(r.On, n), nil)
	}
	v, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if p.In(v) {
		return fmt.Errorf("the entry %s still names them", at.Key)
	}
	key := store.Key(strings.Clone(string(at.Key)))
	b.Check(key, at.Rev)
	b.Put(key, v)
	return nil
}
