package chattest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/coder/websocket"
)

func (s *Slack) openConnection(args) answer {
	ticket := s.id("ticket")
	s.tickets[ticket] = true
	return yes(answer{"url": "ws" + strings.TrimPrefix(s.srv.URL, "http") + "/socket?ticket=" + ticket})
}

func (s *Slack) serveSocket(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	good := s.tickets[ticket]
	delete(s.tickets, ticket) // good for one socket
	s.mu.Unlock()
	if !good {
		http.Error(w, "invalid ticket", http.StatusUnauthorized)
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	k := &slackSocket{conn: conn}
	if err := conn.Write(r.Context(), websocket.MessageText, []byte(`{"type":"hello","num_connections":1}`)); err != nil {
		return
	}
	s.update(func() { s.sockets = append(s.sockets, k) })
	for {
		_, data, err := conn.Read(r.Context())
		if err != nil {
			s.update(func() { k.gone = true })
			return
		}
		var ack struct {
			ID      string          `json:"envelope_id"`
			Payload json.RawMessage `json:"payload"`
		}
		if json.Unmarshal(data, &ack) != nil {
			continue
		}
		s.mu.Lock()
		if ch := s.acks[ack.ID]; ch != nil {
			delete(s.acks, ack.ID)
			ch <- ack.Payload
		}
		s.mu.Unlock()
	}
}

// Sockets is how many sockets are open that have not been announced to close,
// and how many altogether.
func (s *Slack) Sockets() (fresh, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		if !k.gone {
			open++
			if !k.leaving {
				fresh++
			}
		}
	}
	return fresh, open
}

// errNoSocket says that nobody holds a socket.
var errNoSocket = errors.New("chattest: no socket is open")

// pick is the newest socket that will stay open, or with leaving the newest
// that has been announced to close; the lock is held.
func (s *Slack) pick(leaving bool) *slackSocket {
	for i := len(s.sockets) - 1; i >= 0; i-- {
		if k := s.sockets[i]; !k.gone && k.leaving == leaving {
			return k
		}
	}
	return nil
}

// Push sends an envelope ("events_api", "slash_commands", "interactive") to the
// newest socket, or with old to one that Slack has announced to close, and
// returns the payload of its acknowledgement. The error is ctx's if none comes.
func (s *Slack) Push(ctx context.Context, kind string, payload []byte, old bool) (json.RawMessage, error) {
	s.mu.Lock()
	id := s.id("envelope")
	s.mu.Unlock()
	return s.PushFrame(ctx, mustJSON(map[string]any{"type": kind, "envelope_id": id, "payload": json.RawMessage(payload), "accepts_response_payload": kind != "events_api"}), old)
}

// PushFrame is Push of a frame as it stands, such as a recorded one. One that
// announces that the socket will be closed has no acknowledgement.
func (s *Slack) PushFrame(ctx context.Context, frame []byte, old bool) (json.RawMessage, error) {
	var f struct {
		ID   string `json:"envelope_id"`
		Type string `json:"type"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return nil, fmt.Errorf("chattest: this is no frame: %w", err)
	}
	ch := make(chan json.RawMessage, 1)
	s.mu.Lock()
	k := s.pick(old)
	if k != nil && f.Type == "disconnect" {
		k.leaving = true
		s.wake()
	}
	if f.ID != "" {
		s.acks[f.ID] = ch
	}
	s.mu.Unlock()
	if k == nil {
		return nil, errNoSocket
	}
	if err := k.conn.Write(ctx, websocket.MessageText, frame); err != nil || f.ID == "" {
		return nil, err
	}
	select {
	case p := <-ch:
		return p, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Announce tells the newest socket that it will be closed.
func (s *Slack) Announce(ctx context.Context, reason string) error {
	_, err := s.PushFrame(ctx, mustJSON(map[string]any{"type": "disconnect", "reason": reason}), false)
	return err
}

// CloseOld closes the sockets that were announced to close.
func (s *Slack) CloseOld() {
	s.mu.Lock()
	var old []*slackSocket
	for _, k := range s.sockets {
		if k.leaving && !k.gone {
			old = append(old, k)
		}
	}
	s.mu.Unlock()
	for _, k := range old {
		_ = k.conn.Close(websocket.StatusNormalClosure, "")
	}
}
