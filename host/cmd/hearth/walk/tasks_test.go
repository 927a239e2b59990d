package walk

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/client"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/plugins/tasks/tasks"
)

// TestTasksPage is a manager's hour: they sign in, see who gets how far, give a
// task another title and a member meets it in the chat; what cannot be solved is
// not saved, and a pack that is broken is refused with file and line.
func TestTasksPage(t *testing.T) {
	browser := tabtest.Start(t)
	logs := new(lockedBuffer)
	data := ""
	url := school(t, logs, func(c *config.Config) { data = c.Server.Data })
	token, err := app.ReadToken(data)
	if err != nil {
		t.Fatal(err)
	}

	// Two begin the first task, one of them solves it.
	ada, bob := tabtest.New(t, browser, url), tabtest.New(t, browser, url)
	for tab, name := range map[*tabtest.Tab]string{ada: "Ada", bob: "Bob"} {
		tab.Look(1280, 800, false)
		tab.ComeIn(name, "en")
		tab.UntilText("#list", "Say hello")
	}
	ada.Write("#main", hello)
	ada.UntilText("#list", "Start a module")

	m := tabtest.New(t, browser, url)
	m.Look(1280, 1100, false)
	set := func(id, text string) {
		t.Helper()
		tabtest.Eval[bool](m, fmt.Sprintf("(() => { document.getElementById(%q).value = %q; return true })()", id, text))
	}
	value := func(id string) string {
		return tabtest.Eval[string](m, fmt.Sprintf("document.getElementById(%q).value", id))
	}
	send := func(form string) {
		t.Helper()
		m.Click(`form[action="` + form + `"] .btn:last-of-type`)
	}
	m.Run("open the tasks", chromedp.Navigate(url+"/tasks"))
	m.Until("location.pathname === '/login'")
	m.Keep("tasks-login-en")
	set("token", "a guess")
	m.Click(".primary")
	m.UntilText(".sorry", "This token opens nothing")
	set("token", token)
	m.Click(".primary")
	m.UntilText("#go-run .figure", "50 %")
	m.UntilText("#go-run .figure", "1 of 2")
	m.Until("document.querySelector('#fizzbuzz .rate').textContent.trim() === ''") // nobody began it
	m.Fits("the path")
	m.Keep("tasks-list-en")

	// Another title, and a member meets it at once.
	m.Click("#go-run a")
	m.UntilText("h1", "Say hello")
	m.Keep("tasks-one-en")
	task := value("go-run/task.md")
	set("go-run/task.md", strings.Replace(task, "# Say hello", "# Greet the gophers", 1))
	send("/tasks/go-run")
	m.UntilText(".done", "Saved.")
	m.UntilText("h1", "Greet the gophers")
	bob.Write("#main", "/task")
	bob.UntilText("#list", "Greet the gophers")

	// What nobody can solve is not saved, and nothing of it is lost.
	code := value("go-run/code.txtar")
	set("go-run/code.txtar", strings.ReplaceAll(code, "Hello, gophers!", "Hello, world!")+"-- tests/x_test.go --\n")
	send("/tasks/go-run")
	m.UntilText(".problems", "go-run/code.txtar")
	unsolved := strings.Replace(code, "fmt.Println(\"Hello, gophers!\")", "fmt.Println(\"Bye\")", 1)
	if unsolved == code {
		t.Fatal("the solution of go-run is another than this test thinks")
	}
	set("go-run/code.txtar", unsolved)
	send("/tasks/go-run")
	m.UntilText(".problems", "The solution is not accepted: wrong_answer")
	m.UntilText(".problems code", "go-run/code.txtar:")
	if value("go-run/code.txtar") != unsolved {
		t.Error("what was typed is lost")
	}
	m.Fits("a task with a problem")
	m.Keep("tasks-problem-en")

	// Up and down.
	m.Run("go back", chromedp.Navigate(url+"/tasks"))
	m.Click(`#go-run button[value="down"]`)
	m.UntilText(".done", "Moved.")
	m.Until("document.querySelector('.rows li').id === 'mod-init'")

	// A pack with a mistake in it, and one without.
	files, _, err := pack.Read(tasks.FS)
	if err != nil {
		t.Fatal(err)
	}
	upload := func(change func(files map[string]string)) {
		t.Helper()
		changed := maps.Clone(files)
		change(changed)
		var b bytes.Buffer
		if err := pack.WriteZip(&b, changed); err != nil {
			t.Fatal(err)
		}
		m.Run("go back", chromedp.Navigate(url+"/tasks"))
		m.Until("document.querySelector('#zip')")
		tabtest.Eval[bool](m, fmt.Sprintf(`(() => {
			const bytes = Uint8Array.from(atob(%q), (c) => c.charCodeAt(0)), dt = new DataTransfer()
			dt.items.add(new File([bytes], "pack.zip", { type: "application/zip" }))
			document.querySelector("#zip").files = dt.files
			return true
		})()`, base64.StdEncoding.EncodeToString(b.Bytes())))
		send("/tasks/_pack")
	}
	upload(func(f map[string]string) {
		f["fizzbuzz/task.md"] = strings.Replace(f["fizzbuzz/task.md"], "kind: test", "kind: exam", 1)
	})
	m.UntilText(".problems code", "fizzbuzz/task.md:2")
	m.UntilText(".problems", `there is no kind "exam"`)
	m.Fits("a broken pack")
	m.Keep("tasks-pack-broken-en")
	upload(func(f map[string]string) {
		f["fizzbuzz/task.md"] = strings.Replace(f["fizzbuzz/task.md"], "# FizzBuzz", "# Fizz and Buzz", 1)
	})
	m.UntilText(".card h2", "What would change")
	m.Keep("tasks-pack-en")
	m.Click(`form[action="/tasks/_pack/apply"] .primary`)
	m.UntilText(".done", "The pack is loaded.")
	m.UntilText("#fizzbuzz a", "Fizz and Buzz")
	m.Until("document.querySelector('.rows li').id === 'go-run'") // as the pack has it
	bob.Write("#main", "/task")
	bob.UntilText("#list", "Say hello")
	if s := logs.String(); !strings.Contains(s, "the learning path was changed") || !strings.Contains(s, `by="admin `) || strings.Contains(s, token) {
		t.Error("the log does not say who changed the path, or tells the token")
	}

	m.Look(320, 640, true)
	m.Run("in Chinese", chromedp.Navigate(url+"/tasks?lang=zh-CN"))
	m.UntilText("h1", "任务")
	m.Fits("the path in Chinese")
	m.Keep("tasks-list-zh-CN")
	m.Run("a task in Chinese", chromedp.Navigate(url+"/tasks/fizzbuzz"))
	m.UntilText("h2", "成员看到的样子")
	m.Fits("a task in Chinese")
	m.Keep("tasks-one-zh-CN")
	m.Run("its form", chromedp.Navigate(url+"/tasks/fizzbuzz#edit"))
	m.Keep("tasks-edit-zh-CN")

	// By the command line's way: the path as it is is a pack, and changes nothing.
	c := &client.Client{URL: url, Token: token}
	zip, err := c.Tasks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.LoadTasks(t.Context(), zip, false)
	if err != nil || len(r.Files) > 0 || !r.Applied {
		t.Errorf("the path's own zip: %v, %+v", err, r)
	}
	small := map[string]string{"path.txt": "# start\nmod-init\nfizzbuzz\n", "stages.en.json": `{"start": "Begin"}`}
	for name, text := range files {
		if dir := filepath.Dir(name); slices.Contains([]string{"mod-init", "fizzbuzz"}, dir) {
			small[name] = text
		}
	}
	small["fizzbuzz/code.txtar"] = strings.Replace(small["fizzbuzz/code.txtar"], `{5, "Buzz"}`, `{5, "Fizz"}`, 1)
	var b bytes.Buffer
	if err := pack.WriteZip(&b, small); err != nil {
		t.Fatal(err)
	}
	if r, err = c.LoadTasks(t.Context(), b.Bytes(), true); err != nil || len(r.Problems) != 1 || r.Problems[0].Code != "solution" || r.Problems[0].Line != 13 {
		t.Errorf("a pack that nobody can solve: %v, %+v", err, r.Problems)
	}

	m.Look(1280, 800, false)
	m.Run("to the path", chromedp.Navigate(url+"/tasks?lang=en"))
	m.Click(".who")
	m.Click(`form[action="/logout"] button`)
	m.Until("location.pathname === '/login'")
}
