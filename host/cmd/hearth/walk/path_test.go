package walk

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/verify/verifytest"
)

// What the newcomers of these tests post for the first three tasks.
const (
	unused = "```go\npackage main\n\nimport \"fmt\"\n\nfunc main() {\n\tgreeting := \"Hello, gophers!\"\n\tfmt.Println(\"Hello\")\n}\n```"
	hello  = "```go\npackage main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(\"Hello, gophers!\")\n}\n```"
	typo   = "go mod int: unknown command\nRun 'go help mod' for usage."
	module = "$ go mod init demo\ngo: creating new go.mod: module demo"
	red    = "```go\npackage main\n\nfunc Greet(name string) string {\n\treturn \"Hello, \" + name\n}\n\nfunc main() {}\n```"
	green  = "```go\npackage main\n\nfunc Greet(name string) string {\n\tif name == \"\" {\n\t\tname = \"stranger\"\n\t}\n\treturn \"Hello, \" + name + \"!\"\n}\n\nfunc main() {}\n```"
)

// TestPath walks the first three tasks as newcomers do, with a browser in either
// language and at Slack: a broken program is answered with the line, a caret and
// a hint; the right one with the next task; three of them with the badge.
func TestPath(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: it needs the compiler in the sandbox")
	}
	stand := chattest.NewSlack(chattest.SlackOptions{SigningSecret: signingSecret})
	t.Cleanup(stand.Close)
	logs := new(lockedBuffer)
	url := school(t, logs, func(c *config.Config) {
		c.Slack = config.Slack{SigningSecret: config.NewSecret(signingSecret), BotToken: config.NewSecret(stand.Options().BotToken), APIURL: stand.APIURL()}
	})
	t.Run("browser", func(t *testing.T) {
		browser := tabtest.Start(t)
		for _, w := range pathWalks {
			t.Run(w.locale, func(t *testing.T) { w.walk(t, tabtest.New(t, browser, url)) })
		}
	})
	t.Run("slack", func(t *testing.T) { pathAtSlack(&workspace{Slack: stand, t: t, url: url, logs: logs}) })
	t.Run("figures", func(t *testing.T) {
		seen := figures(t, url)
		for _, line := range []string{`hearth_verify_results_total{verdict="vet_error"} 0`, `hearth_verify_ready 1`, `hearth_verify_waiting 0`} {
			if !strings.Contains(seen, line+"\n") {
				t.Errorf("/metrics does not say %s", line)
			}
		}
		if strings.Contains(seen, `hearth_verify_results_total{verdict="accepted"} 0`+"\n") {
			t.Error("/metrics counts no accepted submission")
		}
	})
}

// figures is what Prometheus reads.
func figures(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// school runs a whole hearth with tasks, and the compiler ready.
func school(t *testing.T, logs *lockedBuffer, change func(*config.Config)) (url string) {
	t.Helper()
	pack := verifytest.Pack(t)
	plugins(t)
	c := config.Default()
	c.Server.Data = t.TempDir()
	c.Plugins["tasks"] = config.Plugin{Enabled: true, Config: []byte(`{"first_after": "0s"}`)}
	change(c)
	verifytest.Reuse(t, filepath.Join(c.Server.Data, app.CacheDir), filepath.Join(c.Server.Data, app.ToolchainDir))
	url = serveFrom(t, app.Options{Config: c, Plugins: os.DirFS(built.path), Packs: []string{filepath.Dir(pack)},
		Logger: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(4 * time.Minute); !strings.Contains(logs.String(), "code is compiled and run"); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("the compiler was not ready within four minutes; logs:\n", logs)
		}
	}
	return url
}

// pathWalk is the path in a browser: what is seen, in which language.
type pathWalk struct {
	locale, name  string
	width, height int64
	dark          bool

	first, unused, hint, right, second, usage, third, red, badge, overview string
}

var pathWalks = []pathWalk{
	{"en", "Ada", 1280, 800, false,
		"Say hello", "declared and not used: greeting", "💡", "“Say hello”: that is right!", "Start a module", "The go command did not understand this",
		"Turn your first test green", "0 of 2 tests passed", "Go newcomer", "This is your path, Ada:"},
	{"zh-CN", "王伟", 320, 640, true,
		"打个招呼", "declared and not used: greeting", "💡", "“打个招呼”：答对了！", "新建一个模块", "go 没看懂这条命令",
		"让第一个测试变绿", "2 个测试里有 0 个通过", "Go 新人", "王伟，这是你的学习路径："},
}

func (w *pathWalk) walk(t *testing.T, tab *tabtest.Tab) {
	tab.Look(w.width, w.height, w.dark)
	keep := func(what string) {
		t.Helper()
		tab.Rest()
		tab.Fits(what)
		tab.Keep("path-" + what + "-" + w.locale)
	}
	tab.ComeIn(w.name, w.locale)
	tab.UntilText("#list", w.first)
	tab.Write("#main", unused)
	tab.UntilText("#list", w.unused)
	tab.UntilText("#list", w.hint)
	tab.UntilText("#list pre", "^") // the caret, below the line that it shows
	keep("broken")
	tab.Write("#main", hello)
	tab.UntilText("#list", w.right)
	tab.UntilText("#list", w.second)
	keep("fixed")
	tab.Write("#main", typo)
	tab.UntilText("#list", w.usage)
	tab.Write("#main", module)
	tab.UntilText("#list", w.third)
	tab.Write("#main", red)
	tab.UntilText("#list", w.red)
	keep("red")
	tab.Write("#main", green)
	tab.UntilText("#list", w.badge)
	keep("badge")
	tab.Write("#main", "/go-start")
	tab.UntilText("#list", w.overview)
	keep("overview")
}

// pathAtSlack is the same in a direct message at Slack.
func pathAtSlack(w *workspace) {
	w.AddUser(chattest.SlackUser{ID: "U1", Name: "Grace", Locale: "en-US", TZ: "Europe/London"})
	w.AddChannel(chattest.SlackChannel{ID: "C1", Name: "general"})
	w.post("/slack/events", w.ChannelJoin("Ev1", "U1", "C1"))
	dm := chattest.DM("U1")
	w.stands(dm, "", "Say hello")
	say := func(text, want string) chattest.SlackMessage {
		w.t.Helper()
		body, _ := w.Say("U1", dm, text)
		w.post("/slack/events", body)
		return w.stands(dm, "", want)
	}
	broken := say(unused, "declared and not used: greeting")
	if text := blocksText(broken); broken.Edits == 0 || !bytes.Contains(text, []byte("^")) || !bytes.Contains(text, []byte("💡")) {
		w.t.Errorf("the answer to broken code is %+v, want the first answer edited, with a caret and a hint", broken)
	}
	say(hello, "that is right!")
	w.stands(dm, "", "Start a module")
	say(module, "Turn your first test green")
	say(green, "Go newcomer")
}
