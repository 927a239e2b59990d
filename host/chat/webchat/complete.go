package webchat

import (
	"net/http"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// hint is a line of the list that opens while somebody types.
type hint struct {
	Insert string `json:"insert"`
	Label  string `json:"label"`
	Args   string `json:"args,omitempty"`
	Help   string `json:"help,omitempty"`
}

const mostHints = 8

// complete offers what may stand for the word that q begins with: a command, a
// member or a channel.
func (a *Adapter) complete(w http.ResponseWriter, r *http.Request, me *visitor) error {
	q, ok := line(r.URL.Query().Get("q"))
	hints := []hint{}
	if ok && q != "" {
		if err := a.read(r.Context(), func(v *view) (err error) {
			switch q[0] {
			case '/':
				hints = append(hints, a.commandHints(q[1:], me.ui.Lang)...)
			case '@':
				if strings.HasPrefix(bot, fold(q[1:])) {
					hints = append(hints, hint{Insert: "@" + bot, Label: "@" + bot, Help: me.ui.T("bot.about")})
				}
				people, err := v.directory(q[1:], mostHints)
				if err != nil {
					return err
				}
				for _, p := range people {
					hints = append(hints, hint{Insert: "@" + p.Name, Label: "@" + p.Name})
				}
			case '#':
				all, err := v.channels()
				if err != nil {
					return err
				}
				for _, c := range all {
					if strings.HasPrefix(c.Name, strings.ToLower(q[1:])) && len(hints) < mostHints {
						hints = append(hints, hint{Insert: "#" + c.Name, Label: "#" + c.Name, Help: c.Topic})
					}
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"hints": hints})
	return nil
}

func (a *Adapter) commandHints(prefix, lang string) []hint {
	var out []hint
	for _, c := range a.sink.Commands() {
		if !c.Hidden && strings.HasPrefix(c.Name, strings.ToLower(prefix)) {
			out = append(out, commandHint(c, lang))
		}
	}
	return out
}

func commandHint(c abi.CommandDef, lang string) hint {
	return hint{Insert: "/" + c.Name, Label: "/" + c.Name, Args: c.Args.In(lang), Help: c.Help.In(lang)}
}
