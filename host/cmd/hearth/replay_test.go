package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/replay"
)

func TestReplayPrinter(t *testing.T) {
	at := time.Date(2026, 11, 26, 5, 0, 0, 0, time.Local)
	r := &replay.Report{Plugin: "welcome", Version: "1.1.0", SHA256: strings.Repeat("ab", 32), Live: strings.Repeat("cd", 32), TookMS: 97.4,
		Events: 1200, Same: 1190, Changed: 8, Inexact: 2, Failed: 3, FailedBefore: 1, Broken: 2, Skipped: 1, Omitted: 8, ConfigChanged: 5,
		StateVersion: 2, StateBefore: 1, Missing: []string{"http go.dev"}, Recorded: []replay.Recorded{{SHA256: strings.Repeat("ef", 32), Events: 1200}}, Ended: true,
		Before: replay.Cost{Fuel: 1000, MS: 50, P50MS: 0.02, P95MS: 0.05}, After: replay.Cost{Fuel: 1100, MS: 51.5, P50MS: 0.021, P95MS: 0.06},
		Sums: []replay.Sum{{What: replay.Message, How: replay.Changes, Count: 9, Events: 8}, {What: replay.State, How: replay.Appears, Count: 1, Events: 1}},
		Changes: []replay.Change{
			{Number: "0d234ccf52430000", Time: at, Kind: "member.joined", MemberName: "Ada\x1b[2J", Differences: []replay.Difference{
				{What: replay.Message, How: replay.Changes, Name: "“hello” to @u", Before: "Welcome, Ada!\nkey: hello", After: "Hello, Ada!\nkey: hello"},
				{What: replay.State, How: replay.Appears, Name: "c/x", After: "1"}, {What: replay.State, How: replay.Disappears, Name: "c/y", Before: "2"}}},
			{Number: "0d234ccf52430001", Time: at, Kind: "message.posted", Member: "slack:U1", Inexact: true, Missed: []string{"c/x", "m/*"}, Differences: []replay.Difference{}},
		}}
	var b bytes.Buffer
	if err := (&replayPrinter{w: &b}).print(r); err != nil {
		t.Fatal(err)
	}
	const want = `1,200 events of welcome through version 1.1.0 (abababababab), in 97ms
  same       1,190
  changed        8
  inexact        2
  failed         3  (1 then; 2 that had not)
  skipped        1  (they had read more than the journal keeps)
  fuel       1,100  (1,000 then, +10.0 %)
  time      51.5ms  (50ms then), of an event at p50 21µs (20µs), at p95 60µs (50µs)
message changes: 9, in 8 events
state appears: 1, in 1 event
note: 5 events were recorded with other config, texts, commands or rows in the image than hold now
note: the rows are of state version 1, and this version keeps 2: it was given them without a migration
note: it asks for what was not granted: http go.dev
note: the events were recorded by efefefefefef (1,200); live is cdcdcdcdcdcd
note: the journal was looked through no further back; --since and --until lead elsewhere

0d234ccf52430000  2026-11-26 05:00:00  member.joined  Ada·[2J
  ~ message “hello” to @u changes: Welcome, Ada! → Hello, Ada!
  + state c/x appears: 1
  - state c/y disappears: 2

0d234ccf52430001  2026-11-26 05:00:00  message.posted  slack:U1
  ? reads what the journal does not have: c/x, m/*

8 more that are older are not listed; --event NUMBER shows one
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}

	b.Reset()
	if err := (&replayPrinter{w: &b, whole: true, coloured: true}).print(&replay.Report{Changes: r.Changes}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"\x1b[33m~ message “hello” to @u changes\x1b[0m\n    \x1b[31m-Welcome, Ada!\x1b[0m\n    \x1b[32m+Hello, Ada!\x1b[0m\n     key: hello\n", "\x1b[32m+ state c/x appears\x1b[0m\n    \x1b[32m+1\x1b[0m\n"} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("%q is not in\n%q", line, b.String())
		}
	}
}

func TestMoment(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"": {}, "0s": now, "24h": now.Add(-24 * time.Hour), "2026-11-26T05:00:00Z": now.Add(-7 * time.Hour), "2026-11-26T13:00:00+08:00": now.Add(-7 * time.Hour),
		"2026-11-26": time.Date(2026, 11, 26, 0, 0, 0, 0, time.Local), "2026-11-26 05:30": time.Date(2026, 11, 26, 5, 30, 0, 0, time.Local),
	} {
		if got, err := moment("--since", s, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"yesterday", "-5m", "26.11.2026"} {
		if _, err := moment("--since", s, now); !errors.As(err, new(*usageError)) {
			t.Errorf("%q: %v", s, err)
		}
	}
}
