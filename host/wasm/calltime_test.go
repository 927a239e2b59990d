package wasm

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestCallTime is what package context asks of a Context, whether a channel was
// wanted early, late or never.
func TestCallTime(t *testing.T) {
	key := new(int)
	why := errors.New("why")
	for _, early := range []bool{false, true} {
		for _, c := range []struct {
			name string
			end  func(*callTime, context.CancelCauseFunc)
			err  error
			why  error
		}{
			{"over", func(c *callTime, _ context.CancelCauseFunc) { c.end() }, context.Canceled, context.Canceled},
			{"late", func(*callTime, context.CancelCauseFunc) { time.Sleep(2 * time.Second) }, context.DeadlineExceeded, context.DeadlineExceeded},
			{"cancelled", func(_ *callTime, cancel context.CancelCauseFunc) { cancel(why) }, context.Canceled, why},
		} {
			synctest.Test(t, func(t *testing.T) {
				caller, cancel := context.WithCancelCause(context.WithValue(context.Background(), key, "value"))
				defer cancel(nil)
				ct := &callTime{caller: caller, deadline: time.Now().Add(time.Second)}
				defer ct.end()
				if early {
					sub, stop := context.WithCancel(ct)
					defer stop()
					if sub.Value(key) != "value" {
						t.Errorf("%s: no value", c.name)
					}
				}
				if d, ok := ct.Deadline(); !ok || !d.Equal(ct.deadline) || ct.Err() != nil {
					t.Errorf("%s: deadline %v, %v, before its end %v", c.name, d, ok, ct.Err())
				}
				c.end(ct, cancel)
				synctest.Wait()
				if err := ct.Err(); err != c.err || context.Cause(ct) != c.why {
					t.Errorf("%s, early %v: %v because of %v, want %v because of %v", c.name, early, err, context.Cause(ct), c.err, c.why)
				}
				select {
				case <-ct.Done():
				default:
					t.Errorf("%s, early %v: not done", c.name, early)
				}
				if ct.Err() != c.err {
					t.Errorf("%s, early %v: became %v", c.name, early, ct.Err())
				}
			})
		}
	}
}
