package bolt

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/hearthbot/hearth/store"
)

var (
	metaBucket = []byte("hearth")
	rowsBucket = []byte("rows")
	formatKey  = []byte("format")
	stateKey   = []byte("state")
)

const (
	format = "hearth store 1"

	rowHeader = 4 + 8 // checksum and revision
	stateLen  = 3*8 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRow appends the stored form of a row and returns its checksum too.
func appendRow(b, key []byte, rev store.Rev, value []byte) ([]byte, uint32) {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(rev))
	b = append(b, value...)
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, b[at+4:])
	binary.BigEndian.PutUint32(b[at:], sum)
	return b, sum
}

// parseRow takes the stored form apart; value is part of b.
func parseRow(key, b []byte) (rev store.Rev, value []byte, sum uint32, err error) {
	if len(b) < rowHeader || len(b) > rowHeader+store.MaxValue {
		return 0, nil, 0, fmt.Errorf("row %q has %d bytes, and ought to have %d to %d", key, len(b), rowHeader, rowHeader+store.MaxValue)
	}
	sum = binary.BigEndian.Uint32(b)
	if got := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, b[4:]); got != sum {
		return 0, nil, 0, fmt.Errorf("row %q has checksum %08x, not %08x", key, got, sum)
	}
	rev = store.Rev(binary.BigEndian.Uint64(b[4:]))
	if rev == 0 {
		return 0, nil, 0, fmt.Errorf("row %q has revision 0", key)
	}
	return rev, b[rowHeader:], sum, nil
}

// state is the record of the last commit.
type state struct {
	rev  store.Rev
	rows uint64 // how many there are
	sum  uint64 // of their checksums
}

func (s state) encode(b []byte) []byte {
	at := len(b)
	b = binary.BigEndian.AppendUint64(b, uint64(s.rev))
	b = binary.BigEndian.AppendUint64(b, s.rows)
	b = binary.BigEndian.AppendUint64(b, s.sum)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[at:], castagnoli))
}

func parseState(b []byte) (state, error) {
	if len(b) != stateLen {
		return state{}, fmt.Errorf("state record has %d bytes, not %d", len(b), stateLen)
	}
	if got, want := crc32.Checksum(b[:stateLen-4], castagnoli), binary.BigEndian.Uint32(b[stateLen-4:]); got != want {
		return state{}, fmt.Errorf("state record has checksum %08x, not %08x", got, want)
	}
	return state{
		rev:  store.Rev(binary.BigEndian.Uint64(b)),
		rows: binary.BigEndian.Uint64(b[8:]),
		sum:  binary.BigEndian.Uint64(b[16:]),
	}, nil
}
