// Stars tells how many stars a repository has: it asks GitHub, and hears the
// answer as an event of its own.
//
// It keeps nothing: what it has to know when the answer comes goes along with
// the question.
package main

import (
	"embed"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

//go:embed messages
var messages embed.FS

// Config is what admins and managers set.
type Config struct {
	Default      string `default:"golang/go" help:"repository that is looked up if none is named"`
	Authenticate bool   `help:"send the secret github_token along; without it GitHub answers 60 requests an hour"`
}

type ctx = sdk.Ctx[Config]

var _ = sdk.New[Config]("stars", "1.0.0",
	sdk.Texts(messages),
	sdk.CanSend("answer in channels"),
	sdk.CanDM("answer in private"),
	sdk.CanHTTP("api.github.com", "ask how many stars a repository has"),
	sdk.Emits("seen", "tell other plugins what was looked up")).
	OnCommand("stars", lookUp).
	OnMention(mentioned).
	OnButton("again", again).
	OnResult("repository", tell)

// repository is the first that a text names, by its name or its address.
func repository(text string) string {
	return repositoryForm.FindString(strings.ReplaceAll(text, "https://github.com/", ""))
}

var repositoryForm = regexp.MustCompile(`[\w.-]+/[\w.-]+`)

// asked is what goes with the request and comes back with the answer.
type asked struct {
	Repository string `json:"repository"`
}

func lookUp(c *ctx) error {
	name := c.Config.Default
	if args := c.Args(); args != "" {
		name = repository(args)
	}
	if name == "" {
		c.Reply(c.T("what", c.Args()))
		return nil
	}
	return ask(c, name)
}

// mentioned answers "@bot how is golang/go?".
func mentioned(c *ctx) error {
	if name := repository(c.Text()); name != "" {
		return ask(c, name)
	}
	return nil
}

// again asks for what the button was put under: its note comes back with it.
func again(c *ctx) error { return ask(c, sdk.NoteOf[asked](c).Repository) }

func ask(c *ctx, name string) error {
	r := abi.HTTP{URL: "https://api.github.com/repos/" + name, Header: []abi.Annotation{{Name: "Accept", Value: "application/vnd.github+json"}}}
	if c.Config.Authenticate {
		// The host fills it in: the plugin never has the secret.
		r.Header = append(r.Header, abi.Annotation{Name: "Authorization", Value: "Bearer ${secret:github_token}"})
	}
	c.HTTP("repository", r).Note(sdk.Note(asked{name}))
	return nil
}

// tell hears the answer, in the conversation of the question.
func tell(c *ctx) error {
	name := sdk.NoteOf[asked](c).Repository
	var found struct {
		Stars int64 `json:"stargazers_count"`
	}
	switch r := c.Event.Result; {
	case r.Status == 404: // package net/http would make the plugin twice as large
		c.Reply(c.T("none", name))
	case r.Status != 200 || json.Unmarshal(r.Body, &found) != nil:
		c.Warn("GitHub answers %d %s", r.Status, r.Error)
		c.Reply(c.T("failed"))
	default:
		c.Reply(c.T("stars", name, found.Stars)).
			Button(c.T("again"), "again", sdk.AnyTimes, sdk.ButtonNote(c.Event.Note)).
			LinkButton(c.T("look"), "https://github.com/"+name)
		c.Emit("seen", "repository", name)
	}
	return nil
}

func main() {}
