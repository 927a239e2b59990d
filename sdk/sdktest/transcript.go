package sdktest

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Transcripts runs every transcript that matches the pattern, such as
// "testdata/*.txtar", each as a subtest. Options are where each of them starts.
//
// A transcript may have a section config.json, and a section setup with lines
//
//	name NAME                 of the community
//	locale LOCALE             of the community
//	start 2024-06-03T09:00:00Z
//	no dm                     the platform lets no bot write to a member first
//	text KEY LOCALE WORDING   a manager's wording
//	command PLUGIN NAME EN | ZH   a command of another plugin
//
// In the section transcript these lines make things happen; WHERE is #channel,
// dm, or nothing for the community as a whole:
//
//	> MEMBER is NAME [locale=LOCALE] [bot] [guest] [stopped]
//	> MEMBER joins [WHERE]              > MEMBER leaves [WHERE]
//	> MEMBER gets EXPERIMENT=VARIATION … what middleware says of them from then on
//	> MEMBER tests EXPERIMENT=VARIATION … the same for a tester, who is never counted
//	> MEMBER tracks NAME [NAME=VALUE …] something outside the chat; pr.opened and pr.merged, too
//	> MEMBER is forgotten               their rows are gone afterwards
//	> MEMBER says WHERE TEXT            beginning with "@bot " it addresses the bot
//	> MEMBER runs WHERE /NAME ARGS      a command
//	> MEMBER deletes WHERE MESSAGE      a message of theirs, by its id
//	> MEMBER presses ACTION or LABEL    the newest such button that they see
//	> MEMBER sends FORM NAME=VALUE …    VALUE is quoted if it has spaces
//	> MEMBER reacts WHERE EMOJI MESSAGE
//	> MEMBER sees [WHERE]               shows what stands there
//	> wait DURATION                     > schedule NAME
//	> config JSON
//	> result ACTION STATUS BODY         > fail ACTION WHY
//	> queued ACTION POSITION            a verification that waits for its turn
//	> plugin PLUGIN/EVENT NAME=VALUE …  another plugin's event
//	> query PATH NAME=VALUE …
//	> row KEY VALUE                     a row as an older version left it: VALUE is JSON, or +N for a counter
//	> migrate FROM TO                   brings all rows from one state version to another
//
// A line ">> TEXT" under one of them is a further line of what is said, of a
// command's arguments, or of the last value that is sent, taken as it is.
//
// Lines that begin with "#" and empty lines stay as they are; an empty line of a
// message is shown as "¶".
func Transcripts(t *testing.T, pattern string, o Options) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts match %q (%v)", pattern, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { transcript(t, file, o) })
	}
}

func transcript(t *testing.T, file string, o Options) {
	t.Helper()
	a, err := readTranscript(file, o)
	if err != nil {
		t.Fatal(err)
	}
	b := bot(t, a.options, file)
	b.above = a.script.line
	got := b.play(file, a.script.data)
	switch {
	case bytes.Equal(got, a.script.data):
	case *update:
		a.script.data = got
		if err := os.WriteFile(file, a.archive.format(), 0o666); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s: the plugin did something else than stands there (\"-\" is the transcript, \"+\" the plugin; go test -update writes it down):\n%s",
			file, difference(a.script.data, got))
	}
}

// script is a transcript that was read.
type script struct {
	archive *archive
	script  *section // in the archive
	options Options
}

func readTranscript(file string, o Options) (script, error) {
	a, err := readArchive(file)
	if err != nil {
		return script{}, err
	}
	s := script{archive: a, options: o}
	for i := range a.sections {
		switch f := &a.sections[i]; f.name {
		case "transcript":
			s.script = f
		case "config.json":
			s.options.Config = string(f.data)
		case "setup":
			if err := s.options.setup(f.data); err != nil {
				return script{}, fmt.Errorf("%s: setup: %w", file, err)
			}
		default:
			return script{}, fmt.Errorf("%s: there is no section %q; there are setup, config.json and transcript", file, f.name)
		}
	}
	if s.script == nil {
		return script{}, fmt.Errorf("%s: the section transcript is missing", file)
	}
	return s, nil
}

func (o *Options) setup(text []byte) error {
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		word, rest, _ := strings.Cut(strings.TrimSpace(s.Text()), " ")
		switch word {
		case "":
		case "name":
			o.Name = rest
		case "locale":
			o.Locale = rest
		case "start":
			start, err := time.Parse(time.RFC3339, rest)
			if err != nil {
				return err
			}
			o.Start = start
		case "no":
			o.NoDM = rest == "dm"
		case "text":
			key, rest, _ := strings.Cut(rest, " ")
			locale, wording, _ := strings.Cut(rest, " ")
			o.Texts = append(o.Texts, abi.TextDef{Key: key, Text: abi.Localized{{Locale: locale, Text: wording}}})
		case "command":
			plugin, rest, _ := strings.Cut(rest, " ")
			name, rest, _ := strings.Cut(rest, " ")
			en, zh, _ := strings.Cut(rest, " | ")
			o.Commands = append(o.Commands, abi.CommandDef{Name: name, Plugin: plugin,
				Help: abi.Localized{{Locale: "en", Text: en}, {Locale: "zh-CN", Text: zh}}})
		default:
			return fmt.Errorf("%q is no setting", s.Text())
		}
	}
	return nil
}

// play makes happen what the script says and returns it with what came of it.
func (b *Bot) play(file string, script []byte) []byte {
	b.t.Helper()
	var out bytes.Buffer
	script = bytes.TrimSuffix(script, []byte("\n"))
	lines := strings.Split(string(script), "\n")
	if len(script) == 0 {
		lines = nil
	}
	for n, line := range lines {
		input, is := strings.CutPrefix(line, "> ")
		if !is {
			if line == "" || strings.HasPrefix(line, "#") {
				fmt.Fprintln(&out, line)
			}
			continue
		}
		fmt.Fprintln(&out, line)
		var more []string
		for _, l := range lines[n+1:] {
			text, is := strings.CutPrefix(l, ">>")
			if !is {
				break
			}
			fmt.Fprintln(&out, l)
			more = append(more, strings.TrimPrefix(text, " "))
		}
		b.last = nil
		b.at, b.doing = b.above+n+1, input
		shown, err := b.act(input, strings.Join(more, "\n"))
		if err != nil {
			b.t.Fatalf("%s:%d: %s: %v", file, b.at, line, err)
		}
		out.WriteString(shown)
		for i := range b.last {
			step := &b.last[i]
			if tm := step.event.Timer; tm != nil {
				fmt.Fprintf(&out, "at %s, timer %s:\n", time.UnixMilli(step.event.Time).UTC().Format("15:04:05"), tm.Name)
			}
			out.WriteString(b.format(step))
		}
	}
	return out.Bytes()
}

// act makes one line happen, with the lines under it. What it returns is shown
// before the effects.
func (b *Bot) act(line, more string) (string, error) {
	words, err := split(line)
	if err != nil {
		return "", err
	}
	if last := &words[len(words)-1]; more != "" && strings.HasSuffix(*last, "=") {
		*last += more
	} else if more != "" {
		*last += "\n" + more
	}
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	rest := func(i int) string { return strings.Join(words[min(i, len(words)):], " ") }
	switch words[0] {
	case "wait":
		d, err := parseDuration(arg(1))
		if err != nil {
			return "", err
		}
		b.Advance(d)
		return "", nil
	case "schedule":
		b.Schedule(arg(1))
		return "", nil
	case "config":
		b.Configure(strings.TrimPrefix(line, "config "))
		return "", nil
	case "result":
		status, err := strconv.Atoi(arg(2))
		if err != nil {
			return "", err
		}
		_, body, _ := strings.Cut(line, arg(2)+" ")
		b.Result(abi.Result{Name: arg(1), Status: status, Body: []byte(body)})
		return "", nil
	case "queued":
		position, err := strconv.Atoi(arg(2))
		if err != nil {
			return "", err
		}
		b.Queued(arg(1), position)
		return "", nil
	case "fail":
		b.Result(abi.Result{Name: arg(1), Error: rest(2)})
		return "", nil
	case "row":
		_, value, _ := strings.Cut(line, arg(1)+" ")
		r, err := givenRow(arg(1), value)
		if err == nil {
			err = abi.CheckKey(r.Key)
		}
		if err == nil {
			b.Put(r)
		}
		return "", err
	case "migrate":
		from, err := strconv.Atoi(arg(1))
		if err != nil {
			return "", err
		}
		to, err := strconv.Atoi(arg(2))
		if err != nil {
			return "", err
		}
		before := maps.Clone(b.rows)
		if err := b.migrate(from, to); err != nil {
			return "", err
		}
		return rowChanges(before, b.rows), nil
	case "plugin":
		plugin, _, _ := strings.Cut(arg(1), "/")
		b.Do(abi.Event{Source: "plugin/" + plugin, Kind: abi.PluginEvent, Custom: &abi.Custom{Name: arg(1), Props: annotations(words[2:])}})
		return "", nil
	case "query":
		v := b.Query(arg(1), "manager", flat(words[2:])...)
		return fmt.Sprintf("%d %s\n%s\n", max(v.Status, 200), v.Type, v.Body), nil
	}
	if len(words) < 2 {
		return "", fmt.Errorf("nothing happens")
	}
	m := b.Member(words[0])
	switch words[1] {
	case "is":
		if rest(2) == "forgotten" {
			m.IsForgotten()
			return "", nil
		}
		who := abi.Member{Name: arg(2)}
		for _, w := range words[min(3, len(words)):] {
			name, value, _ := strings.Cut(w, "=")
			switch name {
			case "locale":
				who.Locale = value
			case "tz":
				who.TimeZone = value
			case "bot":
				who.Bot = true
			case "guest":
				who.Guest = true
			case "stopped":
				who.Stopped = true
			default:
				return "", fmt.Errorf("a member is not %q", w)
			}
		}
		m.As(who)
	case "gets", "tests":
		for _, a := range annotations(words[2:]) {
			if words[1] == "gets" {
				m.Gets(a.Name, a.Value)
			} else {
				m.Tests(a.Name, a.Value)
			}
		}
	case "tracks":
		m.Tracks(arg(2), flat(words[min(3, len(words)):])...)
	case "joins":
		m.Joins(arg(2))
	case "leaves":
		m.Leaves(arg(2))
	case "says":
		m.Says(arg(2), rest(3))
	case "runs":
		m.Runs(arg(2), rest(3))
	case "deletes":
		m.Deletes(arg(2), arg(3))
	case "presses":
		m.Presses(rest(2))
	case "sends":
		m.Sends(arg(2), flat(words[3:])...)
	case "reacts":
		m.Reacts(arg(2), arg(3), arg(4))
	case "sees":
		var w strings.Builder
		for _, p := range m.Sees(arg(2)) {
			for _, l := range lines(&p.Content) {
				fmt.Fprintf(&w, "  | %s\n", l)
			}
		}
		if w.Len() == 0 {
			return "  (nothing)\n", nil
		}
		return w.String(), nil
	default:
		return "", fmt.Errorf("there is no %q", words[1])
	}
	return "", nil
}
