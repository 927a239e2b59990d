package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/author"
	"github.com/hearthbot/hearth/host/wasm"
)

// Groups of the commands about plugins, for the help.
const (
	groupAuthor = "author"
	groupServer = "server"
)

func newPlugin(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plugin",
		Short: "Write plugins, and bring them into the hearth that runs",
		Long: "Write plugins, and bring them into the hearth that runs. A new one takes ten minutes:\n" +
			"  hearth plugin new hello && cd hello\n" +
			"  hearth plugin test\n" +
			"  hearth plugin run\n" +
			"  hearth plugin push --promote --grant",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddGroup(&cobra.Group{ID: groupAuthor, Title: "In a plugin's directory:"}, &cobra.Group{ID: groupServer, Title: "With the hearth that runs:"})
	for group, list := range map[string][]*cobra.Command{
		groupAuthor: {newPluginNew(), newPluginSDK(), newPluginBuild(), newPluginTest(), newPluginBench(), newPluginRun(g), newPluginKeygen(), newPluginSign()},
		groupServer: {newPluginList(g), newPluginShow(g), newPluginPush(g), newPluginPromote(g), newPluginRollback(g), newPluginRollout(g), newPluginShadow(g), newPluginGrant(g),
			newPluginDisable(g), newPluginEnable(g), newPluginRemove(g), newPluginLogs(g)},
	} {
		for _, c := range list {
			c.GroupID = group
			cmd.AddCommand(c)
		}
	}
	return cmd
}

// directory is the argument of a command that works in a plugin's directory.
func directory(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

// sandboxEngine compiles plugins, and keeps what it compiled for the next time
// if the user has a place for that.
func sandboxEngine() (*wasm.Engine, error) {
	return wasm.New(wasm.Options{CacheDir: userCache(), Logger: slog.New(slog.DiscardHandler), Workers: runtime.GOMAXPROCS(0)})
}

// userCache keeps what was compiled for the sandbox; "" if there is no place for
// it, so that it is compiled anew.
func userCache() string {
	home, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir := filepath.Join(home, "hearth", "compiled")
	if os.MkdirAll(dir, 0o700) != nil {
		return ""
	}
	return dir
}

// compiled builds a plugin's directory and makes it ready for the sandbox,
// saying what goes on.
func compiled(cmd *cobra.Command, engine *wasm.Engine, p *author.Project) (*wasm.Plugin, author.Built, error) {
	stop := waiting(cmd.ErrOrStderr(), "compiling with Go")
	code, err := p.Build(cmd.Context())
	stop()
	if err != nil {
		return nil, author.Built{}, said(cmd.ErrOrStderr(), err)
	}
	stop = waiting(cmd.ErrOrStderr(), "compiling for the sandbox")
	plugin, built, err := author.Describe(cmd.Context(), engine, code)
	stop()
	if err != nil {
		return nil, built, fmt.Errorf("this is no plugin that hearth can run: %w", guestSaid(err))
	}
	return plugin, built, nil
}

// said prints what the compiler says as it is, so that editors find the files
// and lines in it.
func said(w io.Writer, err error) error {
	var g *author.GoError
	if errors.As(err, &g) && g.Output != "" {
		fmt.Fprint(w, g.Output)
		return errSaid
	}
	return err
}

// guestSaid adds what a plugin wrote before it ended: a panic's text.
func guestSaid(err error) error {
	var g *wasm.Error
	if errors.As(err, &g) && g.Stderr != "" {
		return fmt.Errorf("%w\n%s", err, printableLines(strings.TrimSpace(g.Stderr)))
	}
	return err
}

// size is a number of bytes for people.
func size(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

// interactive says whether a person reads w as it comes.
func interactive(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && app.Terminal(f)
}
