package host

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// bot is an engine with Go functions for plugins and a platform that records.
type bot struct {
	*Engine
	t        *testing.T
	store    store.Store
	platform *fakePlatform
	stop     context.CancelFunc
	ended    chan struct{}
	n        int
}

// handler is a plugin as a Go function.
type handler func(c *abi.Call, h wasm.Host) (abi.Effects, error)

// newBot returns a bot that is not running yet. It belongs into a synctest
// bubble, whose clock is the engine's.
func newBot(t *testing.T, o Options) *bot {
	t.Helper()
	if o.Store == nil {
		o.Store = new(store.Mem)
	}
	if testing.Verbose() && o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	e, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	b := &bot{Engine: e, t: t, store: o.Store, platform: newFakePlatform("fake")}
	return b
}

// start attaches the platform and runs the engine until the test ends.
func (b *bot) start() {
	b.t.Helper()
	b.startReal()
	synctest.Wait()
}

// startReal is start outside of a bubble, where time and network are real.
func (b *bot) startReal() {
	b.t.Helper()
	if b.Engine.platform("fake") == nil {
		if err := b.Attach(b.t.Context(), b.platform); err != nil {
			b.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	b.stop, b.ended = cancel, make(chan struct{})
	go func() {
		defer close(b.ended)
		if err := b.Run(ctx, time.Minute); err != nil {
			b.t.Error(err)
		}
	}()
	b.t.Cleanup(b.halt)
}

// halt ends Run and waits for it.
func (b *bot) halt() {
	b.stop()
	<-b.ended
}

// plugin installs a Go function as a plugin with everything granted that its
// manifest asks for.
func (b *bot) plugin(m abi.Manifest, h handler) {
	b.t.Helper()
	b.complete(&m)
	v := &version{manifest: m, sha: hex.EncodeToString([]byte(m.Name + m.Version)), guest: h}
	if err := b.install(b.t.Context(), v, true); err != nil {
		b.t.Fatal(err)
	}
}

// complete fills in what a manifest of a test leaves out.
func (b *bot) complete(m *abi.Manifest) {
	b.t.Helper()
	def(&m.ABI, abi.Version)
	def(&m.Version, "1.0.0")
	if m.Needs == nil {
		for _, c := range []string{abi.CapSend, abi.CapDM, abi.CapReact, abi.CapTimers, abi.CapMembers, abi.CapAnnotate, abi.CapEmit} {
			m.Needs = append(m.Needs, abi.Need{Cap: c, Reason: "test"})
		}
	}
	if err := checkManifest(m); err != nil {
		b.t.Fatal(err)
	}
}

// Call makes a handler a guest, over the same bytes a sandbox gets.
func (h handler) Call(ctx context.Context, c wasm.Call) (wasm.Result, error) {
	var call abi.Call
	if _, err := call.UnmarshalMsg(c.Input); err != nil {
		return wasm.Result{}, err
	}
	ef, err := h(&call, c.Host)
	if err != nil {
		return wasm.Result{}, err
	}
	out, err := ef.MarshalMsg(c.Buf)
	return wasm.Result{Output: out, Fuel: 1}, err
}

func (h handler) Close() error { return nil }

// event is a new event in #general by ada.
func (b *bot) event(k abi.Kind) abi.Event {
	b.n++
	e := abi.Event{ID: fmt.Sprint("e", b.n), Source: "fake", Kind: k, Time: b.now(),
		Conversation: abi.Conversation{ID: "fake:general", Kind: abi.Channel}, Member: abi.Member{ID: "fake:ada", Name: "Ada"}}
	switch k {
	case abi.MessagePosted:
		e.Message = &abi.Message{ID: fmt.Sprint("m", b.n), Text: "hello"}
	case abi.CommandInvoked:
		e.Command = &abi.Command{Name: "help"}
	}
	return e
}

// accept hands an event over and fails the test unless the outcome is want.
func (b *bot) accept(e abi.Event, want chat.Outcome) {
	b.t.Helper()
	got, err := b.Accept(b.t.Context(), chat.Incoming{Event: e})
	if err != nil || got != want {
		b.t.Fatalf("Accept(%s %s) = %v, %v, want %v", e.Kind, e.ID, got, err, want)
	}
}

// rows reads all rows under a prefix.
func (b *bot) rows(prefix store.Key) []store.Row {
	b.t.Helper()
	snap, err := b.store.Snapshot(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	defer snap.Close()
	var out []store.Row
	span := store.Range{}
	if prefix != "" {
		span = store.Prefix(prefix.Prefix())
	}
	for row, err := range snap.Scan(context.Background(), span) {
		if err != nil {
			b.t.Fatal(err)
		}
		out = append(out, row)
	}
	return out
}

// counter reads one of a plugin's counters.
func (b *bot) counter(plugin, key string) int64 {
	b.t.Helper()
	for _, r := range b.rows(kState) {
		if r.Key == stateKey(plugin, key) {
			n, err := store.Counter(r)
			if err != nil {
				b.t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

// say is an effect that posts text.
func say(conversation, text string) abi.Effect {
	return abi.Effect{Send: &abi.Send{To: abi.Target{Conversation: conversation}, Content: text1(text)}}
}

// tell is an effect that writes to a member.
func tell(member, text string) abi.Effect {
	return abi.Effect{Send: &abi.Send{To: abi.Target{Member: member}, Content: text1(text)}}
}

func text1(text string) abi.Content { return abi.Content{Blocks: []abi.Block{{Text: text}}} }

// fakePlatform records what is delivered, and fails as it is told to.
type fakePlatform struct {
	name     string
	features chat.Features

	mu        sync.Mutex
	delivered []chat.Delivery
	fail      func(d *chat.Delivery) error // before anything is done
	lose      func(d *chat.Delivery) error // after it is done: the answer is lost
	health    chat.Health
}

func newFakePlatform(name string) *fakePlatform {
	return &fakePlatform{name: name, features: chat.Features{DM: true, Ephemeral: true, Edit: true, Delete: true, React: true}, health: chat.Health{OK: true}}
}

func (p *fakePlatform) Name() string            { return p.name }
func (p *fakePlatform) Features() chat.Features { return p.features }

func (p *fakePlatform) Check(context.Context) chat.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.health
}

func (p *fakePlatform) Deliver(_ context.Context, d *chat.Delivery) (chat.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		if err := p.fail(d); err != nil {
			return chat.Receipt{}, err
		}
	}
	p.delivered = append(p.delivered, *d)
	r := chat.Receipt{Conversation: d.Conversation, Messages: []string{"on-platform-" + d.ID}}
	if d.Conversation == "" {
		r.Conversation = "fake:dm-" + abi.LocalID(d.Member)
	}
	if p.lose != nil {
		if err := p.lose(d); err != nil {
			return chat.Receipt{}, err
		}
	}
	return r, nil
}

// sent is what was delivered so far. Waiting orders nothing before a timer that
// fires later, so tests read it here and not in the field.
func (p *fakePlatform) sent() []chat.Delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.delivered)
}

// texts are what was delivered, in order, each with where it went.
func (p *fakePlatform) texts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, d := range p.delivered {
		where := d.Conversation
		if where == "" {
			where = "@" + d.Member
		}
		text := ""
		if len(d.Content.Blocks) > 0 {
			text = d.Content.Blocks[0].Text
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Op, where, text)))
	}
	return out
}

// asking is a fakePlatform that can be asked what arrived.
type asking struct{ *fakePlatform }

func (p asking) Find(_ context.Context, d *chat.Delivery, _ time.Time) (chat.Receipt, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, got := range p.delivered {
		if got.ID == d.ID {
			return chat.Receipt{Conversation: got.Conversation, Messages: []string{"on-platform-" + got.ID}}, true, nil
		}
	}
	return chat.Receipt{}, false, nil
}

// in runs a test in a bubble with a clock of its own.
func in(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// later lets d pass and everything settle.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func wantTexts(t *testing.T, p *fakePlatform, want ...string) {
	t.Helper()
	got := p.texts()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("delivered:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

var errLost = errors.New("connection reset by peer")

// captured is a log that a test reads.
type captured struct {
	mu   sync.Mutex
	text strings.Builder
}

// newLog returns a logger of everything, and what it wrote.
func newLog() (*slog.Logger, *captured) {
	c := &captured{}
	return slog.New(slog.NewTextHandler(c, &slog.HandlerOptions{Level: slog.LevelDebug})), c
}

func (c *captured) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(b)
}

// lines are those that have all of the words.
func (c *captured) lines(words ...string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for line := range strings.Lines(c.text.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// figures reads a registry: every series by its name and labels, of a histogram
// the count and the sum.
func figures(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			series := " " + strings.Join(labels, " ")
			switch {
			case m.Histogram != nil:
				out[f.GetName()+"_count"+series] = float64(m.Histogram.GetSampleCount())
				out[f.GetName()+"_sum"+series] = m.Histogram.GetSampleSum()
			case m.Counter != nil:
				out[f.GetName()+series] = m.Counter.GetValue()
			default:
				out[f.GetName()+series] = m.Gauge.GetValue()
			}
		}
	}
	return out
}

// record keeps what plugins saw, in order.
type record struct {
	mu   sync.Mutex
	list []string
}

func (r *record) add(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, s)
}

func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// with returns the entries that begin with a word, without it.
func (r *record) with(word string) string {
	var out []string
	for _, s := range r.all() {
		if rest, ok := strings.CutPrefix(s, word+" "); ok {
			out = append(out, rest)
		}
	}
	return strings.Join(out, ", ")
}

func (r *record) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = nil
}
