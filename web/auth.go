package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// admin says whether r carries the admin token. Hashes are compared, so that
// the time it takes tells neither the token's length nor how much of it is
// right.
func (s *Server) admin(r *http.Request) bool {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return s.isToken(strings.TrimSpace(given)) && strings.EqualFold(scheme, "Bearer")
}

func (s *Server) isToken(given string) bool {
	want := s.o.Token()
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	same := subtle.ConstantTimeCompare(a[:], b[:]) == 1
	return same && want != ""
}

// adminOnly lets nobody pass without the admin token.
func (s *Server) adminOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.admin(r) {
			unauthorized(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="hearth"`)
	problem(w, http.StatusUnauthorized, "this needs the admin token, as the header Authorization: Bearer TOKEN; "+
		"it is in admin.token in the data directory, or what HEARTH_ADMIN_TOKEN was when hearth was started")
}
