package sim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/github"
	"github.com/hearthbot/hearth/sdk/abi"
)

// platform is where members are: it takes every message, and remembers the button
// of each member's greeting.
type platform struct {
	name string

	mu      sync.Mutex
	n       int
	buttons map[string]string // tokens by member
}

func (p *platform) Name() string                      { return p.name }
func (p *platform) Check(context.Context) chat.Health { return chat.Health{OK: true} }

func (p *platform) Features() chat.Features {
	return chat.Features{DM: true, Ephemeral: true, Edit: true, Delete: true, React: true, Threads: true, Idempotent: true}
}

func (p *platform) Deliver(_ context.Context, d *chat.Delivery) (chat.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	if d.Member != "" {
		for _, b := range d.Content.Blocks {
			for _, x := range b.Buttons {
				if _, there := p.buttons[d.Member]; !there && x.Token != "" {
					p.buttons[d.Member] = x.Token
				}
			}
		}
	}
	r := chat.Receipt{Conversation: d.Conversation, Messages: []string{"m" + d.ID}}
	if r.Conversation == "" {
		r.Conversation = own(d.Member)
	}
	return r, nil
}

// own is a member's conversation with the bot.
func own(member string) string {
	return abi.Platform(member) + ":D" + abi.LocalID(member)
}

func (p *platform) button(member string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buttons[member]
}

func (p *platform) delivered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// What members post as the answer to the first task.
const (
	rightAnswer = "```go\npackage main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(\"Hello, gophers!\")\n}\n```"
	wrongAnswer = "```go\npackage main\n\nfunc main() {\n\tfmt.Println(\"Hello, gophers!\")\n}\n```"
	otherCode   = "```go\npackage main\n\nfunc main() {\n\tprintln(6 * 7)\n}\n```"
)

// judge stands in for the compiler: it knows what members of a simulation post.
type judge struct{}

func (judge) Verify(_ context.Context, v host.Verification) ([]byte, error) {
	code := ""
	for _, f := range v.Files {
		code += f.Text
	}
	verdict := map[string]any{"verdict": "accepted", "stdout": ""}
	switch {
	case strings.Contains(code, "fmt.Println") && !strings.Contains(code, `import "fmt"`):
		verdict = map[string]any{"verdict": "compile_error", "diagnostics": []map[string]any{{"severity": "error", "file": "main.go", "line": 4, "message": "undefined: fmt"}}}
	case strings.Contains(code, "Hello, gophers!"):
		verdict["stdout"] = "Hello, gophers!\n"
	}
	return json.Marshal(verdict)
}

// repository is where members' pull requests go.
const (
	repository = "gophers/hearth"
	secret     = "simulated webhook secret"
)

// hub tells hearth of pull requests as GitHub does: by signed deliveries to its
// webhook.
type hub struct {
	handler http.Handler
	n       int
}

func newHub(sink chat.Sink, members map[string]string) (*hub, error) {
	source, err := github.New(github.Options{Sink: sink, Secret: secret, Member: func(_ context.Context, handle string) (string, error) { return members[handle], nil }})
	if err != nil {
		return nil, err
	}
	handler, ok := source.Routes()[github.Path]
	if !ok {
		return nil, errors.New("sim: the webhook of GitHub is missing")
	}
	return &hub{handler: handler}, nil
}

func (g *hub) tell(ctx context.Context, h *happening) error {
	action, made, done := "opened", h.at, any(nil)
	if h.act == merged {
		action, made, done = "closed", h.opened, h.at.UTC().Format(time.RFC3339)
	}
	repo := map[string]any{"id": 1, "name": "hearth", "full_name": repository}
	payload, err := json.Marshal(map[string]any{"action": action, "number": h.number, "repository": repo, "pull_request": map[string]any{
		"number": h.number, "title": "Mend a sentence", "user": map[string]any{"login": h.person.handle, "id": h.number, "type": "User"},
		"author_association": "CONTRIBUTOR", "html_url": fmt.Sprintf("https://github.com/%s/pull/%d", repository, h.number),
		"created_at": made.UTC().Format(time.RFC3339), "merged_at": done, "merged": h.act == merged, "base": map[string]any{"ref": "main", "repo": repo},
	}})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, github.Path, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(payload)
	g.n++
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", "pull_request")
	r.Header.Set("X-GitHub-Delivery", fmt.Sprint("delivery-", g.n))
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	w := &answer{status: http.StatusOK, header: http.Header{}}
	g.handler.ServeHTTP(w, r)
	if w.status != http.StatusOK {
		return fmt.Errorf("sim: the webhook answers %d: %s", w.status, w.body.String())
	}
	return nil
}

// answer is what the webhook says.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
