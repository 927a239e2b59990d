package host

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// permitted refuses the effects that plan refuses whatever rows there are: those
// beyond a bound, and those that the plugin was not granted. It needs no
// snapshot and changes nothing; of the invocation it knows the version, the
// work's event, the call and the effects.
func (inv *invocation) permitted() error {
	ef := &inv.effects
	if err := ef.Check(); err != nil {
		return refuse("%v", err)
	}
	for i := range ef.Out {
		if err := checkIDs(&ef.Out[i]); err != nil {
			return fmt.Errorf("effect %d: %w", i+1, err)
		}
	}
	for i := range ef.Writes {
		if err := inv.mayTouch(ef.Writes[i].Key); err != nil {
			return err
		}
	}
	for i := range ef.Adds {
		if err := inv.mayTouch(ef.Adds[i].Key); err != nil {
			return err
		}
	}
	if len(ef.Groups) > 0 && (!inv.version.manifest.Middleware || !inv.version.grants.has(abi.CapAnnotate)) {
		return inv.lacks(abi.CapAnnotate)
	}
	for i := range ef.Out {
		if err := inv.permittedEffect(&ef.Out[i]); err != nil {
			return fmt.Errorf("effect %d: %w", i+1, err)
		}
	}
	return nil
}

func (inv *invocation) permittedEffect(ef *abi.Effect) error {
	switch {
	case ef.Send != nil:
		return inv.permittedSend(ef.Send)
	case ef.Edit != nil, ef.Delete != nil:
		return inv.permittedAnywhere() // where the message lies is in rows
	case ef.React != nil:
		return inv.need(abi.CapReact)
	case ef.Timer != nil:
		if err := inv.need(abi.CapTimers); err != nil {
			return err
		}
		if ef.Timer.Due-inv.call.Now > maxTimer.Milliseconds() {
			return refuse("timer %q is due in more than two years", ef.Timer.Name)
		}
	case ef.Action != nil:
		return inv.permittedAction(ef.Action)
	case ef.Emit != nil:
		if err := inv.need(abi.CapEmit); err != nil {
			return err
		}
		if !slices.Contains(inv.version.manifest.Emits, ef.Emit.Name) {
			return refuse("the manifest does not say that the plugin emits %q", ef.Emit.Name)
		}
	case ef.Profile != nil:
		if err := inv.need(abi.CapMembers); err != nil {
			return err
		}
		if inv.work.Event.Member.ID == "" {
			return refuse("the event is nobody's, so there is no profile to change")
		}
	}
	return nil
}

func (inv *invocation) permittedSend(s *abi.Send) error {
	if err := inv.mayShow(s); err != nil {
		return err
	}
	to, ev := s.To, &inv.work.Event
	here := to.Conversation != "" && to.Conversation == ev.Conversation.ID
	switch {
	case to.Member != "":
	case here && ev.Conversation.Kind == abi.Direct && ev.Member.ID != "":
		to.Member = ev.Member.ID
	case !here:
		return inv.permittedAnywhere() // whether it is a direct one is in rows
	}
	return inv.maySend(to, here)
}

// mayShow refuses a message that says it shows what middleware did not assign to
// the event's member: results come from nothing else.
func (inv *invocation) mayShow(s *abi.Send) error {
	for _, a := range s.Shown {
		a.Counted = true
		if !slices.Contains(inv.work.Event.Groups, a) {
			return refuse("the message shows %q of the experiment %q, which middleware did not assign to the member of this event", a.Value, a.Name)
		}
	}
	return nil
}

// permittedAnywhere refuses a message that may go to a channel or to a member if
// the plugin may write to neither.
func (inv *invocation) permittedAnywhere() error {
	if inv.version.grants.has(abi.CapDM) {
		return nil
	}
	return inv.need(abi.CapSend)
}

func (inv *invocation) permittedAction(a *abi.Action) error {
	switch {
	case a.Verify != nil:
		return inv.need(abi.CapVerify)
	case a.Host != "":
		if _, own := inv.version.guest.(*householder); !own {
			return refuse("the host does %q for its own plugin alone", a.Host)
		}
		return nil
	}
	return checkRequest(a.HTTP, inv.version.grants)
}

func hasAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}
