//go:build wasip1

package sdk

import (
	"fmt"
	"unsafe"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/internal/guest"
	"github.com/hearthbot/hearth/sdk/internal/wire"
)

// The exports and imports of the ABI. Memory that crosses is the module's own: a
// buffer that hearth_buffer makes as long as the host wants, which holds first
// the input, then each row that is read, then the output. Nothing refers to what
// lies in it, and an event writes few pages of it, which are few to restore.

//go:wasmimport hearth kv_get
func kvGet(key unsafe.Pointer, keyLen uint32, buf unsafe.Pointer, room uint32) int32

//go:wasmimport hearth kv_scan
func kvScan(scan unsafe.Pointer, scanLen uint32, buf unsafe.Pointer, room uint32) int32

//go:wasmimport hearth log
func logLine(level uint32, text unsafe.Pointer, textLen uint32)

const firstRoom = 16 << 10

var (
	input  = make([]byte, firstRoom)
	rows   = input // or longer
	output = input[:0]
)

// event is what every event has of its own.
type event struct {
	call    abi.Call
	effects abi.Effects
}

// The codecs of what every event meets.
var (
	calls   = wire.Of[abi.Call]()
	effects = wire.Of[abi.Effects]()
)

//go:wasmexport hearth_abi
func exportVersion() int32 { return abi.Version }

//go:wasmexport hearth_buffer
func exportBuffer(n uint32) unsafe.Pointer {
	if int(n) > len(input) {
		input = make([]byte, n)
		rows, output = input, input[:0]
	}
	return unsafe.Pointer(unsafe.SliceData(input))
}

//go:wasmexport describe
func exportDescribe(uint32) uint64 {
	m, err := single().Describe()
	must(err)
	return give(m.MarshalMsg(output[:0]))
}

//go:wasmexport warm
func exportWarm(n uint32) uint64 {
	var s abi.Setup
	take(s.UnmarshalMsg(input[:n]))
	must(single().Warm(&s, host{}))
	stock()
	return 0
}

//go:wasmexport handle
func exportHandle(n uint32) uint64 {
	e := new(event)
	if !calls.Decode(string(input[:n]), &e.call) {
		e.call = abi.Call{}
		take(e.call.UnmarshalMsg(input[:n]))
	}
	e.effects = single().Handle(&e.call, host{})
	return give(effects.Append(output[:0], &e.effects), nil)
}

//go:wasmexport query
func exportQuery(n uint32) uint64 {
	var q abi.Query
	take(q.UnmarshalMsg(input[:n]))
	v := single().Query(&q, host{})
	return give(v.MarshalMsg(output[:0]))
}

//go:wasmexport migrate
func exportMigrate(n uint32) uint64 {
	var m abi.Migration
	take(m.UnmarshalMsg(input[:n]))
	done := single().Migrate(&m)
	return give(done.MarshalMsg(output[:0]))
}

// single is the plugin of this module.
func single() guest.Guest {
	ps := guest.Declared()
	if len(ps) != 1 {
		panic(fmt.Sprintf("a module is one plugin; this one declares %d with sdk.New", len(ps)))
	}
	return ps[0]
}

// take and give end the codecs' calls, which name their types: through an
// interface the linker would keep both directions of every codec.
func take(_ []byte, err error) {
	if err != nil {
		panic(fmt.Errorf("decode what the host sent: %w", err))
	}
}

func give(encoded []byte, err error) uint64 {
	if err != nil {
		panic(fmt.Errorf("encode for the host: %w", err))
	}
	output = encoded
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(output))))<<32 | uint64(len(output))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// host is the other side.
type host struct{}

func (host) Get(key string) ([]byte, bool, error) {
	n := kvGet(unsafe.Pointer(unsafe.StringData(key)), uint32(len(key)), unsafe.Pointer(unsafe.SliceData(rows)), uint32(len(rows)))
	if int(n) > len(rows) {
		rows = make([]byte, n)
		return host{}.Get(key)
	}
	if n < 0 {
		return nil, false, nil
	}
	return rows[:n], true, nil
}

func (host) Scan(s abi.Scan) (abi.Rows, error) {
	ask, err := s.MarshalMsg(nil)
	if err != nil {
		return abi.Rows{}, err
	}
	n := kvScan(unsafe.Pointer(unsafe.SliceData(ask)), uint32(len(ask)), unsafe.Pointer(unsafe.SliceData(rows)), uint32(len(rows)))
	if int(n) > len(rows) {
		rows = make([]byte, n)
		return host{}.Scan(s)
	}
	if n < 0 {
		return abi.Rows{}, fmt.Errorf("the host answered %d", n)
	}
	var out abi.Rows
	_, err = out.UnmarshalMsg(rows[:n])
	return out, err
}

func (host) Log(level int, line string) {
	logLine(uint32(level), unsafe.Pointer(unsafe.StringData(line)), uint32(len(line)))
}
