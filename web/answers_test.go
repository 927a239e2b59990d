package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// echo answers with what it was asked.
type echo struct{ err error }

func (e echo) Answer(_ context.Context, q Question) ([]byte, error) {
	if e.err != nil {
		return nil, e.err
	}
	return json.Marshal(q)
}

func TestAnswers(t *testing.T) {
	s, _ := server(t, Options{Answers: echo{}})
	long := strings.Repeat("x", MaxQuestion)
	for _, c := range []struct {
		method, path, body string
		header             string
		status             int
		want               string
	}{
		{"GET", "/api/v1/answers?q=what+is+a+map", "", "", 200, `{"Text":"what is a map","Locale":"en","Role":"admin"}`},
		{"GET", "/api/v1/answers?q=%E6%80%8E%E4%B9%88&locale=zh-CN", "", "", 200, `{"Text":"怎么","Locale":"zh-CN","Role":"admin"}`},
		{"GET", "/api/v1/answers?q=x", "", "Accept-Language: zh-Hans,en;q=0.5", 200, `"Locale":"zh-CN"`},
		{"GET", "/api/v1/answers?q=x", "", "Accept-Language: fr", 200, `"Locale":"en"`},
		{"POST", "/api/v1/answers", `{"q":"what is a map","locale":"en"}`, "", 200, `{"Text":"what is a map","Locale":"en","Role":"admin"}`},
		{"GET", "/api/v1/answers?q=" + long, "", "", 200, `"Locale":"en"`},
		{"GET", "/api/v1/answers", "", "", 400, "the question is missing: q"},
		{"GET", "/api/v1/answers?q=+%0a", "", "", 400, "the question is missing: q"},
		{"GET", "/api/v1/answers?q=x" + long, "", "", 400, "the question has 4097 bytes, at most 4096"},
		{"GET", "/api/v1/answers?q=%ff", "", "", 400, "the question is not UTF-8"},
		{"GET", "/api/v1/answers?q=x&locale=fr", "", "", 400, "the locale \\\"fr\\\" is unknown"},
		{"GET", "/api/v1/answers?q=x&p=1", "", "", 400, "the parameter \\\"p\\\" is unknown; there are q and locale"},
		{"GET", "/api/v1/answers?q=%zz", "", "", 400, "cannot be read"},
		{"POST", "/api/v1/answers", `{"q":"x","p":1}`, "", 400, "unknown field"},
		{"POST", "/api/v1/answers", `{"q":"x"} {}`, "", 400, "something behind the JSON"},
		{"POST", "/api/v1/answers", "", "", 400, "the body is to be JSON such as"},
		{"POST", "/api/v1/answers", `{"q":"` + strings.Repeat(long, 10) + `"}`, "", 400, "too large"},
		{"PUT", "/api/v1/answers", "", "", 405, "PUT is not possible here"},
		{"GET", "/api/v1/answers?q=x", "", "Authorization: ", 401, "this needs a token"},
	} {
		header := []string{}
		if c.header != "" {
			header = append(header, c.header)
		}
		w := do(s, c.method, c.path, c.body, header...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %.60s: %d %.200s, want %d %s", c.method, c.path, w.Code, w.Body, c.status, c.want)
		}
	}
	for err, status := range map[error]int{fmt.Errorf("%w: plugin digest", ErrNotFound): 404, io.ErrUnexpectedEOF: 500} {
		s, _ := server(t, Options{Answers: echo{err}})
		if w := do(s, "GET", "/api/v1/answers?q=x", ""); w.Code != status || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%v: %d %s", err, w.Code, w.Body)
		}
	}
}

// TestAnswersRate measures the way of a request to the answers beside a bare
// handler of net/http that writes the same bytes, in turns in one run. The goal is
// 0.7 of its rate; what stands around an answer, from the token to the figures, must
// not cost half of it even where the machine is busy with other things.
func TestAnswersRate(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped in -short: it measures, and the race detector would be what is measured")
	}
	body := []byte(`{"q":"x","found":true,"topic":{"title":"` + strings.Repeat("how do I read a file ", 40) + `"}}`)
	s, _ := server(t, Options{Answers: fixed(body)})
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	})
	var ratios, rates []float64
	for range 3 { // in turns, so that the machine's moods fall on both
		plain, ours := rate(t, bare), rate(t, s)
		ratios, rates = append(ratios, ours/plain), append(rates, ours)
	}
	t.Logf("figure: answers over HTTP, in three rounds: %.0f requests a second, %.2f of a bare handler's", rates, ratios)
	if slices.Max(ratios) < 0.5 {
		t.Errorf("in no round more than %.2f of a bare handler's rate", slices.Max(ratios))
	}
}

type fixed []byte

func (f fixed) Answer(context.Context, Question) ([]byte, error) { return f, nil }

// rate is how many requests a second h answers over TCP, to eight clients on this machine.
func rate(t *testing.T, h http.Handler) float64 {
	t.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	const clients, length = 8, time.Second
	var all sync.WaitGroup
	var mu sync.Mutex
	total := 0
	end := time.Now().Add(length)
	for range clients {
		all.Go(func() {
			tr := &http.Transport{DialContext: (&net.Dialer{}).DialContext, DisableCompression: true}
			defer tr.CloseIdleConnections()
			n := 0
			for ; time.Now().Before(end); n++ {
				req, _ := http.NewRequest("GET", srv.URL+"/api/v1/answers?q=how+do+I+read+a+file", nil)
				req.Header.Set("Authorization", "Bearer "+token)
				res, err := tr.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != 200 {
					t.Errorf("status %d", res.StatusCode)
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			total += n
		})
	}
	all.Wait()
	return float64(total) / length.Seconds()
}
