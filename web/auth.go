package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
)

type personKey struct{}

// bearer is who a request is of, by its token; access.ErrUnknown if it has none,
// or nobody's.
func (s *Server) bearer(r *http.Request) (access.Person, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return access.Person{}, access.ErrUnknown
	}
	return s.o.Access.ByToken(r.Context(), strings.TrimSpace(secret))
}

// let says whether a request may do what a role may, and else answers it. The
// request that it returns knows whose it is.
func (s *Server) let(w http.ResponseWriter, r *http.Request, need access.Role) (*http.Request, bool) {
	p, err := s.bearer(r)
	switch {
	case errors.Is(err, access.ErrUnknown):
		w.Header().Set("WWW-Authenticate", `Bearer realm="hearth"`)
		problem(w, http.StatusUnauthorized, "this needs a token, as the header Authorization: Bearer TOKEN: one that an admin gave you, or the admin token; "+
			"that is in admin.token in the data directory, or what HEARTH_ADMIN_TOKEN was when hearth was started")
	case err != nil:
		s.log.ErrorContext(r.Context(), "a request failed", "doing", "asking whose token it is", "err", err)
		problem(w, http.StatusInternalServerError, "hearth could not find out whose token this is; its log says why")
	case !p.Role.Covers(need):
		problem(w, http.StatusForbidden, "this needs the role "+string(need)+"; the token “"+p.Name+"” has the role "+string(p.Role))
	default:
		return r.WithContext(context.WithValue(r.Context(), personKey{}, p)), true
	}
	return nil, false
}

// only lets nobody pass whom need does not cover.
func (s *Server) only(need access.Role) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r, ok := s.let(w, r, need); ok {
				next.ServeHTTP(w, r)
			}
		})
	}
}

// by is who makes a request of the API.
func by(ctx context.Context) audit.Who {
	p, _ := ctx.Value(personKey{}).(access.Person)
	return p.Who("api")
}

// role is the role of who makes a request, "" if that is nobody.
func role(ctx context.Context) access.Role {
	p, _ := ctx.Value(personKey{}).(access.Person)
	return p.Role
}
