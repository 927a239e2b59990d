package webchat

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/hearthbot/hearth/store"
)

// ending is a store that takes so many batches more, and then none: its process
// has been killed.
type ending struct {
	store.Store
	left   atomic.Int64 // negative: no end
	before func()       // the next commit, once
}

func (e *ending) Commit(ctx context.Context, b *store.Batch) (store.Rev, error) {
	if f := e.before; f != nil {
		e.before = nil
		f()
	}
	switch n := e.left.Load(); {
	case n == 0:
		return 0, errors.New("the process was killed")
	case n > 0:
		e.left.Add(-1)
	}
	return e.Store.Commit(ctx, b)
}

// counted compares the bytes of files that are counted with those that there are.
func (p *place) counted(at string) {
	p.t.Helper()
	if err := p.a.read(p.t.Context(), func(v *view) error {
		n, err := v.counter(bytesKey)
		if err != nil {
			return err
		}
		is := int64(0)
		for row, err := range v.snap.Scan(v.ctx, store.Prefix(root.Join("file").Prefix())) {
			if err != nil {
				return err
			}
			var f fileRow
			if err := decode(row, &f); err != nil {
				return err
			}
			is += f.Size
		}
		if n != is {
			p.t.Errorf("%s: %d bytes are counted and there are %d", at, n, is)
		}
		return nil
	}); err != nil {
		p.t.Fatal(err)
	}
}

// TestASweepThatIsKilledCountsRight ends a sweep of old files behind each of its
// batches, and has a member delete one of them in between: what is counted is what
// there is, now and after the next sweep.
func TestASweepThatIsKilledCountsRight(t *testing.T) {
	for _, killed := range []int64{-1, 0, 1, 2} {
		t.Run(fmt.Sprint("after batch ", killed), func(t *testing.T) {
			limits := wide
			limits.History = 2
			st := &ending{Store: new(store.Mem)}
			st.left.Store(-1)
			p := still(t, Options{Limits: limits, Store: st})
			ada := p.member("Ada")
			var ids []string
			for i := range 70 { // a file's row and its message's, 100 rows in a batch
				ids = append(ids, ada.sendFiles(general, fmt.Sprint("old ", i), map[string][]byte{"old.txt": []byte("old")}).ID)
			}
			for range 2 {
				ada.say(general, "new")
			}
			var unnamed orphans
			st.left.Store(killed)
			if killed < 0 {
				st.before = func() { ada.post("delete", url.Values{"c": {general}, "m": {ids[3]}}) }
			}
			_ = p.a.sweep(t.Context(), &unnamed) // it fails where it is killed
			st.left.Store(-1)
			p.counted("after the sweep")
			if err := p.a.sweep(t.Context(), &unnamed); err != nil {
				t.Fatal(err)
			}
			p.counted("after the next")
			if n := p.rows("file"); n != 0 {
				t.Errorf("%d files are left", n)
			}
		})
	}
}
