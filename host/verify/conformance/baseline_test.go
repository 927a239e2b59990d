package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// baseline is what a program does, built by `go build` for wasip1 and run in
// plain wazero: no meter, no bounds but these.
type baseline struct {
	Exit           int
	Stdout, Stderr []byte
	Both           []byte // as they were written
	Failure        string // why it did not end by itself, or was not built
}

const (
	baselineWall   = 60 * time.Second
	baselineMemory = 1 << 30 / 65536 // pages
	baselineOutput = 1 << 20
	baselineBatch  = 24 // programs that one go build builds
)

// passes says whether the test passes, as Go's own runner would; why not, if it
// does not.
func (b *baseline) passes(p *program) (why string, ok bool) {
	switch {
	case b.Failure != "":
		return b.Failure, false
	case b.Exit != 0:
		return fmt.Sprintf("exit code %d: %s", b.Exit, oneLine(b.Both)), false
	case string(b.Both) != p.want:
		return "it prints something else than it should: " + oneLine(b.Both), false
	}
	return "", true
}

func oneLine(b []byte) string {
	text := strings.Join(strings.Fields(string(b)), " ")
	if len(text) > 160 {
		text = text[:160] + "…"
	}
	return strings.ToValidUTF8(text, "�")
}

// baselines are kept between runs, for they take twice the time of what is
// tested.
type baselines struct {
	file  string
	known map[string]baseline // by a hash of the program
}

func openBaselines(version string) *baselines {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	b := &baselines{file: filepath.Join(dir, "hearth-conformance", version+".json"), known: map[string]baseline{}}
	if text, err := os.ReadFile(b.file); err == nil && json.Unmarshal(text, &b.known) != nil {
		b.known = map[string]baseline{} // damaged: make it again
	}
	return b
}

func (b *baselines) save() error {
	text, err := json.Marshal(b.known)
	if err != nil {
		return err
	}
	dir := filepath.Dir(b.file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "new-")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), b.file)
}

func (p *program) key() string {
	sum := sha256.Sum256([]byte(p.name + "\n" + p.text))
	return hex.EncodeToString(sum[:16])
}

// of returns what programs do, in their order; those that are not known are
// built and run. What failed is not kept: it may have been too slow only now.
func (b *baselines) of(ps []program) ([]baseline, error) {
	var missing []program
	for _, p := range ps {
		if _, ok := b.known[p.key()]; !ok {
			missing = append(missing, p)
		}
	}
	failed := map[string]baseline{}
	if len(missing) > 0 {
		made, err := makeBaselines(missing)
		if err != nil {
			return nil, err
		}
		for i, o := range made {
			if o.Failure != "" {
				failed[missing[i].key()] = o
			} else {
				b.known[missing[i].key()] = o
			}
		}
		if err := b.save(); err != nil {
			return nil, err
		}
	}
	out := make([]baseline, len(ps))
	for i, p := range ps {
		var ok bool
		if out[i], ok = b.known[p.key()]; !ok {
			out[i] = failed[p.key()]
		}
	}
	return out, nil
}

// makeBaselines builds and runs programs.
func makeBaselines(ps []program) ([]baseline, error) {
	built, err := goBuild(ps)
	if err != nil {
		return nil, err
	}
	out := make([]baseline, len(ps))
	var group sync.WaitGroup
	turns := make(chan struct{}, workers)
	for i, b := range built {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			if b.failure != "" {
				out[i] = baseline{Failure: "it is not built: " + b.failure}
				return
			}
			out[i] = runPlain(b.code)
		})
	}
	group.Wait()
	return out, nil
}

// built is what go build made of a program.
type built struct {
	code    []byte
	failure string // what it said if it made nothing
}

// goBuild builds programs for wasip1, each a package of its own, in one run.
func goBuild(ps []program) ([]built, error) {
	dir, err := os.MkdirTemp("", "hearth-conformance-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	write := func(name, text string) error {
		name = filepath.Join(dir, filepath.FromSlash(name))
		return errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600))
	}
	err = write("go.mod", "module conformance\n\ngo 1.26\n")
	for i, p := range ps {
		err = errors.Join(err, write(fmt.Sprintf("p%d/%s", i, path.Base(p.name)), p.text))
	}
	if err != nil {
		return nil, err
	}
	// One that is not built does not keep go build from building the others.
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "bin")+string(filepath.Separator), "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=")
	said, buildErr := cmd.CombinedOutput()
	out := make([]built, len(ps))
	for i := range ps {
		if out[i].code, err = os.ReadFile(filepath.Join(dir, "bin", fmt.Sprintf("p%d", i))); err != nil {
			out[i].failure = buildFailure(i, string(said), buildErr)
		}
	}
	return out, nil
}

// buildFailure is what go build said of one package.
func buildFailure(i int, said string, err error) string {
	_, after, found := strings.Cut(said, fmt.Sprintf("# conformance/p%d\n", i))
	if !found {
		return fmt.Sprint(err)
	}
	line, _, _ := strings.Cut(after, "\n")
	_, line, _ = strings.Cut(line, "/") // its directory means nothing
	return line
}

// runPlain runs a module in plain wazero: interpreted, and compiled if that does
// not come to an end. Compiled code that is to be stopped is several times slower,
// so it runs in a process that can be ended instead.
func runPlain(code []byte) baseline {
	b := runConfig(code, wazero.NewRuntimeConfigInterpreter().WithCloseOnContextDone(true), 10*time.Second)
	if b.Failure == "" {
		return b
	}
	ctx, cancel := context.WithTimeout(context.Background(), baselineWall)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), plainWazero+"=1")
	cmd.Stdin = bytes.NewReader(code)
	text, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return baseline{Failure: fmt.Sprintf("it does not end within %v", baselineWall)}
	case err == nil:
		b = baseline{}
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		return baseline{Failure: err.Error()}
	}
	return b
}

// plainWazero is set for a process that runs the module in its stdin, compiled,
// and prints its baseline.
const plainWazero = "HEARTH_PLAIN_WAZERO"

func plainMain() error {
	code, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(runConfig(code, wazero.NewRuntimeConfigCompiler(), time.Hour))
}

func runConfig(code []byte, config wazero.RuntimeConfig, wall time.Duration) (b baseline) {
	ctx, cancel := context.WithTimeout(context.Background(), wall)
	defer cancel()
	r := wazero.NewRuntimeWithConfig(ctx, config.WithMemoryLimitPages(baselineMemory))
	defer r.Close(context.Background())
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	var stdout, stderr, both bounded
	_, err := r.InstantiateWithConfig(ctx, code, wazero.NewModuleConfig().WithArgs("main").
		WithStdout(io.MultiWriter(&stdout, &both)).WithStderr(io.MultiWriter(&stderr, &both)).
		WithSysWalltime().WithSysNanotime().WithSysNanosleep())
	b.Stdout, b.Stderr, b.Both = stdout.Bytes(), stderr.Bytes(), both.Bytes()
	var exit *sys.ExitError
	switch {
	case ctx.Err() != nil:
		b.Failure = fmt.Sprintf("it does not end within %v", wall)
	case errors.As(err, &exit):
		b.Exit = int(exit.ExitCode())
	case err != nil:
		line, _, _ := strings.Cut(err.Error(), "\n")
		b.Failure = strings.TrimSpace(line + ": " + oneLine(b.Both))
	}
	return b
}

// bounded keeps the beginning of what is written.
type bounded struct{ bytes.Buffer }

func (w *bounded) Write(p []byte) (int, error) {
	w.Buffer.Write(p[:min(len(p), max(0, baselineOutput-w.Len()))])
	return len(p), nil
}
