package meter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/hearthbot/hearth/host/wasm/meter"
)

var errBudget = errors.New("fuel budget exhausted")

// features is what the meter supports of wazero.
const features = api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall

// tank is the host's side of metering: it grants fuel in slices up to a budget.
type tank struct {
	slice, budget int64
	used, granted int64
	calls         int
	fuel          api.MutableGlobal
}

type tankKey struct{}

func withTank(ctx context.Context, t *tank) context.Context {
	return context.WithValue(ctx, tankKey{}, t)
}

// burnt is exact whenever the guest is not running.
func (t *tank) burnt() int64 {
	if t.fuel == nil {
		return 0
	}
	return t.used + t.granted - int64(t.fuel.Get())
}

func (t *tank) refuel(mod api.Module) {
	if t.fuel == nil {
		t.fuel = mod.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
	}
	t.calls++
	t.used, t.granted = t.burnt(), 0
	t.fuel.Set(0)
	if t.used >= t.budget {
		panic(errBudget)
	}
	t.granted = min(t.slice, t.budget-t.used)
	t.fuel.Set(uint64(t.granted))
}

func installRefuel(tb testing.TB, ctx context.Context, r wazero.Runtime) {
	tb.Helper()
	refuel := api.GoModuleFunc(func(ctx context.Context, mod api.Module, _ []uint64) {
		ctx.Value(tankKey{}).(*tank).refuel(mod)
	})
	if _, err := r.NewHostModuleBuilder(meter.ImportModule).NewFunctionBuilder().
		WithGoModuleFunction(refuel, nil, nil).Export(meter.ImportRefuel).Instantiate(ctx); err != nil {
		tb.Fatal(err)
	}
}

// newRuntime returns an engine with WASI and the refuel function, and the
// context to run guests in, whose fuel comes from t.
func newRuntime(tb testing.TB, cfg wazero.RuntimeConfig, t *tank) (context.Context, wazero.Runtime) {
	tb.Helper()
	ctx, cancel := context.WithCancel(withTank(context.Background(), t))
	r := wazero.NewRuntimeWithConfig(ctx, cfg)
	tb.Cleanup(func() {
		r.Close(ctx)
		cancel()
	})
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	installRefuel(tb, ctx, r)
	return ctx, r
}

func compile(tb testing.TB, ctx context.Context, r wazero.Runtime, wasm []byte) wazero.CompiledModule {
	tb.Helper()
	c, err := r.CompileModule(ctx, wasm)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// runCommand runs a WASI program to its end and returns its output.
func runCommand(tb testing.TB, ctx context.Context, r wazero.Runtime, c wazero.CompiledModule, args ...string) string {
	tb.Helper()
	var out bytes.Buffer
	mod, err := r.InstantiateModule(ctx, c, wazero.NewModuleConfig().WithName("").
		WithArgs(append([]string{"guest"}, args...)...).WithStdout(&out).WithStderr(&out))
	if exit := (*sys.ExitError)(nil); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 0) {
		tb.Fatalf("%v\n%s", err, out.Bytes())
	}
	if mod != nil {
		mod.Close(ctx)
	}
	return out.String()
}

var guests sync.Map // name of a program in testdata → func() ([]byte, error)

// guest builds the Go program testdata/name for wasip1, once a test run.
func guest(tb testing.TB, name string) []byte {
	tb.Helper()
	build, _ := guests.LoadOrStore(name, sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "meter")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		out := filepath.Join(dir, "guest.wasm")
		cmd := exec.Command("go", "build", "-trimpath", "-o", out, "./testdata/"+name)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
		if b, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building testdata/%s: %w\n%s", name, err, b)
		}
		return os.ReadFile(out)
	}))
	wasm, err := build.(func() ([]byte, error))()
	if err != nil {
		tb.Fatal(err)
	}
	return wasm
}

// rewrite meters a module that must be accepted.
func rewrite(tb testing.TB, wasm []byte, o meter.Options) *meter.Module {
	tb.Helper()
	m, err := meter.Rewrite(wasm, o)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}
