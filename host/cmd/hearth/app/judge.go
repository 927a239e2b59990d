package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/verify"
	"github.com/hearthbot/hearth/host/verify/queue"
	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/plugins/tasks/tasks"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web"
)

// forChat is a Verifier as the engine knows it.
type forChat struct{ *Verifier }

// Verify implements host.Verifier.
func (x forChat) Verify(ctx context.Context, v host.Verification) ([]byte, error) {
	s := verify.Submission{Stdin: v.Stdin, Args: v.Args, Files: sourceFiles(v.Files), Tests: sourceFiles(v.Tests),
		By: queue.Who{Source: v.Community, Member: v.Member}, Moved: v.Moved}
	r, err := x.Submit(ctx, s, v.Locale)
	var fast *verify.TooFastError
	switch {
	case errors.Is(err, verify.ErrNotReady):
		return nil, host.ErrVerifierNotReady
	case errors.As(err, &fast):
		return nil, &host.VerifyError{Code: abi.TooFast, Wait: fast.Wait, Err: err}
	case errors.Is(err, verify.ErrFull):
		return nil, &host.VerifyError{Code: abi.Full, Err: err}
	case err != nil:
		return nil, err
	}
	// A chat shows a few lines.
	const most = 8 << 10
	r.Truncated = r.Truncated || len(r.Stdout) > most || len(r.Stderr) > most
	r.Stdout, r.Stderr = source.Cut(r.Stdout, most), source.Cut(r.Stderr, most)
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write the verdict: %w", err)
	}
	return body, nil
}

func sourceFiles(files []abi.SourceFile) []source.File {
	out := make([]source.File, len(files))
	for i, f := range files {
		out[i] = source.File{Name: f.Name, Text: f.Text}
	}
	return out
}

// forWeb is a Verifier as the API and the pages know it.
type forWeb struct{ *Verifier }

// VerifyStatus implements web.Verifier.
func (x forWeb) VerifyStatus() web.VerifyStatus {
	s := x.Status()
	return web.VerifyStatus{Ready: s.Ready, Step: s.Step, GoVersion: s.GoVersion, Waiting: s.Waiting}
}

// Verify implements web.Verifier.
func (x forWeb) Verify(ctx context.Context, in web.Submission, by web.Submitter) (web.VerifyResult, error) {
	s := verify.Submission{Stdin: in.Stdin, Args: in.Args, By: queue.Who{Source: by.Source, Member: by.Who}, Moved: by.Queued}
	for _, name := range slices.Sorted(maps.Keys(in.Files)) {
		s.Files = append(s.Files, source.File{Name: name, Text: in.Files[name]})
	}
	if in.Task != "" {
		if err := SetTask(&s, in.Task); err != nil {
			return web.VerifyResult{}, err
		}
	}
	r, err := x.Submit(ctx, s, in.Locale)
	var fast *verify.TooFastError
	switch {
	case errors.Is(err, verify.ErrNotReady):
		return web.VerifyResult{}, web.ErrNotPrepared
	case errors.As(err, &fast):
		return web.VerifyResult{}, &web.TooFastError{Wait: fast.Wait}
	case errors.Is(err, verify.ErrFull):
		return web.VerifyResult{}, web.ErrFull
	case errors.Is(err, verify.ErrClosed):
		return web.VerifyResult{}, fmt.Errorf("%w: %w", chat.ErrBusy, err) // hearth stops
	case err != nil:
		return web.VerifyResult{}, err
	}
	return forAPI(&r), nil
}

func forAPI(r *verify.Result) web.VerifyResult {
	out := web.VerifyResult{Verdict: string(r.Verdict), ExitCode: r.ExitCode, Stdout: r.Stdout, Stderr: r.Stderr, Truncated: r.Truncated,
		Fuel: r.Fuel, PeakMemory: r.PeakMemory, DurationMS: r.DurationMS, VirtualMS: r.VirtualMS, GoVersion: r.GoVersion, Cached: r.Cached}
	for _, d := range r.Diagnostics {
		out.Diagnostics = append(out.Diagnostics, web.Diagnostic{Severity: string(d.Severity), File: d.File, Line: d.Line, Column: d.Column,
			Code: d.Code, Message: d.Message, Excerpt: d.Excerpt, Hint: d.Hint})
	}
	for _, t := range r.Tests {
		out.Tests = append(out.Tests, web.TestResult{Name: t.Name, Passed: t.Passed, Output: t.Output})
	}
	return out
}

// builtIn is the learning path that hearth brings along.
var builtIn = sync.OnceValues(func() (*pack.Pack, error) { return pack.Load(tasks.FS) })

// SetTask adds to a submission what a task of the built-in path asks for. Its
// error wraps web.ErrUnknownTask if no code answers such a task.
func SetTask(s *verify.Submission, id string) error {
	p, err := builtIn()
	if err != nil {
		return err
	}
	return SetTaskOf(s, p, id)
}

// SetTaskOf is SetTask for a task of a pack.
func SetTaskOf(s *verify.Submission, p *pack.Pack, id string) error {
	t := p.Task(id)
	if t == nil {
		var ids []string
		for _, t := range p.Tasks {
			if t.Kind != pack.Paste {
				ids = append(ids, t.ID)
			}
		}
		return fmt.Errorf("%w: %q; there are %s", web.ErrUnknownTask, id, strings.Join(ids, ", "))
	}
	if t.Kind == pack.Paste {
		return fmt.Errorf("%w of code: %q is answered with what a tool prints", web.ErrUnknownTask, id)
	}
	for _, f := range t.Tests {
		s.Tests = append(s.Tests, source.File{Name: f.Name, Text: f.Text})
	}
	s.Want = t.Want
	if s.Stdin == "" {
		s.Stdin = t.Stdin
	}
	return nil
}
