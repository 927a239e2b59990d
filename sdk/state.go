package sdk

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// owner says whose a row is: the first segment of its key.
type owner byte

const (
	ofCommunity    owner = 'c'
	ofMember       owner = 'm'
	ofConversation owner = 'v'
)

// rowSet names rows: one, or a map of them.
type rowSet struct {
	owner owner
	id    string // of whom, if not of the event's
	name  string
	tail  string // what the name is in a key
}

func rowsOf(o owner, name string) rowSet {
	return rowSet{owner: o, name: name, tail: "/" + abi.KeySegment(name)}
}

// key is the row's, or a map's entry's. A row that was read is often written
// next: its key is kept.
func (s *rowSet) key(b *Base, entry string) string {
	if entry != "" {
		return s.prefix(b) + "/" + abi.KeySegment(entry)
	}
	if k := &b.named; k.key == "" || k.set != *s {
		*k = namedRow{set: *s, key: s.prefix(b)}
	}
	return b.named.key
}

// namedRow is a row and its key.
type namedRow struct {
	set rowSet
	key string
}

func (s *rowSet) prefix(b *Base) string {
	if s.owner == ofCommunity {
		return "c" + s.tail
	}
	id := s.id
	if id == "" && b != nil {
		id = b.member
		if s.owner == ofConversation {
			id = b.place
		}
	}
	if id == "" {
		whose := "member"
		if s.owner == ofConversation {
			whose = "conversation"
		}
		panic(mistakef("state %q is kept for each %s and this event has none: say which with Of", s.name, whose))
	}
	if s.owner == ofMember {
		return "m/" + abi.KeySegment(id) + s.tail
	}
	return "v/" + abi.KeySegment(id) + s.tail
}

const hexDigits = "0123456789abcdef"

// unsegment is the reverse of segment.
func unsegment(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			high, low := strings.IndexByte(hexDigits, s[i+1]), strings.IndexByte(hexDigits, s[i+2])
			if high >= 0 && low >= 0 {
				b = append(b, byte(high<<4|low))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// Value is one row: of each member, of each conversation, or of the community.
// Declare it as a package variable; its zero value is of no use.
type Value[T any] struct{ set rowSet }

// PerMember is a value that each member has. The host erases it with them.
func PerMember[T any](name string) Value[T] { return value[T](ofMember, name) }

// PerConversation is a value that each conversation has.
func PerConversation[T any](name string) Value[T] { return value[T](ofConversation, name) }

// PerCommunity is a value that the community has. Every event that writes it
// conflicts with every other: count with a [Counter].
func PerCommunity[T any](name string) Value[T] { return value[T](ofCommunity, name) }

// value works out T's codec while the image is made. A type that cannot be kept
// is found out by Describe.
func value[T any](o owner, name string) Value[T] {
	keep[T](name)
	return Value[T]{rowsOf(o, name)}
}

func keep[T any](name string) {
	if _, err := codecOf(reflect.TypeFor[T]()); err != nil {
		unkept = append(unkept, fmt.Errorf("state %q: %w", name, err))
	}
}

// unkept is what is wrong with the declarations of state.
var unkept []error

// Of is the value of another member or conversation than the event's, for which
// [CanMembers] has to be asked.
func (v Value[T]) Of(id string) Value[T] {
	v.set.id = id
	return v
}

// Lookup returns the value, and whether there is one.
func (v Value[T]) Lookup(r Reader) (T, bool) { return lookup[T](r.reader(), v.set.key(r.reader(), "")) }

// Get returns the value, the zero T if there is none.
func (v Value[T]) Get(r Reader) T {
	x, _ := v.Lookup(r)
	return x
}

// Set writes the value.
func (v Value[T]) Set(w Writer, x T) { store(w, v.set.key(w.reader(), ""), x) }

// Delete deletes the value. One that is not there is no error.
func (v Value[T]) Delete(w Writer) { w.writer().drop(v.set.key(w.reader(), "")) }

// Prefix is the key of a community's value, for [Plugin.Warm].
func (v Value[T]) Prefix() string { return v.set.prefix(nil) }

// Counter is a number that only ever has something added to it, which never
// conflicts.
type Counter struct{ set rowSet }

// MemberCounter is a counter that each member has.
func MemberCounter(name string) Counter { return Counter{rowsOf(ofMember, name)} }

// ConversationCounter is a counter that each conversation has.
func ConversationCounter(name string) Counter {
	return Counter{rowsOf(ofConversation, name)}
}

// CommunityCounter is a counter that the community has.
func CommunityCounter(name string) Counter { return Counter{rowsOf(ofCommunity, name)} }

// Of is the counter of another member or conversation than the event's.
func (n Counter) Of(id string) Counter {
	n.set.id = id
	return n
}

// Add adds delta.
func (n Counter) Add(w Writer, delta int64) {
	i, key := w.writer(), n.set.key(w.reader(), "")
	for j := range i.adds {
		if i.adds[j].Key == key {
			i.adds[j].Delta += delta
			return
		}
	}
	i.adds = append(i.adds, abi.Add{Key: key, Delta: delta})
}

// Get returns what has been added up to now. Reading makes the invocation
// depend on it: it is run again if the counter moves meanwhile.
func (n Counter) Get(r Reader) int64 {
	b := r.reader()
	value, ok, err := b.host.Get(n.set.key(b, ""))
	if err != nil {
		panic(mistakef("read counter %q: %v", n.set.name, err))
	}
	if !ok {
		return 0
	}
	total, err := abi.CounterValue(value)
	if err != nil {
		panic(mistakef("read counter %q: %v", n.set.name, err))
	}
	return total
}

func lookup[T any](b *Base, key string) (v T, ok bool) {
	raw, ok, err := b.host.Get(key)
	if err != nil {
		panic(mistakef("read %s: %v", key, err))
	}
	if !ok {
		return v, false
	}
	return decoded[T](key, raw), true
}

func decoded[T any](key string, raw []byte) T {
	v, err := Decode[T](raw)
	if err != nil {
		panic(mistakef("read %s: %v; was it written by a version with another type?", key, err))
	}
	return v
}

func store[T any](w Writer, key string, x T) {
	raw, err := Encode(x)
	if err != nil {
		panic(mistakef("write %s: %v", key, err))
	}
	switch {
	case len(raw) > abi.MaxValue:
		panic(mistakef("write %s: the value has %d bytes, at most %d", key, len(raw), abi.MaxValue))
	case len(key) > abi.MaxKey:
		panic(mistakef("write %.80s…: the key has %d bytes, at most %d", key, len(key), abi.MaxKey))
	}
	i := w.writer()
	i.writes = putWrite(i.writes, abi.Write{Key: key, Value: raw})
}

func (i *Invocation) drop(key string) {
	i.writes = putWrite(i.writes, abi.Write{Key: key, Delete: true})
}

// putWrite adds w, or puts it in the place of an earlier write of its key.
func putWrite(writes []abi.Write, w abi.Write) []abi.Write {
	for j := range writes {
		if writes[j].Key == w.Key {
			writes[j] = w
			return writes
		}
	}
	return append(writes, w)
}
