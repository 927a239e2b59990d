package host

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// TestHTTPActions runs requests against a real server: the result comes back
// as an event with the note, a secret goes out and is written down nowhere.
func TestHTTPActions(t *testing.T) {
	const secret = "s3cr3t-of-the-test"
	var seen record
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.add(r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization"))
		fmt.Fprint(w, strings.Repeat("x", 100_000))
	}))
	defer server.Close()
	s := new(store.Mem)
	e, err := New(t.Context(), Options{Store: s, HTTP: server.Client(), Secret: func(plugin, name string) (string, bool) {
		return secret, plugin == "p" && name == "token"
	}})
	if err != nil {
		t.Fatal(err)
	}
	b := &bot{Engine: e, t: t, store: s, platform: newFakePlatform("fake")}
	results := make(chan abi.Event, 10)
	b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted}, Needs: []abi.Need{{Cap: abi.CapHTTP, Param: "127.0.0.1", Reason: "test"}}},
		func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if c.Event.Kind == abi.HTTPResponded {
				results <- c.Event
				return abi.Effects{}, nil
			}
			action := func(name, auth string) abi.Effect {
				return abi.Effect{Action: &abi.Action{Name: name, Note: []byte("note of " + name), HTTP: &abi.HTTP{URL: server.URL + "/" + name,
					Header: []abi.Annotation{{Name: "Authorization", Value: auth}}}}}
			}
			return abi.Effects{Out: []abi.Effect{action("good", "Bearer ${secret:token}"), action("nameless", "${secret:other}")}}, nil
		})
	b.startReal()
	ev := b.event(abi.MessagePosted)
	b.accept(ev, chat.Accepted)
	for range 2 {
		var got abi.Event
		select {
		case got = <-results:
		case <-time.After(30 * time.Second):
			t.Fatal("no result came back")
		}
		if string(got.Note) != "note of "+got.Result.Name || got.Member.ID != ev.Member.ID || got.Conversation.ID != ev.Conversation.ID || got.Depth != 1 {
			t.Errorf("the result came back as %+v", got)
		}
		switch got.Result.Name {
		case "good":
			if got.Result.Status != 200 || len(got.Result.Body) != maxResponse || !strings.Contains(got.Result.Error, "longer") {
				t.Errorf("good: status %d, %d bytes, %q", got.Result.Status, len(got.Result.Body), got.Result.Error)
			}
		case "nameless":
			if got.Result.Status != 0 || !strings.Contains(got.Result.Error, `no secret "other"`) {
				t.Errorf("nameless: %+v", got.Result)
			}
		}
	}
	if got := seen.all(); len(got) != 1 || got[0] != "GET /good Bearer "+secret {
		t.Errorf("the server saw %q", got)
	}
	settled(t, e, "fake")
	for _, r := range b.rows("") {
		if strings.Contains(string(r.Value), secret) {
			t.Errorf("row %s holds the secret", r.Key)
		}
	}
}

func TestPrivateAddressesAreOutOfReach(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	e, err := New(t.Context(), Options{Store: new(store.Mem)})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{server.URL, "http://[::1]:1/", "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "http://0.0.0.0/"} {
		var r abi.Result
		e.request(t.Context(), "p", &abi.HTTP{URL: url}, &r)
		if r.Status != 0 || !strings.Contains(r.Error, "no public address") {
			t.Errorf("%s: status %d, %q", url, r.Status, r.Error)
		}
	}
}
