package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/author"
	"github.com/hearthbot/hearth/host/replay"
)

// tested is what `hearth plugin test --json` prints.
type tested struct {
	author.Built
	Native      bool            `json:"native"` // go test passed
	Transcripts []author.Played `json:"transcripts"`
}

func newPluginTest() *cobra.Command {
	var update, verbose, asJSON bool
	var run string
	cmd := &cobra.Command{
		Use:   "test [DIR]",
		Short: "Run a plugin's tests, and its transcripts again in the sandbox",
		Long: "Run a plugin's tests with go test. Then compile it, and play every transcript once more to it in the sandbox in\n" +
			"which hearth runs it: whatever it answers there otherwise is a failure, such as what it kept in a package variable.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := author.Open(directory(args))
			if err != nil {
				return err
			}
			var flags []string
			if update {
				flags = append(flags, "-update")
			}
			if verbose {
				flags = append(flags, "-v")
			}
			if run != "" {
				flags = append(flags, "-run", run)
			}
			return runPluginTest(cmd, p, flags, asJSON)
		},
	}
	cmd.Flags().BoolVar(&update, "update", false, "write into the transcripts what the plugin does")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "have go test tell of each test")
	cmd.Flags().StringVar(&run, "run", "", "only tests that match the `REGEXP`, as go test has it")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func runPluginTest(cmd *cobra.Command, p *author.Project, flags []string, asJSON bool) error {
	w, native := cmd.OutOrStdout(), cmd.OutOrStdout()
	if asJSON {
		native = cmd.ErrOrStderr()
	}
	stop := waiting(cmd.ErrOrStderr(), "running go test")
	var said bytes.Buffer // shown when it has ended: the line above would be in its way
	tapes, err := p.Native(cmd.Context(), &said, flags...)
	stop()
	if _, err := said.WriteTo(native); err != nil {
		return err
	}
	if errors.Is(err, author.ErrTests) {
		if asJSON {
			err = printJSON(w, tested{Transcripts: []author.Played{}})
		} else {
			_, err = fmt.Fprintln(cmd.ErrOrStderr(), "the sandbox was not tried: mend these first")
		}
		return errors.Join(err, errSaid)
	}
	if err != nil {
		return err
	}
	engine, err := sandboxEngine()
	if err != nil {
		return err
	}
	defer engine.Close(cmd.Context())
	plugin, built, err := compiled(cmd, engine, p)
	if err != nil {
		return err
	}
	defer plugin.Close(cmd.Context())

	out := tested{Built: built, Native: true, Transcripts: []author.Played{}}
	calls, differ := 0, 0
	begun := time.Now()
	err = author.Play(cmd.Context(), plugin, tapes, func(d author.Played) {
		out.Transcripts = append(out.Transcripts, d)
		calls, differ = calls+d.Calls, differ+len(d.Differ)
		if !asJSON {
			printPlayed(w, &d)
		}
	})
	if err != nil {
		return guestSaid(err)
	}
	switch {
	case asJSON:
		err = printJSON(w, out)
	case len(tapes) == 0:
		_, err = fmt.Fprintln(w, "sandbox: there are no transcripts to play; sdktest.Transcripts runs them, and leaves what is played here")
	case differ == 0:
		_, err = fmt.Fprintf(w, "sandbox: %s of %s, the same as natively (%v; %s %s, %s)\n", plural(calls, "call"), plural(len(tapes), "transcript"),
			time.Since(begun).Round(time.Millisecond), printable(built.Name), printable(built.Version), size(built.Size))
	default:
		_, err = fmt.Fprintf(w, "sandbox: %d of %s differ\n", differ, plural(calls, "call"))
	}
	if err == nil && differ > 0 {
		err = errSaid
	}
	return err
}

// printPlayed shows both answers where they differ.
func printPlayed(w io.Writer, d *author.Played) {
	if len(d.Differ) == 0 {
		return
	}
	fmt.Fprintf(w, "FAIL  %s: the sandbox answers otherwise than go test did\n", printable(d.Transcript))
	for i := range d.Differ {
		at := &d.Differ[i]
		fmt.Fprintf(w, "  %s:%d: > %s\n", printable(d.Transcript), at.Line, printable(at.Input))
		for j := range at.Differences {
			printDifference(w, &at.Differences[j])
		}
	}
}

func printDifference(w io.Writer, d *replay.Difference) {
	what := strings.TrimSpace(string(d.What) + " " + d.Name)
	switch d.How {
	case replay.Appears:
		fmt.Fprintf(w, "    %s: only in the sandbox\n", printable(what))
	case replay.Disappears:
		fmt.Fprintf(w, "    %s: only natively\n", printable(what))
	default:
		fmt.Fprintf(w, "    %s: differs\n", printable(what))
	}
	side := func(name, text string) {
		for line := range strings.Lines(text) {
			fmt.Fprintf(w, "      %-8s %s\n", name, printable(strings.TrimSuffix(line, "\n")))
			name = ""
		}
	}
	side("native", d.Before)
	side("sandbox", d.After)
}

func newPluginBench() *cobra.Command {
	var asJSON bool
	var long time.Duration
	cmd := &cobra.Command{
		Use:   "bench [DIR]",
		Short: "Measure what each event of a plugin's transcripts takes in the sandbox",
		Long: "Measure what each event of a plugin's transcripts takes in the sandbox in which hearth runs it: time (half of the runs\n" +
			"are faster than p50), fuel (about one an instruction, the same every time), and the memory pages that it dirtied and\n" +
			"that are put back behind it. Times are of this machine, with whatever else it does.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := author.Open(directory(args))
			if err != nil {
				return err
			}
			if long <= 0 || long > time.Minute {
				return &usageError{fmt.Errorf("--time %v: more than 0 and at most 1m is possible", long)}
			}
			return runPluginBench(cmd, p, long, asJSON)
		},
	}
	cmd.Flags().DurationVar(&long, "time", 100*time.Millisecond, "how `LONG` each event is repeated")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func runPluginBench(cmd *cobra.Command, p *author.Project, long time.Duration, asJSON bool) error {
	stop := waiting(cmd.ErrOrStderr(), "running go test")
	var native bytes.Buffer
	tapes, err := p.Native(cmd.Context(), &native)
	stop()
	if errors.Is(err, author.ErrTests) {
		_, err = native.WriteTo(cmd.ErrOrStderr())
		return errors.Join(err, errSaid)
	}
	if err != nil {
		return err
	}
	if len(tapes) == 0 {
		return errors.New("there are no transcripts, whose events are measured; sdktest.Transcripts runs them")
	}
	engine, err := sandboxEngine()
	if err != nil {
		return err
	}
	defer engine.Close(cmd.Context())
	plugin, built, err := compiled(cmd, engine, p)
	if err != nil {
		return err
	}
	defer plugin.Close(cmd.Context())
	stop = waiting(cmd.ErrOrStderr(), "measuring")
	costs, err := author.Bench(cmd.Context(), plugin, tapes, long, func(author.Cost) {})
	stop()
	if err != nil {
		return guestSaid(err)
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), struct {
			author.Built
			author.Costs
		}{built, costs})
	}
	return printCosts(cmd.OutOrStdout(), &built, &costs)
}

func printCosts(w io.Writer, b *author.Built, c *author.Costs) error {
	err := table(w, func(row func(...string)) {
		row("TRANSCRIPT", "LINE", "EVENT", "P50", "P95", "FUEL", "PAGES", "MEMORY", "OUT")
		for i := range c.Events {
			e := &c.Events[i]
			if e.Error != "" {
				e.Input += " (failed: " + e.Error + ")"
			}
			row(e.Transcript, fmt.Sprint(e.Line), shorten(e.Input, 60), micros(e.P50), micros(e.P95), grouped(e.Fuel), fmt.Sprint(e.Pages), size(e.Memory), size(e.Out))
		}
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s %s: %s of code; its memory begins with %s and has at most %s. An event may take %s fuel and %v.\n",
		printable(b.Name), printable(b.Version), size(b.Size), size(c.Image), size(c.Most), grouped(c.Fuel), c.Wall)
	return err
}

func micros(d time.Duration) string {
	if d >= 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%d µs", d.Microseconds())
}

// grouped writes thousands apart.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// shorten cuts a text to n characters.
func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
