// Command message is an ordinary plugin written with package abi alone: it reads
// two rows, writes one and sends one message.
package main

import (
	"strconv"
	"unsafe"

	"github.com/hearthbot/hearth/sdk/abi"
)

func main() {}

var (
	input  []byte
	output []byte
	buf    [4 << 10]byte
	calls  int // goes on only in an instance that is used again
)

//go:wasmexport hearth_abi
func version() uint32 { return abi.Version }

//go:wasmexport hearth_buffer
func buffer(n uint32) uint32 {
	if int(n) > cap(input) {
		input = make([]byte, n)
	}
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(input))))
}

//go:wasmexport describe
func describe(uint32) uint64 {
	return result((&abi.Manifest{Name: "message", Version: "1.0.0"}).MarshalMsg(nil))
}

// warm has the allocator ready for objects of every small size, with pointers
// and without: else each event takes the first of a span anew.
//
//go:wasmexport warm
func warm(uint32) uint64 {
	for n := 8; n <= 2048; n += 8 {
		plain = make([]byte, n)
		pointers = make([]*byte, n/8)
	}
	return 0
}

var (
	plain    []byte
	pointers []*byte
)

//go:wasmexport handle
func handle(n uint32) uint64 {
	calls++
	var c abi.Call
	if _, err := c.UnmarshalMsg(input[:n]); err != nil {
		panic(err)
	}
	who := c.Event.Member
	greeted := get("m/" + who.ID + "/greeted")
	path := get("c/path")
	count, _ := strconv.Atoi(greeted)
	return result((&abi.Effects{
		Writes: []abi.Write{{Key: "m/" + who.ID + "/greeted", Value: strconv.AppendInt(nil, int64(count+1), 10)}},
		Out: []abi.Effect{{Send: &abi.Send{
			To:  abi.Target{Member: who.ID},
			Key: "hello",
			Content: abi.Content{Blocks: []abi.Block{
				{Text: "Welcome, " + who.Name + "! Begin here: " + path},
				{Buttons: []abi.Button{{Label: "Help", Action: "help"}}},
			}},
		}}},
	}).MarshalMsg(output[:0]))
}

func get(key string) string {
	n := kvGet(unsafe.StringData(key), uint32(len(key)), &buf[0], uint32(len(buf)))
	if n < 0 || int(n) > len(buf) {
		return ""
	}
	return string(buf[:n])
}

func result(b []byte, err error) uint64 {
	if err != nil {
		panic(err)
	}
	output = b
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))<<32 | uint64(len(b))
}

//go:wasmimport hearth kv_get
//go:noescape
func kvGet(key *byte, n uint32, buf *byte, room uint32) int32
