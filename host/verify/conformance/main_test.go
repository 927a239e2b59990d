package conformance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/verify"
	"github.com/hearthbot/hearth/host/verify/screen"
	"github.com/hearthbot/hearth/host/verify/toolchain"
	"github.com/hearthbot/hearth/host/verify/verifytest"
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
	pack, err := verifytest.PackOrMake(context.Background())
	if err != nil {
		return nil, closing, err
	}
	engine, err := wasm.New(wasm.Options{CacheDir: verifytest.Compiled()})
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
	chain, err := toolchain.Open(pack, verifytest.Toolchain())
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
