package host

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// TestLaw8SecretsAreNowhere gives every secret a value that can be found again,
// has plugins and servers do their worst with it, and then looks for it in
// everything that hearth writes down or shows.
func TestLaw8SecretsAreNowhere(t *testing.T) {
	in(t, func(t *testing.T) {
		const mark = "hunter2-"
		reg := prometheus.NewRegistry()
		log, said := newLog()
		var servers record
		// The servers get the secret, which is right, and hand it back, which is not
		// theirs to do.
		server := transport(func(r *http.Request) (*http.Response, error) {
			auth := r.Header.Get("Authorization")
			servers.add(r.URL.Path + " " + auth)
			resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"X-Echo": {auth}}, Request: r, Body: io.NopCloser(strings.NewReader("you sent " + auth))}
			switch r.URL.Path {
			case "/error":
				return nil, fmt.Errorf("proxy refused the header %q", auth)
			case "/refused":
				resp.StatusCode = http.StatusUnauthorized
			case "/redirect":
				resp.StatusCode, resp.Header = http.StatusFound, http.Header{"Location": {"https://elsewhere.example/?key=" + auth}}
			case "/broken":
				resp.Body = io.NopCloser(io.MultiReader(strings.NewReader("you sent "), errorReader{auth}))
			}
			return resp, nil
		})
		client := publicClient()
		client.Transport = server
		b := newBot(t, Options{Store: new(store.Mem), Metrics: reg, Logger: log, HTTP: client, Retries: Retries{Delays: []time.Duration{time.Second}},
			Secret: func(plugin, name string) (string, bool) { return mark + plugin + "-" + name, name != "absent" }})
		paths := []string{"good", "error", "refused", "redirect", "broken"}
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}, Needs: []abi.Need{{Cap: abi.CapSend, Reason: "t"}, {Cap: abi.CapHTTP, Param: "example.org", Reason: "t"}}},
			func(c *abi.Call, h wasm.Host) (abi.Effects, error) {
				var ef abi.Effects
				if r := c.Event.Result; r != nil { // everything that came back goes everywhere
					got := fmt.Sprintf("%s %d %s %s", r.Name, r.Status, r.Error, r.Body)
					h.Log(abi.LogWarn, got)
					ef.Writes = []abi.Write{{Key: "c/" + r.Name, Value: []byte(got)}}
					ef.Out = []abi.Effect{say("fake:general", got), {Track: &abi.Track{Name: got[:min(len(got), abi.MaxName)]}}}
					if r.Name == "refused" {
						ef.Error = got
					}
					return ef, nil
				}
				for _, path := range paths {
					ef.Out = append(ef.Out, abi.Effect{Action: &abi.Action{Name: path, HTTP: &abi.HTTP{URL: "https://example.org/" + path,
						Header: []abi.Annotation{{Name: "Authorization", Value: "Bearer ${secret:token}"}, {Name: "X-Key", Value: "${secret:key}"}}}}})
				}
				ef.Out = append(ef.Out, abi.Effect{Action: &abi.Action{Name: "absent", HTTP: &abi.HTTP{URL: "https://example.org/absent",
					Header: []abi.Annotation{{Name: "X-Key", Value: "${secret:key}"}, {Name: "Authorization", Value: "${secret:absent}"}}}}})
				return ef, nil
			})
		times := 0
		b.platform.fail = func(*chat.Delivery) error {
			if times++; times%2 == 1 {
				return &chat.DeliveryError{Code: "busy", Retry: true, Unknown: true, Err: errLost}
			}
			return nil
		}
		follow := b.Follow(t.Context(), EventFilter{})
		b.start()
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(time.Hour)

		look := func(where, text string) {
			if i := strings.Index(text, mark); i >= 0 {
				t.Errorf("%s has a secret: …%s…", where, text[max(0, i-60):min(len(text), i+60)])
			}
		}
		show := func(where string, v any, err error) {
			if err != nil {
				t.Errorf("%s: %v", where, err)
			}
			look(where, fmt.Sprintf("%+v", v))
		}
		rows := b.rows("")
		named := 0
		for _, r := range rows {
			look("row "+string(r.Key), string(r.Key)+" "+string(r.Value))
			named += strings.Count(string(r.Value), "${secret:token}")
		}
		for _, line := range said.lines() {
			look("the log", line)
		}
		for _, d := range b.platform.sent() {
			look("a message", fmt.Sprintf("%+v", d))
		}
		text := fmt.Sprint(figures(t, reg))
		look("the figures", text)
		events, err := b.Events(t.Context(), EventFilter{Limit: 1000})
		show("the list of events", events, err)
		failures, err := b.Failures(t.Context())
		show("the list of failed events", failures, err)
		for _, f := range failures {
			look("a failure", f.Error)
		}
		status, err := b.Status(t.Context())
		show("the status", status, err)
		for _, e := range events {
			messages, err := b.Messages(t.Context(), e.Number)
			show("the messages", messages, err)
		}
		b.halt()
		n := 0
		for h, err := range follow {
			show("a follower's event", h, err)
			if n++; n == len(events) {
				break
			}
		}

		// It is worth nothing if nothing happened.
		if got := len(servers.all()); got < len(paths) || !strings.Contains(strings.Join(servers.all(), "\n"), mark+"p-token") {
			t.Errorf("the servers saw %q, want the secret at each path", servers.all())
		}
		if len(events) < len(paths)+2 || len(failures) != 1 || len(b.platform.sent()) < 4 || named < len(paths) || len(said.lines()) < 5 || len(text) < 1000 {
			t.Errorf("%d events, %d failures, %d messages, %d mentions by name, %d lines, %d bytes of figures: too few to prove anything",
				len(events), len(failures), len(b.platform.sent()), named, len(said.lines()), len(text))
		}
	})
}

// errorReader is a connection that breaks with an indiscreet error.
type errorReader struct{ secret string }

func (e errorReader) Read([]byte) (int, error) { return 0, errors.New("broken at " + e.secret) }
