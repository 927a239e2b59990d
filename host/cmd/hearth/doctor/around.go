package doctor

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/sdk/abi"
)

// slack asks Slack whether the tokens are good.
func (e *exam) slack(ctx context.Context) {
	if !e.c.Slack.Enabled() {
		return
	}
	a, err := app.NewSlack(e.c, deaf{}, func() []abi.Manifest { return e.enabled }, nil)
	if err != nil {
		e.fail("slack", "see [slack] in hearth.example.toml", "%v", err)
		return
	}
	if !e.c.Slack.AppToken.Set() && e.c.Server.PublicURL == "" {
		e.fail("slack", "set server.public_url to where Slack reaches hearth, or slack.app_token to use Socket Mode", "Slack cannot call hearth: it has no public address")
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	h := a.Check(ctx)
	if !h.OK {
		e.fail("slack", h.Advice, "Slack says %s", h.Code)
		return
	}
	e.ok("slack", "hearth is %s", h.Account)
}

// deaf takes nothing in: the doctor only asks.
type deaf struct{}

func (deaf) Accept(context.Context, chat.Incoming) (chat.Outcome, error) { return 0, chat.ErrBusy }
func (deaf) Form(context.Context, string) (abi.Form, error)              { return abi.Form{}, chat.ErrGone }
func (deaf) Commands() []abi.CommandDef                                  { return nil }

// Bounds of the clock. Slack refuses, and hearth does, what is five minutes off.
const (
	clockNote = 30 * time.Second
	clockFail = 4 * time.Minute
)

// clock holds the machine's against what must lie in the past, and against
// Slack's, where that is asked anyway. Numbers of events rise with the clock,
// and signatures and timers go by it.
func (e *exam) clock(ctx context.Context) {
	now := e.o.Now()
	const advice = "set the clock, and let NTP keep it (timedatectl set-ntp true)"
	if !e.o.Built.IsZero() && now.Before(e.o.Built) {
		e.fail("clock", advice, "it is %s here, before this hearth was made (%s)", now.UTC().Format(time.RFC3339), e.o.Built.UTC().Format(time.RFC3339))
		return
	}
	if e.c == nil {
		e.ok("clock", "it is %s", now.UTC().Format(time.RFC3339))
		return
	}
	if info, err := os.Stat(filepath.Join(e.c.Server.Data, "store.db")); err == nil && info.ModTime().After(now.Add(clockNote)) {
		e.fail("clock", advice, "it is %s here, and the data were written to at %s", now.UTC().Format(time.RFC3339), info.ModTime().UTC().Format(time.RFC3339))
		return
	}
	if !e.c.Slack.Enabled() {
		e.ok("clock", "it is %s, behind all that has happened here", now.UTC().Format(time.RFC3339))
		return
	}
	there, err := date(ctx, e.c.Slack.APIURL)
	if err != nil {
		e.note("clock", "compare it with another", "Slack's clock could not be asked: %v", err)
		return
	}
	off := e.o.Now().Sub(there).Round(time.Second)
	switch {
	case off.Abs() > clockFail:
		e.fail("clock", advice, "it is %s off Slack's: signatures are refused", off.Abs())
	case off.Abs() > clockNote:
		e.note("clock", advice, "it is %s off Slack's", off.Abs())
	default:
		e.ok("clock", "it agrees with Slack's")
	}
}

// date is a web server's clock, to the second.
func date(ctx context.Context, url string) (time.Time, error) {
	if url == "" {
		url = "https://slack.com/api/"
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return time.Time{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	_ = resp.Body.Close() // a HEAD has none
	return http.ParseTime(resp.Header.Get("Date"))
}

// goMinor is the Go that plugins are built with: 1.26.
const goMinor = 26

var goVersion = regexp.MustCompile(`go1\.(\d+)\S*`)

// toolchain looks for the Go that authors need. To run hearth none is needed.
func (e *exam) toolchain(ctx context.Context) {
	path, err := exec.LookPath("go")
	if errors.Is(err, exec.ErrNotFound) {
		e.ok("toolchain", "there is no go command; it is needed to build plugins, not to run them")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err2 := exec.CommandContext(ctx, path, "version").Output()
	if err = errors.Join(err, err2); err != nil {
		e.note("toolchain", "look after it, or take it off PATH", "the go command does not work: %v", err)
		return
	}
	m := goVersion.FindStringSubmatch(string(out))
	if m == nil {
		e.note("toolchain", "install Go 1.26 or later to build plugins", "%s is no Go that is known here", path)
		return
	}
	if minor, err := strconv.Atoi(m[1]); err != nil || minor < goMinor {
		e.note("toolchain", "install Go 1.26 or later to build plugins", "%s is %s", path, m[0])
		return
	}
	e.ok("toolchain", "%s builds plugins", m[0])
}
