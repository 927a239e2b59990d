package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/client"
	"github.com/hearthbot/hearth/web"
)

// rollingOut is what `hearth plugin rollout` is told.
type rollingOut struct {
	percent, window, after   string
	channels, labels, guards []string
	managers, end, keep      bool
	min, afterEvents         int
	why                      string
	json                     bool
}

// firstShare is the percentage of a release of which nothing is said, as on the
// page.
const firstShare = 5

func newPluginRollout(g *globals) *cobra.Command {
	var f rollingOut
	cmd := &cobra.Command{
		Use:   "rollout NAME [SHA256]",
		Short: "Give a version to some of the members, show how that goes, or end it",
		Long: "Give the version of a hash, or its beginning, to some of the members beside the live one, under guardrails: where it\n" +
			"does worse it is taken back by itself. Each member is always on the same side. Without SHA256 it is shown how the\n" +
			"release goes; begun again with another share it goes on with that. --end takes the version back, and --end --keep\n" +
			"makes it live.",
		Example: "  hearth plugin rollout welcome 3f2a9c01 --percent 10\n" +
			"  hearth plugin rollout welcome 3f2a9c01 --channels slack:C012AB3CD --guard p95_ms=2x --promote-after 24h\n" +
			"  hearth plugin rollout welcome\n" +
			"  hearth plugin rollout welcome --end --keep --why \"a day without a complaint\"",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			act, err := f.act(cmd, args)
			if err != nil {
				return err
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			return act(cmd, c, args[0])
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.percent, "percent", "", "`PERCENT` of the members that get it (default 5, or 0 if others are named)")
	fl.StringSliceVar(&f.channels, "channels", nil, "`CONVERSATIONS` where all get it, by their ids")
	fl.StringArrayVar(&f.labels, "label", nil, "those for whom a `CONDITION` is true, and a percentage of them, such as \"vip-tier==gold 100\"; again for more")
	fl.BoolVar(&f.managers, "managers", false, "the managers of the community, as they are set now, get it")
	fl.StringArrayVar(&f.guards, "guard", nil, "`NAME=BOUND` of a guardrail: a number, or one with x for so many times what the live version has; again for more")
	fl.StringVar(&f.window, "window", "", "`TIME` over which is measured (default 5m)")
	fl.IntVar(&f.min, "min-events", 0, "`EVENTS` before which no guardrail breaks (default 20)")
	fl.StringVar(&f.after, "promote-after", "", "make it live by itself after this `TIME`")
	fl.IntVar(&f.afterEvents, "promote-after-events", 0, "make it live by itself after so many `EVENTS`")
	fl.BoolVar(&f.end, "end", false, "end the release: the live version gets all again")
	fl.BoolVar(&f.keep, "keep", false, "with --end: make the new version live")
	whyFlag(cmd, &f.why)
	jsonFlag(cmd, &f.json)
	return cmd
}

// describes are the flags that say whom a release is for and how it is watched.
var describes = []string{"percent", "channels", "label", "managers", "guard", "window", "min-events", "promote-after", "promote-after-events"}

// act is what is to be done: shown, begun or ended.
func (f *rollingOut) act(cmd *cobra.Command, args []string) (func(*cobra.Command, *client.Client, string) error, error) {
	said := slices.DeleteFunc(slices.Clone(describes), func(name string) bool { return !cmd.Flags().Changed(name) })
	switch {
	case f.keep && !f.end:
		return nil, &usageError{errors.New("--keep goes with --end: it makes the version live that is rolled out")}
	case f.end && (len(args) > 1 || len(said) > 0):
		return nil, &usageError{errors.New("--end ends the release that is under way; it takes the plugin's name alone")}
	case f.end:
		return f.ended, nil
	case len(args) == 1 && (len(said) > 0 || f.why != ""):
		return nil, &usageError{fmt.Errorf("which version? `hearth plugin show %s` lists their SHA256; without a version it is only shown how the release goes", args[0])}
	case len(args) == 1:
		return f.shown, nil
	}
	sha, err := versionHash(args[1])
	if err != nil {
		return nil, err
	}
	spec, err := f.spec(sha)
	if err != nil {
		return nil, &usageError{err}
	}
	return func(cmd *cobra.Command, c *client.Client, name string) error { return f.begun(cmd, c, name, spec) }, nil
}

// versionHash is the hash of a version, or its beginning, as it is typed.
func versionHash(s string) (string, error) {
	sha := strings.ToLower(s)
	switch {
	case len(sha) < minSHA:
		return "", &usageError{fmt.Errorf("%q is too short for a version: %d digits of its sha256 are the least", s, minSHA)}
	case len(sha) > 64 || strings.Trim(sha, "0123456789abcdef") != "":
		return "", &usageError{fmt.Errorf("%q is no sha256 of a version, nor the beginning of one; `hearth plugin show NAME` lists them", s)}
	}
	return sha, nil
}

// spec is the release that was typed, but for the managers.
func (f *rollingOut) spec(sha string) (s web.RolloutSpec, err error) {
	s = web.RolloutSpec{SHA256: sha, MinEvents: f.min, AfterEvents: f.afterEvents}
	for _, c := range f.channels {
		if c = strings.TrimSpace(c); c != "" {
			s.Channels = append(s.Channels, c)
		}
	}
	for _, l := range f.labels {
		l = strings.TrimSpace(l)
		at := strings.LastIndexAny(l, " \t")
		if at < 0 {
			return s, fmt.Errorf("--label %q has no percentage behind it: write it like \"vip-tier==gold 100\"", l)
		}
		weight, err := percentage(l[at+1:])
		if err != nil {
			return s, fmt.Errorf("--label %q: %w", l, err)
		}
		s.Labels = append(s.Labels, web.RolloutLabel{When: strings.TrimSpace(l[:at]), Weight: weight})
	}
	switch {
	case f.percent != "":
		if s.Share, err = percentage(f.percent); err != nil {
			return s, fmt.Errorf("--percent: %w", err)
		}
	case len(s.Channels)+len(s.Labels) == 0 && !f.managers:
		s.Share = firstShare
	}
	for _, d := range []struct {
		flag, text string
		to         *int
		unit       time.Duration
	}{{"--window", f.window, &s.WindowS, time.Second}, {"--promote-after", f.after, &s.AfterMinutes, time.Minute}} {
		if d.text == "" {
			continue
		}
		t, err := time.ParseDuration(d.text)
		if err != nil || t < d.unit {
			return s, fmt.Errorf("%s %q is no time of %v or more; write it like 30m", d.flag, d.text, d.unit)
		}
		*d.to = int(t / d.unit)
	}
	if f.min < 0 || f.afterEvents < 0 {
		return s, errors.New("--min-events and --promote-after-events are 0 or more")
	}
	for _, g := range f.guards {
		if err := guard(&s.Guardrails, g); err != nil {
			return s, err
		}
	}
	return s, nil
}

func percentage(s string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || !(n >= 0 && n <= 100) {
		return 0, fmt.Errorf("%q is no percentage from 0 to 100", s)
	}
	return n, nil
}

// guard sets one guardrail from NAME=NUMBER, NAME=NUMBERx or both, as in 200,3x.
func guard(to *web.Guardrails, text string) error {
	rails := map[string]*web.Guardrail{"error_rate": &to.ErrorRate, "p95_ms": &to.P95MS, "fuel": &to.Fuel, "refused": &to.Refused,
		"delivery_failures": &to.Delivery, "messages": &to.Messages}
	name, bounds, _ := strings.Cut(text, "=")
	rail := rails[name]
	if rail == nil {
		return fmt.Errorf("--guard %q: there is no such guardrail; there are %s", name, strings.Join(slices.Sorted(maps.Keys(rails)), ", "))
	}
	for b := range strings.SplitSeq(bounds, ",") {
		number, times := strings.CutSuffix(strings.TrimSpace(b), "x")
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || !(n > 0) {
			return fmt.Errorf("--guard %q: %q is no number above 0, nor one with x, such as 0.02 or 3x", text, b)
		}
		if times {
			rail.Times = n
		} else {
			rail.Most = n
		}
	}
	return nil
}

// maxWhen is how long a condition of a release may be, in bytes.
const maxWhen = 500

// managersLabels are conditions that are true of the managers, in a community
// that has any.
func managersLabels(cmd *cobra.Command, c *client.Client) (out []web.RolloutLabel, err error) {
	list, err := c.Settings(cmd.Context())
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(s web.Setting) bool { return s.Key == "community.managers" })
	if i < 0 || strings.TrimSpace(list[i].Text) == "" {
		return nil, errors.New("the community has no managers in chat: set community.managers first, at /admin/settings or in hearth.toml")
	}
	when := ""
	add := func() {
		out = append(out, web.RolloutLabel{When: "member.id in [" + when + "]", Weight: 100})
		when = ""
	}
	for _, id := range strings.Fields(list[i].Text) {
		next := strconv.Quote(id)
		if when != "" && len("member.id in []")+len(when)+len(next)+2 > maxWhen {
			add()
		}
		if when != "" {
			when += ", "
		}
		when += next
	}
	add()
	return out, nil
}

func (f *rollingOut) begun(cmd *cobra.Command, c *client.Client, name string, spec web.RolloutSpec) error {
	if f.managers {
		labels, err := managersLabels(cmd, c)
		if err != nil {
			return err
		}
		spec.Labels = append(labels, spec.Labels...) // the first that is true decides
	}
	stop := waiting(cmd.ErrOrStderr(), "making it ready beside the live version")
	r, err := c.BeginRollout(cmd.Context(), name, spec, f.why)
	stop()
	if err = lacksPermission(cmd, name, spec.SHA256, err); err != nil {
		return err
	}
	return f.print(cmd.OutOrStdout(), name, &r)
}

// lacksPermission tells of what a version may not do, and what to do about it.
func lacksPermission(cmd *cobra.Command, name, sha string, err error) error {
	var missing *client.Missing
	if !errors.As(err, &missing) {
		return err
	}
	w := cmd.ErrOrStderr()
	fmt.Fprintln(w, "hearth:", printable(missing.Detail))
	printMissing(w, missing.Grants)
	fmt.Fprintf(w, "if you trust it: hearth plugin grant %s --all-of %s; until then what runs goes on\n", printable(name), short(sha))
	return errSaid
}

func (f *rollingOut) shown(cmd *cobra.Command, c *client.Client, name string) error {
	r, err := c.Rollout(cmd.Context(), name)
	if err != nil {
		return err
	}
	return f.print(cmd.OutOrStdout(), name, &r)
}

func (f *rollingOut) ended(cmd *cobra.Command, c *client.Client, name string) error {
	doing := "taking it back"
	if f.keep {
		doing = "making it live"
	}
	stop := waiting(cmd.ErrOrStderr(), doing)
	p, err := c.EndRollout(cmd.Context(), name, f.keep, f.why)
	stop()
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), p)
	}
	word := "the release is over, and is live for all as before"
	if f.keep {
		word = "is live for all"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %s\n", printable(p.Name), printable(dash(p.Version)), word)
	return err
}

// endings are how a release ended, in words.
var endings = map[string]string{"promoted": "the new version was made live", "rolled_back": "a guardrail broke, and the new version was taken back",
	"stopped": "it was ended, and the version before goes on"}

func (f *rollingOut) print(w io.Writer, name string, r *web.Rollout) error {
	if f.json {
		return printJSON(w, r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s (%s): ", printable(name), printable(dash(r.New.Version)), short(r.New.SHA256))
	if r.Ended != "" {
		b.WriteString("its release is over: " + endings[r.Ended])
		if r.Why != "" {
			b.WriteString(": " + printable(r.Why))
		}
		b.WriteByte('\n')
	} else {
		fmt.Fprintf(&b, "goes to %s\n", printable(strings.Join(whom(&r.Spec), "; ")))
	}
	line := func(name, text string) { fmt.Fprintf(&b, "  %-9s %s\n", name, printable(text)) }
	since := r.Began.Local().Format(time.DateTime)
	if r.By != "" {
		since += ", by " + r.By
	}
	line("began", since)
	window := (time.Duration(r.Spec.WindowS) * time.Second).String()
	for _, a := range []struct {
		word string
		arm  *web.RolloutArm
	}{{"new", &r.New}, {"live", &r.Live}} {
		line(a.word, fmt.Sprintf("%s %s: %s in %s (%s %%), %d failed", a.arm.Version, short(a.arm.SHA256), plural(a.arm.Events, "event"), window, decimals(a.arm.Share), a.arm.Failed))
	}
	if s := &r.Spec; r.Ended == "" && s.AfterEvents > 0 {
		line("then", "live by itself after "+plural(s.AfterEvents, "event"))
	}
	if s := &r.Spec; r.Ended == "" && s.AfterMinutes > 0 {
		line("then", "live by itself after "+(time.Duration(s.AfterMinutes)*time.Minute).String())
	}
	if _, err := io.WriteString(w, b.String()); err != nil || len(r.Bars) == 0 {
		return err
	}
	fmt.Fprintln(w)
	return table(w, func(row func(...string)) {
		row("GUARDRAIL", "NOW", "LIVE", "AT MOST", "")
		for _, g := range r.Bars {
			now, note := guardFigure(g.Name, g.Now), ""
			switch {
			case !g.Known:
				now, note = "–", "too few events yet"
			case g.Now > g.Most:
				note = "broken"
			}
			row(g.Name, now, guardFigure(g.Name, g.Live), guardFigure(g.Name, g.Most), note)
		}
	})
}

// whom says which events go to the new version.
func whom(s *web.RolloutSpec) (out []string) {
	if s.Share > 0 || len(s.Labels)+len(s.Channels) == 0 {
		out = append(out, decimals(s.Share)+" % of the members")
	}
	for _, l := range s.Labels {
		out = append(out, decimals(l.Weight)+" % of those with "+l.When)
	}
	if len(s.Channels) > 0 {
		out = append(out, "all in "+strings.Join(s.Channels, ", "))
	}
	return out
}

// guardFigure is what a guardrail measures, in its unit.
func guardFigure(name string, n float64) string {
	switch name {
	case "error_rate", "refused", "delivery_failures":
		return decimals(100*n) + " %"
	case "p95_ms":
		return decimals(n) + " ms"
	case "fuel":
		return digits.Sprintf("%.0f", n)
	}
	return decimals(n)
}

// decimals is a number with as many digits behind the point as it needs, two at
// most.
func decimals(n float64) string {
	s := strconv.FormatFloat(n, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
