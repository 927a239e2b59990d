package page

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	heartbeat   = 15 * time.Second // proxies close what is silent for a minute
	streamWrite = 30 * time.Second // how long one write may take
	maxStreams  = 200              // at once, of everybody
)

// Stream answers with server-sent events: each text that begin's channel yields
// is one message, which htmx puts into the page. It ends when the channel is
// closed, the browser goes, the frame is closed, or whoever looks is signed out;
// ctx has ended then. Of its last the browser is told by the event "ended".
func (r *Request) Stream(w http.ResponseWriter, begin func(ctx context.Context) (<-chan string, error)) error {
	f := r.f
	if f.streams.Add(1) > maxStreams {
		f.streams.Add(-1)
		return Sorry(http.StatusServiceUnavailable, "error.retry")
	}
	defer f.streams.Add(-1)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	updates, err := begin(ctx)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	write := func(text string) error {
		_ = out.SetWriteDeadline(time.Now().Add(streamWrite)) // not every connection has deadlines
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
		return out.Flush()
	}
	err = write(": from now on\n\n")
	beat := time.NewTicker(f.beat)
	defer beat.Stop()
	for err == nil {
		select {
		case text, ok := <-updates:
			if !ok {
				return nil
			}
			err = write(message(text))
		case <-beat.C:
			if s, gone := f.session(r); gone != nil || !s.Person.Role.Covers(r.Person.Role) {
				_ = write("event: ended\ndata:\n\n") // an error says that the browser has gone
				return nil
			}
			err = write(": still here\n\n")
		case <-f.closed:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	f.o.Logger.DebugContext(ctx, "a stream ended", "path", r.URL.Path, "err", fmt.Sprint(err)) // the browser has gone
	return nil
}

// message is a text as server-sent events have it.
func message(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(text, "\r", "")) {
		b.WriteString("data: " + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String() + "\n"
}

// Closed is closed with the frame: what goes on beside the requests ends then.
func (f *Frame) Closed() <-chan struct{} { return f.closed }

// Close ends the streams, so that a server that shuts down need not wait for
// them.
func (f *Frame) Close() { f.closing.Do(func() { close(f.closed) }) }
