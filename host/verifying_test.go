package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

type verifyFunc func(v *abi.Verify, locale string) ([]byte, error)

func (f verifyFunc) Verify(_ context.Context, v *abi.Verify, locale string) ([]byte, error) {
	return f(v, locale)
}

// A verdict comes back as an event with the note of the action, whatever the
// verifier does; one that is being prepared is waited for, but not for ever.
func TestVerify(t *testing.T) {
	for _, tt := range []struct {
		name   string
		verify func(calls int) ([]byte, error)
		want   string
		calls  int // at least
	}{
		{"a verdict", func(int) ([]byte, error) { return []byte(`{"verdict":"accepted"}`), nil }, `mine {"verdict":"accepted"} `, 1},
		{"none", nil, "mine  this hearth has no verifier", 0},
		{"a failure", func(int) ([]byte, error) { return nil, errors.New("too many wait") }, "mine  too many wait", 1},
		{"prepared meanwhile", func(n int) ([]byte, error) {
			if n < 5 {
				return nil, ErrVerifierNotReady
			}
			return []byte("{}"), nil
		}, "mine {} ", 5},
		{"never prepared", func(int) ([]byte, error) { return nil, ErrVerifierNotReady }, "mine  " + ErrVerifierNotReady.Error(), 100},
		{"a verdict without bounds", func(int) ([]byte, error) { return make([]byte, MaxVerdict+1), nil }, "mine  the verdict has", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				calls, asked := 0, ""
				var o Options
				if tt.verify != nil {
					o.Verifier = verifyFunc(func(v *abi.Verify, locale string) ([]byte, error) {
						calls++
						asked = fmt.Sprint(v.Files[0].Text, " ", locale)
						return tt.verify(calls)
					})
				}
				b := newBot(t, o)
				var rec record
				b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}, Needs: []abi.Need{{Cap: abi.CapVerify, Reason: "test"}}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
					if r := c.Event.Result; r != nil {
						rec.add(fmt.Sprintf("%s %s %s", c.Event.Note, r.Body, r.Error))
						return abi.Effects{}, nil
					}
					return abi.Effects{Out: []abi.Effect{{Action: &abi.Action{Name: "check", Note: []byte("mine"),
						Verify: &abi.Verify{Files: []abi.SourceFile{{Name: "main.go", Text: "package main"}}}}}}}, nil
				})
				b.start()
				b.accept(b.event(abi.MessagePosted), chat.Accepted)
				later(time.Hour)
				if got := rec.all(); len(got) != 1 || !strings.HasPrefix(got[0], tt.want) {
					t.Errorf("%q, want one %q", got, tt.want)
				}
				if calls < tt.calls || tt.calls > 0 && asked != "package main en" {
					t.Errorf("asked %d times for %q", calls, asked)
				}
			})
		})
	}
}
