package sdk

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/internal/guest"
)

// maxFrames is how many frames of a panic's stack are reported.
const maxFrames = 8

// Handle runs the handlers that match the event.
func (p *plugin) Handle(call *abi.Call, host guest.Host) (effects abi.Effects) {
	defer func() {
		if r := recover(); r != nil {
			effects = abi.Effects{Error: failure(r)}
		}
	}()
	if err := p.prepared(host); err != nil {
		return abi.Effects{Error: err.Error()}
	}
	ev := &call.Event
	i := p.enter(p)
	i.Base = Base{p: p, host: i.rows, now: call.Now, seed: call.Seed, locale: ev.Member.Locale, member: ev.Member.ID, place: ev.Conversation.ID}
	i.Event, i.Member = ev, ev.Member
	*i.rows = overlay{host: host, i: i}
	for n := range p.routes {
		if !p.routes[n].matches(ev) {
			continue
		}
		if err := p.routes[n].handle(i); err != nil {
			return abi.Effects{Error: err.Error()}
		}
	}
	return i.effects()
}

func (r *route) matches(ev *abi.Event) bool {
	if r.kind != ev.Kind || r.addressed && !ev.Addressed {
		return false
	}
	if len(r.words) > 0 && !containsAny(ev.Message, r.words) {
		return false
	}
	return r.name == "" || r.name == nameOf(ev)
}

// nameOf is the name that an event's routes go by.
func nameOf(ev *abi.Event) string {
	switch {
	case ev.Command != nil:
		return ev.Command.Name
	case ev.Click != nil:
		return ev.Click.Action
	case ev.Form != nil:
		return ev.Form.Name
	case ev.Timer != nil:
		return ev.Timer.Name
	case ev.Result != nil:
		return ev.Result.Name
	case ev.Custom != nil && ev.Kind == abi.PluginEvent:
		return ev.Custom.Name // "plugin/name"
	}
	return ""
}

func containsAny(m *abi.Message, words []string) bool {
	if m == nil {
		return false
	}
	text := strings.ToLower(m.Text)
	for _, w := range words {
		if strings.Contains(text, strings.ToLower(w)) {
			return true
		}
	}
	return false
}

// effects hands over what the invocation did, or why it did too much.
func (i *Invocation) effects() abi.Effects {
	i.settleTimers()
	for _, b := range [...]struct {
		what string
		n    int
		max  int
	}{
		{"effects", len(i.out), abi.MaxEffects},
		{"rows written", len(i.writes), abi.MaxWrites},
		{"counters", len(i.adds), abi.MaxAdds},
	} {
		if b.n > b.max {
			return abi.Effects{Error: fmt.Sprintf("%d %s in one invocation, at most %d: do the rest in OnContinue", b.n, b.what, b.max)}
		}
	}
	i.expose()
	return abi.Effects{Writes: i.writes, Adds: i.adds, Out: i.out, Groups: i.groups}
}

// settleTimers leaves of what was said of one timer the last word: handlers that
// are made of parts may set, move and take back a timer in one event, and the host
// takes one change of each.
func (i *Invocation) settleTimers() {
	type timer struct{ name, key, conversation string }
	var changed []timer
	for j := len(i.out) - 1; j >= 0; j-- {
		var is timer
		switch o := &i.out[j]; {
		case o.Timer != nil:
			is = timer{o.Timer.Name, o.Timer.Key, cmp.Or(o.Timer.Conversation, i.Event.Conversation.ID)}
		case o.Cancel != nil:
			is = timer{o.Cancel.Name, o.Cancel.Key, cmp.Or(o.Cancel.Conversation, i.Event.Conversation.ID)}
		default:
			continue
		}
		if slices.Contains(changed, is) {
			i.out = slices.Delete(i.out, j, j+1)
		} else {
			changed = append(changed, is)
		}
	}
}

// failure describes a panic: its value and the author's frames, innermost first.
func failure(r any) string {
	if m, ok := r.(mistake); ok {
		return string(m) + frames()
	}
	return fmt.Sprintf("panic: %v", r) + frames()
}

// frames lists the stack between the panic and the SDK's own frames.
func frames() string {
	var pcs [64]uintptr
	n := runtime.Callers(3, pcs[:])
	if n == 0 {
		return ""
	}
	var b strings.Builder
	it := runtime.CallersFrames(pcs[:n])
	for shown := 0; shown < maxFrames; {
		f, more := it.Next()
		own := strings.HasPrefix(f.Function, "github.com/hearthbot/hearth/sdk.")
		switch {
		case strings.HasPrefix(f.Function, "runtime."), f.Function == "":
		case own && shown > 0:
			return b.String() // below it is only the dispatch
		case own:
		default:
			file := f.File[strings.LastIndexByte(f.File, '/')+1:]
			fmt.Fprintf(&b, "\n  %s %s:%d", f.Function[strings.LastIndexByte(f.Function, '/')+1:], file, f.Line)
			shown++
		}
		if !more {
			break
		}
	}
	return b.String()
}
