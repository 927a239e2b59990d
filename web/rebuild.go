package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
)

// Rebuilder counts what is measured anew. It is safe for concurrent use.
type Rebuilder interface {
	// Rebuild counts all counters anew from what is kept of each member, and puts
	// right those that differ, on record, while events flow. progress is told how far
	// it is. One runs at a time; another waits.
	Rebuild(ctx context.Context, who audit.Who, progress func(done, all int)) (Rebuilt, error)
}

// Rebuilt is what counting anew came to.
type Rebuilt struct {
	Members  int          `json:"members" doc:"whose rows were read, those of whom is forgotten included"`
	Counters int          `json:"counters" doc:"that there ought to be"`
	Changed  int          `json:"changed" doc:"of all, those that differed, and were put right"`
	Examples []RebuiltOff `json:"examples,omitempty" doc:"the first of these"`
}

// RebuiltOff is a counter that differed.
type RebuiltOff struct {
	Counter string `json:"counter"`
	Is      int64  `json:"is"`
	Ought   int64  `json:"ought"`
}

// RebuildProgress is how far counting anew is.
type RebuildProgress struct {
	Read int `json:"read" doc:"members so far"`
	All  int `json:"all" doc:"members; 0 until that is known"`
	Rebuilt
}

// RebuildLine is a line of the answer: how far it is, or at last what it came to or
// what is wrong.
type RebuildLine struct {
	RebuildProgress
	Done    bool            `json:"done,omitempty" doc:"it is the last line, and all is well"`
	Problem json.RawMessage `json:"problem,omitempty"`
}

func (s *Server) rebuildRoute(api huma.API) {
	o := needs(access.Admin, op("rebuild-analytics", http.MethodPost, "/api/v1/analytics/rebuild", "Count what is measured anew from members' rows"))
	o.Description = "The answer is a line of JSON now and then, and as the last one {\"done\":true,…} or {\"problem\":…}. " +
		"Figures stay whole meanwhile. None ought to differ: each that does is put right, and is a fault of hearth's or of the disk's."
	o.DefaultStatus = http.StatusOK
	o.Responses = lines()
	huma.Register(api, o, func(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
		who := by(ctx)
		return answerInLines(s, ctx, "rebuild-analytics", func(ctx context.Context, far func(RebuildProgress)) (RebuildProgress, error) {
			var p RebuildProgress
			var err error
			p.Rebuilt, err = s.o.Rebuilder.Rebuild(ctx, who, func(done, all int) { far(RebuildProgress{Read: done, All: all}) })
			p.Read, p.All = p.Members, p.Members
			return p, err
		}, func(p RebuildProgress, done bool, problem json.RawMessage) any { return RebuildLine{p, done, problem} }), nil
	})
}

// lines describes an answer in lines of JSON.
func lines() map[string]*huma.Response {
	return map[string]*huma.Response{"200": {Description: "How far it is.", Content: map[string]*huma.MediaType{
		"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
}

// answerInLines does work that takes long, and answers with a line of JSON whenever
// that is further, now and then, and at its end. Who goes ends it.
func answerInLines[P any](s *Server, ctx context.Context, doing string, work func(ctx context.Context, far func(P)) (P, error), line func(p P, done bool, problem json.RawMessage) any) *huma.StreamResponse {
	ctx, cancel := s.open(ctx)
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer cancel()
		_, w := humachi.Unwrap(c)
		out := &stream{w: w, c: http.NewResponseController(w)}
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.Header().Set("X-Accel-Buffering", "no")
		say := func(p P, done bool, problem json.RawMessage) {
			b, err := json.Marshal(line(p, done, problem))
			if err != nil {
				s.log.ErrorContext(ctx, "a request failed", "doing", doing, "err", err)
				return
			}
			out.write(string(b) + "\n")
		}
		far, ended := make(chan P, 1), make(chan func(), 1)
		go func() {
			last, err := work(ctx, func(p P) {
				select {
				case <-far: // the last word, if it was not said yet
				default:
				}
				far <- p
			})
			var problem json.RawMessage
			if err != nil {
				var model *huma.ErrorModel
				if err = s.failed(ctx, doing, err); errors.As(err, &model) {
					err = model
				}
				problem, _ = json.Marshal(err) // a struct of texts and numbers
			}
			ended <- func() { say(last, problem == nil, problem) }
		}()
		beat := time.NewTicker(heartbeat)
		defer beat.Stop()
		var now P
		for say(now, false, nil); ; {
			select {
			case now = <-far:
				say(now, false, nil)
			case <-beat.C:
				say(now, false, nil)
			case last := <-ended:
				last()
				return
			}
			if out.err != nil {
				cancel() // nobody listens
				<-ended
				return
			}
		}
	}}
}
