// Package github brings in what becomes of pull requests: GitHub tells it over a
// webhook ([Source.Routes]), and what happened before there was one is read from
// GitHub's API ([Source.Backfill]). Both end in the same events:
//
//	pr.opened   a pull request was opened    Custom.Name OWNER/REPO, Time of its opening
//	pr.merged   it was merged                Custom.Name OWNER/REPO, Time of the merge
//
//	Custom.Props: number, url, title, login, association; first is "true" where
//	GitHub says that it is its author's first to that repository
//
// An event's id is made of the repository's number, the pull request's and what
// happened, so a delivery that comes twice (its X-GitHub-Delivery the same or a new
// one) and a back-fill of what the webhook told are one event. The event's member
// is whoever has linked that handle; without one it has no member. What bots open
// is left out.
//
// Whether an account shows a code in public, which proves whose it is, is
// [Source.Shows]'s to say.
//
// It owns GitHub's signature, its payloads and its rate limits, and alone imports
// go-github. It must not know who has linked what, or how anything is counted. It
// stores nothing.
package github

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/google/go-github/v93/github"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Path is where GitHub calls.
const Path = "/github/webhook"

// sourceName is the Source of events.
const sourceName = "github"

// Options are what a Source is made of. Sink is required.
type Options struct {
	Sink   chat.Sink
	Secret string // of the webhook; without it there is none
	Token  string // for the API, to read what happened before; without it 60 requests an hour are allowed
	APIURL string // "" means https://api.github.com/

	// Member returns the id of the member who has linked a handle, "" if nobody
	// has. nil means that nobody has. It is called with the handle as GitHub
	// writes it; handles do not differ by case alone.
	Member func(ctx context.Context, handle string) (string, error)

	HTTP   *http.Client                                     // of the API; nil means one with a timeout
	Wait   func(ctx context.Context, d time.Duration) error // nil waits; tests need not
	Now    func() time.Time                                 // nil is time.Now
	Logger *slog.Logger                                     // nil discards
}

// Source brings events of GitHub to a sink. It is safe for concurrent use.
type Source struct {
	o      Options
	client *github.Client
}

// apiTimeout is how long one request to the API may take.
const apiTimeout = 30 * time.Second

// New returns a Source. It asks GitHub nothing.
func New(o Options) (*Source, error) {
	if o.Sink == nil {
		return nil, errors.New("github: Options.Sink is missing")
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: apiTimeout}
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	options := []github.ClientOptionsFunc{github.WithHTTPClient(o.HTTP), github.WithUserAgent("hearth"),
		github.WithDisableRateLimitCheck()} // it would refuse by the machine's clock; Backfill waits
	if o.APIURL != "" {
		options = append(options, github.WithURLs(&o.APIURL, nil))
	}
	if o.Token != "" {
		options = append(options, github.WithAuthToken(o.Token))
	}
	client, err := github.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("github: %w", err)
	}
	return &Source{o: o, client: client}, nil
}

// Routes are the webhook, if there is a secret for it.
func (s *Source) Routes() map[string]http.Handler {
	if s.o.Secret == "" {
		return nil
	}
	return map[string]http.Handler{Path: http.HandlerFunc(s.hook)}
}

// opened is the event of a pull request's opening, and merged that of its merge.
// ok says that it happened and is not a bot's.
func opened(repo *github.Repository, p *github.PullRequest) (e abi.Event, ok bool) {
	return event(abi.PROpened, repo, p, p.GetCreatedAt().Time)
}

func merged(repo *github.Repository, p *github.PullRequest) (e abi.Event, ok bool) {
	return event(abi.PRMerged, repo, p, p.GetMergedAt().Time)
}

// maxTitle is how many bytes of a title plugins get.
const maxTitle = 256

func event(kind abi.Kind, repo *github.Repository, p *github.PullRequest, at time.Time) (abi.Event, bool) {
	author := p.GetUser()
	if at.IsZero() || author.GetLogin() == "" || author.GetType() == "Bot" {
		return abi.Event{}, false
	}
	props := []abi.Annotation{
		{Name: "number", Value: strconv.Itoa(p.GetNumber())},
		{Name: "url", Value: p.GetHTMLURL()},
		{Name: "title", Value: cut(p.GetTitle(), maxTitle)},
		{Name: "login", Value: author.GetLogin()},
		{Name: "association", Value: p.GetAuthorAssociation()},
	}
	switch p.GetAuthorAssociation() {
	case "FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR":
		props = append(props, abi.Annotation{Name: "first", Value: "true"})
	}
	return abi.Event{
		ID:     fmt.Sprintf("%d/%d/%s", repo.GetID(), p.GetNumber(), kind),
		Source: sourceName,
		Kind:   kind,
		Time:   at.UnixMilli(),
		Custom: &abi.Custom{Name: repo.GetFullName(), Props: props},
	}, true
}

// hand gives an event to the sink, with the member who has linked the author's
// handle. linked says that somebody has.
func (s *Source) hand(ctx context.Context, e *abi.Event) (out chat.Outcome, linked bool, err error) {
	if s.o.Member != nil {
		handle := e.Custom.Props[3].Value
		id, err := s.o.Member(ctx, handle)
		if err != nil {
			return 0, false, fmt.Errorf("look up whose handle %s is: %w", handle, err)
		}
		e.Member.ID = id
	}
	out, err = s.o.Sink.Accept(ctx, chat.Incoming{Event: *e})
	return out, e.Member.ID != "", err
}

// cut shortens s to at most n bytes, at a rune.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
