package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat"
)

// api registers the routes below /api. Operations describe themselves: the
// OpenAPI document is made of the code, so the two cannot differ.
func (s *Server) api(r chi.Router) {
	c := huma.DefaultConfig("hearth", s.version())
	c.Info.Description = "What `hearth` on the command line does, over HTTP. Errors are RFC 9457 problem details."
	c.OpenAPIPath = "/api/openapi"
	c.DocsPath = ""     // its page loads code from elsewhere
	c.SchemasPath = ""  // they are in the document
	c.CreateHooks = nil // no $schema in every answer
	c.RejectUnknownQueryParameters = true
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		scheme:       {Type: "http", Scheme: "bearer", Description: "A token. What an operation needs of it is its role: viewer, manager or admin, each of which may do what those before it may."},
		memberScheme: {Type: "http", Scheme: "bearer", Description: "A member's own token, as `hearth go login` gets one. It is for telling something of that member, and for nothing else."},
	}
	api := humachi.New(r, c)
	api.UseMiddleware(s.authorize)

	huma.Register(api, op("status", http.MethodGet, "/api/v1/status", "How hearth is"), s.status)
	huma.Register(api, op("list-plugins", http.MethodGet, "/api/v1/plugins", "The plugins that are installed"), s.plugins)
	huma.Register(api, op("get-plugin", http.MethodGet, "/api/v1/plugins/{name}", "One plugin"), s.plugin)
	huma.Register(api, op("pause", http.MethodPost, "/api/v1/pause", "Stop sending, until resumed, over restarts too"), s.pause)
	huma.Register(api, op("resume", http.MethodPost, "/api/v1/resume", "Send again"), s.resume)
	huma.Register(api, op("list-events", http.MethodGet, "/api/v1/events", "Events and how plugins handled them"), s.events)
	huma.Register(api, followOp(), s.follow)
	huma.Register(api, op("get-event", http.MethodGet, "/api/v1/events/{number}", "One event, its handling and its messages"), s.event)
	huma.Register(api, cloudEventsOp(), s.cloudEvents)
	huma.Register(api, op("list-failed-events", http.MethodGet, "/api/v1/dead-letters", "Events that were given up, oldest first, a page at a time"), s.failures)
	huma.Register(api, op("retry-event", http.MethodPost, "/api/v1/dead-letters/{number}/{plugin}/retry", "Hand a failed event to its plugin again"), s.retry)
	s.verifyRoutes(api)
	if s.o.Tasks != nil {
		s.taskRoutes(api)
	}
	if s.o.Experiments != nil {
		s.experimentRoutes(api)
	}
	if s.o.Plugins != nil {
		s.pluginRoutes(api)
	}
	if s.o.Replayer != nil {
		s.replayRoute(api)
	}
	if s.o.Settings != nil {
		s.settingRoutes(api)
	}
	if s.o.Members != nil {
		s.memberRoutes(api)
	}
	if s.o.Rebuilder != nil {
		s.rebuildRoute(api)
	}
	if s.o.Outside != nil {
		s.outsideRoutes(api)
	}
	if s.o.Analytics != nil {
		s.analyticsRoutes(api)
	}
	if s.o.Answers != nil {
		s.answerRoutes(r, api)
	}
	if s.o.Knowledge != nil {
		s.knowledgeRoutes(api)
	}
}

func (s *Server) version() string {
	if s.o.Version == "" {
		return "unknown"
	}
	return s.o.Version
}

const scheme = "token"

// op is an operation, as all are, for those who have a token: to look, for
// viewers; to change something, for managers.
func op(id, method, path, summary string) huma.Operation {
	need := access.Manager
	if method == http.MethodGet {
		need = access.Viewer
	}
	o := needs(need, huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary})
	if method == http.MethodPost {
		o.DefaultStatus = http.StatusOK
	}
	return o
}

// needs is an operation for those whom a role covers.
func needs(role access.Role, o huma.Operation) huma.Operation {
	o.Security = []map[string][]string{{scheme: {string(role)}}}
	return o
}

// authorize refuses operations to those who may not. It goes by what they
// declare, so the document and the guard are the same thing.
func (s *Server) authorize(ctx huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(ctx)
	w.Header().Set("Cache-Control", "no-store")
	if s.members(ctx, next) {
		return
	}
	for _, security := range ctx.Operation().Security {
		for _, role := range security[scheme] {
			known, ok := s.let(w, r, access.Role(role))
			if !ok {
				return
			}
			ctx = huma.WithContext(ctx, known.Context())
		}
	}
	next(ctx)
}

// failed makes of the host's error what the client is told. What is no fault of
// theirs is logged here and not told in detail.
func (s *Server) failed(ctx context.Context, doing string, err error) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, chat.ErrRefused):
		return huma.Error400BadRequest(err.Error())
	case errors.Is(err, ErrElsewhere):
		s.log.WarnContext(ctx, "a request failed", "doing", doing, "err", err)
		return huma.Error502BadGateway(err.Error())
	case errors.Is(err, chat.ErrBusy):
		return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable("too much is waiting, or hearth is starting or stopping; send it again"),
			http.Header{"Retry-After": {"2"}})
	case ctx.Err() != nil:
		return huma.NewError(499, "the client did not wait for the answer")
	}
	s.log.ErrorContext(ctx, "a request failed", "doing", doing, "err", err)
	return huma.Error500InternalServerError("hearth could not do this; its log says why")
}
