package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/web/page"
)

// streamType is what the page's script asks for when it runs a program: a line
// of JSON, a scriptAnswer, for each thing that happens.
const streamType = "application/x-ndjson"

func streamed(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), streamType) }

const (
	lookEvery = 250 * time.Millisecond // it is looked whether the compiler is ready now

	// How long one waits for it: in a page that says how far it is, and in front of
	// a blank one.
	readyWait      = 2 * time.Minute
	readyWaitBlank = 3 * time.Second

	// blankPatience is how long a browser, and what is between, waits for a page.
	blankPatience = 50 * time.Second
)

// verify runs what the editor holds. The program's end, or why there is none,
// is told in the page; the script hears of the wait as well. When the browser
// goes, or its person cancels, the run is stopped.
func (p *runPage) verify(w http.ResponseWriter, r *http.Request) {
	f := p.form(w, r)
	s, err := f.submission()
	if err != nil {
		p.answer(w, r, f, nil, err)
		return
	}
	ctx, cancel := p.s.open(r.Context())
	defer cancel()
	by := Submitter{Who: "page:" + page.ClientOf(r, p.o.Proxies).String(), Source: "page"}
	if !streamed(r) {
		ctx, end := context.WithTimeout(ctx, blankPatience)
		defer end()
		res, err := p.prepared(ctx, s, by, readyWaitBlank, func(string) {})
		p.answer(w, r, f, res, err)
		return
	}
	ctx, end := context.WithTimeout(ctx, verifyPatience)
	defer end()
	p.stream(ctx, w, r, f, s, by)
}

// stream is verify for the page's script.
func (p *runPage) stream(ctx context.Context, w http.ResponseWriter, r *http.Request, f *submitted, s Submission, by Submitter) {
	t := runTexts(f.Lang)
	out := &stream{w: w, c: http.NewResponseController(w)}
	tell := func(a scriptAnswer) {
		w.Header().Set("Content-Type", streamType)
		w.Header().Set("X-Accel-Buffering", "no")
		b, err := json.Marshal(a)
		if err != nil {
			p.s.log.ErrorContext(ctx, "a request failed", "doing", "run", "err", err)
			return
		}
		out.write(string(b) + "\n")
	}
	// How it goes: the step of the preparation, or the position in the queue.
	var step atomic.Pointer[string]
	var position atomic.Int64
	news := make(chan struct{}, 1)
	wake := func() {
		select {
		case news <- struct{}{}:
		default:
		}
	}
	preparing := func(now string) { step.Store(&now); wake() }
	by.Queued = func(n int) { position.Store(int64(n)); wake() }

	type ended struct {
		res *VerifyResult
		err error
	}
	done := make(chan ended, 1)
	go func() {
		res, err := p.prepared(ctx, s, by, readyWait, preparing)
		done <- ended{res, err}
	}()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	soon := time.NewTimer(100 * time.Millisecond) // a refusal comes at once, and has a status of its own
	defer soon.Stop()
	last := scriptAnswer{Say: t.Say("run.running")}
	for begun := false; ; {
		select {
		case e := <-done:
			if !begun {
				p.answer(w, r, f, e.res, e.err)
				return
			}
			tell(p.told(r, f, e.res, e.err))
			return
		case <-news:
			switch n := position.Load(); {
			case n > 0:
				last = scriptAnswer{Say: t.Say("run.position", n)}
			case step.Load() != nil && *step.Load() != "":
				last = scriptAnswer{Say: t.Say("run.preparing", t.Step(*step.Load()))}
			default:
				last = scriptAnswer{Say: t.Say("run.running")}
			}
		case <-beat.C:
		case <-soon.C:
		}
		begun = true
		tell(last)
	}
}

// prepared verifies s, as soon as the compiler is ready, which is waited for no
// longer than wait. Meanwhile preparing is told each step, and at last "".
func (p *runPage) prepared(ctx context.Context, s Submission, by Submitter, wait time.Duration, preparing func(step string)) (*VerifyResult, error) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	enough := time.NewTimer(wait)
	defer enough.Stop()
	told := ""
	for {
		st := p.s.o.Verifier.VerifyStatus()
		if st.Ready {
			if told != "" {
				preparing("")
			}
			res, err := p.s.o.Verifier.Verify(ctx, s, by)
			return &res, err
		}
		if st.Step == "off" || st.Step == "failed" {
			return nil, ErrNotPrepared
		}
		if st.Step != told {
			told = st.Step
			preparing(told)
		}
		select {
		case <-look.C:
		case <-enough.C:
			return nil, ErrNotPrepared
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// told is the end of a run for the page's script.
func (p *runPage) told(r *http.Request, f *submitted, res *VerifyResult, err error) scriptAnswer {
	view, no := p.outcome(r, f, res, err)
	if no != nil {
		return scriptAnswer{Sorry: runTexts(f.Lang).Say(no.key, no.args...)}
	}
	html, err := p.fragment("result", &runView{Program: *f, Result: view})
	if err != nil {
		p.s.log.ErrorContext(r.Context(), "a request failed", "doing", "run", "err", err)
		return scriptAnswer{Sorry: runTexts(f.Lang).Say("error.own")}
	}
	return scriptAnswer{HTML: html, Say: view.Aloud}
}

// answer is the whole answer to a run of which nothing has been told yet.
func (p *runPage) answer(w http.ResponseWriter, r *http.Request, f *submitted, res *VerifyResult, err error) {
	view, no := p.outcome(r, f, res, err)
	switch {
	case no != nil:
		p.fail(w, r, f, no)
	case scripted(r):
		answerScript(w, http.StatusOK, p.told(r, f, res, err))
	default:
		p.show(w, r, http.StatusOK, &runView{Program: *f, Result: view})
	}
}

// outcome is what became of a run: a result to show, or why there is none.
func (p *runPage) outcome(r *http.Request, f *submitted, res *VerifyResult, err error) (*resultView, *refusal) {
	var parse *source.ParseError
	var fast *TooFastError
	var no *refusal
	switch {
	case err == nil:
		return newResultView(f, res), nil
	case errors.As(err, &parse):
		return newResultView(f, unparsed(f, parse)), nil
	case errors.As(err, &no):
		return nil, no
	case errors.As(err, &fast):
		no = refused(http.StatusTooManyRequests, "error.fast", seconds(fast.Wait))
		no.wait = fast.Wait
	case errors.Is(err, ErrFull):
		no = refused(http.StatusServiceUnavailable, "error.full")
		no.wait = 5 * time.Second
	case errors.Is(err, ErrNotPrepared):
		no = refused(http.StatusServiceUnavailable, "error.unready")
		switch step := p.s.o.Verifier.VerifyStatus().Step; step {
		case "off", "failed":
			no.key = "error." + step
		case "waiting": // for a pack, which somebody has to make
			no.key, no.wait = "error.off", 5*time.Second
		default:
			no.wait = 5 * time.Second
		}
	case errors.Is(err, context.DeadlineExceeded):
		no = refused(http.StatusServiceUnavailable, "error.late")
		no.wait = 5 * time.Second
	case errors.Is(err, context.Canceled), errors.Is(err, chat.ErrBusy):
		// The browser has gone, or hearth stops.
		no = refused(http.StatusServiceUnavailable, "error.stopped")
	default:
		p.s.log.ErrorContext(r.Context(), "a request failed", "doing", "run", "err", err)
		no = refused(http.StatusInternalServerError, "error.own")
	}
	return nil, no
}

// unparsed is the result of a text that is no submission. Its places are those
// of the whole text.
func unparsed(f *submitted, e *source.ParseError) *VerifyResult {
	d := e.Diagnostic
	if d.File == "" && d.Line > 0 {
		d.Excerpt = source.Excerpt(f.Code, d.Line, d.Column)
	}
	return &VerifyResult{Verdict: "rejected", Diagnostics: []Diagnostic{{Severity: string(d.Severity), File: d.File, Line: d.Line, Column: d.Column,
		Code: d.Code, Message: d.Message, Excerpt: d.Excerpt, Hint: hint(d.Code, d.Message, f.Lang)}}}
}

// count is a number as people read it: 12 345.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}
