package house

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// manage carries out what a manager says of the bot.
func (t *turn) manage(args string) {
	if !slices.Contains(t.s.Managers, t.ev.Member.ID) {
		t.reply(content(t.text("manage.not", "id", t.ev.Member.ID)))
		return
	}
	switch what := strings.ToLower(strings.TrimSpace(args)); what {
	case "status", "":
		t.ask(Status)
	case "pause":
		// Said before: afterwards nothing is.
		t.reply(content(t.text("manage.pausing")))
		t.ask(Pause)
	case "resume":
		t.ask(Resume)
	default:
		t.reply(content(t.text("manage.unknown", "word", chat.Cut(what, 40))))
	}
}

// answered says what became of what the host was asked for.
func (t *turn) answered(r *abi.Result) error {
	if r.Error != "" {
		if r.Name == Report {
			return errors.New(r.Error) // nobody waits for it: it is tried again
		}
		t.reply(content(t.text("failed", "why", r.Error)))
		return nil
	}
	switch r.Name {
	case Export:
		var x Exported
		if err := json.Unmarshal(r.Body, &x); err != nil {
			return fmt.Errorf("answer to %s: %w", r.Name, err)
		}
		t.exported(&x)
	case Status, Resume:
		var s State
		if err := json.Unmarshal(r.Body, &s); err != nil {
			return fmt.Errorf("answer to %s: %w", r.Name, err)
		}
		t.state(r.Name, &s)
	case Link, Linked, Unlink:
		var a Account
		if err := json.Unmarshal(r.Body, &a); err != nil {
			return fmt.Errorf("answer to %s: %w", r.Name, err)
		}
		t.account(r.Name, &a)
	case Code:
		var l Login
		if err := json.Unmarshal(r.Body, &l); err != nil {
			return fmt.Errorf("answer to %s: %w", r.Name, err)
		}
		t.login(&l)
	case Report:
		var w Week
		if err := json.Unmarshal(r.Body, &w); err != nil {
			return fmt.Errorf("answer to %s: %w", r.Name, err)
		}
		t.report(&w)
	}
	return nil
}

// state says how hearth is.
func (t *turn) state(asked string, s *State) {
	head := "state.well"
	switch {
	case asked == Resume:
		head = "state.resumed"
	case s.Paused:
		head = "state.paused"
	}
	b := abi.Block{Fields: []abi.Field{
		{Label: t.T("state.plugins"), Value: fmt.Sprint(s.Plugins)},
		{Label: t.T("state.waiting"), Value: fmt.Sprint(s.Waiting)},
		{Label: t.T("state.failed"), Value: fmt.Sprint(s.Failed)},
	}}
	blocks := []abi.Block{t.text(head), b}
	if len(s.Platforms) == 0 {
		blocks = append(blocks, t.text("state.none"))
	}
	t.reply(content(append(blocks, t.platforms(s.Platforms)...)...))
}

// platforms are what is to be said of those that are held, or have much to do.
func (t *turn) platforms(list []Platform) (blocks []abi.Block) {
	for _, p := range list {
		switch {
		case p.Held != "" && p.Advice != "":
			blocks = append(blocks, t.text("state.held.advice", "platform", p.Name, "code", p.Held, "advice", p.Advice))
		case p.Held != "":
			blocks = append(blocks, t.text("state.held", "platform", p.Name, "code", p.Held))
		}
	}
	return blocks
}

// report writes to each manager what the week was like, in their language. Of
// what is not known nothing is said.
func (t *turn) report(w *Week) {
	for _, r := range w.Readers {
		if t.locale = r.Locale; t.locale == "" {
			t.locale = t.s.Locale
		}
		b := abi.Block{Fields: []abi.Field{}}
		for _, f := range []struct {
			key string
			n   *int
		}{{"week.newcomers", w.Newcomers}, {"week.greeted", w.Greeted}, {"week.first_task", w.FirstTask}, {"week.failed", &w.Failed}} {
			value := "–"
			if f.n != nil {
				value = fmt.Sprint(*f.n)
			}
			b.Fields = append(b.Fields, abi.Field{Label: t.T(f.key), Value: value})
		}
		blocks := []abi.Block{{Heading: t.T("week.title", "community", t.s.Community)}, b}
		blocks = append(blocks, t.platforms(w.Held)...)
		blocks = append(blocks, abi.Block{Context: t.T("week.span", "from", w.From, "to", w.To)})
		t.direct(r.Member, content(blocks...))
	}
}
