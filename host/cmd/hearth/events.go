package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web"
)

var eventNumber = regexp.MustCompile(`^[0-9a-f]{16}$`)

func newEvents(g *globals) *cobra.Command {
	var f web.EventFilter
	var follow, asJSON bool
	cmd := &cobra.Command{
		Use:   "events",
		Short: "List what happened, and how plugins handled it",
		Long: "List events, the newest last, one line for each plugin that handled one.\n" +
			"`hearth events show NUMBER` tells all of one event.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.Limit < 1 || f.Limit > 1000 {
				return &usageError{fmt.Errorf("--limit %d: 1 to 1000 are possible", f.Limit)}
			}
			if f.After != "" && !eventNumber.MatchString(f.After) {
				return &usageError{fmt.Errorf("--after %q is no number of an event (16 hex digits)", f.After)}
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			out := &eventPrinter{w: cmd.OutOrStdout(), json: asJSON}
			if follow {
				return c.Follow(cmd.Context(), f, out.print)
			}
			list, err := c.Events(cmd.Context(), f)
			if err != nil {
				return err
			}
			if len(list) == 0 && !asJSON {
				fmt.Fprintln(cmd.OutOrStdout(), "no events")
			}
			for i := range list {
				e := list[i]
				if f.After == "" { // they came newest first
					e = list[len(list)-1-i]
				}
				if err := out.print(e); err != nil {
					return err
				}
			}
			return nil
		},
	}
	fl := cmd.Flags()
	fl.BoolVarP(&follow, "follow", "f", false, "go on: print events as they are handled")
	fl.StringVar(&f.Plugin, "plugin", "", "only what the plugin of this `NAME` handled")
	fl.StringVar(&f.Member, "member", "", "only what the member of this `ID` did")
	fl.StringVar(&f.Conversation, "conversation", "", "only what happened in the conversation of this `ID`")
	fl.StringVar(&f.Kind, "kind", "", "only this `KIND`, such as member.joined")
	fl.BoolVar(&f.Failed, "failed", false, "only what failed")
	fl.StringVar(&f.After, "after", "", "only events behind the one of this `NUMBER`, oldest first")
	fl.IntVar(&f.Limit, "limit", 50, "at most so many")
	fl.BoolVar(&asJSON, "json", false, "print JSON, an event a line")
	// An error here is about the name of a flag, which is above.
	_ = cmd.RegisterFlagCompletionFunc("kind", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var kinds []string
		for _, k := range abi.Kinds() {
			kinds = append(kinds, string(k))
		}
		return kinds, cobra.ShellCompDirectiveNoFileComp
	})
	cmd.AddCommand(newEventShow(g), newEventsFailed(g), newEventsRetry(g))
	return cmd
}

// eventPrinter prints events a line each.
type eventPrinter struct {
	w      io.Writer
	json   bool
	headed bool
}

func (p *eventPrinter) print(e web.Event) error {
	if p.json {
		return json.NewEncoder(p.w).Encode(e)
	}
	const columns = "%-16s  %-8s  %-16s  %-12s  %-20s  %s\n"
	if !p.headed {
		p.headed = true
		if _, err := fmt.Fprintf(p.w, columns, "NUMBER", "TIME", "KIND", "PLUGIN", "WHO", "RESULT"); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(p.w, columns, e.Number, e.Time.Local().Format(time.TimeOnly), printable(e.Kind), e.Plugin, printable(who(e)), printable(result(&e)))
	return err
}

func who(e web.Event) string {
	switch {
	case e.MemberName != "":
		return e.MemberName
	case e.Member != "":
		return e.Member
	}
	return "–"
}

func result(e *web.Event) string {
	var parts []string
	switch {
	case e.Error != "":
		parts = append(parts, fmt.Sprintf("failed (attempt %d): %s", e.Attempt, e.Error))
	default:
		parts = append(parts, fmt.Sprintf("ok, %s, %s", plural(e.Messages, "message"), plural(e.Writes, "write")))
	}
	if len(e.Withheld) > 0 {
		parts = append(parts, "withheld: "+strings.Join(e.Withheld, ", "))
	}
	if e.What != "" {
		parts = append(parts, e.What)
	}
	return strings.Join(parts, " · ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func newEventShow(g *globals) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [NUMBER]",
		Short: "Tell all of one event, or of the newest: its handling, its messages, their attempts",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && !eventNumber.MatchString(args[0]) {
				return &usageError{fmt.Errorf("%q is no number of an event (16 hex digits, as `hearth events` prints them)", args[0])}
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				newest, err := c.Events(cmd.Context(), web.EventFilter{Limit: 1})
				if err != nil {
					return err
				}
				if len(newest) == 0 {
					return errors.New("no event has been handled yet")
				}
				args = []string{newest[0].Number}
			}
			e, err := c.Event(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), e)
			}
			printDetail(cmd.OutOrStdout(), &e)
			return nil
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func printDetail(w io.Writer, d *web.EventDetail) {
	for i := range d.Handled {
		e := &d.Handled[i]
		if i == 0 {
			fmt.Fprintf(w, "event %s: %s from %s (%s), %s\n", e.Number, printable(e.Kind), printable(e.Source), printable(e.ID), e.Time.Local().Format(time.DateTime))
			fmt.Fprintf(w, "  who    %s %s\n  where  %s %s\n", printable(dash(e.Member)), printable(e.MemberName), printable(dash(e.Conversation)), printable(e.Place))
		}
		fmt.Fprintf(w, "plugin %s, attempt %d: %s\n", e.Plugin, e.Attempt, printable(result(e)))
		fmt.Fprintf(w, "  %d fuel in %.2f ms, code %s\n", e.Fuel, e.DurationMS, e.Version[:min(12, len(e.Version))])
		for _, l := range e.Log {
			fmt.Fprintf(w, "  log    %s\n", printable(l))
		}
	}
	for i := range d.Messages {
		m := &d.Messages[i]
		to := m.Conversation
		if m.Member != "" {
			to = m.Member
		}
		fmt.Fprintf(w, "%s to %s: %s", printable(m.Op), printable(dash(to)), printable(m.Status))
		if m.Why != "" {
			fmt.Fprintf(w, " (%s)", printable(m.Why))
		}
		fmt.Fprintln(w)
		for _, l := range strings.Split(m.Text, "\n") {
			if l != "" {
				fmt.Fprintf(w, "  │ %s\n", printable(l))
			}
		}
		for _, a := range m.Attempts {
			fmt.Fprintf(w, "  tried  %s%s\n", a.Began.Local().Format(time.DateTime), printable(attemptNote(&a)))
		}
	}
}

func attemptNote(a *web.Attempt) string {
	var notes []string
	switch {
	case a.Error != "":
		notes = append(notes, a.Error)
	case a.Ended.IsZero():
		notes = append(notes, "not ended")
	default:
		notes = append(notes, fmt.Sprintf("%d ms", a.Ended.Sub(a.Began).Milliseconds()))
	}
	if a.Unknown {
		notes = append(notes, "it may have arrived")
	}
	if a.Duplicate {
		notes = append(notes, "possible duplicate")
	}
	return "  " + strings.Join(notes, ", ")
}

func newEventsFailed(g *globals) *cobra.Command {
	var asJSON bool
	var f web.FailureFilter
	cmd := &cobra.Command{
		Use:   "failed",
		Short: "List the events that were given up",
		Long: "List the events that a plugin could not handle and that were given up. They wait for a person: `hearth events retry NUMBER PLUGIN`.\n" +
			"The oldest come first, a thousand at most; --after the last number of a page shows the next.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.Limit < 1 || f.Limit > 1000 {
				return &usageError{fmt.Errorf("--limit %d: 1 to 1000 are possible", f.Limit)}
			}
			if f.After != "" && !eventNumber.MatchString(f.After) {
				return &usageError{fmt.Errorf("--after %q is no number of an event (16 hex digits)", f.After)}
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			list, err := c.Failures(cmd.Context(), f)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), web.FailureList{Failures: list})
			}
			if len(list) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "no failed events")
				return nil
			}
			err = table(cmd.OutOrStdout(), func(row func(...string)) {
				row("NUMBER", "PLUGIN", "GIVEN UP", "KIND", "ATTEMPTS", "ERROR")
				for _, f := range list {
					row(f.Number, f.Plugin, f.At.Local().Format(time.DateTime), f.Kind, strconv.Itoa(f.Attempts), f.Error)
				}
			})
			if err == nil && len(list) >= f.Limit {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "there may be more: --after %s\n", list[len(list)-1].Number)
			}
			return err
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.Plugin, "plugin", "", "only what the plugin of this `NAME` gave up")
	fl.StringVar(&f.After, "after", "", "only events behind the one of this `NUMBER`")
	fl.IntVar(&f.Limit, "limit", 1000, "at most so many")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func newEventsRetry(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "retry NUMBER PLUGIN",
		Short: "Hand a failed event to its plugin again",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !eventNumber.MatchString(args[0]) {
				return &usageError{fmt.Errorf("%q is no number of an event (16 hex digits, as `hearth events failed` prints them)", args[0])}
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			if err := c.Retry(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "event %s waits for %s again; see `hearth events show %s`\n", args[0], args[1], args[0])
			return nil
		},
	}
}
