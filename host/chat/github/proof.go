package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v93/github"

	"github.com/hearthbot/hearth/host/chat"
)

// ErrAccount says that GitHub knows no account of that name, or only that of an
// organisation or an app, which nobody is.
var ErrAccount = errors.New("github: there is no such account of a person")

// proofGists is how many of an account's newest public gists are read for a
// proof: each costs a request of the rate limit.
const proofGists = 5

// Shows says whether an account shows a text in public: in its profile's bio, or
// in its newest public gists, by description, name or content. It asks GitHub 7
// times at most, and waits for nothing: where GitHub limits how often one may ask
// it is chat.ErrBusy. ErrAccount says that there is no such account, ErrToken that
// hearth's token is not valid.
func (s *Source) Shows(ctx context.Context, account, text string) (bool, error) {
	ok, err := s.shows(ctx, account, text)
	if err != nil {
		err = fmt.Errorf("github: looking at what %s shows: %w", account, proofError(ctx, err))
	}
	return ok, err
}

func (s *Source) shows(ctx context.Context, account, text string) (bool, error) {
	user, _, err := s.client.Users.Get(ctx, account)
	if err != nil {
		return false, err
	}
	if !strings.EqualFold(user.GetLogin(), account) || user.GetType() != "User" {
		return false, ErrAccount
	}
	if strings.Contains(user.GetBio(), text) {
		return true, nil
	}
	gists, _, err := s.client.Gists.List(ctx, account, &github.GistListOptions{ListOptions: github.ListOptions{PerPage: proofGists}})
	if err != nil {
		return false, err
	}
	for _, g := range gists[:min(len(gists), proofGists)] {
		if !g.GetPublic() || !strings.EqualFold(g.GetOwner().GetLogin(), account) {
			continue
		}
		if found(g, text) {
			return true, nil
		}
		whole, _, err := s.client.Gists.Get(ctx, g.GetID()) // a list has no contents
		if isNotFound(err) {
			continue // deleted since
		}
		if err != nil {
			return false, err
		}
		if found(whole, text) {
			return true, nil
		}
	}
	return false, nil
}

func found(g *github.Gist, text string) bool {
	if strings.Contains(g.GetDescription(), text) {
		return true
	}
	for name, f := range g.GetFiles() {
		if strings.Contains(string(name), text) || strings.Contains(f.GetContent(), text) {
			return true
		}
	}
	return false
}

func isNotFound(err error) bool {
	var e *github.ErrorResponse
	return errors.As(err, &e) && e.Response != nil && e.Response.StatusCode == http.StatusNotFound
}

// proofError is GitHub's error in hearth's words.
func proofError(ctx context.Context, err error) error {
	var limit *github.RateLimitError
	var abuse *github.AbuseRateLimitError
	var e *github.ErrorResponse
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &limit), errors.As(err, &abuse):
		return fmt.Errorf("%w: GitHub limits how often it may be asked", chat.ErrBusy)
	case isNotFound(err):
		return ErrAccount
	case errors.As(err, &e) && e.Response != nil && e.Response.StatusCode == http.StatusUnauthorized:
		return ErrToken
	}
	return err
}
