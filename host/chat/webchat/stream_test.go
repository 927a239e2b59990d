package webchat

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
)

// live is an open stream.
type live struct {
	t     *testing.T
	stop  context.CancelFunc
	lines chan string // closed when the stream is
	id    string      // the last event's
}

type liveEvent struct {
	id, name string
	data     struct {
		liveMessage
	}
}

// listen opens a stream that resumes behind an event id.
func (b *browser) listen(since string) *live {
	b.p.t.Helper()
	for {
		ctx, cancel := context.WithCancel(context.Background())
		req, _ := http.NewRequestWithContext(ctx, "GET", b.url("live"), nil)
		if since != "" {
			req.Header.Set("Last-Event-ID", since)
		}
		res, err := b.http.Do(req)
		if err != nil {
			b.p.t.Fatal(err)
		}
		if res.StatusCode == http.StatusServiceUnavailable { // Run has not come that far yet
			res.Body.Close()
			cancel()
			continue
		}
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
			b.p.t.Fatalf("listen: %d %s", res.StatusCode, res.Header.Get("Content-Type"))
		}
		l := &live{t: b.p.t, stop: cancel, lines: make(chan string, 4096)}
		go func() {
			defer close(l.lines)
			defer res.Body.Close()
			s := bufio.NewScanner(res.Body)
			s.Buffer(nil, 1<<20)
			for s.Scan() {
				l.lines <- s.Text()
			}
		}()
		b.p.t.Cleanup(func() {
			cancel()
			for range l.lines {
			}
		})
		return l
	}
}

// next is the next event; ok is false when the stream is over.
func (l *live) next() (e liveEvent, ok bool) {
	l.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case s, more := <-l.lines:
			if !more {
				return e, false
			}
			name, value, _ := strings.Cut(s, ": ")
			switch name {
			case "id":
				e.id, l.id = value, value
			case "event":
				e.name = value
			case "data":
				if err := json.Unmarshal([]byte(value), &e.data); err != nil {
					l.t.Fatal(err)
				}
			case "":
				if e.name != "" {
					return e, true
				}
			}
		case <-timeout:
			l.t.Fatal("nothing comes")
		}
	}
}

// until reads on to the first event that ok accepts, and returns those before.
func (l *live) until(ok func(liveEvent) bool) (before []liveEvent) {
	l.t.Helper()
	for {
		e, more := l.next()
		if !more {
			l.t.Fatal("the stream is over")
		}
		if ok(e) {
			return before
		}
		before = append(before, e)
	}
}

func named(name string) func(liveEvent) bool {
	return func(e liveEvent) bool { return e.name == name }
}

func saying(text string) func(liveEvent) bool {
	return func(e liveEvent) bool { return e.name == "message" && e.data.Text == text }
}

func TestLive(t *testing.T) {
	p := open(t, Options{Channels: []string{"other"}})
	ada, bob := p.member("Ada"), p.member("Bob", "zh-CN")
	l := bob.listen("")
	l.until(named("now"))
	id := ada.say(general, "hello **Bob**")
	e, _ := l.next()
	if e.name != "message" || e.data.ID != id || !e.data.Fresh || e.data.Mine || e.data.By != "Ada" || e.id == "" {
		t.Fatalf("came %+v", e)
	}
	mustContain(t, e.data.HTML, "hello <strong>Bob</strong>")
	ada.post("edit", url.Values{"c": {general}, "m": {id}, "text": {"hello again"}})
	if e, _ := l.next(); e.data.ID != id || e.data.Fresh || !strings.Contains(e.data.HTML, "已编辑") {
		t.Errorf("the edit came as %+v", e)
	}

	// What is not for Bob does not come: commands, another's ephemeral message,
	// two others' direct messages, channels he is not in.
	eve := p.member("Eve")
	l.until(func(e liveEvent) bool { return e.name == "message" && e.data.By == "Eve" })
	ada.say(general, "/help")
	p.deliver(chat.Delivery{Conversation: GeneralID, Member: globalID(ada.id), Ephemeral: true, Content: plainText("psst")})
	ada.post("dm", url.Values{"with": {eve.id}})
	ada.say(pairConv(ada.id, eve.id), "between us")
	ada.post("enter", url.Values{"c": {"other"}})
	ada.say("other", "elsewhere")
	p.deliver(chat.Delivery{Member: globalID(bob.id), Content: plainText("for Bob")})
	for _, e := range l.until(saying("for Bob")) {
		t.Errorf("came too: %+v", e)
	}
	ada.post("delete", url.Values{"c": {general}, "m": {id}})
	if e, _ := l.next(); e.name != "gone" || e.data.ID != id {
		t.Errorf("the deletion came as %+v", e)
	}
	// Reading in one tab clears the mark in the other.
	bob.post("read", url.Values{"c": {general}, "m": {ada.say(general, "read me")}})
	l.until(func(e liveEvent) bool { return e.name == "read" && e.data.Conv == general })
}

func TestLiveResume(t *testing.T) {
	st := newStore()
	p := open(t, Options{Store: st})
	ada, bob := p.member("Ada"), p.member("Bob")
	l := bob.listen("")
	ada.say(general, "one")
	l.until(saying("one"))
	l.stop()
	ada.say(general, "two")
	ada.say(general, "/help") // moves the revision on, silently
	ada.say(general, "three")

	// What came meanwhile comes, in order, once.
	again := bob.listen(l.id)
	var got []string
	for _, e := range again.until(named("now")) {
		got = append(got, e.data.Text)
	}
	if fmt.Sprint(got) != "[two three]" {
		t.Errorf("resumed with %v", got)
	}
	// From the newest id on there is nothing.
	if rest := bob.listen(again.id).until(named("now")); len(rest) != 0 {
		t.Errorf("came twice: %+v", rest)
	}

	// Another process resumes the stream just as well.
	next := open(t, Options{Store: st})
	b := next.browser()
	b.id = bob.id
	u, _ := url.Parse(next.srv.URL + "/chat")
	old, _ := url.Parse(p.srv.URL + "/chat")
	b.http.Jar.SetCookies(u, bob.http.Jar.Cookies(old))
	got = nil
	l2 := b.listen(l.id)
	for _, e := range l2.until(named("now")) {
		got = append(got, e.data.Text)
	}
	if len(got) == 0 { // its hub may have read the log only after "now"
		l2.until(saying("two"))
		l2.until(saying("three"))
	} else if fmt.Sprint(got) != "[two three]" {
		t.Errorf("resumed elsewhere with %v", got)
	}
	ada.say(general, "to both") // said in the one process, heard in the other
	l2.until(saying("to both"))
}

// A stream that was away for too long is told to read the page again.
func TestLiveReset(t *testing.T) {
	p := open(t, Options{})
	ada, bob := p.member("Ada"), p.member("Bob")
	l := bob.listen("")
	ada.say(general, "first")
	l.until(saying("first"))
	l.stop()
	fresh := bob.listen(l.id)
	for i := range trimLog {
		p.deliver(chat.Delivery{Conversation: GeneralID, Content: plainText(fmt.Sprint("n ", i))})
		if i%100 == 99 { // a reader that keeps up
			fresh.until(saying(fmt.Sprint("n ", i)))
		}
	}
	fresh.until(saying(fmt.Sprint("n ", trimLog-1)))
	late := bob.listen(l.id)
	if e, _ := late.next(); e.name != "reset" {
		t.Errorf("a stream from long ago begins with %+v", e)
	}
	late.until(named("now"))
	if n := p.rows("log"); n > trimLog {
		t.Errorf("the log has %d rows", n)
	}
	if res := bob.get("live?since=abc"); res.status != 400 {
		t.Errorf("an odd cursor: %d", res.status)
	}
}

func TestTooManyTabs(t *testing.T) {
	limits := wide
	limits.Streams = 2
	p := open(t, Options{Limits: limits})
	ada := p.member("Ada")
	one := ada.listen("")
	one.until(named("now"))
	ada.listen("").until(named("now"))
	if res := ada.get("live"); res.status != http.StatusTooManyRequests || !strings.Contains(res.Say, "tabs") {
		t.Errorf("a third tab: %d %s", res.status, res.Say)
	}
}

// Many members at once, in two tabs each, all see everything, in one order.
func TestManyAtOnce(t *testing.T) {
	p := open(t, Options{})
	const members, each = 6, 6
	var all []*browser
	for i := range members {
		all = append(all, p.member(fmt.Sprint("Member ", i)))
	}
	rootID := all[0].say(general, "the thread")
	type seen struct {
		order []string
		texts map[string]int
	}
	results := make([]seen, 2*members)
	var listening, wg sync.WaitGroup
	listening.Add(2 * members)
	cursor := p.revision()
	for i := range results {
		l := all[i/2].listen(cursor)
		wg.Go(func() {
			l.until(named("now"))
			listening.Done()
			s := seen{texts: map[string]int{}}
			for len(s.texts) < members*each*2 {
				e, ok := l.next()
				if !ok {
					t.Error("the stream is over")
					return
				}
				if e.name == "message" && e.data.Fresh && strings.Contains(e.data.Text, "/") {
					s.texts[e.data.Text]++
					s.order = append(s.order, e.data.Text)
				}
			}
			results[i] = s
		})
	}
	listening.Wait()
	for i, b := range all {
		wg.Go(func() {
			for n := range each {
				b.say(general, fmt.Sprintf("%d/%d", i, n))
				if res := b.post("send", url.Values{"c": {general}, "t": {rootID}, "text": {fmt.Sprintf("re %d/%d", i, n)}}); res.status != 200 {
					t.Errorf("reply: %d %s", res.status, res.Say)
				}
				if res := b.post("react", url.Values{"c": {general}, "m": {rootID}, "name": {picks[i]}}); res.status != 200 {
					t.Errorf("react: %d %s", res.status, res.Say)
				}
			}
		})
	}
	wg.Wait()
	for i, s := range results {
		if len(s.order) != members*each*2 || fmt.Sprint(s.order) != fmt.Sprint(results[0].order) {
			t.Errorf("tab %d saw %d messages, or in another order", i, len(s.order))
		}
	}
	mustContain(t, all[0].get("message?c=general&m="+rootID).HTML, fmt.Sprintf("%d replies", members*each))
	if n := len(p.sink.events("message.posted")); n != members*each*2+1 {
		t.Errorf("%d events", n)
	}
	if n := p.rows("hand"); n != 0 {
		t.Errorf("%d hand-offs are left", n)
	}
}

// revision is where the store is now.
func (p *place) revision() (rev string) {
	p.t.Helper()
	if err := p.a.read(context.Background(), func(v *view) error {
		rev = fmt.Sprint(uint64(v.snap.Rev()))
		return nil
	}); err != nil {
		p.t.Fatal(err)
	}
	return rev
}
