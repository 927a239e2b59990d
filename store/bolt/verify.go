package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/hearthbot/hearth/store"
)

// verify reads the file at path through before bbolt maps it: that every page
// below the high-water mark is there and used once, that the trees are in
// order, and that rows and state record have their checksums and agree. Rows
// are read only if the file has at most limit bytes.
//
// It returns store.ErrCorrupt or store.ErrFormat, naming file and page.
func verify(ctx context.Context, path string, limit int64) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	v := verifier{ctx: ctx, file: f, size: info.Size(), rows: info.Size() <= limit}
	switch err := v.run(); {
	case err == nil, ctx.Err() != nil, errors.As(err, new(*os.PathError)):
		return err
	case errors.Is(err, errUnknown):
		return fmt.Errorf("%w: %s: %w: open it with the hearth that wrote it", store.ErrFormat, path, err)
	default:
		return fmt.Errorf("%w: %s: %w: restore a backup", store.ErrCorrupt, path, err)
	}
}

// verifier is one reading of a file.
type verifier struct {
	ctx  context.Context
	file io.ReaderAt
	size int64
	rows bool // read the leaves of the rows too

	meta   meta
	used   []byte               // of each page: 0, or what it is used for
	rooms  [maxDepth + 1][]byte // for a page at each depth
	leaves int                  // the depth from which on pages are not read; 0 for none
	got    state                // of the rows that were read
}

const (
	usedFree = 1 + iota
	usedTree
	usedMeta
)

// errUnknown starts a sentence that ends with what is not known.
var errUnknown = errors.New("this hearth does not know")

// maxDepth is more than a tree of 2⁶⁴ pages has.
const maxDepth = 64

// pageError is what is wrong with a page.
type pageError struct {
	id   uint64
	size uint32
	err  error
}

func (e *pageError) Error() string {
	return fmt.Sprintf("page %d, offset %d: %v", e.id, e.id*uint64(e.size), e.err)
}

func (e *pageError) Unwrap() error { return e.err }

func (v *verifier) wrong(id uint64, format string, args ...any) error {
	return &pageError{id, v.meta.pageSize, fmt.Errorf(format, args...)}
}

func (v *verifier) run() error {
	if err := v.readMeta(); err != nil {
		return err
	}
	if need := int64(v.meta.pages) * int64(v.meta.pageSize); v.size < need {
		return v.wrong(uint64(v.size)/uint64(v.meta.pageSize), "the file ends here, at %d bytes of %d: it has been truncated", v.size, need)
	}
	v.used = make([]byte, v.meta.pages)
	v.used[0], v.used[1] = usedMeta, usedMeta
	if err := v.readFreelist(); err != nil {
		return err
	}
	want, root, err := v.readBuckets()
	if err != nil {
		return err
	}
	if !v.rows && root != 0 {
		if v.leaves, err = v.findLeaves(root); err != nil {
			return err
		}
	}
	if root != 0 { // else they lie in the root's page, and have been read
		if err := v.tree(root, nil, nil, 0, v.row); err != nil {
			return err
		}
	}
	if !v.rows {
		return nil
	}
	for id, use := range v.used {
		if use == 0 {
			return v.wrong(uint64(id), "it is neither used nor free")
		}
	}
	if v.got.rows != want.rows || v.got.sum != want.sum || v.got.rev > want.rev {
		return fmt.Errorf("it has %d rows with sum %x up to revision %d; the state record says %d, %x and %d",
			v.got.rows, v.got.sum, v.got.rev, want.rows, want.sum, want.rev)
	}
	return nil
}

// readMeta finds the last transaction. Both meta pages must be whole: a power
// cut tears no sector, and a meta page is within one, so one that is damaged
// was not being written. To go on with the other would drop a commit unseen.
func (v *verifier) readMeta() error {
	head := make([]byte, pageHeader+metaSummed+8)
	read := func(id uint64) (meta, error) {
		n, err := v.file.ReadAt(head, int64(id)*int64(v.meta.pageSize))
		if err != nil && !errors.Is(err, io.EOF) {
			return meta{}, err
		}
		if n < len(head) {
			return meta{}, v.wrong(id, "the file ends here, at %d bytes: it has been truncated", v.size)
		}
		m, known, err := parseMeta(head[pageHeader:])
		if err != nil {
			return meta{}, v.wrong(id, "%w", err)
		}
		if !known {
			return meta{}, v.wrong(id, "%w this version of bbolt", errUnknown)
		}
		p := parsePage(head)
		if p.id != id || p.flags != flagMeta {
			return meta{}, v.wrong(id, "it says it is page %d of type %#x", p.id, p.flags)
		}
		return m, nil
	}
	first, err := read(0)
	if err != nil {
		return err
	}
	if s := first.pageSize; s < 512 || s > 1<<20 || s&(s-1) != 0 {
		return v.wrong(0, "it says that pages have %d bytes", s)
	}
	v.meta = first
	second, err := read(1)
	if err != nil {
		return err
	}
	if second.pageSize != first.pageSize {
		return v.wrong(1, "it says that pages have %d bytes, page 0 says %d", second.pageSize, first.pageSize)
	}
	if second.txid > first.txid {
		v.meta = second
	}
	if v.meta.pages < 4 || v.meta.pages > 1<<40 {
		return v.wrong(v.meta.txid%2, "it says that there are %d pages", v.meta.pages)
	}
	return nil
}

// readPage reads a page with its overflow into room, which it makes as large as
// need be, and marks every page of it as used.
func (v *verifier) readPage(id uint64, use byte, room *[]byte) (page, error) {
	if err := v.ctx.Err(); err != nil {
		return page{}, err
	}
	if id < 2 || id >= v.meta.pages {
		return page{}, fmt.Errorf("there is no page %d: there are %d", id, v.meta.pages)
	}
	size := int(v.meta.pageSize)
	*room = slices.Grow((*room)[:0], size)[:size]
	if _, err := v.file.ReadAt(*room, int64(id)*int64(size)); err != nil {
		return page{}, v.wrong(id, "read: %w", err)
	}
	p := parsePage(*room)
	if p.id != id {
		return page{}, v.wrong(id, "it says it is page %d", p.id)
	}
	if id+uint64(p.overflow) >= v.meta.pages {
		return page{}, v.wrong(id, "it says it has %d pages more, and there are %d in all", p.overflow, v.meta.pages)
	}
	for i := id; i <= id+uint64(p.overflow) && use != 0; i++ {
		if v.used[i] != 0 {
			return page{}, v.wrong(i, "it is used twice")
		}
		v.used[i] = use
	}
	if all := size * (1 + int(p.overflow)); all > size {
		*room = slices.Grow(*room, all-size)[:all]
		if _, err := v.file.ReadAt((*room)[size:], int64(id+1)*int64(size)); err != nil {
			return page{}, v.wrong(id, "read: %w", err)
		}
		p.data = *room
	}
	return p, nil
}

func (v *verifier) readFreelist() error {
	p, err := v.readPage(v.meta.freelist, usedTree, &v.rooms[0])
	if err != nil {
		return err
	}
	if p.flags != flagFreelist {
		return v.wrong(p.id, "it has type %#x, and ought to be the list of free pages", p.flags)
	}
	free, err := p.freelist()
	if err != nil {
		return v.wrong(p.id, "%w", err)
	}
	for _, id := range free {
		if id < 2 || id >= v.meta.pages || v.used[id] != 0 {
			return v.wrong(p.id, "it lists page %d as free", id)
		}
		v.used[id] = usedFree
	}
	return nil
}

// readBuckets reads the root and the state record, and returns the page that
// the rows start at.
func (v *verifier) readBuckets() (want state, root uint64, err error) {
	var (
		meta  map[string][]byte
		found bool
	)
	err = v.tree(v.meta.root, nil, nil, 0, func(p page, flags uint32, key, value []byte) error {
		if flags != leafBucket || len(value) < bucketHeader {
			return v.wrong(p.id, "%q is no bucket", key)
		}
		at := order.Uint64(value)
		switch {
		case bytes.Equal(key, rowsBucket) && at != 0:
			root, found = at, true
		case bytes.Equal(key, rowsBucket):
			found = true
			return v.inline(p, value, v.row)
		case bytes.Equal(key, metaBucket) && at == 0:
			meta = make(map[string][]byte)
			return v.inline(p, value, func(_ page, _ uint32, key, value []byte) error {
				meta[string(key)] = bytes.Clone(value)
				return nil
			})
		default:
			return v.wrong(p.id, "%w bucket %q", errUnknown, key)
		}
		return nil
	})
	if err != nil {
		return state{}, 0, err
	}
	if meta == nil || !found {
		return state{}, 0, v.wrong(v.meta.root, "%w a file without the buckets %q and %q", errUnknown, metaBucket, rowsBucket)
	}
	if got := string(meta[string(formatKey)]); got != format {
		return state{}, 0, v.wrong(v.meta.root, "%w format %q, only %q", errUnknown, got, format)
	}
	want, err = parseState(meta[string(stateKey)])
	if err != nil {
		return state{}, 0, v.wrong(v.meta.root, "%w", err)
	}
	return want, root, nil
}
