package client

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/web"
)

// answering is a client of a server that answers everything alike, and what it
// was asked last.
func answering(t *testing.T, status int, body string) (*Client, *http.Request, *string) {
	t.Helper()
	asked, sent := new(http.Request), new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*asked, *sent = *r.Clone(t.Context()), string(raw)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client sees what is missing
	}))
	t.Cleanup(s.Close)
	return &Client{URL: s.URL, HTTP: s.Client()}, asked, sent
}

func TestUploadTakesTheSignatureAlong(t *testing.T) {
	c, asked, sent := answering(t, http.StatusCreated, `{"name": "hello", "version": "1.0.0", "status": "staged"}`)
	signature := "untrusted comment: x\nRUTx+y/z=\n"
	v, err := c.Upload(t.Context(), []byte("\x00asm"), signature, "because")
	if err != nil || v.Name != "hello" || v.Status != "staged" {
		t.Errorf("%+v, %v", v, err)
	}
	q := asked.URL.Query()
	if asked.Method != http.MethodPost || asked.URL.Path != "/api/v1/plugins" || q.Get("signature") != signature || q.Get("why") != "because" ||
		*sent != "\x00asm" || asked.Header.Get("Content-Type") != "application/wasm" {
		t.Errorf("%s %s: %q", asked.Method, asked.URL, *sent)
	}
}

func TestMissingPermissionsAreListed(t *testing.T) {
	c, asked, sent := answering(t, http.StatusConflict, `{"title": "Conflict", "status": 409, "detail": "it waits", "code": "missing_grants", "missing_grants": [{"name": "dm", "reason": "greet", "granted": false}]}`)
	_, err := c.Promote(t.Context(), "hello", "0123abcd", web.PluginPromotion{Why: "now"})
	var missing *Missing
	if !errors.As(err, &missing) || err.Error() != "it waits" || len(missing.Grants) != 1 || missing.Grants[0].Reason != "greet" {
		t.Errorf("%v", err)
	}
	if asked.URL.Path != "/api/v1/plugins/hello/versions/0123abcd/promote" || !strings.Contains(*sent, `"why":"now"`) {
		t.Errorf("%s: %s", asked.URL, *sent)
	}
}

func TestOtherRefusalsAreTheirText(t *testing.T) {
	c, _, _ := answering(t, http.StatusUnprocessableEntity, `{"title": "x", "status": 422, "detail": "it is no plugin", "code": "invalid"}`)
	_, err := c.Upload(t.Context(), nil, "", "")
	if missing := new(Missing); err == nil || err.Error() != "it is no plugin" || errors.As(err, &missing) {
		t.Errorf("%v", err)
	}
}

func TestRemoveOfOneAndOfAll(t *testing.T) {
	for sha, want := range map[string]string{"": "/api/v1/plugins/hello?why=old", "0123abcd": "/api/v1/plugins/hello/versions/0123abcd?why=old"} {
		c, asked, _ := answering(t, http.StatusOK, `{"name": "hello"}`)
		if _, err := c.Remove(t.Context(), "hello", sha, "old"); err != nil || asked.Method != http.MethodDelete || asked.URL.String() != want {
			t.Errorf("%s %s, %v, want %s", asked.Method, asked.URL, err, want)
		}
	}
}

func TestLogsAreReadAsTheyCome(t *testing.T) {
	c, asked, _ := answering(t, http.StatusOK, ": hello\n\ndata: {\"kind\": \"a\", \"lines\": [\"one\"]}\n\ndata: {\"kind\": \"b\", \"error\": \"two\"}\n\n")
	var got []string
	err := c.Logs(t.Context(), "hello", func(l web.PluginLog) error {
		got = append(got, l.Kind+strings.Join(l.Lines, "")+l.Error)
		return nil
	})
	if !errors.Is(err, ErrNobody) || strings.Join(got, " ") != "aone btwo" || asked.URL.Path != "/api/v1/plugins/hello/logs" {
		t.Errorf("%v, %v, %s", got, err, asked.URL)
	}
	enough := errors.New("enough")
	if err := c.Logs(t.Context(), "hello", func(web.PluginLog) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("%v", err)
	}
}
