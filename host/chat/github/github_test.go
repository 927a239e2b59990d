package github_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/github"
	"github.com/hearthbot/hearth/sdk/abi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "0123456789abcdef0123"

// members knows one linked handle.
func members(_ context.Context, handle string) (string, error) {
	switch strings.ToLower(handle) {
	case "ada":
		return "slack:UADA", nil
	case "broken":
		return "", errors.New("the disk is gone")
	}
	return "", nil
}

func source(t *testing.T, sink chat.Sink, change ...func(*github.Options)) *github.Source {
	t.Helper()
	o := github.Options{Sink: sink, Secret: secret, Member: members}
	for _, c := range change {
		c(&o)
	}
	s, err := github.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func send(t *testing.T, s *github.Source, r *http.Request) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	s.Routes()[github.Path].ServeHTTP(rec, r)
	return rec.Code, strings.TrimSpace(rec.Body.String())
}

// payload is a pull_request event.
func payload(t *testing.T, action string, p chattest.PullData) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"action": action, "number": p.Number, "pull_request": chattest.GitHubPull("ada/demo", &p), "repository": chattest.GitHubRepo("ada/demo")})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	created = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	later   = created.Add(30 * time.Hour)
)

func TestWebhook(t *testing.T) {
	pull := chattest.PullData{Number: 3, Title: "Say hello", Login: "Ada", Association: "FIRST_TIME_CONTRIBUTOR", Created: created}
	done := pull
	done.Merged = later
	for _, c := range []struct {
		name, action string
		pull         chattest.PullData
		said         string
		id           string
		kind         abi.Kind
		at           time.Time
		member       string
	}{
		{"opened", "opened", pull, "taken in", "42/3/pr.opened", abi.PROpened, created, "slack:UADA"},
		{"merged", "closed", done, "taken in", "42/3/pr.merged", abi.PRMerged, later, "slack:UADA"},
		{"closed without a merge", "closed", pull, "nothing that hearth counts", "", "", time.Time{}, ""},
		{"reopened", "reopened", pull, "nothing that hearth counts", "", "", time.Time{}, ""},
		{"of somebody unknown", "opened", chattest.PullData{Number: 4, Login: "bob", Created: created}, "taken in", "42/4/pr.opened", abi.PROpened, created, ""},
		{"of a bot", "opened", chattest.PullData{Number: 5, Login: "dependabot[bot]", Bot: true, Created: created}, "nothing that hearth counts", "", "", time.Time{}, ""},
		{"of an account that is no more", "opened", chattest.PullData{Number: 6, Created: created}, "nothing that hearth counts", "", "", time.Time{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := new(chattest.Sink)
			s := source(t, sink)
			body := payload(t, c.action, c.pull)
			code, said := send(t, s, chattest.GitHubRequest(secret, "pull_request", "d1", body))
			if code != 200 || said != c.said {
				t.Fatalf("answer %d %q, want %q", code, said, c.said)
			}
			got := sink.Got()
			if c.id == "" {
				if len(got) != 0 {
					t.Errorf("%d events", len(got))
				}
				return
			}
			e := got[0].Event
			if e.ID != c.id || e.Source != "github" || e.Kind != c.kind || e.Time != c.at.UnixMilli() || e.Member.ID != c.member || e.Custom.Name != "ada/demo" {
				t.Errorf("got %+v %+v", e, e.Custom)
			}
			if first := slices.Contains(e.Custom.Props, abi.Annotation{Name: "first", Value: "true"}); first != (c.pull.Association != "") {
				t.Errorf("first is %v: %v", first, e.Custom.Props)
			}
			// Delivered again: by a person (the same delivery), and after a retry by GitHub.
			for _, d := range []string{"d1", "d2"} {
				if code, said := send(t, s, chattest.GitHubRequest(secret, "pull_request", d, body)); code != 200 || said != "taken in before" {
					t.Errorf("delivery %s again: %d %q", d, code, said)
				}
			}
			if n := len(sink.Got()); n != 1 {
				t.Errorf("%d events", n)
			}
		})
	}
}

func TestRecorded(t *testing.T) {
	sink := new(chattest.Sink)
	body := chattest.Recorded(t, "../../..", "github_pull_request_opened.json")
	if code, said := send(t, source(t, sink), chattest.GitHubRequest(secret, "pull_request", "d", body)); code != 200 || said != "taken in" {
		t.Fatalf("%d %q", code, said)
	}
	e := sink.Got()[0].Event
	if e.ID != "186853002/2/pr.opened" || e.Custom.Name != "Codertocat/Hello-World" || e.Time != time.Date(2019, 5, 15, 15, 20, 33, 0, time.UTC).UnixMilli() {
		t.Errorf("got %+v %+v", e, e.Custom)
	}
	var vector struct {
		Secret, Body string
		Signature    string `json:"X-Hub-Signature-256"`
	}
	if err := json.Unmarshal(chattest.Recorded(t, "../../..", "github_signature_vector.json"), &vector); err != nil {
		t.Fatal(err)
	}
	r := chattest.GitHubRequest("another", "ping", "d", []byte(vector.Body))
	r.Header.Set("X-Hub-Signature-256", vector.Signature)
	if code, said := send(t, source(t, sink, func(o *github.Options) { o.Secret = vector.Secret }), r); code != 200 || said != "hearth is listening" {
		t.Errorf("the signature that was published: %d %q", code, said)
	}
}

func TestRefused(t *testing.T) {
	good := payload(t, "opened", chattest.PullData{Number: 3, Login: "ada", Created: created})
	for _, c := range []struct {
		name string
		req  func() *http.Request
		code int
		says string
	}{
		{"a GET", func() *http.Request { return httptest.NewRequest("GET", github.Path, nil) }, 405, "POST"},
		{"no signature", func() *http.Request {
			r := chattest.GitHubRequest(secret, "pull_request", "d", good)
			r.Header.Del("X-Hub-Signature-256")
			return r
		}, 401, "secret"},
		{"SHA-1 alone", func() *http.Request {
			r := chattest.GitHubRequest(secret, "pull_request", "d", good)
			r.Header.Del("X-Hub-Signature-256")
			r.Header.Set("X-Hub-Signature", "sha1=ba0f2ad09b3bd2ca1d6a1f7e4bff25b0a1b3c6ab")
			return r
		}, 401, "secret"},
		{"SHA-1 in its place", func() *http.Request {
			r := chattest.GitHubRequest(secret, "pull_request", "d", good)
			r.Header.Set("X-Hub-Signature-256", "sha1=ba0f2ad09b3bd2ca1d6a1f7e4bff25b0a1b3c6ab")
			return r
		}, 401, "secret"},
		{"another secret", func() *http.Request { return chattest.GitHubRequest("another", "pull_request", "d", good) }, 401, "compare"},
		{"no content type", func() *http.Request {
			r := chattest.GitHubRequest(secret, "pull_request", "d", good)
			r.Header.Del("Content-Type")
			return r
		}, 415, "application/json"},
		{"another content type", func() *http.Request {
			r := chattest.GitHubRequest(secret, "pull_request", "d", good)
			r.Header.Set("Content-Type", "text/xml")
			return r
		}, 415, "application/json"},
		{"no JSON", func() *http.Request { return chattest.GitHubRequest(secret, "pull_request", "d", []byte("{")) }, 400, "pull_request"},
		{"nothing in it", func() *http.Request {
			return chattest.GitHubRequest(secret, "pull_request", "d", []byte(`{"action":"opened"}`))
		}, 400, "names no repository"},
		{"too large", func() *http.Request {
			return chattest.GitHubRequest(secret, "pull_request", "d", bytes.Repeat([]byte(" "), 5<<20))
		}, 413, "more than"},
		{"a handle that cannot be looked up", func() *http.Request {
			return chattest.GitHubRequest(secret, "pull_request", "d", payload(t, "opened", chattest.PullData{Number: 9, Login: "broken", Created: created}))
		}, 500, "deliver it again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := new(chattest.Sink)
			code, said := send(t, source(t, sink), c.req())
			if code != c.code || !strings.Contains(said, c.says) || strings.Contains(said, secret) {
				t.Errorf("answer %d %q, want %d …%s…", code, said, c.code, c.says)
			}
			if len(sink.Got()) != 0 {
				t.Error("it came to the sink all the same")
			}
		})
	}
	t.Run("busy", func(t *testing.T) {
		sink := &chattest.Sink{Decide: func(chat.Incoming) (chat.Outcome, error) { return 0, chat.ErrBusy }}
		if code, _ := send(t, source(t, sink), chattest.GitHubRequest(secret, "pull_request", "d", good)); code != 503 {
			t.Errorf("answer %d", code)
		}
	})
}

func TestAnswersWhatItDoesNotWant(t *testing.T) {
	s := source(t, new(chattest.Sink))
	if code, said := send(t, s, chattest.GitHubRequest(secret, "push", "d", []byte(`{}`))); code != 200 || !strings.Contains(said, "pull requests only") {
		t.Errorf("push: %d %q", code, said)
	}
	body := payload(t, "opened", chattest.PullData{Number: 3, Login: "ada", Created: created})
	form := []byte("payload=" + url.QueryEscape(string(body)))
	r := chattest.GitHubRequest(secret, "pull_request", "d", form)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if code, said := send(t, s, r); code != 200 || said != "taken in" {
		t.Errorf("a form: %d %q", code, said)
	}
	if source(t, new(chattest.Sink), func(o *github.Options) { o.Secret = "" }).Routes() != nil {
		t.Error("a webhook without a secret is there")
	}
}

// history is n pull requests, a third of them merged, every tenth a bot's.
func history(n int) []chattest.PullData {
	var out []chattest.PullData
	for i := range n {
		p := chattest.PullData{Number: i + 1, Title: fmt.Sprint("change ", i), Login: fmt.Sprint("user", i%50), Bot: i%10 == 9, Created: created.Add(time.Duration(i) * time.Hour)}
		if i%7 == 0 {
			p.Login = "ADA"
		}
		if i%3 == 0 {
			p.Merged = p.Created.Add(time.Hour)
		}
		out = append(out, p)
	}
	return out
}

// clock is one that waits by going on.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	waits []time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	c.waits = append(c.waits, d)
	return ctx.Err()
}

// A GitHub that is overloaded and asks for no wait at all is not asked in circles.
func TestBackfillWaitsThoughItNeedNot(t *testing.T) {
	c := &clock{at: time.Now().Truncate(time.Second)}
	api := &chattest.GitHub{Token: "ghp_token", Repos: map[string][]chattest.PullData{"ada/demo": history(2)}, Now: c.now, Allow: 100, Reset: 20 * time.Minute,
		Slow: map[int]time.Duration{1: 0, 2: 0, 3: 0}}
	srv := api.Serve()
	defer srv.Close()
	s := source(t, new(chattest.Sink), func(o *github.Options) {
		o.Token, o.APIURL, o.Now, o.Wait, o.HTTP = "ghp_token", srv.URL+"/", c.now, c.wait, srv.Client()
	})
	if got, err := s.Backfill(t.Context(), "ada/demo", nil); err != nil || got.Pulls != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(c.waits) != 3 || slices.Min(c.waits) < time.Second {
		t.Errorf("it waited %v, want at least a second after each of three answers", c.waits)
	}
}

func TestBackfill(t *testing.T) {
	c := &clock{at: time.Now().Truncate(time.Second)}
	api := &chattest.GitHub{Token: "ghp_token", Repos: map[string][]chattest.PullData{"ada/demo": history(734)}, Now: c.now, Allow: 3, Reset: 20 * time.Minute,
		Broken: map[int]int{2: 502}, Slow: map[int]time.Duration{3: 45 * time.Second}}
	srv := api.Serve()
	defer srv.Close()
	sink := new(chattest.Sink)
	s := source(t, sink, func(o *github.Options) {
		o.Token, o.APIURL, o.Now, o.Wait, o.HTTP = "ghp_token", srv.URL+"/", c.now, c.wait, srv.Client()
	})
	// The webhook has told of two of them already.
	for _, p := range history(2) {
		send(t, s, chattest.GitHubRequest(secret, "pull_request", fmt.Sprint(p.Number), payload(t, "opened", p)))
	}
	var pages, waits int
	got, err := s.Backfill(t.Context(), "ada/demo", func(p github.Progress) {
		if !p.Until.IsZero() {
			waits++
			return
		}
		pages++
		if p.Page != pages || p.Pages != 8 {
			t.Errorf("page %d of %d, want %d of 8", p.Page, p.Pages, pages)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var want github.Filled
	for _, p := range history(734) {
		want.Pulls++
		if p.Bot {
			want.Discarded++
			continue
		}
		n := 1
		if p.Number <= 2 {
			want.Known++
			n = 0
		} else {
			want.Opened++
		}
		if !p.Merged.IsZero() {
			want.Merged++
			n++
		}
		if p.Login != "ADA" {
			want.Unlinked += n
		}
	}
	if got != want {
		t.Errorf("brought %+v, want %+v", got, want)
	}
	if pages != 8 || waits < 2 {
		t.Errorf("%d pages, %d waits told", pages, waits)
	}
	if queries, early := api.Asked(); early > 0 || !strings.Contains(queries[0], "per_page=100") {
		t.Errorf("%d requests came before the limit allowed them; the first was %q", early, queries[0])
	}
	again, err := s.Backfill(t.Context(), "ada/demo", nil)
	if err != nil || again.Opened+again.Merged != 0 || again.Known != want.Opened+want.Merged+want.Known {
		t.Errorf("once more: %+v, %v", again, err)
	}
}

func TestBackfillFails(t *testing.T) {
	for _, c := range []struct {
		name, repo string
		api        *chattest.GitHub
		is         error
		waits      int
	}{
		{"no repository", "ada/none", &chattest.GitHub{}, github.ErrRepository, 0},
		{"no name", "ada", &chattest.GitHub{}, github.ErrRepository, 0},
		{"a path", "ada/demo/pulls", &chattest.GitHub{}, github.ErrRepository, 0},
		{"another token", "ada/demo", &chattest.GitHub{Token: "other", Repos: map[string][]chattest.PullData{"ada/demo": nil}}, github.ErrToken, 0},
		{"broken for good", "ada/demo", &chattest.GitHub{Broken: map[int]int{1: 500, 2: 502, 3: 503, 4: 500}, Repos: map[string][]chattest.PullData{"ada/demo": nil}}, nil, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &clock{at: time.Now()}
			srv := c.api.Serve()
			defer srv.Close()
			s := source(t, new(chattest.Sink), func(o *github.Options) {
				o.Token, o.APIURL, o.Now, o.Wait, o.HTTP = "mine", srv.URL+"/", k.now, k.wait, srv.Client()
			})
			_, err := s.Backfill(t.Context(), c.repo, nil)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || strings.Contains(err.Error(), "mine") {
				t.Errorf("error %v, want %v", err, c.is)
			}
			if len(k.waits) != c.waits {
				t.Errorf("waited %v", k.waits)
			}
		})
	}
	t.Run("told to stop", func(t *testing.T) {
		api := &chattest.GitHub{Repos: map[string][]chattest.PullData{"ada/demo": history(500)}}
		srv := api.Serve()
		defer srv.Close()
		ctx, cancel := context.WithCancel(t.Context())
		s := source(t, new(chattest.Sink), func(o *github.Options) { o.APIURL, o.HTTP = srv.URL+"/", srv.Client() })
		got, err := s.Backfill(ctx, "ada/demo", func(p github.Progress) { cancel() })
		if !errors.Is(err, context.Canceled) || got.Pulls != 100 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func FuzzWebhook(f *testing.F) {
	f.Add("pull_request", "application/json", []byte(`{"action":"opened","pull_request":{"number":1,"user":{"login":"a"},"created_at":"2026-01-02T03:04:05Z"},"repository":{"id":1,"full_name":"a/b"}}`))
	f.Add("ping", "application/x-www-form-urlencoded", []byte("payload=%7B%7D"))
	f.Add("pull_request", "application/json", []byte(`{"action":"closed","pull_request":null}`))
	sink := new(chattest.Sink)
	s, err := github.New(github.Options{Sink: sink, Secret: secret})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind, media string, body []byte) {
		r := chattest.GitHubRequest(secret, kind, "d", body)
		r.Header.Set("Content-Type", media)
		code, said := send(t, s, r)
		if code >= 500 || said == "" {
			t.Errorf("answer %d %q", code, said)
		}
		for _, in := range sink.Take() {
			if e := in.Event; e.ID == "" || e.Time == 0 || e.Custom == nil || e.Custom.Name == "" {
				t.Errorf("event %+v", e)
			}
		}
	})
}
