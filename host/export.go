package host

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// Export writes all that is kept of a member to w: a JSON object a line, each
// with its kind. Of rows of others that only mention them nothing is written. It
// reads a part at a time, so what happens meanwhile may be in it or not, and a
// slow writer holds up nobody. Of an id that nothing is kept of nothing is
// written.
func (e *Engine) Export(ctx context.Context, id string, w io.Writer) error {
	return e.export(ctx, id, func(_ string, line []byte) error {
		_, err := w.Write(line)
		return err
	})
}

// The lines of an export; Kind comes first.
type (
	profileLine struct {
		Kind string `json:"kind"`
		Person
	}
	stateLine struct {
		Kind   string          `json:"kind"`
		Plugin string          `json:"plugin"`
		Name   string          `json:"name"`
		Value  json.RawMessage `json:"value"`
	}
	eventLine struct {
		Kind    string      `json:"kind"`
		At      time.Time   `json:"at"`
		Number  string      `json:"number"`
		Plugin  string      `json:"plugin"`
		What    abi.Kind    `json:"what"`
		Where   string      `json:"where,omitempty"`
		Text    string      `json:"text,omitempty"`
		Command string      `json:"command,omitempty"`
		Pressed string      `json:"pressed,omitempty"`
		Filled  []abi.Value `json:"filled,omitempty"`
		Error   string      `json:"error,omitempty"`
	}
	messageLine struct {
		Kind   string    `json:"kind"`
		At     time.Time `json:"at"`
		Plugin string    `json:"plugin"`
		Status string    `json:"status"`
		Op     string    `json:"op"`
		Where  string    `json:"where,omitempty"`
		Text   string    `json:"text,omitempty"`
	}
	measuredLine struct {
		Kind   string               `json:"kind"`
		Joined time.Time            `json:"joined,omitzero"`
		Left   time.Time            `json:"left,omitzero"`
		Days   []string             `json:"days,omitempty"`   // on which they were active
		Firsts map[string]time.Time `json:"firsts,omitempty"` // what they did first, and when
		Began  []measuredAction     `json:"began,omitempty"`  // what they did around their join
		Shown  []measuredShown      `json:"shown,omitempty"`  // of experiments
	}
	measuredAction struct {
		At time.Time `json:"at"`
		Of string    `json:"what"`
	}
	measuredShown struct {
		At         time.Time `json:"at"`
		Experiment string    `json:"experiment"`
		Variation  string    `json:"variation"`
	}
	timerLine struct {
		Kind   string    `json:"kind"`
		Plugin string    `json:"plugin"`
		Name   string    `json:"name"`
		Due    time.Time `json:"due"`
	}
)

// export calls yield with each line.
func (e *Engine) export(ctx context.Context, id string, yield func(kind string, line []byte) error) error {
	x := &exporter{e: e, ctx: ctx, id: id, yield: yield}
	if err := x.all(); err != nil {
		return fmt.Errorf("host: exporting what is kept of a member: %w", err)
	}
	return nil
}

type exporter struct {
	e     *Engine
	ctx   context.Context
	id    string
	g     goodbye // which tells whose rows are
	yield func(kind string, line []byte) error

	spaces map[string]string // that hold, by plugin; see spaces
}

func (x *exporter) all() error {
	snap, err := x.e.store.Snapshot(x.ctx)
	if err != nil {
		return err
	}
	p, rev, err := members.Get(x.ctx, snap, x.id)
	places := []string(nil)
	if err == nil {
		places, err = directsOf(x.ctx, snap, x.id)
	}
	if err == nil {
		x.spaces, err = spaces(x.ctx, snap)
	}
	snap.Close()
	if err != nil {
		return err
	}
	x.g.f = forgetRow{ID: x.id, Places: places}
	x.g.t = newTraces(&x.g.f)
	if rev != 0 {
		if err := x.line("profile", profileLine{"profile", person(x.id, &p)}); err != nil {
			return err
		}
	}
	if err := x.measured(); err != nil {
		return err
	}
	for _, part := range []struct {
		prefix store.Key
		write  func(store.Row) error
	}{{kState, x.state}, {kJournal, x.event}, {kDead, x.failed}, {kWork, x.work}, {kSent, x.sent}, {kOutbox, x.queued}, {kTimer, x.timer}} {
		if err := x.over(part.prefix, part.write); err != nil {
			return err
		}
	}
	if pf := x.e.platform(abi.Platform(x.id)); pf != nil {
		if a, ok := pf.adapter.(chat.Exporter); ok {
			return a.Export(x.ctx, x.id, x.line)
		}
	}
	return nil
}

// over calls write with the rows under prefix that name the member: outside of
// the snapshot, which is of so many rows at most.
func (x *exporter) over(prefix store.Key, write func(store.Row) error) error {
	span := store.Prefix(prefix.Prefix())
	span.Limit = forgetScan
	for more := true; more; {
		snap, err := x.e.store.Snapshot(x.ctx)
		if err != nil {
			return err
		}
		var rows []store.Row
		n, size := 0, 0
		for row, err := range snap.Scan(x.ctx, span) {
			if err != nil {
				snap.Close()
				return err
			}
			n++
			span.From = row.Key + "\x00"
			if x.g.t.row(row) {
				rows = append(rows, store.Row{Key: store.Key(strings.Clone(string(row.Key))), Value: bytes.Clone(row.Value)})
				if size += len(row.Value); size > store.MaxBatch {
					n = forgetScan
					break
				}
			}
		}
		snap.Close()
		more = n == forgetScan
		for _, row := range rows {
			if err := write(row); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *exporter) line(kind string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return x.yield(kind, append(b, '\n'))
}

func (x *exporter) state(r store.Row) error {
	space, own := cutState(r.Key)
	plugin := pluginOf(space)
	if holds := x.spaces[plugin]; space != cmp.Or(holds, plugin) {
		return nil // a copy of rows that there are
	}
	name, mine := strings.CutPrefix(own, "m/"+abi.KeySegment(x.id)+"/")
	for _, p := range x.g.f.Places {
		if n, ok := strings.CutPrefix(own, "v/"+abi.KeySegment(p)+"/"); ok {
			name, mine = n, true
		}
	}
	if !mine {
		return nil
	}
	return x.line("row", stateLine{"row", plugin, name, readable(r.Value)})
}

// readable is a plugin's value as JSON: MessagePack, as the SDK writes it, a
// counter or text; what is neither, as base64.
func readable(v []byte) json.RawMessage {
	if rest, err := msgp.Skip(v); err == nil && len(rest) == 0 {
		var b bytes.Buffer
		if _, err := msgp.UnmarshalAsJSON(&b, v); err == nil && json.Valid(b.Bytes()) {
			return b.Bytes()
		}
	}
	if len(v) == counterBytes {
		return fmt.Append(nil, int64(binary.BigEndian.Uint64(v)))
	}
	if utf8.Valid(v) {
		if b, err := json.Marshal(string(v)); err == nil {
			return b
		}
	}
	return fmt.Appendf(nil, "%q", base64.StdEncoding.EncodeToString(v))
}

func (x *exporter) event(r store.Row) error {
	h, err := readHandled(r)
	if err != nil {
		return err
	}
	if !x.g.theirs(&h.Event) {
		return nil
	}
	return x.line("event", eventOf("event", h.Number, h.Plugin, &h.Event, h.Error))
}

func (x *exporter) failed(r store.Row) error {
	var d deadRow
	if _, err := d.UnmarshalMsg(r.Value); err != nil {
		return fmt.Errorf("row %s: %w", r.Key, err)
	}
	return x.waiting("failed", r, &d.Work)
}

func (x *exporter) work(r store.Row) error {
	var w workRow
	if _, err := w.UnmarshalMsg(r.Value); err != nil {
		return fmt.Errorf("row %s: %w", r.Key, err)
	}
	return x.waiting("waiting", r, &w)
}

func (x *exporter) waiting(kind string, r store.Row, w *workRow) error {
	if !x.g.theirs(&w.Event) {
		return nil
	}
	return x.line(kind, eventOf(kind, store.Seq(w.Seq), r.Key.Segments()[2], &w.Event, w.Error))
}

func eventOf(kind, number, plugin string, ev *abi.Event, failure string) eventLine {
	l := eventLine{Kind: kind, At: time.UnixMilli(ev.Time), Number: number, Plugin: plugin, What: ev.Kind, Where: ev.Conversation.ID, Error: failure}
	if ev.Message != nil {
		l.Text = ev.Message.Text
	}
	if ev.Command != nil {
		l.Command = strings.TrimSpace(ev.Command.Name + " " + ev.Command.Args)
	}
	if ev.Click != nil {
		l.Pressed = strings.TrimSpace(ev.Click.Action + " " + ev.Click.Value)
	}
	if ev.Form != nil {
		l.Filled = ev.Form.Values
	}
	return l
}

func (x *exporter) sent(r store.Row) error {
	var s sentRow
	if _, err := s.UnmarshalMsg(r.Value); err != nil {
		return fmt.Errorf("row %s: %w", r.Key, err)
	}
	return x.message(&s.Out, s.Status, s.At)
}

func (x *exporter) queued(r store.Row) error {
	var o outRow
	if _, err := o.UnmarshalMsg(r.Value); err != nil {
		return fmt.Errorf("row %s: %w", r.Key, err)
	}
	return x.message(&o, "waiting", o.Made)
}

func (x *exporter) message(o *outRow, status string, at int64) error {
	if !x.g.to(o) {
		return nil
	}
	return x.line("message", messageLine{"message", time.UnixMilli(at), o.Plugin, status, o.Op, o.To.Conversation, plain(&o.Content)})
}

// plain is what a message says.
func plain(c *abi.Content) string {
	var lines []string
	for _, b := range c.Blocks {
		for _, s := range []string{b.Heading, b.Text, b.Code, b.Context} {
			if s != "" {
				lines = append(lines, s)
			}
		}
		for _, f := range b.Fields {
			lines = append(lines, f.Label+": "+f.Value)
		}
	}
	return strings.Join(lines, "\n")
}

// measured writes what is measured of the member.
func (x *exporter) measured() error {
	r, ok, err := x.e.MeasuredMember(x.ctx, x.id)
	if err != nil || !ok {
		return err
	}
	l := measuredLine{Kind: "figures", Joined: moment(r.Joined), Firsts: map[string]time.Time{}}
	if r.Gone() {
		l.Left = moment(r.Left)
	}
	for _, d := range r.ActiveDays() {
		l.Days = append(l.Days, d.String())
	}
	for _, m := range r.Marks {
		l.Firsts[m.Name] = moment(m.At)
	}
	for _, a := range r.Early {
		l.Began = append(l.Began, measuredAction{moment(a.At), a.Action.String()})
	}
	for _, s := range r.Shown {
		l.Shown = append(l.Shown, measuredShown{moment(s.At), s.Experiment, s.Variation})
	}
	return x.line(l.Kind, l)
}

func (x *exporter) timer(r store.Row) error {
	var t timerRow
	if _, err := t.UnmarshalMsg(r.Value); err != nil {
		return fmt.Errorf("row %s: %w", r.Key, err)
	}
	if t.Member != x.id {
		return nil
	}
	return x.line("timer", timerLine{"timer", t.Plugin, t.Name, time.UnixMilli(t.Due)})
}
