package meter_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

func TestShell(t *testing.T) {
	before := types(typeVoid, typeI_I) + funcs("\x01", "\x00") + memory("\x00\x01") + globals(i32Global) + exports(exportFunc("answer", 0), exportFunc("run", 1))
	behind := section(11, vec("\x00\x41\x08\x0b"+str("data")))
	whole := module(before, code(fn("\x20\x00", leb(1)+"\x7e"), fn("\x01")), behind)
	shell, err := meter.Shell(whole)
	if err != nil {
		t.Fatal(err)
	}
	if want := module(before, code(fn("\x00"), fn("\x00")), behind); !bytes.Equal(shell, want) {
		t.Errorf("got  %q\nwant %q", shell, want)
	}
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	m, err := r.Instantiate(ctx, shell)
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]uint64{"answer": {42}, "run": nil} {
		if _, err := m.ExportedFunction(name).Call(ctx, args...); err == nil || !strings.Contains(err.Error(), "unreachable") {
			t.Errorf("%s does not trap: %v", name, err)
		}
	}
	if data, ok := m.Memory().Read(8, 4); !ok || string(data) != "data" {
		t.Errorf("the memory holds %q", data)
	}
	for _, short := range []int{len(header) + 1, len(whole) - 1} {
		if _, err := meter.Shell(whole[:short]); !errors.Is(err, meter.ErrMalformed) {
			t.Errorf("of the first %d bytes: %v", short, err)
		}
	}
}
