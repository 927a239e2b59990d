// Command hearth runs the bot host and steers one that runs. It is thin: what
// it serves is package app, what it asks is the API, and here are only the
// commands' names, flags and words.
package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // members' time zones, on systems that have none

	"github.com/spf13/cobra"
)

// dist has the plugins that were built, and always a README.
//
//go:embed all:dist
var dist embed.FS

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its ends in hand; it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "go" {
		return goCommand(args[1:], stdout, stderr)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once: who presses Ctrl-C twice means it.
	context.AfterFunc(ctx, stop)

	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil, errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return 0
	case errors.Is(err, errSaid):
		return 1
	}
	fmt.Fprintln(stderr, "hearth:", err)
	var u *usageError
	if errors.As(err, &u) {
		return 2
	}
	return 1
}

// errSaid ends a command as failed when the user has been told why.
var errSaid = errors.New("said")

// usageError is a mistake on the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func newRoot() *cobra.Command {
	g := &globals{}
	root := &cobra.Command{
		Use:   "hearth",
		Short: "Keep the newcomers of a developer community",
		Long: "hearth (炉边) welcomes newcomers, answers, and keeps at it: a bot host whose behaviour lives in\n" +
			"WebAssembly plugins. `hearth serve` starts it; the other commands look at one that runs.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
	})
	f := root.PersistentFlags()
	f.StringVar(&g.config, "config", "", "config `FILE` (default hearth.toml, if it is there)")
	f.StringVar(&g.data, "data", "", "data `DIR`ectory (default as the config has it, else ./data)")
	f.StringVar(&g.server, "server", "", "`URL` of the hearth that runs (default the one that uses the data directory)")
	root.AddCommand(newServe(g), newStatus(g), newEvents(g), newPlugin(g), newPause(g), newResume(g), newAdmin(g), newSlack(g),
		newDoctor(g), newVerify(), newReplay(g), newTasks(g), newAnalytics(g), newGo(), newExport(g), newConfig(g), newDev(), newVersion())
	usageErrors(root)
	exemplify(root)
	return root
}

// usageErrors makes mistakes in arguments usage errors, of every command.
func usageErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
			}
			return nil
		}
	}
	for _, c := range cmd.Commands() {
		usageErrors(c)
	}
}

// bundled are the embedded plugins.
func bundled() (fs.FS, error) { return fs.Sub(dist, "dist") }
