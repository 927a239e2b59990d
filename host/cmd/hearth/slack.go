package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/chat/slack"
	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/house"
)

func newSlack(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "slack", Short: "Set Slack up", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var socket bool
	var plugins string
	manifest := &cobra.Command{
		Use:   "manifest",
		Short: "Print the App manifest for Slack, made from the enabled plugins",
		Long: "Print the App manifest that makes Slack match this hearth: scopes, events, and a slash command for each command of\n" +
			"the enabled plugins. Paste it at https://api.slack.com/apps (Create New App, From a manifest), and again when plugins change.\n" +
			"Slack has to reach server.public_url; with Socket Mode (--socket, or slack.app_token is set) hearth calls Slack instead.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.load()
			if err != nil {
				return err
			}
			files, err := pluginFiles(plugins)
			if err != nil {
				return err
			}
			cache := filepath.Join(c.Server.Data, app.CacheDir)
			if _, err := os.Stat(cache); err != nil {
				cache = "" // to print something is no reason to make a directory
			}
			manifests, err := app.Manifests(cmd.Context(), files, c, cache)
			if err != nil {
				return err
			}
			manifests = append(manifests, house.Manifest()) // hearth's own commands
			out, err := slack.Manifest(manifests, c.Server.PublicURL, slack.ManifestOptions{AppName: c.Community.Name,
				Locale: c.Community.Locale, Socket: socket || c.Slack.AppToken.Set()})
			if err != nil {
				return err
			}
			for _, note := range slack.ManifestNotes(manifests) {
				fmt.Fprintln(cmd.ErrOrStderr(), "note:", note)
			}
			_, err = cmd.OutOrStdout().Write(out)
			return err
		},
	}
	manifest.Flags().BoolVar(&socket, "socket", false, "use Socket Mode, which needs no public address")
	manifest.Flags().StringVar(&plugins, "plugins", "", "`DIR`ectory with NAME.wasm files in place of the plugins that are built in")
	cmd.AddCommand(manifest)
	return cmd
}
