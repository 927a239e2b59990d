package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/slack-go/slack"
)

const (
	maxFrame    = 2 << 20
	maxAtOnce   = 32
	pingEvery   = 20 * time.Second
	pingTime    = 10 * time.Second
	ackTime     = 2 * time.Second
	drainTime   = time.Minute // how long a socket that Slack has announced to close is still read
	firstPause  = time.Second
	longestWait = 30 * time.Second
)

// frame is what Slack sends over a socket.
type frame struct {
	Type    string          `json:"type"`
	ID      string          `json:"envelope_id"`
	Payload json.RawMessage `json:"payload"`
	Reason  string          `json:"reason"`
	Retry   int             `json:"retry_attempt"`
}

// Run keeps a socket to Slack open if there is an app-level token, and
// otherwise waits. It returns nil when ctx ends, after what was under way has
// been acknowledged.
//
// Slack closes sockets from time to time and says so before. The next one is
// opened first; the old one is read until it closes, so nothing falls between.
//
//	socket 1  ───────── disconnect ─ ─ (drained) ─ closed
//	socket 2                └─ opened ───────────────────────
func (a *Adapter) Run(ctx context.Context) error {
	if a.app == "" {
		<-ctx.Done()
		return nil
	}
	var sockets sync.WaitGroup
	defer sockets.Wait()
	defer a.dialled.Store(nil)
	pause, brief := firstPause, 0
	for ctx.Err() == nil {
		conn, err := a.dial(ctx)
		if ctx.Err() == nil {
			a.dialled.Store(&dialled{err})
		}
		if err != nil {
			d := deliveryError(err)
			wait := max(pause, d.After)
			if d.Hold {
				wait = longestWait
			}
			if ctx.Err() == nil {
				a.log.ErrorContext(ctx, "slack: no socket; trying again", "in", wait.String(), "error", d)
			}
			sleep(ctx, wait)
			pause = min(2*pause, longestWait)
			continue
		}
		pause = firstPause
		a.stats.sockets.Add(1)
		renew := make(chan struct{})
		sockets.Go(func() { a.serveSocket(ctx, conn, sync.OnceFunc(func() { close(renew) })) })
		opened := time.Now()
		select {
		case <-renew:
			if time.Since(opened) > longestWait {
				brief = 0
			} else if brief++; brief > 3 { // one after the other closes: do not run in circles
				sleep(ctx, min(firstPause<<min(brief-4, 5), longestWait))
			}
		case <-ctx.Done():
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// dialled is how the last attempt to open a socket ended; no error is well.
type dialled struct{ err error }

// ticket asks Slack for the address of a socket, which is all that the app token
// is good for. Nothing comes of an address that nobody dials.
func (a *Adapter) ticket(ctx context.Context) (string, error) {
	addr, err := call(ctx, a, "apps.connections.open", "", func(ctx context.Context) (string, error) {
		_, addr, err := a.api.StartSocketModeContext(ctx)
		return addr, err
	})
	if err != nil {
		d := *deliveryError(err)
		if d.Hold { // the advice for a bot token would lead astray
			d.Advice = appAdvice(d.Code)
		}
		return "", &d
	}
	if u, err := url.Parse(addr); err != nil || u.Scheme != "wss" && u.Scheme != "ws" {
		return "", errNoAnswer
	}
	return addr, nil
}

// dial opens a socket. Its address admits whoever has it, and is in no error.
func (a *Adapter) dial(ctx context.Context) (*websocket.Conn, error) {
	addr, err := a.ticket(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, addr, &websocket.DialOptions{HTTPClient: a.http})
	if err != nil {
		if resp != nil {
			return nil, fmt.Errorf("slack: opening a socket: status %d", resp.StatusCode)
		}
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, fmt.Errorf("slack: opening a socket: %w", err)
	}
	conn.SetReadLimit(maxFrame)
	return conn, nil
}

// serveSocket reads a socket until it closes, and calls renew as soon as
// another one is needed.
func (a *Adapter) serveSocket(ctx context.Context, conn *websocket.Conn, renew func()) {
	defer renew()
	var work sync.WaitGroup
	// The connection outlives ctx until what is under way is acknowledged.
	open, closed := context.WithCancel(context.WithoutCancel(ctx))
	var side sync.WaitGroup
	side.Go(func() { a.keepAlive(open, conn) })
	side.Go(func() {
		select {
		case <-ctx.Done():
			work.Wait()
			_ = conn.Close(websocket.StatusNormalClosure, "")
		case <-open.Done():
		}
	})
	turns := make(chan struct{}, maxAtOnce)
	var drain *time.Timer
	for {
		_, data, err := conn.Read(open)
		if err != nil {
			if ctx.Err() == nil {
				a.log.InfoContext(ctx, "slack: socket closed", "status", websocket.CloseStatus(err))
			}
			break
		}
		var f frame
		if err := json.Unmarshal(data, &f); err != nil {
			a.stats.refused.Add(1)
			a.log.WarnContext(ctx, "slack: a frame of the socket is no JSON")
			continue
		}
		if f.Type == "disconnect" {
			a.announced(ctx, &f)
			renew()
			if drain == nil {
				drain = time.AfterFunc(drainTime, func() { _ = conn.CloseNow() })
			}
			continue
		}
		if f.ID == "" || ctx.Err() != nil {
			continue // hello; or we are leaving, and Slack will deliver it to the next socket
		}
		turns <- struct{}{}
		work.Go(func() {
			defer func() { <-turns }()
			a.envelope(ctx, conn, &f)
		})
	}
	if drain != nil {
		drain.Stop()
	}
	renew()
	work.Wait()
	closed()
	_ = conn.CloseNow()
	side.Wait()
}

// announced is Slack saying that it will close the socket.
func (a *Adapter) announced(ctx context.Context, f *frame) {
	if f.Reason == "link_disabled" {
		a.log.ErrorContext(ctx, "slack: Socket Mode was switched off for the app: switch it on again, or remove slack.app_token and set slack.signing_secret")
	}
}

// keepAlive notices a connection that is dead without having been closed.
func (a *Adapter) keepAlive(ctx context.Context, conn *websocket.Conn) {
	for {
		sleep(ctx, pingEvery)
		if ctx.Err() != nil {
			return
		}
		pong, cancel := context.WithTimeout(ctx, pingTime)
		err := conn.Ping(pong)
		cancel()
		if err != nil && ctx.Err() == nil {
			_ = conn.CloseNow()
			return
		}
	}
}

// envelope handles one envelope and acknowledges it once it is durable. What is
// not acknowledged Slack delivers again.
func (a *Adapter) envelope(ctx context.Context, conn *websocket.Conn, f *frame) {
	defer func() {
		// As net/http does for what comes by HTTP: one envelope may fail, not hearth.
		if p := recover(); p != nil {
			a.log.ErrorContext(ctx, "slack: an envelope could not be handled", "type", f.Type, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	a.stats.received.Add(1)
	if f.Retry > 0 {
		a.stats.retries.Add(1)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	show, err := a.unwrap(ctx, f)
	var ref *refusal
	if errors.As(err, &ref) {
		a.stats.refused.Add(1)
		a.log.WarnContext(ctx, "slack: envelope refused", "type", f.Type, "reason", ref.reason)
	} else if err != nil {
		return
	}
	ack, err := json.Marshal(struct {
		ID      string `json:"envelope_id"`
		Payload any    `json:"payload,omitempty"`
	}{f.ID, show})
	if err != nil {
		a.log.ErrorContext(ctx, "slack: an answer could not be written", "error", err)
		return
	}
	wctx, done := context.WithTimeout(context.WithoutCancel(ctx), ackTime)
	defer done()
	if err := conn.Write(wctx, websocket.MessageText, ack); err != nil {
		a.log.InfoContext(ctx, "slack: an envelope could not be acknowledged; Slack will deliver it again", "error", err)
	}
}

// unwrap handles what an envelope holds and returns what Slack is to show.
func (a *Adapter) unwrap(ctx context.Context, f *frame) (any, error) {
	switch f.Type {
	case "events_api":
		env, err := parseEnvelope(f.Payload)
		if err != nil {
			return nil, err
		}
		return nil, a.event(ctx, env)
	case "interactive":
		in, err := parseInteraction(f.Payload)
		if err != nil {
			return nil, err
		}
		return a.interact(ctx, in)
	case "slash_commands":
		var p slack.SlashCommand
		if err := json.Unmarshal(f.Payload, &p); err != nil {
			return nil, errNotJSON
		}
		s := slash{p.Command, p.Text, p.UserID, p.ChannelID, p.ChannelName, p.TriggerID, p.ResponseURL}
		if !s.whole() {
			return nil, errNoPayload
		}
		return a.command(ctx, &s)
	}
	a.stats.ignored.Add(1)
	return nil, nil
}
