package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/sim"
)

func newSimulate() *cobra.Command {
	s := sim.Settings{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Have made-up members come and go, and compare hearth's figures with the truth",
		Long: "Have made-up members join, talk, solve tasks, open pull requests and leave, by built-in rates and a seed. Their events\n" +
			"go through a whole hearth in memory, with its plugins and a clock that jumps; late, twice, out of order and over a\n" +
			"change of clocks and of the time zone, too. Then every figure of the dashboard is compared with what is true: counts\n" +
			"have to be equal, or the command fails; for rates that are built in, the interval is shown that hearth gives.\n" +
			"The output is the same whenever members, days and seed are.",
		Example: "  hearth dev simulate\n  hearth dev simulate --members 5000 --days 60 --seed 1",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.Members < 1 || s.Members > sim.MaxMembers {
				return &usageError{fmt.Errorf("--members %d: 1 to %d are possible", s.Members, sim.MaxMembers)}
			}
			if s.Days < 1 || s.Days > sim.MaxDays {
				return &usageError{fmt.Errorf("--days %d: 1 to %d are possible", s.Days, sim.MaxDays)}
			}
			return simulate(cmd, s, asJSON)
		},
	}
	f := cmd.Flags()
	f.IntVar(&s.Members, "members", 500, "so many `MEMBERS`")
	f.IntVar(&s.Days, "days", 30, "for so many `DAYS`")
	f.Uint64Var(&s.Seed, "seed", 1, "`NUMBER` that chance begins with")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func simulate(cmd *cobra.Command, s sim.Settings, asJSON bool) (err error) {
	if s.Plugins, err = bundled(); err != nil {
		return err
	}
	s.Cache = userCache()
	begun := time.Now()
	tell, stop := progressing(cmd.ErrOrStderr(), "preparing the plugins", "simulating")
	defer stop()
	s.Tell = tell
	r, err := sim.Run(cmd.Context(), s)
	stop()
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "took %v\n", time.Since(begun).Round(time.Second))
	if asJSON {
		err = printJSON(cmd.OutOrStdout(), r)
	} else {
		err = r.Print(cmd.OutOrStdout())
	}
	if err == nil && !r.Same() {
		err = errors.New("hearth's counts are not what is true")
	}
	return err
}
