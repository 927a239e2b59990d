package webchat

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(tabtest.Tests{M: m}) }

// recorder is a sink that keeps what it accepts, once for each id.
type recorder struct {
	mu      sync.Mutex
	all     []chat.Incoming
	known   map[string]bool
	decide  func(chat.Incoming) (chat.Outcome, error) // nil: accept
	arrived chan struct{}                             // holds a token when all has grown
}

func newRecorder() *recorder {
	return &recorder{known: make(map[string]bool), arrived: make(chan struct{}, 1)}
}

func (s *recorder) Accept(_ context.Context, in chat.Incoming) (chat.Outcome, error) {
	s.mu.Lock()
	decide := s.decide
	if s.known[in.Event.ID] {
		s.mu.Unlock()
		return chat.Duplicate, nil
	}
	s.mu.Unlock()
	out := chat.Accepted
	if decide != nil {
		var err error
		if out, err = decide(in); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	s.known[in.Event.ID] = true
	s.all = append(s.all, in)
	s.mu.Unlock()
	select {
	case s.arrived <- struct{}{}:
	default:
	}
	return out, nil
}

func (s *recorder) setDecide(f func(chat.Incoming) (chat.Outcome, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decide = f
}

func (s *recorder) Form(context.Context, string) (abi.Form, error) { return abi.Form{}, chat.ErrGone }

func (s *recorder) Commands() []abi.CommandDef {
	text := func(en, zh string) abi.Localized {
		return abi.Localized{{Locale: "en", Text: en}, {Locale: "zh-CN", Text: zh}}
	}
	return []abi.CommandDef{
		{Name: "digest", Help: text("Today's questions in short", "今天的问题摘要")},
		{Name: "help", Args: text("[topic]", "[主题]"), Help: text("What hearth can do", "hearth 能做什么")},
		{Name: "hidden", Help: text("not to be seen", "看不到的"), Hidden: true},
		{Name: "task", Args: text("[level]", "[难度]"), Help: text("A small task in Go", "一个 Go 小任务")},
	}
}

// events are the events of one kind so far.
func (s *recorder) events(kind abi.Kind) []abi.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []abi.Event
	for _, in := range s.all {
		if in.Event.Kind == kind {
			out = append(out, in.Event)
		}
	}
	return out
}

// last is the newest event of a kind; the test fails if there is none.
func (s *recorder) last(t *testing.T, kind abi.Kind) abi.Event {
	t.Helper()
	all := s.events(kind)
	if len(all) == 0 {
		t.Fatalf("no %s event", kind)
	}
	return all[len(all)-1]
}

// wait returns when there are n events of kind.
func (s *recorder) wait(t *testing.T, kind abi.Kind, n int) []abi.Event {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		if all := s.events(kind); len(all) >= n {
			return all
		}
		select {
		case <-s.arrived:
		case <-timeout:
			t.Fatalf("waited for %d %s events, there are %d", n, kind, len(s.events(kind)))
		}
	}
}

// place is a web chat that runs behind a server.
type place struct {
	t    *testing.T
	a    *Adapter
	st   store.Store
	sink *recorder
	srv  *httptest.Server
}

var secret = []byte("a secret that is long enough")

// wide are limits that no test reaches unless it means to.
var wide = Limits{Posts: Rate{1e6, 1e6}, Acts: Rate{1e6, 1e6}, Reads: Rate{1e6, 1e6}, Joins: Rate{1e6, 1e6}, Makes: Rate{1e6, 1e6}}

// open is a place that runs until the test ends.
func open(t *testing.T, o Options) *place {
	t.Helper()
	p := still(t, o)
	stop := p.run()
	t.Cleanup(stop)
	return p
}

// run runs the adapter until stop.
func (p *place) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.a.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Errorf("Run: %v", err)
		}
	})
}

// watch is a clock that a test sets.
type watch struct{ ms atomic.Int64 }

func (w *watch) now() time.Time          { return time.UnixMilli(w.ms.Load()) }
func (w *watch) advance(d time.Duration) { w.ms.Add(d.Milliseconds()) }
func newWatch() *watch                   { w := new(watch); w.ms.Store(1_800_000_000_000); return w }

// still is a place whose adapter does not run.
func still(t *testing.T, o Options) *place {
	t.Helper()
	p := &place{t: t, sink: newRecorder()}
	if o.Store == nil {
		o.Store = &store.Mem{}
	}
	if o.Sink == nil {
		o.Sink = p.sink
	}
	if o.Secret == nil {
		o.Secret = secret
	}
	if o.Limits == (Limits{}) {
		o.Limits = wide
	}
	var err error
	if p.a, err = New(o); err != nil {
		t.Fatal(err)
	}
	p.st = o.Store
	mux := http.NewServeMux()
	for path, h := range p.a.Routes() {
		mux.Handle(path, h)
	}
	p.srv = httptest.NewServer(mux)
	t.Cleanup(p.srv.Close)
	return p
}

// browser is somebody's browser.
type browser struct {
	p    *place
	http *http.Client
	id   string // of the member
	as   string
}

func (p *place) browser() *browser {
	jar, _ := cookiejar.New(nil)
	tr := &http.Transport{}
	p.t.Cleanup(tr.CloseIdleConnections)
	return &browser{p: p, http: &http.Client{Jar: jar, Transport: tr}}
}

// member is a browser in which somebody called name has come in.
func (p *place) member(name string, locale ...string) *browser {
	p.t.Helper()
	b := p.browser()
	b.join(name, append(locale, "en")[0])
	return b
}

func (b *browser) join(name, locale string) {
	b.p.t.Helper()
	res := b.post("join", url.Values{"name": {name}, "locale": {locale}, "zone": {"Asia/Shanghai"}})
	if res.status != 200 {
		b.p.t.Fatalf("join as %q: %d %s", name, res.status, res.Say)
	}
	u, _ := url.Parse(b.p.srv.URL + "/chat")
	for _, c := range b.http.Jar.Cookies(u) {
		if seats, err := b.p.a.cookie.open(c.Value); err == nil {
			b.id = seats[len(seats)-1].ID
			if len(seats) > 1 {
				b.as = b.id
			}
		}
	}
}

type result struct {
	answer
	status int
	header http.Header
	body   string
}

func (b *browser) url(path string) string {
	u := b.p.srv.URL + "/chat"
	if path != "" {
		u += "/" + path
	}
	if b.as != "" {
		u = withQuery(u, "as", b.as)
	}
	return u
}

// do sends a request as the page's script does.
func (b *browser) do(req *http.Request) result {
	b.p.t.Helper()
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.p.t.Fatal(err)
	}
	out := result{status: res.StatusCode, header: res.Header, body: string(body)}
	mustNotContain(b.p.t, out.body, "%!") // a text and what is filled in do not fit
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(body, &out.answer); err != nil {
			b.p.t.Fatalf("%s: %v in %s", req.URL, err, body)
		}
	}
	return out
}

func (b *browser) post(path string, form url.Values) result {
	b.p.t.Helper()
	req, _ := http.NewRequest("POST", b.url(path), strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req)
}

func (b *browser) get(path string) result {
	b.p.t.Helper()
	req, _ := http.NewRequest("GET", b.url(path), nil)
	return b.do(req)
}

// page is what a browser without script is shown at /chat with query.
func (b *browser) page(query string) result {
	b.p.t.Helper()
	u := b.url("")
	if query != "" {
		u += map[bool]string{true: "&", false: "?"}[strings.Contains(u, "?")] + query
	}
	req, _ := http.NewRequest("GET", u, nil)
	req.Header.Set("Accept", "text/html")
	return b.do(req)
}

// say posts a text and returns the id of the message; it must work.
func (b *browser) say(conv, text string) string {
	b.p.t.Helper()
	res := b.post("send", url.Values{"c": {conv}, "text": {text}, "nonce": {newNonce()}})
	if res.status != 200 {
		b.p.t.Fatalf("say %q in %s: %d %s", text, conv, res.status, res.Say)
	}
	return res.ID
}

// sendFiles posts a text with files, by name.
func (b *browser) sendFiles(conv, text string, files map[string][]byte) result {
	b.p.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	_ = w.WriteField("c", conv)
	_ = w.WriteField("text", text)
	_ = w.WriteField("nonce", newNonce())
	for name, data := range files {
		f, _ := w.CreateFormFile("file", name)
		_, _ = f.Write(data)
	}
	_ = w.Close()
	req, _ := http.NewRequest("POST", b.url("send"), &body)
	req.Header.Set("Content-Type", w.FormDataContentType())
	return b.do(req)
}

// deliver carries out a delivery that must work.
func (p *place) deliver(d chat.Delivery) chat.Receipt {
	p.t.Helper()
	if d.Op == "" {
		d.Op = chat.OpSend
	}
	if d.ID == "" {
		d.ID = newNonce()
	}
	r, err := p.a.Deliver(context.Background(), &d)
	if err != nil {
		p.t.Fatalf("deliver: %v", err)
	}
	return r
}

func plainText(s string) abi.Content { return abi.Content{Blocks: []abi.Block{{Text: s}}} }

// rows counts the rows below webchat/<what>/.
func (p *place) rows(what string) (n int) {
	p.t.Helper()
	if err := p.a.read(context.Background(), func(v *view) error {
		for _, err := range v.snap.Scan(v.ctx, store.Prefix(root.Join(what).Prefix())) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}); err != nil {
		p.t.Fatal(err)
	}
	return n
}

func mustContain(t *testing.T, where, what string) {
	t.Helper()
	if !strings.Contains(where, what) {
		t.Errorf("%q is missing in:\n%s", what, excerpt(where))
	}
}

func mustNotContain(t *testing.T, where, what string) {
	t.Helper()
	if i := strings.Index(where, what); i >= 0 {
		t.Errorf("%q stands in: …%s", what, excerpt(where[max(0, i-200):]))
	}
}

func excerpt(s string) string {
	if len(s) > 3000 {
		return s[:3000] + fmt.Sprintf("… (%d bytes)", len(s))
	}
	return s
}

func newStore() store.Store { return &store.Mem{} }

func withQuery(addr, name, value string) string {
	sep := "?"
	if strings.Contains(addr, "?") {
		sep = "&"
	}
	return addr + sep + name + "=" + url.QueryEscape(value)
}
