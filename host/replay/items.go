package replay

import (
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// items lists what effects do, in their order; nothing if they fail.
func items(ef *abi.Effects) []item {
	if ef.Error != "" {
		return nil
	}
	var out []item
	for i := range ef.Out {
		out = acts(out, &ef.Out[i])
	}
	for i := range ef.Writes {
		w := &ef.Writes[i]
		out = append(out, item{what: State, ids: []string{w.Key}, name: w.Key, raw: encode(w), show: func() string {
			if w.Delete {
				return "deleted"
			}
			return showValue(w.Value)
		}})
	}
	for _, a := range summed(ef.Adds) {
		out = append(out, item{what: State, ids: []string{a.Key}, name: a.Key, raw: encode(&a), show: func() string { return signed(a.Delta) }})
	}
	for _, g := range lastOf(ef.Groups) {
		out = append(out, item{what: Annotation, ids: []string{g.Name}, name: g.Name, raw: encode(&g), show: func() string { return g.Value }})
	}
	return out
}

// summed makes one Add of those to one counter, as the commit does.
func summed(adds []abi.Add) []abi.Add {
	out := make([]abi.Add, 0, len(adds))
	for _, a := range adds {
		if i := slices.IndexFunc(out, func(o abi.Add) bool { return o.Key == a.Key }); i >= 0 {
			out[i].Delta += a.Delta
		} else {
			out = append(out, a)
		}
	}
	return out
}

// lastOf keeps the last annotation of a name: those before it are not seen.
func lastOf(groups []abi.Annotation) []abi.Annotation {
	out := make([]abi.Annotation, 0, len(groups))
	for _, g := range groups {
		if i := slices.IndexFunc(out, func(o abi.Annotation) bool { return o.Name == g.Name }); i >= 0 {
			out[i] = g
		} else {
			out = append(out, g)
		}
	}
	return out
}

// acts appends what an effect does. Exactly one of its fields should be set;
// what has more is refused by the host, and shown here all the same.
func acts(out []item, ef *abi.Effect) []item {
	n := len(out)
	add := func(what What, v encoder, place, name string, show func(*text), ids ...string) {
		out = append(out, item{what: what, ids: ids, place: place, name: name, raw: encode(v), show: func() string {
			var t text
			show(&t)
			return t.String()
		}})
	}
	if s := ef.Send; s != nil {
		ids := []string{"to\x00" + key(s.To.Member, s.To.Conversation)}
		if s.Key != "" {
			ids = []string{"key\x00" + key(s.Key, s.To.Member, s.To.Conversation), "key\x00" + s.Key}
		}
		add(Message, s, "in "+lane(s.To.Member, s.To.Conversation, s.To.Ephemeral), words(quoted(s.Key), "to", target(s.To)), func(t *text) { t.send(s) }, ids...)
	}
	if e := ef.Edit; e != nil {
		add(Edit, e, "in "+lane(e.Member, e.Conversation, false), words(quoted(e.Key), "to", whose(e.Ref)), func(t *text) { t.content(&e.Content); t.field("of", whose(e.Ref)) }, key(e.Key, e.Member, e.Conversation), e.Key)
	}
	if d := ef.Delete; d != nil {
		add(Deletion, d, "in "+lane(d.Member, d.Conversation, false), words(quoted(d.Key), "to", whose(d.Ref)), func(t *text) { t.line("deleted"); t.field("of", whose(d.Ref)) }, key(d.Key, d.Member, d.Conversation), d.Key)
	}
	if r := ef.React; r != nil {
		add(Reaction, r, "in "+lane("", r.Conversation, false), words("to", r.Message, "in", r.Conversation), func(t *text) { t.line(":" + r.Name + ":") }, key(r.Conversation, r.Message))
	}
	if m := ef.Timer; m != nil {
		add(Timer, m, "", words(quoted(m.Name), m.Key, in(m.Conversation)), func(t *text) { t.timer(m) }, key(m.Name, m.Key, m.Conversation), key(m.Name, m.Key))
	}
	if c := ef.Cancel; c != nil {
		add(Cancel, c, "", words(quoted(c.Name), c.Key, in(c.Conversation)), func(t *text) { t.line("cancelled"); t.field("in", c.Conversation) }, key(c.Name, c.Key, c.Conversation), key(c.Name, c.Key))
	}
	if a := ef.Action; a != nil {
		add(Action, a, "of actions", words(quoted(a.Name), a.Key), func(t *text) { t.action(a) }, key(a.Name, a.Key), a.Name)
	}
	if a := ef.Abort; a != nil {
		add(Abort, a, "", words(quoted(a.Name), a.Key), func(t *text) { t.line("aborted") }, key(a.Name, a.Key))
	}
	if m := ef.Emit; m != nil {
		add(Event, m, "of events", quoted(m.Name), func(t *text) { t.properties(m.Props); t.value("data", m.Data) }, m.Name)
	}
	if m := ef.Track; m != nil {
		add(Track, m, "of events", words(quoted(m.Name), m.Member), func(t *text) { t.line("tracked"); t.field("of", m.Member); t.properties(m.Props) }, key(m.Name, m.Member), m.Name)
	}
	if p := ef.Profile; p != nil {
		add(Profile, p, "of changes to the profile", "", func(t *text) { t.profile(p) }, "")
	}
	if c := ef.Continue; c != nil {
		add(Continue, c, "", "", func(t *text) { t.line("goes on"); t.value("cursor", c.Cursor) }, "")
	}
	if len(out) == n {
		add(Unknown, ef, "", "", func(t *text) { t.line("empty, or newer than this hearth") }, "")
	}
	return out
}

// key joins the parts of an id; no part has a zero byte that anybody would miss.
func key(parts ...string) string { return strings.Join(parts, "\x00") }

// words joins what there is, with a space; a word that leads to nothing goes too.
func words(list ...string) string {
	var out []string
	for i, w := range list {
		if w == "" || (w == "to" || w == "in") && (i+1 == len(list) || list[i+1] == "") {
			continue
		}
		out = append(out, w)
	}
	return strings.Join(out, " ")
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return "“" + s + "”"
}

func in(conversation string) string {
	if conversation == "" {
		return ""
	}
	return "in " + conversation
}

// lane is where a message is seen among others. A conversation and the direct
// messages of a member may be the same place; here they are two.
func lane(member, conversation string, ephemeral bool) string {
	if member != "" && (!ephemeral || conversation == "") {
		return "@" + member
	}
	return conversation
}

// target says where a message goes.
func target(to abi.Target) string {
	where := ""
	switch {
	case to.Ephemeral && to.Member != "":
		where = words("@"+to.Member, "alone", in(to.Conversation))
	case to.Member != "" && to.Conversation != "":
		where = "@" + to.Member + " or in " + to.Conversation
	case to.Member != "":
		where = "@" + to.Member
	default:
		where = to.Conversation
	}
	return where
}

func whose(r abi.Ref) string {
	return target(abi.Target{Member: r.Member, Conversation: r.Conversation})
}
