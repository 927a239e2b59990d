package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
)

// village is a directory in memory: it takes down what it is asked.
type village struct {
	filter MemberFilter
	asked  []string
	err    error
}

func (v *village) Members(_ context.Context, f MemberFilter) (MemberPage, error) {
	v.filter = f
	return MemberPage{Members: []Member{{ID: "slack:U1", Name: "Ada"}}, Next: "slack:U1"}, v.err
}

func (v *village) Member(_ context.Context, id, role, locale string) (MemberDetail, error) {
	v.asked = append(v.asked, fmt.Sprint("member ", id, " as ", role, " in ", locale))
	return MemberDetail{Member: Member{ID: id}, Events: []Event{}, Messages: []Message{}, Plugins: []MemberView{{"tasks", "text/markdown", "3 of 10"}}}, v.err
}

func (v *village) Export(_ context.Context, id string, w io.Writer) error {
	if v.err == nil {
		fmt.Fprintf(w, "{\"kind\":\"profile\",\"id\":%q}\n", id)
	}
	return v.err
}

func (v *village) Forget(_ context.Context, who audit.Who, id, why string) (Forgotten, error) {
	v.asked = append(v.asked, fmt.Sprint("forget ", id, " for ", who.Role, " via ", who.Via, ": ", why))
	return Forgotten{Erased: map[string]int{"events": 7}, Left: []string{"community.managers (hearth.toml:7)"}}, v.err
}

func TestMembersAPI(t *testing.T) {
	v := &village{}
	s, _ := server(t, Options{Members: v})
	w := do(s, "GET", "/api/v1/members?query=ad&after=slack:U0&limit=7", "")
	if want := `{"members":[{"id":"slack:U1","name":"Ada"}],"next":"slack:U1"}`; strings.TrimSpace(w.Body.String()) != want || v.filter != (MemberFilter{"ad", "slack:U0", 7}) {
		t.Errorf("the members are %s, asked as %+v", w.Body, v.filter)
	}
	var m MemberDetail
	w = do(s, "GET", "/api/v1/members/dingtalk:%24%3Aa%2Fb%25?locale=zh-CN", "")
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil || m.ID != "dingtalk:$:a/b%" || len(m.Plugins) != 1 {
		t.Errorf("the member is %s, %v", w.Body, err)
	}
	w = do(s, "GET", "/api/v1/members/slack:U1/export", "")
	if w.Code != http.StatusOK || w.Body.String() != "{\"kind\":\"profile\",\"id\":\"slack:U1\"}\n" || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/jsonl") {
		t.Errorf("the export is %d %q of %s", w.Code, w.Body, w.Header().Get("Content-Type"))
	}
	w = do(s, "DELETE", "/api/v1/members/slack:U1?why=they%20wrote%20to%20us", "")
	if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != `{"erased":{"events":7},"left":["community.managers (hearth.toml:7)"]}` {
		t.Errorf("forgetting is answered %d %s", w.Code, w.Body)
	}
	if got, want := strings.Join(v.asked, "; "), "member dingtalk:$:a/b% as admin in zh-CN; forget slack:U1 for admin via api: they wrote to us"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	for _, c := range []struct {
		err    error
		status int
	}{{fmt.Errorf("%w: nobody", ErrNotFound), http.StatusNotFound}, {errors.New("a disk on fire"), http.StatusInternalServerError},
		{context.DeadlineExceeded, http.StatusAccepted}} {
		v.err = c.err
		if w := do(s, "DELETE", "/api/v1/members/slack:U1", ""); w.Code != c.status {
			t.Errorf("%v is answered %d %s", c.err, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/api/v1/members?limit=-1", "/api/v1/members?limit=1001", "/api/v1/members?query=" + strings.Repeat("x", 101), "/api/v1/members?q=x"} {
		if w := do(s, "GET", path, ""); w.Code/100 != 4 {
			t.Errorf("%.40s: %d", path, w.Code)
		}
	}
}

// TestMembersRoles: who people are is for managers to see, and to erase somebody
// is for admins.
func TestMembersRoles(t *testing.T) {
	k := keeper(t, func() string { return token }, nil)
	s, _ := server(t, Options{Members: &village{}, Access: k})
	for role, may := range map[access.Role]int{access.Viewer: 0, access.Manager: 3, access.Admin: 4} {
		secret, _, err := k.Create(t.Context(), audit.Host, "a "+string(role), role, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, ask := range []string{"GET /api/v1/members", "GET /api/v1/members/slack:U1", "GET /api/v1/members/slack:U1/export", "DELETE /api/v1/members/slack:U1"} {
			method, path, _ := strings.Cut(ask, " ")
			if w := do(s, method, path, "", "Authorization: Bearer "+secret); w.Code == http.StatusOK {
				n++
			} else if w.Code != http.StatusForbidden {
				t.Errorf("%s as %s: %d", ask, role, w.Code)
			}
		}
		if n != may {
			t.Errorf("a %s may do %d of them, want %d", role, n, may)
		}
	}
}
