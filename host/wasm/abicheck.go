package wasm

import (
	"fmt"

	"github.com/hearthbot/hearth/host/wasm/meter"
	"github.com/hearthbot/hearth/sdk/abi"
)

const (
	exportInitialize = "_initialize"
	exportStart      = "_start"
	exportMemory     = "memory"
)

// checkImports refuses a module that asks for what is not offered.
func checkImports(m *facts, offered []hostFunc) error {
	types := map[[2]string]string{}
	for _, f := range offered {
		types[[2]string{f.module, f.name}] = f.typ
	}
	for _, i := range m.Imports {
		typ, ok := types[[2]string{i.Module, i.Name}]
		switch {
		case !ok || i.Kind != meter.KindFunc:
			return fmt.Errorf("wasm: %w: it imports %s %q of module %q, which hearth does not offer", ErrABI, i.Kind, i.Name, i.Module)
		case i.Type != typ:
			return fmt.Errorf("wasm: %w: it imports %q of module %q as %s, which is %s", ErrABI, i.Name, i.Module, i.Type, typ)
		}
	}
	return nil
}

// checkABI refuses a module that asks for what is not offered, or does not offer
// what a plugin must.
func checkABI(m *facts, offered []hostFunc) error {
	if err := checkImports(m, offered); err != nil {
		return err
	}
	exports := map[string]meter.Export{}
	for _, e := range m.Exports {
		exports[e.Name] = e
	}
	_, initializes := exports[exportInitialize]
	if _, starts := exports[exportStart]; starts && !initializes {
		return fmt.Errorf("wasm: %w: it is a command (it exports %s), not a library: build it with -buildmode=c-shared", ErrABI, exportStart)
	}
	if e, ok := exports[exportMemory]; !ok || e.Kind != meter.KindMemory {
		return fmt.Errorf("wasm: %w: it does not export its memory as %q", ErrABI, exportMemory)
	}
	const call = "(i32) -> (i64)"
	for _, want := range []struct {
		name, typ string
		optional  bool
	}{
		{name: exportInitialize, typ: "() -> ()", optional: true},
		{name: abi.ExportVersion, typ: "() -> (i32)"},
		{name: abi.ExportBuffer, typ: "(i32) -> (i32)"},
		{name: abi.ExportDescribe, typ: call},
		{name: abi.ExportHandle, typ: call},
		{name: abi.ExportWarm, typ: call, optional: true},
		{name: abi.ExportQuery, typ: call, optional: true},
		{name: abi.ExportMigrate, typ: call, optional: true},
	} {
		e, ok := exports[want.name]
		switch {
		case !ok && want.optional:
		case !ok:
			return fmt.Errorf("wasm: %w: it does not export %q, %s", ErrABI, want.name, want.typ)
		case e.Kind != meter.KindFunc || e.Type != want.typ:
			return fmt.Errorf("wasm: %w: it exports %q as %s %s, it must be func %s", ErrABI, want.name, e.Kind, e.Type, want.typ)
		}
	}
	return nil
}
