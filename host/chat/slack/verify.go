package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxBody is the size in bytes of the largest request body that is read.
// Slack's own payloads stay far below.
const maxBody = 1 << 20

// window is how far the time of a request may be from ours, either way.
const window = 5 * time.Minute

// refusal is why a request is turned away; it is all the sender gets to see.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

var (
	errTooLarge  = &refusal{http.StatusRequestEntityTooLarge, "the body is larger than 1 MiB"}
	errNoBody    = &refusal{http.StatusBadRequest, "the body could not be read"}
	errUnsigned  = &refusal{http.StatusUnauthorized, "the request is not signed: X-Slack-Signature or X-Slack-Request-Timestamp is missing"}
	errTimestamp = &refusal{http.StatusUnauthorized, "the timestamp is more than 5 minutes from this machine's time"}
	errSignature = &refusal{http.StatusUnauthorized, "the signature is wrong: compare the signing secret"}
)

// verify reads the body of a request and returns it if Slack sent it.
//
// slack-go's SecretsVerifier does the same but for the time, which it takes
// from the machine; events that are replayed by an injected clock need ours.
func (a *Adapter) verify(r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, errTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, errNoBody
	}
	if len(body) > maxBody {
		return nil, errTooLarge
	}
	return body, checkSignature(a.secret, r.Header.Get("X-Slack-Request-Timestamp"), r.Header.Get("X-Slack-Signature"), body, a.now())
}

// checkSignature says whether signature is v0 of ts and body under secret, and
// ts is near now. The time is looked at last, so that only who knows the secret
// learns what this machine's clock says.
func checkSignature(secret []byte, ts, signature string, body []byte, now time.Time) error {
	if ts == "" || signature == "" {
		return errUnsigned
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("v0:"))
	mac.Write([]byte(ts))
	mac.Write([]byte(":"))
	mac.Write(body)
	var sum [sha256.Size]byte
	var want [len("v0=") + 2*sha256.Size]byte
	copy(want[:], "v0=")
	hex.Encode(want[len("v0="):], mac.Sum(sum[:0]))
	if !hmac.Equal(want[:], []byte(signature)) {
		return errSignature
	}
	sec, err := strconv.ParseInt(ts, 10, 64)
	if err != nil || sec < 0 || sec > 1<<40 {
		return errTimestamp
	}
	if d := now.Sub(time.Unix(sec, 0)); d > window || d < -window {
		return errTimestamp
	}
	return nil
}

// refuse answers a request that is turned away with one line.
func (a *Adapter) refuse(w http.ResponseWriter, r *http.Request, err error) {
	a.stats.refused.Add(1)
	ref := errNoBody
	if !errors.As(err, &ref) {
		ref = &refusal{http.StatusInternalServerError, "hearth could not take the request"}
	}
	a.log.WarnContext(r.Context(), "slack: request refused", "path", r.URL.Path, "status", ref.status, "reason", ref.reason)
	if ref.status == http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close")
	}
	http.Error(w, ref.reason, ref.status)
}
