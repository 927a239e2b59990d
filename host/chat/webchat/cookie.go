package webchat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

const (
	cookieName = "hearth_chat"
	themeName  = "hearth_theme" // set by the page's script, read here so that the first paint is right
	cookieAge  = 400 * 24 * 3600
	maxCookie  = 3 << 10
	maxSeats   = 5
)

// seat is one member a browser is signed in as. Name and Locale are what the
// member had at the time, to greet them by when the store knows them no more.
type seat struct {
	ID     string `json:"i"`
	Name   string `json:"n"`
	Locale string `json:"l"`
}

// signer signs what cookies say.
type signer struct{ key []byte }

func newSigner(secret []byte) signer {
	// A key of its own: the same secret may sign other things elsewhere.
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("hearth webchat cookie v1"))
	return signer{m.Sum(nil)}
}

func (s signer) mac(payload string) []byte {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(payload))
	return m.Sum(nil)
}

var errCookie = errors.New("webchat: cookie is not ours")

// seal is payload "." signature, both in base64url.
func (s signer) seal(seats []seat) (string, error) {
	b, err := json.Marshal(seats)
	if err != nil {
		return "", err
	}
	payload := base64.RawURLEncoding.EncodeToString(b)
	return payload + "." + base64.RawURLEncoding.EncodeToString(s.mac(payload)), nil
}

// open is the inverse of seal; it believes nothing that is not signed.
func (s signer) open(v string) ([]seat, error) {
	if len(v) > maxCookie {
		return nil, errCookie
	}
	payload, sig, _ := strings.Cut(v, ".")
	got, err := base64.RawURLEncoding.Strict().DecodeString(sig)
	if err != nil || !hmac.Equal(got, s.mac(payload)) {
		return nil, errCookie
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil {
		return nil, errCookie
	}
	var seats []seat
	if err := json.Unmarshal(b, &seats); err != nil || len(seats) > maxSeats {
		return nil, errCookie
	}
	return seats, nil
}

// seats are the members that r's browser is signed in as.
func (a *Adapter) seats(r *http.Request) []seat {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	seats, err := a.cookie.open(c.Value)
	if err != nil {
		return nil
	}
	return seats
}

// setSeats signs the browser in as seats; none signs it out.
func (a *Adapter) setSeats(w http.ResponseWriter, r *http.Request, seats []seat) error {
	c := &http.Cookie{
		Name: cookieName, Path: "/chat", MaxAge: cookieAge, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: a.secure || r.TLS != nil,
	}
	if len(seats) == 0 {
		c.MaxAge = -1
	} else {
		v, err := a.cookie.seal(seats)
		if err != nil {
			return err
		}
		c.Value = v
	}
	http.SetCookie(w, c)
	return nil
}
