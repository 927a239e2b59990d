package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/cmd/hearth/doctor"
)

func newDoctor(g *globals) *cobra.Command {
	var asJSON bool
	var plugins string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong, and say what to do about it",
		Long: "Look at the config, the data directory, the address, the plugins, the admin token, the platforms' tokens and\n" +
			"permissions, the clock and the toolchain. Nothing is changed. It fails if something does not work.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			files, err := pluginFiles(plugins)
			if err != nil {
				return err
			}
			built, _ := time.Parse(time.RFC3339, version().Time) // not known is not looked at
			stop := waiting(cmd.ErrOrStderr(), "looking; plugins that were not compiled yet take a while")
			found := doctor.Examine(cmd.Context(), doctor.Options{ConfigFile: g.config, Data: g.data, Plugins: files,
				Token: os.Getenv(app.TokenVariable), Built: built, Env: config.OS()})
			stop()
			if asJSON {
				if err := printJSON(cmd.OutOrStdout(), found); err != nil {
					return err
				}
			} else {
				printFindings(cmd.OutOrStdout(), found)
			}
			for _, f := range found {
				if f.Level == doctor.Fail {
					return errSaid
				}
			}
			return nil
		},
	}
	jsonFlag(cmd, &asJSON)
	cmd.Flags().StringVar(&plugins, "plugins", "", "`DIR`ectory with NAME.wasm files in place of the plugins that are built in")
	return cmd
}

func printFindings(w io.Writer, found []doctor.Finding) {
	for _, f := range found {
		lines := strings.Split(f.Text, "\n")
		fmt.Fprintf(w, "%-5s %-10s %s\n", f.Level, f.About, printable(lines[0]))
		for _, l := range lines[1:] {
			fmt.Fprintf(w, "%-16s %s\n", "", printable(l))
		}
		if f.Advice != "" {
			fmt.Fprintf(w, "%-16s → %s\n", "", printable(f.Advice))
		}
	}
}
