package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/plugins/experiments/plan"
	"github.com/hearthbot/hearth/sdk"
)

// viewAll lists the definitions: what runs first, then by key. Problems say by
// key why others are left out.
func viewAll(v *sdk.View[Config]) error {
	all := slices.Collect(maps.Values(known))
	plan.Sort(all)
	if all == nil {
		all = []*plan.Definition{}
	}
	return v.JSON(struct {
		Experiments []*plan.Definition `json:"experiments"`
		Problems    map[string]string  `json:"problems,omitempty"`
	}{all, problems})
}

// who is the member of a parameter, as they are kept. Of one of whom no event
// came yet the host may say what its directory knows: joined (Unix milliseconds),
// locale, time_zone, guest. Testers are known. ok is false if nothing is known of
// them.
func who(v *sdk.View[Config], id string) (p person, ok bool) {
	if id == "" {
		return p, false
	}
	if p, ok = persons.Of(id).Lookup(v); ok {
		return p, true
	}
	joined, err := strconv.ParseInt(v.Param("joined"), 10, 64)
	if err != nil && !slices.ContainsFunc(live, func(r *plan.Ready) bool { return r.Forced[id] != "" }) {
		return p, false
	}
	return person{Since: v.Now().UnixMilli(), Joined: joined, Locale: v.Param("locale"), TimeZone: v.Param("time_zone"), Guest: v.Param("guest") == "true"}, true
}

// viewAssign says what a member gets, for other services: as their next event
// would, and without keeping it.
func viewAssign(v *sdk.View[Config]) error {
	id := v.Param("user")
	p, ok := who(v, id)
	if !ok {
		v.Status(404)
		return v.JSON(map[string]string{"error": "there is no such member"})
	}
	groups := map[string]string{}
	k := p.known(id, v.Base)
	for _, r := range live {
		if a := r.Assign(&k, p.given(r.Key), v.Now()); a.In() {
			groups[a.Key] = a.Name
		}
	}
	return v.JSON(map[string]map[string]string{"groups": groups})
}

// viewMember says in a few words which variations a member has.
func viewMember(v *sdk.View[Config]) error {
	id := v.Param("member")
	p, ok := who(v, id)
	if !ok {
		v.Markdown(v.T("member.none"))
		return nil
	}
	var lines []string
	k := p.known(id, v.Base)
	for _, r := range live {
		a := r.Assign(&k, p.given(r.Key), v.Now())
		if !a.In() {
			continue
		}
		key := "member.settled"
		switch {
		case a.Why == "forced":
			key = "member.tester"
		case a.Counted:
			key = "member.in"
		}
		lines = append(lines, "- "+string(v.T(key, r.Name.In(v.Locale()), a.Name)))
	}
	if len(lines) == 0 {
		v.Markdown(v.T("member.none"))
		return nil
	}
	v.Markdown(sdk.Markup(strings.Join(lines, "\n")))
	return nil
}
