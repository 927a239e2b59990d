package main

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
)

// progress is how far a member is.
type progress struct {
	Began   time.Time            `json:"began"`
	Task    string               `json:"task"`    // the one that was shown and is not done; "" while the next waits, and at the end
	Shown   time.Time            `json:"shown"`   // when it was
	Tries   int                  `json:"tries"`   // of it that failed
	Nudges  int                  `json:"nudges"`  // of it: reminders that were sent
	Hints   int                  `json:"hints"`   // of it, that were shown
	Done    map[string]time.Time `json:"done"`    // tasks
	Skipped []string             `json:"skipped"` // tasks that are not done
	Pace    string               `json:"pace"`    // the member's choice, "" if they made none
	Place   string               `json:"place"`   // the conversation that tasks are shown in, if it is not the member's own
	Away    bool                 `json:"away"`    // they left
}

var (
	path    = sdk.PerMember[progress]("path")
	started = counters("started.")
	passed  = counters("passed.")
)

// counters are a counter for each task.
func counters(of string) func(id string) sdk.Counter {
	return func(id string) sdk.Counter { return sdk.CommunityCounter(of + id) }
}

// The paces, and how many reminders the members of a group get.
const slow = "slow"

var (
	paces     = []string{"fast", "normal", slow}
	reminders = map[string]int{"high": 3, "medium": 2, "low": 1, "none": 0}

	// after is when a task that was shown is brought to mind, by pace.
	after = map[string][]time.Duration{
		"fast":   {time.Hour, 6 * time.Hour, 24 * time.Hour},
		"normal": {3 * time.Hour, 24 * time.Hour, 48 * time.Hour},
		slow:     {24 * time.Hour, 48 * time.Hour, 66 * time.Hour},
	}
)

// The path is for the first 72 hours; after them nobody is reminded. A slow
// path shows one task a day.
const (
	pathTime = 72 * time.Hour
	slowGap  = 24 * time.Hour
)

// pace is the member's choice, else their experiment group's, else the config's.
func (p *progress) pace(c *ctx) string {
	if slices.Contains(paces, p.Pace) {
		return p.Pace
	}
	if g := c.Group("task-pacing"); slices.Contains(paces, g) {
		return g
	}
	return c.Config.Pace
}

// often is how many reminders of one task the member gets: by their experiment
// group, else by the config.
func often(c *ctx) int {
	if n, ok := reminders[c.Group("reminder-frequency")]; ok {
		return n
	}
	return reminders[c.Config.Reminders]
}

// done says whether the member has passed every one of some tasks.
func (p *progress) done(tasks []*pack.Task) bool { return p.count(tasks) == len(tasks) }

// count is how many of some tasks the member has passed.
func (p *progress) count(tasks []*pack.Task) (n int) {
	for _, t := range tasks {
		if !p.Done[t.ID].IsZero() {
			n++
		}
	}
	return n
}

// following is the task to show behind the one of that id: the next one that is
// neither done nor skipped, from the beginning again at the end; nil if there is
// none.
func (p *progress) following(id string) *pack.Task {
	from := 0
	if t := learning.Task(id); t != nil {
		from = t.Number
	}
	for i := range learning.Tasks {
		t := learning.Tasks[(from+i)%len(learning.Tasks)]
		if p.Done[t.ID].IsZero() && !slices.Contains(p.Skipped, t.ID) {
			return t
		}
	}
	return nil
}

// current is the task that the member is at, nil if there is none.
func (p *progress) current() *pack.Task { return learning.Task(p.Task) }

// begin starts the path: words, and below them the first task.
func begin(c *ctx, p *progress, m *sdk.Message) {
	p.Began = c.Now()
	if t := p.following(""); t != nil {
		show(c, p, t, m)
	}
	path.Set(c, *p)
}

// show puts a task's card under the words of m, and has the member be at it,
// unless they have done it before.
func show(c *ctx, p *progress, t *pack.Task, m *sdk.Message) {
	card(c, t, m)
	if !p.Done[t.ID].IsZero() {
		return
	}
	p.Place = ""
	if here := c.Event.Conversation; here.Kind != abi.Direct && c.Member.NoDM {
		p.Place = here.ID
	}
	if p.Task == t.ID {
		return
	}
	p.Task, p.Shown, p.Tries, p.Hints, p.Nudges = t.ID, c.Now(), 0, 0, 0
	p.Skipped = slices.DeleteFunc(p.Skipped, func(id string) bool { return id == t.ID })
	started(t.ID).Add(c, 1)
	c.Track("task.started", "task", t.ID, "stage", t.Stage)
	setReminder(c, p)
}

// pass notes that a task is done, gives the badge for the first stage, and shows
// the next task.
func pass(c *ctx, p *progress, t *pack.Task) {
	if !p.Done[t.ID].IsZero() {
		return // practice
	}
	if p.Done == nil {
		p.Done = map[string]time.Time{}
	}
	if len(p.Done) == 0 {
		c.Track("path.first_task", "task", t.ID)
	}
	p.Done[t.ID] = c.Now()
	p.Skipped = slices.DeleteFunc(p.Skipped, func(id string) bool { return id == t.ID })
	passed(t.ID).Add(c, 1)
	c.Track("task.passed", "task", t.ID, "stage", t.Stage)
	if p.done(learning.Start()) && c.Once("badge") {
		badge(c)
	}
	if p.done(learning.Tasks) && c.Once("finished") {
		c.Track("path.done")
	}
	if p.Task != t.ID {
		return // the one they are at stays
	}
	fold(c, t)
	p.Task = ""
	onward(c, p, t.ID)
}

// onward shows the task behind the one of that id, now or by the pace later, or
// says that there is none.
func onward(c *ctx, p *progress, id string) {
	say := func(text sdk.Markup) *sdk.Message { return c.DM(text).Or(c.Event.Conversation.ID) }
	t := p.following(id)
	switch {
	case t == nil && len(p.Skipped) > 0:
		c.Cancel("remind")
		say(c.T("end.skipped", len(p.Skipped))).Button(c.T("button.task"), "task", sdk.ButtonValue(p.Skipped[0]), sdk.AnyTimes)
	case t == nil:
		c.Cancel("remind")
		say(c.T("end", c.Name()))
	case p.pace(c) == slow && p.done(learning.Start()):
		c.Cancel("remind")
		c.After(slowGap, "next")
		say(c.T("next.later", t.Title.In(c.Locale()))).Button(c.T("button.next"), "task", sdk.ButtonValue(t.ID), sdk.AnyTimes)
	default:
		show(c, p, t, say(""))
	}
}

// next shows the task that the pace held back.
func next(c *ctx) error {
	p := path.Get(c)
	if t := p.following(lastDone(&p)); t != nil && p.Task == "" && !p.Away && !p.Began.IsZero() {
		show(c, &p, t, c.DM(c.T("next")).Or(c.Event.Conversation.ID))
		path.Set(c, p)
	}
	return nil
}

// lastDone is the task that was done last, "" if none was.
func lastDone(p *progress) string {
	return slices.MaxFunc(append(slices.Sorted(maps.Keys(p.Done)), ""), func(a, b string) int { return p.Done[a].Compare(p.Done[b]) })
}

// badge is for who has done the first steps.
func badge(c *ctx) {
	c.Track("path.badge", "badge", "go-newcomer")
	c.DM(c.T("badge", c.Name())).Or(c.Event.Conversation.ID)
	for _, in := range c.Config.Announce {
		if abi.Platform(in) == abi.Platform(c.Member.ID) {
			c.Say(in, c.TIn("", "badge.announced", sdk.Mention(c.Member.ID)))
		}
	}
}

// reminder is the note of a timer: the nth for a task.
type reminder struct {
	Task string `json:"task"`
	N    int    `json:"n"`
}

// setReminder sets the next reminder of the task that the member is at, if there
// is to be one, and says when; the zero time if there is none.
func setReminder(c *ctx, p *progress) time.Time {
	times := after[p.pace(c)]
	for n := p.Nudges; n < often(c); n++ {
		due := p.Shown.Add(times[n])
		if due.Sub(p.Began) > pathTime {
			break
		}
		if due.After(c.Now()) {
			c.At(due, "remind").Note(sdk.Note(reminder{p.Task, n}))
			return due
		}
	}
	c.Cancel("remind")
	return time.Time{}
}

// remind brings a task to mind that waits. A timer for one that is done, or of
// another conversation than the last one, says nothing.
func remind(c *ctx) error {
	p, r := path.Get(c), sdk.NoteOf[reminder](c)
	t := p.current()
	if t == nil || t.ID != r.Task || r.N < p.Nudges || p.Away {
		return nil
	}
	if due := p.Shown.Add(after[p.pace(c)][r.N]); due.UnixMilli() > c.Now().UnixMilli() {
		setReminder(c, &p) // they are slower since, which they said in another conversation
		return nil
	}
	c.DM(c.T([]string{"remind.1", "remind.2", "remind.3"}[min(r.N, 2)], c.Name(), t.Title.In(c.Locale()))).
		Or(c.Event.Conversation.ID).
		Expires(6*time.Hour).
		Button(c.T("button.task"), "task", sdk.Primary, sdk.AnyTimes).
		Button(c.T("button.hint"), "hint", sdk.ButtonValue(t.ID), sdk.AnyTimes).
		Button(c.T("button.slow"), "pace", sdk.ButtonValue(slow), sdk.AnyTimes)
	if p.Nudges == 0 {
		c.Track("task.stuck", "task", t.ID, "stage", t.Stage)
	}
	p.Nudges = r.N + 1
	next := ""
	if due := setReminder(c, &p); !due.IsZero() {
		next = due.Format(time.RFC3339)
	}
	c.Track("task.reminded", "task", t.ID, "next", next) // plugin nudges keeps its distance
	path.Set(c, p)
	return nil
}

// setPace notes the pace that the member wants.
func setPace(c *ctx) error {
	want := strings.ToLower(cmp.Or(c.Args(), c.Pressed()))
	for _, s := range paces {
		for _, locale := range pack.Locales {
			if want == strings.ToLower(string(c.TIn(locale, "pace."+s))) {
				want = s
			}
		}
	}
	p := path.Get(c)
	if !slices.Contains(paces, want) {
		m := c.Reply(c.T("pace", c.T("pace."+p.pace(c))))
		for _, s := range paces {
			m.Button(c.T("pace."+s), "pace", sdk.ButtonValue(s), sdk.AnyTimes)
		}
		return nil
	}
	p.Pace = want
	if p.current() != nil {
		setReminder(c, &p)
	}
	path.Set(c, p)
	c.Track("path.pace", "pace", want)
	c.Reply(c.T("pace.set." + want))
	return nil
}
