package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v93/github"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

var (
	// ErrRepository says that there is no such repository, or that the token may
	// not read it: GitHub does not tell which.
	ErrRepository = errors.New("github: no such repository, or the token may not read it")

	// ErrToken says that GitHub does not know the token.
	ErrToken = errors.New("github: the token is not valid (any more)")
)

// Progress is how far a back-fill is.
type Progress struct {
	Pages, Page int       // of the list; Pages is 0 until GitHub has said
	Until       time.Time // GitHub lets nobody ask before; zero while it does
	Filled
}

// Filled is what a back-fill brought.
type Filled struct {
	Pulls     int // pull requests that were read
	Opened    int // events that are new
	Merged    int
	Known     int // events that had been taken in before, or tell nothing new of their member
	Unlinked  int // events whose author nobody has linked: they count for nobody
	Discarded int // of bots, and those without an author any more
}

const (
	pageSize = 100 // GitHub's most
	attempts = 4   // at one page, where GitHub or the way to it fails
	longest  = 65 * time.Minute
)

// Backfill reads all pull requests of a repository ("owner/name") and hands on
// what became of them, oldest first. It waits where GitHub's rate limits say so,
// for at most an hour at a time. What it was handed before is not handed on twice
// within the time for which the sink remembers, so one that broke off is begun
// anew. tell, if not nil, is called after each page and before each wait.
func (s *Source) Backfill(ctx context.Context, repository string, tell func(Progress)) (Filled, error) {
	owner, name, ok := strings.Cut(repository, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return Filled{}, fmt.Errorf("%w: %q is not OWNER/NAME", ErrRepository, repository)
	}
	b := backfill{Source: s, tell: tell}
	if tell == nil {
		b.tell = func(Progress) {}
	}
	err := b.run(ctx, owner, name)
	if err != nil {
		err = fmt.Errorf("github: reading the pull requests of %s: %w", repository, err)
	}
	return b.Filled, err
}

type backfill struct {
	*Source
	Progress
	tell func(Progress)
}

// run reads in the order in which pull requests were opened: in that order none
// changes its place while the pages are read.
func (b *backfill) run(ctx context.Context, owner, name string) error {
	o := &github.PullRequestListOptions{State: "all", Sort: "created", Direction: "asc", ListOptions: github.ListOptions{Page: 1, PerPage: pageSize}}
	for {
		list, resp, err := b.page(ctx, owner, name, o)
		if err != nil {
			return err
		}
		for _, p := range list {
			if err := b.take(ctx, p); err != nil {
				return err
			}
		}
		b.Page = o.Page
		b.Pages = max(b.Pages, o.Page, resp.LastPage)
		b.tell(b.Progress)
		if resp.NextPage == 0 {
			return nil
		}
		o.Page = resp.NextPage
		if rate := resp.Rate; rate.Limit > 0 && rate.Remaining == 0 {
			if err := b.pause(ctx, b.reset(rate)); err != nil {
				return err
			}
		}
	}
}

// take hands on what became of one pull request.
func (b *backfill) take(ctx context.Context, p *github.PullRequest) error {
	b.Pulls++
	repo := p.GetBase().GetRepo()
	e, ok := opened(repo, p)
	if !ok {
		b.Discarded++
		return nil
	}
	if err := b.give(ctx, &e, &b.Opened); err != nil {
		return err
	}
	if e, ok = merged(repo, p); ok {
		return b.give(ctx, &e, &b.Merged)
	}
	return nil
}

// give hands on one event, and waits where too much is waiting already.
func (b *backfill) give(ctx context.Context, e *abi.Event, count *int) error {
	for {
		out, linked, err := b.hand(ctx, e)
		if errors.Is(err, chat.ErrBusy) {
			if err := b.pause(ctx, time.Second); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		switch {
		case out == chat.Duplicate, out == chat.Unwanted && linked: // what it would tell of the member is known
			b.Known++
		case out == chat.Unwanted:
			b.Unlinked++
		default:
			*count++
			if !linked {
				b.Unlinked++
			}
		}
		return nil
	}
}

// page reads one page.
func (b *backfill) page(ctx context.Context, owner, name string, o *github.PullRequestListOptions) ([]*github.PullRequest, *github.Response, error) {
	for try := 1; ; try++ {
		list, resp, err := b.client.PullRequests.List(ctx, owner, name, o)
		if err == nil {
			return list, resp, nil
		}
		after, err := b.failed(ctx, resp, err, try)
		if err != nil {
			return nil, nil, err
		}
		if err := b.pause(ctx, after); err != nil {
			return nil, nil, err
		}
	}
}

// reset is how long it takes until GitHub answers again, and a second more: the
// two clocks need not agree.
func (b *backfill) reset(r github.Rate) time.Duration {
	return min(max(r.Reset.Sub(b.o.Now()), 0)+time.Second, longest)
}

// failed says after what time a page is asked for again, or why it is not.
func (b *backfill) failed(ctx context.Context, resp *github.Response, err error, try int) (time.Duration, error) {
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	var limit *github.RateLimitError
	var abuse *github.AbuseRateLimitError
	switch {
	case errors.As(err, &limit):
		return b.reset(limit.Rate), nil
	case errors.As(err, &abuse):
		if abuse.RetryAfter != nil {
			return min(max(*abuse.RetryAfter, time.Second), longest), nil // never in circles
		}
		return time.Minute, nil // what GitHub asks for where it says nothing
	}
	if resp != nil && resp.Response != nil {
		switch code := resp.StatusCode; {
		case code == http.StatusNotFound:
			return 0, ErrRepository
		case code == http.StatusUnauthorized:
			return 0, ErrToken
		case code < http.StatusInternalServerError:
			return 0, err
		}
	}
	if try >= attempts {
		return 0, err
	}
	return time.Duration(try*try) * time.Second, nil
}

func (b *backfill) pause(ctx context.Context, d time.Duration) error {
	if d > 2*time.Second {
		b.Until = b.o.Now().Add(d)
		b.tell(b.Progress)
	}
	err := b.o.Wait(ctx, d)
	b.Until = time.Time{}
	return err
}
