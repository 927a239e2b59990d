package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/measure"
)

// The definitions that package measure documents, once more and in the plainest
// way: each figure is counted by going through everything that happened.
const (
	skew       = 5 * time.Minute    // that a platform's clock may be ahead
	lateness   = 7 * 24 * time.Hour // after which activity counts on no day
	remembered = 7 * 24 * time.Hour // for which hearth knows what came in
	early      = 5 * time.Minute    // the first minutes
	window     = 30 * 24 * time.Hour
	moveDelay  = skew + time.Minute // until days begin by a new time zone
)

// figures are counts by group and name. What is blank is not there.
type figures map[string]map[string]int

func (f figures) add(group, name string, n int) {
	if f[group] == nil {
		f[group] = map[string]int{}
	}
	f[group][name] += n
}

// known is what one person comes to.
type known struct {
	id         string
	joined     time.Time
	back, left time.Time
	active     []time.Time
	days       []int // local, sorted, each once
	marks      map[string]time.Time
	acts       []did
	shown      map[string]shown
	out        bool
}

type did struct {
	at   time.Time
	what int // in the order of actions
}

type shown struct {
	variation string
	at        time.Time
}

// actions are those of the first minutes, in the order of the heat map.
var actions = []string{"message", "command", "click", "mention", "file", "reaction", "run"}

// what an act is among actions, −1 for none; whether it counts as activity; and
// the name of which it may be the first.
var meaning = [...]struct {
	action int
	active bool
	mark   string
}{
	join:     {-1, false, "member.joined"},
	leave:    {-1, false, "member.left"},
	message:  {0, true, "message.posted"},
	mention:  {3, true, "message.posted"},
	file:     {4, true, "message.posted"},
	command:  {1, true, "command.invoked"},
	run:      {1, true, "command.invoked"},
	click:    {2, true, "link.clicked"},
	button:   {2, true, "button.clicked"},
	reaction: {5, true, "reaction.added"},
	wrong:    {0, true, "message.posted"},
	solve:    {0, true, "message.posted"},
	finished: {-1, false, allTasksName},
	opened:   {-1, false, "pr.opened"},
	merged:   {-1, false, "pr.merged"},
}

// The names that plugins and others track for steps of the funnel.
const (
	firstTaskName = "path.first_task"
	allTasksName  = "path.done"
)

// steps are those of the default funnel.
var steps = []struct {
	name string
	by   []string
}{
	{"joined", nil},
	{"engaged", []string{"message.posted", "command.invoked", "button.clicked", "form.submitted"}},
	{"first_task", []string{firstTaskName}},
	{"all_tasks", []string{allTasksName}},
	{"first_pr", []string{"pr.opened"}},
}

// truth is what is true by now of the people of a world.
type truth struct {
	*world
	all  []*known
	now  time.Time
	ends map[int]time.Time // of days

	metrics []measure.Metric
}

func (w *world) truth(people []*person, now time.Time) *truth {
	t := &truth{world: w, now: now, ends: map[int]time.Time{}}
	for _, m := range measure.DefaultMetrics {
		if slices.Contains(metrics, m.Name) {
			t.metrics = append(t.metrics, m)
		}
	}
	for _, p := range people {
		t.all = append(t.all, t.know(p))
	}
	return t
}

func (t *truth) know(p *person) *known {
	k := &known{id: p.id, marks: map[string]time.Time{}, shown: map[string]shown{}}
	mark := func(name string, at time.Time) {
		if first, ok := k.marks[name]; !ok || at.Before(first) {
			k.marks[name] = at
		}
	}
	greeted := time.Time{}
	for _, h := range p.list {
		for i, came := range h.comes {
			if came.After(t.now) || i > 0 && came.Sub(h.comes[0]) < remembered {
				continue
			}
			at := h.at
			if at.After(came.Add(skew)) {
				at = came
			}
			k.out = k.out || h.bot
			switch h.act {
			case join:
				if k.joined.IsZero() || at.Before(k.joined) {
					k.joined = at
				}
				k.back = latest(k.back, at)
				if !h.bot && p.greeted() && (greeted.IsZero() || came.Before(greeted)) {
					greeted = came
				}
			case leave:
				k.left = latest(k.left, at)
			case run, wrong, solve: // its verdict comes at once
				k.acts = append(k.acts, did{came, 6})
			}
			if h.act == solve {
				mark(firstTaskName, came)
			}
			x := meaning[h.act]
			mark(x.mark, at)
			if came.Sub(at) <= lateness {
				if x.active {
					k.active = append(k.active, at)
				}
				if x.action >= 0 {
					k.acts = append(k.acts, did{at, x.action})
				}
			}
		}
	}
	for _, at := range k.active {
		k.days = append(k.days, t.day(at))
	}
	slices.Sort(k.days)
	k.days = slices.Compact(k.days)
	slices.SortFunc(k.acts, func(a, b did) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.what - b.what
	})
	if v := t.group(p.id); v != "" && !greeted.IsZero() {
		k.shown[greeting] = shown{v, greeted}
	}
	return k
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// local is a time by the clocks of where the community was then.
func (w *world) local(at time.Time) time.Time {
	if at.Before(w.moved) {
		return at.In(w.from)
	}
	return at.In(w.to)
}

// day numbers the local day on which something happened.
func (w *world) day(at time.Time) int {
	y, m, d := w.local(at).Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}

// date is a day as people write it.
func date(day int) string { return civil(day).Format(time.DateOnly) }

func civil(day int) time.Time { return time.Unix(int64(day)*24*60*60, 0).UTC() }

// over says whether so much has passed since the end of a day.
func (t *truth) over(day int, more time.Duration) bool {
	end, ok := t.ends[day]
	if !ok { // no clock is changed at another time than a full quarter of an hour
		for end = civil(day).Add(-24 * time.Hour); t.day(end) <= day; end = end.Add(15 * time.Minute) {
		}
		t.ends[day] = end
	}
	return !t.now.Before(end.Add(more))
}

// unit is a way to put days together.
type unit struct {
	name        string
	of          func(day int) int // the number of a day's period
	first       func(period int) int
	title       func(first int) string
	ages, parts int // greatest age that is looked at
}

var units = []unit{
	{"day", func(d int) int { return d }, func(p int) int { return p }, date, 60, 0},
	{"week", func(d int) int { return (d + 3) / 7 }, func(p int) int { return p*7 - 3 }, func(first int) string {
		y, w := civil(first).ISOWeek()
		return fmt.Sprintf("%04d-W%02d", y, w)
	}, 8, 0},
	{"month", func(d int) int { y, m, _ := civil(d).Date(); return y*12 + int(m) - 1 }, func(p int) int {
		return int(time.Date(p/12, time.Month(p%12+1), 1, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
	}, func(first int) string { return civil(first).Format("2006-01") }, 2, 0},
}

// figures counts everything of the members of one platform, "" for all.
func (t *truth) figures(platform string) figures {
	f := figures{}
	for _, k := range t.all {
		if k.out || platform != "" && !strings.HasPrefix(k.id, platform+":") {
			continue
		}
		t.activeMembers(f, k)
		t.arms(f, k)
		if k.joined.IsZero() {
			continue
		}
		for _, u := range units {
			t.retention(f, k, u)
		}
		t.funnel(f, k)
		t.firstMinutes(f, k)
		t.requests(f, k)
	}
	return f
}

func (t *truth) activeMembers(f figures, k *known) {
	today := t.day(t.now)
	for _, span := range []struct {
		name string
		days int
	}{{"active, day", 1}, {"active, 7 days", 7}, {"active, 30 days", 30}} {
		until := 0
		for _, d := range k.days {
			for x := max(d, until); x < d+span.days && x <= today; x++ {
				f.add(span.name, date(x), 1)
			}
			until = d + span.days
		}
	}
}

func (t *truth) retention(f figures, k *known, u unit) {
	joined := t.day(k.joined)
	cohort := u.of(joined)
	title := u.title(u.first(cohort))
	last := u.first(cohort+1) - 1
	f.add("cohorts by "+u.name, title, 1)

	periods, later := map[int]bool{}, -1
	for _, d := range k.days {
		if d >= joined {
			periods[u.of(d)-cohort] = true
			later = u.of(d) - cohort
		}
	}
	windows := map[int]bool{}
	for _, at := range k.active {
		if !at.Before(k.joined) {
			windows[int(at.Sub(k.joined)/(24*time.Hour))] = true
		}
	}
	for age := 0; age <= u.ages; age++ {
		cell := fmt.Sprintf("%s +%d", title, age)
		if t.over(u.first(cohort+age+1)-1, 0) {
			f.add("retained by "+u.name, cell, count(periods[age]))
			f.add("retained by "+u.name+" or after", cell, count(later >= age))
		}
		if age <= 30 && t.over(last, time.Duration(age+1)*24*time.Hour) {
			f.add("retained by 24 hours, cohorts by "+u.name, cell, count(windows[age]))
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (t *truth) funnel(f figures, k *known) {
	at := k.joined
	over := t.over(t.day(k.joined), window)
	for i, s := range steps {
		var first time.Time
		for _, name := range s.by {
			if m, ok := k.marks[name]; ok && (first.IsZero() || m.Before(first)) {
				first = m
			}
		}
		if i > 0 {
			if reached := latest(first, at); first.IsZero() || reached.Sub(k.joined) > window {
				if over {
					f.add("funnel", s.name+" lost", 1)
					f.add("drop-off by hour", fmt.Sprintf("%s %02d", s.name, t.local(at).Hour()), 1)
				} else {
					f.add("funnel", s.name+" in progress", 1)
				}
				f.add("members behind a drop-off", s.name, 1)
				return
			} else {
				at = reached
			}
		}
		f.add("funnel", s.name+" reached", 1)
	}
}

func (t *truth) firstMinutes(f figures, k *known) {
	cells := map[string]bool{}
	path := []string{"joined"}
	for _, a := range k.acts {
		after := a.at.Sub(k.joined)
		if after < 0 || after >= early {
			continue
		}
		name := actions[a.what]
		cells[fmt.Sprintf("%s, minute %d", name, after/time.Minute+1)] = true
		if path[len(path)-1] != name && len(path) <= 4 {
			path = append(path, name)
		}
	}
	for c := range cells {
		f.add("first five minutes", c, 1)
	}
	if len(path) <= 4 {
		path = append(path, "nothing more")
	}
	for i := range path[1:] {
		f.add("first paths", fmt.Sprintf("%d %s > %s", i, path[i], path[i+1]), 1)
	}
}

func (t *truth) requests(f figures, k *known) {
	for _, name := range []string{"pr.opened", "pr.merged"} {
		for _, days := range []int{7, 30, 90} {
			span := time.Duration(days) * 24 * time.Hour
			if !t.over(t.day(k.joined), span) {
				continue
			}
			cell := fmt.Sprintf("%s in %d days: ", name, days)
			first, ok := k.marks[name]
			if ok && first.Before(k.joined) {
				f.add("pull requests", cell+"before", 1)
				continue
			}
			f.add("pull requests", cell+"of", 1)
			f.add("pull requests", cell+"had one", count(ok && first.Sub(k.joined) <= span))
		}
	}
}

// metrics are those that the arms of the greeting are compared by; how long they
// have is the definition's.
var metrics = []string{"day7", "first_task", "first_pr", "left"}

func (t *truth) arms(f figures, k *known) {
	for experiment, s := range k.shown {
		group := "experiment " + experiment
		f.add(group, s.variation+" shown", 1)
		day := t.day(s.at)
		for _, m := range t.metrics {
			met := false
			if m.Day > 0 {
				if !t.over(day+m.Day, 0) {
					continue
				}
				_, met = slices.BinarySearch(k.days, day+m.Day)
			} else {
				if !t.over(day, m.Within) {
					continue
				}
				at, ok := k.marks[m.By[0]]
				met = ok && !at.Before(s.at) && at.Sub(s.at) <= m.Within
			}
			f.add(group, fmt.Sprintf("%s %s of", s.variation, m.Name), 1)
			f.add(group, fmt.Sprintf("%s %s met", s.variation, m.Name), count(met))
		}
	}
}
