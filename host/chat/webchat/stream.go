package webchat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hearthbot/hearth/store"
)

const (
	heartbeat    = 20 * time.Second // proxies close what is silent for a minute
	writeTimeout = 30 * time.Second
	again        = 1500 * time.Millisecond // until a browser connects again
)

// What a stream says; the names of its events.
//
//	message  a message is new or looks different      liveMessage
//	gone     a message is no more                     liveGone
//	places   the list on the left is another          {}
//	read     a conversation has been read elsewhere   {"conv": …}
//	reset    too much was missed: read the page again {}
//	now      what was missed has been told            {}
type liveMessage struct {
	Conv  string `json:"conv"`
	ID    string `json:"id"`
	Root  string `json:"root,omitempty"` // of the thread, for a reply
	HTML  string `json:"html"`
	Fresh bool   `json:"fresh,omitempty"` // it was posted, not changed
	Mine  bool   `json:"mine,omitempty"`
	Quiet bool   `json:"quiet,omitempty"` // a notice, not something to read
	Crowd string `json:"crowd,omitempty"` // how many are in the channel, when somebody has joined
	By    string `json:"by,omitempty"`
	Text  string `json:"text,omitempty"`
	To    bool   `json:"to,omitempty"`   // for this member alone
	Call  bool   `json:"call,omitempty"` // a reply that mentions them
}

type liveGone struct {
	Conv string `json:"conv"`
	ID   string `json:"id"`
	Root string `json:"root,omitempty"`
}

// stream is what keeps a page up to date: server-sent events, which a browser
// resumes by Last-Event-ID, the revision of the last change it has seen.
func (a *Adapter) stream(w http.ResponseWriter, r *http.Request, me *visitor) error {
	since, err := sinceRev(r)
	if err != nil {
		return err
	}
	s, backlog, err := a.hub.subscribe(me.id, store.Rev(since), a.limits)
	reset := false
	switch {
	case errors.Is(err, errTooOld):
		reset = true
	case errors.Is(err, errTooMany):
		return fail(http.StatusTooManyRequests, "error.tabs")
	case err != nil:
		return fail(http.StatusServiceUnavailable, "error.busy")
	}
	defer a.hub.unsubscribe(s)

	out := &eventStream{w: w, c: http.NewResponseController(w)}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	out.start()
	if reset {
		out.event("reset", 0, struct{}{})
	}
	for _, e := range backlog {
		a.pass(r.Context(), out, me, e)
	}
	out.event("now", 0, struct{}{})
	out.flush()

	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for out.err == nil {
		select {
		case <-r.Context().Done():
			return nil
		case e, ok := <-s.ch:
			if !ok {
				return nil // behind, or the end: the browser resumes
			}
			a.pass(r.Context(), out, me, e)
			for len(s.ch) > 0 && out.err == nil {
				if e, ok = <-s.ch; !ok {
					break
				}
				a.pass(r.Context(), out, me, e)
			}
		case <-beat.C:
			out.comment("still here")
		}
		out.flush()
	}
	return nil
}

// pass tells the browser of e, as the member sees it now.
func (a *Adapter) pass(ctx context.Context, out *eventStream, me *visitor, e entry) {
	if e.rec.Only != "" && e.rec.Only != me.id {
		out.id(e)
		return
	}
	var name string
	var data any
	switch e.rec.What {
	case logPlaces:
		name, data = "places", struct{}{}
	case logRead:
		name, data = "read", map[string]string{"conv": e.rec.Conv}
	case logPosted, logChanged, logGone:
		var err error
		name, data, err = a.liveEvent(ctx, me, e.rec)
		if err != nil {
			if !errors.Is(err, errNotFound) && ctx.Err() == nil {
				a.log.Warn("webchat: a change is not shown live", "error", err)
			}
			out.id(e)
			return
		}
	default:
		out.id(e)
		return
	}
	rev := store.Rev(0)
	if e.final {
		rev = e.rev
	}
	out.event(name, rev, data)
}

func (a *Adapter) liveEvent(ctx context.Context, me *visitor, rec logRow) (name string, data any, err error) {
	id, ok := parseID(rec.Msg)
	if !ok {
		return "", nil, errNotFound
	}
	err = a.read(ctx, func(v *view) error {
		if in, err := v.belongs(me.id, rec.Conv); err != nil {
			return err
		} else if !in {
			return errNotFound
		}
		// What the member is called and speaks may have changed since.
		row, err := v.present(me.id)
		if err != nil {
			return err
		}
		me.row, me.ui.now = row, a.now()
		me.ui.Lang = row.Locale
		l := a.looker(v, me)
		m, err := l.one(rec.Conv, id)
		if errors.Is(err, errNotFound) && rec.What == logGone {
			name, data = "gone", liveGone{Conv: rec.Conv, ID: rec.Msg, Root: threadOf(id)}
			return nil
		}
		if err != nil {
			return err
		}
		html, err := a.fragment("message", m)
		if err != nil {
			return err
		}
		lm := liveMessage{Conv: rec.Conv, ID: rec.Msg, Root: m.Thread, HTML: html,
			Fresh: rec.What == logPosted, Mine: m.Author.ID == me.id, Quiet: m.Kind != "", By: m.Author.Name, Text: m.Plain,
			To: m.Only || v.direct(rec.Conv)}
		if id.reply() {
			all, err := l.calls(rec.Conv)
			if err != nil {
				return err
			}
			lm.Call = slices.Contains(all[id.root], id.own)
		}
		if m.Kind == kindJoined {
			n, err := l.count(rec.Conv)
			if err != nil {
				return err
			}
			lm.Crowd = me.ui.Members(n)
		}
		name, data = "message", lm
		return nil
	})
	return name, data, err
}

func (v *view) direct(conv string) bool {
	c, err := v.conv(conv)
	return err == nil && c.Kind != kindChannel
}

// eventStream writes server-sent events; after the first error it writes no
// more.
type eventStream struct {
	w   http.ResponseWriter
	c   *http.ResponseController
	err error
}

func (s *eventStream) write(format string, args ...any) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.w, format, args...)
	}
}

func (s *eventStream) start() {
	// The request has been read; its time limit would end the stream.
	_ = s.c.SetReadDeadline(time.Time{})
	s.deadline()
	s.w.WriteHeader(http.StatusOK)
	s.write("retry: %d\n\n", again.Milliseconds())
}

// deadline moves the server's write timeout on: a stream is meant to be long.
func (s *eventStream) deadline() { _ = s.c.SetWriteDeadline(time.Now().Add(writeTimeout)) }

func (s *eventStream) event(name string, rev store.Rev, data any) {
	b, err := json.Marshal(data)
	if err != nil {
		s.err = err
		return
	}
	s.deadline()
	if rev != 0 {
		s.write("id: %s\n", strconv.FormatUint(uint64(rev), 10))
	}
	s.write("event: %s\ndata: %s\n\n", name, b)
}

// id tells the browser how far it is without telling it anything else. An event
// without data is not dispatched, but its id counts.
func (s *eventStream) id(e entry) {
	if e.final {
		s.write("id: %d\n\n", e.rev)
	}
}

func (s *eventStream) comment(text string) {
	s.deadline()
	s.write(": %s\n\n", text)
}

func (s *eventStream) flush() {
	if s.err == nil {
		s.err = s.c.Flush()
	}
}
