package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/client"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/web"
)

// replayFlags are what `hearth replay` is told.
type replayFlags struct {
	plugin, since, until string
	json                 bool
	q                    web.ReplayRequest
}

func newReplay(g *globals) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay --plugin FILE.wasm|NAME",
		Short: "Run recorded events through a version of a plugin, and show what it would do otherwise",
		Long: "Run recorded events through a version of a plugin, with the reads, seed and clock that they had, and show what it\n" +
			"does otherwise than was done then. Nothing of it is carried out. Without a hearth that runs, the data directory is read.\n" +
			"An event is inexact if the version reads what none has read before: it is told that there is no such row.",
		Example: "  hearth replay --plugin welcome.wasm --last 1000\n  hearth replay --plugin welcome --sha 0a1b2c3d --since 24h\n  hearth replay --plugin welcome.wasm --event 0d234ccf52430000",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.read(time.Now()); err != nil {
				return err
			}
			r, err := runReplay(cmd, g, &f.q)
			if err != nil {
				return err
			}
			if f.json {
				return printJSON(cmd.OutOrStdout(), r)
			}
			p := replayPrinter{w: cmd.OutOrStdout(), coloured: interactive(cmd.OutOrStdout()) && os.Getenv("NO_COLOR") == "", whole: f.q.Event != ""}
			return p.print(r)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.plugin, "plugin", "", "the version to run: a `FILE` with its wasm, or the name of a plugin for its live version")
	fl.StringVar(&f.q.SHA, "sha", "", "with a plugin's name: `SHA256` of one of its versions, or the beginning of it")
	fl.IntVar(&f.q.Last, "last", 1000, "so many events at most, the newest")
	fl.StringVar(&f.since, "since", "", "only events accepted since this `TIME`, such as 2026-11-26T05:00:00Z, or this long ago, such as 24h")
	fl.StringVar(&f.until, "until", "", "only events accepted before this `TIME`, or this long ago")
	fl.StringVar(&f.q.Kind, "kind", "", "only this `KIND`, such as member.joined")
	fl.BoolVar(&f.q.Failed, "failed", false, "only events whose recorded attempt failed")
	fl.StringVar(&f.q.Event, "event", "", "only the event of this `NUMBER`, with all that it does otherwise")
	jsonFlag(cmd, &f.json)
	return cmd
}

// minSHA is how much of a hash has to be written.
const minSHA = 8

// read makes a request of the flags.
func (f *replayFlags) read(now time.Time) (err error) {
	q := &f.q
	switch {
	case f.plugin == "":
		return &usageError{errors.New("--plugin is missing: a FILE.wasm, or the name of a plugin")}
	case q.Last < 1 || q.Last > 10_000:
		return &usageError{fmt.Errorf("--last %d: 1 to 10000 are possible", q.Last)}
	case q.Event != "" && !eventNumber.MatchString(q.Event):
		return &usageError{fmt.Errorf("--event %q is no number of an event (16 hex digits, as `hearth events` prints them)", q.Event)}
	case q.SHA != "" && (len(q.SHA) < minSHA || len(q.SHA) > 64 || strings.Trim(q.SHA, "0123456789abcdef") != ""):
		return &usageError{fmt.Errorf("--sha %q is no beginning of a sha256 in lower-case hex, of 8 digits at least", q.SHA)}
	}
	if q.Since, err = moment("--since", f.since, now); err != nil {
		return err
	}
	if q.Until, err = moment("--until", f.until, now); err != nil {
		return err
	}
	if !strings.HasSuffix(f.plugin, ".wasm") && !strings.ContainsRune(f.plugin, filepath.Separator) {
		q.Plugin = f.plugin
		return nil
	}
	if q.SHA != "" {
		return &usageError{errors.New("--sha goes with a plugin's name; the file is a version by itself")}
	}
	q.Code, err = readWasm(f.plugin)
	return err
}

// readWasm reads a plugin's file, up to a bound.
func readWasm(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	code, err := web.ReadPlugin(file)
	if err == nil && len(code) == 0 {
		err = fmt.Errorf("%s is empty", name)
	}
	return code, err
}

// moment is a time as one may write it; zero for none.
func moment(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &usageError{fmt.Errorf("%s %q is no time; write it like 2026-11-26T05:00:00Z, or how long ago it is, like 24h", flag, s)}
}

// runReplay asks the hearth that runs, else looks into the data directory.
func runReplay(cmd *cobra.Command, g *globals, q *web.ReplayRequest) (*replay.Report, error) {
	c, err := g.client()
	if err != nil {
		return nil, err
	}
	say, stop := progressing(cmd.ErrOrStderr(), "preparing the version", "replaying")
	r, err := c.Replay(cmd.Context(), *q, say)
	stop()
	if g.server != "" || !errors.Is(err, client.ErrNobody) {
		return r, err
	}
	conf, loadErr := g.load()
	if loadErr != nil {
		return nil, loadErr
	}
	if _, statErr := os.Stat(conf.Server.Data); errors.Is(statErr, fs.ErrNotExist) {
		return nil, err // there is nothing to look into, either
	}
	files, filesErr := bundled()
	if filesErr != nil {
		return nil, filesErr
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "no hearth runs here: reading", conf.Server.Data)
	say, stop = progressing(cmd.ErrOrStderr(), "preparing the plugins", "replaying")
	defer stop()
	return app.Replay(cmd.Context(), app.Options{Config: conf, Plugins: files, Token: config.NewSecret(os.Getenv(app.TokenVariable)),
		Version: version().Version, Logger: app.NewLogger(io.Discard, 0, true)}, *q, say)
}

// progressing tells a terminal what goes on: before anything is known the time it
// has taken, then how far it is.
func progressing(w io.Writer, before, what string) (say func(done, total int), stop func()) {
	if !interactive(w) {
		return func(int, int) {}, func() {}
	}
	var mu sync.Mutex
	begun, done, total := time.Now(), 0, 0
	show := func() {
		mu.Lock()
		defer mu.Unlock()
		if total == 0 {
			if since := time.Since(begun); since > 300*time.Millisecond {
				fmt.Fprintf(w, "\r%s … %v\x1b[K", before, since.Round(time.Second))
			}
			return
		}
		const width = 30
		n := width * done / total
		fmt.Fprintf(w, "\r%s %s%s %d of %d\x1b[K", what, strings.Repeat("█", n), strings.Repeat("░", width-n), done, total)
	}
	ended, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				show()
			case <-ended:
				fmt.Fprint(w, "\r\x1b[K")
				return
			}
		}
	}()
	return func(d, t int) {
		mu.Lock()
		done, total = d, t
		mu.Unlock()
	}, sync.OnceFunc(func() { close(ended); <-gone })
}

// replayPrinter prints a report for people: the sum first, then event by event.
type replayPrinter struct {
	w        io.Writer
	coloured bool
	whole    bool // all that differs, and not a line each
	err      error
}

var digits = message.NewPrinter(language.English)

func (p *replayPrinter) line(format string, a ...any) {
	if p.err == nil {
		_, p.err = digits.Fprintf(p.w, format+"\n", a...)
	}
}

// colours by what they say.
const (
	green, red, yellow, dim = "32", "31", "33", "2"
)

func (p *replayPrinter) in(colour, s string) string {
	if !p.coloured {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

func (p *replayPrinter) print(r *replay.Report) error {
	took := time.Duration(r.TookMS * float64(time.Millisecond))
	p.line("%d events of %s through version %s (%s), in %s", r.Events, printable(r.Plugin), printable(dash(r.Version)), short(r.SHA256), took.Round(time.Millisecond).String())
	p.line("  same     %7d", r.Same)
	p.line("  changed  %7d", r.Changed)
	p.line("  inexact  %7d", r.Inexact)
	p.line("  failed   %7d  (%d then; %d that had not)", r.Failed, r.FailedBefore, r.Broken)
	if r.Skipped > 0 {
		p.line("  skipped  %7d  (they had read more than the journal keeps)", r.Skipped)
	}
	if r.Events > 0 {
		p.line("  fuel     %7d  (%d then%s)", r.After.Fuel, r.Before.Fuel, percent(r.Before.Fuel, r.After.Fuel))
		p.line("  time     %7s  (%s then), of an event at p50 %s (%s), at p95 %s (%s)", millis(r.After.MS), millis(r.Before.MS),
			millis(r.After.P50MS), millis(r.Before.P50MS), millis(r.After.P95MS), millis(r.Before.P95MS))
	}
	for _, s := range r.Sums {
		p.line("%s", p.in(colourOf(s.How), digits.Sprintf("%s %s: %d, in %d %s", s.What, s.How, s.Count, s.Events, noun(s.Events, "event"))))
	}
	p.notes(r)
	for i := range r.Changes {
		p.change(&r.Changes[i])
	}
	if r.Omitted > 0 {
		p.line("\n%d more that are older are not listed; --event NUMBER shows one", r.Omitted)
	}
	return p.err
}

// notes say what may make a difference and is not the version's.
func (p *replayPrinter) notes(r *replay.Report) {
	if r.ConfigChanged > 0 {
		p.line("note: %d events were recorded with other config, texts, commands or rows in the image than hold now", r.ConfigChanged)
	}
	if r.StateBefore != r.StateVersion {
		p.line("note: the rows are of state version %d, and this version keeps %d: it was given them without a migration", r.StateBefore, r.StateVersion)
	}
	if len(r.Missing) > 0 {
		p.line("note: it asks for what was not granted: %s", printable(strings.Join(r.Missing, ", ")))
	}
	if len(r.Recorded) > 1 || len(r.Recorded) == 1 && r.Live != "" && r.Recorded[0].SHA256 != r.Live {
		var by []string
		for _, rec := range r.Recorded {
			by = append(by, digits.Sprintf("%s (%d)", short(rec.SHA256), rec.Events))
		}
		p.line("note: the events were recorded by %s; live is %s", strings.Join(by, ", "), dash(short(r.Live)))
	}
	if r.Ended {
		p.line("note: the journal was looked through no further back; --since and --until lead elsewhere")
	}
}

func colourOf(h replay.How) string {
	return map[replay.How]string{replay.Appears: green, replay.Disappears: red}[h]
}

func (p *replayPrinter) change(c *replay.Change) {
	who := c.MemberName
	if who == "" {
		who = dash(c.Member)
	}
	p.line("\n%s  %s  %s  %s", c.Number, c.Time.Local().Format(time.DateTime), printable(c.Kind), printable(who))
	if c.Inexact {
		p.line("  %s", p.in(yellow, "? reads what the journal does not have: "+printable(strings.Join(c.Missed, ", "))))
	}
	if p.whole {
		p.line("  fuel %d (%d then), %s (%s then)", c.Fuel, c.FuelBefore, millis(c.MS), millis(c.MSBefore))
		if len(c.Differences) == 0 {
			p.line("  the same")
		}
	}
	for i := range c.Differences {
		d := &c.Differences[i]
		sign, colour := "~", yellow
		switch d.How {
		case replay.Appears:
			sign, colour = "+", green
		case replay.Disappears:
			sign, colour = "-", red
		}
		if !p.whole {
			p.line("  %s", p.in(colour, sign+" "+printable(d.String())))
			continue
		}
		p.line("  %s", p.in(colour, printable(strings.TrimSpace(fmt.Sprintf("%s %s %s", sign, d.What, d.Name))+" "+string(d.How))))
		p.lines(d)
	}
}

// lines prints how the texts of a difference differ, line by line.
func (p *replayPrinter) lines(d *replay.Difference) {
	before, after := ended(d.Before), ended(d.After)
	diff, err := udiff.ToUnified("", "", before, udiff.Lines(before, after), max(strings.Count(before, "\n"), strings.Count(after, "\n")))
	if err != nil {
		p.err = err
		return
	}
	for _, l := range strings.Split(strings.TrimSuffix(diff, "\n"), "\n") {
		switch {
		case strings.HasPrefix(l, "--- "), strings.HasPrefix(l, "+++ "), strings.HasPrefix(l, "@@ "):
		case strings.HasPrefix(l, "+"):
			p.line("    %s", p.in(green, printable(l)))
		case strings.HasPrefix(l, "-"):
			p.line("    %s", p.in(red, printable(l)))
		default:
			p.line("    %s", printable(l))
		}
	}
}

// ended is a text whose last line ends.
func ended(s string) string {
	if s == "" {
		return ""
	}
	return strings.TrimSuffix(s, "\n") + "\n"
}

func percent(before, after int64) string {
	if before == 0 || before == after {
		return ""
	}
	return fmt.Sprintf(", %+.1f %%", 100*float64(after-before)/float64(before))
}

func millis(ms float64) string {
	return time.Duration(ms * float64(time.Millisecond)).Round(time.Microsecond).String()
}

// noun is a word in the number that goes with n.
func noun(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
