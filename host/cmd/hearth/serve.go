package main

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
)

func newServe(g *globals) *cobra.Command {
	var listen, plugins string
	var grantAll bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run hearth until it is told to stop",
		Long: "Run hearth: the chat at /chat, the platforms that the config names, and the plugins that are built in.\n" +
			"Without any config it serves the web chat on http://127.0.0.1:8080 and keeps its data in ./data.\n" +
			"Ctrl-C or SIGTERM ends it; what is under way is finished first, and nothing is lost.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.load()
			if err != nil {
				return err
			}
			if listen != "" {
				if err := config.CheckAddress(listen); err != nil {
					return &usageError{fmt.Errorf("--listen %w", err)}
				}
				c.Server.Listen = listen
				c.Pin("server.listen", "--listen")
			}
			files, err := pluginFiles(plugins)
			if err != nil {
				return err
			}
			// Who built this hearth vouches for what is built in, and for nothing else.
			grantAll = grantAll || plugins == ""
			text := c.Log.Format == "text" || c.Log.Format == "auto" && app.Terminal(os.Stderr)
			log := app.NewLogger(cmd.ErrOrStderr(), c.Log.Level, text)
			settled := collectLate()
			defer settled()
			a, err := app.New(cmd.Context(), app.Options{
				Config: c, Plugins: files, Token: config.NewSecret(os.Getenv(app.TokenVariable)), Version: version().Version, Logger: log, GrantAll: grantAll, Packs: app.Packs(), SignIn: text,
				Ready: func(r app.Ready) {
					settled()
					if text {
						banner(cmd.OutOrStdout(), r)
						return
					}
					log.Info("hearth is ready", readiness(r)...)
				},
			})
			if err != nil {
				return err
			}
			return a.Run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "`HOST:PORT` to listen on (default as the config has it, else 127.0.0.1:8080)")
	cmd.Flags().StringVar(&plugins, "plugins", "", "`DIR`ectory with NAME.wasm files to run in place of the plugins that are built in")
	cmd.Flags().BoolVar(&grantAll, "grant-all", false, "grant what they ask for, for good, to plugins that were never granted anything; those that are built in are granted it anyway")
	return cmd
}

// collectLate has the garbage collector wait, below half a gigabyte, until
// settled is called: a start reads and decodes large modules, and while they are
// copied and summed a collection spins on the one processor for the other to be
// interrupted, a tenth of the whole start.
func collectLate() (settled func()) {
	const most = 512 << 20
	limit, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(-1)
	debug.SetMemoryLimit(min(limit, most))
	return sync.OnceFunc(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
}

// pluginFiles is the directory, or what is built in.
func pluginFiles(dir string) (fs.FS, error) {
	if dir == "" {
		return bundled()
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("--plugins: %w", err)
	}
	if !info.IsDir() {
		return nil, &usageError{fmt.Errorf("--plugins %s is no directory", dir)}
	}
	return os.DirFS(dir), nil
}

// banner tells a person what they have and what they can do with it.
func banner(w io.Writer, r app.Ready) {
	fmt.Fprintf(w, "\nhearth is ready (%s)\n\n", r.Took.Round(10*time.Millisecond))
	line := func(name, value string) { fmt.Fprintf(w, "  %-8s %s\n", name, value) }
	if r.Chat {
		line("chat", r.URL+"/chat")
	} else {
		line("server", r.URL)
	}
	if r.Run {
		line("run", r.URL+"/run")
	}
	if r.SignIn != "" {
		line("sign in", r.SignIn+"  (works once, for an hour)")
	}
	line("data", r.Data)
	switch {
	case len(r.Plugins) > 0:
		line("plugins", strings.Join(r.Plugins, ", "))
	case len(r.Missing) == 0:
		line("plugins", "no plugins are built: run make build")
	}
	if len(r.Missing) > 0 {
		line("missing", strings.Join(r.Missing, ", ")+": could not be installed, see above")
	}
	for _, l := range r.Lacking {
		line("lacking", printable(l)+": not granted, see above")
	}
	if r.Token != "" {
		line("token", r.Token)
	}
	line("look", "hearth status · hearth events --follow · hearth doctor")
	line("stop", "Ctrl-C")
	fmt.Fprintln(w)
}

// readiness is the banner for a log.
func readiness(r app.Ready) []any {
	out := []any{"url", r.URL, "data", r.Data, "plugins", r.Plugins, "took", r.Took.Round(time.Millisecond).String(), "stop", "SIGTERM"}
	if r.Chat {
		out = append(out, slog.String("chat", r.URL+"/chat"))
	}
	if r.Run {
		out = append(out, slog.String("run", r.URL+"/run"))
	}
	if len(r.Missing) > 0 {
		out = append(out, "missing", r.Missing)
	}
	if len(r.Lacking) > 0 {
		out = append(out, "lacking", r.Lacking)
	}
	return out
}
