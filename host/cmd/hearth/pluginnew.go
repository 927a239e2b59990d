package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/author"
	"github.com/hearthbot/hearth/host/cmd/hearth/author/kit"
)

// sdkFiles is the SDK that is built in.
func sdkFiles() (fs.FS, error) {
	files, err := bundled()
	if err != nil {
		return nil, err
	}
	return kit.Open(files)
}

func newPluginNew() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a directory with a plugin that compiles and has tests",
		Long: "Make a directory NAME with a plugin of that name: a command, a button, a row of state, texts in two languages,\n" +
			"transcripts and tests. The SDK lies beside it, out of this program: nothing is fetched, now or later.",
		Example: "  hearth plugin new hello && cd hello && hearth plugin test",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			if dir == "" {
				dir = filepath.Base(name) // a path is refused as a name
			}
			sdk, err := sdkFiles()
			if err != nil {
				return err
			}
			if err := kit.New(sdk, dir, name); err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "made the plugin %s in %s\n\n", name, dir)
			line := func(command, what string) { fmt.Fprintf(w, "  %-38s %s\n", command, what) }
			fmt.Fprintf(w, "  cd %s\n", dir)
			line("hearth plugin test", "its tests, natively and in the sandbox")
			line("hearth plugin run", "talk to it in a web chat; it follows what you save")
			line("hearth plugin push --promote --grant", "into the hearth that runs")
			fmt.Fprintf(w, "\nThe guide is %s, the reference `go doc github.com/hearthbot/hearth/sdk`.\n", filepath.Join(dir, kit.Dir, "hearth", "sdk", "README.md"))
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "another `DIR`ectory than NAME")
	return cmd
}

func newPluginSDK() *cobra.Command {
	return &cobra.Command{
		Use:   "sdk [DIR]",
		Short: "Put this hearth's SDK in the place of the one in a plugin's directory",
		Long: "Put the SDK that is built into this program in the place of the one in a plugin's directory, sdk/,\n" +
			"as `hearth plugin new` did: for a plugin that was made with an older hearth.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := directory(args)
			if _, err := os.Stat(filepath.Join(dir, kit.Dir)); err != nil {
				return fmt.Errorf("%s has no directory %s, so its SDK comes from elsewhere: %w", dir, kit.Dir, err)
			}
			sdk, err := sdkFiles()
			if err != nil {
				return err
			}
			if err := kit.Unpack(sdk, dir); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is the SDK of hearth %s\n", filepath.Join(dir, kit.Dir), version().Version)
			return nil
		},
	}
}

func newPluginBuild() *cobra.Command {
	var to string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "build [DIR]",
		Short: "Compile a plugin to NAME.wasm, and see that hearth can run it",
		Long: "Compile a plugin as hearth wants it, and see that this hearth can run it. The same source makes the same bytes\n" +
			"wherever it lies, so that its hash says what it is.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := author.Open(directory(args))
			if err != nil {
				return err
			}
			engine, err := sandboxEngine()
			if err != nil {
				return err
			}
			defer engine.Close(cmd.Context())
			plugin, built, err := compiled(cmd, engine, p)
			if err != nil {
				return err
			}
			defer plugin.Close(cmd.Context())
			if to == "" {
				to = filepath.Join(p.Dir, built.Name+".wasm")
			}
			if err := os.WriteFile(to, built.Code, 0o644); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					author.Built
					File string `json:"file"`
				}{built, to})
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "%s %s: %s, %s\nsha256 %s\n", printable(built.Name), printable(built.Version), to, size(built.Size), built.SHA256)
			for _, n := range built.Manifest.Needs {
				fmt.Fprintf(w, "asks for %s\n", printable(need(n.Cap, n.Param, n.Reason)))
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "write to this `FILE` (default NAME.wasm in the plugin's directory)")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// need is a permission in words.
func need(name, param, reason string) string {
	if param != "" {
		name += " " + param
	}
	if reason != "" {
		name += ": " + reason
	}
	return name
}
