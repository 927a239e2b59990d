package web

import (
	"context"
	"errors"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
)

// Host is what the API shows and steers. It is safe for concurrent use.
type Host interface {
	// Accept takes an event in, as [chat.Sink] has it.
	Accept(ctx context.Context, in chat.Incoming) (chat.Outcome, error)

	Status(ctx context.Context) (Status, error)
	Events(ctx context.Context, f EventFilter) ([]Event, error)

	// Event returns all that is known of one event; ErrNotFound if nothing is.
	Event(ctx context.Context, number string) (EventDetail, error)

	// Follow returns the events that are handled from now on. The channel is
	// closed when ctx ends, or when there is no going on; the host logs why.
	Follow(ctx context.Context, f EventFilter) (<-chan Event, error)

	// Failures lists a page of the events that were given up, oldest first.
	Failures(ctx context.Context, f FailureFilter) ([]Failure, error)

	// Retry hands a failed event to its plugin again; ErrNotFound if there is
	// none. It is on record, as Pause and Resume are.
	Retry(ctx context.Context, who audit.Who, number, plugin string) error

	Pause(ctx context.Context, who audit.Who, why string) error
	Resume(ctx context.Context, who audit.Who, why string) error
}

// ErrNotFound says that there is no such thing. Its wrapping says which.
var ErrNotFound = errors.New("not found")

// ErrElsewhere is wrapped by what failed because another service does not answer;
// its text is told.
var ErrElsewhere = errors.New("another service does not answer")

// Status is how hearth is, at a glance. The host leaves Version, Started, Ready
// and Reasons to the server.
type Status struct {
	Version   string     `json:"version" doc:"hearth's version"`
	Started   time.Time  `json:"started" doc:"when this process began to serve"`
	Ready     bool       `json:"ready" doc:"whether events are handled"`
	Reasons   []string   `json:"reasons" doc:"why they are not" nullable:"false"`
	Paused    bool       `json:"paused" doc:"whether nothing is sent, since somebody said pause"`
	Plugins   []Plugin   `json:"plugins" nullable:"false"`
	Platforms []Platform `json:"platforms" nullable:"false"`
	Failed    int        `json:"failed_events" doc:"events given up that wait for a person"`
	Dropped   *int       `json:"failed_events_deleted,omitempty" doc:"events given up and deleted before a person acted, since this data was begun, because their plugin had too many or they were too old; not there if it is not known"`
}

// Plugin is a plugin that is installed.
type Plugin struct {
	Name     string   `json:"name"`
	Version  string   `json:"version" doc:"as its manifest has it"`
	SHA256   string   `json:"sha256" doc:"of its code, hex"`
	About    string   `json:"about,omitempty"`
	Status   string   `json:"status" enum:"live,held back,probing,disabled,staged" doc:"live; or held back, because its events failed one after the other, and probing, because one is tried again; disabled; staged: no version of it was made live yet"`
	Waiting  int      `json:"waiting" doc:"events that wait for it"`
	Events   []string `json:"events" doc:"kinds it wants" nullable:"false"`
	Commands []string `json:"commands" nullable:"false"`
	Grants   []Grant  `json:"grants" doc:"what it asks for" nullable:"false"`

	AboutIn   Words      `json:"about_in,omitempty" doc:"about, by language"`
	Allowed   []Grant    `json:"allowed,omitempty" doc:"all that was granted, whether the version that runs asks for it or not"`
	Bundled   bool       `json:"bundled,omitempty" doc:"the version that runs came with hearth"`
	Since     *time.Time `json:"live_since,omitempty" doc:"since when that version is live"`
	Previous  string     `json:"previous,omitempty" doc:"sha256 of the version that a rollback makes live; not there: there is none"`
	Newest    string     `json:"newest_staged,omitempty" doc:"sha256 of the newest version that was uploaded since and is not live"`
	Shadow    string     `json:"shadow,omitempty" doc:"sha256 of the version on silent trial"`
	Rollout   *Rollout   `json:"rollout,omitempty" doc:"the gradual release under way"`
	Migration *Migration `json:"migration,omitempty" doc:"how far its rows are on their way to another state version"`
	Health    *Health    `json:"health,omitempty" doc:"the last hour"`
	Failures  int        `json:"failed_events,omitempty" doc:"of it, that were given up and wait for a person"`
}

// Grant is a permission a plugin asks for.
type Grant struct {
	Name     string `json:"name"`
	Param    string `json:"param,omitempty"`
	Reason   string `json:"reason" doc:"the plugin's own words"`
	ReasonIn Words  `json:"reason_in,omitempty" doc:"the same, by language"`
	Granted  bool   `json:"granted"`
}

// Platform is a chat platform that is connected.
type Platform struct {
	Name    string     `json:"name"`
	OK      bool       `json:"ok" doc:"whether the platform lets hearth do its work, when last asked"`
	Account string     `json:"account,omitempty" doc:"who hearth is there"`
	Waiting int        `json:"waiting" doc:"messages that wait to be sent"`
	Held    string     `json:"held,omitempty" doc:"the platform's code, while it refuses hearth and messages wait"`
	Since   *time.Time `json:"held_since,omitempty"`
	Missing []string   `json:"missing,omitempty" doc:"permissions hearth lacks there"`
	Advice  string     `json:"advice,omitempty" doc:"what to do about it"`
	Hidden  []string   `json:"hidden,omitempty" doc:"what the platform does not show hearth"`
	Code    string     `json:"code,omitempty" doc:"the platform's code, if it does not let hearth do its work"`
	Oldest  *time.Time `json:"waiting_since,omitempty" doc:"since when the message waits that has waited longest"`
	Checked *time.Time `json:"checked,omitempty" doc:"when the platform was asked last; not there before the first time: then ok means nothing"`
	Sent    int        `json:"sent" doc:"messages sent in the last hour, or since counted_since if that is later"`
	Failed  int        `json:"failed" doc:"messages given up in the same time"`
	Counted time.Time  `json:"counted_since" doc:"since when this process counts"`
}

// EventFilter chooses events. Zero fields choose all.
type EventFilter struct {
	Plugin       string `query:"plugin" maxLength:"32" doc:"only what this plugin handled"`
	Member       string `query:"member" maxLength:"256" doc:"only what this member did, such as slack:U2147483697"`
	Conversation string `query:"conversation" maxLength:"256" doc:"only what happened there"`
	Kind         string `query:"kind" maxLength:"64" doc:"only this kind, such as member.joined"`
	Failed       bool   `query:"failed" doc:"only what failed"`
	After        string `query:"after" pattern:"^([0-9a-f]{16})?$" doc:"only numbers behind this one, oldest first; without it the newest come first"`
	Limit        int    `query:"limit" minimum:"0" maximum:"1000" default:"50"`
}

// Event is one plugin's handling of one event: the last attempt.
type Event struct {
	Number       string    `json:"number" doc:"16 hex digits, in the order of arrival"`
	Plugin       string    `json:"plugin"`
	Version      string    `json:"version" doc:"sha256 of the plugin's code"`
	Source       string    `json:"source"`
	ID           string    `json:"id" doc:"unique within its source"`
	Kind         string    `json:"kind"`
	Time         time.Time `json:"time" doc:"when it happened, by the source's clock"`
	Handled      time.Time `json:"handled" doc:"the plugin's clock"`
	Member       string    `json:"member,omitempty" doc:"id of who did it, or whom it is about"`
	MemberName   string    `json:"member_name,omitempty"`
	Conversation string    `json:"conversation,omitempty"`
	Place        string    `json:"place,omitempty" doc:"the conversation's name"`
	Direct       bool      `json:"direct,omitempty" doc:"it is between the member and the bot"`
	What         string    `json:"what,omitempty" doc:"the command, the button, the beginning of the text"`
	Attempt      int       `json:"attempt" doc:"how many times it was tried, this one included"`
	Error        string    `json:"error,omitempty" doc:"why nothing of it was committed"`
	Messages     int       `json:"messages" doc:"messages, edits and reactions it asked for"`
	Writes       int       `json:"writes" doc:"rows it wrote"`
	Fuel         int64     `json:"fuel" doc:"instructions, about"`
	DurationMS   float64   `json:"duration_ms" doc:"in the sandbox"`
	Withheld     []string  `json:"withheld,omitempty" doc:"what the host's rules left out, and why"`
	Log          []string  `json:"log,omitempty" doc:"what the plugin logged"`
}

// EventDetail is all that is known of one event.
type EventDetail struct {
	Number   string    `json:"number"`
	Handled  []Event   `json:"handled" doc:"one for each plugin" nullable:"false"`
	Messages []Message `json:"messages" doc:"what was sent because of it, or is waiting" nullable:"false"`
}

// Message is one message, edit, deletion or reaction, and what became of it.
type Message struct {
	ID           string    `json:"id" doc:"of the delivery"`
	Plugin       string    `json:"plugin"`
	Op           string    `json:"op"`
	Member       string    `json:"member,omitempty" doc:"the addressee of a direct message"`
	Conversation string    `json:"conversation,omitempty"`
	Text         string    `json:"text,omitempty"`
	Status       string    `json:"status" doc:"waiting, sent, failed, expired, withheld or skipped"`
	Why          string    `json:"why,omitempty"`
	Made         time.Time `json:"made"`
	Ended        time.Time `json:"ended,omitzero"`
	Attempts     []Attempt `json:"attempts,omitempty"`
	Receipt      []string  `json:"receipt,omitempty" doc:"the platform's ids"`
}

// Attempt is one try to deliver.
type Attempt struct {
	Began     time.Time `json:"began"`
	Ended     time.Time `json:"ended,omitzero" doc:"not set while it is under way, and if it was never heard of again"`
	Error     string    `json:"error,omitempty"`
	Unknown   bool      `json:"unknown,omitempty" doc:"the platform may have carried it out all the same"`
	Duplicate bool      `json:"possible_duplicate,omitempty"`
}

// FailureFilter chooses a page of the events that were given up.
type FailureFilter struct {
	Plugin string `query:"plugin" maxLength:"32" doc:"only what this plugin gave up"`
	After  string `query:"after" pattern:"^([0-9a-f]{16})?$" doc:"only numbers behind this one; without it from the oldest on"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"1000" doc:"how many at most; what several plugins gave up of one event stays together, so a page may be a little longer"`
}

// Failure is an event that a plugin could not handle and that was given up.
type Failure struct {
	Number   string    `json:"number"`
	Plugin   string    `json:"plugin"`
	Source   string    `json:"source"`
	Kind     string    `json:"kind"`
	Member   string    `json:"member,omitempty"`
	What     string    `json:"what,omitempty"`
	Attempts int       `json:"attempts" doc:"how many times it was tried; none if it was given up at once, because its plugin was failing and too far behind"`
	Error    string    `json:"error"`
	At       time.Time `json:"at" doc:"when it was given up"`
}
