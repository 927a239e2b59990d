package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Handled is one plugin's handling of one event: its last attempt.
type Handled struct {
	Number   string // of the event, 16 hex digits; newer ones sort behind
	Plugin   string
	Version  string // sha256 of the code
	Event    abi.Event
	Now      time.Time // the plugin's clock
	Effects  abi.Effects
	Fuel     int64
	Duration time.Duration
	Attempt  int
	Error    string // "" if it was committed
	Withheld []string
	Log      []string
}

// Message is one message a plugin sent and what became of it.
type Message struct {
	Number   string // of the event that caused it
	ID       string // of the delivery
	Plugin   string
	Op       string
	To       abi.Target
	Content  abi.Content
	Status   string // waiting, sent, failed, expired, withheld or skipped
	Why      string
	Made, At time.Time
	Attempts []Attempt
	Messages []string // the platform's ids
}

// Attempt is one try to deliver a message.
type Attempt struct {
	Began, Ended time.Time // Ended is zero while it is under way, or if it was never heard of again
	Error        string
	Unknown      bool // the platform may have carried it out
	Duplicate    bool // made after an unknown one without a way to ask: possibly the second
}

// Failed is an event that a plugin could not handle and that was given up.
type Failed struct {
	Number   string
	Plugin   string
	Event    abi.Event
	Attempts int
	Error    string
	At       time.Time
}

// EventFilter chooses from the journal.
type EventFilter struct {
	Plugin       string // "" for all
	Member       string
	Conversation string
	Kind         abi.Kind
	FailedOnly   bool
	After        string // numbers behind this one, oldest first; "": the newest, newest first
	Limit        int    // 0 means 50, at most 1,000
}

// Events lists handled events.
func (e *Engine) Events(ctx context.Context, f EventFilter) ([]Handled, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 1000)
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("host: listing events: %w", err)
	}
	defer snap.Close()
	span := store.Prefix(kJournal.Prefix())
	span.Reverse = f.After == ""
	if f.After != "" {
		span.From = kJournal.Join(f.After) + "0" // behind all of that number: '0' sorts after '/'
	}
	may := f.needles()
	var out []Handled
	for row, err := range snap.Scan(ctx, span) {
		if err != nil {
			return out, fmt.Errorf("host: listing events: %w", err)
		}
		if !may(row.Value) {
			continue
		}
		h, err := readHandled(row)
		if err != nil {
			return out, fmt.Errorf("host: listing events: %w", err)
		}
		if f.matches(&h) {
			if out = append(out, h); len(out) == f.Limit {
				break
			}
		}
	}
	return out, nil
}

func (f *EventFilter) matches(h *Handled) bool {
	return (f.Plugin == "" || h.Plugin == f.Plugin) && (f.Member == "" || h.Event.Member.ID == f.Member) &&
		(f.Conversation == "" || h.Event.Conversation.ID == f.Conversation) && (f.Kind == "" || h.Event.Kind == f.Kind) &&
		(!f.FailedOnly || h.Error != "")
}

func readHandled(row store.Row) (Handled, error) {
	var j journalRow
	if _, err := j.UnmarshalMsg(row.Value); err != nil {
		return Handled{}, fmt.Errorf("row %s: %w", row.Key, err)
	}
	s := splitKey(row.Key, 2)
	return Handled{Number: s[0], Plugin: s[1], Version: j.Version, Event: j.Call.Event, Now: time.UnixMilli(j.Call.Now), Effects: j.Effects,
		Fuel: j.Fuel, Duration: time.Duration(j.Nanos), Attempt: j.Attempt, Error: j.Error, Withheld: j.Withheld, Log: j.Log}, nil
}

// Event returns how each plugin handled the event of a number; ErrUnknown if
// the journal has none.
func (e *Engine) Event(ctx context.Context, number string) ([]Handled, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("host: reading event %s: %w", number, err)
	}
	defer snap.Close()
	var out []Handled
	for row, err := range snap.Scan(ctx, store.Prefix(kJournal.Join(number).Prefix())) {
		if err != nil {
			return nil, fmt.Errorf("host: reading event %s: %w", number, err)
		}
		h, err := readHandled(row)
		if err != nil {
			return nil, fmt.Errorf("host: reading event %s: %w", number, err)
		}
		out = append(out, h)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: event %q", ErrUnknown, number)
	}
	return out, nil
}

// Messages lists the messages that the event of a number caused and whose way
// has ended.
func (e *Engine) Messages(ctx context.Context, number string) ([]Message, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("host: reading messages: %w", err)
	}
	defer snap.Close()
	var out []Message
	for row, err := range snap.Scan(ctx, store.Prefix(kSent.Join(number).Prefix())) {
		if err != nil {
			return nil, fmt.Errorf("host: reading messages: %w", err)
		}
		var s sentRow
		if _, err := s.UnmarshalMsg(row.Value); err != nil {
			return nil, fmt.Errorf("host: reading messages: row %s: %w", row.Key, err)
		}
		m := message(&s.Out)
		m.Number, m.Status, m.Why, m.At, m.Messages = number, s.Status, s.Why, time.UnixMilli(s.At), s.Messages
		out = append(out, m)
	}
	return out, nil
}

// Waiting lists messages that wait for a platform, oldest first and at most
// limit; of the event of a number only, unless that is "".
func (e *Engine) Waiting(ctx context.Context, number string, limit int) ([]Message, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("host: reading messages: %w", err)
	}
	defer snap.Close()
	span := store.Prefix(kOutbox.Prefix())
	var event []byte // its number as a row has it: the many others need not be read
	if number != "" {
		span.From = kOutbox.Join(number) // a message is numbered after its event
		n, err := store.ParseSeq(number)
		if err != nil {
			return nil, fmt.Errorf("%w: event %q", ErrUnknown, number)
		}
		event = msgp.AppendUint64(nil, n)
	}
	var out []Message
	for row, err := range snap.Scan(ctx, span) {
		if err != nil {
			return nil, fmt.Errorf("host: reading messages: %w", err)
		}
		if !bytes.Contains(row.Value, event) {
			continue
		}
		var o outRow
		if _, err := o.UnmarshalMsg(row.Value); err != nil {
			return nil, fmt.Errorf("host: reading messages: row %s: %w", row.Key, err)
		}
		m := message(&o)
		m.Number, m.Status = store.Seq(o.Event), "waiting"
		if number != "" && m.Number != number {
			continue
		}
		if out = append(out, m); len(out) == limit {
			break
		}
	}
	return out, nil
}

func message(o *outRow) Message {
	m := Message{ID: o.ID, Plugin: o.Plugin, Op: o.Op, To: o.To, Content: o.Content, Made: time.UnixMilli(o.Made)}
	for _, a := range o.Attempts {
		at := Attempt{Began: time.UnixMilli(a.Began), Error: a.Error, Unknown: a.Unknown, Duplicate: a.Duplicate}
		if a.Ended != 0 {
			at.Ended = time.UnixMilli(a.Ended)
		}
		m.Attempts = append(m.Attempts, at)
	}
	return m
}

// FailureFilter chooses from the events that were given up.
type FailureFilter struct {
	Plugin string // "" for all
	After  string // numbers behind this one; "": from the oldest on
	Limit  int    // 0 means 50, at most 1,000; failures of one event are not parted, so a page may be a little longer
}

// FailedEvents lists events that were given up, oldest first, a page at a time:
// the next is behind the last number of this one.
func (e *Engine) FailedEvents(ctx context.Context, f FailureFilter) ([]Failed, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 1000)
	return e.failures(ctx, f)
}

// Failures lists all events that were given up, oldest first. They may be many:
// see [Engine.FailedEvents].
func (e *Engine) Failures(ctx context.Context) ([]Failed, error) {
	return e.failures(ctx, FailureFilter{})
}

func (e *Engine) failures(ctx context.Context, f FailureFilter) ([]Failed, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("host: listing failed events: %w", err)
	}
	defer snap.Close()
	span := store.Prefix(kDead.Prefix())
	if f.After != "" {
		span.From = kDead.Join(f.After) + "0" // behind all of that number: '0' sorts after '/'
	}
	var out []Failed
	for row, err := range snap.Scan(ctx, span) {
		if err != nil {
			return nil, fmt.Errorf("host: listing failed events: %w", err)
		}
		s := splitKey(row.Key, 2)
		if f.Limit > 0 && len(out) >= f.Limit && out[len(out)-1].Number != s[0] {
			break
		}
		if f.Plugin != "" && f.Plugin != s[1] {
			continue
		}
		var d deadRow
		if _, err := d.UnmarshalMsg(row.Value); err != nil {
			return nil, fmt.Errorf("host: listing failed events: row %s: %w", row.Key, err)
		}
		out = append(out, Failed{Number: s[0], Plugin: s[1], Event: d.Work.Event, Attempts: d.Work.Attempts, Error: d.Work.Error, At: time.UnixMilli(d.At)})
	}
	return out, nil
}

// Retry hands a failed event to its plugin again, as if it had just arrived;
// ErrUnknown if there is none.
func (e *Engine) Retry(ctx context.Context, number, plugin string) error {
	return e.runAgain(ctx, number, plugin, nil)
}

// RetryBy is Retry, on record.
func (e *Engine) RetryBy(ctx context.Context, who audit.Who, number, plugin string) error {
	return e.runAgain(ctx, number, plugin, &audit.Entry{Who: who, Did: "event.retry", On: "event/" + number + "/" + plugin})
}

func (e *Engine) runAgain(ctx context.Context, number, plugin string, on *audit.Entry) error {
	n, err := store.ParseSeq(number)
	if err != nil {
		return fmt.Errorf("%w: event %q", ErrUnknown, number)
	}
	for range maxConflicts {
		w, err := e.retry(ctx, n, plugin, on)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("host: retrying event %s: %w", number, err)
		}
		e.dead.remove(plugin, n)
		e.pushWork(plugin, w.Lane, n)
		return nil
	}
	return fmt.Errorf("host: retrying event %s: %w", number, store.ErrConflict)
}

func (e *Engine) retry(ctx context.Context, n uint64, plugin string, on *audit.Entry) (*workRow, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	row, err := snap.Get(ctx, deadKey(n, plugin))
	if err != nil {
		return nil, err
	}
	if !row.Exists() {
		return nil, fmt.Errorf("%w: no failed event of that number for plugin %q", ErrUnknown, plugin)
	}
	var d deadRow
	if _, err := d.UnmarshalMsg(row.Value); err != nil {
		return nil, fmt.Errorf("row %s: %w", row.Key, err)
	}
	w := d.Work
	w.Attempts, w.First, w.Retry, w.Error, w.Version = 0, 0, 0, "", ""
	v, err := w.MarshalMsg(nil)
	if err != nil {
		return nil, err
	}
	b := new(store.Batch)
	b.Check(row.Key, row.Rev)
	b.Delete(row.Key)
	b.Put(workKey(plugin, w.Lane, n), v)
	if on != nil {
		if err := e.audit.Put(b, *on); err != nil {
			return nil, err
		}
	}
	_, err = e.store.Commit(ctx, b)
	return &w, err
}

// Status is how the engine is, at a glance.
type Status struct {
	Paused    bool
	Plugins   []PluginInfo
	Platforms []PlatformInfo
	Failed    int // events given up that wait for a person
	Dropped   int // events given up and deleted unseen, ever: their plugin had too many, or they were too old
}

// PlatformInfo is how a platform is.
type PlatformInfo struct {
	Name    string
	Waiting int       // messages
	Oldest  time.Time // since when the one waits that has waited longest; zero if none does
	Health  chat.Health
	Checked time.Time // when Health was asked for; zero: not yet
	Held    string    // the platform's code if it is held, else ""
	Advice  string    // what to do about it
	Since   time.Time

	// Sent and Failed are the deliveries that ended so in the last hour, or since
	// Counted if that is later.
	Sent, Failed int
	Counted      time.Time
}

// Status reports on everything that is installed and connected.
func (e *Engine) Status(ctx context.Context) (Status, error) {
	s := Status{Paused: e.Paused(), Plugins: e.Plugins()}
	_, platforms := e.locked()
	now := e.clock.Now()
	for _, p := range platforms {
		info := PlatformInfo{Name: p.name, Waiting: p.lanes.length(), Counted: p.tally.began}
		if at := p.lanes.oldest(); at != 0 {
			info.Oldest = time.Unix(0, int64(at))
		}
		info.Sent, info.Failed = p.tally.hour(now)
		p.mu.Lock()
		info.Health, info.Checked = p.health, p.checked
		if h := p.held; h != nil {
			info.Held, info.Advice, info.Since = h.Code, h.Advice, time.UnixMilli(h.Since)
		}
		p.mu.Unlock()
		s.Platforms = append(s.Platforms, info)
	}
	var err error
	if s.Failed, s.Dropped, err = e.failed(ctx); err != nil {
		return s, fmt.Errorf("host: reading the status: %w", err)
	}
	return s, nil
}
