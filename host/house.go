package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/house"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// householder runs package house as a guest. It is the one guest that may ask
// the host itself for something, and the one whose setup is read anew with each
// event.
type householder struct{ e *Engine }

// Call implements guest.
func (h *householder) Call(_ context.Context, c wasm.Call) (wasm.Result, error) {
	if c.Export != abi.ExportHandle {
		out, err := (&abi.View{Status: 404, Type: "application/json", Body: []byte(`{}`)}).MarshalMsg(c.Buf)
		return wasm.Result{Output: out}, err
	}
	begun := time.Now()
	var call abi.Call
	if _, err := call.UnmarshalMsg(c.Input); err != nil {
		return wasm.Result{}, fmt.Errorf("%w: %v", wasm.ErrInput, err)
	}
	ef := house.Handle(h.e.household(), &call)
	out, err := ef.MarshalMsg(c.Buf)
	return wasm.Result{Output: out, Duration: time.Since(begun)}, err
}

// Close implements guest.
func (h *householder) Close() error { return nil }

// household is what the house's plugin knows at present.
func (e *Engine) household() *house.Setup {
	t := e.tuned()
	return &house.Setup{Community: t.Community.Name, Locale: t.Community.Locale, Managers: t.Community.Managers, Texts: t.HouseTexts,
		Journal: max(t.Journal.MaxAge, t.Keep.Sent), Seen: t.Keep.Seen, Tracks: t.Keep.Track, Audit: t.Keep.Audit}
}

// moveIn installs the house's own plugin, which comes before all others: its
// commands are taken then.
func (e *Engine) moveIn(ctx context.Context) error {
	m := house.Manifest()
	if err := checkManifest(&m); err != nil {
		return err
	}
	g := &householder{e}
	if err := selfTest(ctx, g); err != nil {
		return err
	}
	return e.install(ctx, &version{manifest: m, sha: digest([]byte(m.Name + " " + m.Version)), guest: g}, true)
}

// farewell is the last thing said to somebody who is forgotten.
func (e *Engine) farewell(locale string, kinds map[string]int, left []string) abi.Content {
	return house.Farewell(e.household(), locale, kinds, left)
}

// oblige does what the house's plugin asked for, but for forgetting, and fills
// in the answer.
func (e *Engine) oblige(ctx context.Context, row *actionRow, result *abi.Result) {
	var answer any
	var err error
	switch row.Action.Host {
	case house.Export:
		answer, err = e.exportFor(ctx, row.Member)
	case house.Status:
		answer, err = e.stateFor(ctx)
	case house.Pause, house.Resume:
		answer, err = e.pauseFor(ctx, row)
	case house.Report:
		answer, err = e.week(ctx)
	case house.Link:
		answer, err = e.linkFor(ctx, row)
	case house.Linked:
		answer, err = e.linkedFor(ctx, row)
	case house.Unlink:
		answer, err = e.unlinkFor(ctx, row)
	case house.Code:
		answer, err = e.codeFor(ctx, row)
	default:
		err = fmt.Errorf("the host does not know how to %q", row.Action.Host)
	}
	if err == nil {
		result.Body, err = json.Marshal(answer)
	}
	if err != nil {
		result.Error = err.Error()
	}
}

func (e *Engine) exportFor(ctx context.Context, id string) (*house.Exported, error) {
	x := &house.Exported{Kinds: map[string]int{}}
	var all bytes.Buffer
	err := e.export(ctx, id, func(kind string, line []byte) error {
		x.Kinds[kind]++
		if x.Bytes += len(line); x.Bytes <= house.MaxLines {
			all.Write(line)
		}
		return nil
	})
	if x.Bytes <= house.MaxLines {
		x.Lines = all.String()
	}
	return x, err
}

func (e *Engine) stateFor(ctx context.Context) (*house.State, error) {
	s, err := e.Status(ctx)
	if err != nil {
		return nil, err
	}
	out := &house.State{Paused: s.Paused, Plugins: len(s.Plugins), Failed: s.Failed}
	for _, p := range s.Plugins {
		out.Waiting += p.Waiting
	}
	for _, p := range s.Platforms {
		out.Waiting += p.Waiting
		out.Platforms = append(out.Platforms, house.Platform{Name: p.Name, Waiting: p.Waiting, Held: p.Held, Advice: p.Advice})
	}
	return out, nil
}

// lastWord is how long a pause waits for what announces it to be delivered.
const lastWord = 5 * time.Second

// pauseFor pauses or resumes at a manager's word, and puts that on record.
func (e *Engine) pauseFor(ctx context.Context, row *actionRow) (*house.State, error) {
	who := audit.Who{ID: row.Member, Role: "manager", Via: "chat"}
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	p, _, err := members.Get(ctx, snap, row.Member)
	snap.Close()
	if err != nil {
		return nil, err
	}
	who.Name = p.Name
	if row.Action.Host == house.Pause {
		e.awaitSent(ctx, row.Event)
		err = e.PauseBy(ctx, who, "")
	} else {
		err = e.ResumeBy(ctx, who, "")
	}
	if err != nil {
		return nil, err
	}
	return e.stateFor(ctx)
}

// awaitSent waits until what the event of a number said is delivered, for a
// while.
func (e *Engine) awaitSent(ctx context.Context, event uint64) {
	ctx, cancel := context.WithTimeout(ctx, lastWord)
	defer cancel()
	for ctx.Err() == nil {
		left, err := e.Waiting(ctx, store.Seq(event), 1)
		if err != nil || len(left) == 0 {
			return
		}
		up := make(chan struct{})
		stop := e.clock.AfterFunc(tellLook, func() { close(up) })
		select {
		case <-up:
		case <-ctx.Done():
			stop()
		}
	}
}

// week is what happened in the seven days before today. Of a plugin that is not
// there nothing is known.
func (e *Engine) week(ctx context.Context) (*house.Week, error) {
	t := e.tuned()
	zone := t.Community.TimeZone
	year, month, today := e.clock.Now().In(zone).Date()
	from, to := abi.OnClocks(year, month, today-7, 0, 0, zone), abi.OnClocks(year, month, today, 0, 0, zone)
	// Days are named on a calendar without a zone: in one, a midnight may be missing.
	day := func(ago int) string {
		return time.Date(year, month, today-ago, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	}
	w := &house.Week{From: day(7), To: day(1)}
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	n := 0
	for p, err := range members.Scan(ctx, snap, "") {
		if err != nil {
			return nil, err
		}
		if p.Joined >= from.UnixMilli() && p.Joined < to.UnixMilli() && !p.Bot {
			n++
		}
	}
	w.Newcomers = &n
	for _, c := range []struct {
		to           **int
		plugin, name string
	}{{&w.Greeted, "welcome", "welcome.greeted"}, {&w.FirstTask, "tasks", "path.first_task"}} {
		if p := e.plugin(c.plugin); p == nil || p.version() == nil {
			continue
		}
		sum := 0
		for ago := 7; ago > 0; ago-- {
			row, err := snap.Get(ctx, kTrack.Join(c.plugin, c.name, day(ago)))
			if err != nil {
				return nil, err
			}
			k, err := store.Counter(row)
			if err != nil {
				return nil, err
			}
			sum += int(k)
		}
		*c.to = &sum
	}
	s, err := e.stateFor(ctx)
	if err != nil {
		return nil, err
	}
	w.Failed = s.Failed
	w.Held = slices.DeleteFunc(s.Platforms, func(p house.Platform) bool { return p.Held == "" })
	for _, id := range t.Community.Managers {
		p, _, err := members.Get(ctx, snap, id)
		if err != nil {
			return nil, err
		}
		w.Readers = append(w.Readers, house.Reader{Member: id, Locale: p.Locale})
	}
	return w, nil
}
