// Experiments says of each event which variations of running experiments its
// member gets: it is a middleware, and the plugins behind it ask for a variation
// by sdk's Group.
//
// It owns the definitions, and what each member was given first. What a
// definition is, who gets what and whom it is for are package plan's and
// sdk/experiment's; who was shown what, and what came of it, is counted by the
// host. It must not know what variations mean: those who obey them do.
//
// Its rows: of a member, person (since when they are known, what targets ask for,
// and what they were given); of the community, definition (by key, JSON), which
// are part of the image.
package main

import (
	"embed"
	"encoding/json"
	"maps"
	"slices"

	"github.com/hearthbot/hearth/plugins/experiments/plan"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

//go:embed messages
var messages embed.FS

// Config is empty: experiments are on their own page.
type Config struct{}

type ctx = sdk.Ctx[Config]

var _ = sdk.New[Config]("experiments", "1.0.0",
	sdk.Texts(messages),
	sdk.Middleware("say which variations of experiments a member gets"),
	sdk.CanState(512, "remember what each member was given first"),
	sdk.Example("a message", abi.Event{Kind: abi.MessagePosted, Member: abi.Member{ID: "example:1"},
		Conversation: abi.Conversation{ID: "example:c", Kind: abi.Channel}, Message: &abi.Message{ID: "1", Text: "hello"}})).
	Warm(load, definitions.Prefix()).
	// Every kind that others handle with a member, so that they find the groups in
	// timers and results, too.
	OnJoin(assign).
	OnLeave(assign).
	OnMessage(assign).
	OnEvent(abi.MessageEdited, assign).
	OnEvent(abi.MessageDeleted, assign).
	OnEvent(abi.CommandInvoked, assign).
	OnEvent(abi.ButtonClicked, assign).
	OnEvent(abi.FormSubmitted, assign).
	OnReaction(assign).
	OnEvent(abi.LinkClicked, assign).
	OnEvent(abi.FileShared, assign).
	OnEvent(abi.HomeOpened, assign).
	OnEvent(abi.TimerFired, assign).
	OnEvent(abi.VerifyFinished, assign).
	OnEvent(abi.HTTPResponded, assign).
	OnEvent(abi.PluginEvent, assign).
	OnEvent(abi.PROpened, assign).
	OnEvent(abi.PRMerged, assign).
	OnEvent(abi.CustomTracked, assign).
	OnForget(forget).
	OnPluginEvent("hearth/experiments", change).
	Query("/experiments", viewAll).
	Query("/assign", viewAssign).
	Query("/member", viewMember)

var definitions = sdk.CommunityMap[string]("definition")

// What load makes: the definitions by key, those by which somebody may have a
// variation, in the order of their keys, and why others are left out.
var (
	known    map[string]*plan.Definition
	live     []*plan.Ready
	problems map[string]string
)

// load makes the definitions ready. One that cannot be read is left out, and said
// to be: the others go on.
func load(v *sdk.View[Config]) error {
	known, live, problems = map[string]*plan.Definition{}, nil, map[string]string{}
	texts := maps.Collect(definitions.All(v))
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		d, r, err := prepare(texts[key])
		if err != nil {
			problems[key] = err.Error()
			v.Warn("experiment %s is left out: %.800s", key, err.Error())
			continue
		}
		known[key] = d
		if r.Live() {
			live = append(live, r)
		}
	}
	return nil
}

func prepare(text string) (*plan.Definition, *plan.Ready, error) {
	d, ps := plan.Parse([]byte(text))
	if len(ps) > 0 {
		return nil, nil, ps
	}
	r, err := d.Ready()
	return d, r, err
}

// change writes definitions: the properties are keys and JSON, and an empty text
// deletes one. The host sends it when a manager changes experiments, or a
// guardrail stops one. What is wrong changes nothing; the host has looked before,
// and tells only what is right.
func change(c *ctx) error {
	all := maps.Clone(known)
	for _, p := range c.Event.Custom.Props {
		if p.Value == "" {
			delete(all, p.Name)
			continue
		}
		d, ps := plan.Parse([]byte(p.Value))
		if len(ps) > 0 || d.Key != p.Name {
			c.Warn("experiment %.64q is not changed: its key is another, or %.800v", p.Name, ps)
			return nil
		}
		if old := known[d.Key]; old != nil && d.Began.IsZero() {
			d.Began = old.Began
		}
		switch d.Status {
		case plan.Running:
			if d.Began.IsZero() {
				d.Begin(c.Now())
			}
		case plan.Stopped, plan.Settled:
			if d.Ended.IsZero() {
				d.Ended = c.Now()
			}
		}
		all[d.Key] = d
	}
	if ps := plan.Fits(slices.Collect(maps.Values(all))); len(ps) > 0 {
		c.Warn("the experiments are not changed: %.900v", ps)
		return nil
	}
	for _, p := range c.Event.Custom.Props {
		if d := all[p.Name]; d != nil {
			definitions.Set(c, p.Name, string(d.Encode()))
		} else {
			definitions.Delete(c, p.Name)
		}
	}
	return nil
}

// forget takes a member out of the definitions that name them, as a tester or in
// a target. What they were given the host erases.
func forget(c *ctx) error {
	for _, key := range slices.Sorted(maps.Keys(known)) {
		text, ok := definitions.Lookup(c, key)
		if !ok {
			continue
		}
		var d plan.Definition
		if json.Unmarshal([]byte(text), &d) != nil {
			continue
		}
		if d.Forget(c.Member.ID) {
			definitions.Set(c, key, string(d.Encode()))
		}
	}
	return nil
}

func main() {}
