package chattest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// GitHub stands in for GitHub's API: the list of a repository's pull requests,
// with its pages, accounts and their gists, its token and its rate limits. Set the
// fields before it is asked; it is safe for concurrent use.
type GitHub struct {
	Token  string                // the only one that is taken; "" takes anybody
	Repos  map[string][]PullData // by OWNER/NAME, oldest first
	Now    func() time.Time      // nil is time.Now
	Allow  int                   // requests that are answered before Reset has to pass; 0: all
	Reset  time.Duration         // after which as many are allowed anew; 0 means an hour
	Broken map[int]int           // by number of the request, from 1: a status that it is answered with
	Slow   map[int]time.Duration // by number of the request: it is refused as too quick, with this Retry-After

	users map[string]UserData // by login in lower case; see SetUser

	mu       sync.Mutex
	asked    int
	left     int
	until    time.Time
	queries  []string
	tooEarly int
}

// PullData is a pull request as the stand-in keeps it.
type PullData struct {
	Number          int
	Title           string
	Login           string // "" of an account that is no more
	Bot             bool
	Association     string // "" means CONTRIBUTOR
	Created, Merged time.Time
}

// UserData is an account as the stand-in keeps it.
type UserData struct {
	Login string
	Type  string // "" means User
	Bio   string
	Gists []GistData // newest first
}

// GistData is a gist of an account. A list of gists has no contents, as GitHub's
// has none.
type GistData struct {
	ID, Description string
	Files           map[string]string // contents by name
	Secret          bool              // in no list
}

// SetUser makes an account, or changes it.
func (g *GitHub) SetUser(u UserData) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.users == nil {
		g.users = map[string]UserData{}
	}
	g.users[strings.ToLower(u.Login)] = u
}

// Serve starts the stand-in. Its URL is an api_url.
func (g *GitHub) Serve() *httptest.Server { return httptest.NewServer(g) }

// Asked are the queries of the requests so far, and how many came before the
// limit allowed it.
func (g *GitHub) Asked() (queries []string, tooEarly int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.queries...), g.tooEarly
}

func (g *GitHub) now() time.Time {
	if g.Now != nil {
		return g.Now()
	}
	return time.Now()
}

// ServeHTTP answers GET /repos/OWNER/NAME/pulls, /users/LOGIN, /users/LOGIN/gists
// and /gists/ID as GitHub documents them.
func (g *GitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	g.queries = append(g.queries, r.URL.RawQuery)
	if wait, ok := g.Slow[g.asked]; ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
		gitHubSays(w, http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.", "/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits")
		return
	}
	if !g.allowed(w) {
		gitHubSays(w, http.StatusForbidden, "API rate limit exceeded for 127.0.0.1.")
		return
	}
	if status, ok := g.Broken[g.asked]; ok {
		gitHubSays(w, status, "Server Error")
		return
	}
	if g.Token != "" && r.Header.Get("Authorization") != "Bearer "+g.Token {
		gitHubSays(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	if r.Header.Get("User-Agent") == "" {
		gitHubSays(w, http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")
		return
	}
	if r.Method == http.MethodGet && g.account(w, r) {
		return
	}
	repo, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/repos/"), "/pulls")
	pulls, there := g.Repos[repo]
	if r.Method != http.MethodGet || !ok || !there {
		gitHubSays(w, http.StatusNotFound, "Not Found")
		return
	}
	g.list(w, r, repo, pulls)
}

// account answers what is about an account, and says whether the request is.
func (g *GitHub) account(w http.ResponseWriter, r *http.Request) bool {
	gist := func(u *UserData, d *GistData, whole bool) map[string]any {
		files := map[string]any{}
		for name, text := range d.Files {
			f := map[string]any{"filename": name, "size": len(text), "raw_url": "https://gist.githubusercontent.com/" + d.ID + "/" + name}
			if whole {
				f["content"], f["truncated"] = text, false
			}
			files[name] = f
		}
		return map[string]any{"id": d.ID, "description": d.Description, "public": !d.Secret, "files": files,
			"owner": map[string]any{"login": u.Login, "id": 7, "type": "User"}}
	}
	answer := func(v any) bool {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(v) // a client that is gone
		return true
	}
	if id, ok := strings.CutPrefix(r.URL.Path, "/gists/"); ok {
		for _, u := range g.users {
			for i := range u.Gists {
				if u.Gists[i].ID == id {
					return answer(gist(&u, &u.Gists[i], true))
				}
			}
		}
		return false
	}
	login, ok := strings.CutPrefix(r.URL.Path, "/users/")
	login, gists := strings.CutSuffix(login, "/gists")
	u, there := g.users[strings.ToLower(login)]
	if !ok || !there {
		return false
	}
	if !gists {
		kind := u.Type
		if kind == "" {
			kind = "User"
		}
		return answer(map[string]any{"login": u.Login, "id": 7, "type": kind, "bio": u.Bio})
	}
	list := []any{}
	for i := range u.Gists {
		if !u.Gists[i].Secret {
			list = append(list, gist(&u, &u.Gists[i], false))
		}
	}
	size, err := strconv.Atoi(r.URL.Query().Get("per_page"))
	if err != nil || size < 1 {
		size = 30
	}
	return answer(list[:min(len(list), size)])
}

// allowed counts the request against the limit.
func (g *GitHub) allowed(w http.ResponseWriter) bool {
	if g.Allow == 0 {
		return true
	}
	now := g.now()
	if !now.Before(g.until) {
		reset := g.Reset
		if reset == 0 {
			reset = time.Hour
		}
		g.left, g.until = g.Allow, now.Add(reset)
	}
	ok := g.left > 0
	if ok {
		g.left--
	} else {
		g.tooEarly++
	}
	w.Header().Set("X-RateLimit-Limit", strconv.Itoa(g.Allow))
	w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(g.left))
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(g.until.Unix(), 10))
	return ok
}

// list answers a page, with the links to those around it.
func (g *GitHub) list(w http.ResponseWriter, r *http.Request, repo string, pulls []PullData) {
	q := r.URL.Query()
	number := func(name string, def int) int {
		n, err := strconv.Atoi(q.Get(name))
		if err != nil || n < 1 {
			return def
		}
		return n
	}
	page, size := number("page", 1), min(number("per_page", 30), 100)
	if q.Get("state") != "all" || q.Get("sort") != "created" || q.Get("direction") != "asc" {
		gitHubSays(w, http.StatusUnprocessableEntity, "the stand-in lists all, by their creation, ascending")
		return
	}
	last := max(1, (len(pulls)+size-1)/size)
	link := func(rel string, n int) string {
		return fmt.Sprintf(`<http://%s%s?state=all&sort=created&direction=asc&per_page=%d&page=%d>; rel="%s"`, r.Host, r.URL.Path, size, n, rel)
	}
	if page < last {
		w.Header().Set("Link", link("next", page+1)+", "+link("last", last))
	}
	out := []any{}
	for i := (page - 1) * size; i < min(page*size, len(pulls)); i++ {
		out = append(out, GitHubPull(repo, &pulls[i]))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(out) // a client that is gone
}

// GitHubPull is a pull request in GitHub's words, as far as hearth reads them.
func GitHubPull(repo string, p *PullData) map[string]any {
	at := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.UTC().Format(time.RFC3339)
	}
	kind, association := "User", p.Association
	if p.Bot {
		kind = "Bot"
	}
	if association == "" {
		association = "CONTRIBUTOR"
	}
	state := "open"
	if !p.Merged.IsZero() {
		state = "closed"
	}
	var user any
	if p.Login != "" {
		user = map[string]any{"login": p.Login, "id": 7, "type": kind}
	}
	return map[string]any{
		"number": p.Number, "title": p.Title, "state": state, "user": user, "author_association": association,
		"html_url":   fmt.Sprintf("https://github.com/%s/pull/%d", repo, p.Number),
		"created_at": at(p.Created), "merged_at": at(p.Merged), "merged": !p.Merged.IsZero(),
		"base": map[string]any{"ref": "main", "repo": GitHubRepo(repo)},
	}
}

// GitHubRepo is a repository in GitHub's words.
func GitHubRepo(name string) map[string]any {
	_, short, _ := strings.Cut(name, "/")
	return map[string]any{"id": 42, "name": short, "full_name": name}
}

// GitHubRequest is a delivery of a webhook, signed with secret.
func GitHubRequest(secret, kind, delivery string, payload []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/github/webhook", strings.NewReader(string(payload)))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(payload)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "GitHub-Hookshot/044aadd")
	r.Header.Set("X-GitHub-Event", kind)
	r.Header.Set("X-GitHub-Delivery", delivery)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

// gitHubSays answers an error. Which one it is its documentation's address says.
func gitHubSays(w http.ResponseWriter, status int, message string, about ...string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message, "documentation_url": "https://docs.github.com/rest" + strings.Join(about, "")}) // a client that is gone
}
