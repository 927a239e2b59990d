package replay

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/hearthbot/hearth/sdk/abi"
)

type encoder interface {
	MarshalMsg([]byte) ([]byte, error)
}

// encode is what v is compared by. An error leaves nothing to be compared, and
// there is none: these types have no extensions or interfaces.
func encode(v encoder) []byte {
	b, _ := v.MarshalMsg(nil)
	return b
}

func encoded(ef *abi.Effects) []byte { return encode(ef) }

// text is something that a plugin does, in lines.
type text struct{ strings.Builder }

func (t *text) line(s string) {
	if t.Len() > 0 {
		t.WriteByte('\n')
	}
	t.WriteString(s)
}

// field is a line for what is there.
func (t *text) field(name, value string) {
	if value != "" {
		t.line(name + ": " + value)
	}
}

func (t *text) flag(name string, set bool) {
	if set {
		t.line(name)
	}
}

func (t *text) value(name string, b []byte) {
	if len(b) > 0 {
		t.line(name + ": " + showValue(b))
	}
}

func (t *text) wait(name string, ms int64) {
	if ms != 0 {
		t.line(name + " " + (time.Duration(ms) * time.Millisecond).String())
	}
}

func (t *text) properties(props []abi.Annotation) {
	for _, p := range props {
		counts := ""
		if p.Counted {
			counts = " (counts)"
		}
		t.line(p.Name + ": " + p.Value + counts)
	}
}

func (t *text) send(s *abi.Send) {
	t.content(&s.Content)
	t.field("to", target(s.To))
	t.flag("seen by them alone", s.To.Ephemeral && s.To.Member == "")
	t.field("under", s.To.Thread)
	t.field("key", s.Key)
	t.wait("expires after", s.Expires)
	t.wait("deletes itself after", s.After)
	if len(s.Shown) > 0 {
		t.line("shows")
		t.properties(s.Shown)
	}
}

func (t *text) timer(m *abi.Timer) {
	t.line("due " + moment(m.Due))
	if who := m.Member; who != (abi.Member{}) {
		t.line("for @" + who.ID)
		t.field("name", who.Name)
		t.field("locale", who.Locale)
		t.field("time zone", who.TimeZone)
		t.flag("a bot", who.Bot)
		t.flag("a guest", who.Guest)
		t.flag("no direct messages", who.NoDM)
		t.flag("said stop", who.Stopped)
		if who.JoinedAt != 0 {
			t.line("joined " + moment(who.JoinedAt))
		}
		if who.ActiveAt != 0 {
			t.line("active " + moment(who.ActiveAt))
		}
	}
	t.field("in", m.Conversation)
	t.value("note", m.Note)
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.999Z") }

func (t *text) action(a *abi.Action) {
	t.field("key", a.Key)
	if h := a.HTTP; h != nil {
		method := h.Method
		if method == "" {
			method = "GET"
		}
		t.line(method + " " + h.URL)
		t.properties(h.Header)
		t.value("body", h.Body)
	}
	if v := a.Verify; v != nil {
		t.line(words("verify", v.Task))
		for _, f := range v.Files {
			t.line("file " + f.Name + ":")
			t.line(f.Text)
		}
		for _, f := range v.Tests {
			t.line("test " + f.Name + ":")
			t.line(f.Text)
		}
		t.field("stdin", v.Stdin)
		if len(v.Args) > 0 {
			t.line(fmt.Sprintf("args: %q", v.Args))
		}
	}
	t.field("host", a.Host)
	t.value("note", a.Note)
}

func (t *text) profile(p *abi.Profile) {
	t.field("locale", p.Locale)
	t.field("time zone", p.TimeZone)
	t.field("GitHub", p.GitHub)
	t.flag("stop", p.Stop)
	t.flag("resume", p.Resume)
}

// content shows a message, block by block, with what stands behind its buttons.
func (t *text) content(c *abi.Content) {
	for i := range c.Blocks {
		b := &c.Blocks[i]
		if b.Heading != "" {
			t.line("# " + b.Heading)
		}
		if b.Text != "" {
			t.line(b.Text)
		}
		for _, f := range b.Fields {
			t.line(f.Label + ": " + f.Value)
		}
		for j := range b.Buttons {
			t.button(&b.Buttons[j])
		}
		if b.Form != nil {
			t.form(b.Form)
		}
		if b.Context != "" {
			t.line("(" + b.Context + ")")
		}
		if b.Code != "" || b.Lang != "" {
			t.line("```" + b.Lang)
			t.line(b.Code)
			t.line("```")
		}
		if b.Table != nil {
			t.line("| " + strings.Join(b.Table.Header, " | ") + " |")
			for _, row := range b.Table.Rows {
				t.line("| " + strings.Join(row, " | ") + " |")
			}
		}
		if b.Divider {
			t.line("---")
		}
	}
}

func (t *text) button(b *abi.Button) {
	parts := []string{"[" + b.Label + "]"}
	for _, p := range []struct{ name, value string }{{"action", b.Action}, {"value", b.Value}, {"opens", b.URL}, {"style", b.Style},
		{"often", string(b.Often)}, {"note", noted(b.Note)}, {"token", b.Token}} {
		if p.value != "" {
			parts = append(parts, p.name+" "+p.value)
		}
	}
	t.line(strings.Join(parts, ", "))
}

func (t *text) form(f *abi.Form) {
	t.line("form " + quoted(f.Name) + " " + f.Title)
	for _, in := range f.Inputs {
		line := "  " + in.Label + " (" + in.Name + ")"
		for _, p := range []struct{ name, value string }{{"hint", in.Hint}, {"begins with", in.Value}} {
			if p.value != "" {
				line += ", " + p.name + " " + p.value
			}
		}
		for _, o := range in.Options {
			line += ", " + o.Label + " = " + o.Value
		}
		if in.Long {
			line += ", long"
		}
		if in.Optional {
			line += ", optional"
		}
		if in.Max != 0 {
			line += fmt.Sprintf(", at most %d", in.Max)
		}
		t.line(line)
	}
	t.field("  submit", f.Submit)
	t.field("  often", string(f.Often))
	t.field("  note", noted(f.Note))
	t.field("  token", f.Token)
}

func noted(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return showValue(b)
}

func signed(n int64) string { return fmt.Sprintf("%+d", n) }

// jsonExtension is the MessagePack extension in which the SDK keeps JSON.
const jsonExtension = 'J'

// showValue is a row's value, note or body: as JSON if it is what the SDK makes
// of a value, as it is if it is text, else in hexadecimal.
func showValue(b []byte) string {
	if len(b) == 0 {
		return "empty"
	}
	if msgp.NextType(b) == msgp.ExtensionType {
		raw := msgp.RawExtension{Type: jsonExtension}
		if rest, err := msgp.ReadExtensionBytes(b, &raw); err == nil && len(rest) == 0 && json.Valid(raw.Data) {
			return string(raw.Data)
		}
	}
	if len(b) < 2 || !ascii(b) { // two letters are two numbers, and not one value
		var w bytes.Buffer
		if rest, err := msgp.UnmarshalAsJSON(&w, b); err == nil && len(rest) == 0 && utf8.Valid(w.Bytes()) {
			return w.String()
		}
	}
	if plain(b) {
		return string(b)
	}
	return hexed(b)
}

func ascii(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c >= utf8.RuneSelf })
}

// plain says whether b is text that a person can read.
func plain(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, r := range string(b) {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
			return false
		}
	}
	return true
}

// hexed is bytes that nobody reads: where they are many, what tells them apart.
func hexed(b []byte) string {
	if len(b) <= 64 {
		return "0x" + hex.EncodeToString(b)
	}
	sum := sha256.Sum256(b)
	return fmt.Sprintf("0x%x…, %d bytes, sha256 %x", b[:16], len(b), sum[:8])
}

// Bounds of a Difference.
const (
	maxName = 300     // bytes
	maxText = 8 << 10 // bytes of either text
)

// clip bounds two texts. Lines at the beginning that are the same go first.
func clip(before, after string) (string, string) {
	if len(before) <= maxText && len(after) <= maxText {
		return before, after
	}
	head := 0 // bytes of whole lines
	if before != "" && after != "" {
		for i := 0; i < len(before) && i < len(after) && before[i] == after[i]; i++ {
			if before[i] == '\n' {
				head = i + 1
			}
		}
	}
	if n := strings.Count(before[:head], "\n"); n > 2 {
		more := fmt.Sprintf("… %d lines that are the same\n", n)
		before, after = more+before[head:], more+after[head:]
	}
	if len(before) <= maxText && len(after) <= maxText {
		return before, after
	}
	// A line that is longer than that is cut before where the two part.
	at := 0
	for at < len(before) && at < len(after) && before[at] == after[at] {
		at++
	}
	if at > maxText/2 && before != "" && after != "" {
		at -= maxText / 4
		for at > 0 && !utf8.RuneStart(before[at]) {
			at--
		}
		before, after = "…"+before[at:], "…"+after[at:]
	}
	return cut(before, maxText), cut(after, maxText)
}

// cut shortens s to n bytes, no character cut in two.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const more = "…"
	for n -= len(more); n > 0 && !utf8.RuneStart(s[n]); n-- {
	}
	return s[:n] + more
}

// String is the difference in one line of at most some hundred bytes.
func (d *Difference) String() string {
	head := strings.TrimSpace(string(d.What)+" "+cut(oneLine(d.Name), 120)) + " "
	switch d.How {
	case Appears:
		return head + "appears: " + gist(d.After)
	case Disappears:
		return head + "disappears: " + gist(d.Before)
	}
	was, is := parted(d.Before, d.After)
	return head + "changes: " + was + " → " + is
}

// gistLength is how many characters of a text stand in a line.
const gistLength = 80

// gist is a text in a line.
func gist(s string) string { return short(oneLine(s), gistLength) }

func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ⏎ ")
}

func short(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n-1]) + "…"
}

// parted is how two texts differ: the lines that do, each from shortly before
// where it does.
func parted(before, after string) (was, is string) {
	x, y := strings.Split(before, "\n"), strings.Split(after, "\n")
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	a, b := []rune(oneLine(strings.Join(x, "\n"))), []rune(oneLine(strings.Join(y, "\n")))
	at := 0
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	from := 0
	if max(len(a), len(b)) > gistLength && at > gistLength/2 {
		from = at - gistLength/4
	}
	say := func(r []rune) string {
		if len(r) == 0 {
			return "nothing"
		}
		s := string(r[min(from, len(r)):])
		if from > 0 {
			s = "…" + s
		}
		return short(s, gistLength)
	}
	return say(a), say(b)
}
