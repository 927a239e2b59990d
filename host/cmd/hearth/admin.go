package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/client"
)

func newAdmin(g *globals) *cobra.Command {
	help := func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	admin := &cobra.Command{Use: "admin", Short: "Manage access", Args: cobra.NoArgs, RunE: help}
	token := &cobra.Command{Use: "token", Short: "Manage the admin token", Args: cobra.NoArgs, RunE: help}
	reset := &cobra.Command{
		Use:   "reset",
		Short: "Make a new admin token; the old one ends at once",
		Long:  "Make a new admin token, print it, and keep it in the data directory. The old one ends at once, in a hearth that runs too.\nIt needs no token itself, only access to the data directory.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if os.Getenv(app.TokenVariable) != "" {
				return fmt.Errorf("%s is set, and it is the token then: change it there, and start hearth anew", app.TokenVariable)
			}
			c, err := g.load()
			if err != nil {
				return err
			}
			if _, err := os.Stat(c.Server.Data); err != nil {
				return fmt.Errorf("there is no data directory %s; say with --data or --config where it is (`hearth serve` makes one)", c.Server.Data)
			}
			fresh, err := app.ResetToken(c.Server.Data)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), fresh)
			fmt.Fprintln(cmd.ErrOrStderr(), "kept in", app.TokenPath(c.Server.Data))
			if at := app.ReadURL(c.Server.Data); at != "" {
				_, err := (&client.Client{URL: at, Token: fresh}).Status(cmd.Context())
				if errors.Is(err, client.ErrToken) {
					return fmt.Errorf("the hearth at %s was started with %s and goes by that: start it anew without, or change it there", at, app.TokenVariable)
				}
			}
			return nil
		},
	}
	token.AddCommand(reset)
	admin.AddCommand(token)
	return admin
}
