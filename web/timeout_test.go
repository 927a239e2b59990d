package web

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener without a network: its connections have deadlines, and
// those go by the clock of a synctest bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inBubble serves s in a synctest bubble, where hours pass at once.
func inBubble(t *testing.T, o Options, f func(t *testing.T, m *memory, p *pipes, c *http.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, m := server(t, o)
		p := newPipes()
		c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return p.dial(ctx) }}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Serve(ctx, p, time.Second) }()
		f(t, m, p, c)
		c.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestStreamOutlivesTimeouts(t *testing.T) {
	// A platform's own stream, which moves its deadline on by itself, and one of
	// the server's.
	own := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		for range 100 {
			if err := c.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Error(err)
			}
			if _, err := io.WriteString(w, "line\n"); err != nil || c.Flush() != nil {
				t.Errorf("the stream was cut: %v", err)
				return
			}
			time.Sleep(30 * time.Second) // the bubble's clock
		}
	})
	inBubble(t, Options{Mounts: map[string]http.Handler{"/stream": own}}, func(t *testing.T, m *memory, _ *pipes, c *http.Client) {
		resp, err := c.Get("http://hearth/stream")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if n := strings.Count(string(b), "line"); n != 100 || err != nil {
			t.Errorf("%d lines of 100, %v", n, err)
		}
		resp.Body.Close()

		req, err := http.NewRequest(http.MethodGet, "http://hearth/api/v1/events/follow", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		if resp, err = c.Do(req); err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		go func() {
			time.Sleep(time.Hour) // the bubble's clock
			m.handled <- Event{Number: "00000000000000ff"}
		}()
		begun, beats := time.Now(), 0
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "data: ") {
			if lines.Text() == ": still here" {
				beats++
			}
		}
		if !strings.Contains(lines.Text(), "00000000000000ff") || time.Since(begun) < time.Hour || beats < 200 {
			t.Errorf("after %s and %d beats: %q, %v", time.Since(begun), beats, lines.Text(), lines.Err())
		}
	})
}

func TestSlowClientsAreCutOff(t *testing.T) {
	var read error
	body := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, read = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusBadRequest)
	})
	inBubble(t, Options{Mounts: map[string]http.Handler{"/body": body}}, func(t *testing.T, _ *memory, p *pipes, _ *http.Client) {
		for name, c := range map[string]struct {
			sent string
			most time.Duration
		}{
			"headers that do not end": {"GET / HTTP/1.1\r\nHost: hearth\r\n", 15 * time.Second},
			"a body that does not":    {"POST /body HTTP/1.1\r\nHost: hearth\r\nContent-Length: 100\r\n\r\nabc", bodyTimeout + time.Second},
			"an idle connection":      {"GET /healthz HTTP/1.1\r\nHost: hearth\r\n\r\n", 3 * time.Minute},
		} {
			conn, err := p.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			go io.WriteString(conn, c.sent)
			_, err = io.Copy(io.Discard, conn) // until the server hangs up
			if took := time.Since(begun); err != nil || took > c.most {
				t.Errorf("%s: cut off after %s, %v", name, took, err)
			}
			conn.Close()
		}
		if read == nil {
			t.Error("the body was read")
		}
	})
}
