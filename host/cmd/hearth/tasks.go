package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/web"
)

func newTasks(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tasks",
		Short: "Check and load packs of tasks",
		Long: "Check and load packs of tasks: the learning path of newcomers, as a directory or a zip of one.\n" +
			"How a pack is written stands in plugins/tasks/pack; `hearth tasks save` writes the present one as an example.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var asJSON bool
	check := &cobra.Command{
		Use:   "check DIR|ZIP",
		Short: "Say what is wrong with a pack, and what loading it would change",
		Long: "Say what is wrong with a pack, with file and line, and what loading it into the hearth that runs would change.\n" +
			"There each new solution is run, and has to be accepted, and each starter must not be. The exit code is 0 if all is well.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runTasks(cmd, g, args[0], true, asJSON) },
	}
	load := &cobra.Command{
		Use:   "load DIR|ZIP",
		Short: "Make a pack the learning path of the hearth that runs",
		Long: "Make a pack the learning path of the hearth that runs. It is checked first, as by `hearth tasks check`;\n" +
			"if anything is wrong, nothing is changed. Members' progress is kept, by the tasks' ids.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runTasks(cmd, g, args[0], false, asJSON) },
	}
	save := &cobra.Command{
		Use:   "save ZIP",
		Short: "Write the present learning path as a zip",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			zip, err := c.Tasks(cmd.Context())
			if err != nil {
				return err
			}
			if args[0] == "-" {
				_, err = cmd.OutOrStdout().Write(zip)
				return err
			}
			return os.WriteFile(args[0], zip, 0o644)
		},
	}
	jsonFlag(check, &asJSON)
	jsonFlag(load, &asJSON)
	cmd.AddCommand(check, load, save)
	return cmd
}

// runTasks checks a pack here first, so that a slip is told without a server.
func runTasks(cmd *cobra.Command, g *globals, name string, dry, asJSON bool) error {
	files, _, said, err := readPack(name)
	if err != nil {
		return err
	}
	if said != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), printableLines(said.Error()))
		return errSaid
	}
	var zip bytes.Buffer
	if err := pack.WriteZip(&zip, files); err != nil {
		return err
	}
	c, err := g.client()
	if err != nil {
		return err
	}
	stop := waiting(cmd.ErrOrStderr(), "running the solutions that are new")
	r, err := c.LoadTasks(cmd.Context(), zip.Bytes(), dry)
	stop()
	if err != nil {
		return err
	}
	if asJSON {
		err = printJSON(cmd.OutOrStdout(), r)
	} else {
		err = printTasks(cmd.OutOrStdout(), cmd.ErrOrStderr(), &r)
	}
	if err == nil && len(r.Problems) > 0 {
		err = errSaid
	}
	return err
}

// readPack is the pack in a directory or a zip, and its files. What is wrong with
// it is said apart from what went wrong.
func readPack(name string) (files map[string]string, p *pack.Pack, said, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, nil, err
	}
	fsys := os.DirFS(name)
	if !info.IsDir() {
		if fsys, said, err = openPack(name); said != nil || err != nil {
			return nil, nil, said, err
		}
	}
	if files, _, said = pack.Read(fsys); said == nil {
		p, said = pack.Load(pack.Overlay{Files: files})
	}
	return files, p, said, nil
}

func openPack(name string) (_ fs.FS, said, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	// A zip that is longer than this is refused for its length.
	b, err := io.ReadAll(io.LimitReader(f, 8<<20))
	if err != nil {
		return nil, nil, err
	}
	fsys, said := pack.OpenZip(bytes.NewReader(b), int64(len(b)))
	return fsys, said, nil
}

func printTasks(w, problems io.Writer, r *web.TaskReview) error {
	if len(r.Problems) > 0 {
		for i := range r.Problems {
			p := &r.Problems[i]
			text := p.Text
			switch p.Code {
			case "solution":
				text = "the solution is not accepted: " + text
			case "starter":
				text = "the starter: " + text
			}
			fmt.Fprintln(problems, printable(strings.TrimPrefix(p.Where()+": "+text, ": ")))
		}
		return nil
	}
	notes := map[string][]string{}
	for _, n := range r.Notes {
		notes[n.Code+"\x00"+n.Text] = append(notes[n.Code+"\x00"+n.Text], n.File)
	}
	var faults []error
	line := func(format string, args ...any) {
		_, err := fmt.Fprintln(w, printable(fmt.Sprintf(format, args...)))
		faults = append(faults, err)
	}
	for _, c := range []struct {
		what string
		ids  []string
	}{{"added", r.Added}, {"changed", r.Changed}, {"removed", r.Removed}} {
		if len(c.ids) > 0 {
			line("%s: %s", c.what, strings.Join(c.ids, ", "))
		}
	}
	for _, n := range r.Notes {
		key := n.Code + "\x00" + n.Text
		if files := notes[key]; files != nil {
			line("note: %s", strings.TrimPrefix(strings.Join(files, ", ")+": "+n.Text, ": "))
			delete(notes, key)
		}
	}
	switch {
	case len(r.Files) == 0:
		line("nothing differs from the path as it is")
	case r.Applied:
		line("loaded: members walk it from now on")
	default:
		line("all is well; `hearth tasks load` would change %d files", len(r.Files))
	}
	return errors.Join(faults...)
}
