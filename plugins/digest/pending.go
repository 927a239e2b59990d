package main

import (
	"bytes"
	"fmt"

	"github.com/tinylib/msgp/msgp"
)

// lines are those of a row, as they are stored: MessagePack of a []line. A message
// adds one behind the others, and reads none of them; the lane reads them all.
type lines []byte

// MarshalMsg implements [msgp.Marshaler].
func (k *lines) MarshalMsg(b []byte) ([]byte, error) {
	if len(*k) == 0 {
		return msgp.AppendArrayHeader(b, 0), nil
	}
	return append(b, *k...), nil
}

// UnmarshalMsg implements [msgp.Unmarshaler]. The lines are all of b: they are a
// row of their own.
func (k *lines) UnmarshalMsg(b []byte) ([]byte, error) {
	if _, _, err := msgp.ReadArrayHeaderBytes(b); err != nil {
		return b, fmt.Errorf("what is pending: %w", err)
	}
	*k = b
	return nil, nil
}

// with has another line at its end. One that says again what is there already it
// leaves out.
func (k lines) with(l line) (lines, bool) {
	one, err := l.MarshalMsg(nil)
	if err != nil {
		panic(err) // nothing in a line can fail
	}
	n, body := uint32(0), []byte(nil)
	if len(k) > 0 {
		if n, body, err = msgp.ReadArrayHeaderBytes(k); err != nil {
			panic(err) // UnmarshalMsg has looked
		}
	}
	// No text within a line can have the bytes of a line: where one begins is no
	// valid UTF-8.
	if l.Op == opChanged && bytes.Contains(body, one) {
		return k, false
	}
	all := make(lines, 0, len(k)+len(one)+4)
	return append(append(msgp.AppendArrayHeader(all, n+1), body...), one...), true
}

// all are the lines themselves.
func (k lines) all() []line {
	if len(k) == 0 {
		return nil
	}
	n, b, err := msgp.ReadArrayHeaderBytes(k)
	var all []line
	for i := uint32(0); i < n && err == nil; i++ {
		var l line
		if b, err = l.UnmarshalMsg(b); err == nil {
			all = append(all, l)
		}
	}
	if err != nil {
		panic(fmt.Errorf("what is pending: %w; was it written by another version?", err))
	}
	return all
}

// linesOf is all's reverse.
func linesOf(all []line) lines {
	b := msgp.AppendArrayHeader(nil, uint32(len(all)))
	for i := range all {
		var err error
		if b, err = all[i].MarshalMsg(b); err != nil {
			panic(err) // nothing in a line can fail
		}
	}
	return b
}
