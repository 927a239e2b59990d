package sdktest

import (
	"bytes"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/tinylib/msgp/msgp"
)

// emptyLine stands for one inside of a message: an empty line of a transcript is
// its author's.
const emptyLine = "¶"

// format writes what came of an event as a transcript shows it.
func (b *Bot) format(s *step) string {
	var w strings.Builder
	if s.effects.Error != "" {
		fmt.Fprintf(&w, "error: %s\n", s.effects.Error)
		return w.String()
	}
	for _, g := range s.effects.Groups {
		verb := "annotate"
		if g.Counted {
			verb = "assign"
		}
		fmt.Fprintf(&w, "%s %s=%s\n", verb, g.Name, g.Value)
	}
	for i := range s.effects.Out {
		o := &s.effects.Out[i]
		head, content := b.effect(o, &s.event)
		if s.notes[i] != "" {
			head += " (" + s.notes[i] + ")"
		}
		fmt.Fprintln(&w, head)
		if content != nil {
			for _, l := range lines(content) {
				if l == "" {
					l = emptyLine
				}
				fmt.Fprintln(&w, strings.TrimRight("    "+l, " "))
			}
		}
	}
	rows := s.effects.Writes
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].Key < rows[j].Key })
	for _, r := range rows {
		if r.Delete {
			fmt.Fprintf(&w, "delete row %s\n", r.Key)
		} else {
			fmt.Fprintf(&w, "row %s = %s\n", r.Key, showValue(r.Value))
		}
	}
	for _, a := range s.effects.Adds {
		fmt.Fprintf(&w, "add %+d to %s\n", a.Delta, a.Key)
	}
	return w.String()
}

// effect describes an effect in a line, and gives the content to show under it.
func (b *Bot) effect(o *abi.Effect, ev *abi.Event) (string, *abi.Content) {
	switch {
	case o.Send != nil:
		s := o.Send
		var details []string
		if s.To.Thread != "" {
			details = append(details, "under "+s.To.Thread)
		}
		if s.Key != "" {
			details = append(details, "key "+s.Key)
		}
		if s.Expires > 0 {
			details = append(details, "expires after "+duration(s.Expires))
		}
		if s.After > 0 {
			details = append(details, "deletes itself after "+duration(s.After))
		}
		if len(s.Shown) > 0 {
			details = append(details, "shows"+properties(s.Shown))
		}
		return strings.Join(append([]string{"to " + target(s.To)}, details...), ", "), &s.Content
	case o.Edit != nil:
		return "edit " + o.Edit.Key, &o.Edit.Content
	case o.Delete != nil:
		return "delete " + o.Delete.Key, nil
	case o.React != nil:
		return fmt.Sprintf("react :%s: to %s", o.React.Name, o.React.Message), nil
	case o.Timer != nil:
		t := o.Timer
		head := "timer " + t.Name
		if t.Key != "" && t.Key != ev.Member.ID {
			head += " " + t.Key
		}
		if t.Conversation != "" {
			head += " in " + place(t.Conversation)
		}
		return fmt.Sprintf("%s at %s%s", head, time.UnixMilli(t.Due).UTC().Format("2006-01-02 15:04:05"), note(t.Note)), nil
	case o.Cancel != nil:
		return "cancel timer " + o.Cancel.Name, nil
	case o.Action != nil:
		a := o.Action
		if h := a.HTTP; h != nil {
			method := h.Method
			if method == "" {
				method = "GET"
			}
			return fmt.Sprintf("http %s: %s %s%s", a.Name, method, h.URL, note(a.Note)), nil
		}
		var files []string
		for _, f := range a.Verify.Files {
			files = append(files, f.Name)
		}
		return fmt.Sprintf("verify %s: %s%s", a.Name, strings.Join(files, " "), note(a.Note)), nil
	case o.Abort != nil:
		return "abort " + o.Abort.Name + " " + o.Abort.Key, nil
	case o.Emit != nil:
		return "emit " + o.Emit.Name + properties(o.Emit.Props), nil
	case o.Track != nil:
		return "track " + o.Track.Name + properties(o.Track.Props), nil
	case o.Profile != nil:
		return "profile" + profile(o.Profile), nil
	}
	return "continue" + note(o.Continue.Cursor), nil
}

// target says where a message goes: a member's name for a direct message.
func target(to abi.Target) string {
	switch {
	case to.Ephemeral:
		return fmt.Sprintf("%s in %s alone", abi.LocalID(to.Member), place(to.Conversation))
	case to.Member != "" && to.Conversation != "":
		return fmt.Sprintf("%s, else %s", abi.LocalID(to.Member), place(to.Conversation))
	case to.Member != "":
		return abi.LocalID(to.Member)
	}
	return place(to.Conversation)
}

func place(id string) string {
	l := abi.LocalID(id)
	if strings.HasPrefix(l, "dm-") {
		return strings.TrimPrefix(l, "dm-")
	}
	return "#" + l
}

func duration(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	s := d.String()
	s = strings.TrimSuffix(s, "0s")
	if s == "" || !strings.HasSuffix(s, "m") {
		return d.String()
	}
	if t := strings.TrimSuffix(s, "0m"); strings.HasSuffix(t, "h") {
		return t
	}
	return s
}

func note(n []byte) string {
	if len(n) == 0 {
		return ""
	}
	return ", note " + showValue(n)
}

func properties(ps []abi.Annotation) string {
	var w strings.Builder
	for _, p := range ps {
		fmt.Fprintf(&w, " %s=%s", p.Name, p.Value)
	}
	return w.String()
}

func profile(p *abi.Profile) string {
	var w strings.Builder
	for _, f := range [...]struct{ name, value string }{{"locale", p.Locale}, {"time zone", p.TimeZone}, {"github", p.GitHub}} {
		if f.value != "" {
			fmt.Fprintf(&w, " %s %s", f.name, f.value)
		}
	}
	if p.Stop {
		w.WriteString(" stop")
	}
	if p.Resume {
		w.WriteString(" resume")
	}
	return w.String()
}

// showValue is a row's value or a note as sdk.Encode made it, as JSON; hex if it
// was made otherwise.
func showValue(v []byte) string {
	if msgp.NextType(v) == msgp.ExtensionType {
		raw := msgp.RawExtension{Type: 'J'}
		if _, err := msgp.ReadExtensionBytes(v, &raw); err == nil {
			return string(raw.Data)
		}
	}
	var w bytes.Buffer
	if rest, err := msgp.UnmarshalAsJSON(&w, v); err != nil || len(rest) > 0 {
		return strconv.Quote(string(v))
	}
	return w.String()
}

// lines show a message, each block on lines of its own.
func lines(c *abi.Content) []string {
	var out []string
	add := func(format string, args ...any) {
		out = append(out, strings.Split(fmt.Sprintf(format, args...), "\n")...)
	}
	for i := range c.Blocks {
		switch b := &c.Blocks[i]; {
		case b.Text != "":
			add("%s", b.Text)
		case b.Heading != "":
			add("# %s", b.Heading)
		case b.Context != "":
			add("~ %s", b.Context)
		case b.Code != "":
			add("```%s\n%s\n```", b.Lang, strings.TrimSuffix(b.Code, "\n"))
		case b.Divider:
			add("---")
		case b.Fields != nil:
			for _, f := range b.Fields {
				add("%s: %s", f.Label, f.Value)
			}
		case b.Buttons != nil:
			var row []string
			for j := range b.Buttons {
				row = append(row, button(&b.Buttons[j]))
			}
			add("%s", strings.Join(row, " "))
		case b.Table != nil:
			add("| %s |", strings.Join(b.Table.Header, " | "))
			for _, r := range b.Table.Rows {
				add("| %s |", strings.Join(r, " | "))
			}
		case b.Form != nil:
			form(b.Form, add)
		}
	}
	return out
}

func button(b *abi.Button) string {
	s := b.Label
	if b.URL != "" {
		return fmt.Sprintf("[%s](%s)", s, b.URL)
	}
	for _, more := range []string{b.Action, b.Value, b.Style, string(b.Often)} {
		if more != "" {
			s += " · " + more
		}
	}
	return "[" + s + "]"
}

func form(f *abi.Form, add func(string, ...any)) {
	head := "form " + f.Name + ": " + f.Title
	for _, more := range []string{f.Submit, string(f.Often)} {
		if more != "" {
			head += " · " + more
		}
	}
	add("%s", head)
	for _, in := range f.Inputs {
		l := "  " + in.Name + ": " + in.Label
		if in.Hint != "" {
			l += " (" + in.Hint + ")"
		}
		if in.Optional {
			l += ", optional"
		}
		if in.Value != "" {
			l += ", now " + in.Value
		}
		for i, o := range in.Options {
			if i == 0 {
				l += ":"
			}
			l += fmt.Sprintf(" [%s=%s]", o.Value, o.Label)
		}
		add("%s", l)
	}
}
