package conformance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/verify"
	"github.com/hearthbot/hearth/host/verify/screen"
	"github.com/hearthbot/hearth/host/verify/toolchain"
	"github.com/hearthbot/hearth/host/wasm"
)

// workers is how many submissions the tests have under way at once.
const workers = 2

func TestMain(m *testing.M) {
	if os.Getenv(plainWazero) != "" {
		if err := plainMain(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	err := closeShared()
	if code == 0 {
		err = errors.Join(err, goleak.Find())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

var closeShared = func() error { return nil }

// shared is one verifier for all tests of a run: making it ready takes seconds,
// and half a minute the first time. It only warns of what vet finds: Go's own
// tests do odd things on purpose.
var shared = sync.OnceValues(func() (v *verify.Verifier, err error) {
	v, closeShared, err = prepare(true)
	return v, err
})

// prepare makes a verifier. Its bounds are those that members have, but for wall
// time, since the machine may be busy and fuel is what counts; and programs may
// import unsafe.
func prepare(vetWarns bool) (v *verify.Verifier, closing func() error, err error) {
	closing = func() error { return nil }
	home := filepath.Join(os.TempDir(), fmt.Sprintf("hearth-verify-test-%d", os.Getuid()))
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, closing, err
	}
	pack, err := packIn(home)
	if err != nil {
		return nil, closing, err
	}
	engine, err := wasm.New(wasm.Options{CacheDir: filepath.Join(home, "compiled")})
	if err != nil {
		return nil, closing, err
	}
	closing = func() error { return engine.Close(context.Background()) }
	o := verify.Options{Engine: engine, Wall: time.Minute, Workers: workers, Rules: screen.Rules{Unsafe: true}, VetWarns: vetWarns}
	if fuzzing() {
		o.Fuel = 4_000_000_000 // an input has ten seconds
	}
	v, err = verify.New(o)
	if err != nil {
		return nil, closing, err
	}
	closing = func() error { return errors.Join(v.Close(), engine.Close(context.Background())) }
	chain, err := toolchain.Open(pack, filepath.Join(home, "toolchain"))
	if err != nil {
		return nil, closing, err
	}
	return v, closing, v.Prepare(context.Background(), chain)
}

// fuzzing says whether the process is one of go test -fuzz.
func fuzzing() bool {
	f := flag.Lookup("test.fuzz")
	return f != nil && f.Value.String() != ""
}

// packIn is the pack that `make toolchain` made, or one that is made now and
// kept in a directory.
func packIn(home string) (string, error) {
	pack, err := toolchain.Find(filepath.Join("..", "..", "..", "bin", "toolchain"))
	if err == nil {
		return pack, nil
	}
	version, err := toolchain.Installed(context.Background(), "")
	if err != nil {
		return "", err
	}
	pack = filepath.Join(home, version+toolchain.Extension)
	if _, err := os.Stat(pack); err == nil {
		return pack, nil
	}
	f, err := os.CreateTemp(home, "pack-")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	err = toolchain.Build(context.Background(), "", f, func(s string) { fmt.Fprintln(os.Stderr, s) })
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return pack, os.Rename(f.Name(), pack)
}

func newVerifier(tb testing.TB) *verify.Verifier {
	tb.Helper()
	if testing.Short() {
		tb.Skip("skipped with -short: it needs the compiler in the sandbox")
	}
	v, err := shared()
	if err != nil {
		tb.Fatal(err)
	}
	return v
}
