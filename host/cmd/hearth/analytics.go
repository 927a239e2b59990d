package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/web"
)

func newAnalytics(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "analytics",
		Short: "Look after what is measured of members",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBackfill(g), newRebuild(g))
	return cmd
}

func newBackfill(g *globals) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backfill OWNER/REPO",
		Short: "Read what became of a repository's pull requests before hearth was told",
		Long: "Read what became of a repository's pull requests before hearth was told, with the token of github.token.\n" +
			"It waits where GitHub's rate limits say so. What was taken in before counts once, so it may be begun again.\n" +
			"A pull request counts for the member who has linked its author (`link github NAME` in chat): let members do\n" +
			"that first, and read again when more have.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			last := ""
			got, err := c.Backfill(cmd.Context(), args[0], func(p web.BackfillProgress) {
				line := fmt.Sprintf("page %d of %d, %d pull requests", p.Page, p.Pages, p.Pulls)
				if p.Until != nil {
					line = fmt.Sprintf("GitHub lets nobody ask before %s (%s)", p.Until.Local().Format(time.TimeOnly), line)
				}
				if line != last && p.Page > 0 {
					last = line
					fmt.Fprintln(cmd.ErrOrStderr(), line)
				}
			})
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), got)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d pull requests of %s: %d openings and %d merges are new, %d were known, %d of bots and of nobody were left out\n",
				got.Pulls, printable(args[0]), got.Opened, got.Merged, got.Known, got.Discarded)
			if got.Unlinked > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "%d openings and merges are of authors whom no member has linked: those count for nobody\n", got.Unlinked)
			}
			return nil
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func newRebuild(g *globals) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Count what is measured anew, from what is kept of each member",
		Long: "Count every figure anew from what is kept of each member, while hearth goes on, and put right what differs. Nothing\n" +
			"ought to: what does is shown, and the command fails.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			say, stop := progressing(cmd.ErrOrStderr(), "counting the members", "counting anew")
			defer stop()
			got, err := c.RebuildAnalytics(cmd.Context(), func(p web.RebuildProgress) { say(p.Read, p.All) })
			stop()
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), got)
			} else {
				how := "none differed"
				if got.Changed > 0 {
					how = fmt.Sprintf("%d differed, and have been put right", got.Changed)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d members and %d counters: %s\n", got.Members, got.Counters, how)
				for _, x := range got.Examples {
					fmt.Fprintf(cmd.OutOrStdout(), "  %s was %d, and is %d\n", printable(x.Counter), x.Is, x.Ought)
				}
			}
			if err == nil && got.Changed > 0 {
				err = errSaid
			}
			return err
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}
