package meter_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

// specFiles returns the binaries of the WebAssembly test suite that wazero
// carries along, of the features the meter supports, if they are there.
func specFiles() (files []string) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		return nil
	}
	root := filepath.Join(strings.TrimSpace(string(dir)), "internal", "integration_test", "spectest")
	for _, suite := range []string{"v1", "v2", "tail-call"} {
		fs, _ := filepath.Glob(filepath.Join(root, suite, "testdata", "*.wasm"))
		files = append(files, fs...)
	}
	return files
}

// TestSpec meters every binary of the test suite. The engine must accept the
// metered module exactly when it accepts the plain one, and every export must
// return the same values, or trap the same way, with the same memory after it.
// In -short mode it takes every seventh file.
func TestSpec(t *testing.T) {
	files := specFiles()
	if len(files) == 0 {
		t.Skip("the module cache has no wazero with the WebAssembly test suite in it")
	}
	var s specRun
	ctx := context.Background()
	cfg := wazero.NewRuntimeConfig().WithCoreFeatures(features).WithMemoryLimitPages(1024)
	s.plain = wazero.NewRuntimeWithConfig(ctx, cfg)
	defer s.plain.Close(ctx)
	s.metered = wazero.NewRuntimeWithConfig(ctx, cfg)
	defer s.metered.Close(ctx)
	installRefuel(t, ctx, s.metered)
	for i, file := range files {
		if testing.Short() && i%7 != 0 {
			continue
		}
		s.files++
		name := filepath.Join(filepath.Base(filepath.Dir(filepath.Dir(file))), filepath.Base(file))
		if err := s.file(ctx, file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Logf("%d files, %d accepted by the engine, %d beyond the meter, %d instances, %d calls compared, %d of them traps",
		s.files, s.accepted, s.beyond, s.instances, s.calls, s.traps)
	if s.calls < s.files {
		t.Error("hardly anything was compared")
	}
}

type specRun struct {
	plain, metered                                   wazero.Runtime
	files, accepted, beyond, instances, calls, traps int
}

func (s *specRun) file(ctx context.Context, file string) error {
	wasm, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before := slices.Clone(wasm)
	plain, engineErr := s.plain.CompileModule(ctx, wasm)
	if engineErr == nil {
		defer plain.Close(ctx)
		s.accepted++
	}
	m, err := meter.Rewrite(wasm, meter.Options{})
	if !slices.Equal(wasm, before) {
		return errors.New("Rewrite changed its input")
	}
	if err != nil {
		if engineErr == nil {
			s.beyond++
			return stricter(err)
		}
		return nil
	}
	metered, err := s.metered.CompileModule(ctx, m.Wasm)
	if (err == nil) != (engineErr == nil) {
		return fmt.Errorf("engine on the plain module: %v; on the metered one: %v", engineErr, err)
	}
	if err != nil {
		return nil
	}
	defer metered.Close(ctx)
	if len(plain.ImportedFunctions())+len(plain.ImportedMemories()) > 0 {
		return nil
	}
	return s.compare(ctx, plain, metered)
}

// stricter returns err unless the meter documents that it refuses more than
// the engine does.
func stricter(err error) error {
	if errors.Is(err, meter.ErrUnsupported) || errors.Is(err, meter.ErrTooLarge) {
		return nil
	}
	return err
}

func (s *specRun) compare(ctx context.Context, plain, metered wazero.CompiledModule) error {
	fuel := &tank{slice: 10_000, budget: 3_000_000}
	mctx := withTank(ctx, fuel)
	cfg := wazero.NewModuleConfig().WithName("")
	b, berr := s.metered.InstantiateModule(mctx, metered, cfg)
	if errors.Is(berr, errBudget) {
		return nil // the plain one would run for ever
	}
	a, aerr := s.plain.InstantiateModule(ctx, plain, cfg)
	if firstLine(aerr) != firstLine(berr) {
		return fmt.Errorf("instantiate: plain %v, metered %v", aerr, berr)
	}
	if aerr != nil {
		return nil
	}
	defer a.Close(ctx)
	defer b.Close(ctx)
	s.instances++
	names := make([]string, 0, 16)
	for name := range plain.ExportedFunctions() {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		def := plain.ExportedFunctions()[name]
		for _, seed := range []uint64{0, 1, 3, math.MaxUint64} {
			args, ok := arguments(def, seed)
			if !ok {
				break
			}
			fuel.budget = fuel.burnt() + 3_000_000
			got, gotErr := b.ExportedFunction(name).Call(mctx, args...)
			if errors.Is(gotErr, errBudget) {
				return nil // state differs from here on
			}
			want, wantErr := a.ExportedFunction(name).Call(ctx, args...)
			s.calls++
			if wantErr != nil {
				s.traps++
			}
			if !slices.Equal(got, want) || firstLine(gotErr) != firstLine(wantErr) {
				return fmt.Errorf("%s%v: plain %v %v, metered %v %v", name, args, want, wantErr, got, gotErr)
			}
			for mem := range plain.ExportedMemories() {
				x, y := a.ExportedMemory(mem), b.ExportedMemory(mem)
				if xb, yb := contents(x), contents(y); !slices.Equal(xb, yb) {
					return fmt.Errorf("%s%v: memory differs", name, args)
				}
			}
		}
	}
	return nil
}

// arguments makes up numbers for a function, if it takes and returns nothing else.
func arguments(def api.FunctionDefinition, seed uint64) (args []uint64, ok bool) {
	for i, t := range def.ParamTypes() {
		v := seed + uint64(i)
		switch t {
		case api.ValueTypeI32:
			v &= math.MaxUint32
		case api.ValueTypeF32:
			v = api.EncodeF32(float32(int64(v)))
		case api.ValueTypeF64:
			v = api.EncodeF64(float64(int64(v)))
		case api.ValueTypeI64:
		default:
			return nil, false
		}
		args = append(args, v)
	}
	for _, t := range def.ResultTypes() {
		if t == api.ValueTypeExternref || t < api.ValueTypeF64 {
			return nil, false
		}
	}
	return args, true
}

func contents(m api.Memory) []byte {
	b, _ := m.Read(0, m.Size())
	return b
}

// firstLine leaves out the stack trace and the index of a failed start
// function, which the added import moves.
func firstLine(err error) string {
	s, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	return startIndex.ReplaceAllString(s, "start function")
}

var startIndex = regexp.MustCompile(`^start function\[\d+\]`)
