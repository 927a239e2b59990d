package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"testing/fstest"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/author"
	"github.com/hearthbot/hearth/host/cmd/hearth/client"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/web"
)

func newPluginRun(g *globals) *cobra.Command {
	var listen string
	var with bool
	cmd := &cobra.Command{
		Use:   "run [DIR]",
		Short: "Talk to a plugin in a web chat of its own, which follows what you save",
		Long: "Run a hearth with nothing in it but this plugin, and a web chat to talk to it. Whenever a file of the plugin is\n" +
			"saved it is compiled and takes the place of the version before, whose rows stay. What does not compile is shown as\n" +
			"the compiler says it, and the version before goes on. It is granted all that it asks for.\n" +
			"All is gone when it ends, unless --data DIR keeps it. The config is read only if --config names one.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := author.Open(directory(args))
			if err != nil {
				return err
			}
			if err := config.CheckAddress(listen); err != nil {
				return &usageError{fmt.Errorf("--listen %w", err)}
			}
			r := &privateRun{project: p, out: cmd.OutOrStdout(), progress: cmd.ErrOrStderr()}
			if with {
				if r.options.Plugins, err = bundled(); err != nil {
					return err
				}
			}
			if r.options.Config, err = privateConfig(g, listen); err != nil {
				return err
			}
			if g.data == "" {
				if r.options.Config.Server.Data, err = os.MkdirTemp("", "hearth-run-"); err != nil {
					return err
				}
				r.passing = true
				defer func() { _ = os.RemoveAll(r.options.Config.Server.Data) }() // a temporary directory
			}
			return r.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "`HOST:PORT` to listen on; port 0 is one that is free")
	cmd.Flags().BoolVar(&with, "bundled", false, "run the plugins beside it that are built in")
	return cmd
}

// privateConfig is the config of a hearth of the author's own.
func privateConfig(g *globals, listen string) (*config.Config, error) {
	c := config.Default()
	if g.config != "" {
		var err error
		if c, err = config.Load(g.config, config.OS()); err != nil {
			return nil, err
		}
	}
	if g.data != "" {
		c.Server.Data = g.data
		c.Pin("server.data", "--data")
	}
	c.Server.Listen, c.Server.PublicURL = listen, ""
	c.Pin("server.listen", "--listen")
	c.Webchat.Enabled = true
	return c, nil
}

// privateRun is a hearth with one plugin, that follows its directory.
type privateRun struct {
	project  *author.Project
	options  app.Options
	passing  bool // the data goes at the end
	out      io.Writer
	progress io.Writer

	mu   sync.Mutex // of what is written
	stop func()     // of the progress that is shown; nil for none
}

func (r *privateRun) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan app.Ready, 1)
	r.options.Version = version().Version
	// What fails of the plugin is told apart, and the rest does not concern its author.
	r.options.Logger = app.NewLogger(lockedWriter{r}, slog.LevelError, true)
	r.options.Cache = userCache() // what `plugin test` has compiled need not be again
	r.options.GrantAll, r.options.SignIn, r.options.Workers = true, true, runtime.GOMAXPROCS(0)
	r.options.Ready = func(up app.Ready) { ready <- up }
	if r.options.Plugins == nil {
		r.options.Plugins = fstest.MapFS{}
	}
	a, err := app.New(ctx, r.options)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() {
		served <- a.Run(ctx)
		cancel()
	}()
	err = r.follow(ctx, ready)
	cancel()
	return errors.Join(err, <-served)
}

// follow loads the plugin into the hearth when that is ready, and again at every
// save.
func (r *privateRun) follow(ctx context.Context, ready <-chan app.Ready) error {
	var up app.Ready
	select {
	case up = <-ready:
	case <-ctx.Done():
		return nil
	}
	c := &client.Client{URL: up.URL}
	var err error
	if c.Token, err = app.ReadToken(up.Data); err != nil {
		return err
	}
	r.banner(&up)
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	var once sync.Once
	load := func(ctx context.Context, code []byte) (string, error) {
		v, err := c.Upload(ctx, code, "", "saved")
		if err != nil {
			return "", err
		}
		if v.Status != "live" {
			if v, err = c.Promote(ctx, v.Name, v.SHA256, web.PluginPromotion{Grant: true, Why: "saved"}); err != nil {
				return "", err
			}
		}
		once.Do(func() {
			following.Go(func() { r.logs(ctx, c, v.Name) })
		})
		return v.Name + " " + v.Version, nil
	}
	err = r.project.Run(ctx, load, r.tell)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// logs prints what the plugin logs and why its events fail.
func (r *privateRun) logs(ctx context.Context, c *client.Client, name string) {
	err := c.Logs(ctx, name, func(l web.PluginLog) error {
		return r.print(func(w io.Writer) error { return printLog(w, &l) })
	})
	if err != nil && ctx.Err() == nil {
		_ = r.print(func(w io.Writer) error {
			_, err := fmt.Fprintln(w, "its log is not followed any more:", err)
			return err
		}) // nobody is there to be told
	}
}

// print writes what comes from several sides, each whole.
func (r *privateRun) print(write func(io.Writer) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return write(r.out)
}

// lockedWriter is the log of the hearth inside.
type lockedWriter struct{ r *privateRun }

func (l lockedWriter) Write(p []byte) (int, error) {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	return l.r.progress.Write(p)
}

func (r *privateRun) banner(up *app.Ready) {
	data := up.Data
	if r.passing {
		data += "  (gone at the end; --data DIR keeps it)"
	}
	_ = r.print(func(w io.Writer) error {
		fmt.Fprintf(w, "\n  chat     %s/chat\n  sign in  %s  (works once, for an hour)\n  data     %s\n  watching %s\n  stop     Ctrl-C\n\n",
			up.URL, up.SignIn, data, r.project.Dir)
		return nil
	})
}

// tell shows how far a version is.
func (r *privateRun) tell(p author.Progress) {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
	switch p.Step {
	case author.Building:
		r.stop = r.begin("compiling with Go")
	case author.Loading:
		r.stop = r.begin("compiling for the sandbox, and testing it")
	}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
	_ = r.print(func(w io.Writer) error {
		now := time.Now().Format(time.TimeOnly)
		switch p.Step {
		case author.Live:
			fmt.Fprintf(w, "%s %s is live (compiled in %s, loaded in %s)\n", now, printable(p.Version), seconds(p.Built), seconds(p.Loaded))
		case author.Same:
			fmt.Fprintf(w, "%s what was saved makes no difference to what runs\n", now)
		case author.Failed:
			if said(w, p.Err) != errSaid {
				fmt.Fprintln(w, printableLines(p.Err.Error()))
			}
			fmt.Fprintf(w, "%s that was not loaded; the version before, if there is one, goes on. Save again when it is mended.\n", now)
		}
		return nil
	})
}

// begin shows that something goes on: to a person while it does, to a log once.
func (r *privateRun) begin(what string) (stop func()) {
	if interactive(r.progress) {
		return waiting(r.progress, what)
	}
	_ = r.print(func(w io.Writer) error {
		_, err := fmt.Fprintln(w, what)
		return err
	})
	return func() {}
}
