package web

import (
	"context"
	"errors"
	"time"
)

// Analytics is what was measured of a community: who is active, who stays, how far
// newcomers come, and what they do first. Every answer says of whom and since when
// it is. It is safe for concurrent use, and answers as fast however many members
// there are.
//
// What is asked for and cannot be is [ErrAsked]: days that are none, or in no
// order, a platform of which nothing is known, a step that the funnel has not.
type Analytics interface {
	// Scope is what can be asked for, and of what days a question is that names none.
	Scope(ctx context.Context, q Cohorts) (Scope, error)

	// Dashboard reads all at one moment.
	Dashboard(ctx context.Context, q DashboardFilter) (Dashboard, error)

	Active(ctx context.Context, q Cohorts) (ActiveDays, error)
	Retention(ctx context.Context, q RetentionFilter) (Retention, error)
	Funnel(ctx context.Context, q Cohorts) (Funnel, error)
	FirstMinutes(ctx context.Context, q Cohorts) (FirstMinutes, error)
	PullRequests(ctx context.Context, q RequestFilter) (PullRequests, error)
	Paths(ctx context.Context, q Cohorts) (Paths, error)

	// Standing lists who stands at a step of the funnel, by the day of their join.
	Standing(ctx context.Context, q StandingFilter) (Standing, error)

	// Coverage is what each connected platform does not show.
	Coverage(ctx context.Context) ([]Hidden, error)
}

// ErrAsked says that there are no such figures. Its wrapping says why.
var ErrAsked = errors.New("no such figures")

// MaxDays is how many days can be asked for at once.
const MaxDays = 1100

// Cohorts says of whom and of when something is asked.
type Cohorts struct {
	Segment []string `query:"segment" maxItems:"16" doc:"platforms, such as slack; without it all of them"`
	From    string   `query:"from" pattern:"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$" doc:"the first day, in the community's time zone; without it 55 days before to" example:"2026-03-01"`
	To      string   `query:"to" pattern:"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$" doc:"the last day; without it today"`
}

// Units are how days are grouped into cohorts; Definitions what retained means.
var (
	Units       = []string{"day", "week", "month"}
	Definitions = []string{"on_day", "or_after", "rolling"}
	RequestDays = []int{7, 30, 90}
)

// RetentionFilter chooses a triangle. Zero fields are the defaults.
type RetentionFilter struct {
	Cohorts
	Unit       string `query:"unit" enum:"day,week,month" default:"week" doc:"of cohorts and ages; weeks begin on Monday"`
	Definition string `query:"definition" enum:"on_day,or_after,rolling" default:"on_day" doc:"on_day: active in the period that is so many behind the one of the join; or_after: in that or a later one; rolling: in the 24 hours that begin so many times 24 hours after the moment of the join"`
	Ages       int    `query:"ages" minimum:"0" maximum:"90" default:"0" doc:"up to which age; 0: 30 days, 12 weeks or 12 months"`
}

// RequestFilter chooses first pull requests.
type RequestFilter struct {
	Cohorts
	Within int `query:"within" minimum:"7" maximum:"90" default:"30" doc:"7, 30 or 90, of the figures by day of the join: days from the join to the first pull request"`
}

// StandingFilter chooses members by the step of the funnel at which they stand.
type StandingFilter struct {
	Cohorts
	Step  string `path:"step" maxLength:"64" doc:"the last step that they reached in time"`
	State string `query:"state" enum:",lost,in_progress" doc:"lost: who has no time left; in_progress: who has; without it both"`
	Limit int    `query:"limit" minimum:"0" maximum:"1000" default:"200"`
}

// DashboardFilter chooses what the front page shows.
type DashboardFilter struct {
	RetentionFilter
	Within int
}

// Scope says what figures are about: of every answer a part.
type Scope struct {
	Counts    string    `json:"counts,omitempty" doc:"what is counted, over which members"`
	Segments  []string  `json:"segments" nullable:"false" doc:"the platforms asked for; none: all"`
	Platforms []string  `json:"platforms" nullable:"false" doc:"those of which there are figures"`
	From      string    `json:"from" doc:"the first day"`
	To        string    `json:"to" doc:"the last"`
	Today     string    `json:"today"`
	TimeZone  string    `json:"time_zone" doc:"days are local days there"`
	Since     string    `json:"since,omitempty" doc:"the first day of which anything was measured; not there: nothing was yet"`
	At        time.Time `json:"at" doc:"when the figures were read"`
	Counting  bool      `json:"counting,omitempty" doc:"the funnel is defined anew, and members are being counted by that: until that is over its figures are not whole"`
	Hidden    []Hidden  `json:"hidden" nullable:"false" doc:"what platforms do not show hearth; no figure has it"`
}

// Hidden is what a platform does not show.
type Hidden struct {
	Platform string   `json:"platform"`
	What     []string `json:"what" nullable:"false"`
}

// Part is some of a number of members. What cannot be known yet is not there.
type Part struct {
	N      int      `json:"n" doc:"members it is about"`
	Active *int     `json:"active" doc:"of them, those of whom it is true; null: it is not known yet"`
	Share  *float64 `json:"share" doc:"the second divided by the first; null likewise"`
}

// PartOf is what is known of n members; blank if it is not, or there are none.
func PartOf(n, active int, known bool) Part {
	p := Part{N: n}
	if known && n > 0 {
		share := float64(active) / float64(n)
		p.Active, p.Share = &active, &share
	}
	return p
}

// ActiveDays is the answer to GET /api/v1/analytics/dau.
type ActiveDays struct {
	Scope
	Kinds []string    `json:"kinds" nullable:"false" doc:"kinds of event that count as activity"`
	Days  []ActiveDay `json:"days" nullable:"false"`
}

// ActiveDay is who was active.
type ActiveDay struct {
	Day     string `json:"day"`
	Daily   *int   `json:"daily" doc:"members active on it; null before anything was measured"`
	Weekly  *int   `json:"weekly" doc:"on one of the seven days that end with it"`
	Monthly *int   `json:"monthly" doc:"of the thirty"`
	Over    bool   `json:"over" doc:"the day has passed: before that figures still rise"`
}

// Retention is the answer to GET /api/v1/analytics/retention.
type Retention struct {
	Scope
	Unit       string   `json:"unit" enum:"day,week,month"`
	Definition string   `json:"definition" enum:"on_day,or_after,rolling"`
	Cohorts    []Cohort `json:"cohorts" nullable:"false"`
	Mean       []Part   `json:"mean" nullable:"false" doc:"by age: of all members of these cohorts of whom it is known"`
}

// Cohort is who joined in a period.
type Cohort struct {
	Name  string `json:"cohort" doc:"2026-03-01, 2026-W09 or 2026-03"`
	First string `json:"first_day"`
	N     int    `json:"n" doc:"members who joined in it"`
	Ages  []Part `json:"ages" nullable:"false" doc:"by age, from 0 on"`
}

// Funnel is the answer to GET /api/v1/analytics/funnel.
type Funnel struct {
	Scope
	Window float64 `json:"window_hours" doc:"how long members have, from their join"`
	Steps  []Step  `json:"steps" nullable:"false"`
}

// Step is a step of the funnel.
type Step struct {
	Name       string   `json:"step"`
	By         []string `json:"by" nullable:"false" doc:"event kinds and tracked names of which the first is the step"`
	Reached    int      `json:"reached" doc:"members who came here in time"`
	OfJoined   *float64 `json:"of_joined" doc:"their share of those who joined, so far; null if nobody did"`
	Rate       *float64 `json:"rate" doc:"their share of those who came to the step before and are not in progress; null if there is nobody"`
	InProgress int      `json:"in_progress" doc:"came to the step before, not to this one, and still have time"`
	Lost       int      `json:"lost" doc:"likewise, and have none left"`
	Median     *float64 `json:"median_seconds" doc:"from the join to the step, of those who came, right to 5 %; null if nobody did"`
	DropOff    bool     `json:"drop_off" doc:"most were lost before this step"`
	LostAt     []int    `json:"lost_by_hour" nullable:"false" doc:"of the lost, by the local hour, 0 to 23, at which they came to the step before"`
}

// FirstMinutes is what members do in the first five minutes after their join.
type FirstMinutes struct {
	Scope
	N       int            `json:"n" doc:"members who joined"`
	Actions []MinuteAction `json:"actions" nullable:"false"`
}

// MinuteAction is one kind of action.
type MinuteAction struct {
	Name    string `json:"action" doc:"message, command, click, mention, file, reaction or run"`
	Minutes []int  `json:"minutes" nullable:"false" doc:"members who did it in the first, second … minute"`
}

// PullRequests is the answer to GET /api/v1/analytics/first-pr.
type PullRequests struct {
	Scope
	Opened []RequestWithin `json:"opened" nullable:"false"`
	Merged []RequestWithin `json:"merged" nullable:"false"`
	Within int             `json:"within_days" doc:"of the figures by day"`
	Days   []RequestDay    `json:"days" nullable:"false" doc:"by day of the join: first pull request opened"`
}

// RequestWithin is whose first pull request came within so many days of the join.
type RequestWithin struct {
	Days int `json:"within_days"`
	Part
	Before int `json:"before" doc:"further members, who had one before they joined, and are not in n"`
}

// RequestDay is the same of the members who joined on one day.
type RequestDay struct {
	Day string `json:"day"`
	Part
}

// Paths is the answer to GET /api/v1/analytics/paths.
type Paths struct {
	Scope
	Links []PathLink `json:"links" nullable:"false"`
}

// PathLink is how many went from one action to the next.
type PathLink struct {
	Depth int    `json:"depth" doc:"0: from the join"`
	From  string `json:"from" doc:"the action; joined at depth 0"`
	To    string `json:"to" doc:"the next action; nothing: there was none within five minutes"`
	N     int    `json:"n" doc:"members"`
}

// Standing is who stands at a step of the funnel.
type Standing struct {
	Scope
	Step    string       `json:"step"`
	Next    string       `json:"next_step,omitempty" doc:"the one that they did not reach"`
	State   string       `json:"state,omitempty"`
	Members []StandingOf `json:"members" nullable:"false" doc:"by the day of their join, the earliest first"`
	More    bool         `json:"more" doc:"there are further ones"`
}

// StandingOf is one of them.
type StandingOf struct {
	ID     string     `json:"id"`
	Name   string     `json:"name,omitempty"`
	Joined *time.Time `json:"joined,omitempty"`
	Lost   bool       `json:"lost" doc:"they have no time left for the next step"`
}

// Dashboard is all that the front page shows, read at one moment.
type Dashboard struct {
	Active    ActiveDays
	DayByDay  Retention // of cohorts of a day, up to the age of 7
	Retention Retention
	Requests  PullRequests
	Funnel    Funnel
	First     FirstMinutes
	Paths     Paths
}
