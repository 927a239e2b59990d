package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/replay"
)

// Replayer runs recorded events through a version of a plugin. It is safe for
// concurrent use.
type Replayer interface {
	// Replay carries nothing out. What is not there is [ErrNotFound]; what is wrong
	// with the code a *[PluginError]. progress, which may be nil, is called now and
	// then by one goroutine at a time, and never after Replay has returned.
	Replay(ctx context.Context, r ReplayRequest, progress func(done, total int)) (*replay.Report, error)
}

// ReplayRequest says which version runs which events again.
type ReplayRequest struct {
	Plugin string // "" is what Code calls itself
	Code   []byte // of the version; nil: SHA's
	SHA    string // the beginning of the hash of a version that is kept, 8 digits at least; "": the one that is live

	Last         int       // so many events at most, the newest; 0 means 1,000
	Since, Until time.Time // zero: no bound
	Kind         string    // "" for all
	Failed       bool      // only those whose recorded attempt failed
	Event        string    // the number of the one event to run; "" for all
}

// maxReplays is how many replays are under way or wait: each may bring code.
const maxReplays = 2

func (s *Server) replayRoute(api huma.API) {
	o := needs(access.Admin, op("replay-plugin", http.MethodPost, "/api/v1/plugins/{name}/replay", "Run recorded events through a version, and say what it does otherwise"))
	o.Description = "The body is the wasm of a version that is not here yet, or empty: then sha names one that is kept, and without it the live one runs. " +
		"With a body the name may be -, which is whatever the code calls itself. " +
		"Events run with the reads, seed and clock that they had; nothing of it is carried out or kept. " +
		"With progress the answer is a line of JSON now and then, {\"done\":…,\"total\":…}, and as the last one {\"report\":…} or {\"problem\":…}."
	o.DefaultStatus = http.StatusOK
	o.Errors = []int{http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}
	o.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{"application/wasm": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	o.Responses = map[string]*huma.Response{"200": {Description: "The report.", Content: map[string]*huma.MediaType{
		"application/json":     {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[replay.Report](), true, "Report")},
		"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	turns := make(chan struct{}, maxReplays)
	o.Middlewares = huma.Middlewares{func(c huma.Context, next func(huma.Context)) {
		select {
		case turns <- struct{}{}:
			defer func() { <-turns }()
		default:
			c.SetHeader("Retry-After", "5")
			_ = huma.WriteErr(api, c, http.StatusServiceUnavailable, "other replays are under way; ask again in a few seconds") // an error says that nobody listens
			return
		}
		_, w := humachi.Unwrap(c)
		_ = c.SetReadDeadline(time.Now().Add(uploadTime)) // not every connection has deadlines
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(uploadTime + changeTime))
		next(c)
	}}
	huma.Register(api, o, s.replay)
}

// codeOrNone is a body that is a plugin's code, or empty.
type codeOrNone struct {
	code []byte
	err  error
}

// Resolve reads it, up to a bound. What is wrong is the handler's to say.
func (b *codeOrNone) Resolve(c huma.Context) []error {
	if b.code, b.err = ReadPlugin(c.BodyReader()); len(b.code) == 0 {
		b.code = nil
	}
	_ = c.SetReadDeadline(time.Time{}) // of the body; it would end what takes longer
	return nil
}

// replayQuery is what a client asks for.
type replayQuery struct {
	PluginPath
	codeOrNone
	SHA      string    `query:"sha" pattern:"^([0-9a-f]{8,64})?$" patternDescription:"sha256 of a version's code in hex, or the beginning of it, 8 digits at least" doc:"a version that is kept, where the body is empty"`
	Last     int       `query:"last" minimum:"0" maximum:"10000" doc:"so many events at most, the newest; 0 means 1,000"`
	Since    time.Time `query:"since" doc:"only events accepted then or later"`
	Until    time.Time `query:"until" doc:"only events accepted before"`
	Kind     string    `query:"kind" maxLength:"64" doc:"only this kind, such as member.joined"`
	Failed   bool      `query:"failed" doc:"only events whose recorded attempt failed"`
	Event    string    `query:"event" pattern:"^([0-9a-f]{16})?$" patternDescription:"16 hex digits" doc:"only the event of this number, whatever comes of it"`
	Progress bool      `query:"progress" doc:"say how far it is, in lines of JSON"`
}

func (s *Server) replay(ctx context.Context, in *replayQuery) (*huma.StreamResponse, error) {
	if in.err != nil {
		return nil, s.pluginFailed(ctx, "replay", in.err)
	}
	r := ReplayRequest{Plugin: in.Name, Code: in.code, SHA: in.SHA, Last: in.Last, Since: in.Since, Until: in.Until, Kind: in.Kind, Failed: in.Failed, Event: in.Event}
	if r.Plugin == "-" && r.Code != nil {
		r.Plugin = ""
	}
	if r.Code != nil && r.SHA != "" {
		return nil, s.pluginFailed(ctx, "replay", &PluginError{Code: PluginInvalid, Err: errors.New("there is a body and a sha: one of them says which version is meant")})
	}
	ctx, cancel := s.open(ctx)
	if in.Progress {
		return &huma.StreamResponse{Body: func(c huma.Context) {
			defer cancel()
			s.replayLines(ctx, c, r)
		}}, nil
	}
	defer cancel()
	report, err := s.o.Replayer.Replay(ctx, r, nil)
	if err != nil {
		return nil, s.pluginFailed(ctx, "replay", err)
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", "application/json")
		_ = json.NewEncoder(c.BodyWriter()).Encode(report) // an error says that nobody listens any more
	}}, nil
}

// ReplayLine is a line of the answer to a replay with progress: how far it is,
// or at last its report or what is wrong.
type ReplayLine struct {
	Done    int             `json:"done"`
	Total   int             `json:"total"`
	Report  *replay.Report  `json:"report,omitempty"`
	Problem json.RawMessage `json:"problem,omitempty"`
}

func (s *Server) replayLines(ctx context.Context, c huma.Context, r ReplayRequest) {
	_, w := humachi.Unwrap(c)
	out := &stream{w: w, c: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Accel-Buffering", "no")
	say := func(l ReplayLine) {
		b, err := json.Marshal(l)
		if err != nil {
			out.err = fmt.Errorf("encode: %w", err)
			s.log.ErrorContext(ctx, "a request failed", "doing", "replay", "err", err)
			return
		}
		out.write(string(b) + "\n")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	far := make(chan ReplayLine, 1) // the last word, if it was not said yet
	ended := make(chan ReplayLine, 1)
	go func() {
		report, err := s.o.Replayer.Replay(ctx, r, func(done, total int) {
			select {
			case <-far:
			default:
			}
			far <- ReplayLine{Done: done, Total: total}
		})
		last := ReplayLine{Report: report}
		if err != nil {
			problem, _ := json.Marshal(s.pluginFailed(ctx, "replay", err)) // a struct of texts and numbers
			last.Problem = problem
		}
		ended <- last
	}()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	now := ReplayLine{}
	for say(now); ; {
		select {
		case now = <-far:
			say(now)
		case <-beat.C:
			say(now)
		case last := <-ended:
			if last.Report != nil {
				last.Done, last.Total = last.Report.Events+last.Report.Skipped, last.Report.Events+last.Report.Skipped
			}
			say(last)
			return
		}
		if out.err != nil {
			cancel() // nobody listens
			<-ended
			return
		}
	}
}
