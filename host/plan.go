package host

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// errRefused is wrapped by what a plugin may not do; nothing of the invocation
// is committed then, and the journal says why.
var errRefused = errors.New("refused")

func refuse(format string, a ...any) error {
	return fmt.Errorf("%w: %s", errRefused, fmt.Sprintf(format, a...))
}

// plan turns the effects into the batch's writes. Its error is the plugin's
// fault unless it wraps errInfrastructure.
func (inv *invocation) plan() error {
	ef := &inv.effects
	if err := ef.Check(); err != nil {
		return refuse("%v", err)
	}
	for i := range ef.Out {
		if err := checkIDs(&ef.Out[i]); err != nil {
			return fmt.Errorf("effect %d: %w", i+1, err)
		}
	}
	if err := inv.planState(); err != nil {
		return err
	}
	if err := inv.planNext(); err != nil {
		return err
	}
	for i := range ef.Out {
		if err := inv.planEffect(&ef.Out[i]); err != nil {
			return fmt.Errorf("effect %d: %w", i+1, err)
		}
	}
	return inv.planMeasured()
}

// checkIDs bounds every id that a plugin names: they become parts of keys.
func checkIDs(ef *abi.Effect) error {
	var ids []string
	switch {
	case ef.Send != nil:
		ids = []string{ef.Send.To.Member, ef.Send.To.Conversation, ef.Send.To.Thread}
	case ef.Edit != nil:
		ids = []string{ef.Edit.Member, ef.Edit.Conversation}
	case ef.Delete != nil:
		ids = []string{ef.Delete.Member, ef.Delete.Conversation}
	case ef.React != nil:
		ids = []string{ef.React.Conversation, ef.React.Message}
	case ef.Timer != nil:
		ids = []string{ef.Timer.Member.ID, ef.Timer.Conversation}
	case ef.Cancel != nil:
		ids = []string{ef.Cancel.Conversation, ef.Cancel.Key}
	case ef.Action != nil:
		ids = []string{ef.Action.Name, ef.Action.Key}
	case ef.Abort != nil:
		ids = []string{ef.Abort.Name, ef.Abort.Key}
	case ef.Track != nil:
		ids = []string{ef.Track.Member}
	}
	for _, id := range ids {
		if len(id) > maxEventID || !utf8.ValidString(id) {
			return refuse("id %.32q… has %d bytes; it is a text of at most %d", id, len(id), maxEventID)
		}
	}
	if ef.Track != nil && !utf8.ValidString(ef.Track.Name) {
		return refuse("tracked name %q is no text", ef.Track.Name)
	}
	return nil
}

// planState writes the plugin's own rows.
func (inv *invocation) planState() error {
	for _, w := range inv.effects.Writes {
		if err := inv.mayTouch(w.Key); err != nil {
			return err
		}
		key := stateKey(inv.reads.space, w.Key)
		old, err := inv.snap.Get(inv.engine.ctx, key)
		if err != nil {
			return fmt.Errorf("%w: %v", errInfrastructure, err)
		}
		if old.Exists() {
			inv.grown -= int64(len(key) + len(old.Value))
		}
		if w.Delete {
			inv.batch.Delete(key)
			continue
		}
		inv.grown += int64(len(key) + len(w.Value))
		inv.batch.Put(key, w.Value)
	}
	for _, a := range inv.effects.Adds {
		if err := inv.mayTouch(a.Key); err != nil {
			return err
		}
		key := stateKey(inv.reads.space, a.Key)
		old, err := inv.snap.Get(inv.engine.ctx, key)
		if err != nil {
			return fmt.Errorf("%w: %v", errInfrastructure, err)
		}
		if !old.Exists() {
			inv.grown += int64(len(key) + counterBytes)
		}
		inv.batch.Add(key, a.Delta)
	}
	if q := inv.version.grants.quota(); inv.grown > 0 && inv.plugin.stateBytes.Load()+inv.grown > q {
		return refuse("the plugin's rows would pass its quota of %d MiB; ask for the capability %q with more, or delete rows", q>>20, abi.CapState)
	}
	return nil
}

// counterBytes is how many bytes a counter's value has.
const counterBytes = 8

// mayTouch refuses rows of members other than the event's, unless the plugin
// was granted to deal with them.
func (inv *invocation) mayTouch(key string) error {
	if inv.reads.foreign(key) {
		return inv.lacks(abi.CapMembers)
	}
	return nil
}

// planNext passes the event on: middleware's annotations to the next stage.
func (inv *invocation) planNext() error {
	w := inv.work
	if len(inv.effects.Groups) > 0 {
		if !inv.version.manifest.Middleware || !inv.version.grants.has(abi.CapAnnotate) {
			return inv.lacks(abi.CapAnnotate)
		}
	}
	if len(w.Then)+len(w.Middle) == 0 {
		return nil
	}
	next := *w
	next.Attempts, next.First, next.Retry, next.Error, next.Version = 0, 0, 0, "", ""
	next.Event.Groups = mergeGroups(w.Event.Groups, inv.effects.Groups)
	pushes, err := stage(inv.batch, &next, w.Middle, w.Then)
	if err != nil {
		return refuse("%v", err)
	}
	inv.works = append(inv.works, pushes...)
	return nil
}

func mergeGroups(old, news []abi.Annotation) []abi.Annotation {
	out := slices.Clone(old)
	for _, n := range news {
		if i := slices.IndexFunc(out, func(a abi.Annotation) bool { return a.Name == n.Name }); i >= 0 {
			out[i] = n
		} else {
			out = append(out, n)
		}
	}
	slices.SortStableFunc(out, func(a, b abi.Annotation) int { return compare(a.Name, b.Name) })
	return out
}

func (inv *invocation) lacks(capability string) error {
	return refuse("the plugin was not granted %q; an admin grants it", capability)
}

func (inv *invocation) need(capability string) error {
	if !inv.version.grants.has(capability) {
		return inv.lacks(capability)
	}
	return nil
}

func (inv *invocation) planEffect(ef *abi.Effect) error {
	switch {
	case ef.Send != nil:
		return inv.planSend(ef.Send)
	case ef.Edit != nil:
		return inv.planEdit(ef.Edit)
	case ef.Delete != nil:
		return inv.planDelete(ef.Delete)
	case ef.React != nil:
		return inv.planReact(ef.React)
	case ef.Timer != nil:
		return inv.planTimer(ef.Timer)
	case ef.Cancel != nil:
		return inv.planCancel(ef.Cancel)
	case ef.Action != nil:
		return inv.planAction(ef.Action)
	case ef.Abort != nil:
		return inv.planAbort(ef.Abort)
	case ef.Emit != nil:
		return inv.planEmit(ef.Emit)
	case ef.Track != nil:
		return inv.planTrack(ef.Track)
	case ef.Profile != nil:
		return inv.planProfile(ef.Profile)
	case ef.Continue != nil:
		return inv.planContinue(ef.Continue)
	}
	return refuse("it is empty, or newer than this hearth")
}

// cause names the event of this invocation in those that follow from it.
func (inv *invocation) cause() string { return inv.work.Event.Source + "/" + inv.work.Event.ID }

// deeper is the depth of an event that follows at once from this one.
func (inv *invocation) deeper() (int, error) {
	d := inv.work.Event.Depth + 1
	if d > abi.MaxDepth {
		return 0, refuse("it is the %dth event in a chain of causes, at most %d: does the plugin answer itself?", d, abi.MaxDepth)
	}
	return d, nil
}

func (inv *invocation) planEmit(m *abi.Emit) error {
	if err := inv.need(abi.CapEmit); err != nil {
		return err
	}
	if !slices.Contains(inv.version.manifest.Emits, m.Name) {
		return refuse("the manifest does not say that the plugin emits %q", m.Name)
	}
	name := inv.plugin.name + "/" + m.Name
	return inv.derive(abi.Event{Source: "plugin/" + inv.plugin.name, Kind: abi.PluginEvent,
		Custom: &abi.Custom{Name: name, Props: m.Props, Data: m.Data}})
}

// askedBy says whether what follows from this invocation for a member answers
// their own act.
func (inv *invocation) askedBy(member string) bool {
	return inv.work.Asked && (member == "" || member == inv.work.Event.Member.ID)
}

// answers is the number of the message that what follows from this invocation
// may answer, 0 if there is none.
func (inv *invocation) answers() uint64 {
	if inv.work.Event.Kind == abi.MessagePosted {
		return inv.work.Seq
	}
	return inv.work.Answers
}

// roomFor refuses to make more work for plugins that are behind already.
func (inv *invocation) roomFor(plugins ...string) error {
	for _, name := range plugins {
		if p := inv.engine.plugin(name); p != nil && p.lanes.length() >= inv.engine.share() {
			return refuse("%d events wait for plugin %s already", p.lanes.length(), name)
		}
	}
	return nil
}

// maxWaitingActions is how many actions of one plugin may wait.
const maxWaitingActions = 1000

// derive writes the work rows of an event that follows at once from this one,
// about the same member in the same conversation.
func (inv *invocation) derive(ev abi.Event) error {
	e := inv.engine
	seq := e.nextSeq()
	ev.ID, ev.Time, ev.Cause = store.Seq(seq), inv.call.Now, inv.cause()
	ev.Conversation = inv.work.Event.Conversation
	if ev.Member.ID == "" {
		ev.Member.ID = inv.work.Event.Member.ID
	}
	middle, then := e.table.Load().route(&ev, "")
	if len(middle)+len(then) == 0 {
		return nil
	}
	var err error
	if ev.Depth, err = inv.deeper(); err != nil {
		return err
	}
	if err := inv.roomFor(then...); err != nil {
		return err
	}
	w := workRow{Event: ev, Seq: seq, Asked: inv.askedBy(ev.Member.ID), Answers: inv.answers()}
	pushes, err := stage(inv.batch, &w, middle, then)
	if err != nil {
		return refuse("%v", err)
	}
	inv.works = append(inv.works, pushes...)
	return nil
}

// maxRounds is how often in a row an invocation may continue itself.
const maxRounds = 10_000

func (inv *invocation) planContinue(c *abi.Continue) error {
	if inv.continued {
		return refuse("Continue twice in one invocation")
	}
	inv.continued = true
	if inv.work.Rounds >= maxRounds {
		return refuse("Continue for the %dth time in a row; does the work end?", inv.work.Rounds+1)
	}
	seq := inv.engine.nextSeq()
	ev := abi.Event{ID: store.Seq(seq), Source: "plugin/" + inv.plugin.name, Kind: abi.Continued, Time: inv.call.Now, Note: c.Cursor,
		Conversation: inv.work.Event.Conversation, Member: abi.Member{ID: inv.work.Event.Member.ID}, Groups: inv.work.Event.Groups,
		Cause: inv.cause(), Depth: inv.work.Event.Depth}
	w := workRow{Event: ev, Seq: seq, Asked: inv.work.Asked, Answers: inv.answers(), Rounds: inv.work.Rounds + 1}
	pushes, err := stage(inv.batch, &w, nil, []string{inv.plugin.name})
	if err != nil {
		return refuse("%v", err)
	}
	inv.works = append(inv.works, pushes...)
	return nil
}

func (inv *invocation) planProfile(c *abi.Profile) error {
	if err := inv.need(abi.CapMembers); err != nil {
		return err
	}
	id := inv.work.Event.Member.ID
	if id == "" {
		return refuse("the event is nobody's, so there is no profile to change")
	}
	if (c.Resume || c.TimeZone != "") && !inv.work.Asked {
		// Only the member can say that they want to hear of us again, or when they sleep.
		inv.withhold("resume or time zone of %s: the member did not ask for it", id)
		return nil
	}
	p, rev, err := members.Get(inv.engine.ctx, inv.snap, id)
	if err != nil {
		return fmt.Errorf("%w: %v", errInfrastructure, err)
	}
	changed, err := p.Apply(c)
	if err != nil {
		return refuse("%v", err)
	}
	if !changed {
		return nil
	}
	if err := members.Put(inv.batch, id, &p, rev); err != nil {
		return fmt.Errorf("%w: %v", errInfrastructure, err)
	}
	return nil
}
