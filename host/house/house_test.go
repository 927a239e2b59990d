package house

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

var update = flag.Bool("update", false, "rewrite the transcripts")

var setup = Setup{Community: "Gophers", Locale: "en", Managers: []string{"slack:UBOSS", "slack:U王"},
	Journal: 30 * 24 * time.Hour, Seen: 7 * 24 * time.Hour, Tracks: 732 * 24 * time.Hour, Audit: 365 * 24 * time.Hour}

// scene is an event, and who is there.
type scene struct {
	name string
	call abi.Call
}

func scenes(locale, who string) []scene {
	event := func(kind abi.Kind, in string) abi.Event {
		e := abi.Event{Kind: kind, Member: abi.Member{ID: who, Name: "Ada", Locale: locale}, Conversation: abi.Conversation{ID: "slack:D1", Kind: abi.Direct}}
		if in == "channel" {
			e.Conversation = abi.Conversation{ID: "slack:C1", Kind: abi.Channel}
		}
		return e
	}
	command := func(in, name, args string) abi.Event {
		e := event(abi.CommandInvoked, in)
		e.Command = &abi.Command{Name: name, Args: args}
		return e
	}
	press := func(action string, q question) abi.Event {
		e := event(abi.ButtonClicked, "")
		e.Click = &abi.Click{Action: action}
		e.Note, _ = json.Marshal(q)
		return e
	}
	answer := func(name string, v any) abi.Event {
		e := event(abi.HostAnswered, "")
		e.Result = &abi.Result{Name: name}
		e.Result.Body, _ = json.Marshal(v)
		return e
	}
	failed := event(abi.HostAnswered, "")
	failed.Result = &abi.Result{Name: Export, Error: "the disk is slow"}
	tick := abi.Event{Kind: abi.TimerFired, Timer: &abi.TimerData{Name: "week"}}
	one, none := 12, 0
	kinds := map[string]int{"profile": 1, "events": 20, "sent": 8, "queued": 1, "plugins": 3, "strange": 1}
	held := []Platform{{Name: "slack", Waiting: 3, Held: "invalid_auth", Advice: "Put in a new bot_token."}, {Name: "webchat"}}
	var list []scene
	for _, s := range []struct {
		name string
		ev   abi.Event
	}{
		{"privacy", command("", "privacy", "")},
		{"forget in a channel", command("channel", "forget", "")},
		{"pressed yes", press("forget", question{who, 1_800_000_000_001})},
		{"pressed yes too late", press("forget", question{who, 1})},
		{"pressed another's", press("forget", question{"slack:UX", 1_800_000_000_001})},
		{"pressed no", press("keep", question{who, 1_800_000_000_001})},
		{"mydata in a channel", command("channel", "mydata", "")},
		{"handed over", answer(Export, Exported{Lines: "{\"kind\":\"profile\"}\n", Bytes: 19, Kinds: map[string]int{"profile": 1}})},
		{"handed over, long", answer(Export, Exported{Bytes: 3 << 20, Kinds: kinds})},
		{"failed", failed},
		{"link", command("", "link", "")},
		{"link github in a channel", command("channel", "link", "GitHub  ada")},
		{"link elsewhere", command("", "link", "gitlab ada")},
		{"link go in a channel", command("channel", "link", "go")},
		{"claimed", answer(Link, Account{State: AccountClaimed, Handle: "ada", Code: "hearth-abcde-fghij", Minutes: 60})},
		{"pressed that it is done", press("linked", question{})},
		{"missing", answer(Linked, Account{State: AccountMissing, Handle: "ada", Code: "hearth-abcde-fghij"})},
		{"github is busy", answer(Linked, Account{State: AccountBusy, Handle: "ada", Code: "hearth-abcde-fghij"})},
		{"too late", answer(Linked, Account{State: AccountLate, Handle: "ada"})},
		{"linked", answer(Linked, Account{State: AccountLinked, Handle: "ada"})},
		{"linked already", answer(Link, Account{State: AccountLinked, Handle: "ada"})},
		{"no such account", answer(Link, Account{State: AccountUnknown, Handle: "a da"})},
		{"none", answer(Link, Account{State: AccountNone})},
		{"pressed unlink", press("unlink", question{})},
		{"unlinked", answer(Unlink, Account{State: AccountGone})},
		{"no github", answer(Link, Account{State: AccountOff})},
		{"a code for go", answer(Code, Login{Code: "abcde-fghij-kmnpq", URL: "https://hearth.example.org", Minutes: 10})},
		{"hearth status", command("channel", "hearth", "Status")},
		{"hearth pause", command("", "hearth", "pause")},
		{"hearth resume", command("", "hearth", "resume")},
		{"hearth dance", command("", "hearth", "dance *now*")},
		{"well", answer(Status, State{Plugins: 3, Waiting: 1, Platforms: held[1:]})},
		{"paused, held", answer(Status, State{Paused: true, Failed: 2, Platforms: held})},
		{"resumed", answer(Resume, State{})},
		{"monday", tick},
		{"report", answer(Report, Week{From: "2026-11-16", To: "2026-11-22", Newcomers: &one, Greeted: &none, Failed: 2, Held: held[:1],
			Readers: []Reader{{Member: "slack:UBOSS"}, {Member: "slack:U王", Locale: "zh-CN"}}})},
	} {
		list = append(list, scene{s.name, abi.Call{Event: s.ev, Now: 1_800_000_000_000}})
	}
	return list
}

// TestTranscripts holds what is said, in both languages and to members and
// managers, to what is written down.
func TestTranscripts(t *testing.T) {
	for _, c := range []struct{ file, locale, who string }{
		{"member-en", "en", "slack:U1"}, {"member-zh", "zh-CN", "slack:U1"}, {"manager-en", "", "slack:UBOSS"}, {"manager-zh", "zh-CN", "slack:UBOSS"},
	} {
		t.Run(c.file, func(t *testing.T) {
			var out strings.Builder
			for _, s := range scenes(c.locale, c.who) {
				fmt.Fprintf(&out, "> %s\n", s.name)
				ef := Handle(&setup, &s.call)
				if err := ef.Check(); err != nil {
					t.Errorf("%s: the host refuses it: %v", s.name, err)
				}
				show(&out, &ef)
			}
			fmt.Fprintln(&out, "> farewell")
			f := Farewell(&setup, c.locale, map[string]int{"profile": 1, "events": 20, "posts": 4, "marks": 2, "settings": 1}, []string{"community.managers (hearth.toml:7)"})
			if err := f.Check(); err != nil {
				t.Error(err)
			}
			showContent(&out, &f)
			fmt.Fprintln(&out, "> rollouts")
			for _, r := range []Rollout{{Plugin: "welcome", Version: "2.0.0", Promoted: true}, {Plugin: "welcome", Version: "2.0.0", Which: "error_rate", Now: 0.0512, Most: 0.02},
				{Plugin: "welcome", Version: "2.0.0", Which: "p95_ms", Now: 212.4, Most: 20}, {Plugin: "welcome", Version: "2.0.0", Which: "messages", Now: 10, Most: 3}} {
				c := TellRollout(&setup, c.locale, &r)
				if err := c.Check(); err != nil {
					t.Error(err)
				}
				showContent(&out, &c)
			}
			fmt.Fprintln(&out, "> experiments")
			for _, x := range []Trial{{Name: map[string]string{"en": "Pace", "zh-CN": "节奏"}, Key: "pace", Variation: "fast", Metric: "left", Harm: 0.081, Most: 0.02},
				{Key: "pace", Variation: "fast", Metric: "muted", Harm: 0.05, Most: 0.01}, {Key: "pace", Variation: "fast", Metric: "day7", Harm: 0.12, Most: 0.05}} {
				c := TellTrial(&setup, c.locale, &x)
				if err := c.Check(); err != nil {
					t.Error(err)
				}
				showContent(&out, &c)
			}
			compare(t, filepath.Join("testdata", c.file+".txt"), out.String())
		})
	}
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("%s: it says something else (go test -update writes it down): %v\n%s", file, err, got)
	}
}

func show(out *strings.Builder, ef *abi.Effects) {
	if ef.Error != "" {
		fmt.Fprintf(out, "error %s\n", ef.Error)
	}
	for _, o := range ef.Out {
		switch {
		case o.Action != nil:
			fmt.Fprintf(out, "asks the host to %s\n", o.Action.Host)
		case o.Send != nil && o.Send.To.Ephemeral:
			fmt.Fprintf(out, "to %s in %s alone\n", o.Send.To.Member, o.Send.To.Conversation)
			showContent(out, &o.Send.Content)
		case o.Send != nil:
			fmt.Fprintf(out, "to %s\n", o.Send.To.Member)
			showContent(out, &o.Send.Content)
		default:
			fmt.Fprintf(out, "%+v\n", o)
		}
	}
}

func showContent(out *strings.Builder, c *abi.Content) {
	for _, b := range c.Blocks {
		for _, s := range []string{b.Heading, b.Text, b.Code, b.Context} {
			for l := range strings.Lines(s) {
				fmt.Fprintf(out, "    %s\n", strings.TrimSuffix(l, "\n"))
			}
		}
		for _, f := range b.Fields {
			fmt.Fprintf(out, "    %s: %s\n", f.Label, f.Value)
		}
		for _, btn := range b.Buttons {
			fmt.Fprintf(out, "    [%s · %s %s%s]\n", btn.Label, btn.Action, btn.Style, btn.Often)
		}
	}
}

// TestTextsAreWhole has each text in both languages, with the same placeholders,
// and each used key written down.
func TestTextsAreWhole(t *testing.T) {
	names := func(s string) []string {
		var out []string
		for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
			if !slices.Contains(out, m[1]) {
				out = append(out, m[1])
			}
		}
		slices.Sort(out)
		return out
	}
	for key, l := range catalogue {
		if len(l) != len(locales) {
			t.Errorf("%s is there in %d languages", key, len(l))
			continue
		}
		if en, zh := names(l[0].Text), names(l[1].Text); !slices.Equal(en, zh) {
			t.Errorf("%s: placeholders %v in English, %v in Chinese", key, en, zh)
		}
	}
	for _, kind := range append(slices.Collect(func(yield func(string) bool) {
		for _, s := range sortOf {
			if !yield(s) {
				return
			}
		}
	}), "other") {
		if catalogue["sort."+kind] == nil {
			t.Errorf("there is no text sort.%s", kind)
		}
	}
}

// TestManagersWordings lays a manager's own words over the plugin's.
func TestManagersWordings(t *testing.T) {
	s := setup
	s.Texts = []abi.TextDef{{Key: "forgotten", Text: abi.Localized{{Locale: "en", Text: "Gone: {n}"}}}}
	if c := Farewell(&s, "en", map[string]int{"events": 3}, nil); c.Blocks[1].Text != "Gone: 3" {
		t.Errorf("it says %q", c.Blocks[1].Text)
	}
	if c := Farewell(&s, "zh-CN", map[string]int{"events": 3}, nil); c.Blocks[1].Text != "清除了 3 条数据：" {
		t.Errorf("in Chinese it says %q", c.Blocks[1].Text)
	}
}

// TestHostileArguments has what members type stay what it is.
func TestHostileArguments(t *testing.T) {
	for _, args := range []string{"<@slack:U2> **x**", strings.Repeat("x", 1<<20), "\x00\u202e", "{n}{word}"} {
		e := abi.Event{Kind: abi.CommandInvoked, Member: abi.Member{ID: "slack:UBOSS"}, Command: &abi.Command{Name: "hearth", Args: args}}
		ef := Handle(&setup, &abi.Call{Event: e})
		if err := ef.Check(); err != nil {
			t.Errorf("%.20q: %v", args, err)
		}
		if text := ef.Out[0].Send.Content.Blocks[0].Text; strings.Contains(strings.ReplaceAll(text, `\<@`, ""), "<@") || strings.Contains(strings.ReplaceAll(text, `\*`, ""), "*x") {
			t.Errorf("%.20q comes out as %.200q", args, text)
		}
	}
}
