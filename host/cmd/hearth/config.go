package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/web"
)

func newConfig(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Show, export and import what is set", Args: cobra.NoArgs,
		Long: "Show what is set, and carry what was set on the pages from here to there. The config's file always wins, and is not\n" +
			"touched by any of this.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newConfigShow(g), newConfigExport(g), newConfigImport(g))
	return cmd
}

func newConfigShow(g *globals) *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Say what is set, and where",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			list, err := c.Settings(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), list)
			}
			return table(cmd.OutOrStdout(), func(row func(...string)) {
				row("SETTING", "VALUE", "SET BY")
				for _, s := range list {
					if s.Set || all {
						row(s.Key, brief(&s), setBy(&s))
					}
				}
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&all, "all", false, "show what has its default too")
	return cmd
}

// brief is a value on one line; a secret's is not shown.
func brief(s *web.Setting) string {
	if s.Kind == string(config.SecretKind) {
		if s.Set {
			return "[set]"
		}
		return "[not set]"
	}
	text := strings.ReplaceAll(s.Text, "\n", " ⏎ ")
	if r := []rune(text); len(r) > 60 {
		text = string(r[:59]) + "…"
	}
	return text
}

func setBy(s *web.Setting) string {
	by := "default"
	switch {
	case s.Locked != "":
		by = s.Locked
	case s.Base != 0 && s.At != nil:
		by = s.Author + ", " + s.At.Local().Format("2006-01-02 15:04")
	case s.Set:
		by = "config"
	}
	if s.Problem != nil {
		by += "; not used: " + s.Problem.In("en")
	}
	if s.Waiting {
		by += "; at the next start"
	}
	return by
}

func newConfigExport(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Print what is set beside the config's file, as a config file",
		Long: "Print what was set on the pages and over the API, as a config file: to keep, to compare, to import here or in another\n" +
			"hearth. Secrets are not in it; " + config.Kept + " stands for each.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			doc, err := c.ExportConfig(cmd.Context())
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(doc)
			return err
		},
	}
}

func newConfigImport(g *globals) *cobra.Command {
	var dry bool
	var why string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Make what is set beside the config's file what FILE says",
		Long: "Make what was set on the pages and over the API what FILE says, as `hearth config export` prints it; - is the standard\n" +
			"input. What FILE leaves out goes back to its default. All of it is checked first, and works when the command ends.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			doc, err := readDocument(cmd, args[0])
			if err != nil {
				return err
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			d, err := c.ImportConfig(cmd.Context(), doc, why, dry)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			for _, x := range d.Changes {
				fmt.Fprintln(w, difference(&x))
			}
			switch {
			case len(d.Changes) == 0:
				fmt.Fprintln(w, "nothing to change")
			case dry:
				fmt.Fprintf(w, "%d settings would change; nothing was changed\n", len(d.Changes))
			default:
				fmt.Fprintf(w, "%d settings were changed\n", len(d.Changes))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would change, and change nothing")
	cmd.Flags().StringVar(&why, "why", "", "`REASON`, for the record")
	return cmd
}

// maxDocument is how many bytes are read of a document.
const maxDocument = 256 << 10

func readDocument(cmd *cobra.Command, name string) ([]byte, error) {
	in := cmd.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	doc, err := io.ReadAll(io.LimitReader(in, maxDocument+1))
	switch {
	case err != nil:
	case len(doc) > maxDocument:
		err = errors.New(name + " is too large for a config")
	case len(strings.TrimSpace(string(doc))) == 0:
		err = errors.New(name + " is empty; to take back everything that is set, let it have a comment")
	}
	return doc, err
}

// difference is a line for one setting.
func difference(d *web.SettingDifference) string {
	switch {
	case d.Secret:
		return "~ " + d.Key + " (a secret)"
	case d.Before == nil:
		return "+ " + d.Key + " = " + oneLine(d.After)
	case d.After == nil:
		return "- " + d.Key + " = " + oneLine(d.Before)
	}
	return "~ " + d.Key + " = " + oneLine(d.Before) + " → " + oneLine(d.After)
}

func oneLine(v json.RawMessage) string { return printable(string(v)) }
