package host

import (
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// table says who gets which event. It is made anew whenever a plugin comes,
// goes or changes, and never changed.
type table struct {
	middleware  map[abi.Kind][]string
	plugins     map[abi.Kind][]string
	posted      map[string]postFilter // plugins that want only some messages
	commands    map[string]string
	listeners   map[string][]string // by "plugin/name" of the plugin event
	commandList []abi.CommandDef
}

type postFilter struct{ keywords []string }

func newTable(manifests []*abi.Manifest) *table {
	t := &table{middleware: map[abi.Kind][]string{}, plugins: map[abi.Kind][]string{}, posted: map[string]postFilter{},
		commands: map[string]string{}, listeners: map[string][]string{}}
	for _, m := range manifests {
		kinds := t.plugins
		if m.Middleware {
			kinds = t.middleware
		}
		for _, k := range m.Events {
			if !slices.Contains(kinds[k], m.Name) {
				kinds[k] = append(kinds[k], m.Name)
			}
		}
		if len(m.Keywords) > 0 || m.Addressed {
			f := postFilter{}
			for _, w := range m.Keywords {
				f.keywords = append(f.keywords, strings.ToLower(w))
			}
			t.posted[m.Name] = f
		}
		for _, c := range m.Commands {
			if _, taken := t.commands[c.Name]; taken {
				continue
			}
			t.commands[c.Name] = m.Name
			c.Plugin = m.Name
			t.commandList = append(t.commandList, c)
		}
		for _, l := range m.Listens {
			t.listeners[l] = append(t.listeners[l], m.Name)
		}
	}
	slices.SortFunc(t.commandList, func(a, b abi.CommandDef) int { return compare(a.Name, b.Name) })
	return t
}

// route returns the middleware that annotates e and the plugins that handle
// it. What a plugin is asked by name (a command, its own button or timer) goes
// to owner alone; "" for anything else.
func (t *table) route(e *abi.Event, owner string) (middle, then []string) {
	switch {
	case owner != "":
		then = []string{owner}
	case e.Kind == abi.CommandInvoked:
		p, ok := t.commands[e.Command.Name]
		if !ok {
			return nil, nil
		}
		then = []string{p}
	case e.Kind == abi.PluginEvent:
		then = t.listeners[e.Custom.Name]
	case e.Kind == abi.MessagePosted && len(t.posted) > 0:
		for _, p := range t.plugins[e.Kind] {
			if t.wantsPost(p, e) {
				then = append(then, p)
			}
		}
	default:
		then = t.plugins[e.Kind]
	}
	middle = t.middleware[e.Kind]
	if slices.ContainsFunc(middle, func(m string) bool { return slices.Contains(then, m) }) {
		// A middleware that is asked by name handles the event, once.
		middle = slices.DeleteFunc(slices.Clone(middle), func(m string) bool { return slices.Contains(then, m) })
	}
	return middle, then
}

func (t *table) wantsPost(plugin string, e *abi.Event) bool {
	f, filtered := t.posted[plugin]
	if !filtered || e.Addressed || e.Message == nil {
		return true
	}
	text := strings.ToLower(e.Message.Text)
	return slices.ContainsFunc(f.keywords, func(w string) bool { return strings.Contains(text, w) })
}
