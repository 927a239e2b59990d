package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/web"
)

func newPluginShadow(g *globals) *cobra.Command {
	var why string
	var end, asJSON bool
	cmd := &cobra.Command{
		Use:   "shadow NAME [SHA256]",
		Short: "Try a version silently beside the live one, show what it would do otherwise, or end that",
		Long: "Have the version of a hash, or its beginning, handle what the live one has handled, off its path: nothing of what it\n" +
			"does is carried out, and what it would have done otherwise is shown by the same command without SHA256. It goes on\n" +
			"until --end; one on trial takes the place of another.",
		Example: "  hearth plugin shadow welcome 3f2a9c01\n  hearth plugin shadow welcome\n  hearth plugin shadow welcome --end",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, sha := args[0], ""
			switch {
			case end && len(args) > 1:
				return &usageError{errors.New("--end ends the trial that is under way; it takes the plugin's name alone")}
			case len(args) > 1:
				var err error
				if sha, err = versionHash(args[1]); err != nil {
					return err
				}
			case why != "" && !end:
				return &usageError{fmt.Errorf("which version? `hearth plugin show %s` lists their SHA256; without a version the trial is only shown", name)}
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			if sha == "" && !end {
				r, err := c.ShadowReport(cmd.Context(), name)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), r)
				}
				return printShadow(cmd.OutOrStdout(), name, &r)
			}
			doing := "ending the trial"
			if !end {
				doing = "making it ready beside the live version"
			}
			stop := waiting(cmd.ErrOrStderr(), doing)
			p, err := c.Shadow(cmd.Context(), name, sha, why)
			stop()
			if err = lacksPermission(cmd, name, sha, err); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), p)
			}
			if end {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: the silent trial is over\n", printable(p.Name))
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s is on silent trial; `hearth plugin shadow %s` shows what it would do otherwise\n", printable(p.Name), short(p.Shadow), printable(p.Name))
			return err
		},
	}
	cmd.Flags().BoolVar(&end, "end", false, "end the trial")
	whyFlag(cmd, &why)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func printShadow(w io.Writer, name string, r *web.ShadowReport) error {
	if r.SHA256 == "" {
		_, err := fmt.Fprintf(w, "%s: no version is on silent trial; `hearth plugin shadow %s SHA256` begins one\n", printable(name), printable(name))
		return err
	}
	fmt.Fprintf(w, "%s %s (%s) is on silent trial since %s\n", printable(name), printable(dash(r.Version)), short(r.SHA256), r.Began.Local().Format(time.DateTime))
	for _, n := range []struct {
		what string
		n    int
		note string
	}{{"events", r.Events, ""}, {"same", r.Same, ""}, {"changed", r.Changed, ""}, {"failed", r.Failed, "  (at which the live version did not)"},
		{"inexact", r.Inexact, "  (it read what the live version had not)"}, {"dropped", r.Dropped, "  (not tried, as too much waited)"}} {
		if n.note != "" && n.n == 0 {
			n.note = ""
		}
		digits.Fprintf(w, "  %-8s %7d%s\n", n.what, n.n, n.note)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Kinds)) {
		digits.Fprintf(w, "%s: %d\n", printable(k), r.Kinds[k])
	}
	var err error
	for _, e := range r.List {
		_, err = fmt.Fprintf(w, "\n%s  %s\n", printable(e.Number), printable(e.Kind))
		for _, d := range e.Differences {
			_, err = fmt.Fprintf(w, "  ~ %s\n", printable(d))
		}
	}
	if len(r.List) > 0 {
		_, err = fmt.Fprintln(w, "\nall that an event does otherwise: hearth replay --plugin "+printable(name)+" --sha "+short(r.SHA256)+" --event NUMBER")
	}
	return err
}
