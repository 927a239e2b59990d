package host

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLanesKeepOrderAndRunBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		got := map[string][]uint64{}
		fails := map[uint64]int{}
		l := newLanes(wall{}, 4, func(lane string, seq uint64) turn {
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			if seq%7 == 0 && fails[seq] < 3 {
				fails[seq]++
				return turn{again: true, after: time.Second}
			}
			got[lane] = append(got[lane], seq)
			return done
		})
		for seq := uint64(1); seq <= 100; seq++ {
			l.push(fmt.Sprint("lane", seq%10), seq)
		}
		if got := l.length(); got != 100 {
			t.Fatalf("%d queued, want 100", got)
		}
		l.start(ctx)
		time.Sleep(time.Minute)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		total := 0
		for lane, seqs := range got {
			for i := range seqs {
				total++
				if i > 0 && seqs[i] < seqs[i-1] {
					t.Errorf("%s ran %v, out of order", lane, seqs)
				}
			}
		}
		if total != 100 || l.length() != 0 {
			t.Errorf("%d run and %d left, want 100 and 0", total, l.length())
		}
		cancel()
		l.wait()
	})
}

func TestLanesStallUntilResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		open, ran := false, 0
		l := newLanes(wall{}, 1, func(string, uint64) turn {
			if !open {
				return turn{again: true, stall: true}
			}
			ran++
			return done
		})
		l.start(ctx)
		l.push("a", 1)
		l.push("b", 2)
		time.Sleep(time.Hour)
		synctest.Wait()
		if ran != 0 {
			t.Fatal("a stalled lane ran")
		}
		open = true
		l.resume()
		synctest.Wait()
		if ran != 2 {
			t.Errorf("%d ran after resume, want 2", ran)
		}
		cancel()
		l.wait()
	})
}
