package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// counting is a plugin that reads by key and by scan, writes, counts and
// answers; edit changes what it returns.
func counting(edit func(c *abi.Call, h wasm.Host, ef *abi.Effects) error) handler {
	return func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
		var ef abi.Effects
		if c.Event.Message == nil {
			return ef, nil // its timer
		}
		n, _, err := h.Get(context.Background(), "c/n")
		if err != nil {
			return ef, err
		}
		page, err := h.Scan(context.Background(), &abi.Scan{Prefix: "c/", Limit: 2})
		if err != nil {
			return ef, err
		}
		var rows abi.Rows
		if _, err := rows.UnmarshalMsg(page); err != nil {
			return ef, err
		}
		text := fmt.Sprintf("%s: n=%d rows=%d more=%v seed=%x now=%d", c.Event.Message.Text, len(n), len(rows.Rows), rows.More, c.Seed, c.Now)
		ef = abi.Effects{
			Writes: []abi.Write{{Key: "c/n", Value: append(slices.Clone(n), 'x')}, {Key: "m/fake:ada/last", Value: []byte(c.Event.Message.Text)}, {Key: fmt.Sprint("c/row", len(n)%5), Value: []byte("row")}},
			Adds:   []abi.Add{{Key: "c/total", Delta: 1}},
			Out:    []abi.Effect{say("fake:general", text), {Timer: &abi.Timer{Name: "later", Due: c.Now + 3_600_000}}},
		}
		if edit != nil {
			err = edit(c, h, &ef)
		}
		return ef, err
	}
}

// postsTexts sends n messages, whose texts are what text makes of their numbers.
func (b *bot) postsTexts(n int, text func(i int) string) {
	b.t.Helper()
	for i := range n {
		ev := b.event(abi.MessagePosted)
		ev.Message.Text = text(i)
		b.accept(ev, chat.Accepted)
		later(time.Second)
	}
}

func (b *bot) replay(o ReplayOptions) *replay.Report {
	b.t.Helper()
	r, err := b.Replay(b.t.Context(), o)
	if err != nil {
		b.t.Fatal(err)
	}
	if r.Same+r.Changed+r.Inexact != r.Events || len(r.Changes)+r.Omitted < r.Changed+r.Inexact {
		b.t.Errorf("the report does not add up: %+v", r)
	}
	if _, err := json.Marshal(r); err != nil {
		b.t.Error(err)
	}
	return r
}

// other makes h what runs from now on, as another version.
func (b *bot) other(version string, h handler, needs ...string) {
	b.t.Helper()
	m := abi.Manifest{Name: "p", Version: version, Events: []abi.Kind{abi.MessagePosted}}
	for _, n := range append([]string{abi.CapSend, abi.CapTimers}, needs...) {
		m.Needs = append(m.Needs, abi.Need{Cap: n, Reason: "test"})
	}
	b.plugin(m, h)
}

func numbers(r *replay.Report) (out []string) {
	for i := range r.Changes {
		out = append(out, r.Changes[i].Number)
	}
	return out
}

func TestReplayOfWhatHasNotChanged(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		failing := true
		b.other("1.0.0", counting(func(c *abi.Call, h wasm.Host, ef *abi.Effects) error {
			switch {
			case strings.HasPrefix(c.Event.Message.Text, "fails"):
				ef.Error = "I cannot"
			case strings.HasPrefix(c.Event.Message.Text, "crashes"):
				return fmt.Errorf("wasm: handle: %w: oh", wasm.ErrTrap)
			case strings.HasPrefix(c.Event.Message.Text, "dm"): // it was not granted
				ef.Out = append(ef.Out, tell("fake:ada", "psst"))
			case strings.HasPrefix(c.Event.Message.Text, "peeks"):
				_, _, err := h.Get(context.Background(), "m/fake:bob/last")
				if err != nil {
					return fmt.Errorf("wasm: handle: %w: %w", wasm.ErrHost, err)
				}
			case strings.HasPrefix(c.Event.Message.Text, "deep") && failing: // refused for a reason of the moment
				ef.Writes = append(ef.Writes, abi.Write{Key: "c/big", Value: make([]byte, 60<<10)})
			}
			return nil
		}))
		b.start()
		words := []string{"hello", "fails", "crashes", "dm", "peeks", "hi"}
		b.postsTexts(60, func(i int) string { return fmt.Sprint(words[i%len(words)], " ", i) })
		later(24 * time.Hour) // all that fails has been given up
		r := b.replay(ReplayOptions{Plugin: "p", Kind: abi.MessagePosted})
		if r.Events != 60 || r.Same != 60 || len(r.Sums) > 0 || len(r.Changes) > 0 || r.Failed != 40 || r.FailedBefore != 40 || r.Broken != 0 || r.Skipped != 0 || r.ConfigChanged != 0 {
			for i := range r.Changes {
				t.Log(r.Changes[i])
			}
			t.Errorf("%+v", r)
		}
		if r.Plugin != "p" || r.Version != "1.0.0" || r.Live != r.SHA256 || len(r.Recorded) != 1 || r.Recorded[0] != (replay.Recorded{SHA256: r.SHA256, Events: 60}) {
			t.Errorf("%+v", r)
		}
		if r.Before.Fuel != r.After.Fuel {
			t.Errorf("fuel %+v, %+v", r.Before, r.After)
		}
	})
}

func TestReplayOfWhatHasChanged(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.other("1.0.0", counting(nil))
		b.start()
		b.postsTexts(100, func(i int) string { return fmt.Sprint("message ", i) })
		var want []string
		for _, row := range b.rows(kJournal) {
			var j journalRow
			if _, err := j.UnmarshalMsg(row.Value); err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(j.Call.Event.Message.Text, "7") {
				want = append(want, splitKey(row.Key, 2)[0])
			}
		}
		b.other("2.0.0", counting(func(c *abi.Call, h wasm.Host, ef *abi.Effects) error {
			if strings.HasSuffix(c.Event.Message.Text, "7") {
				ef.Out[0].Send.Content.Blocks[0].Text += "?"
				ef.Writes = ef.Writes[:2]
				ef.Adds[0].Delta = 2
			}
			return nil
		}))
		var steps []string
		r := b.replay(ReplayOptions{Plugin: "p", Progress: func(done, total int) { steps = append(steps, fmt.Sprint(done, "/", total)) }})
		if r.Changed != 10 || r.Same != 90 || !slices.Equal(numbers(r), want) {
			t.Errorf("%d changed, %v; want %v", r.Changed, numbers(r), want)
		}
		sums := []replay.Sum{{What: replay.Message, How: replay.Changes, Count: 10, Events: 10}, {What: replay.State, How: replay.Changes, Count: 10, Events: 10}, {What: replay.State, How: replay.Disappears, Count: 10, Events: 10}}
		if !slices.Equal(r.Sums, sums) {
			t.Errorf("%+v", r.Sums)
		}
		if c := r.Changes[0]; len(c.Differences) != 3 || c.Kind != "message.posted" || c.Member != "fake:ada" || c.Conversation != "fake:general" || c.Inexact || c.Error != "" {
			t.Errorf("%+v", c)
		}
		if strings.Join(steps, " ") != "0/100 64/100 100/100" {
			t.Errorf("progress: %s", steps)
		}

		// One event, whatever comes of it; and some of them.
		if r := b.replay(ReplayOptions{Plugin: "p", Event: want[3]}); r.Events != 1 || !slices.Equal(numbers(r), want[3:4]) {
			t.Errorf("one event: %+v", r)
		}
		first := splitKey(b.rows(kJournal)[0].Key, 2)[0]
		if r := b.replay(ReplayOptions{Plugin: "p", Event: first}); r.Same != 1 || len(r.Changes) != 1 || r.Changes[0].Differences == nil {
			t.Errorf("one event that is the same: %+v", r)
		}
		if r := b.replay(ReplayOptions{Plugin: "p", Last: 20}); r.Events != 20 || r.Changed != 2 || !slices.Equal(numbers(r), want[8:]) {
			t.Errorf("the last 20: %+v", r)
		}
		n, err := store.ParseSeq(want[5])
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(0, int64(n))
		if r := b.replay(ReplayOptions{Plugin: "p", Since: at}); r.Events != 43 || !slices.Equal(numbers(r), want[5:]) {
			t.Errorf("since: %+v", r)
		}
		if r := b.replay(ReplayOptions{Plugin: "p", Until: at}); r.Events != 57 || !slices.Equal(numbers(r), want[:5]) {
			t.Errorf("until: %+v", r)
		}
		for _, o := range []ReplayOptions{{Plugin: "p", Kind: abi.MemberJoined}, {Plugin: "p", FailedOnly: true}} {
			if r := b.replay(o); r.Events != 0 {
				t.Errorf("%+v: %+v", o, r)
			}
		}
		for _, o := range []ReplayOptions{{Plugin: "q"}, {Plugin: "p", Event: store.Seq(7)}, {Plugin: "p", SHA: strings.Repeat("0", 64)}} {
			if _, err := b.Replay(t.Context(), o); !errors.Is(err, ErrUnknown) {
				t.Errorf("%+v: %v", o, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Replay(ctx, ReplayOptions{Plugin: "p"}); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

// TestReplayReadsInAnyOrder has a version read in another order, and another
// part, of what was read: that is known. A row that nobody has read is not.
func TestReplayReadsInAnyOrder(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.other("1.0.0", counting(nil))
		b.start()
		b.postsTexts(20, func(i int) string { return fmt.Sprint("message ", i) })
		b.other("2.0.0", func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
			if _, err := h.Scan(t.Context(), &abi.Scan{Prefix: "c/", Limit: 1}); err != nil {
				return abi.Effects{}, err
			}
			if _, _, err := h.Get(t.Context(), "c/a"); err != nil { // before all that the scan had
				return abi.Effects{}, err
			}
			return counting(nil)(c, h)
		})
		if r := b.replay(ReplayOptions{Plugin: "p"}); r.Same != 20 {
			t.Errorf("%+v", r)
		}
		b.other("3.0.0", counting(func(c *abi.Call, h wasm.Host, ef *abi.Effects) error {
			if strings.HasSuffix(c.Event.Message.Text, "5") {
				v, _, err := h.Get(t.Context(), "m/fake:ada/mood")
				ef.Out[0].Send.Content.Blocks[0].Text += "?" + string(v)
				return err
			}
			return nil
		}))
		r := b.replay(ReplayOptions{Plugin: "p"})
		if r.Same != 18 || r.Inexact != 2 || r.Changed != 0 || len(r.Sums) != 0 || len(r.Changes) != 2 || !r.Changes[0].Inexact || !slices.Equal(r.Changes[0].Missed, []string{"m/fake:ada/mood"}) {
			t.Errorf("%+v", r)
		}
		// An event that had read more than is kept cannot be run.
		b.other("4.0.0", func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
			for range 3 {
				if _, err := h.Scan(t.Context(), &abi.Scan{Prefix: "c/big", Relaxed: true}); err != nil {
					return abi.Effects{}, err
				}
			}
			return abi.Effects{Writes: []abi.Write{{Key: "c/big", Value: make([]byte, 40<<10)}}}, nil
		})
		b.postsTexts(3, func(i int) string { return "big" })
		if r := b.replay(ReplayOptions{Plugin: "p", Last: 3}); r.Events != 1 || r.Skipped != 2 {
			t.Errorf("%+v", r)
		}
	})
}

// TestReplayPermits sees that a new version has in a replay what only it asks
// for, and that is said; and that what an admin refused stays refused.
func TestReplayPermits(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.other("1.0.0", counting(nil))
		b.start()
		b.postsTexts(10, func(i int) string { return fmt.Sprint("message ", i) })
		whisper := counting(func(c *abi.Call, h wasm.Host, ef *abi.Effects) error {
			ef.Out = append(ef.Out, tell("fake:ada", "psst"))
			return nil
		})
		sha := b.stage(abi.Manifest{Name: "p", Version: "2.0.0", Events: []abi.Kind{abi.MessagePosted},
			Needs: []abi.Need{{Cap: abi.CapSend, Reason: "test"}, {Cap: abi.CapTimers, Reason: "test"}, {Cap: abi.CapDM, Reason: "test"}}}, whisper)
		r := b.replay(ReplayOptions{Plugin: "p", SHA: sha})
		if r.Changed != 10 || r.Failed != 0 || !slices.Equal(r.Missing, []string{abi.CapDM}) || r.SHA256 != sha || r.Live == sha {
			t.Errorf("%+v", r)
		}
		b.other("3.0.0", whisper) // does not ask
		r = b.replay(ReplayOptions{Plugin: "p"})
		if r.Failed != 10 || r.Broken != 10 || !strings.Contains(r.Changes[0].Error, `not granted "dm"`) {
			t.Errorf("%+v", r)
		}
	})
}

// TestReplayNamesWhatWasRefusedForAMoment compares what a plugin returned and the
// host refused: by its error if it would be refused again, else by its effects.
func TestReplayNamesWhatWasRefusedForAMoment(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{MaxTimers: 1})
		b.other("1.0.0", counting(func(c *abi.Call, h wasm.Host, ef *abi.Effects) error {
			ef.Out = append(ef.Out, abi.Effect{Timer: &abi.Timer{Name: "more", Due: c.Now + 3_600_000_000}})
			return nil
		}))
		b.start()
		b.postsTexts(2, func(i int) string { return "hello" })
		later(time.Hour)
		b.wantFailures(2, "timers already")
		if r := b.replay(ReplayOptions{Plugin: "p"}); r.Same != 2 || r.Failed != 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestGate(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		b.other("1.0.0", counting(nil))
		b.start()
		if r, err := b.gate(t.Context(), b.Engine.plugin("p").version(), &Gate{}); !errors.Is(err, ErrGate) || !strings.Contains(err.Error(), "no event") || r.Passed {
			t.Errorf("without events: %+v, %v", r, err)
		}
		b.postsTexts(100, func(i int) string { return fmt.Sprint("message ", i) })
		v := b.Engine.plugin("p").version()
		breaks := &version{manifest: v.manifest, sha: "b", guest: counting(func(c *abi.Call, h wasm.Host, ef *abi.Effects) error {
			if strings.HasSuffix(c.Event.Message.Text, "9") {
				ef.Error = "nine is too much"
			}
			return nil
		})}
		for _, c := range []struct {
			name string
			v    *version
			gate Gate
			p95  time.Duration
			why  string // "" if it passes
		}{
			{"as it is", v, Gate{}, 0, ""},
			{"two reads of 50 ms", v, Gate{Latency: replay.Fixed(50 * time.Millisecond)}, 100 * time.Millisecond, ""},
			{"two reads of 150 ms", v, Gate{Latency: replay.Fixed(150 * time.Millisecond)}, 300 * time.Millisecond, "95 of 100 events took up to 300ms, the bound is 200ms (100 events run)"},
			{"a bound of its own", v, Gate{Latency: replay.Fixed(150 * time.Millisecond), P95: time.Second}, 300 * time.Millisecond, ""},
			{"one in ten is slow", v, Gate{Latency: replay.Latency{P50: time.Millisecond, P95: 2 * time.Millisecond, Max: 20 * time.Second}}, -1, "95 of 100 events took up to "},
			{"reads that take for ever", v, Gate{Latency: replay.Fixed(time.Minute), P95: time.Hour}, time.Minute, "100 of 100 events fail that had not failed before"},
			{"each fifth read fails", v, Gate{FailEvery: 5}, 0, ""},
			{"all reads fail", v, Gate{FailEvery: 1}, 0, "100 of 100 events fail"},
			{"it breaks events", breaks, Gate{Last: 50}, 0, "5 of 50 events fail that had not failed before; event "},
		} {
			r, err := b.gate(t.Context(), c.v, &c.gate)
			if (err == nil) != (c.why == "") || r.Passed != (err == nil) || err != nil && !errors.Is(err, ErrGate) || !strings.HasPrefix(r.Why, c.why) || c.p95 >= 0 && r.P95 != c.p95 {
				t.Errorf("%s: %v, p95 %v, %q, %v", c.name, r.Passed, r.P95, r.Why, err)
			}
		}
	})
}

// TestReplayInTheSandbox makes a thousand events through a real plugin and runs
// them again: through the same code, through one that answers some otherwise, and
// through one that reads what nobody has.
func TestReplayInTheSandbox(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compiles two versions of a plugin; left out with -short")
	}
	const flags = "-X main.version=%s -X main.greeted=%s -X main.curious=%s"
	read := func(version, greeted, curious string) []byte {
		code, err := os.ReadFile(buildPlugin(t, "parrot", fmt.Sprintf(flags, version, greeted, curious)))
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	one, two := read("1.0.0", "Hello", ""), read("1.1.0", "Hey", "yes")

	w, err := wasm.New(wasm.Options{CacheDir: verifytest.Plugins()})
	if err != nil {
		t.Fatal(err)
	}
	b := newBot(t, Options{Wasm: w})
	if _, err := b.Install(t.Context(), one, PluginOptions{GrantAll: true}); err != nil {
		t.Fatal(err)
	}
	b.startReal()
	t.Cleanup(func() {
		b.halt()
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	const n = 1000
	begun := time.Now()
	words := []string{"apple", "banana", "cherry", "date", "elder", "fig", "grape", "melon", "lemon", "zebra pie"}
	a, z := 0, 0
	for i := range n {
		ev := b.event(abi.MessagePosted)
		ev.Message.Text = words[i%len(words)] + strings.Repeat("o", i%7)
		ev.Conversation.ID = fmt.Sprint("fake:c", i%16)
		ev.Member = abi.Member{ID: fmt.Sprint("fake:m", i%50), Name: fmt.Sprint("Member ", i%50)}
		switch {
		case strings.Contains(ev.Message.Text, "z"):
			z++
		case strings.Contains(ev.Message.Text, "a"):
			a++
		}
		b.accept(ev, chat.Accepted)
	}
	settled(t, b.Engine, "fake")
	handled := time.Since(begun)
	if f, err := b.Failures(t.Context()); err != nil || len(f) > 0 {
		t.Fatalf("%d failures, %v", len(f), err)
	}

	r := b.replay(ReplayOptions{Plugin: "parrot"})
	if r.Events != n || r.Same != n || r.Before.Fuel != r.After.Fuel || r.Before.Fuel == 0 || r.ConfigChanged != 0 {
		t.Errorf("unchanged: %+v", r)
		for i := range min(3, len(r.Changes)) {
			t.Logf("%+v", r.Changes[i])
		}
	}
	per := time.Duration(r.TookMS * float64(time.Millisecond))
	t.Logf("figure: replay of %d events of a Go plugin in its sandbox, unchanged: %v and %v to prepare; %d differences; goal under 1 s", r.Events, per.Round(time.Millisecond), ms(r.PreparedMS), r.Changed+r.Inexact)
	if per > 5*handled {
		t.Errorf("%d events took %v to run again, and %v to handle", n, per, handled)
	}

	r = b.replay(ReplayOptions{Plugin: "parrot", Code: two})
	if r.Changed != a || r.Inexact != z || r.Same != n-a-z || len(r.Sums) != 1 || r.Sums[0] != (replay.Sum{What: replay.Message, How: replay.Changes, Count: a, Events: a}) {
		t.Errorf("%d answered otherwise, want %d; %d inexact, want %d: %+v", r.Changed, a, r.Inexact, z, r.Sums)
	}
	for i := range r.Changes {
		if m := r.Changes[i].Missed; len(m) > 0 != r.Changes[i].Inexact || len(m) > 0 && !strings.HasSuffix(m[0], "/mood") {
			t.Errorf("event %s lacks %q", r.Changes[i].Number, m)
		}
		if d := r.Changes[i].Differences; len(d) != 1 || !strings.Contains(d[0].Before, "Hello, ") || !strings.Contains(d[0].After, "Hey, ") {
			t.Errorf("event %s: %v", r.Changes[i].Number, d)
		}
	}
	t.Logf("figure: replay of %d events through a version that answers %d otherwise and reads more in %d: %v and %v to prepare, of code that was not compiled before; %d changed and %d inexact found", r.Events, a, z, ms(r.TookMS), ms(r.PreparedMS), r.Changed, r.Inexact)

	// The plugin's config has changed since.
	if _, err := b.Install(t.Context(), one, PluginOptions{Config: []byte(`{"suffix": "?"}`)}); err != nil {
		t.Fatal(err)
	}
	r = b.replay(ReplayOptions{Plugin: "parrot", Last: 100})
	if r.ConfigChanged != 100 || r.Changed != 100 || !r.Changes[0].ConfigChanged {
		t.Errorf("another config: %+v", r)
	}

	for _, c := range []struct {
		name string
		o    ReplayOptions
		want error
	}{
		{"no module", ReplayOptions{Plugin: "parrot", Code: []byte("hello")}, wasm.ErrABI},
		{"another plugin", ReplayOptions{Plugin: "wolf", Code: two}, ErrManifest},
		{"too large", ReplayOptions{Plugin: "parrot", Code: make([]byte, MaxPlugin+1)}, ErrTooLarge},
	} {
		if _, err := b.Replay(t.Context(), c.o); !errors.Is(err, c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func ms(f float64) time.Duration {
	return time.Duration(f * float64(time.Millisecond)).Round(time.Millisecond)
}

// TestReplaysBesideEvents replays again and again while events are handled: of
// those none is lost or doubled, and replays do not see what is not committed.
func TestReplaysBesideEvents(t *testing.T) {
	e, p := realEngine(t, buildPlugin(t, "counter"))
	b := &bot{Engine: e, t: t, store: e.store}
	var reports []*replay.Report
	const n = 300
	for i := range n {
		ev := abi.Event{ID: fmt.Sprint("e", i), Source: "fake", Kind: abi.MessagePosted, Conversation: abi.Conversation{ID: fmt.Sprint("fake:c", i%8)},
			Member: abi.Member{ID: "fake:ada", Name: "Ada"}, Message: &abi.Message{ID: "m", Text: "hi"}}
		if _, err := e.Accept(t.Context(), chat.Incoming{Event: ev}); err != nil {
			t.Error(err)
		}
		if i%100 == 99 {
			r, err := e.Replay(t.Context(), ReplayOptions{Plugin: "counter", Last: 50})
			if err != nil {
				t.Fatal(err)
			}
			reports = append(reports, r)
		}
	}
	settled(t, e, "fake")
	if got := b.counter("counter", "c/total"); got != n || len(p.texts()) != n {
		t.Errorf("%d counted, %d answered, of %d", got, len(p.texts()), n)
	}
	for _, r := range reports {
		if r.Changed+r.Inexact > 0 {
			t.Errorf("%+v", r)
		}
	}
}

// TestReplayOfWelcome has a thousand members come, ask and leave, and runs all of
// that again through the plugin that greets them.
func TestReplayOfWelcome(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the welcome plugin; left out with -short")
	}
	module := filepath.Join(t.TempDir(), "welcome.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags", "-s -w", "-o", module, "../plugins/welcome")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	e, _ := realEngine(t, module)
	b := &bot{Engine: e, t: t, store: e.store}
	const n = 1000
	for i := range n {
		ev := abi.Event{ID: fmt.Sprint("e", i), Source: "fake", Conversation: abi.Conversation{ID: fmt.Sprint("fake:c", i%8), Kind: abi.Channel},
			Member: abi.Member{ID: fmt.Sprint("fake:m", i/4), Name: fmt.Sprint("Member ", i/4)}}
		switch i % 4 {
		case 0:
			ev.Kind = abi.MemberJoined
		case 1:
			ev.Kind, ev.Message = abi.MessagePosted, &abi.Message{ID: fmt.Sprint("m", i), Text: "hello everybody"}
		case 2:
			ev.Kind, ev.Command = abi.CommandInvoked, &abi.Command{Name: []string{"help", "start", "stop", "resume"}[i/4%4]}
		case 3:
			ev.Kind = abi.MemberLeft
		}
		b.accept(ev, chat.Accepted)
	}
	settled(t, e, "fake")
	r := b.replay(ReplayOptions{Plugin: "welcome"})
	if r.Events < n || r.Same != r.Events || r.Failed > 0 {
		t.Errorf("%+v", r)
		for i := range min(3, len(r.Changes)) {
			t.Logf("%+v", r.Changes[i])
		}
	}
	t.Logf("figure: replay of %d events of plugin welcome, unchanged: %v and %v to prepare, %d differences; an event at p95 %.3f ms, recorded %.3f ms; goal under 1 s",
		r.Events, ms(r.TookMS), ms(r.PreparedMS), r.Changed+r.Inexact, r.After.P95MS, r.Before.P95MS)
}

// TestPromoteThroughAGate has a version that breaks events stay out, whoever asks
// for it, and one that is well come in.
func TestPromoteThroughAGate(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{})
		m := func(version string) abi.Manifest {
			return abi.Manifest{Name: "p", Version: version, Events: []abi.Kind{abi.MessagePosted}, Needs: []abi.Need{{Cap: abi.CapSend, Reason: "test"}, {Cap: abi.CapTimers, Reason: "test"}}}
		}
		b.promote("p", b.stage(m("1.0.0"), counting(nil)))
		b.start()
		b.postsTexts(40, func(i int) string { return fmt.Sprint("message ", i) })
		broken := b.stage(m("2.0.0"), counting(func(c *abi.Call, h wasm.Host, ef *abi.Effects) error {
			ef.Error = "I never work"
			return nil
		}))
		well := b.stage(m("2.0.1"), counting(nil))
		gate := &Gate{Latency: replay.Fixed(20 * time.Millisecond), FailEvery: 7}
		if _, err := b.Promote(t.Context(), anna, "p", broken, "test", PromoteOptions{Gate: gate}); !errors.Is(err, ErrGate) || !strings.Contains(err.Error(), "40 of 40 events fail") || !strings.Contains(err.Error(), "I never work") {
			t.Errorf("promoted: %v", err)
		}
		if v := b.Engine.plugin("p").version().manifest.Version; v != "1.0.0" {
			t.Errorf("version %s is live", v)
		}
		if _, err := b.Promote(t.Context(), anna, "p", well, "test", PromoteOptions{Gate: gate}); err != nil {
			t.Error(err)
		}
		if v := b.Engine.plugin("p").version().manifest.Version; v != "2.0.1" {
			t.Errorf("version %s is live", v)
		}
		slow := b.stage(m("2.1.0"), counting(nil))
		if _, err := b.Promote(t.Context(), anna, "p", slow, "test", PromoteOptions{Gate: &Gate{Latency: replay.Fixed(20 * time.Millisecond), P95: 30 * time.Millisecond}}); !errors.Is(err, ErrGate) || !strings.Contains(err.Error(), "took up to 40ms, the bound is 30ms") {
			t.Errorf("promoted: %v", err)
		}
	})
}
