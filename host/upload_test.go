package host

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/house"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// TestHostileUploads hands over what no author would: each is refused with one
// line that says why, leaves nothing behind, takes a bounded amount of memory,
// and the version that runs goes on.
func TestHostileUploads(t *testing.T) {
	w, err := wasm.New(wasm.Options{CacheDir: filepath.Join(t.TempDir(), "cache"), Limits: wasm.Limits{Fuel: 50_000_000, Wall: 20 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close(t.Context())
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := registry.ParseKey(public.String())
	if err != nil {
		t.Fatal(err)
	}
	b := newBot(t, Options{Wasm: w, Signatures: registry.Policy{Keys: []registry.Key{key}}})
	b.startReal()
	good := countingModule("victim", "1.0.0").code(t)
	v, err := b.Stage(t.Context(), Upload{Code: good, Signature: minisign.Sign(private, good), Who: anna, Why: "it is good"})
	if err != nil || v.Signature.Status != registry.SignedWell || v.Status != StatusStaged || v.SelfTest != "passed" {
		t.Fatalf("%+v, %v", v, err)
	}
	b.promote("victim", v.SHA256)
	before := b.registryRows()

	next := func(change func(m *module)) func() []byte {
		return func() []byte {
			m := countingModule("victim", "2.0.0")
			change(&m)
			return m.code(t)
		}
	}
	named := func(name string) func() []byte { return next(func(m *module) { m.manifest.Name = name }) }
	plain := next(func(*module) {})()
	here := func(code []byte) func() []byte { return func() []byte { return code } }
	header := "\x00asm\x01\x00\x00\x00"
	claims := func(id byte, n uint64) func() []byte { return here(append([]byte(header), section(id, uleb(n))...)) }
	for _, c := range []struct {
		name string
		code func() []byte
		with Upload // Signature, Name
		is   error
		says string
	}{
		{"nothing", here(nil), Upload{}, wasm.ErrABI, "no WebAssembly module"},
		{"not wasm", here([]byte("#!/bin/sh\nrm -rf /\n")), Upload{}, wasm.ErrABI, "no WebAssembly module"},
		{"a header alone", here([]byte(header)), Upload{}, wasm.ErrABI, ""},
		{"truncated", here(plain[:len(plain)/2]), Upload{}, wasm.ErrABI, ""},
		{"truncated by a byte", here(plain[:len(plain)-1]), Upload{}, wasm.ErrABI, ""},
		{"200 MB", func() []byte {
			b := make([]byte, 200_000_008)
			copy(b, header)
			return b
		}, Upload{}, ErrTooLarge, "200000008 bytes, at most 33554432"},
		{"32 MiB of empty sections", func() []byte {
			return append([]byte(header), bytes.Repeat([]byte{0, 1, 0}, (MaxPlugin-8)/3)...)
		}, Upload{}, wasm.ErrABI, ""},
		{"4 billion types claimed", claims(1, 1<<32-1), Upload{}, wasm.ErrABI, ""},
		{"4 billion functions claimed", claims(3, 1<<32-1), Upload{}, wasm.ErrABI, ""},
		{"10 million functions", func() []byte {
			return slices.Concat([]byte(header), section(1, vec([]byte{0x60, 0, 0})), section(3, append(uleb(10_000_000), make([]byte, 10_000_000)...)))
		}, Upload{}, wasm.ErrABI, "function section"},
		{"8 million functions and their bodies", func() []byte {
			return slices.Concat([]byte(header), section(1, vec([]byte{0x60, 0, 0})), section(3, append(uleb(8_000_000), make([]byte, 8_000_000)...)),
				section(10, append(uleb(8_000_000), bytes.Repeat([]byte{2, 0, 0x0b}, 8_000_000)...)))
		}, Upload{}, wasm.ErrABI, "function section"},
		{"4 billion locals", next(func(m *module) { m.locals = 1<<32 - 1 }), Upload{}, wasm.ErrABI, ""},
		{"a table of 4 billion", here(append([]byte(header), section(4, append([]byte{1, 0x70, 0}, uleb(1<<32-1)...))...)), Upload{}, wasm.ErrABI, ""},
		{"a memory of 4 GiB", here(append([]byte(header), section(5, append([]byte{1, 0}, uleb(1<<16)...))...)), Upload{}, wasm.ErrABI, ""},
		{"an import that does not exist", next(func(m *module) { m.imports = [][2]string{{"env", "system"}} }), Upload{}, wasm.ErrABI,
			`imports func "system" of module "env", which hearth does not offer`},
		{"a WASI import that is not offered as that", next(func(m *module) { m.imports = [][2]string{{"wasi_snapshot_preview1", "sock_accept"}} }), Upload{}, wasm.ErrABI, "sock_accept"},
		{"a start function that loops", next(func(m *module) { m.start = wasmLoop }), Upload{}, nil, ""},
		{"a start function that traps", next(func(m *module) { m.start = wasmTrap }), Upload{}, nil, ""},
		{"describe that never returns", next(func(m *module) { m.describe = append(bytes.Clone(wasmLoop), 0) }), Upload{}, wasm.ErrFuel, "describe: out of fuel"},
		{"describe that traps", next(func(m *module) { m.describe = wasmTrap }), Upload{}, wasm.ErrTrap, "describe: crashed"},
		{"describe that returns 100 MB", next(func(m *module) { m.describe = output(0, 100<<20) }), Upload{}, wasm.ErrOutput, "describe: returned too much"},
		{"describe that returns 32 MiB of memory", next(func(m *module) { m.describe = output(0, 32<<20) }), Upload{}, wasm.ErrOutput, "describe: returned too much"},
		{"describe that returns what is not there", next(func(m *module) { m.describe = output(1<<31-1, 1000) }), Upload{}, nil, "describe"},
		{"describe that returns no manifest", next(func(m *module) { m.describe = output(0, 100) }), Upload{}, ErrManifest, ""},
		{"handle that never returns", next(func(m *module) { m.handle = append(bytes.Clone(wasmLoop), 0) }), Upload{}, ErrSelfTest, "handle: out of fuel"},
		{"handle that traps", next(func(m *module) { m.handle = wasmTrap }), Upload{}, ErrSelfTest, "handle: crashed"},
		{"handle that returns no effects", next(func(m *module) { m.handle = output(0, 100) }), Upload{}, ErrSelfTest, "cannot be read"},
		{"an example of what nobody knows", next(func(m *module) { m.manifest.Examples = []abi.Example{{Name: "x", Event: abi.Event{Kind: "moon.rose"}}} }), Upload{}, ErrManifest, "moon.rose"},
		{"too many examples", next(func(m *module) {
			for range abi.MaxExamples + 1 {
				m.manifest.Examples = append(m.manifest.Examples, abi.Example{Name: "x", Event: abi.Event{Kind: abi.HomeOpened}})
			}
		}), Upload{}, ErrManifest, "17 examples"},
		{"the name of hearth's own", named(house.Name), Upload{}, ErrManifest, "hearth's own plugin"},
		{"a name that is a path", named("../../etc"), Upload{}, ErrManifest, "does not match"},
		{"a name of lines", named("victim\nand more"), Upload{}, ErrManifest, "does not match"},
		{"a name without end", named(strings.Repeat("a", 10_000)), Upload{}, ErrManifest, "does not match"},
		{"another name than it should have", named("another"), Upload{Name: "victim"}, ErrManifest, `calls itself "another", and not "victim"`},
		{"a version without end", next(func(m *module) { m.manifest.Version = strings.Repeat("1", 10_000) }), Upload{}, ErrManifest, "version"},
		{"another ABI", next(func(m *module) { m.manifest.ABI = 99 }), Upload{}, ErrManifest, "ABI 99"},
		{"a capability that is unknown", next(func(m *module) { m.manifest.Needs = []abi.Need{{Cap: "root", Reason: "please"}} }), Upload{}, ErrManifest, `"root"`},
		{"a schema that is none", next(func(m *module) { m.manifest.Schema = []byte("{{{") }), Upload{}, ErrManifest, "schema"},
		{"a wrong signature", here(plain), Upload{Signature: minisign.Sign(private, good)}, ErrSignature, "not of this file"},
		{"no signature", here(plain), Upload{Signature: []byte("trust me")}, ErrSignature, "no signature of minisign"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			u := c.with
			u.Code, u.Who, u.Why = c.code(), anna, "nothing good"
			over := memory(t)
			begun := time.Now()
			v, err := b.Stage(t.Context(), u)
			took := time.Since(begun)
			grown := over()
			switch {
			case err == nil:
				t.Fatalf("it was taken in: %+v", v)
			case c.is != nil && !errors.Is(err, c.is):
				t.Errorf("%v, want %v", err, c.is)
			case !strings.Contains(err.Error(), c.says):
				t.Errorf("%v, want it to say %q", err, c.says)
			}
			if line := err.Error(); strings.ContainsAny(line, "\r\n") || len(line) > 400 {
				t.Errorf("not one short line: %q", line)
			}
			t.Logf("figure: refused after %v, with %d MiB more memory at most: %.160s", took.Round(100*time.Microsecond), grown>>20, err)
			if grown > hostileMemory {
				t.Errorf("it took %d MiB, at most %d are right", grown>>20, hostileMemory>>20)
			}
			if now := b.registryRows(); now != before {
				t.Errorf("the registry was\n%sand is\n%s", before, now)
			}
			counted := b.counter("victim", "c/1.0.0")
			b.accept(b.event(abi.MessagePosted), chat.Accepted)
			settled(t, b.Engine, "fake")
			if n := b.counter("victim", "c/1.0.0"); n != counted+1 {
				t.Errorf("the version that ran counts %d after %d", n, counted)
			}
		})
	}
	if _, err := b.Stage(t.Context(), Upload{Code: plain, Who: anna}); err != nil {
		t.Errorf("a sound version afterwards: %v", err)
	}
}

// hostileMemory is what looking at an upload may take beside the upload itself,
// whose bound is 32 MiB: less than a member's program may.
const hostileMemory = 256 << 20

// registryRows are the rows of the registry, each with its revision.
func (b *bot) registryRows() string {
	b.t.Helper()
	var out strings.Builder
	for _, under := range []store.Key{"plugin", "version", "blob", kGrant} {
		for _, r := range b.rows(under) {
			fmt.Fprintf(&out, "%s at %d\n", r.Key, r.Rev)
		}
	}
	return out.String()
}

// memory begins to watch this process's resident memory, and says in the end by
// how much it has grown at most; 0 where that cannot be known.
func memory(t *testing.T) (grown func() int64) {
	t.Helper()
	runtime.GC()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return func() int64 { return 0 }
	}
	before := statusKiB(t, "VmRSS:")
	return func() int64 { return max(0, statusKiB(t, "VmHWM:")-before) << 10 }
}

func statusKiB(t *testing.T, field string) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}
