package house

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// answerTime is for how long the question whether to forget somebody stands.
const answerTime = time.Hour

// question is the note of its button: whom it is for, and until when.
type question struct {
	Member string `json:"m"`
	Until  int64  `json:"u"`
}

// privacy says what is kept of a member, why and for how long.
func (t *turn) privacy() {
	s := t.s
	lines := []string{t.T("privacy.profile"), t.T("privacy.progress"), t.T("privacy.events", "time", t.span(s.Journal)),
		t.T("privacy.questions"), t.T("privacy.seen", "time", t.span(s.Seen)), t.T("privacy.figures"), t.T("privacy.totals", "time", t.span(s.Tracks)), t.T("privacy.audit", "time", t.span(s.Audit))}
	t.reply(content(
		abi.Block{Heading: t.T("privacy.title")},
		t.text("privacy"),
		abi.Block{Text: "- " + strings.Join(lines, "\n- ")},
		t.text("privacy.rights"),
		abi.Block{Buttons: []abi.Button{
			{Label: t.T("button.export"), Action: "export", Often: abi.AnyTimes},
			{Label: t.T("button.forget"), Action: "ask", Often: abi.AnyTimes},
		}},
	))
}

// span is a time in words: days, or what is less.
func (t *turn) span(d time.Duration) string {
	switch days := int(d / (24 * time.Hour)); {
	case days >= 2*365 && days%365 <= days/365: // leap days aside
		return t.T("span.years", "n", days/365)
	case days > 0:
		return t.T("span.days", "n", days)
	}
	return t.T("span.hours", "n", max(1, int(d/time.Hour)))
}

// confirm asks whether the member is to be forgotten. The button is for them
// alone, works once, and not for ever.
func (t *turn) confirm() {
	note, err := json.Marshal(question{t.ev.Member.ID, t.now + answerTime.Milliseconds()})
	if err != nil {
		t.ef.Error = err.Error()
		return
	}
	t.reply(content(
		abi.Block{Heading: t.T("forget.title")},
		t.text("forget"),
		t.text("forget.stays"),
		abi.Block{Buttons: []abi.Button{
			{Label: t.T("button.yes"), Action: "forget", Style: "danger", Note: note},
			{Label: t.T("button.no"), Action: "keep", Note: note},
		}},
	))
}

func (t *turn) pressed(action string) error {
	switch action {
	case "export":
		t.export()
		return nil
	case "ask":
		t.confirm()
		return nil
	case "linked":
		t.ask(Linked)
		return nil
	case "unlink":
		t.ask(Unlink)
		return nil
	}
	var q question
	if err := json.Unmarshal(t.ev.Note, &q); err != nil {
		return fmt.Errorf("note of the button %s: %w", action, err)
	}
	switch {
	case q.Member != t.ev.Member.ID:
		t.reply(content(t.text("forget.others")))
	case action == "keep":
		t.reply(content(t.text("forget.kept")))
	case t.now > q.Until:
		t.reply(content(t.text("forget.late")))
	default:
		t.ask(Forget)
	}
	return nil
}

func (t *turn) export() {
	t.ask(Export)
	if ev := t.ev; ev.Conversation.ID != "" && ev.Conversation.Kind != abi.Direct {
		t.reply(content(t.text("export.directly")))
	}
}

// exported hands a member what is kept of them: all of it if it is short, else
// what there is and how to come by it.
func (t *turn) exported(x *Exported) {
	blocks := []abi.Block{{Heading: t.T("export.title")}, t.text("export", "n", sum(x.Kinds), "size", size(x.Bytes)), fields(t.s.Texts, t.locale, x.Kinds)}
	if x.Lines != "" {
		blocks = append(blocks, abi.Block{Code: strings.TrimSuffix(x.Lines, "\n"), Lang: "json"})
	} else {
		blocks = append(blocks, t.text("export.long", "id", t.ev.Member.ID))
	}
	t.direct(t.ev.Member.ID, content(slices.DeleteFunc(blocks, func(b abi.Block) bool {
		return b.Fields != nil && len(b.Fields) == 0
	})...))
}

// Farewell tells somebody who asked to be forgotten what was erased, by kind, and
// what still names them that is not the bot's to change. It is the last thing that
// is said to them.
func Farewell(s *Setup, locale string, kinds map[string]int, left []string) abi.Content {
	if locale == "" {
		locale = s.Locale
	}
	say := func(key string, args ...any) string { return text(s.Texts, locale, key, args...) }
	blocks := []abi.Block{{Heading: say("forgotten.title")}, {Text: say("forgotten", "n", sum(kinds))}}
	if f := fields(s.Texts, locale, kinds); len(f.Fields) > 0 {
		blocks = append(blocks, f)
	}
	if len(left) > 0 {
		blocks = append(blocks, abi.Block{Text: say("forgotten.left", "places", strings.Join(left, ", "))})
	}
	return content(append(blocks, abi.Block{Text: say("forgotten.again")})...)
}

// other is the sort of what members have no word for; it comes last.
const other = "other"

// fields are counts by kind, those of one sort together, the largest sort first.
func fields(own []abi.TextDef, locale string, kinds map[string]int) abi.Block {
	sorts := map[string]int{}
	for kind, n := range kinds {
		sort := sortOf[kind]
		if sort == "" {
			sort = other
		}
		sorts[sort] += n
	}
	order := slices.SortedFunc(maps.Keys(sorts), func(a, b string) int {
		switch other {
		case a:
			return 1
		case b:
			return -1
		}
		if sorts[a] != sorts[b] {
			return sorts[b] - sorts[a]
		}
		return strings.Compare(a, b)
	})
	b := abi.Block{Fields: []abi.Field{}}
	for _, sort := range order {
		if n := sorts[sort]; n > 0 {
			b.Fields = append(b.Fields, abi.Field{Label: text(own, locale, "sort."+sort), Value: fmt.Sprint(n)})
		}
	}
	return b
}

// sortOf puts the host's kinds of row together as members think of them.
var sortOf = map[string]string{
	"profile": "profile", "figures": "figures",
	"plugins": "progress", "settings": "role",
	"events": "events", "waiting": "events", "failed": "events", "seen": "events", "actions": "events", "timers": "events",
	"sent": "messages", "queued": "messages", "messages": "messages", "buttons": "messages", "conversations": "messages",
	"posts": "posts", "files": "posts",
}

func sum(kinds map[string]int) (n int) {
	for _, k := range kinds {
		n += k
	}
	return n
}

func size(bytes int) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d KiB", (bytes+1<<10-1)>>10)
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}
