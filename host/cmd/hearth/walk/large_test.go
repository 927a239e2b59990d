package walk

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
	"github.com/hearthbot/hearth/web/page"
)

// Sizes of a large community.
const (
	largeMembers = 100_000
	largeJournal = 1_000_000
	largeSent    = 200_000
	largeAudit   = 20_000
)

// TestFirstByteOfALargeCommunity holds every page to its first byte within 100 ms
// at the 95th percentile, with 100,000 members and 1,000,000 rows of the
// journal. A machine that has something else to do gets as much more time as it
// is slower at a page that reads nothing.
func TestFirstByteOfALargeCommunity(t *testing.T) {
	if os.Getenv("HEARTH_LONG") == "" {
		t.Skip("skipped without HEARTH_LONG: it writes a community of 100,000 members")
	}
	plugins(t)
	data := t.TempDir()
	c := config.Default()
	h := &community{t: t}
	t.Run("begin", func(t *testing.T) {
		small := openCommunity(t, func(c *config.Config) { c.Server.Data = data })
		e := map[string]any{"specversion": "1.0", "id": "join", "source": "test:people", "type": "member.joined",
			"data": map[string]any{"member": map[string]any{"id": largeID(1), "name": "Ada Lovelace"}}}
		if code, body := small.api(access.Admin, "POST", "/api/v1/events", e); code >= 300 {
			t.Fatalf("nobody comes in: %d %s", code, body)
		}
		for end := time.Now().Add(time.Minute); ; {
			if _, body := small.api(access.Admin, "GET", "/api/v1/events", nil); strings.Count(body, `"number"`) >= 2 {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the event is not handled")
			}
		}
		h.tokens, h.routes = small.tokens, small.routes
	})
	grow(t, data)
	c.Server.Data = data
	_, h.url = serveApp(t, app.Options{Config: c, Plugins: os.DirFS(built.path)})
	v := h.browse(access.Admin)

	paths := []string{"/login", "/admin/events?member=" + largeID(1), "/admin/events?member=test:nobody", "/admin/events?kind=command.invoked&only=failed",
		"/admin/events?plugin=tasks&lang=zh-CN", "/admin/audit?who=nobody", "/admin/audit?did=token.create"}
	for _, r := range h.routes {
		if r.Method == http.MethodGet && !strings.ContainsAny(r.Pattern, "{.") && r.Need != page.Everybody && r.Pattern != "/admin/events/live" && !slices.Contains(paths, r.Pattern) {
			paths = append(paths, r.Pattern)
		}
	}
	_, list := v.send("GET", "/admin/events", nil)
	_, number, _ := strings.Cut(list, `href="/admin/events/`)
	number, _, _ = strings.Cut(number, `"`)
	paths = append(paths, "/admin/events/"+number, "/admin/events?before="+number)
	var slow float64
	for _, path := range paths {
		p50, p95 := v.firstByte(path)
		if path == "/login" {
			slow = max(1, float64(p95)/float64(5*time.Millisecond))
		}
		t.Logf("figure: first byte of %s: p50 %.1f ms, p95 %.1f ms", path, ms(p50), ms(p95))
		if float64(p95) > slow*float64(100*time.Millisecond) {
			t.Errorf("%s: the first byte comes after %.0f ms at p95, on a machine that is %.1f times as slow as it could be", path, ms(p95), slow)
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func largeID(i int) string { return fmt.Sprintf("test:%06d", i%largeMembers) }

// firstByte asks for a page some times, one after the other.
func (v *visitor) firstByte(path string) (p50, p95 time.Duration) {
	v.t.Helper()
	const times = 60
	var all []time.Duration
	for range times {
		r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.url+path, nil)
		if err != nil {
			v.t.Fatal(err)
		}
		begun := time.Now()
		resp, err := v.client.Do(r)
		if err == nil {
			_, err = resp.Body.Read(make([]byte, 1))
			all = append(all, time.Since(begun))
			_ = resp.Body.Close()
		}
		if err != nil && resp.StatusCode != http.StatusSeeOther || resp.StatusCode >= 400 {
			v.t.Fatalf("%s: %d %v", path, resp.StatusCode, err)
		}
	}
	slices.Sort(all)
	return all[times/2], all[times*95/100]
}

// grow makes of the few rows of a data directory those of a large community: the
// same members, events, messages and changes over and over, by other names.
func grow(t *testing.T, data string) {
	t.Helper()
	s, err := bolt.Open(t.Context(), data, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows := map[string]store.Row{}
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range snap.Scan(t.Context(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		name := row.Key.Segments()
		row.Value = bytes.Clone(row.Value)
		rows[name[0]] = row
	}
	if err := snap.Close(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	last := uint64(begun.Add(-time.Hour).UnixNano())
	write(t, s, largeMembers, func(i int) (store.Key, []byte) {
		return members.Key(largeID(i)), rows["member"].Value
	})
	for kind, n := range map[string]int{"journal": largeJournal, "sent": largeSent, "audit": largeAudit} {
		row := rows[kind]
		if !row.Exists() {
			t.Fatalf("there is no row of %s to grow from", kind)
		}
		name := row.Key.Segments()
		write(t, s, n, func(i int) (store.Key, []byte) {
			// A minute has 60 of them, and the newest is an hour old.
			key := store.Join(slices.Concat([]string{kind, store.Seq(last - uint64(n-i)*uint64(time.Second))}, name[2:])...)
			return key, bytes.ReplaceAll(row.Value, []byte(largeID(1)), []byte(largeID(i)))
		})
	}
	t.Logf("figure: %d members, %d rows of the journal, %d messages and %d changes written in %.0f s", largeMembers, largeJournal, largeSent, largeAudit, time.Since(begun).Seconds())
}

// write puts n rows into a store, many batches at once.
func write(t *testing.T, s store.Store, n int, row func(i int) (store.Key, []byte)) {
	t.Helper()
	const batch, workers = 100, 64
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for from := range next {
				b := new(store.Batch)
				for i := from; i < min(from+batch, n); i++ {
					b.Put(row(i))
				}
				if _, err := s.Commit(context.Background(), b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for from := 0; from < n; from += batch {
		next <- from
	}
	close(next)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}
