package slack_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// people are the accounts, channels and commands that the golden files speak of.
func (w *world) people() *world {
	w.AddUser(chattest.SlackUser{ID: "U0BOT", Name: "other", Bot: true})
	w.AddChannel(chattest.SlackChannel{ID: "C0YOUNG", Name: "young", Created: w.clock.Now()})
	w.sink.Cmds = []abi.CommandDef{{Name: "help", Help: abi.Localized{{Locale: "en", Text: "what I can do"}}}, {Name: "run"}}
	return w
}

// send delivers a body as Slack would, and returns the answer.
func (w *world) send(path string, body []byte) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, w.Request("", "/slack/"+path, body))
	return rec
}

// TestEvents runs each golden file's request through the adapter; what comes
// out stands in the file.
func TestEvents(t *testing.T) {
	files, err := filepath.Glob("testdata/events/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			w := newWorld(t).people()
			ar, err := txtar.ParseFile(name)
			if err != nil || len(ar.Files) != 2 {
				t.Fatalf("%s is no golden file: %v", name, err)
			}
			req, want := ar.Files[0], &ar.Files[1]
			body := bytes.TrimSpace(req.Data)
			if req.Name == "interactions" {
				body = []byte(url.Values{"payload": {string(body)}}.Encode())
			}
			rec := w.send(req.Name, body)
			if rec.Code != http.StatusOK {
				t.Fatalf("status %d: %s", rec.Code, rec.Body)
			}
			var got bytes.Buffer
			for _, in := range w.sink.Take() {
				got.Write(compact(t, in))
				got.WriteByte('\n')
			}
			if rec.Body.Len() > 0 {
				got.WriteString("answer: " + strings.TrimSpace(rec.Body.String()) + "\n")
			}
			if *update {
				want.Data = got.Bytes()
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal(got.Bytes(), want.Data) {
				t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want.Data)
			}
			// A second delivery is the same event.
			w.send(req.Name, body)
			if again := w.sink.Take(); len(again) != 0 {
				t.Errorf("delivered again it is another event: %s", compact(t, again[0]))
			}
		})
	}
}

// compact is v as JSON without what is zero.
func compact(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(prune(m)); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

func prune(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if e = prune(e); e == nil {
				delete(x, k)
			} else {
				x[k] = e
			}
		}
		if len(x) == 0 {
			return nil
		}
	case []any:
		for i := range x {
			x[i] = prune(x[i])
		}
		if len(x) == 0 {
			return nil
		}
	case string:
		if x == "" {
			return nil
		}
	case float64:
		if x == 0 {
			return nil
		}
	case bool:
		if !x {
			return nil
		}
	}
	return v
}
