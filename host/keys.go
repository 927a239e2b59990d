package host

import (
	"encoding/binary"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// The engine's rows. Numbers are store.Seq; times are Unix milliseconds.
//
//	seen/SOURCE/ID                     number and time of an accepted event      Keep.Seen
//	work/EVENT/PLUGIN/LANE             workRow: waits to be handled
//	dead/EVENT/PLUGIN                  deadRow: given up                         until a person acts; count and age
//	dropped/PLUGIN                     counter: dead rows deleted unseen
//	journal/EVENT/PLUGIN               journalRow of the last attempt            count and age
//	state/SPACE/…                      a plugin's own rows, keys as in package abi; SPACE is PLUGIN or PLUGIN@N, see space.go
//	space/PLUGIN                       spaceRow: which space holds, if that is not PLUGIN or not of state version 1
//	moved/SPACE/…                      movedRow of the row with that key in the space before: what it became in SPACE   until SPACE holds, or is given up
//	timer/DUE/NUMBER                   timerRow
//	timerref/PLUGIN/CONV/NAME/KEY      key of the timer's row
//	action/NUMBER/PLUGIN               actionRow: waits to be carried out
//	actionref/PLUGIN/CONV/NAME/KEY     key of the action's row
//	outbox/NUMBER/PLATFORM/LANE        outRow: waits to be delivered
//	sent/EVENT/NUMBER                  sentRow: delivered, or why not            count as the journal, and Keep.Sent
//	ref/PLUGIN/m|v/ID/KEY              refRow: where a keyed message lies        Keep.Buttons after its last use
//	token/TOKEN                        tokenRow: what buttons stand for          Keep.Buttons
//	used/TOKEN/INDEX[/MEMBER]          time of use                               with its token
//	answered/EVENT                     plugin that answered a message            Keep.Seen
//	cap/DAY/MEMBER                     counter: unasked messages on that day     3 days
//	track/PLUGIN/NAME/DAY              counter; newcomers are the house's own     Keep.Track, and so many names a plugin
//	direct/CONVERSATION                id of the member it is with: a direct message; one a member
//	forget/DIGEST                      forgetRow: a member who is being forgotten    until that is done
//	grant/PLUGIN                       abi.Needs that an admin granted
//	host/paused                        time since when nothing is sent
//	host/hold/PLATFORM                 holdRow
//	host/measuring                     measuringRow; what is measured is package measure's to lay out
//	host/counting                      countingRow: members are being counted by new definitions
//	host/compact                       time since when the store's files are to be rewritten
const (
	kSeen      = store.Key("seen")
	kWork      = store.Key("work")
	kDead      = store.Key("dead")
	kDropped   = store.Key("dropped")
	kJournal   = store.Key("journal")
	kState     = store.Key("state")
	kSpace     = store.Key("space")
	kMoved     = store.Key("moved")
	kTimer     = store.Key("timer")
	kTimerRef  = store.Key("timerref")
	kAction    = store.Key("action")
	kActionRef = store.Key("actionref")
	kOutbox    = store.Key("outbox")
	kSent      = store.Key("sent")
	kRef       = store.Key("ref")
	kToken     = store.Key("token")
	kUsed      = store.Key("used")
	kAnswered  = store.Key("answered")
	kCap       = store.Key("cap")
	kTrack     = store.Key("track")
	kDirect    = store.Key("direct")
	kForget    = store.Key("forget")
	kGrant     = store.Key("grant")
	kPaused    = store.Key("host/paused")
	kHold      = store.Key("host/hold")
	kCompact   = store.Key("host/compact")
	kMeasuring = store.Key("host/measuring")
	kCounting  = store.Key("host/counting")
)

func seenKey(source, id string) store.Key { return kSeen.Join(source, id) }

// Rows that come and go with every event begin with its number, so that those
// of one moment lie side by side: a commit of many events then writes few pages.

func workKey(plugin, lane string, seq uint64) store.Key {
	return kWork.Join(store.Seq(seq), plugin, lane)
}

func outKey(platform, lane string, seq uint64) store.Key {
	return kOutbox.Join(store.Seq(seq), platform, lane)
}

func actionKey(plugin string, seq uint64) store.Key {
	return kAction.Join(store.Seq(seq), plugin)
}

// keySeq is the number that a row's name begins with, after its prefix.
func keySeq(k store.Key) (uint64, error) {
	_, rest, _ := strings.Cut(string(k), "/")
	if len(rest) > 16 {
		rest = rest[:16]
	}
	return store.ParseSeq(rest)
}

func journalKey(event uint64, plugin string) store.Key {
	return kJournal.Join(store.Seq(event), plugin)
}

func sentKey(event, out uint64) store.Key { return kSent.Join(store.Seq(event), store.Seq(out)) }

func deadKey(event uint64, plugin string) store.Key { return kDead.Join(store.Seq(event), plugin) }

func timerKey(due int64, seq uint64) store.Key {
	return kTimer.Join(store.Seq(uint64(max(due, 0))), store.Seq(seq))
}

// stateKey is where a plugin's own key lies. The key is a path already.
func stateKey(space, key string) store.Key { return kState.Join(space) + "/" + store.Key(key) }

// laneOf is the lane in which the work of one plugin on an event runs: its
// conversation, or its member where it happened nowhere.
func laneOf(e *abi.Event) string {
	switch {
	case e.Conversation.ID != "":
		return e.Conversation.ID
	case e.Member.ID != "":
		return e.Member.ID
	}
	return "-"
}

// parkedLane is a lane for one row alone, whose retries hold nobody up.
func parkedLane(lane string, seq uint64) string { return lane + "!" + store.Seq(seq) }

// directLane is the lane of a member's direct messages, whatever their
// platform calls that conversation.
func directLane(member string) string { return "@" + member }

// stamp is a time (or a number) as a row's whole value.
func stamp(ms int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(ms)) }

func readStamp(v []byte) int64 {
	if len(v) < 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(v))
}

// splitKey returns the last n segments of a key, unescaped.
func splitKey(k store.Key, n int) []string {
	s := k.Segments()
	if len(s) < n {
		return make([]string, n)
	}
	return s[len(s)-n:]
}
