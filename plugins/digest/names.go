package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tinylib/msgp/msgp"
)

// namesRow is what conversations are called, "+" before the name of one that is
// open to all, and "-" before that of another. Each step of the lane reads it, and
// there may be hundreds: so it has a codec of its own, which writes what the SDK's
// would, in the order of the ids.
type namesRow map[string]string

// MarshalMsg implements [msgp.Marshaler].
func (r *namesRow) MarshalMsg(b []byte) ([]byte, error) {
	b = msgp.AppendMapHeader(b, uint32(len(*r)))
	for _, id := range slices.Sorted(maps.Keys(*r)) {
		b = msgp.AppendString(msgp.AppendString(b, id), (*r)[id])
	}
	return b, nil
}

// UnmarshalMsg implements [msgp.Unmarshaler].
func (r *namesRow) UnmarshalMsg(b []byte) ([]byte, error) {
	n, b, err := msgp.ReadMapHeaderBytes(b)
	if err == nil && int(n) > len(b) {
		err = msgp.ErrShortBytes
	}
	if err != nil {
		return b, fmt.Errorf("names of conversations: %w", err)
	}
	all := make(namesRow, n)
	for range n {
		var id, name string
		if id, b, err = msgp.ReadStringBytes(b); err == nil {
			name, b, err = msgp.ReadStringBytes(b)
		}
		if err != nil {
			return b, fmt.Errorf("names of conversations: %w", err)
		}
		all[id] = name
	}
	*r = all
	return b, nil
}
