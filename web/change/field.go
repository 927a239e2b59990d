package change

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// fieldView is a setting in its form.
type fieldView struct {
	settingRow
	Name          string // the key without its group
	Input         string // which field: text, number, area, code, select, locale, zone, hours, secret
	Text          string // what stands in it
	Was           string
	Base          uint64
	Default       string // as a person reads it
	Placeholder   string
	Options       []option
	From, To      []option
	When          string // key of the text
	Why           string
	Reset         bool // there is something stored that can be taken away
	ResetOn       bool
	Editable      bool
	ForAdmins     bool // and who looks is none
	Fault         string
	Conflict      *conflict
	History       string
	Rows          int
	DescribedBy   string
	SecretWritten bool // in a form that was not saved: it is not shown again
}

type option struct {
	Value, Label string
	On           bool
}

// inputs are the fields for kinds; others have a line of text.
var inputs = map[string]string{"number": "number", "list": "area", "json": "code", "boolean": "select", "choice": "select", "locale": "locale",
	"time zone": "zone", "hours": "hours", "secret": "secret"}

func newField(l page.Texts, s *web.Setting, role access.Role, form url.Values, tr *trouble) fieldView {
	g := groupOf(s)
	v := fieldView{settingRow: newRow(l, s), Name: strings.TrimPrefix(s.Key, g+"."), Input: cmp.Or(inputs[s.Kind], "text"), Base: s.Base,
		When: "when." + s.When, Why: l.In(s.Why), Reset: s.Base != 0, Editable: editable(s, role), History: settingPath(g, s.Key)}
	v.ForAdmins = s.Admin && !role.Covers(access.Admin) && s.Locked == "" && s.When != "file"
	if !none(s.Default) {
		v.Default = shownJSON(s.Default)
	}
	if s.Kind == "boolean" && v.Default != "" {
		v.Default = l.Say("is." + v.Default)
	}
	v.Text = s.Text
	if v.Input == "text" || v.Input == "number" || v.Input == "locale" || v.Input == "zone" {
		v.Placeholder = v.Default
		if !s.Set && s.Text == shownJSON(s.Default) {
			v.Text = ""
		}
	}
	v.Was = digest(v.Text)
	if in, ok := typedSetting(form, s); ok && v.Editable && form.Get("theirs") != s.Key {
		v.Text, v.Was, v.Base = in.text, in.was, in.base
		v.ResetOn = slices.Contains(form["default"], s.Key)
	}
	if tr != nil {
		v.Fault = tr.faults[s.Key]
		if now, ok := tr.conflicts[s.Key]; ok {
			v.Conflict = newConflict(&now, v.Text)
			v.Was, v.Base = digest(now.Text), now.Base
		}
	}
	if v.Input == "secret" {
		v.SecretWritten = v.Text != ""
		v.Text, v.Was = "", digest("")
		if v.Conflict != nil {
			v.Conflict.Text, v.Conflict.Diff = "", nil
		}
	}
	v.options(l, s)
	v.Rows = min(14, max(2, strings.Count(v.Text, "\n")+2))
	v.DescribedBy = "help-" + s.Key
	if v.Fault != "" {
		v.DescribedBy += " wrong-" + s.Key
	}
	return v
}

// options fills in what can be chosen.
func (v *fieldView) options(l page.Texts, s *web.Setting) {
	switch s.Kind {
	case "boolean":
		for _, b := range []string{"true", "false"} {
			v.Options = append(v.Options, option{b, l.Say("is." + b), v.Text == b})
		}
	case "choice":
		choices := s.Choices
		if !slices.Contains(choices, v.Text) {
			choices = append([]string{v.Text}, choices...)
		}
		for _, c := range choices {
			v.Options = append(v.Options, option{c, c, v.Text == c})
		}
	case "hours":
		from, to, _ := strings.Cut(v.Text, "-")
		v.From = []option{{"", l.Say("hours.none"), from == ""}}
		for h := range 24 {
			at := fmt.Sprintf("%02d:00", h)
			v.From = append(v.From, option{at, at, at == from})
			v.To = append(v.To, option{at, at, at == to})
		}
	}
}

// zones are offered for a time zone; every other name is taken too.
var zones = strings.Fields(`UTC Africa/Cairo Africa/Johannesburg Africa/Lagos Africa/Nairobi America/Argentina/Buenos_Aires America/Bogota America/Chicago
America/Denver America/Halifax America/Lima America/Los_Angeles America/Mexico_City America/New_York America/Sao_Paulo America/Toronto Asia/Bangkok
Asia/Dhaka Asia/Dubai Asia/Ho_Chi_Minh Asia/Hong_Kong Asia/Jakarta Asia/Jerusalem Asia/Karachi Asia/Kolkata Asia/Kuala_Lumpur Asia/Manila
Asia/Riyadh Asia/Seoul Asia/Shanghai Asia/Singapore Asia/Taipei Asia/Tehran Asia/Tokyo Asia/Urumqi Australia/Melbourne Australia/Perth
Australia/Sydney Europe/Amsterdam Europe/Athens Europe/Berlin Europe/Dublin Europe/Helsinki Europe/Istanbul Europe/Kyiv Europe/Lisbon
Europe/London Europe/Madrid Europe/Moscow Europe/Paris Europe/Prague Europe/Rome Europe/Stockholm Europe/Warsaw Europe/Zurich Pacific/Auckland`)
