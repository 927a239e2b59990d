// Package app is a whole hearth in one process: what `hearth serve` runs, and
// what a test or another program can run in itself. It owns how the parts are
// joined (which store, which platforms, in which order they start and end) and
// what lies in the data directory. It must not know flags, or print.
//
//	New   data directory ─► store ─► settings ─► wasm ─► engine ─► platforms ─► web ─► listener
//	Run   plugins installed ─► gate opens ─► ready … ctx ends ─► engine drains ─► web ends ─► store closed
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat/github"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/house"
	"github.com/hearthbot/hearth/host/registry"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// keptViews is how many bytes of plugins' answers are kept.
const keptViews = 32 << 20

// Options are what an App is made of. Config and Plugins are required.
type Options struct {
	Config  *config.Config
	Plugins fs.FS         // NAME.wasm each, at the root
	Token   config.Secret // the admin token; not set: the data directory's, made if there is none
	Version string
	Logger  *slog.Logger // nil discards

	// GrantAll grants what they ask for to those of the plugins that were never
	// granted or refused anything. It is for plugins that one vouches for: those
	// that are built in.
	GrantAll bool

	// Packs are directories in which a pack of Go's compiler is looked for. With
	// none, code is not compiled.
	Packs []string

	// Cache is a directory for the compiled code of plugins, of the owner's alone;
	// "" is cache in the data directory.
	Cache string

	// Workers is how many processors the compilation of one plugin may take once
	// events are handled; 0 means one, which leaves the others to them.
	Workers int

	// SignIn has a link made by which an admin comes in once, for Ready.
	SignIn bool

	// Ready is called once events are handled. nil is not.
	Ready func(Ready)
}

// Ready tells what has come up.
type Ready struct {
	URL     string // of the server, as people reach it
	Chat    bool   // URL/chat is there
	Run     bool   // URL/run is
	Data    string // the data directory, absolute
	Token   string // the file with the admin token; "" if the environment has it
	SignIn  string // signs an admin in once, within an hour; "" without Options.SignIn
	Plugins []string
	Missing []string // plugins that could not be installed
	Lacking []string // "NAME: what it asks for and was not granted"
	Took    time.Duration
}

// App is a hearth. Run it once.
type App struct {
	o         Options
	log       *slog.Logger
	begun     time.Time
	data      string
	store     store.Store
	audit     *audit.Log
	access    *access.Keeper
	wasm      *wasm.Engine
	engine    *host.Engine
	verifier  *Verifier // nil without packs, and where verifying is off
	shares    *shares
	gate      *gate
	platforms *platforms
	outside   *outside
	trials    *trials
	settings  *board
	registry  *prometheus.Registry
	pages     *page.Frame
	web       *web.Server
	listener  net.Listener
	state     state
	lacks     []string // as Ready.Lacking
}

// New opens the data directory, connects everything and listens, so that what
// cannot work is an error here. Nothing is handled before Run. An App that is
// not run has to be closed.
func New(ctx context.Context, o Options) (_ *App, err error) {
	if o.Config == nil || o.Plugins == nil {
		return nil, errors.New("app: Options.Config or Options.Plugins is missing")
	}
	a := &App{o: o, log: o.Logger, begun: time.Now()}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	for _, step := range []func(context.Context) error{a.openData, a.openSettings, a.openEngine, a.connect, a.openWeb} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *App) openData(ctx context.Context) error {
	dir, err := filepath.Abs(a.o.Config.Server.Data)
	if err != nil {
		return fmt.Errorf("find the data directory: %w", err)
	}
	a.data = dir
	a.registry = prometheus.NewRegistry()
	if a.store, err = bolt.Open(ctx, dir, bolt.Options{Observe: storeFigures(a.registry)}); err != nil {
		a.store = nil
		return fmt.Errorf("open the data directory %s: %w", dir, err)
	}
	a.shares = newShares(a.store, a.log)
	a.audit = audit.New(a.store, nil)
	if info, err := os.Stat(dir); err == nil && !private(info) {
		a.log.Warn("others can look into the data directory; `chmod 700` closes it", "dir", dir, "mode", info.Mode().Perm())
	}
	if n := len(a.o.Token.Reveal()); a.o.Token.Set() && n < MinToken {
		return fmt.Errorf("%s has %d bytes; at least %d are safe, such as `openssl rand -hex 32` makes", TokenVariable, n, MinToken)
	}
	if !a.o.Token.Set() {
		if _, err := ReadToken(dir); errors.Is(err, ErrNoToken) {
			_, err = ResetToken(dir)
			if err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
	}
	return nil
}

// token is the admin token as it is now: `hearth admin token reset` may have
// changed it since the last request.
func (a *App) token() string {
	if a.o.Token.Set() {
		return a.o.Token.Reveal()
	}
	t, err := ReadToken(a.data)
	if err != nil {
		a.log.Error("nobody can sign in", "err", err)
	}
	return t
}

func (a *App) openEngine(ctx context.Context) (err error) {
	c := a.o.Config
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), a.buildInfo())
	if a.wasm, err = wasm.New(wasm.Options{CacheDir: cmp.Or(a.o.Cache, filepath.Join(a.data, CacheDir)), Sandboxes: c.Limits.Sandboxes, Workers: a.o.Workers, Logger: a.log}); err != nil {
		return fmt.Errorf("prepare the sandbox: %w", err)
	}
	var verifier host.Verifier
	if c.Verify.Enabled && len(a.o.Packs) > 0 {
		if a.verifier, err = NewVerifier(ctx, verifyOptions(&c.Verify, a.wasm, a.data, a.log), a.data); err != nil {
			return err
		}
		a.verifier.measure(a.registry)
		verifier = forChat{a.verifier}
	}
	signatures, err := policy(&c.Registry)
	if err != nil {
		return err
	}
	t := tuning(c)
	a.outside = &outside{app: a}
	a.engine, err = host.New(ctx, host.Options{
		Verifier: verifier, House: true, Outside: a.outside,
		Store: a.store, Wasm: a.wasm, Logger: a.log, Metrics: a.registry, Views: keptViews,
		Community: t.Community, Measure: t.Measure, Policy: t.Policy, Journal: t.Journal, Retries: t.Retries, Keep: t.Keep,
		Secret: func(plugin, name string) (string, bool) {
			s, ok := a.conf().Plugins[plugin].Secrets[name]
			return s.Reveal(), ok
		},
		Signatures: signatures, Settings: a.settings.options, Live: a.settings.live,
		Sandboxes: c.Limits.Sandboxes, MaxBacklog: t.MaxBacklog, MaxOutbox: t.MaxOutbox, MaxTimers: t.MaxTimers, HouseTexts: t.HouseTexts,
	})
	if err != nil {
		return err
	}
	a.gate = newGate(a.engine)
	a.trials = &trials{engine: a.engine, audit: a.audit, log: a.log}
	return nil
}

// policy is what the config says of signatures.
func policy(c *config.Registry) (registry.Policy, error) {
	p := registry.Policy{How: c.Signatures}
	for _, text := range c.Keys {
		k, err := registry.ParseKey(text)
		if err != nil {
			return p, fmt.Errorf("%w: registry.keys: %w", config.ErrConfig, err)
		}
		p.Keys = append(p.Keys, k)
	}
	return p, nil
}

// storeFigures counts how commits come to disk: the batch size of the metrics.
func storeFigures(r prometheus.Registerer) func(int, time.Duration) {
	batches := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hearth_store_group_batches",
		Help: "Batches that came to disk with one write.", Buckets: prometheus.ExponentialBuckets(1, 2, 10)})
	took := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hearth_store_write_seconds",
		Help: "Time of one write to disk, however many batches were in it.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 12)})
	r.MustRegister(batches, took)
	return func(n int, d time.Duration) {
		batches.Observe(float64(n))
		took.Observe(d.Seconds())
	}
}

func (a *App) buildInfo() prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "hearth_build_info", Help: "1, with the version that runs.",
		ConstLabels: prometheus.Labels{"version": a.o.Version}})
	g.Set(1)
	return g
}

func (a *App) openWeb(context.Context) (err error) {
	c := a.o.Config
	var verifier web.Verifier
	var run *web.RunOptions
	if a.verifier != nil {
		verifier = forWeb{a.verifier}
		if c.Verify.Run {
			run = &web.RunOptions{Shares: a.shares, Locale: c.Community.Locale, PublicURL: c.Server.PublicURL, Proxies: c.Server.Proxies}
		}
	}
	pages, err := a.openPages()
	if err != nil {
		return err
	}
	tasks := &learning{engine: a.engine, verifier: a.verifier, audit: a.audit, log: a.log}
	mounts := a.platforms.mounts()
	mounts[github.Path] = a.outside
	a.web, err = web.New(web.Options{Host: &joined{engine: a.engine, gate: a.gate, log: a.log}, Verifier: verifier, Run: run, Pages: pages, Tasks: tasks, Experiments: a.trials, Settings: a.settings, Members: &people{a.engine}, Outside: a.outside, Analytics: statistics{a.engine}, Rebuilder: rebuilder{a.engine}, Replayer: replayer{a.engine}, Answers: a.knowledge(), Knowledge: a.knowledge(), Archive: a.archive, Plugins: &keeping{a},
		Access: a.access, NotReady: a.state.notReady, Mounts: mounts,
		Platforms: platformNames, Community: func() string { return a.conf().Community.Name }, Version: a.o.Version, Metrics: a.registry, Logger: a.log})
	if err != nil {
		return err
	}
	a.listener, err = net.Listen("tcp", c.Server.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; stop the program that has the address, or choose another with --listen or server.listen",
			c.Server.Listen, cause(err))
	}
	return writeSecret(filepath.Join(a.data, urlFile), a.local())
}

// cause leaves out what net puts before: the address has been named.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// local is where this machine reaches the server.
func (a *App) local() string { return LocalURL(a.listener.Addr().String()) }

// LocalURL is how this machine reaches a server that listens on addr.
func LocalURL(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://" + addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// URL is where people reach the server.
func (a *App) URL() string {
	if u := a.o.Config.Server.PublicURL; u != "" {
		return u
	}
	return a.local()
}

// Run installs the plugins, serves until ctx ends, drains for at most the
// config's grace, and closes everything. It returns nil if it was ctx that
// ended it.
func (a *App) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, a.Close()) }()
	grace := a.o.Config.Server.Grace
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { a.state.enter(stopping) })
	var sweeping sync.WaitGroup
	sweeping.Go(func() { a.shares.sweep(ctx) })
	defer func() {
		cancel()
		sweeping.Wait()
	}()

	// The server outlives the engine: while that drains, platforms get an answer
	// and /readyz says why nothing is taken in.
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	served := make(chan error, 1)
	go func() {
		served <- a.web.Serve(serving, a.listener, max(grace, time.Second))
		cancel() // without a server there is nothing to go on for
	}()

	err = a.work(ctx, grace)
	a.state.enter(stopping)
	stopServing()
	return errors.Join(err, <-served)
}

// work is the engine's part of Run.
func (a *App) work(ctx context.Context, grace time.Duration) error {
	if err := a.platforms.follow(ctx, a.o.Config); err != nil {
		return stopped(ctx, err)
	}
	if err := a.install(ctx); err != nil || ctx.Err() != nil {
		return stopped(ctx, err)
	}
	a.gate.lift()
	a.state.enter(running)
	a.announce(ctx)
	if a.verifier != nil { // after the plugins, which it would take the processors from
		dirs := a.o.Packs
		if dir := a.o.Config.Verify.Toolchain; dir != "" {
			dirs = []string{dir}
		}
		a.verifier.PrepareFrom(dirs)
	}
	var guarding sync.WaitGroup
	guarding.Go(func() { a.trials.guard(ctx) })
	defer guarding.Wait()
	if err := a.engine.Run(ctx, grace); err != nil {
		return stopped(ctx, err)
	}
	a.log.Info("stopped; nothing was lost, what waits is taken up at the next start")
	return nil
}

// stopped is nil for an error that is only ctx having ended.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (a *App) announce(ctx context.Context) {
	r := Ready{URL: a.URL(), Chat: a.o.Config.Webchat.Enabled, Run: a.verifier != nil && a.o.Config.Verify.Run, Data: a.data, Missing: a.state.lacking(), Lacking: a.lacks, Took: time.Since(a.begun)}
	if !a.o.Token.Set() {
		r.Token = TokenPath(a.data)
	}
	for _, p := range a.engine.Plugins() {
		if p.Name != house.Name { // that is hearth itself
			r.Plugins = append(r.Plugins, p.Name+" "+p.Version)
		}
	}
	if a.o.SignIn {
		next, err := "/", error(nil)
		if _, named := a.settings.now.Load().values["community.name"]; !named && a.o.Config.Where("community.name") == "" {
			next = "/setup" // nobody has been here yet
		}
		if r.SignIn, err = a.SignInLink(ctx, next); err != nil {
			a.log.Error("there is no sign-in link; the admin token lets you in", "err", err)
		}
	}
	if a.o.Ready != nil {
		a.o.Ready(r)
	}
}

// closeWait is for what nothing can end: what is being compiled.
const closeWait = 2 * time.Second

// Close lets go of everything. Run does so by itself; a second Close does
// nothing.
func (a *App) Close() error {
	var err error
	if a.listener != nil {
		if e := a.listener.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
		a.listener = nil
		if e := os.Remove(filepath.Join(a.data, urlFile)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	if a.verifier != nil {
		closed := make(chan error, 1)
		go func(v *Verifier) { closed <- v.Close() }(a.verifier)
		select {
		case e := <-closed:
			err = errors.Join(err, e)
		case <-time.After(closeWait):
			a.log.Warn("stopped while the compiler was being prepared; the next start begins it anew")
		}
		a.verifier = nil
	}
	if a.wasm != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeWait)
		defer cancel()
		if e := a.wasm.Close(ctx); errors.Is(e, context.DeadlineExceeded) {
			a.log.Warn("stopped while a plugin was being compiled; the next start begins it anew")
		} else {
			err = errors.Join(err, e)
		}
		a.wasm = nil
	}
	if a.store != nil {
		err = errors.Join(err, a.store.Close())
		a.store = nil
	}
	return err
}
