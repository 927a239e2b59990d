package github

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/google/go-github/v93/github"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// maxBody is the size in bytes of the largest delivery that is read. GitHub
// allows itself 25 MB; one about a pull request has tens of kilobytes.
const maxBody = 4 << 20

// refusal is why a delivery is turned away: what GitHub's page of recent
// deliveries shows to whoever looks there.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

// hook takes one delivery. GitHub waits ten seconds for the answer and does not
// try again by itself; a person can, on the page of recent deliveries.
func (s *Source) hook(w http.ResponseWriter, r *http.Request) {
	said, err := s.take(w, r)
	var refused *refusal
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, said+"\n") // GitHub shows it; nothing hangs on it
	case errors.As(err, &refused):
		if refused.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		http.Error(w, refused.reason, refused.status)
	case errors.Is(err, chat.ErrBusy):
		http.Error(w, "too much is waiting; deliver it again in a minute", http.StatusServiceUnavailable)
	case errors.Is(err, chat.ErrRefused):
		http.Error(w, "hearth cannot take this event: it is beyond a bound", http.StatusUnprocessableEntity)
	default:
		s.o.Logger.Error("a delivery of GitHub was not taken in; it can be delivered again on GitHub's page", "delivery", github.DeliveryID(r), "err", err)
		http.Error(w, "hearth could not store it; deliver it again", http.StatusInternalServerError)
	}
}

// take checks a delivery, and hands on what hearth wants of it. Nothing is read
// from it before its signature is right.
func (s *Source) take(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.Method != http.MethodPost {
		return "", &refusal{http.StatusMethodNotAllowed, "GitHub's deliveries are POSTs"}
	}
	signature := r.Header.Get(github.SHA256SignatureHeader)
	if !strings.HasPrefix(signature, "sha256=") { // the library would take SHA-1 as well
		return "", &refusal{http.StatusUnauthorized, "X-Hub-Signature-256 is missing: give the webhook a secret"}
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "", &refusal{http.StatusUnsupportedMediaType, "the content type is missing: choose application/json for the webhook"}
	}
	body := http.MaxBytesReader(w, r.Body, maxBody)
	payload, err := github.ValidatePayloadFromBody(media, body, signature, []byte(s.o.Secret))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return "", &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the delivery has more than %d bytes", maxBody)}
	case err != nil && media != "application/json" && media != "application/x-www-form-urlencoded":
		return "", &refusal{http.StatusUnsupportedMediaType, "choose application/json for the webhook"}
	case err != nil:
		return "", &refusal{http.StatusUnauthorized, "the signature is wrong: compare the webhook's secret with hearth's"}
	}
	switch kind := github.WebHookType(r); kind {
	case "ping":
		return "hearth is listening", nil
	case "pull_request":
	default:
		return fmt.Sprintf("hearth has no use for %.40q; it wants pull requests only", kind), nil
	}
	parsed, err := github.ParseWebHook("pull_request", payload)
	if err != nil {
		return "", &refusal{http.StatusBadRequest, "the payload is not that of a pull_request event"}
	}
	return s.pull(r, parsed.(*github.PullRequestEvent))
}

// pull hands on an opening or a merge.
func (s *Source) pull(r *http.Request, p *github.PullRequestEvent) (string, error) {
	if p.GetRepo().GetID() == 0 || p.GetRepo().GetFullName() == "" || p.GetPullRequest().GetNumber() == 0 {
		return "", &refusal{http.StatusBadRequest, "the payload names no repository or no pull request"}
	}
	var e abi.Event
	var ok bool
	switch {
	case p.GetAction() == "opened":
		e, ok = opened(p.GetRepo(), p.GetPullRequest())
	case p.GetAction() == "closed" && p.GetPullRequest().GetMerged():
		e, ok = merged(p.GetRepo(), p.GetPullRequest())
	}
	if !ok {
		return "nothing that hearth counts", nil
	}
	out, _, err := s.hand(r.Context(), &e)
	switch {
	case err != nil:
		return "", err
	case out == chat.Duplicate:
		return "taken in before", nil
	case out == chat.Unwanted:
		return "nothing in hearth wants it", nil
	}
	return "taken in", nil
}
