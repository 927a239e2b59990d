package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/sdk/abi"
)

// build is what this binary is made of.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Changed bool   `json:"changed,omitempty"` // since the commit
	Time    string `json:"time,omitempty"`    // of the commit
	Go      string `json:"go"`
	System  string `json:"system"`
	ABI     int    `json:"abi"`
}

func version() build {
	b := build{Version: "unknown", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, ABI: abi.Version}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = cmp.Or(info.Main.Version, b.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	return b
}

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which hearth this is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := version()
			if asJSON {
				return printJSON(cmd.OutOrStdout(), b)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "hearth %s\n", b.Version)
			if b.Commit != "" {
				changed := ""
				if b.Changed {
					changed = ", changed since"
				}
				fmt.Fprintf(cmd.OutOrStdout(), "commit %s (%s%s)\n", b.Commit, b.Time, changed)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s, plugin ABI %d\n", b.Go, b.System, b.ABI)
			return nil
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}
