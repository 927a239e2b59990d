package measure

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

const ms = int64(1)

const (
	second = 1000 * ms
	hour   = 3600 * second
	day    = 24 * hour
)

// on is an event of one member that came in when it happened.
func on(at time.Time, f Fact) happening {
	f.At, f.Received = at.UnixMilli(), at.UnixMilli()
	return happening{"slack:U1", f}
}

func (c *community) row(member string) Row {
	c.t.Helper()
	snap := c.snap()
	defer snap.Close()
	stored, err := snap.Get(context.Background(), Key(member))
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := ReadRow(stored)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// has holds counters to what is listed: "family/…" of the segment slack.
func (c *community) has(want map[string]int64, families ...string) {
	c.t.Helper()
	got := map[string]int64{}
	for k, n := range c.counters() {
		s := strings.TrimPrefix(string(k), "measure/slack/")
		for _, f := range families {
			if strings.HasPrefix(s, f+"/") {
				got[s] = n
			}
		}
	}
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		c.t.Fatalf("counters %v\nwant %v", got, want)
	}
}

var noon = time.Date(2026, 2, 10, 12, 0, 0, 0, time.UTC)

func TestTime(t *testing.T) {
	now := noon.UnixMilli()
	for _, c := range []struct {
		name     string
		at, want int64
	}{
		{"now", now, now},
		{"a clock that is a little ahead", now + Skew.Milliseconds(), now + Skew.Milliseconds()},
		{"a clock that is an hour ahead", now + hour, now},
		{"a year of the distant future", 1 << 60, now},
		{"none", 0, now},
		{"the last century", -5, now},
		{"seconds in the place of milliseconds", now / 1000, now},
		{"last year", now - 300*day, now - 300*day},
	} {
		if got := (&Fact{At: c.at, Received: now}).Time(); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestJoiningThreeTimes(t *testing.T) {
	c := newCommunity(t, Config{})
	for _, d := range []int{0, 3, 9} {
		c.fold(on(noon.AddDate(0, 0, d), Fact{Join: true}))
		c.fold(on(noon.AddDate(0, 0, d).Add(time.Hour), Fact{Active: true}))
		c.fold(on(noon.AddDate(0, 0, d).Add(2*time.Hour), Fact{Leave: true}))
	}
	c.has(map[string]int64{
		"joined/d/2026-02-10": 1, "gone/2026-02-10": 1,
		"kept/d/2026-02-10/0": 1, "kept/d/2026-02-10/3": 1, "kept/d/2026-02-10/9": 1,
	}, "joined/d", "gone", "kept/d")
	c.fold(on(noon.AddDate(0, 0, 20), Fact{Join: true}))
	c.has(nil, "gone")
}

func TestLeaveBeforeJoin(t *testing.T) {
	c := newCommunity(t, Config{})
	c.fold(on(noon, Fact{Leave: true}))
	c.has(nil, "joined/d", "gone") // of somebody who was never seen to come
	c.fold(on(noon.Add(time.Minute), Fact{Join: true}))
	c.has(map[string]int64{"joined/d/2026-02-10": 1}, "joined/d", "gone")
	// The leave of before, once more and later: still here.
	h := on(noon, Fact{Leave: true})
	h.Received += day
	c.fold(h)
	c.has(map[string]int64{"joined/d/2026-02-10": 1}, "joined/d", "gone")
	// In one millisecond they are here.
	c.fold(on(noon.Add(time.Minute), Fact{Leave: true}))
	c.has(nil, "gone")
	c.fold(on(noon.Add(time.Minute+time.Millisecond), Fact{Leave: true}))
	c.has(map[string]int64{"gone/2026-02-10": 1}, "gone")
}

func TestLate(t *testing.T) {
	c := newCommunity(t, Config{})
	h := on(noon, Fact{Active: true, Action: Message, Marks: []string{"message.posted"}})
	h.Received = h.At + Late.Milliseconds() + 1
	c.fold(h) // too late to count for a day; a first time all the same
	c.has(nil, "active")
	if r := c.row(h.member); r.Mark("message.posted") != h.At || len(r.Early) != 0 {
		t.Errorf("%+v", r)
	}
	h.Received--
	c.fold(h)
	c.has(map[string]int64{"active/d/2026-02-10": 1}, "active/d")
}

// TestLateJoin has a member who was active for three months before their join came
// in: more counters than one batch has.
func TestLateJoin(t *testing.T) {
	c := newCommunity(t, Config{})
	for d := range 90 {
		c.fold(on(noon.AddDate(0, 0, d), Fact{Active: true}))
	}
	h := on(noon.Add(-time.Minute), Fact{Join: true})
	h.Received += 90 * day
	if n := c.fold(h); n > 68 {
		t.Errorf("%d writes", n)
	}
	snap := c.snap()
	defer snap.Close()
	sums, err := c.m.Rebuild(context.Background(), snap)
	if err != nil || reflect.DeepEqual(sums, c.counters()) {
		t.Fatalf("nothing is owed: %v", err)
	}
	n, err := Settle(context.Background(), c.s)
	if err != nil || n == 0 || !reflect.DeepEqual(sums, c.counters()) {
		t.Fatalf("%d counters settled, %v", n, err)
	}
	if n, err := Settle(context.Background(), c.s); n != 0 || err != nil {
		t.Errorf("settled again: %d, %v", n, err)
	}
}

func TestBotFoundOut(t *testing.T) {
	c := newCommunity(t, Config{})
	c.fold(on(noon, Fact{Join: true, Marks: []string{"member.joined"}}))
	for d := range 40 {
		c.fold(on(noon.AddDate(0, 0, d), Fact{Active: true, Action: Message}))
	}
	c.fold(on(noon.AddDate(0, 0, 50), Fact{Bot: true}))
	if _, err := Settle(context.Background(), c.s); err != nil {
		t.Fatal(err)
	}
	if got := c.counters(); len(got) != 0 {
		t.Errorf("of a bot is left %v", got)
	}
	if list, err := c.m.StandingMembers(context.Background(), c.snap(), Query{From: 0, To: 50_000}, 0, 10); err != nil || len(list) != 0 {
		t.Errorf("it stands among %v, %v", list, err)
	}
}

func TestForget(t *testing.T) {
	ctx := context.Background()
	c := newCommunity(t, Config{})
	c.fold(on(noon, Fact{Join: true}))
	c.fold(on(noon.Add(time.Minute), Fact{Active: true, Action: Message, Marks: []string{"message.posted"}}))
	before := c.counters()
	snap := c.snap()
	defer snap.Close()
	stored, err := snap.Get(ctx, Key("slack:U1"))
	if err != nil {
		t.Fatal(err)
	}
	b := new(store.Batch)
	if err := c.m.Forget(b, "slack:U1", "gone-1234", stored); err != nil {
		t.Fatal(err)
	}
	if _, err := c.s.Commit(ctx, b); err != nil {
		t.Fatal(err)
	}
	after := c.snap()
	defer after.Close()
	for row, err := range after.Scan(ctx, store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(row.Key)+string(row.Value), "U1") {
			t.Errorf("row %s names them", row.Key)
		}
	}
	sums, err := c.m.Rebuild(ctx, after)
	if err != nil || !reflect.DeepEqual(sums, before) || !reflect.DeepEqual(c.counters(), before) {
		t.Errorf("totals %v, %v; before %v", sums, err, before)
	}
	b = new(store.Batch)
	if err := c.m.Forget(b, "slack:U2", "x", store.Row{}); err != nil || b.Size() != 0 {
		t.Errorf("of nobody: %v, %d bytes", err, b.Size())
	}
}

func TestMovedFromZone(t *testing.T) {
	// The community moves from UTC to Auckland in the evening: a member who was there
	// in the afternoon and is again an hour later is so on two days.
	moved := noon.Add(8 * time.Hour)
	c := newCommunity(t, Config{Calendar: NewCalendar(Zone{Loc: time.UTC}, Zone{moved, zone(t, "Pacific/Auckland")})})
	c.fold(on(noon, Fact{Join: true}))
	c.fold(on(moved.Add(-time.Second), Fact{Active: true}))
	c.fold(on(moved, Fact{Active: true}))
	c.has(map[string]int64{"kept/d/2026-02-10/0": 1, "kept/d/2026-02-10/1": 1, "roll/2026-02-10/0": 1}, "kept/d", "roll")
}

func TestFact(t *testing.T) {
	m, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	u := abi.Member{ID: "slack:U1"}
	general := abi.Conversation{ID: "slack:C1", Kind: abi.Channel}
	for _, c := range []struct {
		e    abi.Event
		want Fact
		ok   bool
	}{
		{abi.Event{Kind: abi.MemberJoined, Member: u}, Fact{Join: true, Marks: []string{"member.joined"}}, true},
		{abi.Event{Kind: abi.MemberLeft, Member: u}, Fact{Leave: true, Marks: []string{"member.left"}}, true},
		{abi.Event{Kind: abi.MemberLeft, Member: u, Conversation: general}, Fact{}, false},
		{abi.Event{Kind: abi.MessagePosted, Member: u, Message: &abi.Message{}}, Fact{Active: true, Action: Message, Marks: []string{"message.posted"}}, true},
		{abi.Event{Kind: abi.MessagePosted, Member: u, Addressed: true, Conversation: general, Message: &abi.Message{}}, Fact{Active: true, Action: Mention, Marks: []string{"message.posted"}}, true},
		{abi.Event{Kind: abi.MessagePosted, Member: u, Message: &abi.Message{Files: []abi.File{{}}}}, Fact{Active: true, Action: File, Marks: []string{"message.posted"}}, true},
		{abi.Event{Kind: abi.CommandInvoked, Member: u, Command: &abi.Command{Name: "run"}}, Fact{Active: true, Action: Command, Marks: []string{"command.invoked"}}, true},
		{abi.Event{Kind: abi.ReactionAdded, Member: u}, Fact{Active: true, Action: Reaction}, true},
		{abi.Event{Kind: abi.PROpened, Member: u}, Fact{Marks: []string{"pr.opened"}}, true},
		{abi.Event{Kind: abi.CustomTracked, Member: u, Custom: &abi.Custom{Name: "path.first_task"}}, Fact{Marks: []string{"path.first_task"}}, true},
		{abi.Event{Kind: abi.CustomTracked, Member: u, Custom: &abi.Custom{Name: "something.else"}}, Fact{}, false},
		{abi.Event{Kind: abi.CustomTracked, Member: u}, Fact{}, false},
		{abi.Event{Kind: abi.VerifyFinished, Member: u}, Fact{Action: Run}, true},
		{abi.Event{Kind: abi.TimerFired, Member: u}, Fact{}, false},
		{abi.Event{Kind: abi.MessagePosted}, Fact{Received: noon.UnixMilli()}, false}, // of nobody
	} {
		got, ok := m.Fact(&c.e, noon)
		c.want.Received = noon.UnixMilli()
		if ok != c.ok || ok && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.e.Kind, got, ok, c.want)
		}
	}
}

func TestConfig(t *testing.T) {
	if _, err := New(Config{Funnel: []Step{{"a", []string{"x"}}, {"a", nil}}, Window: 1000 * 24 * time.Hour, Metrics: []Metric{{Name: "both", Day: 1, By: []string{"x"}, Within: 1}, {Name: "neither"}, {Name: "long", Day: 91}}}); err == nil {
		t.Error("that is a config")
	} else {
		for _, want := range []string{"names are different", "lacks what makes it", "window", `"both"`, `"neither"`, `"long"`} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error says nothing of %s: %v", want, err)
			}
		}
	}
	a, _ := New(Config{})
	b, _ := New(Config{Window: time.Hour})
	d, _ := New(Config{Metrics: DefaultMetrics[:1]})
	e, _ := New(Config{Generation: 1})
	if v := a.Version(); v == b.Version() || v == d.Version() || v == e.Version() {
		t.Errorf("versions %s, %s, %s and %s", v, b.Version(), d.Version(), e.Version())
	}
}

// TestBounds of a row: no member fills the store.
func TestRowIsBounded(t *testing.T) {
	m, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	var r Row
	f := func(at time.Time, f Fact) {
		f.At, f.Received = at.UnixMilli(), at.UnixMilli()
		m.Learn(&r, &f)
	}
	for i := range 500 {
		f(noon.Add(time.Duration(i)*time.Hour), Fact{Active: true, Action: Message})
	}
	if len(r.Early) != maxEarly || len(r.Spans) > waitDays {
		t.Errorf("of a member without a join are kept %d actions and %d days", len(r.Early), len(r.Spans))
	}
	f(noon.Add(500*time.Hour), Fact{Join: true})
	for i := range 10 * 365 * 8 {
		f(noon.Add(time.Duration(500+i*3)*time.Hour), Fact{Active: true, Action: Click, Marks: []string{fmt.Sprint("name", i)}, Shown: &Shown{Experiment: fmt.Sprint("x", i), Variation: "a"}})
	}
	if len(r.Marks) != maxMarks || len(r.Shown) != maxShown {
		t.Errorf("%d names and %d experiments", len(r.Marks), len(r.Shown))
	}
	v, err := r.MarshalMsg(nil)
	if err != nil || len(v) > 4<<10 {
		t.Errorf("after ten years of every day the row has %d bytes, %v", len(v), err)
	}
	var back Row
	if _, err := back.UnmarshalMsg(v); err != nil || !reflect.DeepEqual(back, r) {
		t.Errorf("it does not come back as it was: %v", err)
	}
}

func FuzzReadRow(f *testing.F) {
	m, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	var r Row
	r.Version = m.Version()
	m.Learn(&r, &Fact{At: noon.UnixMilli(), Received: noon.UnixMilli(), Join: true, Active: true, Action: Run, Marks: []string{"x"}})
	v, _ := r.MarshalMsg(nil)
	f.Add(v)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, v []byte) {
		r, err := ReadRow(store.Row{Key: Key("x"), Value: v, Rev: 1})
		if err == nil && len(v) < 4<<10 {
			m.Worth("slack:U1", &r)
		}
	})
}
