package config

import (
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/hearthbot/hearth/sdk/abi"
)

// maxEventNames is how many names of events from outside are mapped at most.
const maxEventNames = 200

// eventNames takes the names that events from outside have here.
func eventNames(p *map[string]string) field {
	get := func() any {
		out := map[string]any{}
		for from, to := range *p {
			out[from] = to
		}
		return out
	}
	return field{kind: JSONKind, get: get, set: func(v any) error {
		table, ok := v.(map[string]any)
		if !ok {
			return wrong(`a table such as { user_signup = "joined", first_payment = "paid" }`, v)
		}
		if len(table) > maxEventNames {
			return Say("has %d names; at most %d are possible", "有 %d 个名字，最多 %d 个", len(table), maxEventNames)
		}
		out := map[string]string{}
		for _, from := range slices.Sorted(maps.Keys(table)) {
			to, ok := table[from].(string)
			if !ok || to == "" || len(to) > abi.MaxName || from == "" || len(from) > abi.MaxName || !utf8.ValidString(from+to) {
				return Say(`%.40q leads to no name: write a step of the funnel, or a name that is tracked, such as "paid"`, `%.40q 没有对应有效的名字，请写漏斗的一个步骤，或一个记录的名字，例如 "paid"`, from)
			}
			out[from] = to
		}
		*p = out
		return nil
	}}
}

// EventName is what an event from outside of that name is here: as Events says,
// which may name a step of the funnel; then it is what that step is made by first.
func (a Analytics) EventName(event string) string {
	name, ok := a.Events[event]
	if !ok {
		return event
	}
	for _, s := range a.Funnel {
		if s.Name == name && len(s.By) > 0 {
			return s.By[0]
		}
	}
	return name
}
