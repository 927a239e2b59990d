package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/hearthbot/hearth/host/access"
)

// Form is how an answer is wanted.
type Form struct {
	Format string `query:"format" enum:"json,csv" default:"json" doc:"csv: a row says what it is about by itself; what is not known is empty"`
}

func (f Form) csv() bool { return f.Format == "csv" }

// analyticsRoutes registers what was measured.
func (s *Server) analyticsRoutes(api huma.API) {
	get := func(id, path, summary string) huma.Operation {
		return op(id, http.MethodGet, "/api/v1/analytics/"+path, summary)
	}
	a := s.o.Analytics
	report(s, api, get("get-active-members", "dau", "Members active by day, and in the 7 and 30 days up to it"),
		func(ctx context.Context, in *struct {
			Cohorts
			Form
		}) (*ActiveDays, bool, error) {
			r, err := a.Active(ctx, in.Cohorts)
			return &r, in.csv(), err
		})
	report(s, api, get("get-retention", "retention", "Who stays, by cohort and age"),
		func(ctx context.Context, in *struct {
			RetentionFilter
			Form
		}) (*Retention, bool, error) {
			r, err := a.Retention(ctx, in.RetentionFilter)
			return &r, in.csv(), err
		})
	report(s, api, get("get-funnel", "funnel", "How far newcomers come"),
		func(ctx context.Context, in *struct {
			Cohorts
			Form
		}) (*Funnel, bool, error) {
			r, err := a.Funnel(ctx, in.Cohorts)
			return &r, in.csv(), err
		})
	report(s, api, get("get-first-pull-requests", "first-pr", "Whose first pull request was opened, and merged"),
		func(ctx context.Context, in *struct {
			RequestFilter
			Form
		}) (*PullRequests, bool, error) {
			if !slices.Contains(RequestDays, in.Within) {
				return nil, false, fmt.Errorf("%w: within is 7, 30 or 90 days", ErrAsked)
			}
			r, err := a.PullRequests(ctx, in.RequestFilter)
			return &r, in.csv(), err
		})
	report(s, api, get("get-first-paths", "paths", "What newcomers do one after the other"),
		func(ctx context.Context, in *struct {
			Cohorts
			Form
		}) (*Paths, bool, error) {
			r, err := a.Paths(ctx, in.Cohorts)
			return &r, in.csv(), err
		})
	heat := get("get-heatmap", "heatmap", "What newcomers do in their first five minutes, by the minute; or when they are lost, by step of the funnel and hour")
	heat.Description = "With of=drop_off it is the funnel's answer."
	report(s, api, heat, func(ctx context.Context, in *struct {
		Cohorts
		Form
		Of string `query:"of" enum:"first_minutes,drop_off" default:"first_minutes"`
	}) (Report, bool, error) {
		if in.Of == "drop_off" {
			r, err := a.Funnel(ctx, in.Cohorts)
			return DropOff{&r}, in.csv(), err
		}
		r, err := a.FirstMinutes(ctx, in.Cohorts)
		return &r, in.csv(), err
	}, reflect.TypeFor[FirstMinutes](), reflect.TypeFor[Funnel]())
	report(s, api, needs(access.Manager, get("list-standing-members", "funnel/{step}/members", "Who stands at a step of the funnel")),
		func(ctx context.Context, in *struct {
			StandingFilter
			Form
		}) (*Standing, bool, error) {
			r, err := a.Standing(ctx, in.StandingFilter)
			return &r, in.csv(), err
		})
	huma.Register(api, get("get-coverage", "coverage", "What platforms do not show hearth: no figure has it"),
		func(ctx context.Context, _ *struct{}) (*out[Covered], error) {
			list, err := a.Coverage(ctx)
			if err != nil {
				return nil, s.failed(ctx, "coverage", err)
			}
			return &out[Covered]{Covered{list}}, nil
		})
}

// Covered is the answer to GET /api/v1/analytics/coverage.
type Covered struct {
	Platforms []Hidden `json:"platforms" nullable:"false"`
}

// report registers an operation that answers with a report, as JSON or as CSV. The
// types are those of its JSON, by itself the one that read returns.
func report[I any, R Report](s *Server, api huma.API, o huma.Operation, read func(ctx context.Context, in *I) (r R, csv bool, err error), types ...reflect.Type) {
	if types == nil {
		types = []reflect.Type{reflect.TypeFor[R]().Elem()}
	}
	schema := new(huma.Schema)
	for _, t := range types {
		schema.AnyOf = append(schema.AnyOf, api.OpenAPI().Components.Schemas.Schema(t, true, ""))
	}
	if len(types) == 1 {
		schema = schema.AnyOf[0]
	}
	o.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
		"application/json": {Schema: schema}, "text/csv": {Schema: &huma.Schema{Type: huma.TypeString}},
	}}}
	huma.Register(api, o, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		r, csv, err := read(ctx, in)
		if errors.Is(err, ErrAsked) {
			return nil, huma.Error422UnprocessableEntity(err.Error())
		}
		if err != nil {
			return nil, s.failed(ctx, o.OperationID, err)
		}
		kind, body, err := Write(r, csv)
		if err != nil {
			return nil, s.failed(ctx, o.OperationID, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			_, w := humachi.Unwrap(hc)
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body) // an error says that nobody listens any more
		}}, nil
	})
}

// Write is a report as JSON, or as CSV, and its media type.
func Write(r Report, csv bool) (kind string, body []byte, err error) {
	Tell(r)
	var b bytes.Buffer
	if csv {
		err = WriteCSV(&b, r.Table())
		return "text/csv; charset=utf-8", b.Bytes(), err
	}
	err = json.NewEncoder(&b).Encode(r)
	return "application/json", b.Bytes(), err
}
