package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/wasm/meter"
	"github.com/hearthbot/hearth/sdk/abi"
)

func TestCompileRefuses(t *testing.T) {
	e := newEngine(t, Options{})
	with := func(change func(a *assembly)) []byte {
		a := &assembly{}
		change(a)
		a.abi(i64 + "\x00")
		return a.module()
	}
	for _, tt := range []struct {
		name string
		code []byte
		want string
	}{
		{"no wasm", []byte("#!/bin/sh"), "not a WebAssembly"},
		{"unknown module", with(func(a *assembly) { a.imp("env", "system", "(i32) -> (i32)") }), `imports func "system" of module "env", which hearth does not offer`},
		{"unknown function", with(func(a *assembly) { a.imp("hearth", "kv_put", "(i32) -> ()") }), `imports func "kv_put" of module "hearth"`},
		{"wrong import type", with(func(a *assembly) { a.imp("hearth", "log", "(i32 i32) -> ()") }), `imports "log" of module "hearth" as (i32 i32) -> (), which is (i32 i32 i32) -> ()`},
		{"own refuel", with(func(a *assembly) { a.imp(meter.ImportModule, meter.ImportRefuel, "() -> ()") }), "reserved name"},
		{"no handle", plugin(i64+"\x00").renamed("handle", "").module(), `does not export "handle", (i32) -> (i64)`},
		{"wrong handle", plugin(i64+"\x00").renamed("handle", "").renamed("hearth_buffer", "handle").module(), `does not export "hearth_buffer"`},
		{"wrong warm", with(func(a *assembly) { a.fn("warm", "() -> ()", "") }), `exports "warm" as func () -> (), it must be func (i32) -> (i64)`},
		{"a command", with(func(a *assembly) { a.fn("_start", "() -> ()", "") }), "-buildmode=c-shared"},
		{"no memory", with(func(a *assembly) { a.noMemory = true }), `does not export its memory`},
		{"invalid code", with(func(a *assembly) { a.fn("", "() -> (i32)", "") }), "compile"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := e.Compile(t.Context(), tt.code, Limits{})
			if !errors.Is(err, ErrABI) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want ErrABI with %q", err, tt.want)
			}
		})
	}
	version := &assembly{}
	version.fn("hearth_abi", "() -> (i32)", i32+"\x02")
	version.fn("hearth_buffer", "(i32) -> (i32)", i32+"\x08")
	version.fn("describe", "(i32) -> (i64)", i64+"\x00")
	version.fn("handle", "(i32) -> (i64)", i64+"\x00")
	if _, err := e.Compile(t.Context(), version.module(), Limits{}); !errors.Is(err, ErrABI) || !strings.Contains(err.Error(), "built for version 2, this host has version 1") {
		t.Errorf("wrong version: %v", err)
	}
	if _, err := e.Compile(t.Context(), plugin("").module(), Limits{Memory: MaxMemory + 1}); err == nil {
		t.Error("a memory of more than MaxMemory is taken")
	}
	if _, err := e.Compile(t.Context(), buildGuest(t, "acts"), Limits{Memory: 8}); !errors.Is(err, meter.ErrMemory) {
		t.Errorf("a memory that is too small: %v", err)
	}
}

// What a module does before it can be called is bounded too.
func TestCompileBounded(t *testing.T) {
	e := newEngine(t, Options{})
	forever := loop + br0 + end
	for _, tt := range []struct {
		name   string
		change func(a *assembly)
		want   error
	}{
		{"start", func(a *assembly) { a.start = uleb(uint32(a.fn("", "() -> ()", forever))) }, ErrFuel},
		{"_initialize", func(a *assembly) { a.fn("_initialize", "() -> ()", forever) }, ErrFuel},
		{"crash at start", func(a *assembly) { a.fn("_initialize", "() -> ()", unreachable) }, ErrTrap},
	} {
		a := &assembly{}
		tt.change(a)
		a.abi(i64 + "\x00")
		if _, err := e.Compile(t.Context(), a.module(), Limits{Fuel: 1_000_000}); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// A start function may call the host before the instance exists.
func TestStartFunction(t *testing.T) {
	a := &assembly{}
	a.imp(wasiModule, "random_get", "(i32 i32) -> (i32)")
	a.start = uleb(uint32(a.fn("", "() -> ()", i32+"\x08"+i32+"\x08"+call+"\x00"+drop)))
	a.abi(i64 + "\x88\x80\x80\x80\x80\x01") // 8 bytes at 8
	p, err := newEngine(t, Options{Sandboxes: 1}).Compile(t.Context(), a.module(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	i, err := p.Image(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := i.Call(t.Context(), act("")); err != nil || strings.Count(string(r.Output), "\x00") == 8 {
		t.Errorf("%q, %v", r.Output, err)
	}
}

// Traps and broken promises of modules no Go compiler would write.
func TestAssembled(t *testing.T) {
	e := newEngine(t, Options{Sandboxes: 1})
	for _, tt := range []struct {
		name, code string
		want       error
		text       string
	}{
		{"unreachable", unreachable, ErrTrap, "unreachable"},
		{"division by zero", i32 + "\x01" + i32 + "\x00" + div32 + drop + i64 + "\x00", ErrTrap, "divide by zero"},
		{"load behind the end", i32 + "\x7f" + load32 + drop + i64 + "\x00", ErrTrap, "out of bounds memory access"},
		{"endless recursion", get0 + call + "\x03", ErrTrap, "stack overflow"},
		{"output outside of memory", i64 + "\x7f", ErrOutput, "4294967295 bytes, the limit is 262144"},
		{"output behind the end", i64 + "\x81\x80\x80\x80\xf0\xff\xff\xff\xff\x00", ErrABI, "does not lie in memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := e.Compile(t.Context(), plugin(tt.code).module(), Limits{Memory: 4, Wall: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			i, err := p.Image(t.Context(), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				f := fails(t, i, "event", tt.want)
				if !strings.Contains(f.Message, tt.text) {
					t.Errorf("message %q, want %q", f.Message, tt.text)
				}
				if !i.idle[0].guest.mem.pristine() {
					t.Error("the sandbox is not pristine")
				}
			}
		})
	}
}

// A guest whose hearth_buffer lies has no image.
func TestBufferOutside(t *testing.T) {
	a := &assembly{}
	a.fn("hearth_abi", "() -> (i32)", i32+"\x01")
	a.fn("hearth_buffer", "(i32) -> (i32)", i32+"\x78")
	a.fn("describe", "(i32) -> (i64)", i64+"\x00")
	a.fn("handle", "(i32) -> (i64)", i64+"\x00")
	p, err := newEngine(t, Options{}).Compile(t.Context(), a.module(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Image(t.Context(), nil, nil); !errors.Is(err, ErrABI) {
		t.Errorf("got %v, want ErrABI", err)
	}
}

// Callers at the same time share one compilation, and each has a plugin.
func TestCompileShared(t *testing.T) {
	e := newEngine(t, Options{CacheDir: t.TempDir() + "/cache"})
	code := described("a manifest").module()
	var wg sync.WaitGroup
	plugins := make([]*Plugin, 8)
	for n := range plugins {
		wg.Go(func() {
			p, err := e.Compile(context.Background(), code, Limits{})
			if err != nil {
				t.Error(err)
			}
			plugins[n] = p
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Compile(ctx, code, Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	wg.Wait()
	for _, p := range plugins[1:] {
		if p.program != plugins[0].program {
			t.Error("compiled twice")
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	p := plugins[0]
	if string(p.Manifest()) != "a manifest" || p.SHA256() != sha256.Sum256(code) || !p.Exports(abi.ExportHandle) || p.Exports(abi.ExportWarm) {
		t.Errorf("%q %x", p.Manifest(), p.SHA256())
	}
	if i, err := p.Image(t.Context(), nil, nil); err != nil || do(t, i, "event") != "" {
		t.Errorf("after the others closed: %v", err)
	}
	other, err := e.Compile(t.Context(), code, Limits{Memory: 2048})
	if err != nil || other.program == p.program {
		t.Errorf("other limits share a program: %v", err)
	}
}

// The same code is the same machine code, whoever has a hand in it.
func TestWorkers(t *testing.T) {
	code := buildGuest(t, "acts")
	dir := t.TempDir()
	compile := func(name string, workers int) []byte {
		cache := filepath.Join(dir, name)
		e := newEngine(t, Options{CacheDir: cache})
		e.SetWorkers(workers)
		p, err := e.Compile(t.Context(), code, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(cache, "*", "wazero-*", "*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v, %v", files, err)
		}
		return read(t, files[0])
	}
	if one, three := compile("one", 1), compile("three", 3); !bytes.Equal(one, three) {
		t.Errorf("one worker makes %d bytes, three make %d, and they differ", len(one), len(three))
	}
}
