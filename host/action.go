package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/house"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Bounds of the plugins' HTTP requests.
const (
	maxActions     = 16 // requests under way at once, each plugin's one after the other
	httpTimeout    = 10 * time.Second
	maxResponse    = 64 << 10  // bytes of body that come back
	maxRequestBody = 128 << 10 // bytes of body that are sent
	maxHeaders     = 20
	maxActionTries = 3
)

// act carries out an action and puts its result, an event, in its place: one
// batch. A crash in between carries it out again, so it happens at least once.
func (e *Engine) act(lane string, seq uint64) turn {
	plugin, _, _ := strings.Cut(lane, "/")
	t, err := e.actOnce(plugin, seq)
	if err != nil {
		if e.ctx.Err() == nil && !errors.Is(err, store.ErrConflict) {
			e.o.Logger.Error("action could not be ended; it is tried again", "plugin", plugin, "err", err)
		}
		return turn{again: true, after: time.Second}
	}
	return t
}

func (e *Engine) actOnce(plugin string, seq uint64) (turn, error) {
	ctx, end := e.underway.begin(e.ctx, seq)
	defer end()
	key := actionKey(plugin, seq)
	row, rev, err := e.readAction(key)
	if err != nil || rev == 0 {
		return done, err
	}
	p := e.plugin(plugin)
	var v *version
	if p != nil {
		v = p.version()
	}
	if v == nil {
		return turn{again: true, after: time.Minute}, nil
	}
	kind := abi.HTTPResponded
	result := abi.Result{Name: row.Action.Name}
	switch {
	case row.Action.Host == house.Forget:
		_, err := e.forget(ctx, row.Member, &wish{who: audit.Who{ID: "member", Name: "a member", Via: "chat"}, key: key, rev: rev})
		return done, err
	case row.Action.Host != "":
		kind = abi.HostAnswered
		e.oblige(ctx, &row, &result)
	case row.Action.HTTP != nil:
		// The grant may have been taken back since.
		if err := checkRequest(row.Action.HTTP, v.grants); err != nil {
			result.Error = err.Error()
		} else if e.request(ctx, plugin, row.Action.HTTP, &result); result.Status == 0 && row.Attempts+1 < maxActionTries {
			row.Attempts++
			if err := e.saveAction(key, rev, &row); err != nil {
				return done, err
			}
			return turn{again: true, after: time.Second << row.Attempts}, nil
		}
	default:
		kind = abi.VerifyFinished
		if e.verify(ctx, seq, rev, &row, &result) {
			return turn{again: true, after: verifyRetry}, nil
		}
	}
	if context.Cause(ctx) == errAborted {
		return done, nil // the row has gone
	}
	if kind == abi.VerifyFinished {
		if err := e.tellFirsts(ctx, seq, &row, &result); err != nil {
			return done, err
		}
	}

	for try := 0; ; try++ {
		err := e.conclude(ctx, key, seq, rev, &row, kind, &result)
		if errors.Is(err, store.ErrConflict) && kind == abi.VerifyFinished && try < maxConflicts {
			// The member's measured row has changed: the code need not run again for that.
			if _, now, err := e.readAction(key); err == nil && now == rev {
				continue
			}
		}
		if err != nil {
			return done, err
		}
		break
	}
	outcome := "answered"
	if result.Error != "" {
		outcome = "failed"
	}
	e.met.actions.WithLabelValues(plugin, string(kind), outcome).Inc()
	return done, nil
}

// conclude puts an action's result, an event, in its place.
func (e *Engine) conclude(ctx context.Context, key store.Key, seq uint64, rev store.Rev, row *actionRow, kind abi.Kind, result *abi.Result) error {
	b := new(store.Batch)
	b.Delete(key)
	if err := e.dropRef(b, row, key); err != nil {
		return err
	}
	var ran *folded
	if kind == abi.VerifyFinished {
		x, leave, err := e.ranCode(ctx, b, row, result)
		defer leave()
		if err != nil {
			return err
		}
		ran = x
	}
	if err := e.answer(b, seq, rev, row, store.Seq(seq), kind, result); err != nil {
		return err
	}
	e.keep(ran)
	return nil
}

// answer commits b with an event of that id for the plugin that asked for an
// action, whose row has to be as it was read.
func (e *Engine) answer(b *store.Batch, seq uint64, rev store.Rev, row *actionRow, id string, kind abi.Kind, result *abi.Result) error {
	ev := abi.Event{ID: id, Source: "action/" + row.Plugin, Kind: kind, Time: e.now(), Conversation: row.Conversation,
		Member: abi.Member{ID: row.Member}, Note: row.Action.Note, Result: result, Cause: row.Cause, Depth: row.Depth}
	w := workRow{Event: ev, Seq: e.nextSeq(), Asked: row.Asked, Answers: row.Answers}
	b.Check(actionKey(row.Plugin, seq), rev)
	middle, then := e.table.Load().route(&ev, row.Plugin)
	pushes, err := stage(b, &w, middle, then)
	if err != nil {
		return err
	}
	if _, err := e.store.Commit(e.ctx, b); err != nil {
		return err
	}
	for _, w := range pushes {
		e.pushWork(w.plugin, w.lane, w.seq)
	}
	return nil
}

// dropRef deletes the row by which an action is found, unless another has taken
// its place.
func (e *Engine) dropRef(b *store.Batch, row *actionRow, key store.Key) error {
	if row.Ref == "" {
		return nil
	}
	snap, err := e.store.Snapshot(e.ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	ref, err := snap.Get(e.ctx, store.Key(row.Ref))
	if err != nil || string(ref.Value) != string(key) {
		return err
	}
	b.Check(ref.Key, ref.Rev)
	b.Delete(ref.Key)
	return nil
}

func (e *Engine) readAction(key store.Key) (row actionRow, rev store.Rev, err error) {
	snap, err := e.store.Snapshot(e.ctx)
	if err != nil {
		return row, 0, err
	}
	defer snap.Close()
	r, err := snap.Get(e.ctx, key)
	if err != nil || !r.Exists() {
		return row, 0, err
	}
	if _, err := row.UnmarshalMsg(r.Value); err != nil {
		return row, 0, fmt.Errorf("row %s: %w", key, err)
	}
	return row, r.Rev, nil
}

func (e *Engine) saveAction(key store.Key, rev store.Rev, row *actionRow) error {
	v, err := row.MarshalMsg(nil)
	if err != nil {
		return err
	}
	b := new(store.Batch)
	b.Check(key, rev)
	b.Put(key, v)
	_, err = e.store.Commit(e.ctx, b)
	return err
}

// request makes an HTTP request and fills in what came back.
func (e *Engine) request(ctx context.Context, plugin string, h *abi.HTTP, result *abi.Result) {
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	method := h.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, h.URL, strings.NewReader(string(h.Body)))
	if err != nil {
		result.Error = err.Error()
		return
	}
	var secrets []string // each with what stands for it
	for _, a := range h.Header {
		value, err := e.fillIn(plugin, a.Value, &secrets)
		if err != nil {
			result.Error = err.Error()
			return
		}
		req.Header.Set(a.Name, value)
	}
	// A server may send back what it got, and the result is written down.
	hide := strings.NewReplacer(secrets...)
	resp, err := e.o.HTTP.Do(req)
	if err != nil {
		// Of a url.Error only the cause: the address may hold a secret.
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		result.Error = hide.Replace(err.Error())
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if len(secrets) > 0 {
		body = []byte(hide.Replace(string(body)))
	}
	result.Status = resp.StatusCode
	switch {
	case err != nil:
		result.Error = hide.Replace(err.Error())
	case len(body) > maxResponse:
		body = body[:maxResponse]
		result.Error = fmt.Sprintf("the response is longer than %d bytes; this is its beginning", maxResponse)
	}
	result.Body = body
}

// minHidden is how many bytes a secret has that is looked for in an answer:
// shorter ones would be found in any text.
const minHidden = 4

// fillIn replaces ${secret:NAME} by the plugin's secret of that name, and adds
// the secret and what stood for it to used. The plugin, the journal and the
// outbox only ever hold the name.
func (e *Engine) fillIn(plugin, value string, used *[]string) (string, error) {
	var missing error
	value = secretRef.ReplaceAllStringFunc(value, func(ref string) string {
		name := ref[len("${secret:") : len(ref)-1]
		if e.o.Secret != nil {
			if s, ok := e.o.Secret(plugin, name); ok {
				if len(s) >= minHidden {
					*used = append(*used, s, ref)
				}
				return s
			}
		}
		missing = fmt.Errorf("plugin %s has no secret %q; set it under plugins.%s.secrets", plugin, name, plugin)
		return ""
	})
	return value, missing
}

var secretRef = regexp.MustCompile(`\$\{secret:[a-z][a-z0-9_]{0,31}\}`)

// checkRequest refuses a request that was not granted or is beyond a bound.
func checkRequest(h *abi.HTTP, g grants) error {
	u, err := url.Parse(h.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return refuse("%.80q is no address to request", h.URL)
	case u.Scheme != "https" && u.Scheme != "http":
		return refuse("scheme %q: only https and http", u.Scheme)
	case !g.host(u.Hostname()):
		return refuse("requests to %s were not granted; ask for the capability %q with that host", u.Hostname(), abi.CapHTTP)
	case len(h.Body) > maxRequestBody:
		return refuse("a request body of %d bytes, at most %d", len(h.Body), maxRequestBody)
	case len(h.Header) > maxHeaders:
		return refuse("%d headers, at most %d", len(h.Header), maxHeaders)
	}
	return nil
}

// publicClient connects to public addresses only and follows no redirect to
// another host: a plugin must not reach what only this machine can.
func publicClient() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if a := ap.Addr().Unmap(); !a.IsGlobalUnicast() || a.IsPrivate() || sharedSpace.Contains(a) {
			return fmt.Errorf("%s is no public address", a)
		}
		return nil
	}}
	return &http.Client{
		Timeout:   httpTimeout,
		Transport: &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > 3 || req.URL.Host != via[0].URL.Host {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
}

// sharedSpace is the carrier-grade NAT range, private in all but name (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")
