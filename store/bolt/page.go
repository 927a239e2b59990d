package bolt

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
)

// The pages of a bbolt file, format 2, as they lie on disk, in the byte order of
// the machine. bbolt's own reader of them is internal and trusts what it reads.
//
//	page    id u64 │ flags u16 │ count u16 │ overflow u32 │ elements … keys and values …
//	branch  pos u32 │ ksize u32 │ child u64           pos counts from the element
//	leaf    flags u32 │ pos u32 │ ksize u32 │ vsize u32
//	meta    magic u32 │ version u32 │ page size u32 │ flags u32 │ root u64 │ sequence u64 │
//	        freelist u64 │ pages u64 │ transaction u64 │ fnv64a u64
const (
	pageHeader  = 16
	elementSize = 16

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreelist = 0x10

	leafBucket   = 0x01 // flag of a leaf element whose value is a bucket
	bucketHeader = 16   // root u64 │ sequence u64; an inline page follows if root is 0

	metaMagic   = 0xED0CDAED
	metaVersion = 2
	metaSummed  = 56 // bytes of it that its checksum covers
)

var order = binary.NativeEndian

// page is one page with its overflow, checked as far as its header goes.
type page struct {
	data         []byte
	id           uint64
	flags, count uint16
	overflow     uint32
}

func parsePage(b []byte) page {
	return page{data: b, id: order.Uint64(b), flags: order.Uint16(b[8:]), count: order.Uint16(b[10:]), overflow: order.Uint32(b[12:])}
}

// element returns the i-th element and the bytes its pos counts from.
func (p page) element(i int) (e, from []byte, err error) {
	at := pageHeader + i*elementSize
	if at+elementSize > len(p.data) {
		return nil, nil, fmt.Errorf("it has no room for element %d", i)
	}
	return p.data[at : at+elementSize], p.data[at:], nil
}

func (p page) branch(i int) (key []byte, child uint64, err error) {
	e, from, err := p.element(i)
	if err != nil {
		return nil, 0, err
	}
	pos, size := uint64(order.Uint32(e)), uint64(order.Uint32(e[4:]))
	if size == 0 || pos < elementSize || pos+size > uint64(len(from)) {
		return nil, 0, fmt.Errorf("element %d lies outside", i)
	}
	return from[pos : pos+size], order.Uint64(e[8:]), nil
}

func (p page) leaf(i int) (flags uint32, key, value []byte, err error) {
	e, from, err := p.element(i)
	if err != nil {
		return 0, nil, nil, err
	}
	flags = order.Uint32(e)
	pos, ksize, vsize := uint64(order.Uint32(e[4:])), uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
	if ksize == 0 || pos < elementSize || pos+ksize+vsize > uint64(len(from)) {
		return 0, nil, nil, fmt.Errorf("element %d lies outside", i)
	}
	return flags, from[pos : pos+ksize], from[pos+ksize : pos+ksize+vsize], nil
}

// freelist returns the ids of the free pages.
func (p page) freelist() ([]uint64, error) {
	b, n := p.data[pageHeader:], uint64(p.count)
	if p.count == 0xffff { // more than fit in count
		if len(b) < 8 {
			return nil, fmt.Errorf("it has no room for its count")
		}
		n, b = order.Uint64(b), b[8:]
	}
	if n > uint64(len(b)/8) {
		return nil, fmt.Errorf("it has no room for %d free pages", n)
	}
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = order.Uint64(b[8*i:])
	}
	return ids, nil
}

// meta is where a transaction begins.
type meta struct {
	pageSize                    uint32
	root, freelist, pages, txid uint64
}

// parseMeta reads a meta page's body. known is false if it is whole, but of a
// version of bbolt that this one does not know.
func parseMeta(b []byte) (m meta, known bool, err error) {
	if len(b) < metaSummed+8 {
		return meta{}, false, fmt.Errorf("it is cut off")
	}
	if got := order.Uint32(b); got != metaMagic {
		return meta{}, false, fmt.Errorf("it starts with %08x, not %08x", got, uint32(metaMagic))
	}
	h := fnv.New64a()
	h.Write(b[:metaSummed])
	if got, want := h.Sum64(), order.Uint64(b[metaSummed:]); got != want {
		return meta{}, false, fmt.Errorf("it has checksum %016x, not %016x", got, want)
	}
	m = meta{
		pageSize: order.Uint32(b[8:]),
		root:     order.Uint64(b[16:]),
		freelist: order.Uint64(b[32:]),
		pages:    order.Uint64(b[40:]),
		txid:     order.Uint64(b[48:]),
	}
	return m, order.Uint32(b[4:]) == metaVersion, nil
}
