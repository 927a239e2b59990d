package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
)

// Members is the directory of people, what is kept of each, and how they are
// forgotten. It is safe for concurrent use.
type Members interface {
	// Members lists the directory a page at a time, in the order of ids.
	Members(ctx context.Context, f MemberFilter) (MemberPage, error)

	// Member returns what is known of one; ErrNotFound if nobody has that id.
	// Views of plugins are for a viewer of that role, in that language.
	Member(ctx context.Context, id, role, locale string) (MemberDetail, error)

	// Export writes all that is kept of a member, a JSON object a line.
	Export(ctx context.Context, id string, w io.Writer) error

	// Forget erases a member everywhere and returns how much of what kind that
	// was. It is on record, without the id. If ctx ends first it goes on.
	Forget(ctx context.Context, who audit.Who, id, why string) (Forgotten, error)
}

// MemberFilter chooses members. Zero fields choose all.
type MemberFilter struct {
	Query string `query:"query" maxLength:"100" doc:"in name, id or GitHub name"`
	After string `query:"after" maxLength:"256" doc:"only ids behind this one: next of the page before"`
	Limit int    `query:"limit" minimum:"0" maximum:"1000" default:"50"`
}

// MemberPage is a part of the directory.
type MemberPage struct {
	Members []Member `json:"members" nullable:"false"`
	Next    string   `json:"next,omitempty" doc:"where to go on; not there at the end. A search looks at so many members at most, so a page may be short and have a next"`
}

// Member is somebody in the directory.
type Member struct {
	ID       string     `json:"id" doc:"such as slack:U2147483697"`
	Name     string     `json:"name,omitempty"`
	Locale   string     `json:"locale,omitempty" doc:"BCP 47; not there: the community's"`
	TimeZone string     `json:"time_zone,omitempty" doc:"IANA; not there: the community's"`
	GitHub   string     `json:"github,omitempty" doc:"as they said"`
	Linked   string     `json:"linked,omitempty" doc:"their GitHub account, confirmed"`
	Joined   *time.Time `json:"joined,omitempty" doc:"first join that was seen"`
	Left     *time.Time `json:"left,omitempty"`
	Bot      bool       `json:"bot,omitempty"`
	Guest    bool       `json:"guest,omitempty"`
	Stopped  bool       `json:"stopped,omitempty" doc:"wants nothing they did not ask for"`
	NoDM     bool       `json:"no_dm,omitempty" doc:"cannot be written to directly"`
}

// MemberDetail is what is known of a member.
type MemberDetail struct {
	Member
	Seen     *time.Time   `json:"seen,omitempty" doc:"time of their newest event; not there if it is not known"`
	Since    *time.Time   `json:"since,omitempty" doc:"how far back events were looked for; not there: as far as they are kept"`
	Events   []Event      `json:"events" doc:"the newest of theirs, newest first" nullable:"false"`
	Messages []Message    `json:"messages" doc:"the newest to them, newest first" nullable:"false"`
	Plugins  []MemberView `json:"plugins" doc:"what plugins know of them" nullable:"false"`
	Journey  *Journey     `json:"journey,omitempty" doc:"what was measured of them; not there if nothing was"`
}

// Journey is what was measured of a member.
type Journey struct {
	Steps  []JourneyStep   `json:"steps" doc:"of the funnel, in their order" nullable:"false"`
	First  []OpeningAction `json:"first,omitempty" doc:"what they did in the first five minutes from their join; not there if that was not seen"`
	Days   int             `json:"days" doc:"on how many local days they were active, as far as those are kept"`
	Newest string          `json:"newest,omitempty" doc:"the last of those days"`
	Done   []FirstDone     `json:"done" doc:"what they have done for the first time" nullable:"false"`
	Trials []Trial         `json:"trials" doc:"experiments whose messages they got" nullable:"false"`
}

// JourneyStep is a step of the funnel.
type JourneyStep struct {
	Name string     `json:"name"`
	At   *time.Time `json:"at,omitempty" doc:"when they came to it; not there: not yet"`
}

// OpeningAction is what a member did in their first minutes.
type OpeningAction struct {
	Action  string `json:"action"`
	Minutes []bool `json:"minutes" doc:"whether they did it in each of the minutes" nullable:"false"`
}

// FirstDone is something that counts once a member.
type FirstDone struct {
	Name string     `json:"name"`
	At   *time.Time `json:"at,omitempty" doc:"not there if it is not kept when"`
}

// Trial is a member's part in an experiment.
type Trial struct {
	Experiment string    `json:"experiment"`
	Variation  string    `json:"variation"`
	Since      time.Time `json:"since" doc:"when they were first shown it"`
	Several    bool      `json:"several,omitempty" doc:"they were shown another variation too, and count for none"`
}

// MemberView is what a plugin knows of a member.
type MemberView struct {
	Plugin string `json:"plugin"`
	Type   string `json:"type" doc:"of the body: text/markdown or application/json"`
	Body   string `json:"body"`
}

// memberTime is how long it is waited for a member to be forgotten: all that is
// kept is looked through.
const memberTime = 5 * time.Minute

// memberRoutes registers what has to do with people.
func (s *Server) memberRoutes(api huma.API) {
	manager := func(o huma.Operation) huma.Operation { return needs(access.Manager, o) }
	patient := huma.Middlewares{func(c huma.Context, next func(huma.Context)) {
		_, w := humachi.Unwrap(c)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(memberTime + writeTimeout)) // not every connection has deadlines
		next(c)
	}}
	huma.Register(api, manager(op("list-members", http.MethodGet, "/api/v1/members", "The directory of members, a page at a time")), s.listMembers)
	huma.Register(api, manager(op("get-member", http.MethodGet, "/api/v1/members/{id}", "What is known of a member")), s.getMember)
	export := manager(op("export-member", http.MethodGet, "/api/v1/members/{id}/export", "All that is kept of a member, a JSON object a line"))
	export.Responses = map[string]*huma.Response{"200": {Description: "OK",
		Content: map[string]*huma.MediaType{"application/jsonl": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	huma.Register(api, export, s.exportMember)
	forget := needs(access.Admin, op("forget-member", http.MethodDelete, "/api/v1/members/{id}", "Erase a member everywhere; totals stay"))
	forget.Description = "It cannot be undone. It goes on if the client does not wait for the answer, and over a restart. An id of whom nothing is kept is no error."
	forget.Middlewares = patient
	forget.DefaultStatus = http.StatusOK
	huma.Register(api, forget, s.forgetMember)
}

// MemberPath is an id in a path.
type MemberPath struct {
	ID string `path:"id" maxLength:"768" doc:"a member's" example:"slack:U2147483697"`
}

func (s *Server) listMembers(ctx context.Context, in *MemberFilter) (*out[MemberPage], error) {
	page, err := s.o.Members.Members(ctx, *in)
	if err != nil {
		return nil, s.failed(ctx, "members", err)
	}
	return &out[MemberPage]{page}, nil
}

func (s *Server) getMember(ctx context.Context, in *struct {
	MemberPath
	Locale string `query:"locale" maxLength:"35" doc:"of what plugins say"`
}) (*out[MemberDetail], error) {
	m, err := s.o.Members.Member(ctx, in.ID, by(ctx).Role, in.Locale)
	if err != nil {
		return nil, s.failed(ctx, "member", err)
	}
	return &out[MemberDetail]{m}, nil
}

func (s *Server) exportMember(ctx context.Context, in *MemberPath) (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humachi.Unwrap(hc)
		w.Header().Set("Content-Type", "application/jsonl; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="member.jsonl"`)
		flow := &patientWriter{w: w, c: http.NewResponseController(w)}
		if err := s.o.Members.Export(ctx, in.ID, flow); err != nil && ctx.Err() == nil {
			// What was written cannot be taken back; that it is not whole has to show.
			s.log.ErrorContext(ctx, "a request failed", "doing", "export", "err", err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// patientWriter moves the connection's deadline on with each write: an export
// may take longer than other answers, but not a client that reads nothing.
type patientWriter struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (p *patientWriter) Write(b []byte) (int, error) {
	_ = p.c.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every connection has deadlines
	return p.w.Write(b)
}

// Forgotten is the answer to DELETE /api/v1/members/{id}.
type Forgotten struct {
	Erased map[string]int `json:"erased" doc:"rows that were erased, by kind"`
	Left   []string       `json:"left,omitempty" doc:"settings of the config's file that still name the member, with file and line: whose file that is has to take them out there"`
}

func (s *Server) forgetMember(ctx context.Context, in *struct {
	MemberPath
	Why string `query:"why" maxLength:"500" doc:"for the record, which does not say whom"`
}) (*out[Forgotten], error) {
	wait, cancel := context.WithTimeout(ctx, memberTime)
	defer cancel()
	erased, err := s.o.Members.Forget(wait, by(ctx), in.ID, in.Why)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, huma.NewError(http.StatusAccepted, "the member is being forgotten; it takes longer than this answer waits, and goes on")
	}
	if err != nil {
		return nil, s.failed(ctx, "forget", err)
	}
	return &out[Forgotten]{erased}, nil
}
