package plug

import (
	"net/http"
	"strconv"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// listView is the page /admin/plugins.
type listView struct {
	page.Head
	Done    string
	Plugins []rowView
	Waiting []waitingView // versions that were uploaded and are not live
}

// rowView is a plugin in the list.
type rowView struct {
	Name, Path, About, Version, SHA string
	State, Says                     string
	Spark                           *spark
	Hour                            string // the last hour in words
	Waiting, Failures               int
	FailuresAt                      string
	Notes                           []string // what is under way
}

type waitingView struct{ Name, Path string }

func (p *pages) list(w http.ResponseWriter, r *page.Request) error {
	list, err := p.o.Plugins.Plugins(r.Context())
	if err != nil {
		return err
	}
	t := p.Texts(r)
	v := &listView{Head: page.Head{Title: t.Say("plugins")}, Done: p.Done(r)}
	for i := range list {
		pl := &list[i]
		v.Plugins = append(v.Plugins, row(t, pl))
		if pl.Newest != "" {
			v.Waiting = append(v.Waiting, waitingView{pl.Name, versionPath(pl.Name, pl.Newest)})
		}
	}
	return p.Show(w, r, http.StatusOK, "plugins", v)
}

func row(t page.Texts, pl *web.Plugin) rowView {
	v := rowView{Name: pl.Name, Path: onePath(pl.Name), About: page.Printable(about(t, pl)), Version: page.Printable(pl.Version), SHA: fit(pl.SHA256), Waiting: pl.Waiting,
		Failures: pl.Failures, FailuresAt: "/admin/events?" + page.Query("tab", "failed", "plugin", pl.Name)}
	v.State, v.Says = state(t, pl.Status)
	if pl.Health != nil {
		v.Hour = hour(t, pl.Health)
		if pl.Health.Events > 0 {
			v.Spark = newSpark(t, pl.Name, pl.Health)
		}
	}
	if pl.Rollout != nil {
		v.Notes = append(v.Notes, t.Say("note.rollout"))
	}
	if pl.Shadow != "" {
		v.Notes = append(v.Notes, t.Say("note.shadow"))
	}
	if pl.Migration != nil {
		v.Notes = append(v.Notes, t.Say("note.migration"))
	}
	return v
}

// about is what a plugin is for, in its own words.
func about(t page.Texts, pl *web.Plugin) string {
	if s := pl.AboutIn[t.String()]; s != "" {
		return s
	}
	return pl.About
}

// state is how a plugin is: the badge and what it says.
func state(t page.Texts, status string) (badge, says string) {
	badge = "plain"
	switch status {
	case "live":
		badge = "good"
	case "held back":
		badge = "bad"
	case "probing":
		badge = "wait"
	case "staged":
		badge = "wait"
	}
	key := "state." + status
	if status == "held back" {
		key = "state.held"
	}
	return badge, t.Say(key)
}

// hour is the last hour in a few words.
func hour(t page.Texts, h *web.Health) string {
	key := "hour.events.many"
	if h.Events == 1 {
		key = "hour.events.one"
	}
	s := t.Say(key, thousands(h.Events))
	if h.Failed > 0 {
		s += t.Say("hour.failed", thousands(h.Failed))
	}
	return s
}

// thousands writes a number so that it can be read.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
