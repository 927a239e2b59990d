package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// experimentRoutes registers what is tried, what came of it, and who is in it.
func (s *Server) experimentRoutes(api huma.API) {
	patient := huma.Middlewares{func(c huma.Context, next func(huma.Context)) {
		_, w := humachi.Unwrap(c)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(settingsTime + writeTimeout)) // not every connection has deadlines
		next(c)
	}}
	change := func(id, method, path, summary string) huma.Operation {
		o := op(id, method, path, summary)
		o.DefaultStatus = http.StatusOK
		o.Middlewares = patient
		o.Errors = []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity}
		return o
	}
	const all, one = "/api/v1/experiments", "/api/v1/experiments/{key}"
	huma.Register(api, op("list-experiments", http.MethodGet, all, "All experiments, and ready examples"), s.listExperiments)
	assign := op("assign-experiments", http.MethodGet, all+"/assign", "Which variations a member has, for services that are no plugins")
	assign.Description = "404 for a user whom hearth does not know. Nothing counts as shown by asking: a message that is sent does. Package sdk/experiment/groups asks this."
	huma.Register(api, assign, s.assignExperiments)
	huma.Register(api, op("experiment-needs", http.MethodGet, all+"/plan", "How many members and days it takes to find an effect"), s.experimentNeeds)
	huma.Register(api, op("get-experiment", http.MethodGet, one, "One experiment, and how it became so"), s.getExperiment)
	huma.Register(api, op("experiment-results", http.MethodGet, one+"/results", "What became of the members who were shown the variations"), s.experimentResults)
	set := change("set-experiment", http.MethodPut, one, "Make an experiment, or change it")
	set.Description = "A change names in base the state that it was made of; without, a new one is made. If somebody was faster the answer is 409 with the experiment as it is now."
	huma.Register(api, set, s.setExperiment)
	huma.Register(api, change("start-experiment", http.MethodPost, one+"/start", "Start an experiment: from now on members are shown its variations"), s.turnExperiment(TrialRunning))
	huma.Register(api, change("stop-experiment", http.MethodPost, one+"/stop", "Stop an experiment: nobody is shown a variation any more; its results stay"), s.turnExperiment(TrialStopped))
	huma.Register(api, change("delete-experiment", http.MethodDelete, one, "Delete an experiment that does not run; what was counted stays"), s.deleteExperiment)
}

// ExperimentProblem is the answer to a change that was not made: problem details
// (RFC 9457), with what is wrong or what is there now.
type ExperimentProblem struct {
	Title  string            `json:"title"`
	Status int               `json:"status"`
	Detail string            `json:"detail"`
	Code   string            `json:"code" enum:"exists,base,invalid,fixed"`
	Faults []ExperimentFault `json:"faults,omitempty"`
	Now    *Experiment       `json:"now,omitempty" doc:"the experiment as it is, if somebody else has changed it"`
}

func (p *ExperimentProblem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *ExperimentProblem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *ExperimentProblem) ContentType(string) string { return "application/problem+json" }

// TrialStatus is the HTTP status of an ExperimentError's code.
func TrialStatus(code string) int {
	if code == TrialInvalid {
		return http.StatusUnprocessableEntity
	}
	return http.StatusConflict
}

func (s *Server) experimentFailed(ctx context.Context, doing string, err error) error {
	var e *ExperimentError
	switch {
	case errors.As(err, &e):
		status := TrialStatus(e.Code)
		return &ExperimentProblem{http.StatusText(status), status, e.Error(), e.Code, e.Faults, e.Now}
	case errors.Is(err, ErrNoExperiments):
		return huma.Error404NotFound(err.Error())
	}
	return s.failed(ctx, doing, err)
}

// KeyPath is an experiment's key in a path.
type KeyPath struct {
	Key string `path:"key" maxLength:"64"`
}

func (s *Server) listExperiments(ctx context.Context, _ *struct{}) (*out[ExperimentList], error) {
	l, err := s.o.Experiments.Experiments(ctx)
	if err != nil {
		return nil, s.experimentFailed(ctx, "experiments", err)
	}
	l.Experiments, l.Examples, l.Independent = some(l.Experiments), some(l.Examples), some(l.Independent)
	l.Metrics, l.Attributes = some(l.Metrics), some(l.Attributes)
	return &out[ExperimentList]{l}, nil
}

func (s *Server) getExperiment(ctx context.Context, in *KeyPath) (*out[ExperimentDetail], error) {
	d, err := s.o.Experiments.Experiment(ctx, in.Key)
	if err != nil {
		return nil, s.experimentFailed(ctx, "experiment", err)
	}
	d.History = some(d.History)
	return &out[ExperimentDetail]{d}, nil
}

// Assignment is the answer to GET /api/v1/experiments/assign.
type Assignment struct {
	User   string            `json:"user"`
	Groups map[string]string `json:"groups" doc:"variations by the keys of their experiments; an experiment that the user is not in is not there"`
}

func (s *Server) assignExperiments(ctx context.Context, in *struct {
	User string `query:"user" required:"true" minLength:"1" maxLength:"256" doc:"a member's id, such as slack:U2147483697"`
}) (*out[Assignment], error) {
	g, err := s.o.Experiments.Assign(ctx, in.User)
	if err != nil {
		return nil, s.experimentFailed(ctx, "assign", err)
	}
	if g == nil {
		g = map[string]string{}
	}
	return &out[Assignment]{Assignment{in.User, g}}, nil
}

func (s *Server) experimentNeeds(ctx context.Context, in *NeedsQuery) (*out[ExperimentNeeds], error) {
	n, err := s.o.Experiments.Needs(ctx, *in)
	if err != nil {
		return nil, s.experimentFailed(ctx, "plan", err)
	}
	return &out[ExperimentNeeds]{n}, nil
}

func (s *Server) experimentResults(ctx context.Context, in *struct {
	KeyPath
	ResultsQuery
}) (*out[ExperimentResults], error) {
	r, err := s.o.Experiments.Results(ctx, in.Key, in.ResultsQuery)
	if err != nil {
		return nil, s.experimentFailed(ctx, "results", err)
	}
	r.Arms, r.Against, r.Guards, r.Platforms, r.Hidden = some(r.Arms), some(r.Against), some(r.Guards), some(r.Platforms), some(r.Hidden)
	return &out[ExperimentResults]{r}, nil
}

func (s *Server) setExperiment(ctx context.Context, in *struct {
	KeyPath
	Why  string `query:"why" maxLength:"500" doc:"for the record"`
	Body Experiment
}) (*out[Experiment], error) {
	e := in.Body
	if e.Key != in.Key {
		err := fmt.Errorf("the definition is of %q, and the address of %q", e.Key, in.Key)
		return nil, s.experimentFailed(ctx, "set", &ExperimentError{Code: TrialInvalid, Err: err, Faults: []ExperimentFault{{Field: "key", Text: err.Error()}}})
	}
	done, err := s.o.Experiments.SetExperiment(ctx, by(ctx), ExperimentChange{Key: in.Key, Want: &e, Base: e.Base, Why: in.Why})
	if err != nil {
		return nil, s.experimentFailed(ctx, "set", err)
	}
	return &out[Experiment]{done}, nil
}

// turnExperiment starts or stops one as it is.
func (s *Server) turnExperiment(status string) func(context.Context, *struct {
	KeyPath
	Body *Reason
}) (*out[Experiment], error) {
	return func(ctx context.Context, in *struct {
		KeyPath
		Body *Reason
	}) (*out[Experiment], error) {
		d, err := s.o.Experiments.Experiment(ctx, in.Key)
		if err != nil {
			return nil, s.experimentFailed(ctx, status, err)
		}
		e := d.Experiment
		e.Status = status
		done, err := s.o.Experiments.SetExperiment(ctx, by(ctx), ExperimentChange{Key: in.Key, Want: &e, Base: e.Base, Why: cmp.Or(in.Body, &Reason{}).Why})
		if err != nil {
			return nil, s.experimentFailed(ctx, status, err)
		}
		return &out[Experiment]{done}, nil
	}
}

// ExperimentRemoved is the answer to a deletion.
type ExperimentRemoved struct {
	Key string `json:"key"`
}

func (s *Server) deleteExperiment(ctx context.Context, in *struct {
	KeyPath
	Why string `query:"why" maxLength:"500" doc:"for the record"`
}) (*out[ExperimentRemoved], error) {
	d, err := s.o.Experiments.Experiment(ctx, in.Key)
	if err == nil {
		_, err = s.o.Experiments.SetExperiment(ctx, by(ctx), ExperimentChange{Key: in.Key, Base: d.Base, Why: in.Why})
	}
	if err != nil {
		return nil, s.experimentFailed(ctx, "delete", err)
	}
	return &out[ExperimentRemoved]{ExperimentRemoved{in.Key}}, nil
}
