package abi_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/hearthbot/hearth/sdk/abi"
)

// clang builds from testdata/cplugin. Where there is no clang the test is
// skipped, but not in CI.
func clang(t *testing.T, out string, args ...string) string {
	t.Helper()
	for _, tool := range []string{"clang", "wasm-ld"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("HEARTH_CI") != "" {
				t.Fatalf("%s is not installed, and CI has to have it", tool)
			}
			t.Skipf("%s is not installed (Debian: apt install clang lld)", tool)
		}
	}
	path := filepath.Join(t.TempDir(), out)
	cmd := exec.Command("clang", append(args, "-Wall", "-Wextra", "-Werror", "-o", path)...)
	cmd.Dir = filepath.Join("testdata", "cplugin")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, msg)
	}
	return path
}

// TestCPluginBuilds builds the plugin as its comment says. Package host/wasm
// runs what comes out.
func TestCPluginBuilds(t *testing.T) {
	path := clang(t, "greeter.wasm", "--target=wasm32", "-Os", "-mbulk-memory", "-ffreestanding", "-nostdlib", "-Wl,--no-entry", "plugin.c")
	module, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(module, []byte("\x00asm\x01\x00\x00\x00")) {
		t.Fatalf("it is no module: %x…", module[:min(8, len(module))])
	}
	for _, name := range []string{"memory", abi.ExportVersion, abi.ExportBuffer, abi.ExportDescribe, abi.ExportHandle, abi.ImportModule, abi.ImportGet} {
		if !bytes.Contains(module, append([]byte{byte(len(name))}, name...)) {
			t.Errorf("the module does not name %q", name)
		}
	}
}

// TestCPluginSpeaksTheWire compares what C, written from ABI.md, reads and writes
// with what Go does.
func TestCPluginSpeaksTheWire(t *testing.T) {
	native := clang(t, "greeter", "-g", "-O1", "native.c")
	run := func(t *testing.T, stdin []byte, into msgp.Unmarshaler, args ...string) {
		t.Helper()
		cmd := exec.Command(native, args...)
		cmd.Stdin = bytes.NewReader(stdin)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if rest, err := into.UnmarshalMsg(out); err != nil || len(rest) > 0 {
			t.Fatalf("%x: %v, %d bytes left", out, err, len(rest))
		}
	}

	var m abi.Manifest
	run(t, nil, &m, "describe")
	if m.ABI != abi.Version || m.Name != "greeter" || len(m.Commands) != 1 || m.Commands[0].Help.In("zh-CN") != "看看迎接了多少人" || len(m.Needs) != 2 {
		t.Errorf("manifest: %+v", m)
	}

	general := abi.Conversation{ID: "web:general", Kind: abi.Channel, Name: "general"}
	join := func(who abi.Member) abi.Event {
		return abi.Event{ID: "1", Source: "web", Kind: abi.MemberJoined, Conversation: general, Member: who,
			Groups: []abi.Annotation{{Name: "arm", Value: "b"}}, Note: bytes.Repeat([]byte{1}, 300)}
	}
	hello := func(key, text string) abi.Effects {
		return abi.Effects{Writes: []abi.Write{{Key: key, Value: []byte{0xc3}}}, Adds: []abi.Add{{Key: "c/greeted", Delta: 1}},
			Out: []abi.Effect{{Send: &abi.Send{To: abi.Target{Member: "web:1", Conversation: "web:general"},
				Content: abi.Content{Blocks: []abi.Block{{Text: text}}}}}}}
	}
	said := func(to abi.Target, text string) abi.Effects {
		return abi.Effects{Out: []abi.Effect{{Send: &abi.Send{To: to, Content: abi.Content{Blocks: []abi.Block{{Text: text}}}}}}}
	}
	odd := hello("m/web:a%2fb%20%25/greeted", "Welcome, x!")
	odd.Out[0].Send.To.Member = "web:a/b %"
	command := abi.Event{Kind: abi.CommandInvoked, Conversation: general, Member: abi.Member{ID: "web:1", Locale: "zh-CN"},
		Command: &abi.Command{Name: "greeted", Args: "now"}, Private: true}
	public := command
	public.Private, public.Member.Locale = false, "en"
	thousand := "c/greeted=" + hex.EncodeToString([]byte{0, 0, 0, 0, 0, 0, 0x03, 0xe8})

	for _, c := range []struct {
		name  string
		event abi.Event
		rows  []string
		want  abi.Effects
	}{
		{"a newcomer", join(abi.Member{ID: "web:1", Name: "Ann"}), nil, hello("m/web:1/greeted", "Welcome, Ann!")},
		{"a Chinese one", join(abi.Member{ID: "web:1", Name: "小梅", Locale: "zh-CN"}), nil, hello("m/web:1/greeted", "小梅，欢迎你！")},
		{"markup in a name", join(abi.Member{ID: "web:1", Name: "*[x](y)*"}), nil, hello("m/web:1/greeted", `Welcome, \*\[x\](y)\*!`)},
		{"an id to escape", join(abi.Member{ID: "web:a/b %", Name: "x"}), nil, odd},
		{"greeted before", join(abi.Member{ID: "web:1", Name: "Ann"}), []string{"m/web:1/greeted=c3"}, abi.Effects{}},
		{"a bot", join(abi.Member{ID: "web:1", Name: "Bot", Bot: true}), nil, abi.Effects{}},
		{"a question", command, []string{thousand}, said(abi.Target{Conversation: "web:general", Member: "web:1", Ephemeral: true}, "我欢迎过的朋友：1000")},
		{"an open question", public, nil, said(abi.Target{Conversation: "web:general"}, "Members I have welcomed: 0")},
		{"anything else", abi.Event{Kind: abi.SelfTest}, nil, abi.Effects{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			call, err := (&abi.Call{Event: c.event, Now: 1717405200000, Seed: 1 << 63}).MarshalMsg(nil)
			if err != nil {
				t.Fatal(err)
			}
			var got abi.Effects
			run(t, call, &got, c.rows...)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			if err := got.Check(); err != nil {
				t.Error(err)
			}
		})
	}

	t.Run("what is no call", func(t *testing.T) {
		for _, raw := range [][]byte{nil, {0xc1}, {0x81, 0xa5, 'e', 'v'}, {0xdf, 0xff, 0xff, 0xff, 0xff}, bytes.Repeat([]byte{0x91}, 4096)} {
			var got abi.Effects
			run(t, raw, &got)
			if got.Error == "" || len(got.Out) > 0 {
				t.Errorf("%.10x: %+v", raw, got)
			}
		}
	})
}
