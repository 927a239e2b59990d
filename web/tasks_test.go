package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/web/page"
)

// shop is a learning path in memory. It finds a problem in texts that say so.
type shop struct {
	mu      sync.Mutex
	pack    *TaskPack
	applied []TaskChange
	by      audit.Who
	err     error
}

func newShop() *shop {
	n := func(i int64) *int64 { return &i }
	task := func(id, stage string, number int) *Task {
		return &Task{ID: id, Number: number, Stage: stage, Kind: "program", Tool: "go run", Minutes: 5, BuiltIn: true,
			Title: map[string]string{"en": "The task <" + id + ">", "zh-CN": "任务 " + id}, Text: map[string]string{"en": "Do `" + id + "`.", "zh-CN": "做 `" + id + "`。"},
			Hints: []map[string]string{{"en": "one"}, {"en": "two"}, {"en": "three"}}, Starter: []TaskCode{{"main.go", "package main"}},
			Solution: []TaskCode{{"main.go", "package main // solved"}}, Want: "hi <there>"}
	}
	hello, sum, leak, spare := task("hello", "start", 1), task("sum", "start", 2), task("leak", "deep", 3), task("old", "", 0)
	hello.Started, hello.Passed = n(8), n(6)
	sum.Started, sum.Passed = n(0), n(0)
	sum.Own, spare.Own, spare.BuiltIn = true, true, false
	return &shop{pack: &TaskPack{
		Stages: []TaskStage{{"start", map[string]string{"en": "First steps", "zh-CN": "第一步"}, []*Task{hello, sum}}, {"deep", map[string]string{"en": "Deeper"}, []*Task{leak}}},
		Spare:  []*Task{spare},
		Files: map[string]TaskFile{"hello/task.md": {Text: "# Hello\n", BuiltIn: true}, "hello/code.txtar": {Text: "-- want --\n", BuiltIn: true},
			"sum/task.md": {Text: "# Sum\n", Own: true, BuiltIn: true}, "old/task.md": {Text: "# Old\n", Own: true}, "path.txt": {Text: "# start\n", BuiltIn: true}},
	}}
}

func (s *shop) Pack(context.Context) (*TaskPack, error) { return s.pack, s.err }

func (s *shop) Review(_ context.Context, c TaskChange, _ bool) (*TaskReview, error) {
	r := &TaskReview{}
	for name, text := range c.Files {
		r.Files = append(r.Files, name)
		if strings.Contains(text, "broken") {
			r.Problems = append(r.Problems, TaskProblem{File: name, Line: 3, Code: "format", Text: "there is no kind \"broken\""})
		}
		if strings.Contains(text, "unsolved") {
			r.Problems = append(r.Problems, TaskProblem{File: name, Line: 9, Code: "solution", Text: "wrong_answer; it printed \"x\u202e\""})
		}
	}
	slices.Sort(r.Files)
	if c.Whole {
		r.Added, r.Removed = []string{"fresh"}, []string{"leak"}
	}
	return r, s.err
}

func (s *shop) Apply(ctx context.Context, c TaskChange, by audit.Who) (*TaskReview, error) {
	r, err := s.Review(ctx, c, true)
	if err == nil && len(r.Problems) == 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.applied, s.by, r.Applied = append(s.applied, c), by, true
	}
	return r, err
}

func (s *shop) ReadZip(zip []byte) (*TaskFiles, error) {
	if !bytes.HasPrefix(zip, []byte("PK")) {
		return nil, errors.New("this is no zip: \u202e")
	}
	return &TaskFiles{Files: map[string]string{"path.txt": string(zip[2:]), "hello/task.md": "# x\n"}, Ignored: []string{"README.md"}}, nil
}

func (s *shop) WriteZip(context.Context) ([]byte, error) { return []byte("PK the path"), s.err }

// manager is a shop's pages, and who is signed in there.
func manager(t *testing.T) (*shop, func(method, path, body string, headers ...string) *httptest.ResponseRecorder) {
	t.Helper()
	shop := newShop()
	s, _ := server(t, paged(t, Options{Tasks: shop, Community: named("<b>Gophers</b>")}, page.Options{}))
	cookie := enter(t, s)
	return shop, func(method, path, body string, headers ...string) *httptest.ResponseRecorder {
		h := append([]string{cookie, "Accept-Language: en"}, headers...)
		if method == "POST" && len(headers) == 0 {
			h = append(h, formType)
		}
		return openIt(s, method, path, body, h...)
	}
}

func has(t *testing.T, w *httptest.ResponseRecorder, status int, want ...string) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("it answers %d, want %d: %s", w.Code, status, w.Body)
	}
	for _, s := range want {
		if not, ok := strings.CutPrefix(s, "!"); ok == strings.Contains(w.Body.String(), not) {
			t.Errorf("%q: %s", s, w.Body)
		}
	}
	if csp := w.Header().Get("Content-Security-Policy"); csp != policy {
		t.Errorf("the policy is %s", csp)
	}
}

func TestTasksPage(t *testing.T) {
	shop, ask := manager(t)
	has(t, ask("GET", "/tasks", ""), 200, "The task &lt;hello&gt;", "任务 hello", "First steps", "3 tasks", "<b>75 %</b>", "6 of 8", "75 percent of 8 members", `<rect width="75"`,
		"changed by the community", "Not in the path", "&lt;b&gt;Gophers&lt;/b&gt;", "!<script>", "!style=", "!0 %", "!NaN")
	has(t, ask("GET", "/tasks?lang=zh-CN", ""), 200, "<a href=\"/tasks/hello\">任务 hello</a>", "第一步", "社区修改过", `lang="zh-CN"`)
	if w := ask("GET", "/tasks?lang=zh-CN", ""); !strings.Contains(w.Header().Get("Set-Cookie"), "hearth_lang=zh-CN") {
		t.Errorf("%s", w.Header())
	}
	shop.pack.Problems = []TaskProblem{{File: "sum/task.md", Line: 4, Code: "format", Text: "it does not begin with its title"}, {File: "path.txt", Code: "format", Text: "there is none"}}
	has(t, ask("GET", "/tasks", ""), 200, "The community’s tasks are left out", `<a href="/tasks/sum#sum/task.md"><code>sum/task.md:4</code></a>`,
		`<a href="/tasks/_path#path.txt"><code>path.txt</code></a>`, "it does not begin with its title", "!/move")
	for err, status := range map[error]int{ErrNoTasks: 404, chat.ErrBusy: 503, errors.New("disk"): 500} {
		shop.err = fmt.Errorf("read: %w", err)
		has(t, ask("GET", "/tasks", ""), status, "!disk")
	}
}

func TestTaskPage(t *testing.T) {
	_, ask := manager(t)
	has(t, ask("GET", "/tasks/hello", ""), 200, "As a member sees it", "<code>hello</code>", "做 ", "hi &lt;there&gt;", "package main // solved", "Hint 3", "提示 1",
		"\n# Hello\n</textarea>", `name="base" value="`+TaskDigest("# Hello\n")+`"`, `value="down"`, "!value=\"up\"", "Take out of the path", "!/restore")
	has(t, ask("GET", "/tasks/sum", ""), 200, `action="/tasks/sum/restore"`, "Bring hearth’s own back", "Nobody has started yet.")
	has(t, ask("GET", "/tasks/old", ""), 200, "Delete for good", "Put it into the stage", "!one.")
	has(t, ask("GET", "/tasks/_path", ""), 200, "Stages and order", "# start\n</textarea>", "!one.")
	has(t, ask("GET", "/tasks/none", ""), 404, "There is no such task.")
	has(t, ask("GET", "/tasks/..%2fx?new=1", ""), 404)
	has(t, ask("GET", "/tasks/fresh?new=1&stage=deep", ""), 200, "kind: program", "-- solution/main.go --", `<option value="deep" selected>`)
	if w := ask("GET", "/tasks/_new?id=fresh&stage=deep", ""); w.Code != 303 || w.Header().Get("Location") != "/tasks/fresh?new=1&stage=deep" {
		t.Errorf("%d %s", w.Code, w.Header())
	}
	has(t, ask("GET", "/tasks/_new?id=Not+An+Id", ""), 422, "A short name has up to 40 small letters", `value="Not An Id"`)
}

// typed is the form of a task as a browser sends it: with its line ends.
func typed(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 3 {
		fmt.Fprintf(&b, "&%s&%s&%s", page.Query("name", pairs[i]), page.Query("base", TaskDigest(pairs[i+1])), page.Query("text", strings.ReplaceAll(pairs[i+2], "\n", "\r\n")))
	}
	return b.String()[1:]
}

func TestSaveTask(t *testing.T) {
	shop, ask := manager(t)
	w := ask("POST", "/tasks/hello", typed("hello/task.md", "# Hello\n", "# Hi\n", "hello/code.txtar", "-- want --\n", "-- want --\n"))
	if w.Code != 303 || w.Header().Get("Location") != "/tasks/hello?done=saved" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	c := shop.applied[0]
	if !maps.Equal(c.Files, map[string]string{"hello/task.md": "# Hi\n"}) || c.Base["hello/task.md"] != TaskDigest("# Hello\n") || c.Order != nil || c.Whole {
		t.Errorf("it asks for %+v", c)
	}
	if want := (audit.Who{ID: "admin", Name: "admin token", Role: "admin", Via: "page"}); shop.by != want {
		t.Errorf("by %+v", shop.by)
	}
	has(t, ask("GET", "/tasks/hello?done=saved", ""), 200, "Saved. Members see it from now on.")
	has(t, ask("GET", "/tasks/hello?done=error.own", ""), 200, "!its log")
	has(t, ask("POST", "/tasks/hello", typed("hello/task.md", "# Hello\n", "kind: broken <mine>\n", "hello/code.txtar", "-- want --\n", "unsolved\n")), 422,
		"This cannot be saved yet", "hello/task.md:3", "there is no kind", "\nkind: broken &lt;mine&gt;\n</textarea>", "\nunsolved\n</textarea>",
		"The solution is not accepted: wrong_answer", `<i class="odd">\u202e</i>`, `value="`+TaskDigest("# Hello\n")+`"`)
	if len(shop.applied) != 1 {
		t.Errorf("%+v", shop.applied)
	}
	if w := ask("POST", "/tasks/fresh", typed("fresh/task.md", "", "# F\n")+"&stage=deep"); w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got := fmt.Sprint(shop.applied[1].Order); got != "[{start [hello sum]} {deep [leak fresh]}]" {
		t.Errorf("a new task is put %s", got)
	}
	// Or an order that somebody else has changed meanwhile would be overwritten.
	if got := shop.applied[1].Base["path.txt"]; got != TaskDigest("# start\n") {
		t.Errorf("it is put into a path that was %q", got)
	}
	for name, body := range map[string]string{"another's file": typed("sum/task.md", "", "x"), "no file": typed("../x", "", "x"), "half a form": "name=hello/task.md&text=x",
		"too much": "text=" + strings.Repeat("x", maxTaskForm)} {
		if w := ask("POST", "/tasks/hello", body); w.Code != 400 && w.Code != 413 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := ask("POST", "/tasks/sum/restore", ""); w.Code != 303 || !maps.Equal(shop.applied[2].Files, map[string]string{"sum/task.md": ""}) {
		t.Errorf("%d %+v", w.Code, shop.applied)
	}
	if w := ask("POST", "/tasks/old/restore", ""); w.Header().Get("Location") != "/tasks?done=deleted" {
		t.Errorf("%d %s", w.Code, w.Header())
	}
}

func TestMoved(t *testing.T) {
	for _, c := range []struct{ id, to, want string }{
		{"hello", "down", "[{start [sum hello]} {deep [leak]}]"},
		{"sum", "up", "[{start [sum hello]} {deep [leak]}]"},
		{"sum", "down", "[{start [hello]} {deep [sum leak]}]"},
		{"leak", "up", "[{start [hello sum leak]} {deep []}]"},
		{"hello", "stage:deep", "[{start [sum]} {deep [leak hello]}]"},
		{"hello", "stage:start", "[{start [sum hello]} {deep [leak]}]"},
		{"old", "stage:deep", "[{start [hello sum]} {deep [leak old]}]"},
		{"sum", "out", "[{start [hello]} {deep [leak]}]"},
		{"hello", "up", "[]"}, {"leak", "down", "[]"}, {"old", "up", "[]"}, {"old", "out", "[]"}, {"hello", "stage:none", "[]"}, {"hello", "", "[]"},
	} {
		if got := fmt.Sprint(moved(newShop().pack, c.id, c.to)); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.id, c.to, got, c.want)
		}
	}
	shop, ask := manager(t)
	if w := ask("POST", "/tasks/sum/move", "to=up&from=list"); w.Code != 303 || w.Header().Get("Location") != "/tasks?done=moved#sum" || len(shop.applied) != 1 {
		t.Errorf("%d %s", w.Code, w.Header())
	} else if got := shop.applied[0].Base["path.txt"]; got != TaskDigest("# start\n") {
		t.Errorf("it is moved in a path that was %q", got)
	}
	has(t, ask("POST", "/tasks/nosuch/move", "to=stage:deep"), 404)
}

// form is a zip as a browser sends it.
func upload(t *testing.T, field string, zip []byte) (body, header string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	f, err := m.CreateFormFile(field, "pack.zip")
	if err == nil {
		_, err = f.Write(zip)
	}
	if err = errors.Join(err, m.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String(), "Content-Type: " + m.FormDataContentType()
}

func TestUploadPack(t *testing.T) {
	shop, ask := manager(t)
	send := func(field string, zip []byte) *httptest.ResponseRecorder {
		body, header := upload(t, field, zip)
		return ask("POST", "/tasks/_pack", body, header)
	}
	has(t, send("zip", []byte("no zip")), 422, "This zip cannot be loaded: this is no zip", `\u202e`)
	has(t, send("zip", nil), 422, "Choose a zip first.")
	has(t, send("other", []byte("PK")), 422, "Choose a zip first.")
	has(t, send("zip", append([]byte("PK"), make([]byte, maxPack)...)), 413, "at most 2 MiB")
	has(t, ask("POST", "/tasks/_pack", "zip=x"), 422, "Choose a zip first.")
	has(t, ask("POST", "/tasks/_pack/apply", "pack=x"), 409, "upload it again")
	has(t, send("zip", []byte("PK# broken")), 422, "Nothing was changed", "path.txt:3", "!/tasks/_path", "!_pack/apply")
	w := send("zip", []byte("PK# start"))
	has(t, w, 200, "What would change", "<code>fresh</code>", "Removed from the path", "The order or the stages’ titles change.", "README.md")
	digest := regexp.MustCompile(`name="pack" value="([0-9a-f]{64})"`).FindStringSubmatch(w.Body.String())
	if digest == nil {
		t.Fatalf("there is nothing to apply: %s", w.Body)
	}
	has(t, ask("POST", "/tasks/_pack/apply", "pack=another"), 409)
	if w := ask("POST", "/tasks/_pack/apply", "pack="+digest[1]); w.Code != 303 || w.Header().Get("Location") != "/tasks?done=pack" || !shop.applied[0].Whole {
		t.Errorf("%d %s", w.Code, w.Header())
	}
	has(t, ask("POST", "/tasks/_pack/apply", "pack="+digest[1]), 409) // it is done
	w = ask("GET", "/tasks/_pack.zip", "")
	if w.Body.String() != "PK the path" || w.Header().Get("Content-Type") != "application/zip" {
		t.Errorf("%s %s", w.Header(), w.Body)
	}
}

func TestPackByAPI(t *testing.T) {
	shop := newShop()
	s, _ := server(t, Options{Tasks: shop})
	zip := "Content-Type: application/zip"
	if w := do(s, "POST", "/api/v1/tasks/pack?dry_run=true", "PK# start", zip); w.Code != 200 || !strings.Contains(w.Body.String(), `"added":["fresh"]`) ||
		!strings.Contains(w.Body.String(), `"applied":false`) || !strings.Contains(w.Body.String(), `"code":"ignored"`) || len(shop.applied) > 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := do(s, "POST", "/api/v1/tasks/pack", "PK# broken", zip); w.Code != 200 || !strings.Contains(w.Body.String(), `{"file":"path.txt","line":3,"code":"format",`) || len(shop.applied) > 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := do(s, "POST", "/api/v1/tasks/pack", "PK# start", zip); w.Code != 200 || !strings.Contains(w.Body.String(), `"applied":true`) || shop.by.Via != "api" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := do(s, "POST", "/api/v1/tasks/pack", "no zip", zip); w.Code != 400 || !strings.Contains(w.Body.String(), "this is no zip") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := do(s, "POST", "/api/v1/tasks/pack", strings.Repeat("x", maxPack+1), zip); w.Code != 413 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := do(s, "GET", "/api/v1/tasks/pack", ""); w.Code != 200 || w.Body.String() != "PK the path" || w.Header().Get("Content-Type") != "application/zip" {
		t.Errorf("%d %s %s", w.Code, w.Header(), w.Body)
	}
	for _, method := range []string{"GET", "POST"} {
		if w := do(s, method, "/api/v1/tasks/pack", "PK", zip, "Authorization: "); w.Code != 401 {
			t.Errorf("%s without the token: %d", method, w.Code)
		}
	}
	shop.err = ErrNoTasks
	if w := do(s, "GET", "/api/v1/tasks/pack", ""); w.Code != 404 {
		t.Errorf("without a path: %d", w.Code)
	}
}
