package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// A blob is a value that is too large for one row. Under a key K lie
//
//	K                        version u8 │ size u64 │ sha256 │ set
//	K/~/SET/SEQ              512 KiB of it, in the order of SEQ
//
// The chunks of a new set are committed first, one by one, then the row K that
// names the set, in one batch with the removal of the set it named before. A
// crash leaves at most a set that no row names, for [SweepBlobs] to remove.
//
// Large rows make their neighbours costly to write, so blobs ought to lie under
// a prefix of their own.

const (
	// MaxBlob is how many bytes a blob may have: as many as one batch can remove.
	MaxBlob = 32 << 20

	blobChunk   = 512 << 10
	blobVersion = 1
	blobHead    = 1 + 8 + sha256.Size // and the set
	blobMark    = "~"
)

// ErrNoBlob says that there is no blob under the key.
var ErrNoBlob = errors.New("store: no such blob")

// Blob describes a blob.
type Blob struct {
	Size   int64
	SHA256 [sha256.Size]byte
	Rev    Rev // of the row that names it

	key Key
	set string
}

func (b Blob) chunks() int { return int((b.Size + blobChunk - 1) / blobChunk) }

func (b Blob) chunk(i int) Key { return b.key.Join(blobMark, b.set, Seq(uint64(i))) }

func (b Blob) encode() []byte {
	v := append(make([]byte, 0, blobHead+len(b.set)), blobVersion)
	v = binary.BigEndian.AppendUint64(v, uint64(b.Size))
	v = append(v, b.SHA256[:]...)
	return append(v, b.set...)
}

// blob reads the row that names a blob; the zero Blob if there is none.
func blob(ctx context.Context, snap Snapshot, key Key) (Blob, error) {
	row, err := snap.Get(ctx, key)
	if err != nil || !row.Exists() {
		return Blob{}, err
	}
	v := row.Value
	if len(v) <= blobHead || v[0] != blobVersion {
		return Blob{}, fmt.Errorf("%w: %q is no blob of version %d", ErrFormat, key, blobVersion)
	}
	b := Blob{
		Size:   int64(binary.BigEndian.Uint64(v[1:])),
		SHA256: [sha256.Size]byte(v[9:blobHead]),
		Rev:    row.Rev,
		key:    key,
		set:    string(v[blobHead:]),
	}
	if b.Size < 0 || b.Size > MaxBlob {
		return Blob{}, fmt.Errorf("%w: blob %q says it has %d bytes", ErrCorrupt, key, uint64(b.Size))
	}
	return b, nil
}

// PutBlob keeps what r yields under key, in place of the blob that was there.
// It returns ErrTooLarge beyond MaxBlob, and ErrConflict if another PutBlob of
// the key, its DeleteBlob or a SweepBlobs came between; nothing has changed
// then, but r has been read.
func PutBlob(ctx context.Context, s Store, key Key, r io.Reader) (Blob, error) {
	old, err := blobNow(ctx, s, key)
	if err != nil {
		return Blob{}, fmt.Errorf("put blob %q: %w", key, err)
	}
	b := Blob{key: key, set: rand.Text()}
	name := new(Batch)
	name.Check(key, old.Rev)
	err = b.putChunks(ctx, s, r, name)
	unnamed := err != nil
	if err == nil {
		name.Put(key, b.encode())
		old.remove(name)
		b.Rev, err = s.Commit(ctx, name)
		// After any other error the set may have been named.
		unnamed = errors.Is(err, ErrConflict) || err != nil && errors.Is(err, ctx.Err())
	}
	if unnamed {
		orphans := new(Batch)
		b.remove(orphans)
		if _, e := s.Commit(context.WithoutCancel(ctx), orphans); e != nil {
			err = errors.Join(err, fmt.Errorf("remove its chunks: %w", e))
		}
	}
	if err != nil {
		return Blob{}, fmt.Errorf("put blob %q: %w", key, err)
	}
	return b, nil
}

// putChunks commits r's bytes as chunks of b, whose size and sum it sets, and
// adds to name a check that each chunk is still there.
func (b *Blob) putChunks(ctx context.Context, s Store, r io.Reader, name *Batch) error {
	sum := sha256.New()
	chunk := make([]byte, blobChunk)
	for {
		n, err := io.ReadFull(r, chunk)
		if n > 0 {
			if b.Size+int64(n) > MaxBlob {
				return fmt.Errorf("%w: it has more than %d bytes", ErrTooLarge, MaxBlob)
			}
			sum.Write(chunk[:n])
			put := new(Batch)
			put.Put(b.chunk(b.chunks()), chunk[:n])
			rev, err := s.Commit(ctx, put)
			if err != nil {
				return err
			}
			name.Check(b.chunk(b.chunks()), rev)
			b.Size += int64(n)
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			sum.Sum(b.SHA256[:0])
			return nil
		default:
			return err
		}
	}
}

// remove adds to batch the removal of b's chunks.
func (b Blob) remove(batch *Batch) {
	for i := range b.chunks() {
		batch.Delete(b.chunk(i))
	}
}

func blobNow(ctx context.Context, s Store, key Key) (Blob, error) {
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return Blob{}, err
	}
	defer snap.Close()
	return blob(ctx, snap, key)
}

// GetBlob returns the blob under key and its bytes, which are read through snap
// and as long as it is open. It returns ErrNoBlob if there is none. The Read
// that ought to return io.EOF returns ErrCorrupt if the bytes are not those that
// were put: until then they are not to be trusted.
func GetBlob(ctx context.Context, snap Snapshot, key Key) (Blob, io.Reader, error) {
	b, err := blob(ctx, snap, key)
	if err == nil && b.Rev == 0 {
		err = ErrNoBlob
	}
	if err != nil {
		return Blob{}, nil, fmt.Errorf("get blob %q: %w", key, err)
	}
	return b, &blobReader{ctx: ctx, snap: snap, blob: b, sum: sha256.New()}, nil
}

type blobReader struct {
	ctx   context.Context
	snap  Snapshot
	blob  Blob
	next  int    // chunk
	chunk []byte // what is left of the one before
	sum   hash.Hash
	err   error
}

func (r *blobReader) Read(p []byte) (int, error) {
	for len(r.chunk) == 0 && r.err == nil {
		r.chunk, r.err = r.load()
	}
	if len(r.chunk) == 0 {
		return 0, r.err
	}
	n := copy(p, r.chunk)
	r.chunk = r.chunk[n:]
	return n, nil
}

func (r *blobReader) load() ([]byte, error) {
	if r.next == r.blob.chunks() {
		if [sha256.Size]byte(r.sum.Sum(nil)) != r.blob.SHA256 {
			return nil, fmt.Errorf("%w: blob %q: its bytes have another SHA-256", ErrCorrupt, r.blob.key)
		}
		return nil, io.EOF
	}
	k := r.blob.chunk(r.next)
	row, err := r.snap.Get(r.ctx, k)
	if err != nil {
		return nil, err
	}
	want := min(blobChunk, r.blob.Size-int64(r.next)*blobChunk)
	if int64(len(row.Value)) != want {
		return nil, fmt.Errorf("%w: chunk %q has %d bytes, not %d", ErrCorrupt, k, len(row.Value), want)
	}
	r.next++
	r.sum.Write(row.Value)
	return row.Value, nil
}

// DeleteBlob removes the blob under key, if there is one. It returns
// ErrConflict if the blob was replaced meanwhile.
func DeleteBlob(ctx context.Context, s Store, key Key) error {
	b, err := blobNow(ctx, s, key)
	if err != nil {
		return fmt.Errorf("delete blob %q: %w", key, err)
	}
	if b.Rev == 0 {
		return nil
	}
	batch := new(Batch)
	batch.Check(key, b.Rev)
	batch.Delete(key)
	b.remove(batch)
	if _, err := s.Commit(ctx, batch); err != nil {
		return fmt.Errorf("delete blob %q: %w", key, err)
	}
	return nil
}

// SweepBlobs removes the chunks under prefix that belong to no blob, which
// crashes have left, and returns how many there were. Nothing but blobs may lie
// under prefix. A PutBlob that is under way there may lose its chunks and
// return ErrConflict, so it is best run at start-up.
func SweepBlobs(ctx context.Context, s Store, prefix Key) (swept int, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("sweep blobs: %w", err)
		}
	}()
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	for r := Prefix(prefix); ; {
		set, err := nextSet(ctx, snap, r)
		if err != nil || set == "" {
			return swept, err
		}
		n, err := sweepSet(ctx, s, snap, set)
		if err != nil {
			return swept, err
		}
		swept += n
		r.From = set.Prefix().after()
	}
}

// nextSet returns the first set K/~/SET in r that has chunks, "" if none has.
func nextSet(ctx context.Context, snap Snapshot, r Range) (Key, error) {
	for row, err := range snap.Scan(ctx, r) {
		if err != nil {
			return "", err
		}
		set := row.Key.parent()
		if set.parent().base() == blobMark {
			return set, nil
		}
	}
	return "", nil
}

// sweepSet removes the chunks of set unless its blob names it.
func sweepSet(ctx context.Context, s Store, snap Snapshot, set Key) (int, error) {
	key := set.parent().parent()
	b, err := blob(ctx, snap, key)
	if err != nil {
		return 0, err
	}
	if b.set == string(set.base()) {
		return 0, nil
	}
	batch := new(Batch)
	batch.Check(key, b.Rev) // it may name the set by now
	chunks := Prefix(set.Prefix())
	chunks.Limit = MaxOps
	for row, err := range snap.Scan(ctx, chunks) {
		if err != nil {
			return 0, err
		}
		batch.Delete(row.Key)
	}
	switch _, err := s.Commit(ctx, batch); {
	case errors.Is(err, ErrConflict):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return len(batch.Writes()), nil
}
