package house

import (
	"encoding/json"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// Account is how a member stands with a GitHub account.
type Account struct {
	State   string `json:"state,omitempty"`
	Handle  string `json:"handle,omitempty"`
	Code    string `json:"code,omitempty"`    // that it is to show
	Minutes int    `json:"minutes,omitempty"` // for which the code is good
}

// The states of an Account.
const (
	AccountOff     = "off"     // the community has not connected GitHub
	AccountNone    = "none"    // they have linked none
	AccountClaimed = "claimed" // it is to show the code
	AccountLinked  = "linked"
	AccountMissing = "missing" // it does not show the code
	AccountLate    = "late"    // it did not show the code in time
	AccountUnknown = "unknown" // there is no such account
	AccountBusy    = "busy"    // GitHub does not say at present
	AccountGone    = "gone"    // they have none any more
)

// Login is a code by which a member's own machine comes to a token.
type Login struct {
	Code    string `json:"code"`
	URL     string `json:"url"` // of hearth
	Minutes int    `json:"minutes"`
}

// link carries out what a member says of what they have elsewhere.
func (t *turn) link(args string) {
	what, rest, _ := strings.Cut(strings.TrimSpace(args), " ")
	switch strings.ToLower(what) {
	case "github", "":
		note, err := json.Marshal(Account{Handle: strings.TrimSpace(rest)})
		if err != nil {
			t.ef.Error = err.Error()
			return
		}
		t.ef.Out = append(t.ef.Out, abi.Effect{Action: &abi.Action{Name: Link, Host: Link, Note: note}})
	case "go":
		t.ask(Code)
		if ev := t.ev; ev.Conversation.ID != "" && ev.Conversation.Kind != abi.Direct {
			t.reply(content(t.text("export.directly")))
		}
	default:
		t.reply(content(t.text("link.unknown", "word", cutWord(what))))
	}
}

// account says how a member stands, and what they can do.
func (t *turn) account(asked string, a *Account) {
	again := abi.Block{Buttons: []abi.Button{{Label: t.T("button.linked"), Action: "linked", Style: "primary", Often: abi.AnyTimes}}}
	switch a.State {
	case AccountClaimed:
		t.reply(content(
			abi.Block{Heading: t.T("link.title")},
			t.text("link.claimed", "handle", a.Handle),
			abi.Block{Code: a.Code},
			t.text("link.how", "n", a.Minutes),
			again,
		))
	case AccountMissing:
		t.reply(content(t.text("link.missing", "handle", a.Handle), abi.Block{Code: a.Code}, again))
	case AccountBusy:
		t.reply(content(t.text("link.busy"), again))
	case AccountLate:
		t.reply(content(t.text("link.late", "handle", a.Handle)))
	case AccountLinked:
		key := "link.linked"
		if asked == Link {
			key = "link.is"
		}
		t.reply(content(t.text(key, "handle", a.Handle),
			abi.Block{Buttons: []abi.Button{{Label: t.T("button.unlink"), Action: "unlink", Often: abi.AnyTimes}}}))
	case AccountUnknown:
		t.reply(content(t.text("link.nobody", "handle", cutWord(a.Handle))))
	case AccountGone:
		t.reply(content(t.text("link.gone")))
	case AccountOff:
		t.reply(content(t.text("link.off")))
	default:
		t.reply(content(t.text("link.none")))
	}
}

// login hands a member the code, to nobody's eyes but theirs.
func (t *turn) login(l *Login) {
	t.direct(t.ev.Member.ID, content(
		abi.Block{Heading: t.T("login.title")},
		t.text("login"),
		abi.Block{Code: "hearth go login " + l.URL + " " + l.Code, Lang: "sh"},
		t.text("login.what", "n", l.Minutes),
	))
}

// cutWord is a word as a member wrote it, shortened.
func cutWord(s string) string { return chat.Cut(s, 40) }
