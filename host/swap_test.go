package host

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// TestLaw9SwapsUnderAStreamOfEvents swaps real modules in real sandboxes while
// events keep coming: each is handled once, by one version, whatever is
// installed meanwhile; what cannot be made live changes nothing; and the old
// version installed again is the old version.
func TestLaw9SwapsUnderAStreamOfEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: it compiles real plugins, which takes minutes under the race detector")
	}
	read := func(linked ...string) []byte {
		code, err := os.ReadFile(buildPlugin(t, "swap", linked...))
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	v1 := read("-X main.version=1.0.0")
	v2 := read("-X main.version=2.0.0")

	e, p := realEngine(t, buildPlugin(t, "swap", "-X main.version=1.0.0"))
	live := func() string {
		info := e.Plugins()[0]
		return info.Version + " " + info.SHA256
	}
	post := func(n int) abi.Event {
		return abi.Event{ID: fmt.Sprint("e", n), Source: "fake", Kind: abi.MessagePosted, Conversation: abi.Conversation{ID: fmt.Sprint("fake:c", n%8)},
			Member: abi.Member{ID: "fake:ada", Name: "Ada"}, Message: &abi.Message{ID: "m", Text: "hi"}}
	}
	sent := 0
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(4 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if out, err := e.Accept(t.Context(), chat.Incoming{Event: post(sent)}); err != nil || out != chat.Accepted {
					if t.Context().Err() != nil {
						return // the test has failed already
					}
					t.Errorf("Accept = %v, %v", out, err)
					return
				}
				sent++
			}
		}
	}()
	install := func(code []byte) error {
		_, err := e.Install(t.Context(), code, PluginOptions{GrantAll: true})
		return err
	}
	b := &bot{Engine: e, t: t, store: e.store}
	answered := func() int {
		n, err := e.countNow(t.Context(), stateKey("swap", "c/total"))
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	// flow waits until a few more events have been handled.
	flow := func() {
		end := time.Now().Add(time.Minute)
		for goal := answered() + 10; answered() < goal; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("events are not handled any more")
			}
		}
	}
	first := live()
	flow()
	bad := map[string][]byte{
		"its self-test": read("-X main.version=3.0.0 -X main.broken=test"),
		"warm":          read("-X main.version=3.0.0 -X main.broken=warm"),
		"compiling":     v2[:len(v2)/2],
	}
	for round := range 2 {
		if err := install(v2); err != nil {
			t.Fatal(err)
		}
		second := live()
		if second == first || !strings.HasPrefix(second, "2.0.0") {
			t.Fatalf("live is %s after version 2 was installed", second)
		}
		flow()
		for what, code := range bad {
			if round > 0 {
				break // once is enough
			}
			err := install(code)
			if err == nil {
				t.Fatalf("a version that fails %s was made live", what)
			}
			if what == "its self-test" && !errors.Is(err, ErrSelfTest) {
				t.Errorf("%s: %v", what, err)
			}
			if now := live(); now != second {
				t.Fatalf("live is %s after an installation that failed at %s, want %s", now, what, second)
			}
			flow() // and it runs
		}
		if err := install(v1); err != nil { // roll back
			t.Fatal(err)
		}
		if now := live(); now != first {
			t.Fatalf("live is %s after the roll back, want %s", now, first)
		}
		flow()
	}
	close(stop)
	<-stopped
	settled(t, e, "fake")

	// What happens from now on is the old version's, all of it.
	rolledBack := sent
	for range 20 {
		if _, err := e.Accept(t.Context(), chat.Incoming{Event: post(sent)}); err != nil {
			t.Fatal(err)
		}
		sent++
	}
	settled(t, e, "fake")
	if f, err := e.Failures(t.Context()); err != nil || len(f) > 0 {
		t.Fatalf("failed events: %+v, %v", f, err)
	}
	if n := answered(); n != sent {
		t.Errorf("%d events were handled of %d", n, sent)
	}
	by := map[string]int{}
	version := map[string]string{} // by event
	for _, r := range b.rows(kState.Join("swap")) {
		s := r.Key.Segments()
		if len(s) < 5 || s[3] != "handled" && s[2] != "c" {
			continue
		}
		version[s[len(s)-1]] = string(r.Value)
	}
	for i := range sent {
		id := fmt.Sprint("e", i)
		// The value is the text as the SDK encodes it.
		ones, twos := strings.Count(version[id], "1.0.0 "), strings.Count(version[id], "2.0.0 ")
		if ones+twos != 1 || strings.Contains(version[id], "3.0.0") {
			t.Errorf("event %s was handled by %q, want by one version once", id, version[id])
		}
		if i >= rolledBack && ones != 1 {
			t.Errorf("event %s came after the roll back and was handled by %q", id, version[id])
		}
		by["1.0.0"] += ones
		by["2.0.0"] += twos
	}
	answers := map[string]int{}
	for _, text := range p.texts() {
		_, answer, _ := strings.Cut(text, "send ")
		_, answer, _ = strings.Cut(answer, " ")
		id, v, _ := strings.Cut(answer, " by ")
		if answers[id]++; !strings.Contains(version[id], v) {
			t.Errorf("event %s was handled by %q and answered by %q", id, version[id], v)
		}
	}
	if len(answers) != sent || len(p.texts()) != sent {
		t.Errorf("%d answers to %d events, want one to each of %d", len(p.texts()), len(answers), sent)
	}
	t.Logf("%d events, by version %v", sent, by)
	if by["1.0.0"] == 0 || by["2.0.0"] == 0 {
		t.Error("one of the versions handled nothing")
	}
}
