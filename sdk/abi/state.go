package abi

//msgp:limit arrays:65536 maps:256

import (
	"encoding/binary"
	"fmt"
)

// A plugin's rows are its own: the host keeps them apart from every other
// plugin's. A state key is a path whose first segments say whose row it is, so
// that the host can find, count, export and erase what it holds of a person:
//
//	c/NAME…                 the community's
//	m/MEMBER ID/NAME…       a member's
//	v/CONVERSATION ID/NAME… a conversation's
//
// A segment escapes "/", "%", spaces and control characters as "%" and two
// hexadecimal digits in lower case: a/b is a%2fb.

// Scan asks for rows in the order of their keys.
type Scan struct {
	Prefix  string `msg:"p"`
	After   string `msg:"a,omitempty"` // only keys behind this one (before it, if Reverse)
	Limit   int    `msg:"l,omitempty"` // at most MaxScan; 0 is MaxScan. A relaxed scan may ask for more
	Reverse bool   `msg:"r,omitempty"`
	Relaxed bool   `msg:"x,omitempty"` // not checked at commit: fast, up to MaxRelaxed bytes, possibly out of date by then
}

// Rows answers a Scan.
type Rows struct {
	Rows []Pair `msg:"r"`
	More bool   `msg:"m,omitempty"` // there were more than asked for
}

// Pair is one row.
type Pair struct {
	Key   string `msg:"k"`
	Value []byte `msg:"v"`
}

// CounterValue reads the value of a counter's row: eight bytes, a big-endian
// two's complement integer.
func CounterValue(row []byte) (int64, error) {
	if len(row) != 8 {
		return 0, fmt.Errorf("abi: no counter: its row has %d bytes, not 8", len(row))
	}
	return int64(binary.BigEndian.Uint64(row)), nil
}

// CounterRow is the reverse of CounterValue.
func CounterRow(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
