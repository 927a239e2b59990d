package host

import (
	"errors"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// transport answers HTTP requests without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestEveryStageHasItsFigures drives events along every way there is and counts
// them at each station.
func TestEveryStageHasItsFigures(t *testing.T) {
	in(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		disk := &failingStore{Store: new(store.Mem)}
		b := newBot(t, Options{Store: disk, Metrics: reg, Retries: Retries{Delays: []time.Duration{time.Minute}},
			HTTP: &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) { return nil, errors.New("nobody is there") })}})
		want := func(when string, series map[string]float64) {
			t.Helper()
			got := figures(t, reg)
			for name, n := range series {
				v, there := got[name]
				switch {
				case math.IsNaN(n) && there:
					t.Errorf("%s: %s is %v, want it not to be there", when, name, v)
				case !math.IsNaN(n) && (!there || math.Abs(v-n) > 1e-6): // numbers are times, but for a few nanoseconds
					t.Errorf("%s: %s is %v (%v), want %v", when, name, v, there, n)
				}
			}
		}
		none := math.NaN()
		tries := 0
		b.plugin(abi.Manifest{Name: "p", Events: []abi.Kind{abi.MessagePosted, abi.MemberJoined, abi.FileShared, abi.ReactionAdded}, Commands: help("help"),
			Needs: []abi.Need{{Cap: abi.CapSend, Reason: "t"}, {Cap: abi.CapDM, Reason: "t"}, {Cap: abi.CapTimers, Reason: "t"}, {Cap: abi.CapHTTP, Param: "example.org", Reason: "t"}}},
			func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
				var ef abi.Effects
				switch c.Event.Kind {
				case abi.MessagePosted:
					ef.Out = []abi.Effect{say("fake:general", "hi"), say("nowhere:x", "hi"), {Track: &abi.Track{Name: "greeted"}}}
				case abi.MemberJoined:
					ef.Out = []abi.Effect{tell(c.Event.Member.ID, "welcome")}
				case abi.FileShared:
					if tries++; tries != 2 {
						ef.Error = "not yet"
					}
				case abi.ReactionAdded:
					ef.Out = []abi.Effect{{Timer: &abi.Timer{Name: "t", Due: c.Now + time.Hour.Milliseconds()}},
						{Action: &abi.Action{Name: "a", HTTP: &abi.HTTP{URL: "https://example.org/"}}}}
				}
				return ef, nil
			})
		b.start()
		want("at rest", map[string]float64{
			"hearth_queue_depth name=p queue=events": 0, "hearth_queue_depth name=fake queue=messages": 0, "hearth_queue_depth name=p queue=timers": 0,
			"hearth_queue_depth name=p queue=actions": 0, "hearth_queue_age_seconds name=p queue=events": none, "hearth_queue_age_seconds name=fake queue=messages": none,
			"hearth_queue_age_seconds name=p queue=actions": none, "hearth_queue_age_seconds name=all queue=timers": none,
			"hearth_queue_age_seconds name=p queue=failed": none, "hearth_paused ": 0})

		posted := b.event(abi.MessagePosted)
		b.accept(posted, chat.Accepted)
		b.accept(posted, chat.Duplicate)
		edited := b.event(abi.MessageEdited) // which no plugin asks for
		edited.Message = &abi.Message{ID: "m"}
		b.accept(edited, chat.Unwanted)
		if _, err := b.Accept(t.Context(), chat.Incoming{Event: abi.Event{Source: "fake", Kind: "made.up"}}); err == nil {
			t.Error("a malformed event was accepted")
		}
		later(time.Second)
		want("a message", map[string]float64{
			"hearth_events_received_total kind=message.posted source=fake": 2,
			"hearth_events_received_total kind=unknown source=fake":        1,
			"hearth_events_duplicate_total source=fake":                    1,
			"hearth_events_refused_total source=fake":                      1,
			"hearth_events_routed_total source=fake":                       1,
			"hearth_invocations_total plugin=p result=ok version=1.0.0":    1,
			"hearth_invocation_duration_seconds_count plugin=p":            1,
			"hearth_invocation_fuel_count plugin=p":                        1,
			"hearth_invocation_fuel_sum plugin=p":                          1,
			"hearth_events_committed_total plugin=p":                       1,
			"hearth_commit_writes_count ":                                  1,
			"hearth_commit_writes_sum ":                                    5, // work, journal, answered, outbox, counter
			"hearth_effects_withheld_total plugin=p stage=plan":            1,
			"hearth_tracked_total name=greeted plugin=p":                   1,
			"hearth_deliveries_total platform=fake status=sent":            1,
			"hearth_delivery_age_seconds_count platform=fake":              1,
			"hearth_delivery_duration_seconds_count platform=fake":         1,
		})

		b.accept(b.event(abi.FileShared), chat.Accepted) // fails, then does not
		later(10 * time.Second)
		want("a failure", map[string]float64{
			"hearth_events_retried_total plugin=p":                          1,
			"hearth_invocations_total plugin=p result=failed version=1.0.0": none, // the call went well; what it returned did not
			"hearth_queue_depth name=p queue=events":                        1,
			"hearth_queue_age_seconds name=p queue=events":                  10})
		later(time.Minute)
		b.accept(b.event(abi.FileShared), chat.Accepted) // fails twice
		later(10 * time.Minute)
		want("given up", map[string]float64{
			"hearth_events_retried_total plugin=p":         2,
			"hearth_events_dead_total plugin=p":            1,
			"hearth_queue_depth name=p queue=failed":       1,
			"hearth_queue_age_seconds name=p queue=failed": 600,
			"hearth_queue_depth name=p queue=events":       0,
			"hearth_queue_age_seconds name=p queue=events": none})

		b.platform.fail = func(*chat.Delivery) error { return &chat.DeliveryError{Code: "busy", Retry: true} }
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		later(10 * time.Second)
		failed := figures(t, reg)["hearth_deliveries_failed_attempts_total platform=fake"]
		if failed < 2 {
			t.Errorf("%v failed attempts within ten seconds", failed)
		}
		want("a platform that is busy", map[string]float64{
			"hearth_queue_depth name=fake queue=messages":       1,
			"hearth_queue_age_seconds name=fake queue=messages": 10})
		later(25 * time.Hour) // nobody asked for it, and its time passes
		b.platform.fail = nil
		later(10 * time.Minute)
		b.stopped("fake:bob")
		join := b.event(abi.MemberJoined)
		join.Member.ID = "fake:bob"
		b.accept(join, chat.Accepted)
		later(time.Second)
		want("what is not sent", map[string]float64{
			"hearth_deliveries_total platform=fake status=withheld": 1,
			"hearth_queue_depth name=fake queue=messages":           0,
			"hearth_queue_age_seconds name=fake queue=messages":     none})
		got := figures(t, reg)
		if n := got["hearth_deliveries_total platform=fake status=expired"] + got["hearth_deliveries_total platform=fake status=failed"]; n != 1 {
			t.Errorf("%v messages failed or expired, want the one that was not sent for a day", n)
		}

		if err := b.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.accept(b.event(abi.MessagePosted), chat.Accepted)
		react := b.event(abi.ReactionAdded)
		react.Reaction, react.Message = &abi.Reaction{Name: "wave"}, &abi.Message{ID: "m"}
		b.accept(react, chat.Accepted)
		later(3 * time.Second)
		want("what waits", map[string]float64{
			"hearth_paused ": 1,
			"hearth_queue_depth name=fake queue=messages":       1,
			"hearth_queue_age_seconds name=fake queue=messages": 3,
			"hearth_queue_depth name=p queue=actions":           1,
			"hearth_queue_age_seconds name=p queue=actions":     3,
			"hearth_queue_depth name=p queue=timers":            1,
			"hearth_queue_age_seconds name=all queue=timers":    none}) // it is not due
		later(time.Minute)
		want("an action", map[string]float64{
			"hearth_actions_total kind=http.responded plugin=p result=failed": 1,
			"hearth_queue_depth name=p queue=actions":                         0,
			"hearth_queue_age_seconds name=p queue=actions":                   none})
		disk.fail.Store(true) // now the timer cannot fire
		later(time.Hour)
		want("a timer that is late", map[string]float64{"hearth_queue_depth name=p queue=timers": 1, "hearth_queue_age_seconds name=all queue=timers": 63})
		disk.fail.Store(false)
		later(time.Minute)
		want("in the end", map[string]float64{"hearth_queue_depth name=p queue=timers": 0, "hearth_queue_age_seconds name=all queue=timers": none})
		if err := b.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		later(26 * time.Hour)
		if err := b.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.accept(b.event(abi.MemberJoined), chat.Accepted)
		later(25 * time.Hour)
		if err := b.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := got["hearth_deliveries_total platform=fake status=expired"]
		later(time.Second)
		want("expired", map[string]float64{"hearth_deliveries_total platform=fake status=expired": before + 1})
	})
}
