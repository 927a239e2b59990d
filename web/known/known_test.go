package known_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/known"
	"github.com/hearthbot/hearth/web/page/pagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// archive is a web.Knowledge in memory.
type archive struct {
	asked   web.KnowledgeFilter
	role    access.Role
	changes []web.KnowledgeChange
	err     error
}

const hostile = "<img src=x onerror=alert(1)> @everyone \u202e**bold** [x](javascript:alert(1))"

func topic(id uint32) web.KnownTopic {
	t := web.KnownTopic{ID: id, Title: "How do I " + hostile, Lang: "en", Asked: 3, First: 1_700_000_000_000, Last: 1_700_000_600_000, Updated: 1_700_000_600_000, Public: id != 9, Hidden: id == 9,
		Helped: 2, Unhelped: 1,
		Answer: &web.KnownAnswer{Text: "Use " + hostile + "\n```go\nx := 1 // <b>\n```", Author: "<b>Rob</b>", Why: "accepted", Confidence: 0.874, Updated: 1,
			Source: web.KnownSource{Channel: "help<", URL: "https://example.org/a?b=\"<"}},
		Questions: []web.KnownQuestion{{Item: 4, Text: "how? " + hostile, Asked: 2, Source: web.KnownSource{URL: "javascript:alert(1)"}}, {Item: 5, Text: "怎么办", Asked: 1}}}
	if id == 8 {
		t.Answer = nil
	}
	return t
}

func (a *archive) Topics(_ context.Context, f web.KnowledgeFilter) (*web.KnowledgePage, error) {
	a.asked = f
	if a.err != nil {
		return nil, a.err
	}
	if f.Text == "nothing" {
		return &web.KnowledgePage{}, nil
	}
	return &web.KnowledgePage{Topics: []web.KnownTopic{topic(7), topic(8)}, Next: "n&x", Total: 12, Asked: 1}, nil
}

func (a *archive) Topic(_ context.Context, id uint32, role access.Role) (*web.KnownTopic, error) {
	a.role = role
	if id == 404 || a.err != nil {
		return nil, errors.Join(fmt.Errorf("%w: topic %d", web.ErrNotFound, id), a.err)
	}
	if id == 6 {
		id = 7 // was joined with it
	}
	t := topic(id)
	return &t, nil
}

func (a *archive) Queue(_ context.Context, after string) (*web.KnowledgeQueue, error) {
	if a.err != nil {
		return nil, a.err
	}
	if after == "end" {
		return &web.KnowledgeQueue{}, nil
	}
	return &web.KnowledgeQueue{Total: 2, Next: "end", Items: []web.KnowledgeItem{{Kind: "suggested", Topic: topic(7), Suggestion: "s<1", Question: "how " + hostile, Source: web.KnownSource{Channel: "help"}},
		{Kind: "unanswered", Topic: topic(8)}}}, nil
}

func (a *archive) Editions(_ context.Context, after string, role access.Role) (*web.KnowledgeEditions, error) {
	if a.err != nil {
		return nil, a.err
	}
	return &web.KnowledgeEditions{Editions: []web.KnowledgeEdition{{Key: "day:2026-11-25", Posted: 1_700_000_000_000, Questions: 4,
		Rows: []web.KnowledgeRow{{Topic: 7, Title: hostile, Asked: 3, Answer: topic(7).Answer}, {Topic: 8, Title: "b", Asked: 1}}}}}, nil
}

func (a *archive) ChangeKnowledge(_ context.Context, who audit.Who, c *web.KnowledgeChange) error {
	if c.With == 404 {
		return fmt.Errorf("%w: topic 404", web.ErrNotFound)
	}
	a.changes = append(a.changes, *c)
	return a.err
}

type ask func(role access.Role, method, path string, form url.Values) *httptest.ResponseRecorder

func open(t *testing.T, public *bool) (*archive, ask) {
	t.Helper()
	h := pagetest.New(t, nil)
	a := new(archive)
	if err := known.Register(known.Options{Frame: h.Frame, Knowledge: a, Open: func() bool { return *public }, URL: func() string { return "https://hearth.example.org" },
		Community: func() string { return "Gophers & <co>" }}); err != nil {
		t.Fatal(err)
	}
	return a, func(role access.Role, method, path string, form url.Values) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		r.Header.Set("Accept-Language", "en")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return h.Do(role, r)
	}
}

func has(t *testing.T, w *httptest.ResponseRecorder, status int, want ...string) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("%d, want %d: %s", w.Code, status, w.Body)
	}
	for _, s := range want {
		if not, ok := strings.CutPrefix(s, "!"); ok == strings.Contains(w.Body.String(), not) {
			t.Errorf("%q: %s", s, w.Body)
		}
	}
}

var harmless = []string{"!<img", "!\u202e", "!href=\"javascript", "!<b>Rob", "&lt;img", `\u202e`}

func TestList(t *testing.T) {
	public := false
	a, ask := open(t, &public)
	has(t, ask(access.Viewer, "GET", "/knowledge?q=+map+&order=asked&after=x", nil), 200, append(harmless, "asked 3 times", "12 topics, 1 question", "87 % sure", "Answered by &lt;b&gt;Rob", "No answer is known yet",
		`href="/knowledge/7"`, "q=map", "order=asked", "after=n%26x", "From the beginning", "!To look at")...)
	if want := (web.KnowledgeFilter{Text: "map", Order: "asked", After: "x", Limit: 30, Role: access.Viewer}); a.asked != want {
		t.Errorf("asked for %+v, want %+v", a.asked, want)
	}
	has(t, ask(access.Manager, "GET", "/knowledge", nil), 200, "To look at")
	has(t, ask(access.Viewer, "GET", "/knowledge?order=waiting", nil), 200, `href="/knowledge?order=waiting" aria-current="true"`, `<a href="/knowledge">Newest first`, `<a href="/knowledge?order=asked">`)
	if a.asked.Order != "waiting" {
		t.Errorf("asked for %+v", a.asked)
	}
	has(t, ask(access.Viewer, "GET", "/knowledge?q=map", nil), 200, "!Asked most") // they are ordered by how near they are
	has(t, ask(access.Viewer, "GET", "/knowledge?q=nothing", nil), 200, "Nothing has these words")
	has(t, ask(access.Viewer, "GET", "/knowledge?q="+strings.Repeat("x", 201), nil), 422, "too long to look for")
	a.err = fmt.Errorf("%w: plugin digest", web.ErrNotFound)
	has(t, ask(access.Viewer, "GET", "/knowledge", nil), 200, "the plugin digest is not installed")
	a.err = errors.New("the disk")
	has(t, ask(access.Viewer, "GET", "/knowledge", nil), 500, "!disk")
}

// Everybody may read what is public, while it is open; never what is for managers.
func TestOpen(t *testing.T) {
	public := false
	a, ask := open(t, &public)
	all := []string{"/knowledge", "/knowledge/7", "/knowledge/digests", "/knowledge/feed.xml"}
	for _, path := range append(all, "/knowledge/queue") {
		if w := ask("", "GET", path, nil); w.Code != 303 || !strings.HasPrefix(w.Header().Get("Location"), "/login") {
			t.Errorf("%s while it is not open: %d %s", path, w.Code, w.Header().Get("Location"))
		}
	}
	public = true
	for _, path := range all {
		has(t, ask("", "GET", path, nil), 200, "!name=\"op\"", "!To look at")
	}
	if a.role != "" {
		t.Errorf("a topic was asked for as %q", a.role)
	}
	if w := ask("", "GET", "/knowledge/queue", nil); w.Code != 303 {
		t.Errorf("the queue: %d", w.Code)
	}
	has(t, ask("", "POST", "/knowledge/7", url.Values{"op": {"hide"}}), 401)
	has(t, ask(access.Viewer, "POST", "/knowledge/7", url.Values{"op": {"hide"}}), 403)
	has(t, ask(access.Viewer, "GET", "/knowledge/queue", nil), 403)
	if len(a.changes) != 0 {
		t.Errorf("changed: %+v", a.changes)
	}
}

func TestTopic(t *testing.T) {
	public := false
	_, ask := open(t, &public)
	has(t, ask(access.Viewer, "GET", "/knowledge/7", nil), 200, append(harmless, "2 of 3 said that it helped", "x := 1 // &lt;b&gt;", "怎么办", "marked as the answer", `href="https://example.org/a?b=%22%3c"`, "!Look after it")...)
	has(t, ask(access.Manager, "GET", "/knowledge/7?done=merge", nil), 200, "Look after it", "Joined.", "Hide it", `name="item" value="4"`)
	has(t, ask(access.Manager, "GET", "/knowledge/9?done=<i>", nil), 200, "Show it again", "not public", "hidden", "!<i>")
	if w := ask(access.Viewer, "GET", "/knowledge/6", nil); w.Code != 303 || w.Header().Get("Location") != "/knowledge/7" {
		t.Errorf("one that was joined: %d %s", w.Code, w.Header().Get("Location"))
	}
	for _, id := range []string{"404", "x", "-1", "99999999999"} {
		has(t, ask(access.Viewer, "GET", "/knowledge/"+id, nil), 404, "There is no such question")
	}
}

func TestChange(t *testing.T) {
	public := false
	for _, c := range []struct {
		form   url.Values
		status int
		want   string // of the page, or where it leads
		does   *web.KnowledgeChange
	}{
		{url.Values{"op": {"rename"}, "name": {" Maps "}}, 303, "/knowledge/7?done=rename", &web.KnowledgeChange{Op: "rename", Topic: 7, Name: "Maps"}},
		{url.Values{"op": {"rename"}, "name": {strings.Repeat("长", 67)}}, 422, "The title is too long", nil},
		{url.Values{"op": {"answer"}, "text": {"a\r\nb"}, "url": {"https://go.dev"}}, 303, "/knowledge/7?done=answer", &web.KnowledgeChange{Op: "answer", Topic: 7, Text: "a\nb", URL: "https://go.dev"}},
		{url.Values{"op": {"answer"}, "text": {"kept <i>"}, "url": {"http://go.dev"}}, 422, "kept &lt;i&gt;", nil},
		{url.Values{"op": {"answer"}, "text": {strings.Repeat("x", 3001)}}, 422, "The answer is too long", nil},
		{url.Values{"op": {"merge"}, "with": {"https://hearth.example.org/knowledge/12?x=1"}}, 303, "/knowledge/7?done=merge", &web.KnowledgeChange{Op: "merge", Topic: 7, With: 12}},
		{url.Values{"op": {"merge"}, "with": {"#12"}}, 303, "/knowledge/7?done=merge", &web.KnowledgeChange{Op: "merge", Topic: 7, With: 12}},
		{url.Values{"op": {"merge"}, "with": {"7"}}, 422, "There is no such other topic", nil},
		{url.Values{"op": {"merge"}, "with": {"404"}}, 422, "There is no such other topic", nil},
		{url.Values{"op": {"merge"}, "with": {"x"}}, 422, "There is no such other topic", nil},
		{url.Values{"op": {"split"}, "item": {"4", "5"}}, 303, "/knowledge/7?done=split", &web.KnowledgeChange{Op: "split", Topic: 7, Items: []uint32{4, 5}}},
		{url.Values{"op": {"split"}}, 422, "Tick at least one", nil},
		{url.Values{"op": {"hide"}}, 303, "/knowledge/7?done=hide", &web.KnowledgeChange{Op: "hide", Topic: 7}},
		{url.Values{"op": {"drop"}}, 400, "", nil},
		{url.Values{"op": {"rename"}, "name": {"a\xffb"}}, 422, "This cannot be done", nil},
	} {
		a, ask := open(t, &public)
		w := ask(access.Manager, "POST", "/knowledge/7", c.form)
		got := w.Body.String()
		if w.Code == 303 {
			got = w.Header().Get("Location")
		}
		if w.Code != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%v: %d %s, want %d %s", c.form, w.Code, got, c.status, c.want)
		}
		var want []web.KnowledgeChange
		if c.does != nil {
			want = []web.KnowledgeChange{*c.does}
		}
		if !reflect.DeepEqual(a.changes, want) {
			t.Errorf("%v: did %+v, want %+v", c.form, a.changes, want)
		}
	}
}

func TestQueue(t *testing.T) {
	public := false
	a, ask := open(t, &public)
	has(t, ask(access.Manager, "GET", "/knowledge/queue", nil), 200, append(harmless, "2 things", "answer suggested", "no answer", `value="s&lt;1"`, "Post this answer", "after=end")...)
	has(t, ask(access.Manager, "GET", "/knowledge/queue?after=end", nil), 200, "Nothing waits for you")
	w := ask(access.Manager, "POST", "/knowledge/queue", url.Values{"op": {"approve"}, "suggestion": {"s<1"}})
	if w.Code != 303 || w.Header().Get("Location") != "/knowledge/queue?done=approve" || len(a.changes) != 1 || a.changes[0].Suggestion != "s<1" {
		t.Errorf("%d %s %+v", w.Code, w.Header().Get("Location"), a.changes)
	}
	has(t, ask(access.Manager, "POST", "/knowledge/queue", url.Values{"op": {"approve"}}), 400)
	has(t, ask(access.Manager, "POST", "/knowledge/queue", url.Values{"op": {"hide"}, "suggestion": {"x"}}), 400)
}

func TestDigests(t *testing.T) {
	public := false
	a, ask := open(t, &public)
	has(t, ask(access.Viewer, "GET", "/knowledge/digests", nil), 200, append(harmless, "Day of 2026-11-25", "4 questions", "2023-11-14 22:13:20 UTC")...)
	a.err = web.ErrNotFound
	has(t, ask(access.Viewer, "GET", "/knowledge/digests", nil), 200, "No digest was posted yet")
}

// The feed is XML of which nothing gets out that should not, and is what
// everybody may see, whoever asks.
func TestFeed(t *testing.T) {
	public := true
	a, ask := open(t, &public)
	w := ask(access.Admin, "GET", "/knowledge/feed.xml", nil)
	has(t, w, 200, "!<img", "!\u202e", "!javascript:alert(1)\"")
	if a.asked.Role != "" || w.Header().Get("Content-Type") != "application/rss+xml; charset=utf-8" {
		t.Errorf("asked as %q, %s", a.asked.Role, w.Header())
	}
	var feed struct {
		Channel struct {
			Title string `xml:"title"`
			Items []struct {
				Link        string `xml:"link"`
				PubDate     string `xml:"pubDate"`
				Description string `xml:"description"`
			} `xml:"item"`
		} `xml:"channel"`
	}
	d := xml.NewDecoder(w.Body)
	if err := d.Decode(&feed); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the feed: %v", err)
	}
	if c := feed.Channel; c.Title != "Gophers & <co>" || len(c.Items) != 2 || c.Items[0].Link != "https://hearth.example.org/knowledge/7" || c.Items[0].PubDate != "Tue, 14 Nov 2023 22:23:20 +0000" ||
		strings.Contains(c.Items[0].Description, "<img") || !strings.Contains(c.Items[0].Description, "&lt;img") {
		t.Errorf("%+v", c)
	}
	a.err = web.ErrNotFound
	has(t, ask("", "GET", "/knowledge/feed.xml", nil), 200, "!<item>")
}
