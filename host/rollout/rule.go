package rollout

import (
	"encoding/binary"
	"hash/fnv"
	"slices"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Rule is a Spec that is ready to choose by. It is never changed, and safe for
// concurrent use.
type Rule struct {
	spec   Spec
	id     uint64
	labels []condition
}

// New makes the rule of a release. id is the release's own: two releases put
// different members first. The error wraps ErrSpec and says where an expression
// is wrong.
//
// An expression is one of expr-lang.org's that is true or false, over what the
// event says:
//
//	member.id member.name member.locale member.time_zone   texts, "" if not known
//	member.bot member.guest                                 true or false
//	member.joined                                           Unix milliseconds of the first join, 0 if not known
//	channel channel_name platform locale kind               of the event; locale is the member's
//	label["vip-tier"]                                       what middleware said of the event, "" if nothing
//
// label also has, by the same names and where middleware says nothing else, the
// attributes of the event and of its member (platform, channel, locale, kind,
// time_zone, bot, guest), so that every attribute can be asked for as a label.
// The functions are lower, upper, trim and len; there are no loops. NAME==VALUE
// and NAME!=VALUE with a bare word for the value is short for
// label["NAME"] == "VALUE", and may be joined by &&: vip-tier==gold && region!=eu.
//
// A condition that cannot be worked out for an event is not true of it.
func New(id string, s Spec) (*Rule, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	h := fnv.New64a()
	h.Write([]byte(id))
	r := &Rule{spec: s.WithDefaults(), id: h.Sum64()}
	r.spec.Labels, r.spec.Channels = slices.Clone(s.Labels), slices.Clone(s.Channels)
	for i, l := range s.Labels {
		c, err := compile(l.When)
		if err != nil {
			return nil, bad("label %d: %v", i+1, err)
		}
		r.labels = append(r.labels, c)
	}
	return r, nil
}

// Spec is what the rule was made of, with its defaults filled in. Do not change
// what its slices hold.
func (r *Rule) Spec() Spec { return r.spec }

// Candidate says whether an event goes to the new version. It is the same
// whenever it is asked about the same event, and for all events of one member of
// whom the same labels are true; of events that are nobody's, for all in one
// conversation. Who is in at some share is in at every larger one.
func (r *Rule) Candidate(ev *abi.Event) bool {
	return r.point(ev) < r.weight(ev)
}

// weight is the percentage that an event's like are given.
func (r *Rule) weight(ev *abi.Event) float64 {
	if len(r.spec.Channels) > 0 && slices.Contains(r.spec.Channels, ev.Conversation.ID) {
		return 100
	}
	if len(r.labels) > 0 {
		env := newEnv(ev)
		for i, c := range r.labels {
			if c.holds(env) {
				return r.spec.Labels[i].Weight
			}
		}
	}
	return r.spec.Share
}

// point is where an event's member lies between 0 and 100: in at every share
// above it. What belongs to nobody and nowhere is placed by itself.
func (r *Rule) point(ev *abi.Event) float64 {
	key := ev.Member.ID
	if key == "" {
		key = ev.Conversation.ID
	}
	if key == "" {
		key = ev.Source + "/" + ev.ID
	}
	h := fnv.New64a()
	var id [8]byte
	binary.BigEndian.PutUint64(id[:], r.id)
	h.Write(id[:])
	h.Write([]byte(key))
	return float64(mix(h.Sum64())>>11) / (1 << 53) * 100
}

// mix spreads what differs in few bits over all of them: FNV alone leaves the
// upper bits of short texts alike. It is the finalizer of MurmurHash3.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
