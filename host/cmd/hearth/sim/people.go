package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hearthbot/hearth/plugins/experiments/plan"
)

// What is built in. Everything else follows from chance, and from these.
const (
	botShare   = 0.03 // of those who come; a third of them only show it later
	guestShare = 0.02 // restricted accounts: hearth counts them, and leaves them alone
	oldShare   = 0.05 // were there before hearth: nobody sees them join
	thriceRate = 0.03 // leave and come back twice
	eraRate    = 0.02 // have left once, before the join that hearth sees
	leaveRate  = 0.08 // leave for good

	webShare = 0.3 // of members: on web chat, the others on Slack

	skipTask  = 0.30 // share of the solvers' first tries that do not compile
	allTasks  = 0.35 // of those who did the first task
	prAfter   = 0.30 // of those who did the first task
	prWithout = 0.03 // of the others
	prBefore  = 0.01 // had one before they joined
	mergeRate = 0.6  // of pull requests

	lateRate    = 0.03  // of events: up to six days
	tooLateRate = 0.004 // seven to twelve days: activity does not count any more
	twiceRate   = 0.05  // delivered again
	aheadRate   = 0.006 // the platform's clock is ahead: half of them by less than is believed
)

// firstTask is the built-in share of newcomers who do the first task, by what
// they are greeted with.
var firstTask = map[string]float64{"": 0.40, "baseline": 0.40, "v2": 0.45, "v3": 0.40}

// solveMean is the mean of the time from the join to the first task; it is
// exponential.
const solveMean = 20 * time.Hour

// stays is the built-in chance to be active on a day so many behind the join: the
// retention curve. Who joins in the second half of the time stays a fifth more
// often.
func stays(age int, second bool) float64 {
	p := 0.45 * math.Pow(float64(age), -0.21)
	if second {
		p *= 1.2
	}
	return min(p, 1)
}

// act is what happens.
type act uint8

const (
	join act = iota
	leave
	message
	mention
	file
	command
	run // code, by a command
	click
	button // of the greeting
	reaction
	wrong    // an answer to the first task that does not compile
	solve    // one that is right
	finished // all tasks, told from outside
	opened   // a pull request
	merged
)

// firstActs are what newcomers do in their first five minutes, with how many of
// them do, and minutes how it is divided over these.
var firstActs = []struct {
	act   act
	share float64
}{{message, 0.45}, {command, 0.25}, {click, 0.15}, {button, 0.2}, {mention, 0.2}, {file, 0.05}, {reaction, 0.25}, {run, 0.1}}

var minutes = [...]float64{0.35, 0.25, 0.18, 0.12, 0.10}

// happening is one event, with when it reaches hearth: more than once, perhaps.
type happening struct {
	person *person
	act    act
	id     string
	at     time.Time   // by the platform's clock
	comes  []time.Time // in their order
	bot    bool        // the event says that its member is one
	number int         // of a pull request
	opened time.Time   // of a pull request that is merged
}

// person is a member, and all that happens to them.
type person struct {
	id, handle string
	bot, guest bool
	old        bool
	list       []happening
}

// greeted says whether the welcome plugin writes to them when it first sees them
// join. It writes to a bot too that does not say what it is.
func (p *person) greeted() bool { return !p.old && !p.guest }

// world is where it happens.
type world struct {
	s     Settings
	begin time.Time // the first midnight
	end   time.Time // of all that happens
	moves time.Time // when the community's time zone is set to another
	moved time.Time // and that is the zone of its days
	from  *time.Location
	to    *time.Location
	group func(id string) string // the variation of the greeting, "" for none

	variations []string // of the greeting
	running    []*plan.Definition
}

// people makes everybody up, each by a random source of their own: how many there
// are changes nothing about the first.
func (w *world) people() []*person {
	list := make([]*person, w.s.Members)
	for i := range list {
		list[i] = w.person(i)
	}
	return list
}

// draft is a person on the way.
type draft struct {
	*person
	w     *world
	r     *rand.Rand
	index int // of the person
	n     int // events so far

	joins   time.Time
	reaches time.Time // when hearth hears of it
	leaves  time.Time
	returns bool // after that
}

func (w *world) person(i int) *person {
	d := draft{person: &person{handle: fmt.Sprintf("gopher-%d", i)}, w: w, index: i, r: rand.New(rand.NewPCG(w.s.Seed, uint64(i)))}
	platform := "slack"
	if d.r.Float64() < webShare {
		platform = "webchat"
	}
	d.id = fmt.Sprintf("%s:U%06d", platform, i)
	switch x := d.r.Float64(); {
	case x < botShare:
		d.bot = true
	case x < botShare+guestShare:
		d.guest = true
	case x < botShare+guestShare+oldShare:
		d.old = true
	}
	d.joins = d.hourly(w.day(w.begin) + d.r.IntN(w.s.Days))
	d.leaves = w.end
	if d.old {
		d.joins = w.begin
	} else {
		d.arrive()
	}
	d.days()
	for k := range d.list { // what happens later than hearth is looked at does not
		d.list[k].comes = slices.DeleteFunc(d.list[k].comes, func(t time.Time) bool { return t.After(w.end) })
	}
	d.list = slices.DeleteFunc(d.list, func(h happening) bool { return len(h.comes) == 0 })
	return d.person
}

// hourly is a time on a local day: people are about in the evening, where the
// community is by then.
func (d *draft) hourly(day int) time.Time {
	h := []int{7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 20, 20, 21, 21, 22, 23}[d.r.IntN(20)]
	y, m, n := civil(day).Date()
	in := d.w.from
	if !time.Date(y, m, n, 12, 0, 0, 0, in).Before(d.w.moved) {
		in = d.w.to
	}
	return time.Date(y, m, n, h, 0, 0, 0, in).Add(d.within(time.Hour))
}

// within is a random time below a bound, in milliseconds.
func (d *draft) within(bound time.Duration) time.Duration {
	return time.Duration(d.r.Int64N(bound.Milliseconds())) * time.Millisecond
}

func (d *draft) chance(p float64) bool { return d.r.Float64() < p }

// add has something happen, and reach hearth: late, twice, or from a clock that is
// ahead, unless it is to be punctual.
func (d *draft) add(a act, at time.Time, punctual bool) *happening {
	d.n++
	h := happening{person: d.person, act: a, id: fmt.Sprintf("%s-%d", d.handle, d.n), at: at.Truncate(time.Millisecond), bot: d.bot}
	comes := h.at.Add(d.within(2 * time.Second))
	x := d.r.Float64()
	switch {
	case punctual:
	case x < tooLateRate && a != join: // of a join that is later than that only days follow, and no windows of 24 hours
		comes = h.at.Add(7*24*time.Hour + time.Minute + d.within(5*24*time.Hour))
	case x < tooLateRate+lateRate:
		comes = h.at.Add(d.within(6 * 24 * time.Hour))
	case x < tooLateRate+lateRate+aheadRate:
		ahead := d.within(4 * time.Minute)
		if d.chance(0.5) {
			ahead = 10*time.Minute + d.within(48*time.Hour)
		}
		h.at = comes.Add(ahead)
	}
	h.comes = []time.Time{comes}
	if d.chance(twiceRate) {
		again := time.Millisecond + d.within(time.Minute)
		switch {
		case punctual:
		case d.chance(0.1):
			again = remembered + 2*time.Hour + d.within(4*24*time.Hour) // hearth has forgotten that it came
		case d.chance(0.3):
			again = d.within(remembered - 24*time.Hour)
		}
		h.comes = append(h.comes, comes.Add(again))
	}
	d.list = append(d.list, h)
	return &d.list[len(d.list)-1]
}

// arrive is the join, what follows from it, and the leave.
func (d *draft) arrive() {
	solves := !d.bot && !d.guest && d.chance(firstTask[d.w.group(d.id)])
	j := d.add(join, d.joins, solves)
	d.joins, d.reaches = j.at, j.comes[0]
	if d.joins.After(d.reaches.Add(skew)) {
		d.joins = d.reaches
	}
	if d.bot && d.chance(1.0/3) { // found out later
		j.bot = false
		d.add(message, d.reaches.Add(time.Hour), true)
	}
	if d.chance(eraRate) {
		d.add(leave, d.joins.AddDate(0, 0, -1-d.r.IntN(5)), false)
	}
	switch x := d.r.Float64(); {
	case x < thriceRate:
		at := d.joins
		for range 2 {
			at = at.Add(2*24*time.Hour + d.within(4*24*time.Hour))
			d.add(leave, at, false)
			at = at.Add(time.Hour + d.within(5*24*time.Hour))
			d.add(join, at, false)
		}
		d.leaves, d.returns = d.joins.Add(2*24*time.Hour), true
	case x < thriceRate+leaveRate:
		d.leaves = d.joins.Add(time.Hour + d.within(30*24*time.Hour))
		d.add(leave, d.leaves, false)
	}
	d.firstMinutes()
	if solves {
		d.tasks()
	} else if d.chance(prWithout) {
		d.pull(d.joins.Add(d.within(40 * 24 * time.Hour)))
	} else if d.chance(prBefore) {
		d.pull(d.joins.Add(-time.Hour - d.within(20*24*time.Hour)))
	}
}

func (d *draft) firstMinutes() {
	for _, x := range firstActs {
		if !d.chance(x.share) {
			continue
		}
		minute, p := 0, d.r.Float64()
		for minute < len(minutes)-1 && p >= minutes[minute] {
			p -= minutes[minute]
			minute++
		}
		at := d.joins.Add(time.Duration(minute)*time.Minute + d.within(time.Minute))
		if x.act == button {
			if !d.greeted() || d.bot || at.Before(d.reaches.Add(5*time.Second)) {
				continue // there is none yet
			}
			d.add(button, at, true)
			continue
		}
		d.add(x.act, at, false)
	}
}

// tasks has them do the first task, all of them, and pull requests, if there is
// time.
func (d *draft) tasks() {
	at := d.reaches.Add(2*time.Minute + time.Duration(d.r.ExpFloat64()*float64(solveMean)))
	try := d.chance(skipTask)
	if !at.Before(d.leaves) {
		return
	}
	if try {
		d.add(wrong, at.Add(-30*time.Second-d.within(30*time.Second)), true)
	}
	d.add(solve, at, true)
	if d.chance(allTasks) {
		if done := at.Add(24*time.Hour + d.within(20*24*time.Hour)); done.Before(d.leaves) {
			d.add(finished, done, false)
		}
	}
	if d.chance(prAfter) {
		d.pull(at.Add(d.within(35 * 24 * time.Hour)))
	}
}

func (d *draft) pull(at time.Time) {
	at = at.Truncate(time.Second) // as GitHub says it
	if at.Before(d.w.begin) {
		return
	}
	number := d.index*100 + d.n
	d.add(opened, at, true).number = number
	if d.chance(mergeRate) {
		m := d.add(merged, at.Add(time.Hour+d.within(10*24*time.Hour)).Truncate(time.Second), true)
		m.number, m.opened = number, at
	}
}

// days has them be active on later days.
func (d *draft) days() {
	second := !d.joins.Before(d.w.begin.AddDate(0, 0, d.w.s.Days/2))
	joined, last := d.w.day(d.joins), d.w.day(d.w.end)
	for age := 1; joined+age <= last; age++ {
		if !d.chance(stays(age, second)) {
			continue
		}
		for range 1 + d.r.IntN(3) {
			at := d.hourly(joined + age)
			if at.Before(d.leaves) || d.returns {
				d.add([]act{message, message, message, reaction, command, click}[d.r.IntN(6)], at, false)
			}
		}
	}
}
