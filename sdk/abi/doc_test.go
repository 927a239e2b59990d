package abi_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/hearthbot/hearth/sdk/abi"
)

// codec is what every type of the wire has.
type codec interface {
	msgp.Marshaler
	msgp.Unmarshaler
}

// wire is every type of the wire, by its name in ABI.md.
var wire = map[string]func() codec{
	"Call": func() codec { return new(abi.Call) }, "Event": func() codec { return new(abi.Event) },
	"Conversation": func() codec { return new(abi.Conversation) }, "Member": func() codec { return new(abi.Member) },
	"Message": func() codec { return new(abi.Message) }, "File": func() codec { return new(abi.File) },
	"Command": func() codec { return new(abi.Command) }, "Click": func() codec { return new(abi.Click) },
	"FormData": func() codec { return new(abi.FormData) }, "Value": func() codec { return new(abi.Value) },
	"Reaction": func() codec { return new(abi.Reaction) }, "TimerData": func() codec { return new(abi.TimerData) },
	"Result": func() codec { return new(abi.Result) }, "Custom": func() codec { return new(abi.Custom) },
	"Annotation": func() codec { return new(abi.Annotation) }, "Effects": func() codec { return new(abi.Effects) },
	"Write": func() codec { return new(abi.Write) }, "Add": func() codec { return new(abi.Add) },
	"Effect": func() codec { return new(abi.Effect) }, "Send": func() codec { return new(abi.Send) },
	"Target": func() codec { return new(abi.Target) }, "Edit": func() codec { return new(abi.Edit) },
	"Delete": func() codec { return new(abi.Delete) }, "React": func() codec { return new(abi.React) },
	"Timer": func() codec { return new(abi.Timer) }, "Cancel": func() codec { return new(abi.Cancel) },
	"Abort":  func() codec { return new(abi.Abort) },
	"Action": func() codec { return new(abi.Action) }, "HTTP": func() codec { return new(abi.HTTP) },
	"Verify": func() codec { return new(abi.Verify) }, "SourceFile": func() codec { return new(abi.SourceFile) },
	"Emit": func() codec { return new(abi.Emit) }, "Track": func() codec { return new(abi.Track) },
	"Profile": func() codec { return new(abi.Profile) }, "Continue": func() codec { return new(abi.Continue) },
	"Content": func() codec { return new(abi.Content) }, "Block": func() codec { return new(abi.Block) },
	"Field": func() codec { return new(abi.Field) }, "Button": func() codec { return new(abi.Button) },
	"Form": func() codec { return new(abi.Form) }, "Input": func() codec { return new(abi.Input) },
	"Option": func() codec { return new(abi.Option) }, "Table": func() codec { return new(abi.Table) },
	"Scan": func() codec { return new(abi.Scan) }, "Rows": func() codec { return new(abi.Rows) },
	"Pair": func() codec { return new(abi.Pair) }, "Manifest": func() codec { return new(abi.Manifest) },
	"Translation": func() codec { return new(abi.Translation) }, "CommandDef": func() codec { return new(abi.CommandDef) },
	"Schedule": func() codec { return new(abi.Schedule) }, "TextDef": func() codec { return new(abi.TextDef) },
	"Example": func() codec { return new(abi.Example) },
	"Need":    func() codec { return new(abi.Need) }, "Setup": func() codec { return new(abi.Setup) },
	"Query": func() codec { return new(abi.Query) }, "View": func() codec { return new(abi.View) },
	"Migration": func() codec { return new(abi.Migration) }, "Migrated": func() codec { return new(abi.Migrated) },
	"Step": func() codec { return new(abi.Step) },
}

func readDoc(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("ABI.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDocListsEveryKey holds the tables of ABI.md to the Go types: the same
// keys, of the same types, with "!" on what is always written.
func TestDocListsEveryKey(t *testing.T) {
	sections := map[string][]string{}
	row := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]+) \\|")
	for s := range strings.SplitSeq(readDoc(t), "\n### ") {
		name, body, _ := strings.Cut(s, "\n")
		if _, ok := wire[name]; !ok {
			continue
		}
		body, _, _ = strings.Cut(body, "\n## ")
		if name == "Target" { // its first table is of where a message goes
			_, body, _ = strings.Cut(body, "| key |")
		}
		for _, m := range row.FindAllStringSubmatch(body, -1) {
			sections[name] = append(sections[name], m[1]+" "+m[2])
		}
	}
	for name, make := range wire {
		want := keys(reflect.TypeOf(make()).Elem())
		if got := sections[name]; !slices.Equal(got, want) {
			t.Errorf("ABI.md, %s:\n got %q\nwant %q", name, got, want)
		}
	}
}

// keys lists "key type", with " !" on what is always written.
func keys(t reflect.Type) (out []string) {
	for f := range t.Fields() {
		parts := strings.Split(f.Tag.Get("msg"), ",")
		if slices.Contains(parts, "flatten") {
			out = append(out, keys(f.Type)...)
			continue
		}
		k := parts[0] + " " + wireType(f.Type)
		if !slices.Contains(parts, "omitempty") {
			k += " !"
		}
		out = append(out, k)
	}
	return out
}

func wireType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return wireType(t.Elem())
	case reflect.String:
		return "str"
	case reflect.Bool:
		return "bool"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bin"
		}
		return "[" + wireType(t.Elem()) + "]"
	case reflect.Struct:
		return t.Name()
	}
	return "int"
}

func TestDocStatesTheBounds(t *testing.T) {
	want := map[string]int{"MaxInput": abi.MaxInput, "MaxSetup": abi.MaxSetup, "MaxOutput": abi.MaxOutput, "MaxEffects": abi.MaxEffects, "MaxWrites": abi.MaxWrites,
		"MaxAdds": abi.MaxAdds, "MaxReads": abi.MaxReads, "MaxScan": abi.MaxScan, "MaxScans": abi.MaxScans, "MaxRelaxed": abi.MaxRelaxed,
		"MaxKey": abi.MaxKey, "MaxValue": abi.MaxValue, "MaxName": abi.MaxName, "MaxNote": abi.MaxNote, "MaxText": abi.MaxText,
		"MaxBlocks": abi.MaxBlocks, "MaxButtons": abi.MaxButtons, "MaxFields": abi.MaxFields, "MaxLog": abi.MaxLog,
		"MaxLogLines": abi.MaxLogLines, "MaxDepth": abi.MaxDepth, "MaxExamples": abi.MaxExamples, "MaxShown": abi.MaxShown}
	got := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\| (Max\w+) \| (\d+) \|`).FindAllStringSubmatch(readDoc(t), -1) {
		got[m[1]], _ = strconv.Atoi(m[2])
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("ABI.md's bounds are %v,\nthe package's %v", got, want)
	}
}

func TestDocListsKindsAndCapabilities(t *testing.T) {
	doc := readDoc(t)
	for _, k := range abi.Kinds() {
		if !strings.Contains(doc, "`"+string(k)+"`") {
			t.Errorf("ABI.md does not list the kind %s", k)
		}
	}
	for _, c := range []string{abi.CapSend, abi.CapDM, abi.CapReact, abi.CapTimers, abi.CapState, abi.CapMembers, abi.CapHTTP,
		abi.CapVerify, abi.CapAnnotate, abi.CapEmit} {
		if !strings.Contains(doc, "\n| "+c+" |") {
			t.Errorf("ABI.md does not list the capability %s", c)
		}
	}
	for _, name := range []string{abi.ExportVersion, abi.ExportBuffer, abi.ExportDescribe, abi.ExportHandle, abi.ExportWarm,
		abi.ExportQuery, abi.ExportMigrate, abi.ImportGet, abi.ImportScan, abi.ImportLog} {
		if !strings.Contains(doc, "\n| `"+name+"` |") {
			t.Errorf("ABI.md does not list the function %s", name)
		}
	}
}

// TestDocExamples decodes each example, shows it as the JSON beside it, and
// encodes it to the same bytes again.
func TestDocExamples(t *testing.T) {
	examples := regexp.MustCompile("(?s)```hex (\\w+)\n(.*?)```\n\n```json\n(.*?)\n```").FindAllStringSubmatch(readDoc(t), -1)
	if len(examples) < 5 {
		t.Fatalf("only %d examples found", len(examples))
	}
	for _, m := range examples {
		raw, err := hex.DecodeString(strings.ReplaceAll(m[2], "\n", ""))
		if err != nil {
			t.Fatalf("%s: %v", m[1], err)
		}
		v := wire[m[1]]()
		if rest, err := v.UnmarshalMsg(raw); err != nil || len(rest) > 0 {
			t.Fatalf("%s: decode: %v, %d bytes left", m[1], err, len(rest))
		}
		again, err := v.MarshalMsg(nil)
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%s encodes to %x (%v), ABI.md has %x", m[1], again, err, raw)
		}
		var json bytes.Buffer
		if _, err := msgp.UnmarshalAsJSON(&json, raw); err != nil || json.String() != m[3] {
			t.Errorf("%s is %s (%v), ABI.md says %s", m[1], json.String(), err, m[3])
		}
	}
}
