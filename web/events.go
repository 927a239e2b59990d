package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// EventList is the answer to GET /api/v1/events.
type EventList struct {
	Events []Event `json:"events" nullable:"false"`
}

func (s *Server) events(ctx context.Context, in *EventFilter) (*out[EventList], error) {
	events, err := s.o.Host.Events(ctx, *in)
	if err != nil {
		return nil, s.failed(ctx, "events", err)
	}
	return &out[EventList]{EventList{some(events)}}, nil
}

// some makes an empty list of none, which JSON tells apart.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (s *Server) event(ctx context.Context, in *struct {
	Number string `path:"number" pattern:"^[0-9a-f]{16}$" patternDescription:"16 hex digits"`
}) (*out[EventDetail], error) {
	e, err := s.o.Host.Event(ctx, in.Number)
	if err != nil {
		return nil, s.failed(ctx, "event", err)
	}
	e.Handled, e.Messages = some(e.Handled), some(e.Messages)
	return &out[EventDetail]{e}, nil
}

// FailureList is the answer to GET /api/v1/dead-letters.
type FailureList struct {
	Failures []Failure `json:"failures" nullable:"false"`
}

func (s *Server) failures(ctx context.Context, in *FailureFilter) (*out[FailureList], error) {
	list, err := s.o.Host.Failures(ctx, *in)
	if err != nil {
		return nil, s.failed(ctx, "failures", err)
	}
	return &out[FailureList]{FailureList{some(list)}}, nil
}

// Retried is the answer to a retry: the event waits for its plugin again.
type Retried struct {
	Number string `json:"number"`
	Plugin string `json:"plugin"`
}

func (s *Server) retry(ctx context.Context, in *struct {
	Number string `path:"number" pattern:"^[0-9a-f]{16}$" patternDescription:"16 hex digits"`
	Plugin string `path:"plugin" maxLength:"32"`
}) (*out[Retried], error) {
	if err := s.o.Host.Retry(ctx, by(ctx), in.Number, in.Plugin); err != nil {
		return nil, s.failed(ctx, "retry", err)
	}
	return &out[Retried]{Retried{in.Number, in.Plugin}}, nil
}

const (
	heartbeat    = 15 * time.Second // proxies close what is silent for a minute
	writeTimeout = 30 * time.Second
)

func followOp() huma.Operation {
	o := op("follow-events", http.MethodGet, "/api/v1/events/follow", "Events as they are handled, until the client goes")
	o.Description = "Server-sent events: each `data` line is one Event as JSON, like those of list-events. `after` and `limit` do nothing here."
	o.Responses = map[string]*huma.Response{"200": {Description: "A stream that does not end.",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	return o
}

// follow streams events. What is written is flushed at once, and each write
// moves the server's write timeout on.
func (s *Server) follow(ctx context.Context, in *EventFilter) (*huma.StreamResponse, error) {
	ctx, cancel := s.open(ctx)
	events, err := s.o.Host.Follow(ctx, *in)
	if err != nil {
		cancel()
		return nil, s.failed(ctx, "follow", err)
	}
	return streamOf(ctx, s, "follow", events, cancel), nil
}

// streamOf is an answer that has each value as JSON in an event of its own, until
// the channel is closed, the client goes, or its token opens nothing any more; then
// it ends with cancel.
func streamOf[T any](ctx context.Context, s *Server, doing string, values <-chan T, cancel context.CancelFunc) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer cancel()
		r, w := humachi.Unwrap(hc)
		out := &stream{w: w, c: http.NewResponseController(w)}
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Accel-Buffering", "no")
		out.write(": from now on\n\n")
		beat := time.NewTicker(heartbeat)
		defer beat.Stop()
		for out.err == nil {
			select {
			case v, ok := <-values:
				if !ok {
					return
				}
				b, err := json.Marshal(v)
				if err != nil {
					s.log.ErrorContext(ctx, "a request failed", "doing", doing, "err", err)
					return
				}
				out.write("data: " + string(b) + "\n\n")
			case <-beat.C:
				if _, err := s.bearer(r); err != nil {
					return // the token was revoked, or is over: nobody is told any more
				}
				out.write(": still here\n\n")
			}
		}
	}}
}

// stream writes and flushes; after the first error it does nothing.
type stream struct {
	w   io.Writer
	c   *http.ResponseController
	err error
}

func (s *stream) write(text string) {
	if s.err != nil {
		return
	}
	_ = s.c.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every connection has deadlines
	if _, s.err = io.WriteString(s.w, text); s.err == nil {
		if s.err = s.c.Flush(); s.err != nil {
			s.err = fmt.Errorf("flush: %w", s.err)
		}
	}
}
