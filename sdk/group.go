package sdk

import "github.com/hearthbot/hearth/sdk/abi"

// Group is the variation of an experiment that the event's member gets: a name
// such as "v2", or "" if they are in none, or there is no such experiment. The
// plugin then does what it does without one.
//
//	switch c.Group("bot-script") {
//	case "v2":
//		c.DM(c.T("hello.v2"))
//	default: // "baseline", and whoever is in no group
//		c.DM(c.T("hello"))
//	}
//
// Asking is what makes an experiment's results: every message that this
// invocation sends the member says that it shows the variation, and once it is
// sent they are counted among those who were shown it, the control's members too.
// So ask where the variations begin to differ, in an event in which each of them
// sends the member something. Where one variation is silent its members would
// not be counted and those of the others would, and the groups could not be
// compared. A tester gets a variation as everybody and is never counted.
func (i *Invocation) Group(experiment string) string {
	for j := range i.Event.Groups {
		if g := &i.Event.Groups[j]; g.Name == experiment {
			if g.Counted {
				i.show(g)
			}
			return g.Value
		}
	}
	return ""
}

func (i *Invocation) show(g *abi.Annotation) {
	for j := range i.shown {
		if i.shown[j].Name == g.Name {
			return
		}
	}
	i.shown = append(i.shown, abi.Annotation{Name: g.Name, Value: g.Value})
}

// expose has the messages to the event's member say what they show: those that
// are sent to them, and those that answer them where the event happened.
func (i *Invocation) expose() {
	if len(i.shown) == 0 || i.Member.ID == "" {
		return
	}
	for j := range i.out {
		s := i.out[j].Send
		if s == nil {
			continue
		}
		if to := s.To.Member; to == i.Member.ID || to == "" && s.To.Conversation == i.Event.Conversation.ID {
			s.Shown = i.shown
		}
	}
}
