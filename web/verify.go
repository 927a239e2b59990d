package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat"
)

// Verifier compiles and runs Go, for the API and for pages. It is safe for
// concurrent use.
type Verifier interface {
	// Verify takes a submission the whole way, its turn in the queue included. Its
	// error wraps ErrNotPrepared, ErrFull, ErrUnknownTask or is a *TooFastError;
	// code that is wrong is none. When ctx ends first the run is stopped, unless
	// somebody else waits for the same.
	Verify(ctx context.Context, s Submission, by Submitter) (VerifyResult, error)

	// VerifyStatus says how far the preparation is. It is cheap.
	VerifyStatus() VerifyStatus
}

// Errors of a Verifier.
var (
	ErrNotPrepared = errors.New("the compiler is not ready yet")
	ErrFull        = errors.New("too many submissions wait already")
	ErrUnknownTask = errors.New("no such task")
)

// TooFastError says that somebody submits faster than their share.
type TooFastError struct {
	Wait time.Duration // after which the next is taken
}

func (e *TooFastError) Error() string {
	return fmt.Sprintf("too many submissions in a short time; the next is taken in %d s", seconds(e.Wait))
}

// seconds rounds up, and is never 0: as Retry-After has it.
func seconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

// Submitter says whose a submission is, so that turns can be shared out.
type Submitter struct {
	Who    string // whose tokens it takes and after whom it has its turn: opaque, the same for the same person
	Source string // whose part of the queue it takes: "api", "page"

	// Queued, if not nil, is told the position in the queue while the submission
	// waits, from 1, whenever that has changed, and 0 when its turn has come. It is
	// called by one goroutine at a time, never after Verify has returned, and not at
	// all where there was no need to wait. It must return at once.
	Queued func(position int)
}

// Submission is a program to run, or a package to test: the body of POST
// /api/v1/verify.
type Submission struct {
	Files  map[string]string `json:"files" minProperties:"1" maxProperties:"64" doc:"source by name: main.go, or a package with its _test.go files; 64 KiB together" example:"{\"main.go\":\"package main\\n\\nfunc main() { println(42) }\\n\"}"`
	Stdin  string            `json:"stdin,omitempty" doc:"what the program reads"`
	Args   []string          `json:"args,omitempty" nullable:"true" doc:"the program's arguments, without its name"`
	Task   string            `json:"task,omitempty" maxLength:"64" doc:"id of a task of the learning path, whose hidden tests the code has to pass"`
	Locale string            `json:"locale,omitempty" maxLength:"35" doc:"language of the hints: en or zh-CN"`
}

// VerifyResult is what became of a submission.
type VerifyResult struct {
	Verdict     string       `json:"verdict" enum:"accepted,wrong_answer,compile_error,vet_error,runtime_error,deadlock,goroutine_leak,time_limit_exceeded,memory_limit_exceeded,output_limit_exceeded,rejected,internal_error"`
	ExitCode    int          `json:"exit_code" doc:"of the program, 0 to 255; 0 too where it was not run"`
	Stdout      string       `json:"stdout"`
	Stderr      string       `json:"stderr"`
	Truncated   bool         `json:"truncated" doc:"whether there was more output"`
	Diagnostics []Diagnostic `json:"diagnostics" nullable:"false" doc:"errors first"`
	Tests       []TestResult `json:"tests" nullable:"false"`
	Fuel        int64        `json:"fuel" doc:"spent by the run, about an instruction each"`
	PeakMemory  int64        `json:"peak_memory_bytes" doc:"of the run"`
	DurationMS  int64        `json:"duration_ms" doc:"of the whole way, the wait for a turn included"`
	VirtualMS   int64        `json:"virtual_ms" doc:"of the run, on the program's own clock"`
	GoVersion   string       `json:"go_version"`
	Cached      bool         `json:"cached" doc:"whether it is the result of an equal submission before"`
}

// Diagnostic is something that was found in a submission.
type Diagnostic struct {
	Severity string `json:"severity" enum:"error,warning,note"`
	File     string `json:"file,omitempty" doc:"not there for the submission as a whole"`
	Line     int    `json:"line,omitempty" doc:"from 1; not there for a file as a whole"`
	Column   int    `json:"column,omitempty" doc:"in bytes, from 1; not there for a line as a whole"`
	Code     string `json:"code" doc:"stable, such as UnusedImport, vet/printf or runtime/nil_map"`
	Message  string `json:"message" doc:"as the Go tools say it"`
	Excerpt  string `json:"excerpt,omitempty" doc:"the line, with a caret below it"`
	Hint     string `json:"hint,omitempty" doc:"for a beginner, in their language"`
}

// TestResult is one test function and how it ended.
type TestResult struct {
	Name   string `json:"name"`
	Passed bool   `json:"passed"`
	Output string `json:"output,omitempty" doc:"what it printed"`
}

// VerifyStatus is how far a Verifier is.
type VerifyStatus struct {
	Ready     bool   `json:"ready"`
	Step      string `json:"step" enum:"off,waiting,compile,link,library,ready,failed" doc:"what is being prepared; waiting for a pack of the compiler, or off"`
	GoVersion string `json:"go_version,omitempty"`
	Waiting   int    `json:"waiting" doc:"submissions that wait for their turn"`
}

// noVerifier stands in for one that there is not.
type noVerifier struct{}

func (noVerifier) Verify(context.Context, Submission, Submitter) (VerifyResult, error) {
	return VerifyResult{}, ErrNotPrepared
}

func (noVerifier) VerifyStatus() VerifyStatus { return VerifyStatus{Step: "off"} }

// verifyPatience is how long a request waits for its verdict, its turn included.
const verifyPatience = 5 * time.Minute

// errPatience is why a request's verification was stopped then.
var errPatience = errors.New("it took too long")

// fullRetry and stepRetry are the seconds after which it may be worth asking
// again: in a queue, a place has become free; in the preparation, a step is done.
const (
	fullRetry = 5
	stepRetry = 5
)

// verifyRoutes registers the operations on the Verifier.
func (s *Server) verifyRoutes(api huma.API) {
	schemas := api.OpenAPI().Components.Schemas
	body := schemas.Schema(reflect.TypeFor[Submission](), true, "Submission")
	o := needs(access.Viewer, op("verify", http.MethodPost, "/api/v1/verify", "Compile and run Go in the sandbox"))
	o.Description = "The answer comes with the verdict, after a turn in the queue. Code that is wrong is no error: it has a verdict as well. " +
		"429 says when to come again (Retry-After), 503 how far the preparation of the compiler is."
	o.Errors = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusServiceUnavailable}
	o.BodyReadTimeout = bodyTimeout
	o.SkipValidateBody = true // readSubmission does it, and says 400
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: body}}}
	o.Middlewares = huma.Middlewares{func(c huma.Context, next func(huma.Context)) {
		_, w := humachi.Unwrap(c)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(verifyPatience + writeTimeout)) // not every connection has deadlines
		next(c)
	}}
	huma.Register(api, o, func(ctx context.Context, in *struct{ RawBody []byte }) (*out[VerifyResult], error) {
		sub, err := readSubmission(schemas, body, in.RawBody)
		if err != nil {
			return nil, err
		}
		return s.verify(ctx, sub)
	})
	huma.Register(api, op("verify-status", http.MethodGet, "/api/v1/verify", "Whether code can be run, and how many wait"), s.verifyStatus)
}

// readSubmission holds a body to what the document says of it.
func readSubmission(schemas huma.Registry, schema *huma.Schema, raw []byte) (sub Submission, err error) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return sub, huma.Error400BadRequest("the body is no JSON: " + err.Error())
	}
	var found huma.ValidateResult
	huma.Validate(schemas, schema, huma.NewPathBuffer([]byte("body"), len("body")), huma.ModeWriteToServer, v, &found)
	if len(found.Errors) > 0 {
		return sub, huma.Error400BadRequest(`the body is no submission, such as {"files": {"main.go": "package main …"}}`, found.Errors...)
	}
	if err := json.Unmarshal(raw, &sub); err != nil {
		return sub, huma.Error400BadRequest("the body is no submission: " + err.Error())
	}
	return sub, nil
}

// apiClient is the submitter behind the admin token: there is one.
var apiClient = Submitter{Who: "admin", Source: "api"}

func (s *Server) verify(ctx context.Context, sub Submission) (*out[VerifyResult], error) {
	ctx, stop := s.open(ctx)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, verifyPatience, errPatience)
	defer cancel()
	r, err := s.o.Verifier.Verify(ctx, sub, apiClient)
	if err != nil {
		return nil, s.unverified(ctx, err)
	}
	r.Diagnostics, r.Tests = some(r.Diagnostics), some(r.Tests)
	return &out[VerifyResult]{r}, nil
}

// unverified makes of a Verifier's error what the client is told.
func (s *Server) unverified(ctx context.Context, err error) error {
	later := func(status, after int, detail string) error {
		return huma.ErrorWithHeaders(huma.NewError(status, detail), http.Header{"Retry-After": {strconv.Itoa(after)}})
	}
	var fast *TooFastError
	switch {
	case errors.As(err, &fast):
		return later(http.StatusTooManyRequests, seconds(fast.Wait), fast.Error())
	case errors.Is(err, ErrFull):
		return later(http.StatusTooManyRequests, fullRetry, ErrFull.Error()+"; send it again in a while")
	case errors.Is(err, ErrUnknownTask):
		return huma.Error400BadRequest(err.Error())
	case errors.Is(err, ErrNotPrepared):
		return later(http.StatusServiceUnavailable, stepRetry, s.o.Verifier.VerifyStatus().unready())
	case s.isClosed():
		return s.failed(ctx, "verify", chat.ErrBusy)
	case context.Cause(ctx) == errPatience:
		return later(http.StatusServiceUnavailable, fullRetry, fmt.Sprintf("there was no verdict within %v, and it was stopped: many wait for their turn", verifyPatience))
	}
	return s.failed(ctx, "verify", err)
}

func (s *Server) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// unready says for people how far the preparation is.
func (st VerifyStatus) unready() string {
	switch st.Step {
	case "off":
		return "this hearth does not run code: verify.enabled is false, or it was started without a compiler"
	case "waiting":
		return "there is no compiler yet: `make toolchain` makes one, and hearth takes it up by itself"
	case "failed":
		return "the compiler could not be prepared; hearth's log says why"
	}
	return fmt.Sprintf("%v (step: %s); the first time this takes half a minute", ErrNotPrepared, st.Step)
}

func (s *Server) verifyStatus(context.Context, *struct{}) (*out[VerifyStatus], error) {
	return &out[VerifyStatus]{s.o.Verifier.VerifyStatus()}, nil
}
