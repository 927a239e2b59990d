package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/house"
	"github.com/hearthbot/hearth/web"
)

func newPause(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "pause",
		Short: "Stop everything from being sent, until resume",
		Long: "Stop everything from being sent, within a second and until `hearth resume`, over restarts too.\n" +
			"Events go on being taken in and handled; what they send waits, and expires if it must.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			if err := c.Pause(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "paused: nothing is sent until `hearth resume`")
			return nil
		},
	}
}

func newResume(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "resume",
		Short: "Send again after a pause",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			if err := c.Resume(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "resumed: what has not expired is sent now")
			return nil
		},
	}
}

func newStatus(g *globals) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how hearth is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), s)
			}
			return printStatus(cmd.OutOrStdout(), c.URL, &s)
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func printStatus(w io.Writer, at string, s *web.Status) error {
	word := "ready"
	switch {
	case !s.Ready:
		word = "not ready: " + strings.Join(s.Reasons, "; ")
	case s.Paused:
		word = "paused: nothing is sent until `hearth resume`"
	}
	fmt.Fprintf(w, "hearth %s at %s, up %s: %s\n", s.Version, at, time.Since(s.Started).Round(time.Second), printable(word))
	if s.Failed > 0 {
		fmt.Fprintf(w, "failed events: %d, see `hearth events failed`\n", s.Failed)
	}
	if s.Dropped != nil && *s.Dropped > 0 {
		fmt.Fprintf(w, "failed events deleted unseen since this data was begun, as too many or too old: %d\n", *s.Dropped)
	}
	fmt.Fprintln(w)
	if err := printPlugins(w, s.Plugins); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if len(s.Platforms) == 0 {
		fmt.Fprintln(w, "no platform is connected: switch one on in the config")
		return nil
	}
	err := table(w, func(row func(...string)) {
		row("PLATFORM", "STATE", "WAITING", "ACCOUNT")
		for _, p := range s.Platforms {
			state := "ok"
			switch {
			case p.Held != "":
				state = "held: " + p.Held
			case !p.OK:
				state = "not well"
			}
			row(p.Name, state, strconv.Itoa(p.Waiting), p.Account)
		}
	})
	for _, p := range s.Platforms {
		if p.Advice != "" {
			fmt.Fprintf(w, "%s: %s\n", p.Name, printable(p.Advice))
		}
	}
	return err
}

func printPlugins(w io.Writer, list []web.Plugin) error {
	if !slices.ContainsFunc(list, func(p web.Plugin) bool { return p.Name != house.Name }) { // that one is always there
		fmt.Fprintln(w, "no plugins are installed: run make build, and start hearth anew")
		return nil
	}
	return table(w, func(row func(...string)) {
		row("PLUGIN", "VERSION", "STATE", "WAITING", "COMMANDS", "MAY NOT", "SHA256")
		for _, p := range list {
			row(p.Name, p.Version, p.Status, strconv.Itoa(p.Waiting), dash(strings.Join(p.Commands, " ")), dash(lacking(p.Grants)), p.SHA256[:min(12, len(p.SHA256))])
		}
	})
}

// lacking names what a plugin asks for and was not granted.
func lacking(grants []web.Grant) string {
	var out []string
	for _, g := range grants {
		if !g.Granted {
			out = append(out, strings.TrimSpace(g.Name+" "+g.Param))
		}
	}
	return strings.Join(out, ", ")
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
