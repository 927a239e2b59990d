package web

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hearthbot/hearth/host/access"
)

// BackfillProgress is how far the reading of a repository is.
type BackfillProgress struct {
	Page  int        `json:"page" doc:"of the list that was read last"`
	Pages int        `json:"pages" doc:"0 until GitHub has said"`
	Until *time.Time `json:"until,omitempty" doc:"GitHub lets nobody ask before; not there while it does"`
	Backfilled
}

// Backfilled is what the reading of a repository brought.
type Backfilled struct {
	Pulls     int `json:"pulls" doc:"pull requests that were read"`
	Opened    int `json:"opened" doc:"openings that are new"`
	Merged    int `json:"merged" doc:"merges that are new"`
	Known     int `json:"known" doc:"events that had been taken in before, or tell nothing new of their member"`
	Unlinked  int `json:"unlinked" doc:"events whose author no member has linked: they count for nobody"`
	Discarded int `json:"discarded" doc:"of bots, and those without an author any more"`
}

// BackfillLine is a line of the answer to a back-fill: how far it is, or at last
// what it brought or what is wrong.
type BackfillLine struct {
	BackfillProgress
	Done    bool            `json:"done,omitempty" doc:"it is the last line, and all is well"`
	Problem json.RawMessage `json:"problem,omitempty"`
}

var repositoryName = regexp.MustCompile(`^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$`)

func (s *Server) backfillRoute(api huma.API) {
	o := needs(access.Admin, op("backfill", http.MethodPost, "/api/v1/analytics/backfill", "Read what became of a repository's pull requests before hearth was told"))
	o.Description = "The answer is a line of JSON now and then, and as the last one {\"done\":true,…} or {\"problem\":…}. It takes an hour where GitHub's rate limits say so. " +
		"What was taken in before counts once, so it may be begun again whenever it broke off."
	o.DefaultStatus = http.StatusOK
	o.Errors = []int{http.StatusBadRequest}
	o.Responses = lines()
	huma.Register(api, o, s.backfill)
}

func (s *Server) backfill(ctx context.Context, in *struct {
	Repository string `query:"repository" required:"true" maxLength:"140" doc:"OWNER/NAME" example:"golang/go"`
}) (*huma.StreamResponse, error) {
	if !repositoryName.MatchString(in.Repository) {
		return nil, huma.Error400BadRequest("a repository is OWNER/NAME, such as golang/go")
	}
	who := by(ctx)
	return answerInLines(s, ctx, "backfill", func(ctx context.Context, far func(BackfillProgress)) (BackfillProgress, error) {
		got, err := s.o.Outside.Backfill(ctx, who, in.Repository, far)
		return BackfillProgress{Backfilled: got}, err
	}, func(p BackfillProgress, done bool, problem json.RawMessage) any {
		return BackfillLine{p, done, problem}
	}), nil
}
