package main

import (
	"strings"

	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

// What newcomers tell of themselves.
var (
	github = sdk.PerMember[string]("github")
	aim    = sdk.PerMember[string]("aim")
)

// aims are what members may be here for; the text aim.NAME says it.
var aims = []string{"learn", "build", "contribute", "meet"}

// questions adds the questions to a greeting, unless they were answered, and the way
// to all the rest.
func questions(c *ctx, m *sdk.Message) *sdk.Message {
	if _, told := aim.Lookup(c); !told {
		var choices []abi.Option
		for _, a := range aims {
			choices = append(choices, sdk.Answer(a, c.T("aim."+a)))
		}
		inputs := []sdk.Input{
			sdk.Choice("aim", c.T("about.aim"), choices...),
			sdk.Line("github", c.T("about.github")).Hint(c.T("about.github.hint")).Optional().Max(80),
		}
		if _, answered := ice.Lookup(c); !answered && breaksIce(c) {
			inputs = append(inputs, sdk.Lines("words", c.T("about.words")).Hint(c.T("about.words.hint")).Optional().Max(500))
		}
		m.Form("about", c.T("about.title"), inputs...).
			Submit(c.T("about.submit")).
			FormOften(abi.AnyTimes) // a mistyped name can be corrected; then the form goes
	}
	return m.Button(c.T("help"), "help", sdk.AnyTimes)
}

// introduce keeps what a member told, and thanks them with their next step.
func introduce(c *ctx) error {
	name, ok := githubName(c.Field("github"))
	if !ok {
		c.Reply(c.T("about.wrong", c.Field("github")))
		return nil
	}
	aim.Set(c, c.Field("aim"))
	if name != "" {
		github.Set(c, name)
		c.Profile(abi.Profile{GitHub: name})
	}
	c.Track("welcome.introduced", "aim", c.Field("aim"))
	if err := start(c); err != nil {
		return err
	}
	introduced(c, c.Field("words"))
	return nil
}

// start shows the member their first step.
func start(c *ctx) error {
	var m *sdk.Message
	switch a, told := aim.Lookup(c); {
	case told && c.Event.Form != nil && c.Event.Form.Message == "hello":
		m = c.Edit("hello", step(c, a)) // the questions go with it
	case told:
		m = c.Reply(step(c, a))
	default:
		m = c.Reply(c.T("step", c.Name(), path(c)))
	}
	questions(c, m)
	return nil
}

// step is the first step of somebody who told what they are here for.
func step(c *ctx, aim string) sdk.Markup {
	t := c.T("step."+aim, c.Name(), path(c))
	if name := github.Get(c); name != "" {
		t += "\n" + c.T("step.github", name)
	}
	return t
}

// githubName finds the name in what a member wrote: name, @name or the address
// of their page. Nothing at all is all right.
func githubName(s string) (name string, ok bool) {
	s = strings.TrimPrefix(strings.TrimSpace(s), "https://")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "github.com/"), "@")
	s = strings.TrimSuffix(s, "/")
	return s, s == "" || isGitHubName(s)
}

// isGitHubName knows GitHub's rule: at most 39 letters and digits, with single
// hyphens between them.
func isGitHubName(s string) bool {
	for i := range len(s) {
		letter := 'a' <= s[i]|0x20 && s[i]|0x20 <= 'z' || '0' <= s[i] && s[i] <= '9'
		inside := i > 0 && i < len(s)-1 && s[i-1] != '-'
		if !letter && (s[i] != '-' || !inside) {
			return false
		}
	}
	return len(s) <= 39
}

// viewMember is what the plugin knows of a member, in a few words.
func viewMember(v *sdk.View[Config]) error {
	id := v.Param("member")
	if id == "" {
		v.Status(400)
		v.Markdown("")
		return nil
	}
	var lines []string
	if waiting.Of(id).Get(v) {
		lines = append(lines, string(v.T("member.waiting")))
	}
	if a := aim.Of(id).Get(v); a != "" {
		lines = append(lines, string(v.T("member.aim", v.T("aim."+a))))
	}
	if name := github.Of(id).Get(v); name != "" {
		lines = append(lines, string(v.T("member.github", name)))
	}
	if quiet.Of(id).Get(v) {
		lines = append(lines, string(v.T("member.quiet")))
	}
	if len(lines) > 0 {
		v.Markdown(sdk.Markup("- " + strings.Join(lines, "\n- ")))
	}
	return nil
}
