package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/author"
	"github.com/hearthbot/hearth/host/cmd/hearth/client"
	"github.com/hearthbot/hearth/web"
)

func whyFlag(cmd *cobra.Command, why *string) {
	cmd.Flags().StringVar(why, "why", "", "`REASON`, for the record")
}

func newPluginList(g *globals) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the plugins",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			list, err := c.Plugins(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), web.PluginList{Plugins: list})
			}
			return printPlugins(cmd.OutOrStdout(), list)
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func newPluginShow(g *globals) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Tell all of one plugin: what runs, what it may do, its versions",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			p, err := c.Plugin(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			versions, err := c.Versions(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					web.Plugin
					web.PluginVersions
				}{p, web.PluginVersions{Versions: versions}})
			}
			return printPlugin(cmd.OutOrStdout(), &p, versions)
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func printPlugin(w io.Writer, p *web.Plugin, versions []web.PluginVersion) error {
	fmt.Fprintf(w, "%s %s: %s\n", printable(p.Name), printable(dash(p.Version)), printable(p.Status))
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-9s %s\n", name, printable(value))
		}
	}
	line("about", p.About)
	line("commands", strings.Join(p.Commands, " "))
	line("events", strings.Join(p.Events, " "))
	if p.Waiting > 0 {
		line("waiting", plural(p.Waiting, "event"))
	}
	if p.Failures > 0 {
		line("failed", plural(p.Failures, "event")+"; see `hearth events failed --plugin "+p.Name+"`")
	}
	if h := p.Health; h != nil && h.Events > 0 {
		line("last hour", fmt.Sprintf("%s, %d failed", plural(h.Events, "event"), h.Failed))
	}
	if m := p.Migration; m != nil {
		line("migration", fmt.Sprintf("from state version %d to %d: %d of about %d rows", m.From, m.To, m.Done, m.Total))
	}
	if r := p.Rollout; r != nil {
		line("rollout", fmt.Sprintf("%s %s gets %.1f %% of the events", r.New.Version, short(r.New.SHA256), r.New.Share))
	}
	if p.Shadow != "" {
		line("shadow", short(p.Shadow))
	}
	for _, g := range p.Grants {
		word := "may"
		if !g.Granted {
			word = "may not"
		}
		line(word, need(g.Name, g.Param, g.Reason))
	}
	if len(versions) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return table(w, func(row func(...string)) {
		row("VERSION", "STATUS", "UPLOADED", "BY", "SIZE", "SIGNATURE", "LACKS", "SHA256")
		for i := range versions {
			v := &versions[i]
			row(v.Version, v.Status, v.Uploaded.Local().Format(time.DateTime), dash(v.By), size(int(v.Size)), v.Signature, dash(lackingOf(v.Missing)), short(v.SHA256))
		}
	})
}

// short is the beginning of a hash, by which a version is known.
func short(sha string) string { return sha[:min(12, len(sha))] }

// lackingOf names permissions.
func lackingOf(grants []web.Grant) string {
	var out []string
	for _, g := range grants {
		out = append(out, strings.TrimSpace(g.Name+" "+g.Param))
	}
	return strings.Join(out, ", ")
}

// pushing is what `hearth plugin push` is told.
type pushing struct {
	promote, grant bool
	why            string
	signature, key string
	json           bool
	gate           gateFlags
}

func newPluginPush(g *globals) *cobra.Command {
	var f pushing
	cmd := &cobra.Command{
		Use:   "push [FILE|DIR]",
		Short: "Bring a plugin into the hearth that runs",
		Long: "Bring a plugin's file, or the plugin of a directory, which is compiled first, into the hearth that runs. There it is\n" +
			"tested, and nothing runs it: --promote makes it live, and the version before can be had back with\n" +
			"`hearth plugin rollback NAME`. What it asks for has to be granted, which --grant does.\n" +
			"A signature in FILE" + signatureExtension + " is taken along.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, signature, err := readPushed(cmd, directory(args), &f)
			if err != nil {
				return err
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			return push(cmd, c, code, signature, &f)
		},
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.promote, "promote", false, "make it live")
	fl.BoolVar(&f.grant, "grant", false, "grant what it asks for")
	fl.StringVar(&f.signature, "signature", "", "`FILE` of the signature (default that of the plugin with "+signatureExtension+", if it is there)")
	fl.StringVar(&f.key, "key", "", "sign it with the private key in this `FILE`")
	whyFlag(cmd, &f.why)
	f.gate.add(cmd)
	jsonFlag(cmd, &f.json)
	return cmd
}

// readPushed is what is pushed: a file, or what a directory compiles to.
func readPushed(cmd *cobra.Command, name string, f *pushing) (code []byte, signature string, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, "", err
	}
	file := f.signature
	if info.IsDir() {
		p, err := author.Open(name)
		if err != nil {
			return nil, "", err
		}
		stop := waiting(cmd.ErrOrStderr(), "compiling with Go")
		code, err = p.Build(cmd.Context())
		stop()
		if err != nil {
			return nil, "", said(cmd.ErrOrStderr(), err)
		}
	} else {
		if info.Size() > web.MaxPlugin {
			return nil, "", fmt.Errorf("%s has %s; a plugin has at most %s", name, size(int(info.Size())), size(web.MaxPlugin))
		}
		if code, err = os.ReadFile(name); err != nil {
			return nil, "", err
		}
		if file == "" {
			if _, err := os.Stat(name + signatureExtension); err == nil {
				file = name + signatureExtension
			}
		}
	}
	switch {
	case f.key != "":
		whole, err := filepath.Abs(name) // "." has no name
		if err != nil {
			return nil, "", err
		}
		raw, err := signed(cmd, code, filepath.Base(whole), f.key)
		return code, string(raw), err
	case file != "":
		raw, err := os.ReadFile(file)
		return code, string(raw), err
	}
	return code, "", nil
}

// push uploads, grants and promotes as f says.
func push(cmd *cobra.Command, c *client.Client, code []byte, signature string, f *pushing) error {
	w := cmd.OutOrStdout()
	stop := waiting(cmd.ErrOrStderr(), "uploading "+size(len(code))+"; it is compiled and tested there")
	v, err := c.Upload(cmd.Context(), code, signature, f.why)
	stop()
	if err != nil {
		return err
	}
	if !f.json {
		fmt.Fprintf(w, "uploaded %s %s (%s): %s, signature %s\n", printable(v.Name), printable(v.Version), short(v.SHA256), v.Status, printable(v.Signature))
	}
	switch {
	case f.promote && v.Status == "live":
		if !f.json {
			fmt.Fprintln(w, "it is live already")
		}
	case f.promote:
		return promote(cmd, c, v.Name, v.SHA256, f)
	case f.grant:
		if _, err := c.Grant(cmd.Context(), v.Name, web.GrantsWanted{AllOf: v.SHA256, Why: f.why}); err != nil {
			return err
		}
		v.Missing = []web.Grant{}
	}
	if f.json {
		return printJSON(w, v)
	}
	if len(v.Missing) > 0 {
		fmt.Fprintln(w, "it asks for what was not granted:")
		printMissing(w, v.Missing)
	}
	if !f.promote {
		fmt.Fprintf(w, "nothing runs it yet: hearth plugin promote %s %s%s\n", printable(v.Name), short(v.SHA256), map[bool]string{true: " --grant"}[len(v.Missing) > 0])
	}
	return nil
}

func printMissing(w io.Writer, missing []web.Grant) {
	for _, g := range missing {
		fmt.Fprintf(w, "  %s\n", printable(need(g.Name, g.Param, g.Reason)))
	}
}

// promote makes a version live.
func promote(cmd *cobra.Command, c *client.Client, name, sha string, f *pushing) error {
	doing := "making it live"
	gate := f.gate.wanted()
	if gate != nil {
		doing = "replaying events, and then making it live"
	}
	stop := waiting(cmd.ErrOrStderr(), doing)
	v, err := c.Promote(cmd.Context(), name, sha, web.PluginPromotion{Why: f.why, Grant: f.grant, Gate: gate})
	stop()
	var missing *client.Missing
	if errors.As(err, &missing) {
		fmt.Fprintln(cmd.ErrOrStderr(), "hearth:", printable(missing.Detail))
		printMissing(cmd.ErrOrStderr(), missing.Grants)
		fmt.Fprintln(cmd.ErrOrStderr(), "if you trust it, promote it with --grant; until then what runs goes on")
		return errSaid
	}
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), v)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s (%s) is live\n", printable(v.Name), printable(v.Version), short(v.SHA256))
	return err
}

// gateFlags are a test that a version has to pass before it is made live.
type gateFlags struct {
	on           bool
	last, fail   int
	p95, latency time.Duration
}

func (g *gateFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&g.on, "gate", false, "replay events of the journal first, and go on only if they are handled fast enough")
	fl.IntVar(&g.last, "gate-last", 0, "how many `EVENTS` (default 1000)")
	fl.DurationVar(&g.p95, "gate-p95", 0, "`TIME` under which 95 of 100 have to be handled (default 200ms)")
	fl.DurationVar(&g.latency, "gate-latency", 0, "`TIME` by which each read of the plugin is answered late")
	fl.IntVar(&g.fail, "gate-fail-every", 0, "have each `N`th read fail")
}

// wanted is the gate; naming one of its bounds asks for it, too.
func (g *gateFlags) wanted() *web.PluginGate {
	if !g.on && g.last == 0 && g.p95 == 0 && g.latency == 0 && g.fail == 0 {
		return nil
	}
	return &web.PluginGate{Last: g.last, P95MS: int(g.p95.Milliseconds()), LatencyMS: int(g.latency.Milliseconds()), FailEvery: g.fail}
}

func newPluginPromote(g *globals) *cobra.Command {
	var f pushing
	cmd := &cobra.Command{
		Use:   "promote NAME [SHA256]",
		Short: "Make a version live: that of a hash or its beginning, or the newest that was uploaded",
		Long: "Make a version live. No event is lost or handled twice; what is under way ends on the version before, which\n" +
			"`hearth plugin rollback NAME` brings back.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			sha := ""
			if len(args) > 1 {
				if sha, err = versionHash(args[1]); err != nil {
					return err
				}
			} else if sha, err = newest(cmd, c, args[0]); err != nil {
				return err
			}
			return promote(cmd, c, args[0], sha, &f)
		},
	}
	cmd.Flags().BoolVar(&f.grant, "grant", false, "grant what it asks for")
	whyFlag(cmd, &f.why)
	f.gate.add(cmd)
	jsonFlag(cmd, &f.json)
	return cmd
}

// newest is the newest version that was uploaded and is not live.
func newest(cmd *cobra.Command, c *client.Client, name string) (string, error) {
	list, err := c.Versions(cmd.Context(), name)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(list, func(v web.PluginVersion) bool { return v.Status == "staged" })
	if i < 0 {
		return "", fmt.Errorf("no version of %s waits to be made live; `hearth plugin show %s` lists them", name, name)
	}
	return list[i].SHA256, nil
}

func newPluginRollback(g *globals) *cobra.Command {
	var why string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Make the version live that was before",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			stop := waiting(cmd.ErrOrStderr(), "rolling back")
			v, err := c.Rollback(cmd.Context(), args[0], why)
			stop()
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), v)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s (%s) is live again\n", printable(v.Name), printable(v.Version), short(v.SHA256))
			return err
		},
	}
	whyFlag(cmd, &why)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func newPluginGrant(g *globals) *cobra.Command {
	var why, allOf string
	var nothing, asJSON bool
	cmd := &cobra.Command{
		Use:   "grant NAME [PERMISSION[=PARAM]]…",
		Short: "Say all that a plugin may do",
		Long: "Say all that a plugin may do; what is not named is taken away. It works at once, on the version that runs.\n" +
			"--all-of SHA256 grants what a version asks for, and takes nothing away; --nothing takes all away.",
		Example: "  hearth plugin grant hello send dm http=api.github.com\n  hearth plugin grant hello --all-of 3f2a9c01",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted := web.GrantsWanted{AllOf: strings.ToLower(allOf), Why: why, Grants: []web.GrantName{}}
			for _, a := range args[1:] {
				name, param, _ := strings.Cut(a, "=")
				wanted.Grants = append(wanted.Grants, web.GrantName{Name: name, Param: param})
			}
			ways := 0
			for _, way := range []bool{len(wanted.Grants) > 0, allOf != "", nothing} {
				if way {
					ways++
				}
			}
			if ways != 1 {
				return &usageError{errors.New("name permissions, or give --all-of SHA256, or --nothing")}
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			p, err := c.Grant(cmd.Context(), args[0], wanted)
			return printChanged(cmd, &p, err, asJSON)
		},
	}
	cmd.Flags().StringVar(&allOf, "all-of", "", "what the version of this `SHA256` asks for")
	cmd.Flags().BoolVar(&nothing, "nothing", false, "take everything away")
	whyFlag(cmd, &why)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// printChanged shows a plugin as it is after a change.
func printChanged(cmd *cobra.Command, p *web.Plugin, err error, asJSON bool) error {
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), p)
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%s %s: %s\n", printable(p.Name), printable(dash(p.Version)), printable(p.Status))
	allowed := p.Allowed
	if allowed == nil {
		for _, g := range p.Grants {
			if g.Granted {
				allowed = append(allowed, g)
			}
		}
	}
	_, err = fmt.Fprintf(w, "  may     %s\n", printable(dash(lackingOf(allowed))))
	if lacks := lacking(p.Grants); err == nil && lacks != "" {
		_, err = fmt.Fprintf(w, "  may not %s\n", printable(lacks))
	}
	return err
}

func newPluginDisable(g *globals) *cobra.Command {
	return newPluginSwitch(g, "disable", "Run nothing of a plugin; what waits for it goes on waiting", (*client.Client).Disable)
}

func newPluginEnable(g *globals) *cobra.Command {
	return newPluginSwitch(g, "enable", "Run a plugin again that was disabled", (*client.Client).Enable)
}

func newPluginSwitch(g *globals, verb, what string, do func(*client.Client, context.Context, string, string) (web.Plugin, error)) *cobra.Command {
	var why string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   verb + " NAME",
		Short: what,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			p, err := do(c, cmd.Context(), args[0], why)
			return printChanged(cmd, &p, err, asJSON)
		},
	}
	whyFlag(cmd, &why)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func newPluginRemove(g *globals) *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:   "remove NAME [SHA256]",
		Short: "Delete a version that does not run, or a disabled plugin with all its versions",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			sha := ""
			if len(args) > 1 {
				sha = strings.ToLower(args[1])
			}
			r, err := c.Remove(cmd.Context(), args[0], sha, why)
			if err != nil {
				return err
			}
			what := "all its versions"
			if r.SHA256 != "" {
				what = short(r.SHA256)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "deleted %s: %s\n", printable(r.Name), what)
			return err
		},
	}
	whyFlag(cmd, &why)
	return cmd
}

func newPluginLogs(g *globals) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print what a plugin logs, and why its events fail, as it happens",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			return c.Logs(cmd.Context(), args[0], func(l web.PluginLog) error {
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(l)
				}
				return printLog(cmd.OutOrStdout(), &l)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, an event a line")
	return cmd
}

func printLog(w io.Writer, l *web.PluginLog) error {
	var faults []error
	line := func(text string) {
		_, err := fmt.Fprintf(w, "%s %s %s  %s\n", l.At.Local().Format(time.TimeOnly), short(l.Version), printable(l.Kind), printable(text))
		faults = append(faults, err)
	}
	for _, t := range l.Lines {
		line(t)
	}
	if l.Error != "" {
		for t := range strings.Lines(l.Error) {
			line("failed: " + strings.TrimSuffix(t, "\n"))
		}
	}
	return errors.Join(faults...)
}
