package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/verify"
	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/host/verify/toolchain"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/web"
)

// verifyFlags are what `hearth verify` is told.
type verifyFlags struct {
	task, pack, stdin, locale, chain string
	json                             bool
}

func newVerify() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify FILE|DIR|-",
		Short: "Compile and run Go in the sandbox, as for a member",
		Long: "Compile and run a Go program or test a package in the sandbox, as hearth does with what members post:\n" +
			"no Go installation is used, and the program finds no files, no environment and no network.\n" +
			"The exit code is 0 if the verdict is accepted, else 1. A text with lines `-- NAME --` is several files.",
		Example: "  hearth verify main.go\n  hearth verify . --json\n  cat main.go | hearth verify - --task fizzbuzz\n  hearth verify main.go --task ours --pack path.zip",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{errors.New("verify takes one FILE, DIR, or - for what comes in; see `hearth verify --help`")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runVerify(cmd, args[0], f) },
	}
	cmd.Flags().StringVar(&f.task, "task", "", "`ID` of a task of the learning path whose hidden tests the code has to pass")
	cmd.Flags().StringVar(&f.pack, "pack", "", "`ZIP or DIR` with the path that --task is of, as `hearth tasks save` writes one (default the built-in path)")
	cmd.Flags().StringVar(&f.stdin, "stdin", "", "`FILE` that the program reads")
	cmd.Flags().StringVar(&f.locale, "locale", "en", "language of the hints: en or zh-CN")
	cmd.Flags().StringVar(&f.chain, "toolchain", "", "pack of Go's compiler, or the `DIR`ectory with one (default beside this program)")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the whole result as JSON")
	return cmd
}

func runVerify(cmd *cobra.Command, arg string, f verifyFlags) error {
	s, err := readSubmission(cmd.InOrStdin(), arg, f)
	if err != nil {
		return err
	}
	dirs := app.Packs()
	path := f.chain
	if info, err := os.Stat(f.chain); f.chain != "" && err == nil && info.IsDir() {
		dirs, path = []string{f.chain}, ""
	}
	if path == "" {
		if path, err = toolchain.Find(dirs...); err != nil {
			return err
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("where to keep the compiler: %w", err)
	}
	home := filepath.Join(cache, "hearth")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return fmt.Errorf("where to keep the compiler: %w", err)
	}
	engine, err := wasm.New(wasm.Options{CacheDir: filepath.Join(home, "compiled")})
	if err != nil {
		return err
	}
	defer engine.Close(cmd.Context())
	v, err := app.NewVerifier(cmd.Context(), verify.Options{Engine: engine, Logger: app.NewLogger(io.Discard, 0, true)}, home)
	if err != nil {
		return err
	}
	defer v.Close()
	stop := waiting(cmd.ErrOrStderr(), "preparing the compiler; the first time this takes half a minute")
	err = v.Prepare(cmd.Context(), path)
	stop()
	if err != nil {
		return err
	}
	stop = waiting(cmd.ErrOrStderr(), "compiling and running")
	r, err := v.Submit(cmd.Context(), s, f.locale)
	stop()
	if err != nil {
		return err
	}
	if f.json {
		err = printJSON(cmd.OutOrStdout(), r)
	} else {
		err = showResult(cmd.OutOrStdout(), &r)
	}
	if err == nil && r.Verdict != verify.Accepted {
		err = errSaid
	}
	return err
}

// waiting tells a terminal that something goes on, after the first half second
// and with the time it has taken.
func waiting(w io.Writer, what string) (stop func()) {
	f, ok := w.(*os.File)
	if !ok || !app.Terminal(f) {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		begun := time.Now()
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(w, "\r%s … %v\x1b[K", what, time.Since(begun).Round(time.Second))
			case <-done:
				fmt.Fprint(w, "\r\x1b[K")
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// maxSource is more than any submission may have: what is longer is refused with
// a verdict, not read for ever.
const maxSource = 1 << 20

func readSubmission(in io.Reader, arg string, f verifyFlags) (s verify.Submission, err error) {
	if f.pack != "" && f.task == "" {
		return s, &usageError{errors.New("--pack goes with --task ID: it says which path the task is of")}
	}
	switch info, statErr := os.Stat(arg); {
	case arg == "-":
		s.Files, err = parseSource("main.go", in)
	case statErr != nil:
		return s, statErr
	case info.IsDir():
		s.Files, err = readDir(arg)
	default:
		var file *os.File
		if file, err = os.Open(arg); err != nil {
			return s, err
		}
		defer file.Close()
		s.Files, err = parseSource(filepath.Base(arg), file)
	}
	if err != nil {
		return s, err
	}
	if f.stdin != "" {
		b, err := os.ReadFile(f.stdin)
		if err != nil {
			return s, err
		}
		s.Stdin = string(b)
	}
	if f.task != "" {
		if err := setTask(&s, f); errors.Is(err, web.ErrUnknownTask) {
			return s, &usageError{err}
		} else if err != nil {
			return s, err
		}
	}
	return s, nil
}

// setTask adds what the task asks for, of the pack or of the built-in path. What
// is wrong with a pack is in the error, a line each.
func setTask(s *verify.Submission, f verifyFlags) error {
	if f.pack == "" {
		return app.SetTask(s, f.task)
	}
	_, p, said, err := readPack(f.pack)
	if err != nil {
		return err
	}
	if said != nil {
		return fmt.Errorf("%s is no pack of tasks that can be used:\n%s", f.pack, printableLines(said.Error()))
	}
	return app.SetTaskOf(s, p, f.task)
}

func parseSource(name string, r io.Reader) ([]source.File, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSource))
	if err != nil {
		return nil, err
	}
	return source.Parse(name, string(b))
}

// readDir reads the files of a package: Go, and what it may have beside it.
func readDir(dir string) (files []source.File, err error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if n.Type()&fs.ModeType != 0 || !strings.HasSuffix(n.Name(), ".go") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, n.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, source.File{Name: n.Name(), Text: string(b)})
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there are no Go files in %s", dir)
	}
	return files, nil
}

// showResult prints a result for a person.
func showResult(w io.Writer, r *verify.Result) error {
	var b strings.Builder
	if r.Stdout != "" {
		b.WriteString(strings.TrimSuffix(r.Stdout, "\n") + "\n")
	}
	if r.Truncated {
		b.WriteString("… the rest of the output was cut\n")
	}
	for _, d := range r.Diagnostics {
		b.WriteByte('\n')
		if d.File != "" {
			fmt.Fprintf(&b, "%s:", d.File)
			if d.Line > 0 {
				fmt.Fprintf(&b, "%d:", d.Line)
			}
			if d.Column > 0 {
				fmt.Fprintf(&b, "%d:", d.Column)
			}
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s\n", d.Message)
		for line := range strings.Lines(d.Excerpt) {
			fmt.Fprintf(&b, "    %s\n", strings.TrimSuffix(line, "\n"))
		}
		if d.Hint != "" {
			fmt.Fprintf(&b, "  %s\n", d.Hint)
		}
	}
	for _, t := range r.Tests {
		mark := "✗"
		if t.Passed {
			mark = "✓"
		}
		fmt.Fprintf(&b, "%s %s\n", mark, t.Name)
		if !t.Passed {
			b.WriteString(t.Output)
		}
	}
	fmt.Fprintf(&b, "%s (%d ms, %s)\n", r.Verdict, r.DurationMS, r.GoVersion)
	_, err := io.WriteString(w, printableLines(b.String()))
	return err
}

// printableLines is printable, but for the ends of lines and tabs.
func printableLines(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\t", "    "), "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}
